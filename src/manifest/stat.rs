//! What `stat` shows of an inode, and what two ioctls of Linux do.

use serde::Serialize;
use zfsp_grammar::znode::{Time, ZnodeFlags};

use crate::fs::{Inode, LinuxFlags};

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

impl Stat {
    pub(super) fn of(inode: &Inode) -> Self {
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
    pub(super) fn of(projid: Option<u64>, flags: ZnodeFlags) -> Option<Self> {
        let LinuxFlags { xflags, fsflags } = flags.into();
        let projid = projid.unwrap_or_default();
        let fsflags = Some(fsflags).filter(|flags| *flags != 0);
        (projid != 0 || xflags != 0).then_some(Self { projid, xflags, fsflags })
    }
}
