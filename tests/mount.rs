//! Pools that are mounted, looked at by the calls of the system: what the kernel's own ZFS said, field by field.
#![cfg(all(target_os = "linux", feature = "mount"))]
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::disallowed_methods)] // what is opened is the mount
#![allow(unsafe_code)] // an ioctl
#![allow(clippy::as_conversions)] // of small numbers

#[macro_use]
mod common;
#[path = "mount/damage.rs"]
mod damage;
#[path = "mount/mounted.rs"]
mod mounted;
#[path = "mount/tree.rs"]
mod tree;
#[path = "mount/walk.rs"]
mod walk;

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use common::truth::{Difference, compare};
use common::{Fixture, each, fixture, fixtures, unpacked};
use mounted::{Mounted, can_mount, can_mount_as_root};
use serde_json::Value;
use walk::{Walk, sha256};

transcripts! {
    help: "zexplore mount --help";
    no_mount_point: "zexplore mount -p fixtures/simple";
    no_such_folder: "zexplore mount nowhere -p fixtures/simple";
    no_folder: "zexplore mount Cargo.toml -p fixtures/simple";
}

/// Its images, unpacked.
fn images(fixture: &Fixture) -> Vec<PathBuf> {
    fixture.images().iter().map(|image| unpacked(image)).collect()
}

/// Its pool, with all keys.
fn mount(fixture: &Fixture, options: &[&str]) -> Result<Mounted, String> {
    let keys = fixture.folder.join("keys.json");
    let mut options = options.to_vec();
    if keys.exists() {
        options.extend(["--keys", keys.to_str().unwrap()]);
    }
    Mounted::new(&images(fixture), &options).map_err(|error| format!("{}: {error}", fixture.name))
}

/// Where a file system or a snapshot of it is.
fn place(dataset: &str) -> PathBuf {
    let (head, snapshot) = dataset.split_once('@').map_or((dataset, None), |(head, name)| (head, Some(name)));
    let below = head.split_once('/').map_or(Path::new(""), |(_, below)| Path::new(below));
    match snapshot {
        Some(name) => below.join(".zfs/snapshot").join(name),
        None => below.to_owned(),
    }
}

/// Where a volume or a snapshot of it is.
fn volume_place(dataset: &str) -> PathBuf {
    let (above, name) = dataset.rsplit_once('/').unwrap();
    place(above).join(".zfs/volumes").join(name)
}

/// Lines of the truth that other datasets hide: their mount points.
fn without_hidden(truth: &str) -> String {
    let of = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let mut roots = BTreeSet::new();
    for line in truth.lines().map(of) {
        let dataset = line["dataset"].as_str().unwrap();
        if let Some((above, name)) =
            dataset.rsplit_once('/').filter(|_| !dataset.contains('@') && line["type"] != "volume")
        {
            roots.insert((above.to_owned(), name.to_owned()));
        }
    }
    let is_hidden = |line: &Value| {
        let first = line["path"].as_str().and_then(|path| path.split('/').next());
        let dataset = line["dataset"].as_str().unwrap().to_owned();
        first.is_some_and(|first| roots.contains(&(dataset, first.to_owned())))
    };
    truth.lines().filter(|line| !is_hidden(&of(line))).map(|line| format!("{line}\n")).collect()
}

/// Compares all that is in the mount with the truth.
fn check(name: &str, truth: &str, mounted: &Mounted, replayed: Option<i64>) -> Result<usize, String> {
    let truth = without_hidden(truth);
    let mut walk = Walk::default();
    let mut seen = BTreeSet::new();
    for line in truth.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let dataset = line["dataset"].as_str().unwrap();
        if line["mount_error"].is_string()
            || line["no_device"].is_boolean()
            || !seen.insert(dataset.to_owned())
        {
            continue;
        }
        let walked = match line["type"] == "volume" {
            true => walk.volume(dataset, &mounted.path().join(volume_place(dataset))),
            false => walk.file_system(dataset, &mounted.path().join(place(dataset))),
        };
        walked.map_err(|error| format!("{name}: {error}"))?;
    }
    compare(name, &truth, walk.lines, |Difference { field, theirs, mine }| {
        replayed.is_some_and(|then| theirs.is_some_and(|time| time[0].as_i64() > Some(then)))
            || replayed.is_some() && *field == "blocks"
            || *field == "error" && theirs.is_some() && mine.is_some()
    })
}

#[test]
fn each_object_is_what_the_kernel_says() {
    if !can_mount() {
        return;
    }
    let lines = AtomicUsize::new(0);
    let pools: Vec<_> = fixtures().into_iter().filter_map(|f| Some((f.text("truth.jsonl")?, f))).collect();
    assert!(pools.len() > 60, "truth is missing: {}", pools.len());
    each(pools, |(truth, fixture)| {
        let checked = check(&fixture.name, truth, &mount(fixture, &[])?, None)?;
        lines.fetch_add(checked, Ordering::Relaxed);
        Ok(())
    });
    assert!(lines.into_inner() > 60_000, "too few lines were compared");
}

#[test]
fn each_object_is_what_it_becomes_with_the_intent_log() {
    if !can_mount() {
        return;
    }
    let pools: Vec<_> =
        fixtures().into_iter().filter_map(|f| Some((f.text("truth-replayed.jsonl")?, f))).collect();
    assert!(pools.len() >= 2, "truth is missing: {}", pools.len());
    each(pools, |(truth, fixture)| {
        let then = fixture.unlocked().uberblock.timestamp.0.cast_signed();
        check(&fixture.name, truth, &mount(fixture, &["--replay"])?, Some(then)).map(drop)
    });
}

/// A copy of a file with holes has them, too.
#[test]
fn sparse_copies_stay_sparse() {
    use std::os::unix::fs::MetadataExt;
    if !can_mount() {
        return;
    }
    let mounted = mount(&fixture("simple"), &[]).unwrap();
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (from, to) = (mounted.path().join("sparse"), folder.path().join("sparse"));
    let copied = std::process::Command::new("cp").arg("--sparse=auto").args([&from, &to]).status().unwrap();
    assert!(copied.success());
    let (size, blocks) = to.metadata().map(|found| (found.len(), found.blocks())).unwrap();
    assert_eq!(size, 8 << 20);
    assert!(blocks * 512 < size / 8, "{blocks} blocks");
    assert!(std::fs::read(from).unwrap() == std::fs::read(to).unwrap());
}

/// The session in the README is what a person sees.
#[test]
fn the_session_of_the_readme_is_true() {
    if !can_mount_as_root() {
        return;
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let text = std::fs::read_to_string(path).unwrap();
    let (before, block) = text.split_once("```console\n# ").unwrap();
    let (block, after) = block.split_once("```\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_zexplore")).parent().unwrap().to_str().unwrap();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
    let mut said = String::new();
    for line in format!("# {block}").lines().filter_map(|line| line.strip_prefix("# ")) {
        let output = std::process::Command::new("sh")
            .args(["-c", &line.replace("/mnt", folder.path().to_str().unwrap())])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .envs([("PATH", path.as_str()), ("LC_ALL", "C"), ("TZ", "UTC")])
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap().replace(folder.path().to_str().unwrap(), "/mnt");
        said.push_str(&format!("# {line}\n{text}"));
    }
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(
            concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"),
            format!("{before}```console\n{said}```\n{after}"),
        )
        .unwrap();
        return;
    }
    assert_eq!(said, format!("# {block}"));
}

/// Eight readers at once, each in its own order, over redundancy and encryption.
#[test]
fn many_readers_at_once_read_the_same() {
    if !can_mount() {
        return;
    }
    for name in ["mirror2", "raidz1-3", "raidz2-6-ashift12", "draid1", "encryption-pool", "encryption-suites"]
    {
        let fixture = fixture(name);
        let truth = without_hidden(&fixture.text("truth.jsonl").unwrap());
        let files: Vec<(PathBuf, String)> = truth
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter_map(|line| {
                let path = place(line["dataset"].as_str()?).join(line["path"].as_str()?);
                Some((path, line["sha256"].as_str()?.to_owned()))
            })
            .collect();
        assert!(files.len() > 20, "{name}: {} files", files.len());
        // little room: blocks are thrown out while others read them
        let mounted = mount(&fixture, &["--cache", "32M"]).unwrap();
        std::thread::scope(|scope| {
            for reader in 0..8 {
                let (files, root) = (&files, mounted.path());
                scope.spawn(move || {
                    for n in 0..files.len() {
                        let (path, hash) = &files[(n * 7 + reader * 11) % files.len()];
                        let read = sha256(&mut File::open(root.join(path)).unwrap());
                        assert_eq!(&read.unwrap(), hash, "{name}: {}", path.display());
                    }
                });
            }
        });
        assert_eq!(mounted.unmount(), (0, String::new()), "{name}");
    }
}
