//! Names of blocks: which one is meant, or lost.
//!
//! Handbook: `docs/format/06-dnode-objset.md`, 6.4.

use std::fmt;

use crate::block::Lost;
use crate::error::Error;

/// An object of an object set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectAt {
    /// MOS object of the dataset; 0: the MOS itself.
    pub objset: u64,
    /// Its number; 0: the meta dnode, below 0: accounting.
    pub object: i64,
}

/// Names a block, as zdb and the error log do: `<objset, object, level, blkid>`.
///
/// Chapter 06, 6.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bookmark {
    /// Whose block it is.
    pub at: ObjectAt,
    /// 0 for data, n for indirect blocks, -1 for the object set itself, -2 for log blocks.
    pub level: i64,
    /// Number of the block on its level; [`SPILL`] for the spill block, [`DNODE`] for the dnode.
    pub blkid: u64,
}

/// Number of the spill block in bookmarks.
pub const SPILL: u64 = u64::MAX - 1;
/// Stands for the dnode itself, with its bonus, in bookmarks.
pub const DNODE: u64 = u64::MAX;

/// A block of an object that could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {lost}")]
pub struct Loss {
    /// Which block.
    pub at: Bookmark,
    /// Why.
    pub lost: Lost,
}

impl Loss {
    pub(crate) fn new(at: Bookmark, why: impl Into<Lost>) -> Self {
        Self { at, lost: why.into() }
    }
}

impl From<Loss> for Error {
    fn from(loss: Loss) -> Self {
        let at = loss.at;
        Error::from(loss.lost).within(&at)
    }
}

impl ObjectAt {
    /// A block of it.
    #[must_use]
    pub fn block(self, level: i64, blkid: u64) -> Bookmark {
        Bookmark { at: self, level, blkid }
    }
}

impl fmt::Display for ObjectAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.objset {
            0 => write!(f, "MOS object {}", self.object),
            objset => write!(f, "dataset {objset} object {}", self.object),
        }
    }
}

impl fmt::Display for Bookmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, level, blkid } = self;
        match (level, *blkid) {
            (-1, _) if at.objset == 0 => f.write_str("MOS"),
            (-1, _) => write!(f, "dataset {}", at.objset),
            (-2, seq) => write!(f, "dataset {} log block {seq}", at.objset),
            (_, SPILL) => write!(f, "{at} spill block"),
            (_, DNODE) => write!(f, "{at}"),
            (0, blkid) => write!(f, "{at} block {blkid}"),
            (level, blkid) => write!(f, "{at} level {level} block {blkid}"),
        }
    }
}
