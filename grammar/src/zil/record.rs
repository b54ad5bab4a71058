//! Records of an intent log: one operation each.
//!
//! 32 bytes of header, and a body that the type decides. In encrypted datasets the headers are in clear
//! and the bodies are not, but for the block pointers in them; a body is then kept as it is, for where the
//! next record starts is known. Handbook: [`docs/format/13-space.md`], 13.8,
//! "Records".
//!
//! ```
//! use zfsp_grammar::zil::record::TxType;
//!
//! assert_eq!(TxType(9), TxType::WRITE);
//! ```
//!
//! [`docs/format/13-space.md`]: crate::handbook::space

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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
pub(super) mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::input::Order;
    use crate::zil::attribute::Mask;

    /// A record of this type: words in `order`, and behind them bytes, up to a multiple of 8.
    pub(in crate::zil) fn record(order: Order, txtype: u64, words: &[u64], tail: &[u8]) -> Vec<u8> {
        let padding = tail.len().next_multiple_of(8) - tail.len();
        let reclen = 32 + words.len() * 8 + tail.len() + padding;
        let all = [&[txtype, reclen.try_into().unwrap(), 7, 9], words].concat();
        let word = |w: &u64| if order == Order::Little { w.to_le_bytes() } else { w.to_be_bytes() };
        let mut bytes: Vec<u8> = all.iter().flat_map(word).collect();
        bytes.extend(tail);
        bytes.resize(reclen, 0);
        bytes
    }

    /// What a record says, the same in both orders; all its bytes are claimed.
    fn says(txtype: u64, words: &[u64], tail: &[u8]) -> String {
        let [little, big] = [Order::Little, Order::Big].map(|order| {
            let bytes = record(order, txtype, words, tail);
            let (rest, record) = Record::parse(Input::new(&bytes, order)).unwrap();
            assert!(rest.bytes().is_empty());
            assert!(record.body.is_some(), "{record:?}");
            summary(record.kind, record.body.as_ref())
        });
        assert_eq!(little, big);
        little
    }

    /// directory 34, object 22 in two slots, file 0644, user 5, group 6, generation 64
    const NEW: [u64; 9] = [34, 1 << 56 | 22, 0o100_644, 5, 6, 64, 0x6b02_f32c, 0x119b_d4ef, 0];

    #[test]
    fn new_objects() {
        assert_eq!(says(1, &NEW, b"name\0"), "TX_CREATE name = object 22 in directory 34");
        assert_eq!(says(2, &NEW, b"name\0"), "TX_MKDIR name = object 22 in directory 34");
        assert_eq!(says(3, &NEW, b""), "TX_MKXATTR object 22 of file 34");
        let link = says(4, &NEW, b"name\0to nowhere\0");
        assert_eq!(link, "TX_SYMLINK name = object 22 in directory 34 -> to nowhere");
    }

    #[test]
    fn domains_stand_before_the_name() {
        let mut new = NEW;
        (new[3], new[4]) = (1 << 32 | 5, 2 << 32 | 6);
        let said = says(1, &new, b"S-1-5-21\0S-1-5-22\0name\0");
        assert_eq!(said, "TX_CREATE name = object 22 in directory 34");
    }

    #[test]
    fn attributes_stand_before_the_name() {
        let order = Order::Little;
        // three words of bitmap: readonly and the project id; its value in the scan stamp
        let attr = [0x4_0008u64 << 32 | 3, 0, 0x8, 0, 0, 42, 0, 0, 0];
        let bytes = record(order, 15, &[NEW.as_slice(), &attr].concat(), b"name\0");
        let (_, read) = Record::parse(Input::new(&bytes, order)).unwrap();
        let Some(Body::CreateAttr(create)) = read.body else { panic!("{read:?}") };
        assert_eq!(create.name.0, b"name");
        assert!(create.attr.bitmap.readonly() && create.attr.attrs.readonly());
        assert_eq!(create.attr.projid(), Some(42u64.to_le_bytes()));
    }

    #[test]
    fn acls() {
        let order = Order::Little;
        // two ACEs, 24 bytes; one identity of one domain
        let head = [2, 1, 1, 24, 1];
        let ace = |who: u32, mask: u32, flags: u16, kind: u16| {
            let words = [who.to_le_bytes(), mask.to_le_bytes()].concat();
            [words, [flags.to_le_bytes(), kind.to_le_bytes()].concat()].concat()
        };
        let tail = [ace(1000, 0x12_0089, 0, 0), ace(0, 0x1f, 0x1000, 1)].concat();
        let fuid = (1u64 << 32 | 7).to_le_bytes();
        let named = [&tail, fuid.as_slice(), b"S-1-5-21\0"].concat();
        let bytes = record(order, 13, &[&[22], head.as_slice()].concat(), &named);
        let (_, read) = Record::parse(Input::new(&bytes, order)).unwrap();
        let Some(Body::Acl(acl)) = read.body else { panic!("{read:?}") };
        assert_eq!((acl.aces.len(), acl.fuids.len(), acl.domains.len()), (2, 1, 1));
        let create = [&named, b"name\0".as_slice()].concat();
        let bytes = record(order, 17, &[NEW.as_slice(), &head].concat(), &create);
        let (_, read) = Record::parse(Input::new(&bytes, order)).unwrap();
        let Some(Body::CreateAcl(create)) = read.body else { panic!("{read:?}") };
        assert_eq!((create.name.0, create.aces.len()), (b"name".as_slice(), 2));
        let bytes = record(order, 12, &[22, 2], &tail);
        let (_, read) = Record::parse(Input::new(&bytes, order)).unwrap();
        assert!(matches!(read.body, Some(Body::AclV0(acl)) if acl.aces.len() == 2));
    }

    #[test]
    fn names() {
        assert_eq!(says(5, &[34], b"gone\0"), "TX_REMOVE gone in directory 34");
        assert_eq!(says(6, &[34], b"gone\0"), "TX_RMDIR gone in directory 34");
        assert_eq!(says(7, &[34, 9], b"more\0"), "TX_LINK more = object 9 in directory 34");
        assert_eq!(says(8, &[34, 34], b"a\0b\0"), "TX_RENAME a to b in directory 34");
        let swap = says(22, &[34, 23], b"a\0b\0");
        assert_eq!(swap, "TX_RENAME_EXCHANGE a in directory 34 to b in directory 23");
        let whiteout = says(23, &[34, 34, 40, 0o20_000, 0, 0, 64, 1, 2, 0], b"a\0b\0");
        assert_eq!(whiteout, "TX_RENAME_WHITEOUT a to b in directory 34");
    }

    #[test]
    fn contents() {
        let write =
            |txtype, tail: &[u8]| says(txtype, &[[22, 0x1000, 5, 0].as_slice(), &[0; 16]].concat(), tail);
        assert_eq!(write(9, b"12345"), "TX_WRITE object 22 0x1000..0x1005 with data");
        assert_eq!(write(9, b""), "TX_WRITE object 22 0x1000..0x1005 by pointer");
        assert_eq!(write(20, b""), "TX_WRITE2 object 22 0x1000..0x1005 by pointer");
        assert_eq!(says(10, &[22, 0x1000, 0], b""), "TX_TRUNCATE object 22 to size 0x1000");
        assert_eq!(says(10, &[22, 0x1000, 8], b""), "TX_TRUNCATE object 22 hole 0x1000..0x1008");
        let clone = [[22, 0, 0x4_0000, 0x2_0000, 2].as_slice(), &[0; 32]].concat();
        assert_eq!(says(24, &clone, b""), "TX_CLONE_RANGE object 22 0x0..0x40000, 2 blocks");
        let xattr = says(21, &[22, 3], b"user.a\0abc");
        assert_eq!(xattr, "TX_SETSAXATTR object 22 user.a, 3 bytes");
    }

    #[test]
    fn masks_tell_the_system() {
        let linux = [0x41, 0x46, 0x70, 0x2068, 0x8000_0000];
        assert!(linux.iter().all(|word| matches!(Mask::of(*word), Mask::Linux(_))));
        let others = [0x2, 0xe, 0x80, 0x402, 0x700, 0x1_0000];
        assert!(others.iter().all(|word| matches!(Mask::of(*word), Mask::Vattr(_))));
        let fields = |mask| [22, mask, 0o100_751, 123, 456, 1000, 1, 0, 2, 0];
        assert_eq!(says(11, &fields(0x41), b""), "TX_SETATTR object 22 mode=0751");
        assert_eq!(says(11, &fields(0x402), b""), "TX_SETATTR object 22 mode=0751");
        assert_eq!(says(11, &fields(0x46), b""), "TX_SETATTR object 22 uid=123 gid=456");
        assert_eq!(
            says(11, &fields(0x2068), b""),
            "TX_SETATTR object 22 size=1000 mtime=1970-01-01T00:00:02.000000000Z"
        );
        let attr = [3u64 | 0x18 << 32, 0, 0x8, 0, 0, 0, 0, 0, 0];
        let all = [fields(0x8000_0000).as_slice(), &attr].concat();
        let bytes = record(Order::Little, 11, &all, b"");
        let (_, read) = Record::parse(Input::new(&bytes, Order::Little)).unwrap();
        assert_eq!(summary(read.kind, read.body.as_ref()), "TX_SETATTR object 22 readonly hidden");
    }

    #[test]
    fn a_body_without_sense_loses_only_itself() {
        let bytes =
            record(Order::Little, 9, &[[22, 0, 1 << 40, 0].as_slice(), &[0; 16]].concat(), b"12345678");
        let (rest, read) = Record::parse(Input::new(&bytes, Order::Little)).unwrap();
        assert_eq!((rest.bytes().len(), read.body), (0, None));
    }

    #[test]
    fn a_length_beyond_the_end_is_refused() {
        let mut bytes = record(Order::Little, 5, &[34], b"gone\0");
        bytes[8] += 1;
        assert!(Record::parse(Input::new(&bytes, Order::Little)).is_err());
        bytes[8] = 31;
        assert!(Record::parse(Input::new(&bytes, Order::Little)).is_err());
    }
}
