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
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use common::forge::{Forge, micro_zap};
use common::image::{Image, Saved};
use common::program::{Run, zexplore};
use common::transcript::transcript_in;
use common::{Fixture, each, fixture};
use host::{Limits, Wanted, compare, wanted};
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

#[test]
fn each_file_is_what_the_kernel_showed() {
    let checked = std::sync::atomic::AtomicUsize::new(0);
    each(POOLS.map(fixture).to_vec(), |fixture| {
        let (folder, truth) = (folder(), truth(fixture));
        let dest = folder.path().join("out");
        let (run, limits) = extract("/", &dest, &[], &images(fixture));
        checked.fetch_add(truth.len(), std::sync::atomic::Ordering::Relaxed);
        let expected = if limits.is_damage() { 3 } else { 0 };
        if run.code != expected {
            return Err(format!("{}: exit code {}: {}", fixture.name, run.code, run.errors));
        }
        compare(&dest, &truth, &limits).map_err(|why| format!("{}: {why}", fixture.name))
    });
    assert!(checked.into_inner() > 20_000);
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
        std::ffi::OsStr::from_bytes(&name).to_owned()
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
    // the links of an attacker who can foresee the names of what is being made
    let (run, _) = extract("/", &dest, &["--overwrite"], &images(&simple));
    assert!(!run.errors.contains("exists"), "{}", run.errors);
}

#[test]
fn an_interrupted_run_is_taken_up() {
    let folder = folder();
    let dest = folder.path().join("out");
    let simple = fixture("simple");
    let images = images(&simple);
    // the first large file ends the run, whatever it is doing
    let script = "ulimit -c 0; ulimit -f 1024; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_zexplore"), "extract", "/"]).arg(&dest).arg("-p");
    let output = command.args(&images).output().unwrap();
    assert_eq!(output.status.code(), None, "{}", String::from_utf8_lossy(&output.stderr));
    assert!(dest.join(".zexplore-partial/source").exists());
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
    let script = "ulimit -c 0; ulimit -f 1024; umask 0; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_zexplore"), "extract", "/"]).arg(&dest).arg("-p");
    command.args(images(&simple)).output().unwrap();
    let partial = std::fs::symlink_metadata(dest.join(".zexplore-partial")).unwrap();
    assert_eq!(partial.permissions().mode() & 0o777, 0o700);
    assert!(!partial.file_type().is_socket() && partial.is_dir() && partial.nlink() > 0);
    for entry in std::fs::read_dir(dest.join(".zexplore-partial")).unwrap().map(Result::unwrap) {
        let name = entry.file_name();
        if name.as_bytes().ends_with(b".part") {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name:?}");
        }
    }
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
