//! Records of an intent log: one operation each.
//!
//! 32 bytes of header, and a body that the type decides. In encrypted datasets the headers are in clear
//! and the bodies are not, but for the block pointers in them; a body is then kept as it is, for where the
//! next record starts is known. Handbook: `docs/format/13-space.md`, 13.8,
//! "Records".

use alloc::format;
use alloc::string::String;

use nom::Parser;

use crate::input::{Input, Parse, Parsed, between, rest, tolerated};
use crate::quantity::{Bytes, ObjectId, Offset, Reserved, Txg};
use crate::spec::Describe;
use crate::tree::{Problem, Value};
use crate::zil::acl::{Acl, AclV0};
use crate::zil::attribute::{Setattr, Setsaxattr};
use crate::zil::create::{Create, CreateAcl, CreateAclAttr, CreateAttr, Mkdir, Mkxattr, NewObject, Symlink};
use crate::zil::encrypted::{Ciphertext, EncryptedClone, EncryptedWrite};
use crate::zil::name::{Link, Remove, Rename, Whiteout};
use crate::zil::write::{CloneRange, Truncate, Write};

/// Bytes of a record's header.
pub const HEADER_SIZE: usize = 32;

symbols! {
    /// `TX_*`: what was done.
    ///
    /// Chapter 13, 13.8.
    pub struct TxType(u64) {
        /// never on disk
        COMMIT = 0 "TX_COMMIT",
        CREATE = 1 "TX_CREATE",
        MKDIR = 2 "TX_MKDIR",
        /// directory of extended attributes
        MKXATTR = 3 "TX_MKXATTR",
        SYMLINK = 4 "TX_SYMLINK",
        REMOVE = 5 "TX_REMOVE",
        RMDIR = 6 "TX_RMDIR",
        LINK = 7 "TX_LINK",
        RENAME = 8 "TX_RENAME",
        WRITE = 9 "TX_WRITE",
        TRUNCATE = 10 "TX_TRUNCATE",
        SETATTR = 11 "TX_SETATTR",
        /// before ZPL version 3
        ACL_V0 = 12 "TX_ACL_V0",
        ACL = 13 "TX_ACL",
        CREATE_ACL = 14 "TX_CREATE_ACL",
        CREATE_ATTR = 15 "TX_CREATE_ATTR",
        CREATE_ACL_ATTR = 16 "TX_CREATE_ACL_ATTR",
        MKDIR_ACL = 17 "TX_MKDIR_ACL",
        MKDIR_ATTR = 18 "TX_MKDIR_ATTR",
        MKDIR_ACL_ATTR = 19 "TX_MKDIR_ACL_ATTR",
        /// a write whose data is in the tree: only the new end of the file counts
        WRITE2 = 20 "TX_WRITE2",
        /// extended attribute in the system attributes; feature `zilsaxattr`
        SETSAXATTR = 21 "TX_SETSAXATTR",
        /// two names swap their objects
        RENAME_EXCHANGE = 22 "TX_RENAME_EXCHANGE",
        /// a character device takes the place of the old name
        RENAME_WHITEOUT = 23 "TX_RENAME_WHITEOUT",
        /// feature `block_cloning`
        CLONE_RANGE = 24 "TX_CLONE_RANGE",
    }
}

bits! {
    /// `lrc_txtype`.
    ///
    /// Chapter 13, 13.8.
    pub struct Kind(u64) {
        0..63  txtype: TxType,
        /// names are to be matched without regard to case
        63..64 ci: bool,
    }
}

impl Kind {
    /// A write, as encryption knows it: the whole word counts.
    const WRITE: Self = Self(TxType::WRITE.0);
    /// A cloned range, as encryption knows it.
    const CLONE_RANGE: Self = Self(TxType::CLONE_RANGE.0);
}

macro_rules! records {
    ($(#[doc = $about:literal])* $Name:ident $body:expr) => {
        record! {
            $(#[doc = $about])*
            ///
            /// Chapter 13, 13.8.
            pub struct $Name<'a> {
                0x00 kind:   Kind,
                /// of the whole record
                0x08 reclen: Bytes = |i: Input<'a>| between(32, left(i))(i),
                /// to which the operation belonged
                0x10 txg:    Txg,
                /// numbers the records of a log
                0x18 seq:    u64,
                /// as the type says
                0x20 body:   Option<Body<'a>> = tolerated(body_size(reclen), $body(kind)),
            }
            says $Name::summary;
            judge $Name::judge;
        }
        impl $Name<'_> {
            fn summary(&self) -> String {
                summary(self.kind, self.body.as_ref())
            }
            fn judge(&self) -> Option<Problem> {
                (!self.reclen.0.is_multiple_of(8)).then(|| Problem::corrupt("length is no multiple of 8"))
            }
        }
    };
}

records! {
    /// `lr_t`, with what follows it.
    Record Body::of
}
records! {
    /// A record of an encrypted block, decrypted or not.
    Sealed Body::of_encrypted
}

/// A record of an encrypted block: where its body is ciphertext, it is kept as such.
pub(super) fn sealed(i: Input<'_>) -> Parsed<'_, Record<'_>> {
    let of = |Sealed { kind, reclen, txg, seq, body }| Record { kind, reclen, txg, seq, body };
    Sealed::parse.map(of).parse_complete(i)
}

fn summary(kind: Kind, body: Option<&Body<'_>>) -> String {
    let what = body.map(Body::summary).unwrap_or_default();
    let space = if what.is_empty() { "" } else { " " };
    format!("{}{space}{what}", kind.txtype())
}

/// The longest that a record can be which has come as far as its length.
fn left(i: Input<'_>) -> u64 {
    u64::try_from(i.bytes().len()).unwrap_or(u64::MAX).saturating_add(8)
}

fn body_size(reclen: Bytes) -> usize {
    usize::try_from(reclen.0).unwrap_or(usize::MAX).saturating_sub(HEADER_SIZE)
}

impl Record<'_> {
    /// True for operations that may be logged after their object is gone: a replay leaves them out
    /// where it is.
    #[must_use]
    pub fn is_out_of_order(&self) -> bool {
        matches!(
            self.kind.txtype(),
            TxType::WRITE
                | TxType::TRUNCATE
                | TxType::SETATTR
                | TxType::ACL_V0
                | TxType::ACL
                | TxType::WRITE2
                | TxType::SETSAXATTR
                | TxType::CLONE_RANGE
        )
    }
}

bits! {
    /// An object that may be a new one.
    pub struct Foid(u64) {
        0..48  object: ObjectId,
        48..56 reserved: Reserved,
        /// slots of the new dnode beyond the first
        56..64 extra_slots: u8,
    }
}

one_of! {
    /// What a record says beyond its header.
    ///
    /// Chapter 13, 13.8.
    pub enum Body<'a> {
        /// File, fifo, socket or device.
        Create(Create<'a>),
        /// Directory.
        Mkdir(Mkdir<'a>),
        /// Directory of extended attributes.
        Mkxattr(Mkxattr<'a>),
        /// Symbolic link.
        Symlink(Symlink<'a>),
        /// Any object, with attributes.
        CreateAttr(CreateAttr<'a>),
        /// Any object, with an ACL.
        CreateAcl(CreateAcl<'a>),
        /// Any object, with both.
        CreateAclAttr(CreateAclAttr<'a>),
        /// A name that goes.
        Remove(Remove<'a>),
        /// A further name.
        Link(Link<'a>),
        /// A name that moves, or two that swap.
        Rename(Rename<'a>),
        /// A name that moves and leaves something behind.
        Whiteout(Whiteout<'a>),
        /// Data.
        Write(Write<'a>),
        /// A new size, or a hole.
        Truncate(Truncate),
        /// Attributes.
        Setattr(Setattr<'a>),
        /// An ACL of the first form.
        AclV0(AclV0<'a>),
        /// An ACL.
        Acl(Acl<'a>),
        /// An extended attribute.
        Setsaxattr(Setsaxattr<'a>),
        /// Blocks shared with another file.
        CloneRange(CloneRange),
        /// Of a type that this grammar does not know.
        Unknown(&'a [u8]),
        /// Ciphertext.
        Ciphertext(Ciphertext<'a>),
        /// Ciphertext with the pointer in clear.
        EncryptedWrite(EncryptedWrite<'a>),
        /// Ciphertext with the pointers in clear.
        EncryptedClone(EncryptedClone<'a>),
    }
}

impl<'a> Body<'a> {
    /// The reader for the body of a record of this kind, in clear, which takes all of its input.
    pub fn of(kind: Kind) -> impl Fn(Input<'a>) -> Parsed<'a, Self> {
        move |i| match kind.txtype() {
            TxType::CREATE => Create::parse.map(Body::Create).parse_complete(i),
            TxType::MKDIR => Mkdir::parse.map(Body::Mkdir).parse_complete(i),
            TxType::MKXATTR => Mkxattr::parse.map(Body::Mkxattr).parse_complete(i),
            TxType::SYMLINK => Symlink::parse.map(Body::Symlink).parse_complete(i),
            TxType::REMOVE | TxType::RMDIR => Remove::parse.map(Body::Remove).parse_complete(i),
            TxType::LINK => Link::parse.map(Body::Link).parse_complete(i),
            TxType::RENAME | TxType::RENAME_EXCHANGE => Rename::parse.map(Body::Rename).parse_complete(i),
            TxType::WRITE | TxType::WRITE2 => Write::parse.map(Body::Write).parse_complete(i),
            TxType::TRUNCATE => Truncate::parse.map(Body::Truncate).parse_complete(i),
            TxType::SETATTR => Setattr::parse.map(Body::Setattr).parse_complete(i),
            TxType::ACL_V0 => AclV0::parse.map(Body::AclV0).parse_complete(i),
            TxType::ACL => Acl::parse.map(Body::Acl).parse_complete(i),
            TxType::CREATE_ACL | TxType::MKDIR_ACL => CreateAcl::parse.map(Body::CreateAcl).parse_complete(i),
            TxType::CREATE_ATTR | TxType::MKDIR_ATTR => {
                CreateAttr::parse.map(Body::CreateAttr).parse_complete(i)
            }
            TxType::CREATE_ACL_ATTR | TxType::MKDIR_ACL_ATTR => {
                CreateAclAttr::parse.map(Body::CreateAclAttr).parse_complete(i)
            }
            TxType::SETSAXATTR => Setsaxattr::parse.map(Body::Setsaxattr).parse_complete(i),
            TxType::RENAME_WHITEOUT => Whiteout::parse.map(Body::Whiteout).parse_complete(i),
            TxType::CLONE_RANGE => CloneRange::parse.map(Body::CloneRange).parse_complete(i),
            _ => rest.map(Body::Unknown).parse_complete(i),
        }
    }
    /// The reader for the body of a record of this kind in an encrypted block: decrypted if it makes
    /// sense as that, else ciphertext.
    fn of_encrypted(kind: Kind) -> impl Fn(Input<'a>) -> Parsed<'a, Self> {
        move |i| match Self::of(kind)(i.unwatched()) {
            Ok((_, body)) if body.is_plausible() => Self::of(kind)(i),
            _ => match kind {
                Kind::WRITE => EncryptedWrite::parse.map(Body::EncryptedWrite).parse_complete(i),
                Kind::CLONE_RANGE => EncryptedClone::parse.map(Body::EncryptedClone).parse_complete(i),
                _ => Ciphertext::parse.map(Body::Ciphertext).parse_complete(i),
            },
        }
    }
    /// True if no number is absurd. Ciphertext passes once in 2^17 times, or less often.
    fn is_plausible(&self) -> bool {
        let directory = |id: ObjectId| id.0 >> 48 == 0;
        let object = |id: Foid| id.0 >> 48 == 0;
        let new = |it: &NewObject| directory(it.doid) && it.foid.reserved().0 == 0 && it.mode.0 >> 16 == 0;
        let range = |offset: Offset, length: Bytes| offset.0 >> 63 == 0 && length.0 >> 48 == 0;
        match self {
            Body::Create(it) => new(&it.object),
            Body::Mkdir(it) => new(&it.object),
            Body::Mkxattr(it) => new(&it.object),
            Body::Symlink(it) => new(&it.object),
            Body::CreateAttr(it) => new(&it.object),
            Body::CreateAcl(it) => new(&it.object),
            Body::CreateAclAttr(it) => new(&it.object),
            Body::Remove(it) => directory(it.doid) && it.padding.len() < 8,
            Body::Link(it) => directory(it.doid) && directory(it.link_obj),
            Body::Rename(it) => directory(it.sdoid) && directory(it.tdoid),
            Body::Whiteout(it) => directory(it.sdoid) && directory(it.tdoid),
            Body::Write(it) => object(it.foid) && range(it.offset, it.length),
            Body::Truncate(it) => object(it.foid) && range(it.offset, it.length),
            Body::Setattr(it) => object(it.foid) && it.mask.is_known(),
            Body::AclV0(it) => object(it.foid),
            Body::Acl(it) => object(it.foid),
            Body::Setsaxattr(it) => object(it.foid),
            Body::CloneRange(it) => object(it.foid) && range(it.offset, it.length),
            Body::Unknown(_) | Body::Ciphertext(_) | Body::EncryptedWrite(_) | Body::EncryptedClone(_) => {
                false
            }
        }
    }
    fn summary(&self) -> String {
        match self.value() {
            Value::Says(what) => what.into(),
            _ => String::new(),
        }
    }
}
