//! Records of access control lists, and the identities in all records.
//!
//! ACEs in the log have the form of the system call, not that of the disk: a number for who, and where it
//! stands for a name of a domain, the name follows behind all ACEs. Linux writes none of this. Handbook:
//! `docs/format/13-space.md`, 13.8, "acl_create", "acl_v0" and "acl".

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use nom::combinator::cond;

use crate::acl::{AceFlags, AceMask, AceType};
use crate::input::{
    Input, Parse, Parsed, Text, Why, bytes, fail, filling, framed, list, nul_terminated, rest,
};
use crate::quantity::{Bytes, Reserved};
use crate::tree::Problem;
use crate::zil::record::Foid;

bits! {
    /// A user or group.
    pub struct Fuid(u64) {
        0..32  id: u32,
        /// 0: a plain number; n: the n-th domain that the record names
        32..64 domain: u32,
    }
}

impl Fuid {
    /// How many different domains these name.
    pub(super) fn domains([a, b]: [Fuid; 2]) -> usize {
        let (a, b) = (a.domain(), b.domain());
        usize::from(a != 0).saturating_add(usize::from(b != 0 && b != a))
    }
}

impl fmt::Display for Fuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.domain() {
            0 => write!(f, "{}", self.id()),
            domain => write!(f, "{domain}:{}", self.id()),
        }
    }
}

record! {
    /// `ace_t`: an entry of an ACL in the form of the system call.
    ///
    /// Chapter 13, 13.8.
    pub struct Ace<'a> {
        /// user or group; means nothing where the flags say owner, group or everyone
        0x0 who:    u32,
        0x4 mask:   AceMask,
        0x8 flags:  AceFlags,
        0xa kind:   AceType,
        /// object type and inherited object type, of types 5 to 8
        0xc object: Option<&'a [u8]> = cond((AceType::ALLOW_OBJECT..=AceType::ALARM_OBJECT).contains(&kind), bytes(32usize)),
    }
    says Ace::summary;
}

impl Ace<'_> {
    fn summary(&self) -> String {
        let who = match (self.flags.owner(), self.flags.group(), self.flags.everyone()) {
            (true, ..) => "owner@".into(),
            (_, true, _) => "group@".into(),
            (_, _, true) => "everyone@".into(),
            _ if self.flags.identifier_group() => format!("group {}", self.who),
            _ => format!("user {}", self.who),
        };
        format!("{} {who} {:#x}", self.kind, self.mask.0)
    }
}

/// Bytes of an [`Ace`] without object types.
const ACE_SIZE: usize = 12;

/// ACEs in `len` bytes, and on to the next multiple of 8.
pub(super) fn aces<'a>(len: Bytes) -> impl FnMut(Input<'a>) -> Parsed<'a, Vec<Ace<'a>>> {
    let len = usize::try_from(len.0).unwrap_or(usize::MAX);
    let padding = len.checked_next_multiple_of(8).and_then(|end| end.checked_sub(len));
    move |i| {
        let (i, all) = framed(len, filling(ACE_SIZE, Ace::parse))(i)?;
        let (i, _) = bytes(padding.unwrap_or_default())(i)?;
        Ok((i, all))
    }
}

/// `n` identities of ACEs.
pub(super) fn fuids<'a>(n: u64) -> impl FnMut(Input<'a>) -> Parsed<'a, Vec<Fuid>> {
    list(usize::try_from(n).unwrap_or(usize::MAX), Fuid::parse)
}

/// `n` names of domains. Each is there for one of the `fuids` at least, or for user or group.
pub(super) fn domains<'a>(n: u64, fuids: u64) -> impl FnMut(Input<'a>) -> Parsed<'a, Vec<Text<'a>>> {
    move |i| {
        let most = fuids.saturating_add(2);
        if n > most {
            return fail(i, Why::OutOfRange { least: 0, most, found: n });
        }
        list(usize::try_from(n).unwrap_or(usize::MAX), nul_terminated)(i)
    }
}

bits! {
    /// Of the whole ACL.
    pub struct AclFlags(u64) {
        0..1  auto_inherit: bool,
        1..2  protected: bool,
        2..3  defaulted: bool,
        3..64 reserved: Reserved,
    }
}

record! {
    /// How long an ACL is that follows.
    ///
    /// Chapter 13, 13.8.
    pub struct AclHead: Copy {
        /// ACEs
        0x00 aclcnt:    u64,
        /// names of domains
        0x08 domcnt:    u64,
        /// identities
        0x10 fuidcnt:   u64,
        /// bytes of all ACEs
        0x18 acl_bytes: Bytes,
        0x20 acl_flags: AclFlags,
    }
}

record! {
    /// `TX_ACL` (`lr_acl_t`).
    ///
    /// Chapter 13, 13.8.
    pub struct Acl<'a> {
        0x00 foid:    Foid,
        0x08 head:    AclHead,
        0x30 aces:    Vec<Ace<'a>> = aces(head.acl_bytes),
             fuids:   Vec<Fuid> = fuids(head.fuidcnt),
             domains: Vec<Text<'a>> = domains(head.domcnt, head.fuidcnt),
             /// up to a multiple of 8 bytes
             padding: &'a [u8] = rest,
    }
    says Acl::summary;
    judge Acl::judge;
}

impl Acl<'_> {
    fn summary(&self) -> String {
        format!("object {}, {} entries", self.foid.object(), self.aces.len())
    }
    fn judge(&self) -> Option<Problem> {
        let counted = u64::try_from(self.aces.len()) == Ok(self.head.aclcnt);
        (!counted).then(|| Problem::corrupt("the number of ACEs contradicts their bytes"))
    }
}

record! {
    /// `TX_ACL_V0` (`lr_acl_v0_t`), before ZPL version 3.
    ///
    /// Chapter 13, 13.8.
    pub struct AclV0<'a> {
        0x00 foid:    Foid,
        /// ACEs
        0x08 aclcnt:  u64,
        0x10 aces:    Vec<Ace<'a>> = list(usize::try_from(aclcnt).unwrap_or(usize::MAX), Ace::parse),
             /// up to a multiple of 8 bytes
             padding: &'a [u8] = rest,
    }
    says AclV0::summary;
}

impl AclV0<'_> {
    fn summary(&self) -> String {
        format!("object {}, {} entries", self.foid.object(), self.aces.len())
    }
}
