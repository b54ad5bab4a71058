//! Access control lists in the manner of NFSv4: every file has one beside its mode.
//!
//! Entries are of two kinds. *Old* ones (ZPL 1 and 2) take 12 bytes each. *New* ones take 8 for the
//! owner, the group and everyone, 16 for another identity, 48 where they name object types. They
//! stand in the attributes of the file (chapter 12, 12.3), in its znode, or, where they do not fit
//! there, in an object of their own. Handbook: [`docs/format/12-zpl.md`], 12.6.
//!
//! ```
//! use zfsp_grammar::{acl::AbstractAce, input::{Input, Order, Parse}};
//!
//! let bytes = [0x00, 0x00, 0x00, 0x10, 0x9f, 0x01, 0x1e, 0x00];
//! let (_, read) = AbstractAce::parse(Input::new(&bytes, Order::Little))?;
//! assert!(read.flags.owner());
//! assert_eq!(read.access_mask.0, 0x1e_019f);
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//!
//! [`docs/format/12-zpl.md`]: crate::handbook::zpl

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use nom::Parser;
use nom::combinator::cond;

use crate::catalogue::{Structure, structure};
use crate::fuid::Fuid;
use crate::input::{Input, Parse, Parsed, Why, ahead, bytes, fail, framed, list, until};
use crate::quantity::{ObjectId, Reserved};
use crate::tree::Problem;

pub(crate) const STRUCTURES: &[Structure] = &[
    structure!("acl-v0", "old access control entries: object of ZPL 1 and 2", "12-zpl.md 12.6", Vec<OldAce> = old_aces),
    structure!('a: "acl", "access control entries: object, or attribute DACL_ACES", "12-zpl.md 12.6", Vec<Ace<'a>> = aces),
    structure!('a: "znode-acl", "ACL in a znode, of either version", "12-zpl.md 12.6", ZnodeAcl<'a>),
];

/// Bytes of an [`OldAce`].
pub const OLD_ACE_SIZE: usize = 12;
/// Bytes of entries that fit into a znode.
pub const EMBEDDED: usize = 72;

symbols! {
    /// What an entry does.
    pub struct AceType(u16) {
        ALLOW = 0 "allow",
        DENY = 1 "deny",
        AUDIT = 2 "audit",
        ALARM = 3 "alarm",
        ALLOW_COMPOUND = 4 "allow compound",
        ALLOW_OBJECT = 5 "allow object",
        DENY_OBJECT = 6 "deny object",
        AUDIT_OBJECT = 7 "audit object",
        ALARM_OBJECT = 8 "alarm object",
        ALLOW_CALLBACK = 9 "allow callback",
        DENY_CALLBACK = 10 "deny callback",
        ALLOW_CALLBACK_OBJECT = 11 "allow callback object",
        DENY_CALLBACK_OBJECT = 12 "deny callback object",
        AUDIT_CALLBACK = 13 "audit callback",
        ALARM_CALLBACK = 14 "alarm callback",
        AUDIT_CALLBACK_OBJECT = 15 "audit callback object",
        ALARM_CALLBACK_OBJECT = 16 "alarm callback object",
    }
}

bits! {
    /// To whom and to what an entry applies.
    pub struct AceFlags(u16) {
        0..1   file_inherit: bool,
        1..2   dir_inherit: bool,
        2..3   no_propagate: bool,
        3..4   inherit_only: bool,
        4..5   successful_access: bool,
        5..6   failed_access: bool,
        /// who is a group
        6..7   identifier_group: bool,
        7..8   inherited: bool,
        8..12  reserved: Reserved,
        12..13 owner: bool,
        13..14 group: bool,
        14..15 everyone: bool,
        15..16 reserved2: Reserved,
    }
}

bits! {
    /// What an entry allows or denies.
    pub struct AceMask(u32) {
        /// of a directory: list
        0..1   read_data: bool,
        /// of a directory: add a file
        1..2   write_data: bool,
        /// of a directory: add a subdirectory
        2..3   append_data: bool,
        3..4   read_xattr: bool,
        4..5   write_xattr: bool,
        /// of a directory: traverse
        5..6   execute: bool,
        6..7   delete_child: bool,
        7..8   read_attributes: bool,
        8..9   write_attributes: bool,
        9..16  reserved: Reserved,
        16..17 delete: bool,
        17..18 read_acl: bool,
        18..19 write_acl: bool,
        19..20 write_owner: bool,
        20..21 synchronize: bool,
        21..32 reserved2: Reserved,
    }
}

/// To whom an entry applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The owner of the file.
    Owner,
    /// The group of the file.
    Group,
    /// Everyone.
    Everyone,
    /// A user.
    User(Fuid),
    /// A group.
    NamedGroup(Fuid),
}

impl core::fmt::Display for Who {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Who::Owner => f.write_str("owner@"),
            Who::Group => f.write_str("group@"),
            Who::Everyone => f.write_str("everyone@"),
            Who::User(id) => write!(f, "user:{id}"),
            Who::NamedGroup(id) => write!(f, "group:{id}"),
        }
    }
}

impl AceFlags {
    /// Owner, group or everyone; `None` if another identity tells.
    fn special(self) -> Option<Who> {
        match self.0 & 0x7040 {
            0x1000 => Some(Who::Owner),
            0x2040 => Some(Who::Group),
            0x4000 => Some(Who::Everyone),
            _ => None,
        }
    }
    fn who(self, id: Fuid) -> Who {
        let named = if self.identifier_group() { Who::NamedGroup(id) } else { Who::User(id) };
        self.special().unwrap_or(named)
    }
}

record! {
    /// `zfs_oldace_t`: an entry of ZPL 1 and 2.
    ///
    /// Chapter 12, 12.6.
    pub struct OldAce: Copy Eq {
        /// an id; meaningless for owner, group and everyone
        0x0 fuid:        u32,
        0x4 access_mask: AceMask,
        0x8 flags:       AceFlags,
        0xa kind:        AceType,
    }
    says OldAce::summary;
}

record! {
    /// `zfs_ace_hdr_t`: an entry for owner, group or everyone.
    ///
    /// Chapter 12, 12.6.
    pub struct AbstractAce: Copy Eq {
        0x0 kind:        AceType,
        0x2 flags:       AceFlags,
        0x4 access_mask: AceMask,
    }
    says AbstractAce::summary;
}

record! {
    /// `zfs_ace_t`: an entry for an identity.
    ///
    /// Chapter 12, 12.6.
    pub struct FullAce: Copy Eq {
        0x0 kind:        AceType,
        0x2 flags:       AceFlags,
        0x4 access_mask: AceMask,
        0x8 fuid:        Fuid,
    }
    says FullAce::summary;
}

record! {
    /// `zfs_object_ace_t`: an entry that names types of objects.
    ///
    /// Chapter 12, 12.6.
    pub struct ObjectAce<'a>: Copy Eq {
        0x00 kind:         AceType,
        0x02 flags:        AceFlags,
        0x04 access_mask:  AceMask,
        0x08 fuid:         Fuid,
        0x10 object_type:  &'a [u8] = bytes(16usize),
        0x20 inherit_type: &'a [u8] = bytes(16usize),
    }
    says ObjectAce::summary;
}

one_of! {
    /// An entry; type and flags tell how long it is.
    ///
    /// Chapter 12, 12.6.
    pub enum Ace<'a>: Copy Eq {
        /// For owner, group or everyone.
        Abstract(AbstractAce),
        /// For an identity.
        Full(FullAce),
        /// With types of objects.
        Object(ObjectAce<'a>),
    }
}

impl<'a> Parse<'a> for Ace<'a> {
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        let (i, head) = ahead(0, AbstractAce::parse)(i)?;
        match head.kind {
            AceType::ALLOW | AceType::DENY if head.flags.special().is_some() => {
                AbstractAce::parse.map(Ace::Abstract).parse_complete(i)
            }
            AceType(5..=8) => ObjectAce::parse.map(Ace::Object).parse_complete(i),
            _ => FullAce::parse.map(Ace::Full).parse_complete(i),
        }
    }
}

fn summary(kind: AceType, who: Who, mask: AceMask) -> String {
    format!("{kind} {who} {:#x}", mask.0)
}

impl OldAce {
    /// To whom it applies.
    #[must_use]
    pub fn who(&self) -> Who {
        self.flags.who(Fuid(u64::from(self.fuid)))
    }
    fn summary(&self) -> String {
        summary(self.kind, self.who(), self.access_mask)
    }
}
impl AbstractAce {
    fn summary(&self) -> String {
        summary(self.kind, self.flags.who(Fuid(0)), self.access_mask)
    }
}
impl FullAce {
    fn summary(&self) -> String {
        summary(self.kind, self.flags.who(self.fuid), self.access_mask)
    }
}
impl ObjectAce<'_> {
    fn summary(&self) -> String {
        summary(self.kind, self.flags.who(self.fuid), self.access_mask)
    }
}

impl Ace<'_> {
    /// What it does.
    #[must_use]
    pub fn kind(&self) -> AceType {
        match self {
            Ace::Abstract(ace) => ace.kind,
            Ace::Full(ace) => ace.kind,
            Ace::Object(ace) => ace.kind,
        }
    }
    /// To whom it applies.
    #[must_use]
    pub fn who(&self) -> Who {
        match self {
            Ace::Abstract(ace) => ace.flags.who(Fuid(0)),
            Ace::Full(ace) => ace.flags.who(ace.fuid),
            Ace::Object(ace) => ace.flags.who(ace.fuid),
        }
    }
    /// How it is inherited.
    #[must_use]
    pub fn flags(&self) -> AceFlags {
        match self {
            Ace::Abstract(ace) => ace.flags,
            Ace::Full(ace) => ace.flags,
            Ace::Object(ace) => ace.flags,
        }
    }
    /// What it allows or denies.
    #[must_use]
    pub fn access_mask(&self) -> AceMask {
        match self {
            Ace::Abstract(ace) => ace.access_mask,
            Ace::Full(ace) => ace.access_mask,
            Ace::Object(ace) => ace.access_mask,
        }
    }
}

/// Entries up to the end, or to the zeros that fill the block: they would allow nobody nothing.
///
/// # Errors
/// Where the bytes end within an entry.
pub fn aces(i: Input<'_>) -> Parsed<'_, Vec<Ace<'_>>> {
    until(behind_last(i), Ace::parse)(i)
}

/// Old entries up to the end, or to the zeros that fill the block.
///
/// # Errors
/// Where the bytes end within an entry.
pub fn old_aces(i: Input<'_>) -> Parsed<'_, Vec<OldAce>> {
    until(behind_last(i), OldAce::parse)(i)
}

fn behind_last<'i>(i: Input<'_>) -> impl FnMut(Input<'i>) -> bool + use<'i> {
    let meant = i.bytes().iter().rposition(|b| *b != 0).map_or(0, |last| last.saturating_add(1));
    let end = i.at().saturating_add(meant);
    move |i| i.at() >= end
}

record! {
    /// `zfs_acl_phys_v0_t`: the ACL in a znode of ZPL 1 and 2.
    ///
    /// Chapter 12, 12.6.
    pub struct ZnodeAclV0: Eq {
        /// object of the entries; 0: they are here
        0x00 extern_obj: ObjectId,
        /// entries
        0x08 count:      u32,
        0x0c version:    u16,
        /// bytes of the entries, if the writer is new
        0x0e pad:        u16,
        0x10 ace_data:   Option<Vec<OldAce>> = framed(EMBEDDED, cond(extern_obj.0 == 0, list(old_count(count), OldAce::parse))),
    }
    says ZnodeAclV0::summary;
    judge ZnodeAclV0::judge;
}

/// No more than fit.
fn old_count(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX).min(EMBEDDED / OLD_ACE_SIZE)
}

record! {
    /// `zfs_acl_phys_t`: the ACL in a znode since ZPL 3.
    ///
    /// Chapter 12, 12.6.
    pub struct ZnodeAclV1<'a>: Eq {
        /// object of the entries; 0: they are here
        0x00 extern_obj: ObjectId,
        /// bytes of the entries
        0x08 size:       u32,
        0x0c version:    u16,
        /// entries
        0x0e count:      u16,
        0x10 ace_data:   Option<Vec<Ace<'a>>> = framed(EMBEDDED, cond(extern_obj.0 == 0, framed(new_size(size), all_aces))),
    }
    says ZnodeAclV1::summary;
    judge ZnodeAclV1::judge;
}

/// No more than fit.
fn new_size(size: u32) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX).min(EMBEDDED)
}

/// Entries up to the end.
pub(crate) fn all_aces(i: Input<'_>) -> Parsed<'_, Vec<Ace<'_>>> {
    until(|i| i.bytes().is_empty(), Ace::parse)(i)
}

fn place(extern_obj: ObjectId, count: u64) -> String {
    match extern_obj.0 {
        0 => format!("{count} entries"),
        object => format!("{count} entries in object {object}"),
    }
}

impl ZnodeAclV0 {
    fn summary(&self) -> String {
        place(self.extern_obj, u64::from(self.count))
    }
    fn judge(&self) -> Option<Problem> {
        let there = self.ace_data.as_ref().map(Vec::len);
        there.and_then(|n| judge_count(u64::from(self.count), n))
    }
}

impl ZnodeAclV1<'_> {
    fn summary(&self) -> String {
        place(self.extern_obj, u64::from(self.count))
    }
    fn judge(&self) -> Option<Problem> {
        let there = self.ace_data.as_ref().map(Vec::len);
        there.and_then(|n| judge_count(u64::from(self.count), n))
    }
}

fn judge_count(count: u64, there: usize) -> Option<Problem> {
    (u64::try_from(there) != Ok(count))
        .then(|| Problem::corrupt(format!("{count} entries are counted, {there} are there")))
}

one_of! {
    /// The ACL in a znode: 88 bytes. Its version tells the entries.
    ///
    /// Chapter 12, 12.6.
    pub enum ZnodeAcl<'a>: Eq {
        /// Of ZPL 1 and 2.
        V0(ZnodeAclV0),
        /// Since ZPL 3.
        V1(ZnodeAclV1<'a>),
    }
    size 88;
}

impl<'a> Parse<'a> for ZnodeAcl<'a> {
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        match ahead(0xc, u16::parse)(i)?.1 {
            0 => ZnodeAclV0::parse.map(ZnodeAcl::V0).parse_complete(i),
            1 => ZnodeAclV1::parse.map(ZnodeAcl::V1).parse_complete(i),
            version => fail(i, Why::Unsupported("version of ACL", u64::from(version))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may fail loudly
mod tests {
    use super::*;
    use crate::input::Order;
    use alloc::string::ToString;

    /// The ACL of a file of mode 0644.
    const NEW: [u8; 24] = [
        0, 0, 0, 0x10, 0x9f, 1, 0x1e, 0, 0, 0, 0x40, 0x20, 0x8f, 0, 0x12, 0, 0, 0, 0, 0x40, 0x8f, 0, 0x12, 0,
    ];

    #[test]
    fn trivial() {
        let (_, all) = aces(Input::new(&NEW, Order::Little)).unwrap();
        let all: Vec<_> = all.iter().map(|ace| (ace.who().to_string(), ace.access_mask().0)).collect();
        assert_eq!(
            all,
            [("owner@".into(), 0x1e_019f), ("group@".into(), 0x12_008f), ("everyone@".into(), 0x12_008f)]
        );
    }

    #[test]
    fn full_and_audit() {
        // an audit entry for the owner is a full one all the same
        let bytes = [2, 0, 0, 0x10, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let (rest, ace) = Ace::parse(Input::new(&bytes, Order::Little)).unwrap();
        assert!(rest.bytes().is_empty() && matches!(ace, Ace::Full(_)) && ace.who() == Who::Owner);
    }
}
