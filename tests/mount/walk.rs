//! A walk over a mount by the calls of the system, in the words of the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustix::fs::{SeekFrom, getxattr, lgetxattr, llistxattr, seek};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::common::truth::key;

/// Bits of an inode number that are the object's.
const OBJECT: u64 = (1 << 40) - 1;
/// Content up to this size is hashed as a whole.
const LONGEST: u64 = 1 << 30;

/// What a walk has found, by name.
#[derive(Default)]
pub(crate) struct Walk {
    pub(crate) lines: BTreeMap<String, Value>,
    /// Inode numbers, and where they were met: of what has one name only.
    numbers: BTreeMap<u64, PathBuf>,
}

impl Walk {
    /// All of a file system whose root is `root`, without other datasets below.
    pub(crate) fn file_system(&mut self, dataset: &str, root: &Path) -> Result<(), String> {
        let top = root.symlink_metadata().map_err(|error| format!("{}: {error}", root.display()))?;
        let mut left = vec![root.to_owned()];
        while let Some(path) = left.pop() {
            let found = path.symlink_metadata().map_err(|error| format!("{}: {error}", path.display()))?;
            // another dataset
            if found.ino() & !OBJECT != top.ino() & !OBJECT {
                continue;
            }
            self.number(&found, &path)?;
            let below = path.strip_prefix(root).unwrap();
            let line = line(dataset, below, &path, &found);
            self.lines.insert(key(&line), line);
            if found.is_dir() {
                let entries = std::fs::read_dir(&path).unwrap();
                left.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
            }
        }
        Ok(())
    }

    /// A volume.
    pub(crate) fn volume(&mut self, dataset: &str, path: &Path) -> Result<(), String> {
        let found = path.symlink_metadata().map_err(|error| format!("{}: {error}", path.display()))?;
        self.number(&found, path)?;
        let mut line = json!({ "dataset": dataset, "type": "volume", "volsize": found.len() });
        match sha256(&mut File::open(path).unwrap()) {
            Ok(hash) => line["sha256"] = hash.into(),
            Err(error) => line["error"] = error.to_string().into(),
        }
        self.lines.insert(key(&line), line);
        Ok(())
    }

    /// No two things have the same number.
    fn number(&mut self, found: &Metadata, path: &Path) -> Result<(), String> {
        if found.nlink() > 1 && !found.is_dir() {
            return Ok(());
        }
        match self.numbers.insert(found.ino(), path.to_owned()) {
            Some(other) if other != path => {
                Err(format!("{} and {} have the same number", path.display(), other.display()))
            }
            _ => Ok(()),
        }
    }
}

fn line(dataset: &str, below: &Path, path: &Path, found: &Metadata) -> Value {
    let mut line = Map::new();
    line.insert("dataset".into(), dataset.into());
    text(&mut line, "path", below.as_os_str().as_bytes());
    let (kind, mode) = (found.file_type(), found.mode());
    let word = match () {
        () if kind.is_file() => "file",
        () if kind.is_dir() => "dir",
        () if kind.is_symlink() => "symlink",
        () if kind.is_fifo() => "fifo",
        () if kind.is_socket() => "socket",
        () if kind.is_char_device() => "char",
        () => "block",
    };
    let facts = json!({
        "type": word,
        "mode": format!("{:04o}", mode & 0o7777),
        "uid": found.uid(),
        "gid": found.gid(),
        "nlink": found.nlink(),
        "size": found.size(),
        "ino": found.ino() & OBJECT,
        "blocks": found.blocks(),
        "atime": [found.atime(), found.atime_nsec()],
        "mtime": [found.mtime(), found.mtime_nsec()],
        "ctime": [found.ctime(), found.ctime_nsec()],
        "crtime": crtime(path),
    });
    line.extend(facts.as_object().unwrap().clone());
    if kind.is_char_device() || kind.is_block_device() {
        let (major, minor) = (rustix::fs::major(found.rdev()), rustix::fs::minor(found.rdev()));
        line.insert("rdev".into(), json!([major, minor]));
    }
    if kind.is_symlink() {
        text(&mut line, "target", std::fs::read_link(path).unwrap().as_os_str().as_bytes());
    }
    let xattrs = xattrs(path);
    if !xattrs.is_empty() {
        line.insert("xattrs".into(), xattrs.into());
    }
    if kind.is_file() {
        content(&mut line, path, found.size());
    }
    if kind.is_file() || kind.is_dir() {
        flags(&mut line, &File::open(path).unwrap());
    }
    line.into()
}

/// Bytes as text, or as base64.
fn text(line: &mut Map<String, Value>, name: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => line.insert(name.into(), text.into()),
        Err(_) => line.insert(format!("{name}_b64"), BASE64.encode(bytes).into()),
    };
}

fn crtime(path: &Path) -> Value {
    let mut bytes = [0; 64];
    let len = lgetxattr(path, "system.zfs_crtime", &mut bytes[..]).unwrap();
    let text = std::str::from_utf8(&bytes[..len]).unwrap();
    let (seconds, nanoseconds) = text.split_once('.').unwrap();
    json!([seconds.parse::<i64>().unwrap(), nanoseconds.parse::<i64>().unwrap()])
}

fn xattrs(path: &Path) -> Map<String, Value> {
    let mut names = vec![0u8; 64 << 10];
    let len = llistxattr(path, &mut names[..]).unwrap();
    let names: BTreeSet<&[u8]> =
        names[..len].split(|byte| *byte == 0).filter(|name| !name.is_empty()).collect();
    let value = |name: &[u8]| {
        let mut value = vec![0u8; 64 << 10];
        let read = if path.is_symlink() {
            lgetxattr(path, name, &mut value[..])
        } else {
            getxattr(path, name, &mut value[..])
        };
        BASE64.encode(&value[..read.unwrap()])
    };
    names
        .into_iter()
        .map(|name| (OsStr::from_bytes(name).to_str().unwrap().into(), value(name).into()))
        .collect()
}

fn content(line: &mut Map<String, Value>, path: &Path, size: u64) {
    let mut file = File::open(path).unwrap();
    let (mut segments, mut at) = (Vec::new(), 0);
    while let Ok(start) = seek(&file, SeekFrom::Data(at)) {
        at = seek(&file, SeekFrom::Hole(start)).unwrap();
        segments.push([start, at - start]);
    }
    line.insert("data".into(), json!(segments));
    let hash = if size <= LONGEST {
        seek(&file, SeekFrom::Start(0)).unwrap();
        sha256(&mut file)
    } else {
        let mut hash = Sha256::new();
        let read = segments.iter().try_for_each(|[start, len]| {
            seek(&file, SeekFrom::Start(*start)).unwrap();
            std::io::copy(&mut (&file).take(*len), &mut Hash(&mut hash)).map(drop)
        });
        read.map(|()| hex(&hash.finalize()))
    };
    let name = if size <= LONGEST { "sha256" } else { "sha256_of_data_segments" };
    match hash {
        Ok(hash) => line.insert(name.into(), hash.into()),
        Err(error) => line.insert("error".into(), error.to_string().into()),
    };
}

/// The SHA-256 of what is left of a file.
pub(crate) fn sha256(file: &mut File) -> std::io::Result<String> {
    let mut hash = Sha256::new();
    std::io::copy(file, &mut Hash(&mut hash))?;
    Ok(hex(&hash.finalize()))
}

struct Hash<'h>(&'h mut Sha256);

impl std::io::Write for Hash<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What two ioctls say, if it is anything.
fn flags(line: &mut Map<String, Value>, file: &File) {
    const FS_IOC_FSGETXATTR: rustix::ioctl::Opcode = rustix::ioctl::opcode::read::<[u32; 7]>(b'X', 31);
    // SAFETY: the kernel fills as many bytes as the number says: those of the array
    let getter = unsafe { rustix::ioctl::Getter::<FS_IOC_FSGETXATTR, [u32; 7]>::new() };
    // SAFETY: it reads only
    let [xflags, _, _, projid, ..] = unsafe { rustix::ioctl::ioctl(file.as_fd(), getter) }.unwrap();
    let fsflags = rustix::fs::ioctl_getflags(file).unwrap().bits();
    if xflags != 0 || projid != 0 {
        line.insert("xflags".into(), xflags.into());
        line.insert("projid".into(), projid.into());
    }
    if fsflags != 0 {
        line.insert("fsflags".into(), fsflags.into());
    }
}
