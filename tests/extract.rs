//! What is extracted is what the kernel showed, in all that the host can hold; the rest is named.
#![cfg(unix)]
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers
#![allow(clippy::disallowed_methods)] // what was extracted is read

#[macro_use]
mod common;
#[path = "extract/host.rs"]
mod host;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::forge::{Forge, micro_zap};
use common::image::{Image, Saved};
use common::program::{Run, zexplore};
use common::transcript::transcript_in;
use common::{Fixture, each, fixture};
use host::{Limits, Wanted, compare, wanted};
use serde_json::Value;
use tempfile::TempDir;
use zfsp::dataset::Datasets;
use zfsp::fs::FileSystem;
use zfsp::pool::Pool;
use zfsp_grammar::blkptr::Pointer;
use zfsp_grammar::label::DATA_AT;

/// Pools with all that file systems can have.
const POOLS: [&str; 22] = [
    "simple",
    "names",
    "acls",
    "xattr",
    "bigdir",
    "bigfile",
    "longname",
    "zvol",
    "zpl-versions",
    "pool-version-1",
    "quotas",
    "embedded",
    "recordsize-all",
    "errlog",
    "large-dnode",
    "large-microzap",
    "compress-all",
    "raidz1-stale",
    "encryption-mixed",
    "redaction",
    "block-cloning",
    "upgraded-pool",
];

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// Extracts a place; returns what was said, and the lines of the sidecar.
fn extract(place: &str, dest: &Path, more: &[&str], images: &[PathBuf]) -> (Run, Limits) {
    let args = [&["extract", "--json", place, dest.to_str().unwrap()][..], more].concat();
    let run = zexplore(&args, images).unwrap();
    (run, Limits::read(&sidecar(dest)))
}

fn sidecar(dest: &Path) -> PathBuf {
    let mut name = dest.file_name().unwrap().to_os_string();
    name.push(".sidecar.jsonl");
    dest.with_file_name(name)
}

fn images(fixture: &Fixture) -> Vec<PathBuf> {
    fixture.images().iter().map(|image| common::unpacked(image)).collect()
}

/// What the kernel said of a fixture, by path; what is sealed, and what is in snapshots, is left out.
fn truth(fixture: &Fixture) -> BTreeMap<Vec<u8>, Wanted> {
    wanted(&fixture.text("truth.jsonl").unwrap(), "", fixture.pool().name.as_str())
}

/// Datasets of `encryption-mixed` that are lost to who has no key.
const SEALED: [&str; 6] =
    ["checksummed", "dedup", "parent/own-key/clone", "parent/own-key", "parent/plain-compression", "parent"];

#[test]
fn each_file_is_what_the_kernel_showed() {
    let compared = std::sync::atomic::AtomicUsize::new(0);
    each(POOLS.map(fixture).to_vec(), |fixture| {
        let (folder, truth) = (folder(), truth(fixture));
        let dest = folder.path().join("out");
        let (run, limits) = extract("/", &dest, &[], &images(fixture));
        let there = |path: &&Vec<u8>| dest.join(OsStr::from_bytes(path)).symlink_metadata().is_ok();
        compared.fetch_add(truth.keys().filter(there).count(), std::sync::atomic::Ordering::Relaxed);
        let lost = limits.lost();
        let is_expected = match fixture.name.as_str() {
            // this one is damaged
            "errlog" => lost == ["fs/damaged: content 16384+16384"],
            // there is no key
            "encryption-mixed" => lost == SEALED.map(|name| format!("{name}: dataset null+null")),
            _ => lost.is_empty(),
        };
        if !is_expected {
            return Err(format!("{}: lost: {lost:?}", fixture.name));
        }
        let expected = if limits.is_damage() { 3 } else { 0 };
        if run.code != expected {
            return Err(format!("{}: exit code {}: {}", fixture.name, run.code, run.errors));
        }
        compare(&dest, &truth, &limits).map_err(|why| format!("{}: {why}", fixture.name))
    });
    let compared = compared.into_inner();
    assert!(compared > 20_000, "{compared} files");
}

/// Pools whose files are encrypted.
const ENCRYPTED: [&str; 5] = [
    "encryption-formats",
    "encryption-mixed",
    "encryption-pool",
    "encryption-suites",
    "unclean-zil-encrypted",
];

#[test]
fn each_file_of_encrypted_pools_is_what_the_kernel_showed() {
    each(ENCRYPTED.map(fixture).to_vec(), |fixture| {
        let (folder, truth) = (folder(), truth(fixture));
        let dest = folder.path().join("out");
        let keys = fixture.folder.join("keys.json");
        let (run, limits) = extract("/", &dest, &["--keys", keys.to_str().unwrap()], &images(fixture));
        let expected = if limits.is_damage() { 3 } else { 0 };
        if run.code != expected || !limits.lost().is_empty() {
            return Err(format!("{}: exit code {}: {}", fixture.name, run.code, run.errors));
        }
        compare(&dest, &truth, &limits).map_err(|why| format!("{}: {why}", fixture.name))
    });
}

#[test]
fn each_file_is_what_the_kernel_showed_when_tar_unpacks_it() {
    each(POOLS.map(fixture).to_vec(), |fixture| {
        let (folder, truth) = (folder(), truth(fixture));
        let (direct, dest) = (folder.path().join("direct"), folder.path().join("out"));
        let (archive, notes) = (folder.path().join("x.tar"), folder.path().join("notes"));
        // the same host has the same limits
        let (_, mut limits) = extract("/", &direct, &[], &images(fixture));
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let run = zexplore(
            &["extract", "/", "--tar", &text(&archive), "--sidecar", &text(&notes)],
            &images(fixture),
        )?;
        limits.add(Limits::read(&notes));
        limits.is_tar = true;
        if ![0, 3].contains(&run.code) {
            return Err(format!("{}: {}", fixture.name, run.errors));
        }
        std::fs::create_dir(&dest).unwrap();
        // tar says what it cannot hold, too
        host::untar(&archive, &dest);
        compare(&dest, &truth, &limits).map_err(|why| format!("{}: tar: {why}", fixture.name))
    });
}

#[test]
fn snapshots_files_objects_and_volumes_alone() {
    let folder = folder();
    let simple = fixture("simple");
    let text = simple.text("truth.jsonl").unwrap();
    let dest = folder.path().join("snapshot");
    let (_, limits) = extract("/n1@s1", &dest, &[], &images(&simple));
    compare(&dest, &wanted(&text, "", "lab/n1@s1"), &limits).unwrap();

    let all = wanted(&text, "", "lab");
    let hundred = &all[&b"hundred"[..]];
    let dest = folder.path().join("one");
    extract("/hundred", &dest, &[], &images(&simple));
    assert_eq!(hundred.sha256(), host::sha256(&dest));
    // into a folder, by its own name
    extract("/hundred", folder.path(), &[], &images(&simple));
    assert_eq!(hundred.sha256(), host::sha256(&folder.path().join("hundred")));
    let number = hundred.line["ino"].as_u64().unwrap();
    let dest = folder.path().join("by-number");
    extract(&format!("lab:#{number}"), &dest, &[], &images(&simple));
    assert_eq!(hundred.sha256(), host::sha256(&dest));
    // however its name ends
    for place in ["/hundred/", "lab:/hundred/.", "/hundred/./", "//hundred//"] {
        let into = self::folder();
        extract(place, into.path(), &[], &images(&simple));
        let names: Vec<_> =
            std::fs::read_dir(into.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["hundred"], "{place}");
    }
    // nothing else is left behind
    let mut names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.retain(|name| !name.to_str().unwrap().ends_with(".jsonl"));
    names.sort();
    assert_eq!(names, ["by-number", "hundred", "one", "snapshot"]);

    let zvol = fixture("zvol");
    let dest = folder.path().join("volume");
    extract("lab/v4K", &dest, &[], &images(&zvol));
    let volumes = wanted(&zvol.text("truth.jsonl").unwrap(), "", "lab");
    assert_eq!(volumes[&b"v4K"[..]].sha256(), host::sha256(&dest));
}

/// Overwrites every copy of a block on a single disk.
fn lose(image: &mut Image, pointer: &Pointer) {
    for dva in pointer.stored().unwrap().copies() {
        image.write(DATA_AT + dva.offset(), &[0xa5; 512]);
    }
}

fn files(pool: &Pool, name: &str) -> FileSystem {
    FileSystem::open(Datasets::of(pool).find(name).unwrap().objset(pool).unwrap()).unwrap()
}

/// Extracts a damaged pool: all that is not named is what it was. Returns what is said of the loss.
fn damaged(name: &str, dataset: &str, damage: impl FnOnce(&FileSystem) -> Pointer) -> Limits {
    let whole = fixture(name);
    let mut copies = whole.copies();
    let pointer = damage(&files(&whole.pool(), dataset));
    lose(&mut copies[0], &pointer);
    let saved = Saved::new(&copies);
    let folder = folder();
    let (dest, archive) = (folder.path().join("out"), folder.path().join("x.tar"));
    let (run, limits) = extract("/", &dest, &[], &saved.paths);
    assert_eq!(run.code, 3, "{}", run.errors);
    compare(&dest, &truth(&whole), &limits).unwrap();
    // the same as an archive
    let (notes, unpacked) = (folder.path().join("notes"), folder.path().join("unpacked"));
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let run = zexplore(&["extract", "/", "--tar", &text(&archive), "--sidecar", &text(&notes)], &saved.paths)
        .unwrap();
    assert_eq!(run.code, 3, "{}", run.errors);
    std::fs::create_dir(&unpacked).unwrap();
    host::untar(&archive, &unpacked);
    let mut all = Limits::read(&notes);
    assert_eq!(all.lost(), limits.lost(), "as an archive, and directly");
    all.add(Limits::read(&sidecar(&dest)));
    all.is_tar = true;
    compare(&unpacked, &truth(&whole), &all).unwrap();
    limits
}

#[test]
fn a_lost_data_block_is_zeros() {
    let block = |fs: &FileSystem| {
        let inode = fs.find(b"/hundred").unwrap();
        inode.object().unwrap().pointer(0).unwrap()
    };
    let lost = damaged("simple", "lab", block).lost();
    assert!(lost.iter().any(|line| line.starts_with("hundred: content 0+")), "{lost:?}");
}

#[test]
fn a_lost_block_of_pointers_is_a_hole() {
    let block = |fs: &FileSystem| {
        let all = fs.root().unwrap().walk().filter_map(|visit| visit.inode().cloned());
        let object = all
            .filter(|inode| inode.kind().0 == 8 && inode.attributes.size < 1 << 30)
            .map(|inode| inode.object().unwrap().clone())
            .find(|object| object.levels > 2);
        let object = object.expect("a file of many levels");
        // a block of pointers in the middle
        let blocks = object.tree().map(|(block, _)| block).filter(|block| block.level == 1);
        blocks.skip(1).map(|block| block.pointer).next().unwrap()
    };
    let lost = damaged("bigfile", "lab/r512", block).lost();
    assert_eq!(lost.len(), 1, "{lost:?}");
    assert!(lost[0].contains(": content "), "{lost:?}");
}

#[test]
fn a_lost_part_of_a_directory_leaves_the_rest() {
    let block = |fs: &FileSystem| {
        let all = fs.root().unwrap().walk().filter_map(|visit| visit.inode().cloned());
        let object = all
            .filter(|inode| inode.is_directory())
            .map(|inode| inode.object().unwrap().clone())
            .find(|object| object.maxblkid > 8)
            .unwrap();
        object.pointer(object.maxblkid).unwrap()
    };
    let limits = damaged("bigdir", "lab", block);
    assert!(limits.lost().iter().any(|line| line.contains(": entries")), "{:?}", limits.lost());
}

#[test]
fn a_lost_spill_block_leaves_the_file() {
    let pool = fixture("xattr").pool();
    let datasets = Datasets::of(&pool);
    let with_spill = |name: &str| {
        let fs = files(&pool, name);
        fs.root().ok()?.walk().find_map(|visit| visit.inode()?.object()?.spill)
    };
    let names = datasets.all.iter().filter(|set| !set.is_hidden && !set.is_snapshot());
    let (name, spill) =
        names.filter_map(|set| Some((set.name.clone(), with_spill(&set.name)?))).next().unwrap();
    let lost = damaged("xattr", &name, |_| spill).lost();
    assert!(lost.iter().any(|line| line.contains(": attributes")), "{lost:?}");
}

#[test]
fn names_cannot_lead_out() {
    let mut forge = Forge::of("simple");
    let fs = files(&forge.pool, "lab");
    let (objset, root) = (fs.set().id, fs.root().unwrap().number);
    let number = |path: &[u8]| fs.find(path).unwrap().number;
    let (file, link) = (number(b"/hundred") | 8 << 60, number(b"/link-long") | 10 << 60);
    let directory = fs.root().unwrap().walk().filter_map(|v| v.inode().cloned()).skip(1);
    let directory = directory.filter(|inode| inode.is_directory()).map(|inode| inode.number).next().unwrap();
    let directory = directory | 4 << 60;
    let zap = micro_zap(&[
        ("..", file),
        (".", file),
        ("../escaped", file),
        ("/escaped", file),
        ("a/../../escaped", file),
        ("a", directory),
        ("a/b", file),
        ("good", file),
        // first a link, then a directory: what is in it must not go where the link leads
        ("twice", link),
        ("twice", directory),
        (".zexplore-partial", file),
    ]);
    forge.content(objset, root, &zap);
    let folder = folder();
    let dest = folder.path().join("out");
    let (run, limits) = extract("lab:/", &dest, &[], &forge.saved.paths);
    assert_eq!(run.code, 3, "{}", run.errors);
    for name in ["..", ".", "../escaped", "/escaped", "a/../../escaped", "a/b", ".zexplore-partial"] {
        assert!(limits.refused(name.as_bytes(), "name"), "{name}: {}", run.errors);
    }
    let names = |path: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(path).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(folder.path()), ["out", "out.sidecar.jsonl"]);
    assert_eq!(names(&dest), ["a", "good", "twice"]);
    let archive = folder.path().join("x.tar");
    zexplore(&["extract", "lab:/", "--tar", archive.to_str().unwrap()], &forge.saved.paths).unwrap();
    let listed = Command::new("tar").arg("-tf").arg(&archive).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(!listed.lines().any(|line| line.starts_with('/') || line.contains("..")), "{listed}");
}

#[test]
fn links_in_the_way_are_not_followed() {
    let folder = folder();
    let (dest, outside) = (folder.path().join("out"), folder.path().join("outside"));
    let simple = fixture("simple");
    let truth = truth(&simple);
    let of = |kind: &str| {
        let top = truth.iter().filter(|(path, _)| !path.is_empty() && !path.contains(&b'/'));
        let found = top.filter(|(_, wanted)| wanted.line["type"] == kind).map(|(path, _)| path.clone());
        let name = found.clone().next_back().unwrap();
        OsStr::from_bytes(&name).to_owned()
    };
    std::fs::create_dir_all(&dest).unwrap();
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("file"), "precious").unwrap();
    symlink(&outside, dest.join(of("dir"))).unwrap();
    symlink(outside.join("file"), dest.join(of("file"))).unwrap();
    symlink(&outside, dest.join(".zexplore-partial")).unwrap();
    let args = ["extract", "/", dest.to_str().unwrap()];
    // it is not empty
    let run = zexplore(&args, &images(&simple)).unwrap();
    assert!(run.code == 1 && run.errors.contains("--overwrite"), "{}", run.errors);
    std::fs::remove_file(dest.join(".zexplore-partial")).unwrap();
    let (_, limits) = extract("/", &dest, &["--overwrite"], &images(&simple));
    compare(&dest, &truth, &limits).unwrap();
    assert_eq!(std::fs::read(outside.join("file")).unwrap(), b"precious");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
}

#[test]
fn the_first_of_two_files_of_a_name_stays() {
    let mut forge = Forge::of("simple");
    let fs = files(&forge.pool, "lab");
    let (objset, root) = (fs.set().id, fs.root().unwrap().number);
    let all = fs.root().unwrap().walk().filter_map(|visit| visit.inode().cloned());
    let all = all.filter(|inode| inode.kind().0 == 8 && inode.attributes.links == 1);
    let [one, other]: [u64; 2] =
        all.map(|inode| inode.number | 8 << 60).take(2).collect::<Vec<_>>().try_into().unwrap();
    forge.content(objset, root, &micro_zap(&[("same", one), ("same", other)]));
    let folder = folder();
    let dest = folder.path().join("out");
    let (run, limits) = extract("lab:/", &dest, &[], &forge.saved.paths);
    assert!(run.code == 3 && limits.refused(b"same", "name"), "{}", run.errors);
    let first = std::fs::metadata(dest.join("same")).unwrap();
    assert_eq!(first.mtime() as u64, fs.inode(one & !(15 << 60)).unwrap().attributes.mtime.sec.0);
    assert_eq!(host::count(&dest), 1);
}

/// The names of all files of a file system while they are made.
fn foreseen(fs: &FileSystem) -> Vec<String> {
    let all = fs.root().unwrap().walk().filter_map(|visit| visit.inode().cloned());
    let keys = all.map(|inode| format!("{}-{}", fs.set().id, inode.number));
    keys.flat_map(|key| [format!("{key}.part"), format!("{key}.link")]).collect()
}

#[test]
fn links_with_names_that_can_be_foreseen_are_not_followed() {
    let folder = folder();
    let (dest, precious) = (folder.path().join("out"), folder.path().join("precious"));
    let simple = fixture("simple");
    let (truth, partial) = (truth(&simple), dest.join(".zexplore-partial"));
    std::fs::write(&precious, "precious").unwrap();
    let names = foreseen(&files(&simple.pool(), "lab"));
    assert!(names.len() > 200, "{} names", names.len());
    let plant = |names: &[String]| {
        for name in names {
            let _ = std::fs::remove_file(partial.join(name));
            symlink(&precious, partial.join(name)).unwrap();
        }
    };
    let untouched = || {
        assert_eq!(std::fs::read(&precious).unwrap(), b"precious");
        assert!(!partial.exists());
    };
    // where an interrupted run is taken up
    interrupted(&dest, 1024, &images(&simple));
    plant(&names);
    let (run, limits) = extract("/", &dest, &[], &images(&simple));
    assert!(run.errors.contains("taken up"), "{}", run.errors);
    compare(&dest, &truth, &limits).unwrap();
    untouched();
    // where all is written over
    std::fs::create_dir(&partial).unwrap();
    plant(&names);
    plant(&["source".into()]);
    let (_, limits) = extract("/", &dest, &["--overwrite"], &images(&simple));
    compare(&dest, &truth, &limits).unwrap();
    untouched();
}

/// Starts to extract all; the first file of more blocks of 512 bytes ends the run, whatever it is doing.
fn interrupted(dest: &Path, blocks: u32, images: &[PathBuf]) {
    let script = format!("ulimit -c 0; ulimit -f {blocks}; umask 0; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_zexplore"), "extract", "/"]).arg(dest).arg("-p");
    let output = command.args(images).output().unwrap();
    assert_eq!(output.status.code(), None, "{}", String::from_utf8_lossy(&output.stderr));
    assert!(dest.join(".zexplore-partial/source").exists());
}

#[test]
fn an_interrupted_run_is_taken_up() {
    let folder = folder();
    let dest = folder.path().join("out");
    let simple = fixture("simple");
    let images = images(&simple);
    interrupted(&dest, 1024, &images);
    // something else would not be mixed into it
    let other = zexplore(&["extract", "/n1", dest.to_str().unwrap()], &images).unwrap();
    assert!(other.code == 1 && other.errors.contains("interrupted run"), "{}", other.errors);
    let before = host::count(&dest);
    let (run, limits) = extract("/", &dest, &[], &images);
    let summary: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    assert!(before > 100 && summary["skipped"].as_u64().unwrap() > 50, "{before} files, {}", run.out);
    compare(&dest, &truth(&simple), &limits).unwrap();
}

#[test]
fn what_is_made_is_for_nobody_else_until_it_is_whole() {
    let folder = folder();
    let dest = folder.path().join("out");
    let simple = fixture("simple");
    interrupted(&dest, 1024, &images(&simple));
    let partial = std::fs::symlink_metadata(dest.join(".zexplore-partial")).unwrap();
    assert_eq!(partial.permissions().mode() & 0o777, 0o700);
    assert!(!partial.file_type().is_socket() && partial.is_dir() && partial.nlink() > 0);
    let mut seen = 0;
    for entry in std::fs::read_dir(dest.join(".zexplore-partial")).unwrap().map(Result::unwrap) {
        let name = entry.file_name();
        if name.as_bytes().ends_with(b".part") {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name:?}");
            seen += 1;
        }
    }
    assert!(seen > 0, "no file was being made");
}

/// The lines of a sidecar.
fn notes(sidecar: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(sidecar).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_sidecar_takes_the_place_of_nothing() {
    let folder = folder();
    let [dest, archive, precious, link, nowhere] =
        ["out", "x.tar", "precious", "link", "nowhere"].map(|name| folder.path().join(name));
    let errlog = images(&fixture("errlog"));
    let run = |args: &[&Path], more: &[&str]| {
        let args = args.iter().map(|path| path.to_str().unwrap());
        let args: Vec<&str> = ["extract", "/"].into_iter().chain(args).chain(more.iter().copied()).collect();
        zexplore(&args, &errlog).unwrap()
    };
    let (tar, option) = (Path::new("--tar"), Path::new("--sidecar"));
    let refused = |run: Run, why: &str| assert!(run.code == 1 && run.errors.contains(why), "{}", run.errors);
    std::fs::write(&precious, "precious").unwrap();
    symlink(&nowhere, &link).unwrap();
    // twice: the first run has left nothing that a second one could take up
    for _ in 0..2 {
        refused(run(&[&dest, option, &precious], &[]), "precious exists");
        refused(run(&[&dest, option, &link], &[]), "link exists");
    }
    refused(run(&[tar, &archive, option, &precious], &[]), "precious exists");
    refused(run(&[tar, &archive, option, &link], &[]), "link exists");
    refused(run(&[&dest, option, &link], &["--overwrite"]), "no regular file");
    refused(run(&[&dest], &["--sidecar", "/dev/null", "--overwrite"]), "no regular file");
    assert_eq!(std::fs::read(&precious).unwrap(), b"precious");
    assert!(!nowhere.exists() && link.is_symlink() && !archive.exists());
    assert_eq!(std::fs::read_dir(&dest).unwrap().count(), 0);
    // its usual name, which anyone can foresee
    symlink(&precious, sidecar(&dest)).unwrap();
    refused(run(&[&dest], &[]), "out.sidecar.jsonl exists");
    interrupted_before(&dest, &errlog);
    refused(run(&[&dest], &[]), "out.sidecar.jsonl: ");
    assert_eq!(std::fs::read(&precious).unwrap(), b"precious");
    // another name of the same file is no longer one
    std::fs::remove_file(sidecar(&dest)).unwrap();
    std::fs::hard_link(&precious, sidecar(&dest)).unwrap();
    assert_eq!(run(&[&dest], &["--overwrite"]).code, 3);
    assert_eq!(notes(&sidecar(&dest)).len(), 1);
    assert_eq!(std::fs::read(&precious).unwrap(), b"precious");
}

/// What a run leaves that was interrupted at once.
fn interrupted_before(dest: &Path, images: &[PathBuf]) {
    let aside = folder();
    interrupted(&aside.path().join("x"), 8, images);
    std::fs::rename(aside.path().join("x/.zexplore-partial"), dest.join(".zexplore-partial")).unwrap();
}

#[test]
fn half_a_line_of_the_sidecar_stays_alone() {
    let folder = folder();
    let dest = folder.path().join("out");
    let errlog = images(&fixture("errlog"));
    std::fs::create_dir(&dest).unwrap();
    interrupted_before(&dest, &errlog);
    let half = "{\"kind\":\"lost\",\"path\":\"fs/da";
    std::fs::write(sidecar(&dest), half).unwrap();
    let run = zexplore(&["extract", "/", dest.to_str().unwrap()], &errlog).unwrap();
    assert!(run.code == 3 && run.errors.contains("taken up"), "{}", run.errors);
    let text = std::fs::read_to_string(sidecar(&dest)).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    assert_eq!(first, half);
    let lost: Value = serde_json::from_str(rest.trim_end()).unwrap();
    assert_eq!((&lost["kind"], &lost["path"]), (&"lost".into(), &"fs/damaged".into()));
}

#[test]
fn without_owners_nothing_is_set_that_the_kernel_believes() {
    let mut forge = Forge::of("xattr");
    let datasets = Datasets::of(&forge.pool);
    let with_files = |name: &str| {
        let fs = files(&forge.pool, name);
        let inode = fs.root().ok()?.walk().find_map(|visit| {
            let inode = visit.inode()?;
            (!inode.is_directory() && inode.attributes.xattr != 0).then(|| inode.clone())
        })?;
        let directory = inode.attributes.xattr;
        let value = fs.inode(directory).unwrap().directory().entries().next()?.unwrap().object;
        Some((fs.set().id, directory, value | 8 << 60, inode.number))
    };
    let names = datasets.all.iter().filter(|set| !set.is_hidden && !set.is_snapshot());
    let (name, (objset, directory, value, number)) =
        names.filter_map(|set| Some((set.name.clone(), with_files(&set.name)?))).next().unwrap();
    let all = ["security.capability", "security.other", "trusted.x", "user.mine"];
    forge.content(objset, directory, &micro_zap(&all.map(|name| (name, value))));
    let folder = folder();
    let extract = |dest: &str, option: &str| {
        let dest = folder.path().join(dest);
        let run = zexplore(
            &["extract", &format!("{name}:#{number}"), dest.to_str().unwrap(), option],
            &forge.saved.paths,
        );
        let mut notes = if sidecar(&dest).exists() { notes(&sidecar(&dest)) } else { Vec::new() };
        notes.retain(|note| note["what"] == "xattr" && note["kind"] == "only-here");
        (run.unwrap(), dest, notes)
    };
    let (run, dest, told) = extract("file", "--no-owners");
    let told: Vec<&str> = told.iter().map(|note| note["values"][0].as_str().unwrap()).collect();
    let told_names: Vec<&str> = told.iter().map(|value| value.split_once("=0s").unwrap().0).collect();
    assert_eq!(told_names, all[..3], "{}", run.errors);
    assert!(!run.errors.contains("security.") && !run.errors.contains("trusted."), "{}", run.errors);
    let value = |dest: &Path, name: &str| {
        let mut value = vec![0; 1 << 16];
        let len = rustix::fs::lgetxattr(dest, name, &mut value[..]).ok()?;
        Some(value[..len].to_vec())
    };
    for name in &all[..3] {
        assert_eq!(value(&dest, name), None, "{name}");
    }
    // with owners they are set, or the host refuses them
    let (run, dest, told) = extract("kept", "--owners");
    assert!(told.is_empty(), "{told:?}");
    for name in &all {
        assert!(value(&dest, name).is_some() || run.errors.contains(name), "{name}: {}", run.errors);
    }
}

#[test]
fn what_the_intent_log_has_is_extracted() {
    let folder = folder();
    let zil = fixture("unclean-zil");
    let [before, after] = ["before", "after"].map(|name| folder.path().join(name));
    extract("/", &before, &[], &images(&zil));
    assert!(!before.join("fs/z-created").exists() && before.join("fs/base-removed").exists());
    let (run, limits) = extract("/", &after, &["--replay"], &images(&zil));
    assert!(!after.join("fs/base-removed").exists(), "{}", run.errors);
    assert_eq!(std::fs::metadata(after.join("fs/z-created")).unwrap().len(), 8);
    let mut replayed = wanted(&zil.text("truth-replayed.jsonl").unwrap(), "", "lab");
    // the kernel has replayed it at another time: names and contents are the same
    assert!(limits.lost().is_empty(), "{:?}", limits.lost());
    // only root makes devices
    replayed.retain(|path, _| !limits.refused(path, "file"));
    assert!(replayed.len() > 25);
    assert_eq!(host::count(&after), replayed.len() - 1, "all but the root");
    for (path, wanted) in &replayed {
        let at = after.join(OsStr::from_bytes(path));
        let kind = at.symlink_metadata().unwrap().file_type();
        if kind.is_file() {
            assert_eq!(host::sha256(&at), wanted.sha256(), "{at:?}");
        }
    }
}

#[test]
fn an_interrupted_archive_is_told_as_such() {
    use std::io::Read;
    let mut command = Command::new(env!("CARGO_BIN_EXE_zexplore"));
    command.args(["extract", "/", "--tar", "-p"]).args(images(&fixture("simple")));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    // now it waits until someone reads on
    out.read_exact(&mut [0; 512]).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT)
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    std::io::copy(&mut out, &mut std::io::sink()).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("interrupted: the archive is not complete"), "{errors}");
    assert_eq!(output.status.code(), Some(1), "{errors}");
}

/// A command line, and what it says, in a folder with the fixtures.
fn said(name: &str, lines: &[&str]) {
    let folder = folder();
    symlink(common::root(), folder.path().join("fixtures")).unwrap();
    let all: Vec<String> = lines.iter().map(|line| transcript_in(folder.path(), line, None)).collect();
    insta::assert_snapshot!(name, all.join("\n"));
}

#[test]
fn help() {
    said("extract_help", &["zexplore extract --help"]);
}

#[test]
fn what_people_see() {
    said(
        "extract",
        &[
            "zexplore extract / rescued -p fixtures/errlog --no-owners",
            "zexplore extract / rescued -p fixtures/errlog --no-owners",
            "zexplore extract / rescued -p fixtures/errlog --no-owners --overwrite -v",
            "zexplore extract lab/v4K volume -p fixtures/zvol --no-owners --json",
            "zexplore extract lab/v4K volume -p fixtures/zvol",
            "zexplore extract /nothing there -p fixtures/errlog",
            "zexplore extract / -p fixtures/errlog",
            "zexplore extract / --tar errlog.tar -p fixtures/errlog",
        ],
    );
}

/// Whatever output is asked for: what is read is not written to.
#[test]
fn evidence_is_never_an_output() {
    let saved = Saved::new(&fixture("simple").copies());
    let image = saved.paths[0].to_str().unwrap();
    let before = std::fs::read(image).unwrap();
    for args in [
        &["extract", "/n1", "--tar", image, "--overwrite"][..],
        &["extract", "/n1", "--tar", image],
        &["extract", "/hundred", image, "--overwrite"],
        &["extract", "/n1", image, "--overwrite"],
        &["objset", "5", "-d", "lab", "--dump", image],
    ] {
        let run = zexplore(args, &saved.paths).unwrap();
        assert_eq!(run.code, 1, "{args:?}: {}", run.errors);
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let dest = folder.path().join("out");
    let run = zexplore(
        &["extract", "/n1", dest.to_str().unwrap(), "--sidecar", image, "--overwrite"],
        &saved.paths,
    );
    assert_ne!(run.unwrap().code, 0);
    assert!(std::fs::read(image).unwrap() == before);
}
