//! Encrypted datasets as users see them: without their keys what is in clear, and what to do; with them everything.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly

#[macro_use]
mod common;

use std::collections::BTreeSet;
use std::process::{Command, Output, Stdio};

use common::{Fixture, each, fixture, unpacked};
use serde_json::Value;
use sha2::{Digest, Sha256};
use zfsp::dataset::Datasets;
use zfsp::objset::ObjectSet;
use zfsp_grammar::blkptr::Pointer;
use zfsp_grammar::object_type::ObjectType;

transcripts! {
    locked_summary: "zexplore -p fixtures/encryption-mixed";
    locked_ls: "zexplore ls -l / -p fixtures/encryption-mixed";
    locked_ls_of_a_locked_root: "zexplore ls -R / -p fixtures/encryption-pool";
    locked_ls_as_json: "zexplore ls --json / -p fixtures/encryption-pool";
    locked_tree: "zexplore tree / -p fixtures/encryption-mixed";
    locked_stat: "zexplore stat /parent/plain-compression -p fixtures/encryption-mixed";
    locked_cat: "zexplore cat /parent/own-key/clone/text /clear/text --length 20 -p fixtures/encryption-mixed";
    locked_diff: "zexplore diff lab@s1 lab -p fixtures/encryption-pool";
    locked_manifest: "zexplore manifest -d lab/parent/plain-compression -p fixtures/encryption-mixed";
    locked_objects: "zexplore objset -d lab/parent/plain-compression -p fixtures/encryption-mixed";
    locked_object: "zexplore objset 2 -d lab/parent/plain-compression -p fixtures/encryption-mixed";
    locked_object_as_json: "zexplore objset 2 -P -b --json -d lab/parent/plain-compression -p fixtures/encryption-mixed";
    locked_dump: "zexplore objset 2 -d lab/parent/plain-compression --dump - -p fixtures/encryption-mixed";
    locked_userspace: "zexplore get --userspace all lab/clear lab/dedup lab/dedup@s1 -p fixtures/encryption-mixed";
    locked_verify: "zexplore verify -q -p fixtures/encryption-mixed";
    locked_block: "zexplore bp 'DVA[0]=<0:134c00:200> DVA[1]=<0:10e7a00:200> salt=35ec7115fcfa1e86 iv=662507766165ba19:8aaa6fa7 [L0 ZFS directory] fletcher4 uncompressed encrypted LE contiguous unique double size=200L/200P birth=24L/24P fill=1 cksum=0002b994ba79decc:005749b41be63120:6dc2d3dac4d9b19a:6ac948d7d16a8a35' --values -p fixtures/encryption-mixed";
    stray_of_another_sender: "zexplore keys lab/stray lab/stray/child -v -p fixtures/encryption-received --keys fixtures/encryption-received/keys.json";
    locked_content_decoded: "zfsp-decode zap -p fixtures/encryption-mixed --object 'lab/parent:#34'";

    open_summary: "zexplore -p fixtures/encryption-mixed --keys fixtures/encryption-mixed/keys.json";
    open_tree: "zexplore tree / -p fixtures/encryption-mixed --keys fixtures/encryption-mixed/keys.json";
    open_blocks: "zexplore stat -b /checksummed/tiny -p fixtures/encryption-mixed --keys fixtures/encryption-mixed/keys.json";
    open_object: "zexplore objset 34 -d lab/parent -p fixtures/encryption-mixed --keys fixtures/encryption-mixed/keys.json";
    open_diff: "zexplore diff lab@s1 lab -p fixtures/encryption-pool --keys fixtures/encryption-pool/keys.json";
    open_diff_of_an_older_state: "zexplore diff lab%30 lab --json -p fixtures/encryption-pool --keys fixtures/encryption-pool/keys.json";
    open_verify: "zexplore verify -q -p fixtures/encryption-mixed --keys fixtures/encryption-mixed/keys.json";
    open_block: "zexplore bp 'DVA[0]=<0:134c00:200> DVA[1]=<0:10e7a00:200> salt=35ec7115fcfa1e86 iv=662507766165ba19:8aaa6fa7 [L0 ZFS directory] fletcher4 uncompressed encrypted LE contiguous unique double size=200L/200P birth=24L/24P fill=1 cksum=0002b994ba79decc:005749b41be63120:6dc2d3dac4d9b19a:6ac948d7d16a8a35' --values -p fixtures/encryption-mixed --keys fixtures/encryption-mixed/keys.json";
    open_content_decoded: "zfsp-decode auto -p fixtures/encryption-mixed --keys fixtures/encryption-mixed/keys.json --object 'lab/parent:#34' --values";
    open_and_followed: "zfsp-decode dnode -p fixtures/encryption-mixed --keys fixtures/encryption-mixed/keys.json --object 'lab/parent:#34' --follow --values";
    open_log: "zexplore zil lab/fs -p fixtures/unclean-zil-encrypted --keys fixtures/unclean-zil-encrypted/keys.json";
    keys_of_another_pool: "zexplore ls / -p fixtures/encryption-pool --key tank=fixtures/encryption-pool/keys.json";
}

/// A key that is given for a dataset is that of its encryption root; the root may be another dataset.
#[test]
fn the_key_of_a_child_opens_all() {
    let keys: Value = serde_json::from_str(&fixture("encryption-pool").text("keys.json").unwrap()).unwrap();
    let line = "zexplore tree / --key lab/n1/n2=- -L 2 -p fixtures/encryption-pool";
    let out = common::transcript::transcript(line, Some(keys["lab"]["key"].as_str().unwrap().as_bytes()));
    insta::assert_snapshot!("open_with_the_key_of_a_child", out);
}

/// A block of one dataset, and the key of another.
#[test]
fn a_block_that_no_key_authenticates() {
    let keys: Value = serde_json::from_str(&fixture("encryption-mixed").text("keys.json").unwrap()).unwrap();
    let digits = keys["lab/dedup"]["key"].as_str().unwrap();
    let byte = |n| u8::from_str_radix(&digits[n..n + 2], 16).unwrap();
    let raw: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
    let line = "zexplore bp 'DVA[0]=<0:134c00:200> DVA[1]=<0:10e7a00:200> salt=35ec7115fcfa1e86 iv=662507766165ba19:8aaa6fa7 [L0 ZFS directory] fletcher4 uncompressed encrypted LE contiguous unique double size=200L/200P birth=24L/24P fill=1 cksum=0002b994ba79decc:005749b41be63120:6dc2d3dac4d9b19a:6ac948d7d16a8a35' --key lab/dedup=- -p fixtures/encryption-mixed";
    let out = common::transcript::transcript(line, Some(&raw));
    assert!(out.contains("the key that was given does not authenticate it"), "{out}");
    assert!(!out.contains("give the key"), "{out}");
}

const POOLS: [&str; 5] = [
    "encryption-formats",
    "encryption-mixed",
    "encryption-pool",
    "encryption-suites",
    "unclean-zil-encrypted",
];

fn run(program: &str, args: &[&str], fixture: &Fixture, has_keys: bool) -> Output {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null());
    for image in fixture.images() {
        command.arg("-p").arg(unpacked(&image));
    }
    if has_keys {
        command.arg("--keys").arg(fixture.folder.join("keys.json"));
    }
    command.output().unwrap()
}

fn zexplore(args: &[&str], fixture: &Fixture, has_keys: bool) -> Output {
    run(env!("CARGO_BIN_EXE_zexplore"), args, fixture, has_keys)
}

/// Files of one pool that are read one by one.
const READ: usize = 30;

#[test]
fn cat_gives_what_the_kernel_hashed() {
    each(POOLS.map(fixture).to_vec(), |fixture| {
        let truth = fixture.text("truth.jsonl").unwrap();
        let lines = truth.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let has_hash = |line: &Value| line["sha256"].is_string() && line["path"].is_string();
        let files: Vec<Value> = lines.filter(has_hash).collect();
        assert!(files.len() >= 10, "{}: {} files", fixture.name, files.len());
        for file in files.iter().step_by(files.len().div_ceil(READ)) {
            let place = format!("{}:/{}", file["dataset"].as_str().unwrap(), file["path"].as_str().unwrap());
            let Output { status, stdout, stderr } = zexplore(&["cat", &place], fixture, true);
            let hash: String = Sha256::digest(&stdout).iter().map(|byte| format!("{byte:02x}")).collect();
            if !status.success() || file["sha256"] != hash {
                return Err(format!("{}: {place}: {}", fixture.name, String::from_utf8_lossy(&stderr)));
            }
        }
        Ok(())
    });
}

/// Ciphertext of a dataset: the first bytes of blocks, and of bonuses.
fn ciphertext(set: &ObjectSet) -> BTreeSet<Vec<u8>> {
    let mut all = BTreeSet::new();
    let store = set.meta_dnode.store();
    for object in set.objects().map(Result::unwrap) {
        if object.bonustype.is_encrypted() {
            all.insert(object.bonus().0[..SAMPLE].to_vec());
        }
        for (_, pointer) in object.blocks(0).map(Result::unwrap) {
            if matches!(pointer, Pointer::Encrypted(_)) && object.r#type != ObjectType::DNODE {
                all.insert(store.stored(&pointer).unwrap().bytes[..SAMPLE].to_vec());
            }
        }
    }
    all
}

/// No two bytes of this length are the same by chance.
const SAMPLE: usize = 6;

/// Bytes as programs print them.
fn forms(sample: &[u8]) -> [Vec<u8>; 3] {
    let hex: Vec<String> = sample.iter().map(|byte| format!("{byte:02x}")).collect();
    [sample.to_vec(), hex.join(" ").into_bytes(), hex.concat().into_bytes()]
}

#[test]
fn without_keys_no_ciphertext_is_shown_as_data() {
    each(POOLS.map(fixture).to_vec(), |fixture| {
        let pool = fixture.pool();
        let datasets = Datasets::of(&pool);
        let sets = datasets.all.iter().filter_map(|set| Some((set, set.objset(&pool).ok()?)));
        let (set, objects) = sets.rev().find(|(_, objects)| objects.is_locked()).unwrap();
        let samples: Vec<Vec<u8>> = ciphertext(&objects).iter().flat_map(|sample| forms(sample)).collect();
        assert!(samples.len() > 10, "{}: {} samples", fixture.name, samples.len());
        let file = |object: &zfsp::object::Object| object.r#type == ObjectType::PLAIN_FILE_CONTENTS;
        let number = objects.objects().flatten().find(file).unwrap().at.object.to_string();
        let name = set.name.as_str();
        let (within, object) = (format!("{name}:/any"), format!("{name}:#{number}"));
        let block = format!("{object}:0");
        for args in [
            &["ls", "-lR", "/"][..],
            &["ls", name],
            &["tree", "/"],
            &["find", "/"],
            &["find", name, "--deleted"],
            &["find", name, "--nameless"],
            &["stat", "-b", name],
            &["stat", "--json", &object],
            &["cat", &within],
            &["cat", "--salvage", &object],
            &["extract", "/", "--tar"],
            &["extract", &within, "--tar"],
            &["manifest"],
            &["manifest", "--no-hash", "-d", name],
            &["diff", name, name],
            &["objset", "--everything", "--full"],
            &["objset", "--everything", "--json"],
            &["objset", &number, "-d", name, "--full"],
            &["objset", &number, "-d", name, "--dump", "-"],
            &["get", "--userspace", "all", name],
            &["ls", "/", "--replay"],
        ] {
            shows_none(fixture, args, &zexplore(args, fixture, false), &samples)?;
        }
        if fixture.name.contains("zil") {
            let args = ["zil", "-bv"];
            shows_none(fixture, &args, &zexplore(&args, fixture, false), &samples)?;
        }
        for args in [
            &["auto", "--full", "--object", &object][..],
            &["auto", "--object", &block],
            &["sa", "--object", &object],
            &["dnode", "--json", "--object", &object],
        ] {
            let output = run(env!("CARGO_BIN_EXE_zfsp-decode"), args, fixture, false);
            shows_none(fixture, args, &output, &samples)?;
        }
        Ok(())
    });
}

fn shows_none(fixture: &Fixture, args: &[&str], output: &Output, samples: &[Vec<u8>]) -> Result<(), String> {
    let Output { status, stdout, stderr } = output;
    let errors = String::from_utf8_lossy(stderr);
    let failed = |what: &str| Err(format!("{}: {}: {what}: {errors}", fixture.name, args.join(" ")));
    if status.code() != Some(3) {
        return failed(&format!("exit code {:?}", status.code()));
    }
    if !errors.contains(": locked: give the key of ") {
        return failed("nothing says what to do");
    }
    let unique: BTreeSet<&str> = errors.lines().filter(|line| line.contains(": locked: ")).collect();
    if unique.len() != errors.lines().filter(|line| line.contains(": locked: ")).count() {
        return failed("said twice");
    }
    let is_shown = |sample: &&Vec<u8>| stdout.windows(sample.len()).any(|window| window == sample.as_slice());
    match samples.iter().find(is_shown) {
        Some(sample) => failed(&format!("ciphertext: {sample:02x?}")),
        None => Ok(()),
    }
}
