//! Nodes of the tree, and what `stat` shows of them.

use zfsp_grammar::device::Device;
use zfsp_grammar::fuid::Fuid;
use zfsp_grammar::mode::FileType;
use zfsp_grammar::quantity::Timestamp;
use zfsp_grammar::znode::Time;

use super::number::{Made, Number};
use crate::fs::Inode;
use crate::volume::Volume;

/// What there is at a place of the tree.
#[derive(Clone, Debug)]
pub enum Node {
    /// A directory that no file system has.
    Made(Made),
    /// What a file system has.
    Inode(Box<Inode>),
    /// A volume.
    Volume(Box<Volume>),
}

/// What `stat` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Of the node.
    pub number: Number,
    /// What it is.
    pub kind: FileType,
    /// Permissions: the lower twelve bits.
    pub permissions: u16,
    /// Bytes; of a directory: entries, and two.
    pub size: u64,
    /// Space that it takes, in units of 512 bytes.
    pub blocks: u64,
    /// Bytes of a block of the content.
    pub block_size: u64,
    /// Names that it has.
    pub links: u64,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Which device it is.
    pub rdev: Option<Device>,
    /// Last access.
    pub atime: Time,
    /// Last change of the content.
    pub mtime: Time,
    /// Last change of the attributes.
    pub ctime: Time,
    /// Creation.
    pub crtime: Time,
    /// Txg of the creation: tells objects apart that had the same number.
    pub generation: u64,
}

/// The owner of what belongs to nobody who has a number here, as Linux shows it: identities of other domains.
const NOBODY: u32 = 65_534;
/// Bytes of a block where there is none.
const BLOCK: u64 = 4096;

impl Node {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> FileType {
        match self {
            Self::Made(_) => FileType::DIRECTORY,
            Self::Inode(inode) => inode.kind(),
            Self::Volume(_) => FileType::REGULAR,
        }
    }

    /// What `stat` shows of it; `now` is when the pool was written last.
    #[must_use]
    pub fn stat(&self, number: Number, now: Timestamp) -> Stat {
        match self {
            Self::Made(_) => Stat { permissions: 0o555, links: 2, ..self.made(number, now) },
            Self::Volume(volume) => {
                let object = volume.object();
                Stat {
                    permissions: 0o444,
                    size: volume.size,
                    blocks: object.used.saturating_add(256) / 512,
                    block_size: object.block_size,
                    ..self.made(number, now)
                }
            }
            Self::Inode(inode) => of_inode(inode, number),
        }
    }

    fn made(&self, number: Number, now: Timestamp) -> Stat {
        let now = Time { sec: now, nsec: 0 };
        Stat {
            number,
            kind: self.kind(),
            permissions: 0,
            size: 0,
            blocks: 0,
            block_size: BLOCK,
            links: 1,
            uid: 0,
            gid: 0,
            rdev: None,
            atime: now,
            mtime: now,
            ctime: now,
            crtime: now,
            generation: 0,
        }
    }
}

fn of_inode(inode: &Inode, number: Number) -> Stat {
    let attributes = &inode.attributes;
    let id = |fuid: Fuid| u32::try_from(fuid.0).unwrap_or(NOBODY);
    Stat {
        number,
        kind: inode.kind(),
        permissions: u16::try_from(attributes.mode.0 & 0o7777).unwrap_or_default(),
        size: attributes.size,
        // what the intent log will write takes no space yet
        blocks: inode.blocks().or_else(|| Some(inode.object()?.used / 512)).unwrap_or_default(),
        block_size: inode.object().map_or(BLOCK, |object| object.block_size),
        links: attributes.links,
        uid: id(attributes.uid),
        gid: id(attributes.gid),
        rdev: attributes.rdev.filter(|_| inode.kind().is_device()),
        atime: attributes.atime,
        mtime: attributes.mtime,
        ctime: attributes.ctime,
        crtime: attributes.crtime,
        generation: attributes.generation.0,
    }
}
