//! What is damaged is an error where it is, and nowhere else; and a mount ends well, whatever ends it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Signal, kill_process};
use serde_json::Value;
use zfsp::dataset::Datasets;
use zfsp::file::Sought;
use zfsp::fs::FileSystem;
use zfsp::object::Object;
use zfsp_grammar::blkptr::Pointer;

use crate::common::fixture;
use crate::common::forge::{Forge, micro_zap};
use crate::common::image::Saved;
use crate::common::pools::open;
use crate::images;
use crate::mounted::{Mounted, can_mount, can_mount_as_root};

/// Labels and boot block in front of what DVAs count from.
const DATA_AT: u64 = 4 << 20;

/// Overwrites a byte of all copies of a block, on a pool of one device.
fn break_block(saved: &Saved, pointer: &Pointer) {
    for dva in pointer.stored().unwrap().copies() {
        let at = dva.offset() + DATA_AT + 7;
        let byte = saved.devices()[0].read(at, 1).unwrap()[0];
        saved.overwrite(0, at, !byte);
    }
}

/// The object of a file of the root dataset.
fn object(saved: &Saved, path: &str) -> Object {
    let pool = open(saved.devices()).unwrap();
    let root = Datasets::of(&pool).find("lab").unwrap().objset(&pool).unwrap();
    FileSystem::open(root).unwrap().find(path.as_bytes()).unwrap().object().unwrap().clone()
}

fn errno<T>(result: std::io::Result<T>) -> Option<i32> {
    result.err().and_then(|error| error.raw_os_error())
}

const EIO: Option<i32> = Some(Errno::IO.raw_os_error());

#[test]
fn a_bad_block_is_an_error_for_its_range_alone() {
    if !can_mount() {
        return;
    }
    let saved = Saved::new(&fixture("simple").copies());
    let file = object(&saved, "/text-records");
    let whole = file.content(u64::MAX).whole().unwrap().0;
    let bad = 3;
    break_block(&saved, &file.pointer(bad).unwrap());
    let range = bad * file.block_size..(bad + 1) * file.block_size;
    let mounted = Mounted::new(&saved.paths, &[]).unwrap();
    let path = mounted.path().join("text-records");
    // read ahead by the kernel or not, forwards and backwards
    for step in [4096, 65_536, 200_000u64] {
        let file = File::open(&path).unwrap();
        let starts: Vec<u64> = (0..1_500_000).step_by(step as usize).collect();
        for at in starts.iter().chain(starts.iter().rev()) {
            let end = (at + step).min(1_500_000);
            let mut bytes = vec![0; (end - at) as usize];
            let read = file.read_exact_at(&mut bytes, *at);
            if *at < range.end && end > range.start {
                assert_eq!(errno(read), EIO, "{at}..{end}");
            } else {
                read.unwrap_or_else(|error| panic!("{at}..{end}: {error}"));
                assert!(bytes == whole[*at as usize..end as usize], "{at}..{end}");
            }
        }
    }
    assert_eq!(errno(std::fs::read(&path)), EIO);
    // what is lost is no hole
    assert_eq!(seek(File::open(&path).unwrap(), SeekFrom::Hole(0)), Ok(1_500_000));
    let (code, errors) = mounted.unmount();
    assert_eq!(code, 3);
    let said: Vec<&str> = errors.lines().collect();
    let [line] = said[..] else { panic!("{errors}") };
    assert!(line.starts_with("zexplore: lab:/text-records: "), "{line}");
    assert!(line.contains(&format!(" block {bad}: no copy is right")), "{line}");
}

#[test]
fn a_lost_indirect_block_leaves_what_is_elsewhere() {
    if !can_mount() {
        return;
    }
    let saved = Saved::new(&fixture("bigfile").copies());
    let mounted = Mounted::new(&saved.paths, &[]).unwrap();
    let files: Vec<_> =
        std::fs::read_dir(mounted.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    drop(mounted);
    let mut checked = 0;
    for name in files {
        let file = object(&saved, &format!("/{}", name.to_str().unwrap()));
        let Some((block, _)) =
            file.tree().filter(|(block, _)| block.level == 1 && block.pointer.stored().is_some()).last()
        else {
            continue;
        };
        let range = file.range(1, block.blkid).unwrap();
        let file_before = zfsp::file::File::new(file.clone(), u64::MAX);
        let before = file_before.seek_to(Sought::Data, range.end);
        break_block(&saved, &block.pointer);
        let mounted = Mounted::new(&saved.paths, &[]).unwrap();
        let open = File::open(mounted.path().join(&name)).unwrap();
        let size = open.metadata().unwrap().len();
        let mut bytes = [0; 512];
        assert_eq!(errno(open.read_at(&mut bytes, range.start)), EIO, "{name:?}");
        assert_eq!(seek(&open, SeekFrom::Data(range.start)), Ok(range.start), "{name:?}");
        if range.start > 0 {
            open.read_exact_at(&mut bytes, range.start - 512).unwrap();
        }
        // what is behind it is found as before
        if range.end < size {
            assert_eq!(seek(&open, SeekFrom::Data(range.end)).ok(), before, "{name:?}");
        }
        drop(open);
        assert_eq!(mounted.unmount().0, 3);
        checked += 1;
    }
    assert!(checked > 0);
}

#[test]
fn a_damaged_directory_lists_what_is_left() {
    if !can_mount() {
        return;
    }
    let saved = Saved::new(&fixture("bigdir").copies());
    let pool = open(saved.devices()).unwrap();
    let set = Datasets::of(&pool).find("lab").unwrap().objset(&pool).unwrap();
    let fs = FileSystem::open(set).unwrap();
    let mut visits: Vec<_> = fs.root().unwrap().walk().collect();
    visits.retain(|visit| visit.inode().is_some_and(|inode| inode.is_directory()));
    let largest = visits.iter().max_by_key(|visit| visit.inode().unwrap().attributes.size).unwrap();
    let (path, inode) = (largest.path.clone(), largest.inode().unwrap());
    let all: BTreeMap<_, _> = inode
        .directory()
        .entries()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.bytes, entry.object))
        .collect();
    assert!(all.len() > 1000, "{}", all.len());
    // the last block is a leaf
    break_block(&saved, &inode.object().unwrap().pointer(inode.object().unwrap().maxblkid).unwrap());
    let mounted = Mounted::new(&saved.paths, &[]).unwrap();
    let place = mounted.path().join(std::str::from_utf8(&path).unwrap());
    let (mut found, mut errors) = (BTreeSet::new(), Vec::new());
    for entry in std::fs::read_dir(&place).unwrap() {
        match entry {
            Ok(entry) => drop(found.insert(entry.file_name().into_encoded_bytes())),
            Err(error) => errors.push(error.raw_os_error()),
        }
    }
    assert_eq!(errors, [EIO]);
    assert!(found.len() < all.len() && found.len() > all.len() / 2, "{} of {}", found.len(), all.len());
    for name in all.keys().step_by(97) {
        let name = std::str::from_utf8(name).unwrap();
        let stat = place.join(name).symlink_metadata();
        match found.contains(name.as_bytes()) {
            true => drop(stat.unwrap_or_else(|error| panic!("{name}: {error}"))),
            false => assert_eq!(errno(stat), EIO, "{name}"),
        }
    }
    let (code, said) = mounted.unmount();
    assert!(code == 3 && said.contains("no copy is right"), "{said}");
}

#[test]
fn what_cannot_be_read_still_has_its_name() {
    if !can_mount() {
        return;
    }
    let saved = Saved::new(&fixture("simple").copies());
    let pool = open(saved.devices()).unwrap();
    let set = Datasets::of(&pool).find("lab").unwrap().objset(&pool).unwrap();
    let many = object(&saved, "/many/").at.object;
    let whole = Mounted::new(&saved.paths, &[]).unwrap();
    let names = |mounted: &Mounted, path: &str| -> BTreeSet<_> {
        let entries = std::fs::read_dir(mounted.path().join(path)).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    };
    let (all, root) = (names(&whole, "many"), names(&whole, ""));
    drop(whole);
    // a block of dnodes without that of the directory
    let last = set.objects().map(Result::unwrap).map(|object| object.at.object).max().unwrap() as u64;
    let block = (last / (set.meta_dnode.block_size / 512)).min(set.meta_dnode.maxblkid);
    assert_ne!(block, many as u64 / (set.meta_dnode.block_size / 512));
    break_block(&saved, &set.meta_dnode.pointer(block).unwrap());
    let mounted = Mounted::new(&saved.paths, &[]).unwrap();
    assert_eq!((names(&mounted, "many"), names(&mounted, "")), (all.clone(), root.clone()));
    let stats = |path: &str, names: &BTreeSet<std::ffi::OsString>| -> Vec<Option<i32>> {
        names.iter().map(|name| errno(mounted.path().join(path).join(name).symlink_metadata())).collect()
    };
    let stats = [stats("many", &all), stats("", &root)].concat();
    assert!(stats.iter().all(|error| error.is_none() || *error == EIO), "{stats:?}");
    assert!(stats.contains(&EIO) && stats.contains(&None), "{stats:?}");
    assert_eq!(mounted.unmount().0, 3);
}

#[test]
fn names_that_lead_elsewhere_are_left_out() {
    if !can_mount() {
        return;
    }
    let mut forge = Forge::of("simple");
    let (set, root, directory, file) = {
        let datasets = Datasets::of(&forge.pool);
        let set = datasets.find("lab").unwrap();
        let fs = FileSystem::open(set.objset(&forge.pool).unwrap()).unwrap();
        let number = |path: &[u8]| fs.find(path).unwrap().number;
        (set.object, number(b"/"), number(b"/new-dir"), number(b"/hundred"))
    };
    let entry = |name| (name, file | 8 << 60);
    let mut entries = ["..", ".", "a/b", "/etc/passwd", "good"].map(entry).to_vec();
    // a circle
    entries.push(("up", root | 4 << 60));
    forge.content(set, directory, &micro_zap(&entries));
    let mounted = Mounted::new(&forge.saved.paths, &[]).unwrap();
    let found: Vec<_> = std::fs::read_dir(mounted.path().join("new-dir")).unwrap().collect();
    let names: Vec<_> = found.iter().flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["good", "up"]);
    assert_eq!(found.len(), 3, "an error says that there were others");
    // entries keep their directory open
    drop(found);
    assert_eq!(std::fs::read(mounted.path().join("new-dir/good")).unwrap().len(), 109);
    let circle = errno(mounted.path().join("new-dir/up/hundred").symlink_metadata());
    assert_eq!(circle, Some(Errno::LOOP.raw_os_error()));
    let (code, said) = mounted.unmount();
    assert_eq!(code, 3);
    for name in ["'..'", "'.'", "'a/b'", "'/etc/passwd'"] {
        assert!(said.contains(name), "{name}: {said}");
    }
}

#[test]
fn what_is_locked_cannot_be_entered() {
    if !can_mount() {
        return;
    }
    let fixture = fixture("encryption-mixed");
    let mounted = Mounted::new(&images(&fixture), &[]).unwrap();
    let truth = fixture.text("zfs.json").unwrap();
    let said: Value = serde_json::from_str(&truth).unwrap();
    let mut counts = BTreeMap::new();
    for (name, set) in said["zfs_get"]["datasets"].as_object().unwrap() {
        if set["type"] != "FILESYSTEM" {
            continue;
        }
        let is_encrypted = set["properties"]["encryption"]["value"] != "off";
        let below = name.split_once('/').map_or(Path::new(""), |(_, below)| Path::new(below));
        let entries = std::fs::read_dir(mounted.path().join(below)).unwrap();
        let refused =
            entries.flat_map(|entry| entry.err()).any(|error| error.kind() == ErrorKind::PermissionDenied);
        assert_eq!(refused, is_encrypted, "{name}");
        *counts.entry(is_encrypted).or_insert(0) += 1;
    }
    assert!(counts[&true] > 1 && counts[&false] > 1, "{counts:?}");
    let (code, said) = mounted.unmount();
    assert_eq!(code, 3);
    assert!(said.lines().all(|line| line.contains(": locked: give the key of ")), "{said}");
    assert_eq!(said.lines().count(), counts[&true]);
}

/// What was mounted there before, or above it, is none of the program's.
#[test]
fn what_is_below_the_mount_stays() {
    if !can_mount_as_root() {
        return;
    }
    let mut first = Mounted::new(&images(&fixture("simple")), &[]).unwrap();
    let run = |folder: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zexplore"));
        command.arg("mount").arg(folder).arg("-p").args(images(&fixture("mirror2")));
        command.stdin(Stdio::null()).output().unwrap()
    };
    let second = run(first.path());
    assert!(second.status.success(), "{second:?}");
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("something is mounted there already: it is hidden"), "{said}");
    unmount(first.path(), UnmountFlags::empty()).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(std::fs::read(first.path().join("hundred")).unwrap().len(), 109);
    unmount(first.path(), UnmountFlags::empty()).unwrap();
    assert_eq!(first.end(), (0, String::new()));
    let refused = run(Path::new("/"));
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("it would be hidden"));
}

/// Nothing is mounted where there would be nothing to see.
#[test]
fn what_cannot_be_shown_is_not_mounted() {
    if !can_mount() {
        return;
    }
    let refused = |pool: &str, options: &[&str]| match Mounted::new(&images(&fixture(pool)), options) {
        Ok(_) => panic!("{pool}: {options:?}: mounted"),
        Err(said) => said,
    };
    let said = refused("simple", &["-d", "lab/none"]);
    assert!(said.contains("no dataset 'lab/none': there are lab, "), "{said}");
    for dataset in ["lab/parent", "lab/parent@s1"] {
        let said = refused("encryption-mixed", &["-d", dataset]);
        assert!(
            said.contains("locked: give the key of lab/parent: --key ") || said.contains("no dataset"),
            "{said}"
        );
    }
}

#[test]
fn after_a_crash_it_can_be_unmounted_and_mounted_again() {
    if !can_mount_as_root() {
        return;
    }
    let devices = images(&fixture("simple"));
    let folder = tempfile::tempdir().unwrap();
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_zexplore"));
        command.arg("mount").arg(folder.path()).args(["--json", "-p"]).args(&devices);
        command.stdin(Stdio::null()).output().unwrap()
    };
    // in the background: the program that was started is gone, the mount is there
    let first = run();
    assert!(first.status.success(), "{first:?}");
    let said: Value = serde_json::from_slice(&first.stdout).unwrap();
    assert_eq!(said["dataset"], "lab");
    let process = rustix::process::Pid::from_raw(said["pid"].as_i64().unwrap() as i32).unwrap();
    let open = File::open(folder.path().join("hundred")).unwrap();
    kill_process(process, Signal::KILL).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while std::fs::metadata(folder.path()).is_ok() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(std::fs::metadata(folder.path()).unwrap_err().kind(), ErrorKind::NotConnected);
    let second = run();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("a mount whose program has died is still there: umount "), "{said}");
    drop(open);
    unmount(folder.path(), UnmountFlags::empty()).unwrap();
    let third = run();
    assert!(third.status.success(), "{third:?}");
    assert_eq!(std::fs::read(folder.path().join("hundred")).unwrap().len(), 109);
    unmount(folder.path(), UnmountFlags::empty()).unwrap();
}

#[test]
fn a_signal_unmounts_even_what_is_in_use() {
    if !can_mount_as_root() {
        return;
    }
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut mounted = Mounted::new(&images(&fixture("simple")), &[]).unwrap();
        let open = File::open(mounted.path().join("text-records")).unwrap();
        kill_process(mounted.process(), signal).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while mounted.path().join("hundred").exists() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(std::fs::read_dir(mounted.path()).unwrap().count(), 0, "the folder is as it was");
        // who has something open goes on
        let mut bytes = [0; 4096];
        open.read_exact_at(&mut bytes, 1_400_000).unwrap();
        drop(open);
        let (code, said) = mounted.end();
        assert_eq!(code, 0, "{said}");
        assert!(
            said.contains("in use: nobody new gets in; it ends with the last program that uses it"),
            "{said}"
        );
    }
}
