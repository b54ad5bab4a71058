//! Block pointers: where a block lies, how it is stored, and what proves it.
//!
//! 128 bytes, sixteen words, in the byte order of the block that holds them. One layout serves
//! five readings, told apart by `prop`:
//!
//! | reading | when | type |
//! |---|---|---|
//! | hole | no bit `embedded`, first DVA zero | [`Blkptr`] |
//! | normal | otherwise | [`Blkptr`] |
//! | embedded | bit `embedded`: 112 of the bytes are the block itself | [`Embedded`] |
//! | encrypted | bit `encrypted`, level 0, encryptable type | [`Encrypted`] |
//! | authenticated | bit `encrypted` otherwise, but for object sets | [`Authenticated`] |
//!
//! [`Pointer`] chooses. Handbook: [`docs/format/03-blkptr.md`], 3.1 to 3.7.
//!
//! ```
//! use zfsp_grammar::{blkptr::Dva, input::{Input, Order, Parse}};
//!
//! let bytes: Vec<u8> = [0xb, 0x66e].iter().flat_map(|w: &u64| w.to_le_bytes()).collect();
//! let (_, read) = Dva::parse(Input::new(&bytes, Order::Little))?;
//! assert_eq!(read.to_string(), "<0:cdc00:1600>");
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//!
//! [`docs/format/03-blkptr.md`]: crate::handbook::blkptr

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

use nom::Parser;

use crate::algorithms::{Checksum, Compression};
use crate::catalogue::{Structure, structure};
use crate::input::{Input, Order, Parse, Parsed, ahead, filling};
use crate::notation::Written;
use crate::object_type::ObjectType;
use crate::quantity::{Cksum, Hash, Reserved, Sectors, Txg, Words, Zero};
use crate::spec::FromBits;
use crate::tree::Problem;

pub(crate) const STRUCTURES: &[Structure] = &[
    structure!("blkptr", "block pointer, in each of its readings", "03-blkptr.md 3.1", Pointer),
    structure!("dva", "data virtual address", "03-blkptr.md 3.2", Dva),
    structure!(
        "indirect",
        "indirect block: pointers as long as there are bytes",
        "06-dnode-objset.md 6.3",
        Vec<Pointer> = filling(BLKPTR_SIZE, Pointer::parse)
    ),
];

/// Bytes of a block pointer.
pub const BLKPTR_SIZE: usize = 128;

/// The largest block that the format allows: 16 MiB. The field could say twice as much.
pub const LARGEST_BLOCK: u64 = 16 << 20;

bits! {
    /// First word of a DVA: which vdev, and how much of it.
    pub struct Extent(u64) {
        /// allocated, with parity, padding and gang members
        0..24  asize: Sectors,
        /// once meant for RAID-Z
        24..32 grid: Reserved,
        /// top-level vdev
        32..56 vdev: u32,
        56..64 pad: Reserved,
    }
}

bits! {
    /// Second word of a DVA: where on the vdev.
    pub struct Place(u64) {
        /// from the start of the vdev's allocatable area
        0..63  offset: Sectors,
        /// a gang header lies there
        63..64 gang: bool,
    }
}

record! {
    /// `dva_t`, a data virtual address: one copy of a block.
    ///
    /// Chapter 03, 3.2.
    pub struct Dva: Copy Default Eq Hash {
        0x0 extent: Extent,
        0x8 place:  Place,
    }
    read fixed;
    says Dva::notation;
}

impl Dva {
    /// Top-level vdev.
    #[must_use]
    pub fn vdev(&self) -> u32 {
        self.extent.vdev()
    }
    /// Byte offset from the start of the vdev's allocatable area.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.place.offset().bytes()
    }
    /// Allocated bytes.
    #[must_use]
    pub fn asize(&self) -> u64 {
        self.extent.asize().bytes()
    }
    /// True if a gang header lies there.
    #[must_use]
    pub fn is_gang(&self) -> bool {
        self.place.gang()
    }
    /// True if it names nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Dva::default()
    }
    fn notation(&self) -> Cow<'static, str> {
        if self.is_empty() { "none".into() } else { format!("{self}").into() }
    }
}

impl fmt::Display for Dva {
    /// `<vdev:offset:asize>` in hex, as zdb prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{:x}:{:x}:{:x}>", self.vdev(), self.offset(), self.asize())
    }
}

bits! {
    /// `blk_prop`: how the block is stored.
    ///
    /// Chapter 03, 3.3.
    pub struct Prop(u64) {
        /// logical size, stored less one
        0..16  lsize: Sectors = one_more,
        /// physical size: compressed, without parity; stored less one
        16..32 psize: Sectors = one_more,
        32..39 compression: Compression,
        39..40 embedded: bool,
        40..48 checksum: Checksum,
        48..56 r#type: ObjectType,
        /// 0 for data, n for an indirect block of that level
        56..61 level: u8,
        /// encrypted or authenticated
        61..62 encrypted: bool,
        /// in the dedup table
        62..63 dedup: bool,
        /// byte order of the block pointed to
        63..64 little_endian: bool,
    }
}

impl Prop {
    /// Byte order of the block pointed to.
    #[must_use]
    pub fn order(self) -> Order {
        if self.little_endian() { Order::Little } else { Order::Big }
    }
}

bits! {
    /// Second property word: 0 before OpenZFS 2.4.
    pub struct Prop2(u64) {
        0..63  pad: Reserved,
        /// rewritten in place: the physical birth tells when it was allocated
        63..64 rewritten: bool,
    }
}

/// Sizes are stored less one: no block is empty.
fn one_more(raw: u64) -> Sectors {
    Sectors(raw.wrapping_add(1))
}

record! {
    /// `blkptr_t` in its plain reading.
    ///
    /// Chapter 03, 3.1.
    pub struct Blkptr: Copy {
        /// up to three copies
        0x00 dva:            [Dva; 3],
        0x30 prop:           Prop,
        0x38 prop2:          Prop2,
        0x40 pad:            Zero,
        /// when the first copy was written; 0: at the logical birth
        0x48 physical_birth: Txg,
        /// when this version of the data came into being
        0x50 logical_birth:  Txg,
        /// blocks below this pointer that are no holes; for dnodes: objects
        0x58 fill:           u64,
        0x60 cksum:          Cksum,
    }
    read fixed;
    says Blkptr::notation;
    judge Blkptr::judge;
}

impl Blkptr {
    /// True if nothing is stored: the content is zeros.
    #[must_use]
    pub fn is_hole(&self) -> bool {
        !self.prop.embedded() && self.dva.first().is_none_or(Dva::is_empty)
    }
    /// The copies there are.
    pub fn copies(&self) -> impl Iterator<Item = &Dva> {
        self.dva.iter().filter(|dva| dva.asize() != 0)
    }
    /// When the first copy was written.
    #[must_use]
    pub fn written(&self) -> Txg {
        if self.physical_birth.0 == 0 { self.logical_birth } else { self.physical_birth }
    }

    fn notation(&self) -> Cow<'static, str> {
        if *self == Blkptr::default() { "HOLE".into() } else { self.to_string().into() }
    }
    fn judge(&self) -> Option<Problem> {
        if self.is_hole() {
            return (self.prop.0 != 0).then(|| self.judge_hole()).flatten();
        }
        let prop = self.prop;
        if prop.lsize().bytes() > LARGEST_BLOCK || prop.psize().bytes() > LARGEST_BLOCK {
            Some(Problem::corrupt("larger than 16 MiB"))
        } else if prop.psize() > prop.lsize() {
            Some(Problem::corrupt("physical size exceeds logical size"))
        } else if self.dva.first().is_some_and(|dva| dva.asize() == 0) {
            Some(Problem::corrupt("first copy has no length"))
        } else if matches!(prop.compression(), Compression::INHERIT | Compression::ON | Compression::EMPTY) {
            Some(Problem::corrupt("not a compression of stored blocks"))
        } else if self.dva.windows(2).any(|pair| matches!(pair, [a, b] if a.is_empty() && !b.is_empty())) {
            Some(Problem::corrupt("a copy behind an empty one"))
        } else {
            None
        }
    }
    fn judge_hole(&self) -> Option<Problem> {
        let bare = self.prop.psize() == Sectors(1)
            && self.prop.compression() == Compression::INHERIT
            && self.prop.checksum() == Checksum::INHERIT
            && self.dva.iter().all(Dva::is_empty);
        (!bare).then(|| Problem::corrupt("a hole with properties of stored blocks"))
    }
}

impl Default for Blkptr {
    /// A hole that was never written.
    fn default() -> Self {
        Blkptr {
            dva: Default::default(),
            prop: Prop(0),
            prop2: Prop2(0),
            pad: Zero(0),
            physical_birth: Txg(0),
            logical_birth: Txg(0),
            fill: 0,
            cksum: Cksum([0; 4]),
        }
    }
}

impl fmt::Display for Blkptr {
    /// As zdb prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prop = self.prop;
        if self.is_hole() {
            let size = prop.lsize().bytes();
            return write!(
                f,
                "HOLE [L{} {}] size={size:x}L birth={}L",
                prop.level(),
                prop.r#type(),
                self.logical_birth
            );
        }
        let protection = if !prop.encrypted() {
            "unencrypted"
        } else if prop.level() == 0 {
            "authenticated"
        } else {
            "indirect-MAC"
        };
        let Blkptr { ref dva, logical_birth: logical, fill, cksum, .. } = *self;
        Written { dva, iv: "", prop, protection, logical, physical: self.written(), fill, cksum }.fmt(f)
    }
}

symbols! {
    /// What an embedded block pointer holds.
    pub struct EmbeddedType(u8) {
        /// the block itself, compressed
        DATA = 0 "data",
        /// never written
        RESERVED = 1 "reserved",
        /// deliberately left out: reading it is an error
        REDACTED = 2 "redacted",
    }
}

bits! {
    /// `blk_prop` of an embedded block: its sizes count bytes.
    ///
    /// Chapter 03, 3.6.
    pub struct EmbeddedProp(u64) {
        /// logical size in bytes, stored less one
        0..25  lsize: u32 = |raw| u32::from_bits(raw).wrapping_add(1),
        /// payload in bytes, at most 112, stored less one
        25..32 psize: u32 = |raw| u32::from_bits(raw).wrapping_add(1),
        32..39 compression: Compression,
        39..40 embedded: bool,
        40..48 etype: EmbeddedType,
        48..56 r#type: ObjectType,
        56..61 level: u8,
        61..62 encrypted: Reserved,
        62..63 dedup: Reserved,
        63..64 little_endian: bool,
    }
}

record! {
    /// A small block stored in its own pointer, or a redacted one.
    ///
    /// Chapter 03, 3.6.
    pub struct Embedded: Copy {
        /// payload bytes 0 to 47
        0x00 head:          Words<6>,
        0x30 prop:          EmbeddedProp,
        /// payload bytes 48 to 71
        0x38 body:          Words<3>,
        0x50 logical_birth: Txg,
        /// payload bytes 72 to 111
        0x58 tail:          Words<5>,
    }
    read fixed;
    says Embedded::to_string;
    judge Embedded::judge;
}

impl Embedded {
    /// Bytes that fit into a pointer.
    pub const ROOM: u32 = 112;

    /// The payload: the block as it is stored, still compressed.
    #[must_use]
    pub fn payload(&self) -> Vec<u8> {
        let words = self.head.0.iter().chain(&self.body.0).chain(&self.tail.0);
        let psize = usize::try_from(self.prop.psize()).unwrap_or(usize::MAX);
        words.flat_map(|word| word.to_le_bytes()).take(psize).collect()
    }
    fn judge(&self) -> Option<Problem> {
        if self.prop.psize() > Self::ROOM {
            Some(Problem::corrupt("payload exceeds 112 bytes"))
        } else if u64::from(self.prop.lsize()) > LARGEST_BLOCK {
            Some(Problem::corrupt("larger than 16 MiB"))
        } else if self.prop.etype() == EmbeddedType::RESERVED {
            Some(Problem::unsupported("reserved kind of embedded block"))
        } else {
            None
        }
    }
}

impl fmt::Display for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prop, birth) = (self.prop, self.logical_birth);
        let (level, kind, lsize) = (prop.level(), prop.r#type(), prop.lsize());
        if prop.etype() == EmbeddedType::REDACTED {
            return write!(f, "REDACTED [L{level} {kind}] size={lsize:x}L birth={birth}L");
        }
        write!(f, "EMBEDDED [L{level} {kind}] et={} {} ", prop.etype().0, prop.compression())?;
        write!(f, "size={lsize:x}L/{:x}P birth={birth}L", prop.psize())
    }
}

bits! {
    /// The fill count of an encrypted block shares its word with the end of the IV.
    pub struct FillIv(u64) {
        0..32  fill: u32,
        /// IV bytes 8 to 11
        32..64 iv: Hash,
    }
}

record! {
    /// An encrypted block: salt, IV and MAC take the place of one copy and half of the checksum.
    ///
    /// Salt, IV and MAC are byte strings; the words hold them as numbers of the pointed-to block's
    /// byte order. Chapter 03, 3.5.
    pub struct Encrypted: Copy {
        0x00 dva:            [Dva; 2],
        0x20 salt:           Hash,
        /// IV bytes 0 to 7
        0x28 iv:             Hash,
        0x30 prop:           Prop,
        0x38 prop2:          Prop2,
        0x40 pad:            Zero,
        0x48 physical_birth: Txg,
        0x50 logical_birth:  Txg,
        0x58 fill_iv:        FillIv,
        /// of the ciphertext, truncated
        0x60 cksum:          Words<2>,
        0x70 mac:            Words<2>,
    }
    read fixed;
    says Encrypted::to_string;
    judge Encrypted::judge;
}

impl Encrypted {
    /// The same words in the plain reading.
    #[must_use]
    pub fn plain(&self) -> Blkptr {
        let ([first, second], [a, b], [c, d]) = (self.dva, self.cksum.0, self.mac.0);
        Blkptr {
            dva: [first, second, Dva::default()],
            prop: self.prop,
            prop2: self.prop2,
            pad: self.pad,
            physical_birth: self.physical_birth,
            logical_birth: self.logical_birth,
            fill: u64::from(self.fill_iv.fill()),
            cksum: Cksum([a, b, c, d]),
        }
    }
    /// The salt, as the bytes that it is.
    #[must_use]
    pub fn salt_bytes(&self) -> [u8; 8] {
        written_as(self.prop.order(), self.salt.0)
    }
    /// The IV, as the bytes that it is.
    #[must_use]
    pub fn iv_bytes(&self) -> [u8; 12] {
        let [a, b, c, d, e, f, g, h] = written_as(self.prop.order(), self.iv.0);
        let tail = u32::from_bits(self.fill_iv.iv().0);
        let [i, j, k, l] = if self.prop.little_endian() { tail.to_le_bytes() } else { tail.to_be_bytes() };
        [a, b, c, d, e, f, g, h, i, j, k, l]
    }
    /// The MAC, as the bytes that it is; means nothing for blocks of the intent log, which hold their own.
    #[must_use]
    pub fn mac_bytes(&self) -> [u8; 16] {
        mac_bytes(self.prop.order(), self.mac)
    }
    fn judge(&self) -> Option<Problem> {
        self.plain().judge()
    }
}

/// A word of a pointer that is a part of a byte string: a number in the byte order of the block pointed to.
///
/// Chapter 22, 22.6.
fn written_as(order: Order, word: u64) -> [u8; 8] {
    match order {
        Order::Little => word.to_le_bytes(),
        Order::Big => word.to_be_bytes(),
    }
}

fn mac_bytes(order: Order, Words([first, second]): Words<2>) -> [u8; 16] {
    let mut bytes = [0; 16];
    let (head, tail) = bytes.split_at_mut(8);
    head.copy_from_slice(&written_as(order, first));
    tail.copy_from_slice(&written_as(order, second));
    bytes
}

impl fmt::Display for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let iv = format!("salt={:x} iv={:x}:{:x} ", self.salt.0, self.iv.0, self.fill_iv.iv().0);
        let plain = self.plain();
        let Blkptr { prop, logical_birth: logical, fill, cksum, .. } = plain;
        let (dva, physical, protection) = (&self.dva, plain.written(), "encrypted");
        Written { dva, iv: &iv, prop, protection, logical, physical, fill, cksum }.fmt(f)
    }
}

record! {
    /// A block in clear under a MAC: an indirect block of an encrypted dataset, or data of a type
    /// that is not encrypted.
    ///
    /// Chapter 03, 3.5.
    pub struct Authenticated: Copy {
        0x00 dva:            [Dva; 3],
        0x30 prop:           Prop,
        0x38 prop2:          Prop2,
        0x40 pad:            Zero,
        0x48 physical_birth: Txg,
        0x50 logical_birth:  Txg,
        0x58 fill:           u64,
        /// of the block, truncated
        0x60 cksum:          Words<2>,
        /// at level 0 of the block, above of the MACs below it
        0x70 mac:            Words<2>,
    }
    read fixed;
    says Authenticated::to_string;
    judge Authenticated::judge;
}

impl Authenticated {
    /// The same words in the plain reading.
    #[must_use]
    pub fn plain(&self) -> Blkptr {
        let ([a, b], [c, d]) = (self.cksum.0, self.mac.0);
        Blkptr {
            dva: self.dva,
            prop: self.prop,
            prop2: self.prop2,
            pad: self.pad,
            physical_birth: self.physical_birth,
            logical_birth: self.logical_birth,
            fill: self.fill,
            cksum: Cksum([a, b, c, d]),
        }
    }
    /// The MAC, as the bytes that it is.
    #[must_use]
    pub fn mac_bytes(&self) -> [u8; 16] {
        mac_bytes(self.prop.order(), self.mac)
    }
    fn judge(&self) -> Option<Problem> {
        self.plain().judge()
    }
}

impl fmt::Display for Authenticated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.plain().fmt(f)
    }
}

one_of! {
    /// What the 128 bytes of a block pointer say.
    ///
    /// Chapter 03, 3.1 to 3.7.
    pub enum Pointer: Copy {
        /// Nothing is stored: zeros.
        Hole(Blkptr),
        /// An ordinary block.
        Block(Blkptr),
        /// The block is in the pointer.
        Embedded(Embedded),
        /// An encrypted block.
        Encrypted(Encrypted),
        /// A block in clear under a MAC.
        Authenticated(Authenticated),
    }
    size BLKPTR_SIZE;
}

impl<'a> Parse<'a> for Pointer {
    #[inline]
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        let (i, prop) = ahead(0x30, Prop::parse)(i)?;
        if prop.embedded() {
            Embedded::parse.map(Pointer::Embedded).parse_complete(i)
        } else if !prop.encrypted() || prop.r#type() == ObjectType::OBJSET {
            let of = |b: Blkptr| if b.is_hole() { Pointer::Hole(b) } else { Pointer::Block(b) };
            Blkptr::parse.map(of).parse_complete(i)
        } else if prop.level() == 0 && prop.r#type().is_encrypted() {
            Encrypted::parse.map(Pointer::of_encrypted).parse_complete(i)
        } else {
            Authenticated::parse.map(Pointer::of_authenticated).parse_complete(i)
        }
    }
}

impl Pointer {
    // Without a first copy a pointer is a hole whatever its bits say: as a hole it is authenticated, so anything could
    // be put behind its other copies.
    fn of_encrypted(b: Encrypted) -> Self {
        if b.plain().is_hole() { Pointer::Hole(b.plain()) } else { Pointer::Encrypted(b) }
    }
    fn of_authenticated(b: Authenticated) -> Self {
        if b.plain().is_hole() { Pointer::Hole(b.plain()) } else { Pointer::Authenticated(b) }
    }
    /// True if nothing is stored.
    #[must_use]
    pub fn is_hole(&self) -> bool {
        matches!(self, Pointer::Hole(_))
    }
    /// The plain reading of a block that lies on vdevs; `None` for holes and embedded blocks.
    #[must_use]
    pub fn stored(&self) -> Option<Blkptr> {
        match self {
            Pointer::Hole(_) | Pointer::Embedded(_) => None,
            Pointer::Block(b) => Some(*b),
            Pointer::Encrypted(b) => Some(b.plain()),
            Pointer::Authenticated(b) => Some(b.plain()),
        }
    }
    /// Whether the block is of an encrypted dataset: of holes and embedded blocks that is not told.
    #[must_use]
    pub fn is_under_mac(&self) -> bool {
        match self {
            Pointer::Encrypted(_) | Pointer::Authenticated(_) => true,
            Pointer::Block(b) => b.prop.encrypted(),
            Pointer::Hole(_) | Pointer::Embedded(_) => false,
        }
    }
    /// What was common to all readings: type, level, byte order.
    fn prop(&self) -> Prop {
        match self {
            Pointer::Hole(b) | Pointer::Block(b) => b.prop,
            Pointer::Embedded(b) => Prop(b.prop.0),
            Pointer::Encrypted(b) => b.prop,
            Pointer::Authenticated(b) => b.prop,
        }
    }
    /// Type of the object that the block belongs to.
    #[must_use]
    pub fn r#type(&self) -> ObjectType {
        self.prop().r#type()
    }
    /// 0 for data, n for an indirect block of that level.
    #[must_use]
    pub fn level(&self) -> u8 {
        self.prop().level()
    }
    /// How the block is compressed.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.prop().compression()
    }
    /// Byte order of the block; holes have none.
    #[must_use]
    pub fn order(&self) -> Order {
        self.prop().order()
    }
    /// Bytes that the block is to its readers; of a hole that was never written: 0.
    #[must_use]
    pub fn lsize(&self) -> u64 {
        match self {
            Pointer::Hole(b) if b.prop.0 == 0 => 0,
            Pointer::Embedded(b) => u64::from(b.prop.lsize()),
            _ => self.prop().lsize().bytes(),
        }
    }
    /// Bytes that are stored: of a hole none, of an embedded block those in the pointer.
    #[must_use]
    pub fn psize(&self) -> u64 {
        match self {
            Pointer::Hole(_) => 0,
            Pointer::Embedded(b) => u64::from(b.prop.psize()),
            _ => self.prop().psize().bytes(),
        }
    }
    /// Blocks below this pointer that are no holes; for dnodes: objects.
    #[must_use]
    pub fn fill(&self) -> u64 {
        match self {
            Pointer::Embedded(_) => 1,
            _ => self.stored().map_or(0, |b| b.fill),
        }
    }
    /// When this version of the data came into being.
    #[must_use]
    pub fn logical_birth(&self) -> Txg {
        match self {
            Pointer::Hole(b) | Pointer::Block(b) => b.logical_birth,
            Pointer::Embedded(b) => b.logical_birth,
            Pointer::Encrypted(b) => b.logical_birth,
            Pointer::Authenticated(b) => b.logical_birth,
        }
    }
    /// When the space was allocated, as snapshots and deadlists count it: the logical birth, but for blocks that
    /// were rewritten in place the physical one.
    #[must_use]
    pub fn allocation_birth(&self) -> Txg {
        match self.stored() {
            Some(b) if b.prop2.rewritten() => b.written(),
            _ => self.logical_birth(),
        }
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pointer::Hole(b) | Pointer::Block(b) => b.fmt(f),
            Pointer::Embedded(b) => b.fmt(f),
            Pointer::Encrypted(b) => b.fmt(f),
            Pointer::Authenticated(b) => b.fmt(f),
        }
    }
}
