//! Blocks of real pools by place, by pointer and by object: against zdb, and as a reader sees them.
#![allow(missing_docs)]
#![allow(clippy::disallowed_methods)] // images are made here, to be damaged
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly

#[macro_use]
mod common;

use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

use common::transcript::transcript;
use common::{Fixture, each, fixture, fixtures, unpacked};
use zfsp::device::Device;
use zfsp::pool::{Gathering, Options, Pool};
use zfsp::vdev::Extent;
use zfsp_grammar::notation::Notation;

fn open(fixture: &Fixture) -> Pool {
    let devices = fixture.images().iter().map(|image| Device::open(&unpacked(image)).unwrap()).collect();
    Pool::open(Gathering::of(devices), &Options::default()).unwrap()
}

/// A line of `zdb/raw/INDEX.txt`: file, vdev, offset, physical size.
fn raws(fixture: &Fixture) -> Vec<(String, u32, u64, usize)> {
    let Some(index) = fixture.text("zdb/raw/INDEX.txt") else { return Vec::new() };
    let parse = |line: &str| {
        let (file, rest) = line.split_once("  ")?;
        let (_, place) = rest.split_once("vdev:offset:psize ")?;
        let mut place = place.split_whitespace().next()?.split(':');
        let mut next = || u64::from_str_radix(place.next()?, 16).ok();
        let (vdev, offset, psize) = (next()?, next()?, next()?);
        Some((file.into(), u32::try_from(vdev).ok()?, offset, usize::try_from(psize).ok()?))
    };
    index.lines().filter_map(parse).collect()
}

#[test]
fn each_raw_block_is_what_zdb_reads() {
    each(fixtures(), |fixture| {
        let raws = raws(fixture);
        if raws.is_empty() {
            return Ok(());
        }
        let pool = open(fixture);
        let births = births(&fixture.text("zdb/pool.txt").unwrap_or_default());
        for (file, vdev, offset, size) in raws {
            let name = format!("{}/{file}", fixture.name);
            let path = fixture.folder.join("zdb/raw").join(&file);
            let wanted = Device::open(&path).unwrap().read(0, size).unwrap();
            let birth = births.get(&(vdev, offset)).copied().unwrap_or(u64::MAX);
            let extent = Extent { offset, size, birth };
            let vdevs = &pool.store.vdevs;
            let found = vdevs.read(vdev, &extent, &|_| true, &mut Vec::new());
            if found.as_ref() != Some(&wanted) {
                return Err(format!("{name}: other bytes than zdb reads"));
            }
            // the stretches of data make the same block
            if vdevs.stretches(vdev, &extent)?.iter().any(|stretch| !stretch.side.is_current) {
                continue;
            }
            let mut bytes = vec![0; size];
            for stretch in pool.store.vdevs.stretches(vdev, &extent)? {
                if stretch.role != zfsp::vdev::Role::Data || !stretch.side.is_present() {
                    continue;
                }
                let part = stretch.read().map_err(|error| format!("{name}: {error}"))?;
                let end = (stretch.block_offset + part.len()).min(size);
                bytes[stretch.block_offset..end].copy_from_slice(&part[..end - stretch.block_offset]);
            }
            if bytes != wanted {
                return Err(format!("{name}: the stretches are not the block"));
            }
        }
        Ok(())
    });
}

#[test]
fn the_program_gives_the_same_bytes() {
    for name in ["simple", "raidz2-6-ashift12", "draid1", "mirror2", "removed"] {
        let fixture = fixture(name);
        for (file, vdev, offset, size) in raws(&fixture) {
            let out = std::process::Command::new(env!("CARGO_BIN_EXE_zexplore"))
                .args(["dva", &format!("{vdev}:{offset:x}:{size:x}:r"), "-p"])
                .arg(&fixture.folder)
                .output()
                .unwrap();
            let wanted = Device::open(&fixture.folder.join("zdb/raw").join(&file)).unwrap().read(0, size);
            assert!(out.stdout == wanted.unwrap(), "{name}/{file}: {}", String::from_utf8_lossy(&out.stderr));
            assert_eq!(out.status.code(), Some(0), "{name}/{file}");
        }
    }
}

/// When blocks were written, as the rows of zdb say it.
fn births(text: &str) -> BTreeMap<(u32, u64), u64> {
    let rows = text.lines().filter(|line| line.contains(" F=") && line.contains(" B="));
    let pointers = rows.filter_map(|line| line.parse::<Notation>().ok()?.pointer.stored());
    pointers
        .flat_map(|b| {
            b.copies().map(move |dva| ((dva.vdev(), dva.offset()), b.written().0)).collect::<Vec<_>>()
        })
        .collect()
}

/// Every pointer that zdb prints for these pools is read, and says the same.
#[test]
fn pointers_as_zdb_prints_them() {
    let (mut whole, mut rows) = (0, 0);
    for fixture in fixtures() {
        let Some(text) = fixture.text("zdb/pool.txt") else { continue };
        // progress of zdb is mixed into some lines
        for line in text.lines().filter(|line| !line.contains("loading")) {
            if let Some(at) = line.find("DVA[0]=<").filter(|_| line.contains(" cksum=")) {
                let pointer = line[at..].trim();
                let read: Notation = pointer.parse().unwrap_or_else(|e| panic!("{pointer}: {e}"));
                assert!(!read.is_partial, "{pointer}");
                assert_eq!(read.pointer.to_string(), pointer);
                whole += 1;
            } else if line.contains(" F=") && line.contains(" cksum=") && line.contains(" L") {
                let read: Notation = line.parse().unwrap_or_else(|e| panic!("{line}: {e}"));
                assert!(read.is_partial, "{line}");
                let b = read.pointer.stored().unwrap();
                let sizes = format!("{:x}L/{:x}P", b.prop.lsize().bytes(), b.prop.psize().bytes());
                assert!(line.contains(&sizes), "{line}: {sizes}");
                rows += 1;
            }
        }
    }
    assert!(whole > 1000 && rows > 10_000, "{whole} pointers, {rows} rows");
}

/// Rows of objects: dataset and number, and the columns of zdb.
type Rows = BTreeMap<(String, i64), Vec<String>>;

fn zdb_rows(text: &str) -> Rows {
    let mut rows = Rows::new();
    let (mut dataset, mut lines) = (String::new(), text.lines().peekable());
    while let Some(line) = lines.next() {
        if let Some((name, _)) = line.strip_prefix("Dataset ").and_then(|rest| rest.split_once(" [")) {
            dataset = name.into();
        }
        if !line.trim_start().starts_with("Object  lvl") {
            continue;
        }
        let Some((object, mut row)) = lines.next().and_then(columns) else { continue };
        let bonus: Vec<&str> = lines.peek().map(|line| line.split_whitespace().collect()).unwrap_or_default();
        if let [len, "bonus", kind @ ..] = bonus.as_slice() {
            row.push(format!("{} {len}", kind.join(" ")));
        }
        rows.insert((dataset.clone(), object), row);
    }
    rows
}

/// Object, and the other columns; the type is the last.
fn columns(line: &str) -> Option<(i64, Vec<String>)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (object, rest) = words.split_first()?;
    let (numbers, kind) = rest.split_at_checked(7)?;
    let object = object.parse().ok().filter(|_| !kind.is_empty() && numbers[6].contains('.'))?;
    let kind = kind.join(" ");
    Some((object, numbers.iter().map(ToString::to_string).chain([kind]).collect()))
}

fn our_rows(text: &str) -> Rows {
    let mut rows = Rows::new();
    let mut dataset = String::new();
    for line in text.lines() {
        if let Some((name, _)) = line.split_once("  ").filter(|_| line.ends_with(" objects")) {
            dataset = name.into();
        }
        // the type is 28 characters wide or longer, then follows the bonus
        let head = line.get(..KIND_AT).and_then(|head| Some((head, line.get(KIND_AT..)?)));
        let Some((head, rest)) = head else { continue };
        let mut kinds = rest.split("  ").map(str::trim).filter(|kind| !kind.is_empty());
        let Some(kind) = kinds.next() else { continue };
        if let Some((object, mut row)) = columns(&format!("{head} {}", as_zdb(kind))) {
            row.extend(kinds.next().map(as_zdb));
            rows.insert((dataset.clone(), object), row);
        }
    }
    rows
}

/// Where the type starts in a row.
const KIND_AT: usize = 10 + 4 + 6 + 6 + 7 + 7 + 7 + 8 + 2;

/// zdb calls new-style types by their byte order only.
fn as_zdb(kind: &str) -> String {
    let orders = ["uint8", "uint16", "uint32", "uint64", "zap"];
    let Some(order) = orders.iter().find(|order| kind.starts_with(&format!("{order} "))) else {
        return kind.into();
    };
    let rest = kind[order.len()..].replace(" metadata", "").replace(" data", "").replace(" (encrypted)", "");
    format!("{order}{rest}")
}

/// Each object of each dataset: levels, sizes, space, fill, type and bonus are what zdb says.
#[test]
fn objects_are_what_zdb_lists() {
    let names = [
        "simple",
        "raidz1-3",
        "draid1",
        "removed",
        "gang",
        "large-dnode",
        "special-dedup",
        "pool-version-1",
        "zvol",
        "bigendian-mirror",
        "raidz-expanded",
        "log-spacemaps",
    ];
    each(names.to_vec(), |name| {
        let fixture = fixture(name);
        for image in fixture.images() {
            unpacked(&image);
        }
        let folder = unpacked(&fixture.images()[0]).parent().unwrap().to_owned();
        let out = transcript(&format!("zexplore objset -a -p '{}'", folder.display()), None);
        let (ours, zdb) = (our_rows(&out), zdb_rows(&fixture.text("zdb/pool.txt").unwrap()));
        if zdb.len() < 50 {
            return Err(format!("{name}: zdb lists only {} objects", zdb.len()));
        }
        for ((dataset, object), wanted) in &zdb {
            let found = ours.get(&(dataset.clone(), *object));
            if found != Some(wanted) {
                return Err(format!(
                    "{name}: {dataset} object {object}: zdb says {wanted:?}, found {found:?}"
                ));
            }
        }
        Ok(())
    });
}

transcripts! {
    dva_where_on_a_mirror: "zexplore dva 0:fee00:400 --where -p fixtures/mirror2";
    dva_where_on_raidz: "zexplore dva 0:4f2000:1000 --where -p fixtures/raidz2-6-ashift12";
    dva_where_on_draid: "zexplore dva 0:173400:1200 --where -p fixtures/draid1";
    dva_where_on_a_removed_vdev: "zexplore dva 1:3c400:400 --where -p fixtures/removed";
    dva_gang_header: "zexplore dva 0:37400:200:g -p fixtures/gang";
    bp_gang: "zexplore bp '0:37400:20200G 20000L/20000P F=1 B=17/17 cksum=00002f709ccd33a1:0bdb0b73683bbc78:d038620d1dabeb62:d91b7b38a1f283a1' --values -p fixtures/gang";
    dva_as_hex: "zexplore dva 0:fe400:200 -p fixtures/simple";
    dva_decompressed_by_trying: "zexplore dva 0:fee00:400:di -p fixtures/simple";
    dva_decoded: "zexplore dva 0:ff200:200 --decompress lz4:4K --as objset -p fixtures/simple";
    dva_one_pointer_as_json: "zexplore dva 0:fee00:20000/400:b80 --json -p fixtures/simple";
    dva_as_json: "zexplore dva 0:fe400:200 --json -p fixtures/simple";
    dva_one_child: "zexplore dva 0:fee00:400 --child 2 -p fixtures/raidz1-3";
    dva_no_such_side: "zexplore dva 0:fee00:400 --copy 7 -p fixtures/mirror2";
    dva_no_such_vdev: "zexplore dva 7:fee00:400 -p fixtures/mirror2";
    dva_behind_the_end: "zexplore dva 0:fee00000000:400 -p fixtures/simple";
    dva_across_the_end: "zexplore dva 0:3b80000:10000 --where -p fixtures/simple";
    dva_that_is_no_block: "zexplore dva 0:ff201:201 --where -p fixtures/simple";
    decode_by_dva_across_the_end: "zfsp-decode blkptr -p fixtures/simple --dva 0:3b80000:10000";
    dva_unknown_flag: "zexplore dva 0:fee00:400:dx -p fixtures/simple";
    bp_whole: "zexplore bp 'DVA[0]=<0:ff200:200> DVA[1]=<0:10dac00:200> DVA[2]=<0:2076400:200> [L0 DMU objset] fletcher4 lz4 unencrypted LE contiguous unique triple size=1000L/200P birth=49L/49P fill=90 cksum=0000000afa219b08:0000047b2891835d:0000ee09540d9682:00217b3dfa4f8f58' -p fixtures/simple";
    bp_row_of_zdb: "zexplore bp '0:fee00:400 20000L/400P F=90 B=49/49 cksum=000000980e032d3b:00004791d383d2c6:00143420108ba590:045b588b47a82d56' -p fixtures/simple";
    bp_as_json: "zexplore bp '0:fe000:400 0:10d9a00:400 0:2075200:400 4000L/400P F=1 B=49/49 cksum=00000038e566cd6d:00001cfefd19b296:00093d467cfaf9f1:023cb07d773e741b' --raw --json -p fixtures/simple";
    bp_encrypted: "zexplore bp '0:2e800:1800 20000L/1800P F=1 B=11/11 cksum=12a63319e622f759:15aa57cbb2425587:8374ec3e2b236b24:ffd38f849dc788d0' --values -p fixtures/encryption-suites";
    bp_raw: "zexplore bp '0:fe400:200 4000L/200P F=1 B=49/49 cksum=0000001e5ccb9163:000008ac6eef3e23:0001563089d46195:0025dfe2997e4ff0' --raw --values -p fixtures/simple";
    bp_that_is_wrong: "zexplore bp '0:fe400:200 4000L/200P F=1 B=49/49 cksum=1:2:3:4' -p fixtures/simple";
    bp_hole: "zexplore bp HOLE -p fixtures/simple";
    bp_hole_of_zeros: "zexplore bp '0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0' -p fixtures/simple";
    bp_embedded: "zexplore bp 'EMBEDDED [L0 DSL props] et=0 lz4 size=200L/2cP birth=5L' -p fixtures/simple";
    objset_encrypted: "zexplore objset 2 -d lab/aes-128-ccm -p fixtures/encryption-suites";
    objset_encrypted_directory: "zexplore objset 34 -d lab/aes-128-ccm -P -p fixtures/encryption-suites";
    objset_page_of_many: "zexplore objset --html page.html -p fixtures/simple";
    objset_help: "zexplore objset --help";
    dva_help: "zexplore dva --help";
    bp_help: "zexplore bp -h";
    objset_of_the_mos: "zexplore objset -p fixtures/simple";
    objset_as_json: "zexplore objset -d lab/n1 --json -p fixtures/simple";
    objset_one_object: "zexplore objset 32 -p fixtures/simple";
    objset_zap: "zexplore objset 1 -P -p fixtures/simple";
    objset_blocks: "zexplore objset 0 -b -p fixtures/gang";
    objset_self: "zexplore objset --self -d lab/n1@s1 -p fixtures/simple";
    objset_nvlist: "zexplore objset 61 -P -p fixtures/simple";
    objset_no_such_object: "zexplore objset 7777 -p fixtures/simple";
    objset_no_such_dataset: "zexplore objset -d lab/none -p fixtures/simple";
    objset_dump: "zexplore objset 5 -d lab --dump - -p fixtures/simple";
    decode_by_dva: "zfsp-decode auto -p fixtures/simple --dva 0:fee00:20000/400";
    decode_by_object: "zfsp-decode auto -p fixtures/simple --object 'mos:#34'";
    decode_dnode_of_object: "zfsp-decode dnode -p fixtures/simple --object 'lab/n1:#2'";
    decode_block_of_object: "zfsp-decode auto -p fixtures/simple --object 'mos:#34:0' --json";
    decode_and_follow: "zfsp-decode dnode -p fixtures/simple --object 'mos:#32' --follow";
    decode_pointer_as_zdb_prints_it: "zfsp-decode blkptr 'DVA[0]=<1:ff200:200> [L0 DMU objset] fletcher4 lz4 unencrypted LE contiguous unique single size=1000L/200P birth=49L/49P fill=90 cksum=1:2:3:4' --values";
    decode_no_pointer: "zfsp-decode blkptr 'DVA[0]=<1:ff200>'";
    decode_sixteen_bytes: "zfsp-decode dva --hex '08 00 00 00 01 00 00 00 10 80 01 00 00 00 00 00'";
    decode_no_block: "zfsp-decode auto -p fixtures/simple";
    decode_sealed_dnode: "zfsp-decode dnode -p fixtures/encryption-pool --object 'lab:#2'";
    decode_bonus: "zfsp-decode dsl-dir -p fixtures/simple --object 'mos:#35'";
    decode_bonus_of_another_kind: "zfsp-decode dsl-dataset -p fixtures/simple --object 'mos:#32'";
    decode_sealed_bonus: "zfsp-decode sa -p fixtures/encryption-pool --object 'lab:#2'";
    decode_object_without_blocks: "zfsp-decode auto -p fixtures/simple --object 'mos:#41'";
    decode_block_behind_the_last: "zfsp-decode auto -p fixtures/simple --object 'lab/n1:#34:7'";
}

/// Every object of every dataset with all parts: nothing is wrong, nothing is left unexplained.
#[test]
fn everything_of_sound_pools() {
    for name in ["gang", "block-cloning", "zvol"] {
        let out = transcript(&format!("zexplore objset --everything -p fixtures/{name}"), None);
        let end = out.lines().rev().take(12).collect::<Vec<_>>();
        assert!(end[0] == "--- exit code 0" && !out.contains("--- standard error"), "{name}: {end:#?}");
    }
}

/// Ciphertext is no corruption: whatever shows dnodes of encrypted datasets reads nothing into their bonuses.
#[test]
fn bonuses_that_are_encrypted() {
    for name in ["encryption-pool", "unclean-zil-encrypted"] {
        let out = transcript(&format!("zexplore objset --everything -p fixtures/{name}"), None);
        let (_, errors) = out.split_once("--- standard error\n").unwrap();
        let odd = |line: &&str| !line.contains(": locked: ") && !line.starts_with("---");
        assert_eq!(errors.lines().filter(odd).collect::<Vec<_>>(), Vec::<&str>::new(), "{name}");
    }
    let out = transcript("zexplore objset 0 -P -d lab -p fixtures/encryption-pool", None);
    assert!(out.ends_with("--- exit code 3\n"));
    let (_, errors) = out.split_once("--- standard error\n").unwrap();
    assert_eq!(errors.lines().count(), 2, "{errors}");
}

/// A copy of a fixture with bytes of its devices overwritten: `(image, offset, length)`.
#[allow(clippy::disallowed_methods)] // a copy is damaged
fn damaged(name: &str, places: &[(&str, u64, usize)]) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for image in fixture(name).images() {
        let file = unpacked(&image);
        let to: PathBuf = folder.path().join(file.file_name().unwrap());
        std::fs::copy(&file, &to).unwrap();
        let mut to = std::fs::OpenOptions::new().write(true).open(&to).unwrap();
        for (_, at, len) in places.iter().filter(|(image, ..)| file.ends_with(image)) {
            to.seek(SeekFrom::Start(*at)).unwrap();
            to.write_all(&vec![0x5a; *len]).unwrap();
        }
    }
    let path = folder.path().to_str().unwrap().to_owned();
    (folder, path)
}

fn damaged_transcript(fixture: &str, places: &[(&str, u64, usize)], line: &str) -> String {
    let (_folder, path) = damaged(fixture, places);
    transcript(&format!("{line} -p {path}"), None).replace(&path, "DAMAGED")
}

#[test]
fn sides_of_a_mirror_that_differ() {
    let places = [("d2.img", 0x4f_ee00, 16)];
    let line = "zexplore dva 0:fee00:400";
    insta::assert_snapshot!("sides_that_differ", damaged_transcript("mirror2", &places, line));
    let line = "zexplore dva 0:fee00:400 --copy 1";
    insta::assert_snapshot!("one_side", damaged_transcript("mirror2", &places, line));
}

#[test]
fn copies_that_are_wrong() {
    let places = [("d1.img", 0x4f_f200, 16), ("d1.img", 0x14d_ac00, 16)];
    let line = "zexplore bp 'DVA[0]=<0:ff200:200> DVA[1]=<0:10dac00:200> DVA[2]=<0:2076400:200> [L0 DMU objset] \
        fletcher4 lz4 unencrypted LE contiguous unique triple size=1000L/200P birth=49L/49P fill=90 \
        cksum=0000000afa219b08:0000047b2891835d:0000ee09540d9682:00217b3dfa4f8f58' --values";
    insta::assert_snapshot!("copies_that_are_wrong", damaged_transcript("simple", &places, line));
}

/// One of the blocks of dnodes is lost with all its copies: the other objects are listed.
#[test]
fn objects_beside_lost_ones() {
    let places = [("d1.img", 0x50_1c00, 512), ("d1.img", 0x14d_d600, 512), ("d1.img", 0x247_8e00, 512)];
    let line = "zexplore objset";
    insta::assert_snapshot!("objects_beside_lost_ones", damaged_transcript("simple", &places, line));
}
