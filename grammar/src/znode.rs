//! The old format of a file's attributes: `znode_phys` in the bonus of the dnode.
//!
//! Files that were made before ZPL version 5 keep it, also in file systems that were upgraded
//! later. Behind the 264 bytes may stand the target of a short symbolic link. Handbook:
//! `docs/format/12-zpl.md`, 12.4 and 12.5.

use alloc::format;
use alloc::string::{String, ToString};

use nom::Parser;

use core::fmt;

use crate::acl::ZnodeAcl;
use crate::catalogue::{Structure, structure};
use crate::device::Device;
use crate::fuid::Fuid;
use crate::input::{Input, Parsed, Text, bytes};
use crate::mode::{FileType, Mode};
use crate::quantity::{ObjectId, Reserved, Timestamp, Txg, Words, utc};
use crate::tree::Problem;

pub(crate) const STRUCTURES: &[Structure] = &[
    structure!('a: "znode", "attributes of a file of ZPL 1 to 4: bonus of type 17", "12-zpl.md 12.4", Znode<'a>),
    structure!('a: "symlink", "target of a symbolic link", "12-zpl.md 12.12", Text<'a> = target),
];

/// All that is left, but for the zeros that fill the block.
fn target(i: Input<'_>) -> Parsed<'_, Text<'_>> {
    let len = i.bytes().iter().position(|b| *b == 0).unwrap_or(i.bytes().len());
    bytes(len).map(Text).parse_complete(i)
}

record! {
    /// A time of a file.
    ///
    /// Chapter 12, 12.14.
    pub struct Time: Copy Eq Hash PartialOrd Ord Default {
        /// since 1970, before it negative
        0x0 sec:  Timestamp,
        /// forward from that second
        0x8 nsec: u64,
    }
    says Time::to_string;
    judge Time::judge;
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = utc(self.sec.0.cast_signed());
        write!(f, "{}.{:09}Z", seconds.trim_end_matches('Z'), self.nsec)
    }
}

impl Time {
    /// Nanoseconds in a second.
    const SECOND: u64 = 1_000_000_000;

    fn judge(&self) -> Option<Problem> {
        (self.nsec >= Self::SECOND).then(|| Problem::corrupt("a second or more of nanoseconds"))
    }
}

bits! {
    /// `z_flags`: what is special about a file.
    ///
    /// Chapter 12, 12.5.
    pub struct ZnodeFlags(u64) {
        /// a directory of extended attributes, or one of them
        0..1   xattr: bool,
        /// its ACL has entries to inherit
        1..2   inherit_ace: bool,
        /// its ACL says what the mode says
        2..3   acl_trivial: bool,
        /// its ACL has entries that name types of objects
        3..4   acl_obj_ace: bool,
        4..5   acl_protected: bool,
        5..6   acl_defaulted: bool,
        6..7   acl_auto_inherit: bool,
        /// behind the znode stands a stamp
        7..8   bonus_scanstamp: bool,
        /// no entry denies to execute
        8..9   no_execs_denied: bool,
        9..32  reserved: Reserved,
        32..33 readonly: bool,
        33..34 hidden: bool,
        34..35 system: bool,
        35..36 archive: bool,
        36..37 immutable: bool,
        37..38 nounlink: bool,
        38..39 appendonly: bool,
        39..40 nodump: bool,
        40..41 opaque: bool,
        41..42 av_quarantined: bool,
        /// changed since it was last scanned
        42..43 av_modified: bool,
        43..44 reparse: bool,
        44..45 offline: bool,
        45..46 sparse: bool,
        46..47 projinherit: bool,
        /// it has the attribute PROJID
        47..48 projid: bool,
        48..64 reserved2: Reserved,
    }
}

record! {
    /// `znode_phys_t`.
    ///
    /// Chapter 12, 12.4.
    pub struct Znode<'a> {
        /// last access
        0x000 atime:  Time,
        /// last change of the content
        0x010 mtime:  Time,
        /// last change of the attributes
        0x020 ctime:  Time,
        /// creation
        0x030 crtime: Time,
        /// of the creation
        0x040 generation: Txg,
        0x048 mode:   Mode,
        /// in bytes; of a directory: entries, and two
        0x050 size:   u64,
        /// the directory; of a file with several links: one of them
        0x058 parent: ObjectId,
        /// names that it has; of a directory: subdirectories, and two
        0x060 links:  u64,
        /// directory of its extended attributes
        0x068 xattr:  ObjectId,
        /// which device it is
        0x070 rdev:   Device,
        0x078 flags:  ZnodeFlags,
        0x080 uid:    Fuid,
        0x088 gid:    Fuid,
        /// once for further attributes
        0x090 zap:    ObjectId,
        0x098 pad:    Words<3>,
        0x0b0 acl:    ZnodeAcl<'a>,
        0x108 tail:   Tail<'a> = tail(mode, size, flags),
    }
    says Znode::summary;
}

one_of! {
    /// What stands behind the znode.
    pub enum Tail<'a> {
        /// Nothing, or nothing that means anything.
        Nothing(&'a [u8]),
        /// Target of the symbolic link.
        Symlink(Text<'a>),
        /// Stamp of a virus scanner.
        Scanstamp(&'a [u8]),
    }
}

/// Bytes of a stamp.
pub const SCANSTAMP_SIZE: usize = 32;

fn tail<'a>(mode: Mode, size: u64, flags: ZnodeFlags) -> impl FnMut(Input<'a>) -> Parsed<'a, Tail<'a>> {
    move |i| {
        let left = i.bytes().len();
        let target = usize::try_from(size).ok().filter(|size| (1..=left).contains(size));
        match (mode.kind(), target) {
            (FileType::SYMLINK, Some(target)) => {
                bytes(target).map(|target| Tail::Symlink(Text(target))).parse_complete(i)
            }
            _ if flags.bonus_scanstamp() && left >= SCANSTAMP_SIZE => {
                bytes(SCANSTAMP_SIZE).map(Tail::Scanstamp).parse_complete(i)
            }
            _ => bytes(0usize).map(Tail::Nothing).parse_complete(i),
        }
    }
}

impl<'a> Znode<'a> {
    /// The target of a symbolic link, if it stands here; else it is in data block 0.
    #[must_use]
    pub fn symlink(&self) -> Option<Text<'a>> {
        match self.tail {
            Tail::Symlink(target) => Some(target),
            _ => None,
        }
    }
    fn summary(&self) -> String {
        summary(self.mode, self.uid, self.gid, self.size)
    }
}

/// A file in a line.
pub(crate) fn summary(mode: Mode, uid: Fuid, gid: Fuid, size: u64) -> String {
    format!("{mode} {uid}:{gid}, size {size}")
}
