//! Dedup tables: which blocks exist already.
//!
//! One table per checksum algorithm, in up to two classes: blocks with one reference (`unique`), and
//! with several (`duplicate`). Each class is a ZAP; key is the checksum with the sizes, value the
//! place of the copies and the number of references, in one of two forms:
//!
//! | form | since | type |
//! |---|---|---|
//! | legacy: a slot for each number of copies | pool version 21 | [`Legacy`] |
//! | flat: one slot | feature `fast_dedup` | [`Flat`] |
//!
//! With `fast_dedup` two *logs* hold what is not in the ZAPs yet. To read files nobody needs any of
//! this: block pointers name the copies themselves. Handbook: [`docs/format/13-space.md`], 13.5.
//!
//! ```
//! use zfsp_grammar::{ddt::Flat, input::{Input, Order, Parse}};
//!
//! let bytes: Vec<u8> = [0x0b, 0x66e, 0, 0, 0, 0, 1, 32, 0].iter().flat_map(|w: &u64| w.to_le_bytes()).collect();
//! let (_, read) = Flat::parse(Input::new(&bytes, Order::Little))?;
//! assert_eq!(read.dva[0].to_string(), "<0:cdc00:1600>");
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//!
//! [`docs/format/13-space.md`]: crate::handbook::space

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nom::Parser;

use crate::algorithms::Compression;
use crate::blkptr::Dva;
use crate::catalogue::{Structure, structure};
use crate::input::{Input, Order, Parse, Parsed, Why, fail, framed, in_order, rest, until};
use crate::quantity::{Bytes, Cksum, Reserved, Sectors, Timestamp, Txg};
use crate::tree::Problem;

pub(crate) const STRUCTURES: &[Structure] = &[
    structure!("ddt-key", "key of a dedup table", "13-space.md 13.5", DdtKey),
    structure!('a: "ddt-value", "value of a dedup table, as it stands in the ZAP", "13-space.md 13.5", Value<'a>),
    structure!("ddt-flat", "entry of a table with fast dedup", "13-space.md 13.5", Flat),
    structure!("ddt-legacy", "entry of a table without fast dedup, decompressed", "13-space.md 13.5", Legacy),
    structure!("ddt-log-header", "bonus of a dedup log", "13-space.md 13.5", LogHeader),
    structure!('a: "ddt-log", "block of a dedup log", "13-space.md 13.5", LogBlock<'a>),
    structure!("ddt-histogram", "statistics of a dedup table", "13-space.md 13.5", Histogram),
];

/// Bytes of a [`Flat`] entry.
pub const FLAT_SIZE: usize = 72;
/// Bytes of a [`Legacy`] entry.
pub const LEGACY_SIZE: usize = 256;

bits! {
    /// `ddk_prop`: what a key demands beyond the checksum.
    ///
    /// Chapter 13, 13.5.
    pub struct KeyProp(u64) {
        /// logical size
        0..16  lsize: Sectors = one_more,
        /// physical size
        16..32 psize: Sectors = one_more,
        32..39 compression: Compression,
        39..40 encrypted: bool,
        40..64 reserved: Reserved,
    }
}

/// Sizes are stored less one: no block is empty.
fn one_more(raw: u64) -> Sectors {
    Sectors(raw.wrapping_add(1))
}

record! {
    /// `ddt_key_t`: blocks with the same key have the same content.
    ///
    /// Chapter 13, 13.5.
    pub struct DdtKey: Copy Eq Hash {
        /// of the block as it is stored
        0x00 cksum: Cksum,
        0x20 prop:  KeyProp,
    }
    says DdtKey::summary;
}

impl DdtKey {
    fn summary(&self) -> String {
        format!("{} size={:x}L/{:x}P", self.cksum, self.prop.lsize().bytes(), self.prop.psize().bytes())
    }
}

record! {
    /// The phys of fast dedup, `ddt_phys_flat`.
    ///
    /// Chapter 13, 13.5.
    pub struct Flat: Copy {
        /// copies
        0x00 dva:         [Dva; 3],
        /// references
        0x30 refcnt:      u64,
        0x38 phys_birth:  Txg,
        /// when the entry came into its class
        0x40 class_start: Timestamp,
    }
    says Flat::summary;
}

impl Flat {
    fn summary(&self) -> String {
        summary(&self.dva, self.refcnt, self.phys_birth)
    }
}

fn summary(dva: &[Dva; 3], refcnt: u64, birth: Txg) -> String {
    let copies: Vec<String> = dva.iter().filter(|dva| !dva.is_empty()).map(Dva::to_string).collect();
    let plural = if refcnt == 1 { "" } else { "s" };
    format!("{refcnt} reference{plural} to {}, birth {birth}", copies.join(" "))
}

record! {
    /// One slot of a legacy entry, `ddt_phys_t`.
    ///
    /// Chapter 13, 13.5.
    pub struct LegacySlot: Copy {
        0x00 dva:        [Dva; 3],
        /// references
        0x30 refcnt:     u64,
        /// 0: the slot is unused
        0x38 phys_birth: Txg,
    }
    says LegacySlot::summary;
}

impl LegacySlot {
    /// True if no block is described.
    #[must_use]
    pub fn is_unused(&self) -> bool {
        self.phys_birth.0 == 0
    }
    fn summary(&self) -> String {
        if self.is_unused() { "unused".into() } else { summary(&self.dva, self.refcnt, self.phys_birth) }
    }
}

record! {
    /// The phys of the first form: a slot for each number of copies.
    ///
    /// Chapter 13, 13.5.
    pub struct Legacy: Copy {
        /// further copies, where references were many; no longer written
        0x00 ditto:  LegacySlot,
        0x40 single: LegacySlot,
        0x80 double: LegacySlot,
        0xc0 triple: LegacySlot,
    }
    says Legacy::summary;
}

impl Legacy {
    /// The slots that describe blocks.
    pub fn used(&self) -> impl Iterator<Item = &LegacySlot> {
        [&self.ditto, &self.single, &self.double, &self.triple].into_iter().filter(|slot| !slot.is_unused())
    }
    fn summary(&self) -> String {
        self.used().map(LegacySlot::summary).collect::<Vec<_>>().join("; ")
    }
}

bits! {
    /// First byte of a value.
    ///
    /// Chapter 13, 13.5.
    pub struct ValueHead(u8) {
        /// of the bytes behind it: ZLE, or none where that would not make it shorter
        0..7 compression: Compression,
        /// byte order of the host that wrote it
        7..8 little_endian: bool,
    }
}

impl ValueHead {
    /// Byte order of the bytes behind it, once decompressed.
    #[must_use]
    pub fn order(self) -> Order {
        if self.little_endian() { Order::Little } else { Order::Big }
    }
}

one_of! {
    /// What stands behind the first byte of a value.
    pub enum Payload<'a> {
        /// Not compressed, 72 bytes.
        Flat(Flat),
        /// Not compressed, 256 bytes.
        Legacy(Legacy),
        /// To be decompressed first.
        Compressed(&'a [u8]),
    }
}

impl<'a> Payload<'a> {
    /// The reader for what stands behind `head`.
    fn of(head: ValueHead) -> impl Fn(Input<'a>) -> Parsed<'a, Self> {
        move |i| {
            if head.compression() != Compression::OFF {
                return rest.map(Payload::Compressed).parse_complete(i);
            }
            match i.bytes().len() {
                FLAT_SIZE => in_order(head.order(), Flat::parse).map(Payload::Flat).parse_complete(i),
                LEGACY_SIZE => in_order(head.order(), Legacy::parse).map(Payload::Legacy).parse_complete(i),
                _ => fail(i, Why::Invalid("an entry is 72 or 256 bytes")),
            }
        }
    }
}

record! {
    /// A value of the ZAP.
    ///
    /// Chapter 13, 13.5.
    pub struct Value<'a> {
        0x0 head:    ValueHead,
        0x1 payload: Payload<'a> = Payload::of(head),
    }
}

bits! {
    /// First word of a log's header.
    ///
    /// Chapter 13, 13.5.
    pub struct LogInfo(u64) {
        /// of the log's form
        0..8   version: u8,
        /// on its way into the ZAPs; the other log takes new entries
        8..9   flushing: bool,
        /// the checkpoint key is valid
        9..10  checkpoint: bool,
        10..64 reserved: Reserved,
    }
}

record! {
    /// `ddt_log_header_t`: the bonus of a log.
    ///
    /// Chapter 13, 13.5.
    pub struct LogHeader: Copy {
        0x00 info:       LogInfo,
        /// bytes of the log that are valid
        0x08 length:     Bytes,
        /// of the oldest entry
        0x10 first_txg:  Txg,
        /// entries up to this key are in the ZAPs already
        0x18 checkpoint: DdtKey,
    }
    says LogHeader::summary;
    judge LogHeader::judge;
}

impl LogHeader {
    fn summary(&self) -> String {
        let state = if self.info.flushing() { "flushing" } else { "active" };
        format!("{state}, {:#x} bytes", self.length.0)
    }
    fn judge(&self) -> Option<Problem> {
        (self.info.version() != 1).then(|| Problem::unsupported("no known version of a dedup log"))
    }
}

symbols! {
    /// What a record of a log is.
    pub struct RecordKind(u8) {
        /// the rest of the block is empty
        END = 0 "end of block",
        ENTRY = 1 "entry",
    }
}

symbols! {
    /// `ddt_type_t`: how a class of a table is stored.
    pub struct TableType(u8) {
        ZAP = 0 "zap",
        NONE = 1 "not stored yet",
    }
}

symbols! {
    /// `ddt_class_t`: the part of a table.
    pub struct Class(u8) {
        /// no longer written
        DITTO = 0 "ditto",
        /// several references
        DUPLICATE = 1 "duplicate",
        /// one reference
        UNIQUE = 2 "unique",
        NONE = 3 "not stored yet",
    }
}

bits! {
    /// First word of a record.
    ///
    /// Chapter 13, 13.5.
    pub struct RecordInfo(u64) {
        0..8   kind: RecordKind,
        /// of the record, this word included
        8..24  length: Bytes,
        24..48 reserved: Reserved,
        /// where the entry is stored
        48..56 table_type: TableType,
        /// where the entry is stored
        56..64 class: Class,
    }
}

one_of! {
    /// The entry of a record: its length tells the form.
    pub enum Phys: Copy {
        /// 72 bytes.
        Flat(Flat),
        /// 256 bytes.
        Legacy(Legacy),
    }
}

impl<'a> Parse<'a> for Phys {
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        match i.bytes().len() {
            FLAT_SIZE => Flat::parse.map(Phys::Flat).parse_complete(i),
            LEGACY_SIZE => Legacy::parse.map(Phys::Legacy).parse_complete(i),
            _ => fail(i, Why::Invalid("an entry is 72 or 256 bytes")),
        }
    }
}

/// Bytes of a record before its entry.
const RECORD_HEAD: usize = 48;

record! {
    /// `ddt_log_record_t` with an entry: it replaces earlier ones of the same key, and what is in the
    /// ZAPs.
    ///
    /// Chapter 13, 13.5.
    pub struct LogRecord: Copy {
        0x00 info: RecordInfo,
        0x08 key:  DdtKey,
        0x30 phys: Phys = framed(entry_size(info), Phys::parse),
    }
    says LogRecord::summary;
}

fn entry_size(info: RecordInfo) -> usize {
    usize::try_from(info.length().0).unwrap_or(usize::MAX).saturating_sub(RECORD_HEAD)
}

impl LogRecord {
    fn summary(&self) -> String {
        match &self.phys {
            Phys::Flat(phys) => phys.summary(),
            Phys::Legacy(phys) => phys.summary(),
        }
    }
}

record! {
    /// A block of a log. Records don't go past its end.
    ///
    /// Chapter 13, 13.5.
    pub struct LogBlock<'a> {
        0x0 records: Vec<LogRecord> = until(at_end, LogRecord::parse),
        /// behind the last record: means nothing
            unused:  &'a [u8] = rest,
    }
    says LogBlock::summary;
}

/// True at a record that ends the block.
fn at_end(i: Input<'_>) -> bool {
    RecordInfo::parse(i.unwatched()).map_or(true, |(_, info)| info.kind() == RecordKind::END)
}

impl LogBlock<'_> {
    fn summary(&self) -> String {
        format!("{} records", self.records.len())
    }
}

/// Buckets of a histogram: one for each power of two.
pub const BUCKETS: usize = 64;

record! {
    /// `ddt_stat_t`: sums over blocks that have a similar number of references. The first four count
    /// each block once, the others as often as it is referenced.
    ///
    /// Chapter 13, 13.5.
    pub struct Bucket: Copy Default {
        0x00 blocks:     u64,
        /// logical
        0x08 lsize:      Bytes,
        /// physical
        0x10 psize:      Bytes,
        /// on disk: with parity and all copies
        0x18 dsize:      Bytes,
        0x20 ref_blocks: u64,
        0x28 ref_lsize:  Bytes,
        0x30 ref_psize:  Bytes,
        0x38 ref_dsize:  Bytes,
    }
    says Bucket::summary;
    judge Bucket::judge;
}

impl Bucket {
    /// The values of ZAPs are big-endian: read the other way they seldom pass this.
    fn judge(&self) -> Option<Problem> {
        let impossible =
            self.blocks.saturating_mul(Sectors::SIZE) > self.lsize.0 || self.ref_blocks < self.blocks;
        impossible.then(|| Problem::corrupt("more blocks than their sizes or references allow"))
    }
    fn summary(&self) -> String {
        match self.blocks {
            0 => "none".into(),
            blocks => format!("{blocks} blocks, {} references", self.ref_blocks),
        }
    }
}

record! {
    /// `ddt_histogram_t`: blocks by how often they are referenced, bucket n from 2^n references up to
    /// the double.
    ///
    /// Chapter 13, 13.5.
    pub struct Histogram {
        0x0 histogram: Box<[Bucket; BUCKETS]> = <[Bucket; BUCKETS]>::parse.map(Box::new),
    }
    says Histogram::summary;
}

impl Histogram {
    fn summary(&self) -> String {
        let sum = |of: fn(&Bucket) -> u64| self.histogram.iter().map(of).fold(0, u64::saturating_add);
        format!("{} blocks, {} references", sum(|b| b.blocks), sum(|b| b.ref_blocks))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may fail loudly
mod tests {
    use super::*;

    fn bytes(words: &[u64], order: Order) -> Vec<u8> {
        let word = |w: &u64| if order == Order::Little { w.to_le_bytes() } else { w.to_be_bytes() };
        words.iter().flat_map(word).collect()
    }

    #[test]
    fn worked_example() {
        let prop = KeyProp(0x0000_000f_000a_00ff);
        assert_eq!((prop.lsize().bytes(), prop.psize().bytes()), (131_072, 5632));
        assert_eq!(prop.compression(), Compression::LZ4);
        for order in [Order::Little, Order::Big] {
            let mut value = [if order == Order::Little { 0x82 } else { 0x02 }].to_vec();
            value.extend(bytes(&[0xb, 0x66e, 0, 0, 0, 0, 1, 32, 0], order));
            // the order around the value means nothing
            let (rest, read) = Value::parse(Input::new(&value, Order::Big)).unwrap();
            let Payload::Flat(flat) = read.payload else { unreachable!() };
            assert_eq!(flat.summary(), "1 reference to <0:cdc00:1600>, birth 32");
            assert!(rest.bytes().is_empty());
        }
    }

    #[test]
    fn compressed_values_are_kept() {
        let value = [0x8e, 0x7f, 1, 2, 3];
        let (_, read) = Value::parse(Input::new(&value, Order::Little)).unwrap();
        assert_eq!(read.head.compression(), Compression::ZLE);
        assert_eq!(read.payload, Payload::Compressed(&[0x7f, 1, 2, 3]));
    }

    #[test]
    fn a_log_block_ends_at_a_zero_word() {
        let record = [0x0301_0000_0000_7801, 1, 2, 3, 4, 0xf_000a_00ff, 0xb, 0x66e, 0, 0, 0, 0, 1, 32, 0];
        let block = bytes(&[record.as_slice(), &[0, 7]].concat(), Order::Big);
        let (_, log) = LogBlock::parse(Input::new(&block, Order::Big)).unwrap();
        let [one] = log.records.as_slice() else { unreachable!() };
        assert_eq!((one.info.table_type(), one.info.class()), (TableType::NONE, Class::NONE));
        assert_eq!((one.info.length(), log.unused.len()), (Bytes(120), 16));
    }
}
