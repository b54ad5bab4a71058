//! Extended attributes of a file: those with its attributes, and those that are files in a directory of their own.
//!
//! Handbook: `docs/format/12-zpl.md`, 12.10.

use zfsp_grammar::input::{Input, Order};
use zfsp_grammar::posix_acl::{PosixAcl, posix_acl};
use zfsp_grammar::xattr::{Namespace, namespace};

use super::inode::Inode;
use crate::block::Why;
use crate::file::{Content, File};
use crate::object::Loss;

/// An extended attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Xattr {
    /// Its name as it is stored.
    pub stored: Vec<u8>,
    /// Any bytes.
    pub value: Vec<u8>,
    /// The file that holds it; `None` if it stands with the attributes.
    pub object: Option<u64>,
}

/// The extended attributes of a file, by name, and what is lost of them.
#[derive(Clone, Debug, Default)]
pub struct Xattrs {
    /// Those that could be read.
    pub all: Vec<Xattr>,
    /// The others.
    pub losses: Vec<Loss>,
}

/// Bytes of a value that are read: Linux allows 64 KiB, other systems more.
const LARGEST: u64 = 16 << 20;
/// Bytes of all values of a file that are held at once.
const MOST: u64 = 64 << 20;

impl Xattrs {
    pub(super) fn of(inode: &Inode) -> Self {
        let with = |(stored, value): &(Vec<u8>, Vec<u8>)| Xattr {
            stored: stored.clone(),
            value: value.clone(),
            object: None,
        };
        let mut found = Self { all: inode.attributes.dxattr.iter().map(with).collect(), losses: Vec::new() };
        found.add_files(inode);
        found.all.sort_by(|a, b| a.stored.cmp(&b.stored));
        found
    }

    fn add_files(&mut self, inode: &Inode) {
        let directory = match inode.xattr_directory() {
            Ok(Some(directory)) => directory,
            Ok(None) => return,
            Err(loss) => return self.losses.push(loss),
        };
        let mut held = 0u64;
        for entry in directory.directory().entries() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(loss) => {
                    self.losses.push(loss);
                    continue;
                }
            };
            // where both have a name, the one with the attributes is newer
            if self.all.iter().any(|known| known.object.is_none() && known.stored == entry.bytes) {
                continue;
            }
            let room = MOST.saturating_sub(held);
            match inode.fs().inode(entry.object).and_then(|file| value(&file, room)) {
                Ok(value) => {
                    held = held.saturating_add(u64::try_from(value.len()).unwrap_or(u64::MAX));
                    self.all.push(Xattr { stored: entry.bytes, value, object: Some(entry.object) });
                }
                Err(loss) => self.losses.push(loss),
            }
        }
    }
}

impl Inode {
    /// The names of its extended attributes as Linux shows them, and what is lost of them. No value is read.
    #[must_use]
    pub fn xattr_names(&self) -> (Vec<Vec<u8>>, Vec<Loss>) {
        let (mut names, mut losses) = (Vec::new(), Vec::new());
        names.extend(self.attributes.dxattr.iter().map(|(stored, _)| linux_name(stored)));
        match self.xattr_directory() {
            Ok(Some(directory)) => {
                for entry in directory.directory().entries() {
                    match entry {
                        Ok(entry) => names.push(linux_name(&entry.bytes)),
                        Err(loss) => losses.push(loss),
                    }
                }
            }
            Ok(None) => {}
            Err(loss) => losses.push(loss),
        }
        names.sort();
        names.dedup();
        (names, losses)
    }

    /// The value of an extended attribute, by its name as Linux shows it; `None` if there is none.
    ///
    /// # Errors
    /// [`Loss`] of the value, or of where it would be.
    pub fn xattr(&self, name: &[u8]) -> Result<Option<Vec<u8>>, Loss> {
        let mut with_attributes = self.attributes.dxattr.iter();
        if let Some((_, value)) = with_attributes.find(|(stored, _)| linux_name(stored) == name) {
            return Ok(Some(value.clone()));
        }
        if let Some(directory) = self.xattr_directory()? {
            let stored = [Some(name), name.strip_prefix(b"user.")];
            for stored in stored.into_iter().flatten().filter(|stored| linux_name(stored) == name) {
                if let Some(entry) = directory.directory().get(stored)? {
                    return value(&self.fs().inode(entry.object)?, LARGEST).map(Some);
                }
            }
        }
        // it may be in what is lost of the attributes
        self.attributes.losses.first().map_or(Ok(None), |loss| Err(loss.clone()))
    }

    fn xattr_directory(&self) -> Result<Option<Inode>, Loss> {
        let number = self.attributes.xattr;
        (number != 0).then(|| self.fs().inode(number)).transpose()
    }
}

/// A name as Linux shows it: with its namespace.
fn linux_name(stored: &[u8]) -> Vec<u8> {
    match namespace(stored) {
        (Namespace::User, name) => [b"user.", name].concat(),
        _ => stored.to_vec(),
    }
}

/// The whole content of a file, if there is room for it.
fn value(inode: &Inode, room: u64) -> Result<Vec<u8>, Loss> {
    let file: File = inode.open();
    if file.size() > LARGEST.min(room) {
        let what = format!("an extended attribute of {} bytes is too large", file.size());
        return Err(Loss::new(inode.at().block(0, 0), Why::Unsupported(what)));
    }
    let mut bytes = Vec::new();
    file.stream(0..file.size(), |chunk| {
        match chunk.content {
            Content::Data(data) => bytes.extend_from_slice(&data),
            Content::Hole => bytes.resize(usize::try_from(chunk.range.end).unwrap_or_default(), 0),
            Content::Lost(loss) => return Err(loss),
        }
        Ok(())
    })?;
    Ok(bytes)
}

impl Xattr {
    /// Its name as Linux shows it: with its namespace.
    #[must_use]
    pub fn name(&self) -> Vec<u8> {
        linux_name(&self.stored)
    }

    /// The POSIX ACL that it is, if it is one.
    #[must_use]
    pub fn posix_acl(&self) -> Option<PosixAcl> {
        if !self.stored.starts_with(b"system.posix_acl_") {
            return None;
        }
        posix_acl(Input::new(&self.value, Order::Little)).ok().map(|(_, acl)| acl)
    }
}
