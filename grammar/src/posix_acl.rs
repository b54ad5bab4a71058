//! POSIX ACLs: the value of the extended attributes `system.posix_acl_access` and
//! `system.posix_acl_default`.
//!
//! In the form of Linux: little-endian whatever the pool. Handbook: [`docs/format/12-zpl.md`], 12.10.
//!
//! ```
//! use zfsp_grammar::{posix_acl::PosixAce, input::{Input, Order, Parse}};
//!
//! let bytes = [1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff];
//! let (_, read) = PosixAce::parse(Input::new(&bytes, Order::Little))?;
//! assert!(read.perm.read() && read.perm.write() && !read.perm.execute());
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//!
//! [`docs/format/12-zpl.md`]: crate::handbook::zpl

use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

use crate::catalogue::{Structure, structure};
use crate::input::{Input, Order, Parse, Parsed, exactly, filling, in_order};
use crate::quantity::Reserved;

pub(crate) const STRUCTURES: &[Structure] = &[structure!(
    "posix-acl",
    "value of system.posix_acl_access or _default",
    "12-zpl.md 12.10",
    PosixAcl = posix_acl
)];

symbols! {
    /// To whom an entry applies.
    pub struct Tag(u16) {
        USER_OBJ = 0x01 "owner",
        USER = 0x02 "user",
        GROUP_OBJ = 0x04 "owning group",
        GROUP = 0x08 "group",
        /// most that users and groups may do
        MASK = 0x10 "mask",
        OTHER = 0x20 "other",
    }
}

bits! {
    /// What an entry allows.
    pub struct Perm(u16) {
        0..1  execute: bool,
        1..2  write: bool,
        2..3  read: bool,
        3..16 reserved: Reserved,
    }
}

record! {
    /// An entry of a POSIX ACL.
    ///
    /// Chapter 12, 12.10.
    pub struct PosixAce: Copy Eq {
        0x0 tag:  Tag,
        0x2 perm: Perm,
        /// uid or gid; all ones where none is meant
        0x4 id:   u32,
    }
    says PosixAce::to_string;
}

record! {
    /// A POSIX ACL.
    ///
    /// Chapter 12, 12.10.
    pub struct PosixAcl: Eq {
        0x0 version: u32 = exactly(2u32),
        0x4 entries: Vec<PosixAce> = filling(8, PosixAce::parse),
    }
}

/// A POSIX ACL.
///
/// # Errors
/// If its version is not 2.
pub fn posix_acl(i: Input<'_>) -> Parsed<'_, PosixAcl> {
    in_order(Order::Little, PosixAcl::parse)(i)
}

impl fmt::Display for PosixAce {
    /// `user 1000 rw-`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let perm = self.perm;
        let letter = |set, letter| if set { letter } else { '-' };
        let (r, w, x) = (letter(perm.read(), 'r'), letter(perm.write(), 'w'), letter(perm.execute(), 'x'));
        match self.tag {
            Tag::USER | Tag::GROUP => write!(f, "{} {} {r}{w}{x}", self.tag, self.id),
            tag => write!(f, "{tag} {r}{w}{x}"),
        }
    }
}
