//! What the host has, against what the kernel said; what the host cannot hold must be named.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsStr;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What the kernel said of a file.
pub(crate) struct Wanted {
    pub(crate) line: Value,
    /// Names of the same file.
    links: u64,
}

impl Wanted {
    pub(crate) fn sha256(&self) -> String {
        self.line["sha256"].as_str().unwrap().into()
    }
}

/// Names of more bytes are none to hosts.
const LONGEST_NAME: usize = 255;
/// Files of more bytes, roughly, are none to hosts.
const LARGEST_FILE: u64 = 1 << 43;

/// What is to be at each path, if `top` is extracted, with what is mounted below.
pub(crate) fn wanted(truth: &str, prefix: &str, top: &str) -> BTreeMap<Vec<u8>, Wanted> {
    let lines: Vec<Value> = truth.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let is_snapshot = top.contains('@');
    let below = |name: &str| -> Option<Vec<u8>> {
        let rest = name.strip_prefix(top)?;
        if name.contains('@') != is_snapshot || !(rest.is_empty() || rest.starts_with('/')) {
            return None;
        }
        Some([prefix.as_bytes(), rest.trim_start_matches('/').as_bytes()].concat())
    };
    let roots: BTreeSet<Vec<u8>> =
        lines.iter().filter_map(|line| below(line["dataset"].as_str().unwrap())).collect();
    let mut all: BTreeMap<Vec<u8>, Wanted> = BTreeMap::new();
    let mut names: HashMap<(String, u64), u64> = HashMap::new();
    for line in &lines {
        let name = line["dataset"].as_str().unwrap();
        let Some(root) = below(name) else { continue };
        if line["mount_error"].is_string() || line["no_device"].is_boolean() || line["type"].is_null() {
            continue;
        }
        let path = bytes(line, "path").unwrap_or_default();
        let slash: &[u8] = if root.is_empty() || path.is_empty() { b"" } else { b"/" };
        let path = [root.as_slice(), slash, &path].concat();
        // what is below a directory on which another dataset is mounted cannot be seen
        let is_hidden = roots.iter().any(|other| {
            *other != root
                && other.len() > root.len()
                && path.strip_prefix(other.as_slice()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
        });
        if is_hidden {
            continue;
        }
        if let Some(ino) = line["ino"].as_u64() {
            *names.entry((name.into(), ino)).or_default() += 1;
        }
        all.insert(path, Wanted { line: line.clone(), links: 0 });
    }
    for wanted in all.values_mut() {
        let key = (wanted.line["dataset"].as_str().unwrap().into(), wanted.line["ino"].as_u64().unwrap_or(0));
        wanted.links = names.get(&key).copied().unwrap_or(1);
    }
    all
}

fn bytes(line: &Value, name: &str) -> Option<Vec<u8>> {
    match line[name].as_str() {
        Some(text) => Some(text.as_bytes().to_vec()),
        None => Some(BASE64.decode(line[format!("{name}_b64")].as_str()?).unwrap()),
    }
}

/// What was said that the host does not have.
#[derive(Default)]
pub(crate) struct Limits {
    lines: Vec<(Vec<u8>, String, Value)>,
    /// GNU tar does not keep times of access.
    pub(crate) is_tar: bool,
}

impl Limits {
    pub(crate) fn read(sidecar: &Path) -> Self {
        let text = std::fs::read_to_string(sidecar).unwrap_or_default();
        let lines = text.lines().map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            (bytes(&line, "path").unwrap(), line["what"].as_str().unwrap().into(), line)
        });
        Self { lines: lines.collect(), is_tar: false }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.lines.extend(other.lines);
    }

    pub(crate) fn is_damage(&self) -> bool {
        self.lines.iter().any(|(.., line)| line["kind"] != "only-here")
    }

    /// `path: what offset+length`, in order.
    pub(crate) fn lost(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .lines
            .iter()
            .filter(|(.., line)| line["kind"] == "lost")
            .map(|(path, what, line)| {
                let path = String::from_utf8_lossy(path);
                format!("{path}: {what} {}+{}", line["offset"], line["length"])
            })
            .collect();
        all.sort();
        all
    }

    pub(crate) fn refused(&self, path: &[u8], what: &str) -> bool {
        self.lines.iter().any(|(p, w, line)| p == path && w == what && line["kind"] == "refused")
    }

    /// Whether something is said about this part of the file.
    fn says(&self, path: &[u8], what: &str) -> bool {
        self.lines.iter().any(|(p, w, _)| p == path && w == what)
    }

    /// Whether it is said that there is no such file: of itself, or of what is above.
    fn is_absent(&self, path: &[u8], wanted: &Wanted) -> bool {
        let is_below = |above: &[u8]| {
            path.strip_prefix(above)
                .is_some_and(|rest| rest.is_empty() || above.is_empty() || rest[0] == b'/')
        };
        self.lines.iter().any(|(p, what, line)| match (what.as_str(), line["kind"].as_str().unwrap()) {
            ("file" | "directory" | "target", "lost") => is_below(p),
            ("entries", "lost") => is_below(p) && p != path,
            ("dataset", "lost") => is_below(p),
            ("name" | "directory", "refused") => {
                is_below(p) && p.rsplit(|b| *b == b'/').any(|name| name.len() > LONGEST_NAME)
            }
            ("file", "refused") => {
                let kind = wanted.line["type"].as_str().unwrap();
                let is_large = wanted.line["size"].as_u64().unwrap_or(0) > LARGEST_FILE;
                p == path
                    && (is_large || kind == "socket" || (!is_root() && ["char", "block"].contains(&kind)))
            }
            _ => false,
        })
    }
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Compares what is below `dest`.
pub(crate) fn compare(dest: &Path, truth: &BTreeMap<Vec<u8>, Wanted>, limits: &Limits) -> Result<(), String> {
    let mut failures = Vec::new();
    let mut found = BTreeSet::new();
    // looking at things changes the times of access: all are looked at before they are read
    let mut way = vec![Vec::new()];
    let mut stats = BTreeMap::new();
    while let Some(path) = way.pop() {
        let at = dest.join(OsStr::from_bytes(&path));
        let stat = std::fs::symlink_metadata(&at).unwrap();
        if stat.is_dir() {
            for entry in std::fs::read_dir(&at).unwrap() {
                let name = entry.unwrap().file_name();
                let slash: &[u8] = if path.is_empty() { b"" } else { b"/" };
                way.push([path.as_slice(), slash, name.as_bytes()].concat());
            }
        }
        found.insert(path.clone());
        stats.insert(path, stat);
    }
    for (path, wanted) in truth {
        let name = String::from_utf8_lossy(path);
        if !found.remove(path) {
            if !limits.is_absent(path, wanted) {
                failures.push(format!("missing: {name}"));
            }
            continue;
        }
        if limits.is_absent(path, wanted) {
            continue;
        }
        let mut differs = |what: &str, ours: String, theirs: String| {
            failures.push(format!("{name}: {what} is {ours}, not {theirs}"));
        };
        check(&dest.join(OsStr::from_bytes(path)), &stats[path], path, wanted, limits, &mut differs);
    }
    failures.extend(found.iter().map(|path| format!("too much: {}", String::from_utf8_lossy(path))));
    match failures.len() {
        0 => Ok(()),
        n => Err(format!("{n} differences:\n{}", failures[..n.min(12)].join("\n"))),
    }
}

fn check(
    at: &Path,
    stat: &std::fs::Metadata,
    path: &[u8],
    wanted: &Wanted,
    limits: &Limits,
    differs: &mut dyn FnMut(&str, String, String),
) {
    let line = &wanted.line;
    let kind = match stat.file_type() {
        t if t.is_file() => "file",
        t if t.is_dir() => "dir",
        t if t.is_symlink() => "symlink",
        t if t.is_fifo() => "fifo",
        t if t.is_socket() => "socket",
        t if t.is_char_device() => "char",
        _ => "block",
    };
    let theirs = line["type"].as_str().unwrap();
    if theirs == "volume" {
        if stat.len() != line["volsize"].as_u64().unwrap() {
            differs("volsize", stat.len().to_string(), line["volsize"].to_string());
        }
        if let Some(hash) = line["sha256"].as_str().filter(|hash| *hash != sha256(at)) {
            differs("sha256", String::new(), hash.into());
        }
        return;
    }
    if kind != theirs {
        return differs("type", kind.into(), theirs.into());
    }
    if limits.says(path, "attributes") {
        return;
    }
    let mut same = |what: &str, ours: String, theirs: String| {
        if ours != theirs && !limits.says(path, what) {
            differs(what, ours, theirs);
        }
    };
    let is_symlink = kind == "symlink";
    if !is_symlink {
        same("mode", format!("{:04o}", stat.mode() & 0o7777), line["mode"].as_str().unwrap().into());
    }
    if is_root() {
        same("owner", format!("{} {}", stat.uid(), stat.gid()), format!("{} {}", line["uid"], line["gid"]));
    }
    same("mtime", format!("[{},{}]", stat.mtime(), stat.mtime_nsec()), line["mtime"].to_string());
    if !limits.is_tar {
        same("atime", format!("[{},{}]", stat.atime(), stat.atime_nsec()), line["atime"].to_string());
    }
    if kind != "dir" {
        same("nlink", stat.nlink().to_string(), wanted.links.to_string());
    }
    if let Some(rdev) = line["rdev"].as_array() {
        let (major, minor) = (rustix::fs::major(stat.rdev()), rustix::fs::minor(stat.rdev()));
        same("rdev", format!("{major} {minor}"), format!("{} {}", rdev[0], rdev[1]));
    }
    if is_symlink {
        let target = std::fs::read_link(at).unwrap();
        same(
            "target",
            format!("{:?}", target.as_os_str().as_bytes()),
            format!("{:?}", bytes(line, "target").unwrap()),
        );
    }
    if kind == "file" {
        same("size", stat.len().to_string(), line["size"].to_string());
        let data: Vec<(u64, u64)> = serde_json::from_value(line["data"].clone()).unwrap_or_default();
        // file systems of hosts have blocks of up to 64 KiB, say
        let most: u64 = data.iter().map(|(_, len)| len + (128 << 10)).sum();
        if stat.blocks() * 512 > most {
            differs("space", (stat.blocks() * 512).to_string(), format!("{most} at most"));
        }
        let mut same_hash = |ours: String, theirs: &Value| {
            if theirs.as_str().is_some_and(|theirs| theirs != ours) && !limits.says(path, "content") {
                differs("sha256", ours, theirs.to_string());
            }
        };
        match &line["sha256_of_data_segments"] {
            Value::Null => same_hash(sha256(at), &line["sha256"]),
            theirs => same_hash(sha256_of(at, &data), theirs),
        }
    }
    check_xattrs(at, path, line, limits, differs);
}

/// The host may refuse an attribute: then this is said of this file.
fn check_xattrs(
    at: &Path,
    path: &[u8],
    line: &Value,
    limits: &Limits,
    differs: &mut dyn FnMut(&str, String, String),
) {
    let mut ours = BTreeMap::new();
    let mut names = vec![0; 1 << 16];
    let len = rustix::fs::llistxattr(at, &mut names[..]).unwrap_or(0);
    for name in names[..len].split(|b| *b == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 1 << 16];
        let Ok(len) = rustix::fs::lgetxattr(at, name, &mut value[..]) else { continue };
        let name = String::from_utf8_lossy(name).into_owned();
        // where the host's own guard has its labels
        if name != "security.selinux" {
            ours.insert(name, BASE64.encode(&value[..len]));
        }
    }
    let theirs: BTreeMap<String, String> = serde_json::from_value(line["xattrs"].clone()).unwrap_or_default();
    for (name, value) in &theirs {
        let is_named = limits.lines.iter().any(|(p, what, said)| {
            p == path
                && what == "xattr"
                && said["reason"].as_str().unwrap().contains(name.trim_end_matches('\u{fffd}'))
        });
        let may_be_refused =
            value.len() > 2048 || !name.starts_with("user.") || theirs.len() > 8 || !has_xattrs(at);
        let is_lost =
            limits.lines.iter().any(|(p, what, said)| p == path && what == "xattr" && said["kind"] == "lost");
        match ours.remove(name) {
            Some(ours) if ours == *value => {}
            None if is_lost || (is_named && may_be_refused) => {}
            ours => differs(&format!("xattr {name}"), format!("{ours:?}"), value.clone()),
        }
    }
    for (name, value) in ours {
        differs(&format!("xattr {name}"), value, "none".into());
    }
}

/// Whether the host's file system has extended attributes of users.
fn has_xattrs(at: &Path) -> bool {
    let file = tempfile::NamedTempFile::new_in(at.parent().unwrap()).unwrap();
    rustix::fs::setxattr(file.path(), "user.x", b"y", rustix::fs::XattrFlags::empty()).is_ok()
}

pub(crate) fn sha256(path: &Path) -> String {
    sha256_of(path, &[(0, std::fs::metadata(path).unwrap().len())])
}

fn sha256_of(path: &Path, segments: &[(u64, u64)]) -> String {
    let mut file = std::fs::File::open(path)
        .or_else(|_| {
            // its mode was looked at already
            std::fs::set_permissions(path, PermissionsExt::from_mode(0o400))?;
            std::fs::File::open(path)
        })
        .unwrap();
    let mut hash = Sha256::new();
    for (start, len) in segments {
        file.seek(SeekFrom::Start(*start)).unwrap();
        std::io::copy(&mut Read::by_ref(&mut file).take(*len), &mut Hasher(&mut hash)).unwrap();
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Hasher<'h>(&'h mut Sha256);

impl std::io::Write for Hasher<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Unpacks an archive as users do.
pub(crate) fn untar(archive: &Path, dest: &Path) {
    let mut tar = Command::new("tar");
    tar.arg("-xpf").arg(archive).args([
        "--xattrs",
        "--xattrs-include=*",
        "--numeric-owner",
        "--atime-preserve=system",
    ]);
    let output = tar.arg("-C").arg(dest).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    for unknown in
        ["unknown extended header", "Skipping to next header", "Unexpected EOF", "damaged", "Malformed"]
    {
        assert!(!errors.to_lowercase().contains(&unknown.to_lowercase()), "{errors}");
    }
}

/// Files below, in all folders.
pub(crate) fn count(path: &Path) -> usize {
    let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => 1 + count(&entry.path()),
            false => 1,
        })
        .sum()
}
