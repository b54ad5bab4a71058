//! ACLs of files: native entries, which old file systems may keep in an object of their own, and POSIX ACLs, which are
//! extended attributes.
//!
//! Handbook: `docs/format/12-zpl.md`, 12.6 and 12.10.

use std::fmt;

use zfsp_grammar::acl::{Ace, AceFlags, AceMask, AceType, OldAce, Who, ZnodeAcl, aces, old_aces};
use zfsp_grammar::input::{Input, fault};

use crate::block::Why;
use crate::object::{DNODE, Loss, Object};

/// Where the ACL of a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acl {
    /// With its attributes.
    Here(Vec<Entry>),
    /// In an object of its own.
    There {
        /// Which object.
        object: u64,
        /// 0: entries of ZPL 1 and 2.
        version: u16,
        /// Bytes of the entries.
        size: u64,
    },
}

impl Default for Acl {
    fn default() -> Self {
        Self::Here(Vec::new())
    }
}

/// An entry of an ACL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it does.
    pub kind: AceType,
    /// To whom it applies.
    pub who: Who,
    /// What it allows or denies.
    pub access_mask: AceMask,
    /// How it is inherited.
    pub flags: AceFlags,
    /// The types of objects that it is about, and that inherit it.
    pub types: Option<[Vec<u8>; 2]>,
}

impl From<&Ace<'_>> for Entry {
    fn from(ace: &Ace<'_>) -> Self {
        let types = match ace {
            Ace::Object(ace) => Some([ace.object_type, ace.inherit_type].map(<[u8]>::to_vec)),
            Ace::Abstract(_) | Ace::Full(_) => None,
        };
        Self { kind: ace.kind(), who: ace.who(), access_mask: ace.access_mask(), flags: ace.flags(), types }
    }
}

impl From<&OldAce> for Entry {
    fn from(ace: &OldAce) -> Self {
        Self { kind: ace.kind, who: ace.who(), access_mask: ace.access_mask, flags: ace.flags, types: None }
    }
}

/// Bytes of an entry of ZPL 1 and 2.
const OLD_ACE: u64 = 12;
/// Bytes of an ACL: 1024 entries of the largest kind.
const LARGEST: u64 = 64 << 10;

impl Acl {
    /// The ACL of a znode.
    pub(super) fn of_znode(acl: &ZnodeAcl<'_>) -> Self {
        match acl {
            ZnodeAcl::V0(acl) => match &acl.ace_data {
                Some(entries) => Self::Here(entries.iter().map(Entry::from).collect()),
                None => {
                    let size = u64::from(acl.count).saturating_mul(OLD_ACE);
                    Self::There { object: acl.extern_obj.0, version: 0, size }
                }
            },
            ZnodeAcl::V1(acl) => match &acl.ace_data {
                Some(entries) => Self::Here(entries.iter().map(Entry::from).collect()),
                None => Self::There { object: acl.extern_obj.0, version: 1, size: acl.size.into() },
            },
        }
    }

    /// The entries in the content of the object that an ACL is in.
    pub(super) fn read(object: &Object, version: u16, size: u64) -> Result<Vec<Entry>, Loss> {
        let (bytes, order) = object.content(size.min(LARGEST)).whole()?;
        let input = Input::new(&bytes, order);
        let read = match version {
            0 => old_aces(input).map(|(_, all)| all.iter().map(Entry::from).collect()),
            _ => aces(input).map(|(_, all)| all.iter().map(Entry::from).collect()),
        };
        read.map_err(|e| Loss::new(object.at.block(0, DNODE), Why::Corrupt(format!("ACL: {}", fault(e)))))
    }
}

impl fmt::Display for Entry {
    /// As `ls -v` of Solaris and `getfacl` of FreeBSD print it: `owner@:rw-p--aARWcCos:-------:allow`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}:{}", self.who, letters(MASK, self.access_mask.0.into()), self.flags(), self.kind)
    }
}

impl Entry {
    fn flags(&self) -> String {
        letters(FLAGS, self.flags.0.into())
    }
}

/// Letters of the permissions, by their bits.
const MASK: &[(u64, char)] = &[
    (0x1, 'r'),
    (0x2, 'w'),
    (0x20, 'x'),
    (0x4, 'p'),
    (0x1_0000, 'd'),
    (0x40, 'D'),
    (0x80, 'a'),
    (0x100, 'A'),
    (0x8, 'R'),
    (0x10, 'W'),
    (0x2_0000, 'c'),
    (0x4_0000, 'C'),
    (0x8_0000, 'o'),
    (0x10_0000, 's'),
];

/// Letters of the flags, by their bits.
const FLAGS: &[(u64, char)] =
    &[(0x1, 'f'), (0x2, 'd'), (0x8, 'i'), (0x4, 'n'), (0x10, 'S'), (0x20, 'F'), (0x80, 'I')];

fn letters(all: &[(u64, char)], bits: u64) -> String {
    all.iter().map(|(bit, letter)| if bits & bit != 0 { *letter } else { '-' }).collect()
}
