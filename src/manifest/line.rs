//! What a line says.

use std::fmt;

use serde::Serialize;
use zfsp_grammar::mode::FileType;

use super::hash::{LONGEST, hash};
use super::{Base64, Depth, Hex, Ioctls, Outline, Pairs, Stat};
use crate::file::File;
use crate::fs::Inode;
use crate::fs::xattr::Xattr;
use crate::namespace::escape::escaped;
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
    /// What the dnode of an object says, where the rest is locked.
    #[serde(flatten)]
    pub outline: Option<Outline>,
    /// It is encrypted, and its key was not given.
    #[serde(skip_serializing_if = "is_false")]
    pub locked: bool,
    /// What could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why there is nothing of the dataset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_error: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde calls it
fn is_false(is: &bool) -> bool {
    !is
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

    /// What there is to say of a volume; if it is locked, which stretches it has, and no hash.
    #[must_use]
    pub fn of_volume(dataset: &str, volume: &Volume, depth: Depth) -> Self {
        let (dataset, r#type) = (dataset.into(), Some("volume"));
        let mut line = Self { dataset, r#type, volsize: Some(volume.size), ..Self::default() };
        if volume.is_locked() {
            line.locked = true;
            if depth >= Depth::Segments {
                line.take_segments(&volume.data());
            }
        } else if depth == Depth::Hashes {
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

    pub(super) fn take_segments(&mut self, file: &File) {
        let mut all = Vec::new();
        for segment in file.segments() {
            match segment {
                Ok(segment) => all.push([segment.start, segment.end.saturating_sub(segment.start)]),
                Err(loss) => self.lose([&loss]),
            }
        }
        self.data = Some(all);
    }

    pub(super) fn take_hash(&mut self, inode: &Inode) {
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

pub(super) fn word(kind: FileType) -> Option<&'static str> {
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
