//! The manifest of a dataset: one line for each object, with all that a file system shows of it.
//!
//! Two states are the same for their users if their manifests are: it is what `stat`, `readlink`, `getfattr` and the
//! SHA-256 of the content say, without the system that would say it. Handbook: `docs/format/12-zpl.md`.

use std::fmt;
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rayon::prelude::*;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use zfsp_grammar::mode::FileType;
use zfsp_grammar::znode::{Time, ZnodeFlags};

use crate::dataset::Dataset;
use crate::file::{Content, File};
use crate::fs::xattr::Xattr;
use crate::fs::{Found, Inode, Visit};
use crate::namespace::escape::escaped;
use crate::namespace::{Held, Namespace};
use crate::object::Loss;
use crate::volume::Volume;

/// What a line says. Fields that do not apply are left out.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Line {
    /// `pool/a@snapshot`.
    pub dataset: String,
    /// Below the root of the dataset; empty for the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The same where it is no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_b64: Option<Base64>,
    /// `file`, `dir`, `symlink`, `fifo`, `socket`, `char`, `block`, `volume`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<&'static str>,
    /// Bytes of a volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volsize: Option<u64>,
    /// What `stat` shows.
    #[serde(flatten)]
    pub stat: Option<Stat>,
    /// Major and minor of a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rdev: Option<[u64; 2]>,
    /// Where a symbolic link leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The same where it is no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_b64: Option<Base64>,
    /// Stretches that are no holes: start and length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Vec<[u64; 2]>>,
    /// Of the whole content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Hex>,
    /// Of the stretches alone, where the content is too long to be hashed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256_of_data_segments: Option<Hex>,
    /// Names with their Linux prefix.
    #[serde(skip_serializing_if = "Pairs::is_empty")]
    pub xattrs: Pairs,
    /// Project and flags of the inode, as ioctls of Linux show them.
    #[serde(flatten)]
    pub ioctls: Option<Ioctls>,
    /// What could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why there is nothing of the dataset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_error: Option<String>,
}

/// What `stat` shows.
#[derive(Clone, Debug, Serialize)]
pub struct Stat {
    /// Permissions: four octal digits.
    pub mode: String,
    /// Owner.
    pub uid: u64,
    /// Group.
    pub gid: u64,
    /// Names that it has.
    pub nlink: u64,
    /// Bytes; of a directory: entries, and two.
    pub size: u64,
    /// Number of its object.
    pub ino: u64,
    /// Space that it takes, in units of 512 bytes; unknown of what the intent log changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks: Option<u64>,
    /// Last access.
    pub atime: [i64; 2],
    /// Last change of the content.
    pub mtime: [i64; 2],
    /// Last change of the attributes.
    pub ctime: [i64; 2],
    /// Creation.
    pub crtime: [i64; 2],
}

/// What two ioctls of Linux show: `FS_IOC_FSGETXATTR` and `FS_IOC_GETFLAGS`.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ioctls {
    projid: u64,
    xflags: u32,
    /// Left out if none is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    fsflags: Option<u32>,
}

/// Bytes that print as base64.
#[derive(Clone, Debug)]
pub struct Base64(pub Vec<u8>);

impl Serialize for Base64 {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64.encode(&self.0))
    }
}

/// A hash.
#[derive(Clone, Copy, Debug)]
pub struct Hex(pub [u8; 32]);

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let digits: String = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
        to.serialize_str(&digits)
    }
}

/// Names and values.
#[derive(Clone, Debug, Default)]
pub struct Pairs(pub Vec<(String, Base64)>);

impl Pairs {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// How much of a file a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// What stands in its dnode.
    Attributes,
    /// Also its extended attributes, and which stretches are no holes.
    Segments,
    /// Also the hash of its content.
    Hashes,
}

/// Content up to this size is hashed as a whole, holes included.
const LONGEST: u64 = 1 << 30;
/// Lines that are made at once.
const AT_ONCE: usize = 512;
/// Files of more bytes are read one after the other, each by all threads.
const LARGE: u64 = 16 << 20;

/// Gives the lines of a dataset to `sink`, in the order of the paths. What is lost is in the lines.
///
/// # Errors
/// What `sink` returns.
pub fn dataset(
    names: &Namespace<'_>,
    dataset: &Dataset,
    depth: Depth,
    mut sink: impl FnMut(Line) -> io::Result<()>,
) -> io::Result<()> {
    let unreadable =
        |why: String| Line { dataset: dataset.name.clone(), mount_error: Some(why), ..Line::default() };
    let losses = match names.open(dataset) {
        Err(error) => return sink(unreadable(error.to_string())),
        Ok(Held::Volume(volume)) => {
            sink(Line::of_volume(&dataset.name, &volume, depth))?;
            volume.losses.clone()
        }
        Ok(Held::FileSystem(fs)) => {
            match fs.root() {
                Ok(root) => of_tree(&dataset.name, root, depth, &mut sink)?,
                Err(loss) => sink(unreadable(format!("{}: {loss}", dataset.name)))?,
            }
            fs.losses().to_vec()
        }
    };
    // layouts, records of the intent log: no path is theirs
    losses.iter().try_for_each(|loss| sink(Line::of_loss(&dataset.name, b"", loss)))
}

fn of_tree(
    name: &str,
    root: Inode,
    depth: Depth,
    mut sink: impl FnMut(Line) -> io::Result<()>,
) -> io::Result<()> {
    let mut walk = root.walk();
    loop {
        let visits: Vec<Visit> = walk.by_ref().take(AT_ONCE).collect();
        if visits.is_empty() {
            return Ok(());
        }
        let is_large = |visit: &Visit| visit.inode().is_some_and(|inode| inode.attributes.size > LARGE);
        let lines: Vec<Line> = visits
            .par_iter()
            .map(|visit| line(name, visit, if is_large(visit) { depth.min(Depth::Segments) } else { depth }))
            .collect();
        for (visit, mut line) in visits.iter().zip(lines) {
            if let Some(inode) = visit.inode().filter(|_| depth == Depth::Hashes && is_large(visit)) {
                line.take_hash(inode);
            }
            sink(line)?;
        }
    }
}

fn line(dataset: &str, visit: &Visit, depth: Depth) -> Line {
    match &visit.found {
        Found::Inode(inode) => Line::of_inode(dataset, &visit.path, inode, depth),
        Found::Lost(loss) => Line { r#type: word(visit.kind()), ..Line::of_loss(dataset, &visit.path, loss) },
        Found::LostEntries(loss) => {
            Line::of_loss(dataset, &visit.path, &format!("entries are missing: {loss}"))
        }
    }
}

/// A name as it is, escaped if it is no UTF-8.
fn escaped_name(name: Vec<u8>) -> String {
    String::from_utf8(name).unwrap_or_else(|error| escaped(error.as_bytes()).to_string())
}

/// Bytes as text, or as base64.
fn text(bytes: Vec<u8>) -> (Option<String>, Option<Base64>) {
    match String::from_utf8(bytes) {
        Ok(text) => (Some(text), None),
        Err(error) => (None, Some(Base64(error.into_bytes()))),
    }
}

fn word(kind: FileType) -> Option<&'static str> {
    Some(match kind {
        FileType::REGULAR => "file",
        FileType::DIRECTORY => "dir",
        FileType::SYMLINK => "symlink",
        FileType::FIFO => "fifo",
        FileType::SOCKET => "socket",
        FileType::CHAR => "char",
        FileType::BLOCK => "block",
        FileType::DOOR => "door",
        FileType::WHITEOUT => "whiteout",
        _ => return None,
    })
}

impl Line {
    /// What there is to say of a file, or whatever it is.
    #[must_use]
    pub fn of_inode(dataset: &str, path: &[u8], inode: &Inode, depth: Depth) -> Self {
        let (path, path_b64) = text(path.to_vec());
        let mut line = Self { dataset: dataset.into(), path, path_b64, ..Self::default() };
        line.take(inode, depth);
        line
    }

    /// What there is to say of a volume.
    #[must_use]
    pub fn of_volume(dataset: &str, volume: &Volume, depth: Depth) -> Self {
        let (dataset, r#type) = (dataset.into(), Some("volume"));
        let mut line = Self { dataset, r#type, volsize: Some(volume.size), ..Self::default() };
        if depth == Depth::Hashes {
            match hash(&volume.data()) {
                Ok(hash) => line.sha256 = Some(hash),
                Err(loss) => line.lose([&loss]),
            }
        }
        line
    }

    /// Of what cannot be read.
    #[must_use]
    pub fn of_loss(dataset: &str, path: &[u8], loss: &impl fmt::Display) -> Self {
        let (path, path_b64) = text(path.to_vec());
        Self { dataset: dataset.into(), path, path_b64, error: Some(loss.to_string()), ..Self::default() }
    }

    fn take(&mut self, inode: &Inode, depth: Depth) {
        let attributes = &inode.attributes;
        let kind = inode.kind();
        self.r#type = word(kind);
        self.stat = Some(Stat::of(inode));
        self.lose(&attributes.losses);
        match kind {
            FileType::REGULAR if depth >= Depth::Segments => {
                self.take_segments(&inode.open());
                if depth == Depth::Hashes {
                    self.take_hash(inode);
                }
            }
            FileType::SYMLINK => match inode.target() {
                Ok(target) => (self.target, self.target_b64) = text(target),
                Err(loss) => self.lose([&loss]),
            },
            _ => {}
        }
        if let Some(device) = attributes.rdev.filter(|_| kind.is_device()) {
            let (major, minor) = device.likely();
            self.rdev = Some([major, minor]);
        }
        if depth >= Depth::Segments {
            self.take_xattrs(inode);
        }
        if matches!(kind, FileType::REGULAR | FileType::DIRECTORY) {
            self.ioctls = Ioctls::of(attributes.projid, attributes.flags);
        }
    }

    fn take_xattrs(&mut self, inode: &Inode) {
        let xattrs = inode.xattrs();
        self.lose(&xattrs.losses);
        let pair = |xattr: &Xattr| (escaped_name(xattr.name()), Base64(xattr.value.clone()));
        self.xattrs = Pairs(xattrs.all.iter().map(pair).collect());
    }

    fn take_segments(&mut self, file: &File) {
        let mut all = Vec::new();
        for segment in file.segments() {
            match segment {
                Ok(segment) => all.push([segment.start, segment.end.saturating_sub(segment.start)]),
                Err(loss) => self.lose([&loss]),
            }
        }
        self.data = Some(all);
    }

    fn take_hash(&mut self, inode: &Inode) {
        let file = inode.open();
        match hash(&file) {
            Ok(hash) if file.size() > LONGEST => self.sha256_of_data_segments = Some(hash),
            Ok(hash) => self.sha256 = Some(hash),
            Err(loss) => self.lose([&loss]),
        }
    }

    fn lose<'l>(&mut self, losses: impl IntoIterator<Item = &'l Loss>) {
        for loss in losses {
            let loss = loss.to_string();
            match &mut self.error {
                // a block that is lost is met by the segments and by the hash
                Some(said) if said.contains(&loss) => {}
                Some(said) => said.push_str(&format!("; {loss}")),
                None => self.error = Some(loss),
            }
        }
    }
}

impl Stat {
    fn of(inode: &Inode) -> Self {
        let attributes = &inode.attributes;
        let time = |time: Time| [time.sec.0.cast_signed(), i64::try_from(time.nsec).unwrap_or(i64::MAX)];
        Self {
            mode: format!("{:04o}", attributes.mode.0 & 0o7777),
            uid: attributes.uid.0,
            gid: attributes.gid.0,
            nlink: attributes.links,
            size: attributes.size,
            ino: inode.number,
            blocks: inode.blocks(),
            atime: time(attributes.atime),
            mtime: time(attributes.mtime),
            ctime: time(attributes.ctime),
            crtime: time(attributes.crtime),
        }
    }
}

impl Ioctls {
    /// `None` if nothing is set.
    fn of(projid: Option<u64>, flags: ZnodeFlags) -> Option<Self> {
        let all = [
            (flags.immutable(), 0x8, 0x10),
            (flags.appendonly(), 0x10, 0x20),
            (flags.nodump(), 0x80, 0x40),
            (flags.projinherit(), 0x200, 0x2000_0000),
        ];
        let (xflags, fsflags) = all
            .into_iter()
            .filter(|(is_set, ..)| *is_set)
            .fold((0, 0), |(x, f), (_, xflag, fsflag)| (x | xflag, f | fsflag));
        let projid = projid.unwrap_or_default();
        let fsflags = Some(fsflags).filter(|flags| *flags != 0);
        (projid != 0 || xflags != 0).then_some(Self { projid, xflags, fsflags })
    }
}

/// The SHA-256 of the content, or of its data alone if it is too long.
fn hash(file: &File) -> Result<Hex, Loss> {
    let mut hash = Hash(Sha256::new());
    let skips_holes = file.size() > LONGEST;
    file.stream(0..file.size(), |chunk| match &chunk.content {
        Content::Hole if skips_holes => Ok(()),
        Content::Lost(loss) => Err(loss.clone()),
        Content::Data(_) | Content::Hole => {
            // a hash takes all that is written to it
            let _ = chunk.write(&mut hash);
            Ok(())
        }
    })?;
    Ok(Hex(hash.0.finalize().into()))
}

/// Takes what is written to it.
struct Hash(Sha256);

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes a line as JSON.
///
/// # Errors
/// Those of `out`.
pub fn write(line: &Line, mut out: impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut out, line)?;
    out.write_all(b"\n")
}
