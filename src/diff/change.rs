//! What a comparison finds.

use std::fmt;
use std::ops::Range;

use zfsp_grammar::mode::FileType;

use crate::object::Loss;

/// A file, directory, link or whatever it is that changed.
///
/// Paths start at the root of the file system, with a slash. Where no name is known that leads to an object, its number
/// stands for it: `<object 17>/name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Number of its object.
    pub number: u64,
    /// What it is.
    pub kind: FileType,
    /// In which of the states it is.
    pub state: State,
    /// Where it is; of what was removed: where it was.
    pub path: Vec<u8>,
    /// Names that it has instead of others: old path, new path. What is in a renamed directory is not renamed itself.
    pub renamed: Vec<(Vec<u8>, Vec<u8>)>,
    /// Names that it has besides those of before; of what was added: those besides the path.
    pub linked: Vec<Vec<u8>>,
    /// Names that it has lost; of what was removed: those besides the path.
    pub unlinked: Vec<Vec<u8>>,
    /// What is different, if it is in both states.
    pub aspects: Vec<Aspect>,
    /// Bytes that differ, if they were asked for: whole blocks, and whatever one state has more.
    pub ranges: Vec<Range<u64>>,
}

/// In which of the states something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In the second only.
    Added,
    /// In the first only.
    Removed,
    /// In both, but not the same.
    Changed,
}

/// What may be different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    /// The bytes of a file or volume.
    Content,
    /// The names in a directory.
    Entries,
    /// Where a symbolic link leads.
    Target,
    /// Which device it is.
    Device,
    /// Type and permissions.
    Mode,
    /// Owner and group.
    Owner,
    /// Bytes; of a directory: entries.
    Size,
    /// Count of names.
    Links,
    /// Extended attributes.
    Xattrs,
    /// ACLs of both kinds.
    Acl,
    /// What is special about it.
    Flags,
    /// Project.
    Project,
    /// Last access.
    Atime,
    /// Last change of the content.
    Mtime,
    /// Last change of the attributes.
    Ctime,
    /// Creation.
    Crtime,
    /// Nothing that a user sees: where its blocks lie, or how they are stored.
    Storage,
}

impl Aspect {
    /// A word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Entries => "entries",
            Self::Target => "target",
            Self::Device => "device",
            Self::Mode => "mode",
            Self::Owner => "owner",
            Self::Size => "size",
            Self::Links => "links",
            Self::Xattrs => "xattrs",
            Self::Acl => "acl",
            Self::Flags => "flags",
            Self::Project => "project",
            Self::Atime => "atime",
            Self::Mtime => "mtime",
            Self::Ctime => "ctime",
            Self::Crtime => "crtime",
            Self::Storage => "storage",
        }
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The first state, or the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

/// What could not be read of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Which state.
    pub side: Side,
    /// Which block, and why.
    pub loss: Loss,
}

impl Side {
    pub(super) fn lost(self, loss: Loss) -> Lost {
        Lost { side: self, loss }
    }

    /// What was found, if nothing is lost of it.
    pub(super) fn keep<T>(self, read: Result<Option<T>, Loss>, losses: &mut Vec<Lost>) -> Option<T> {
        read.unwrap_or_else(|loss| {
            losses.push(self.lost(loss));
            None
        })
    }
}
