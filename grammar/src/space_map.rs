//! Space maps: what is allocated, as a history of allocations and frees.
//!
//! Words of 64 bits, to be applied in order to an empty set. An entry is one word, or two where a run
//! is long, an offset large or the vdev must be named; *debug* words between them say in which txg
//! the entries behind them were written. Entries count *units*, whose size and first place depend on
//! whose map it is:
//!
//! | map | unit | structure |
//! |---|---|---|
//! | of a metaslab | one sector of the vdev, from the start of the metaslab | `space-map` |
//! | of a txg (feature `log_spacemap`) | 512 bytes, from the start of the vdev | `log-space-map` |
//! | of a leaf vdev, the dirty time log: what was allocated there is missing here | one txg | `dtl` |
//! | obsolete parts of a removed vdev | one byte | `space-map` |
//! | freed since the checkpoint | one sector, from the start of the vdev | `space-map` |
//!
//! How many bytes of a map's blocks are valid stands in the bonus of its object, the
//!
//! ```
//! use zfsp_grammar::{space_map::Entry, input::{Input, Order, Parse}};
//!
//! let bytes: Vec<u8> = [0x0010_0003].iter().flat_map(|w: &u64| w.to_le_bytes()).collect();
//! let (_, read) = Entry::parse(Input::new(&bytes, Order::Little))?;
//! let segment = read.segment().expect("a segment");
//! assert_eq!(segment.bytes(2 << 24, 9), Some(0x200_2000..0x200_2800)); // metaslab 2 of 16 MiB, ashift 9
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//! [`SpaceMapHeader`]. The structures here do without: they end where only zeros are left. Handbook:
//! [`docs/format/13-space.md`], 13.1.
//!
//! [`docs/format/13-space.md`]: crate::handbook::space

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use nom::Parser;
use nom::combinator::cond;

use crate::catalogue::{Structure, structure};
use crate::input::{Error, Input, Parse, Parsed, bytes, framed, until};
use crate::quantity::{Bytes, Numbers, ObjectId, Reserved, Sectors, Txg};
use crate::spec::{ChoiceSpec, Describe, Parts, cut};
use crate::tree::{Problem, Value};

pub(crate) const STRUCTURES: &[Structure] = &[
    structure!(
        'a: "space-map-header",
        "bonus of a space map: 24 bytes, or 320 with a histogram",
        "13-space.md 13.1",
        SpaceMapHeader<'a>
    ),
    structure!(
        "space-map",
        "entries of a space map, up to the zeros at the end",
        "13-space.md 13.1",
        Vec<Entry> = entries(Entry::parse)
    ),
    structure!(
        "log-space-map",
        "entries of a log space map: all vdevs, one txg",
        "13-space.md 13.1",
        Vec<LogEntry> = entries(LogEntry::parse)
    ),
    structure!(
        "dtl",
        "entries of a dirty time log: txgs that a leaf vdev misses",
        "13-space.md 13.1",
        Vec<DtlEntry> = entries(DtlEntry::parse)
    ),
];

/// Buckets of the histogram.
const BUCKETS: usize = 32;

record! {
    /// `space_map_phys_t`: the bonus of a space map object.
    ///
    /// Chapter 13, 13.1.
    pub struct SpaceMapHeader<'a> {
        /// its own number
        0x00 object:    ObjectId,
        /// bytes of the object that are valid
        0x08 length:    Bytes,
        /// allocated bytes: the sum of all entries; of logs and checkpoints below 0
        0x10 alloc:     i64,
        0x18 pad:       &'a [u8] = pad,
        /// n: free segments of 2^n units, up to the double
        0x40 histogram: Option<Numbers<'a, 8>> = histogram,
    }
    says SpaceMapHeader::summary;
    judge SpaceMapHeader::judge;
}

/// Nothing in headers of 24 bytes.
fn pad(i: Input<'_>) -> Parsed<'_, &'_ [u8]> {
    bytes(i.bytes().len().min(40))(i)
}

/// Only headers of 320 bytes have it.
fn histogram(i: Input<'_>) -> Parsed<'_, Option<Numbers<'_, 8>>> {
    let size = BUCKETS.saturating_mul(8);
    cond(i.bytes().len() >= size, framed(size, Numbers::parse)).parse_complete(i)
}

impl SpaceMapHeader<'_> {
    fn summary(&self) -> String {
        format!("{:#x} bytes of entries, {} bytes allocated", self.length.0, self.alloc)
    }
    fn judge(&self) -> Option<Problem> {
        if !self.length.0.is_multiple_of(8) {
            Some(Problem::corrupt("length is no multiple of 8"))
        } else if self.pad.iter().any(|b| *b != 0) {
            Some(Problem::corrupt("padding is not zero"))
        } else {
            None
        }
    }
}

symbols! {
    /// `maptype_t`: what an entry does to the set of allocated segments.
    pub struct MapType(u8) {
        ALLOC = 0 "alloc",
        FREE = 1 "free",
    }
}

symbols! {
    /// The two highest bits of a word that is not of the one-word form.
    pub struct Form(u8) {
        DEBUG = 2 "debug",
        TWO_WORDS = 3 "two words",
    }
}

bits! {
    /// An entry of one word.
    ///
    /// Chapter 13, 13.1.
    pub struct OneWord(u64) {
        /// units
        0..15  run: u64 = one_more,
        15..16 maptype: MapType,
        /// units
        16..63 offset: u64,
        /// 0: one word
        63..64 form: Reserved,
    }
}

bits! {
    /// A word that says when the entries behind it were written; of txg 0 a filler.
    ///
    /// Chapter 13, 13.1.
    pub struct DebugEntry(u64) {
        0..50  txg: Txg,
        50..60 sync_pass: u16,
        60..62 maptype: MapType,
        62..64 form: Form,
    }
}

bits! {
    /// First word of a two-word entry.
    ///
    /// Chapter 13, 13.1.
    pub struct RunVdev(u64) {
        /// means something in log space maps only
        0..24  vdev: u32,
        /// units
        24..60 run: u64 = one_more,
        60..62 pad: Reserved,
        62..64 form: Form,
    }
}

bits! {
    /// Second word of a two-word entry.
    ///
    /// Chapter 13, 13.1.
    pub struct OffsetType(u64) {
        /// units
        0..63  offset: u64,
        63..64 maptype: MapType,
    }
}

record! {
    /// An entry of two words.
    ///
    /// Chapter 13, 13.1.
    pub struct TwoWord: Copy {
        0x0 run_vdev:    RunVdev,
        0x8 offset_type: OffsetType,
    }
}

/// Runs are stored less one: none is empty.
fn one_more(raw: u64) -> u64 {
    raw.wrapping_add(1)
}

/// A word of a space map, or two.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Entry {
    /// Bit 63 is 0.
    OneWord(OneWord),
    /// Bits 62 and 63 are 2.
    Debug(DebugEntry),
    /// Bits 62 and 63 are 3.
    TwoWord(TwoWord),
}

impl<'a> Parse<'a> for Entry {
    #[inline(always)]
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        // one line of the tree an entry: their words say little alone
        let quiet = i.unwatched();
        let (_, word) = u64::parse(quiet)?;
        let (rest, entry) = match cut(word, 62, 64) {
            0 | 1 => OneWord::parse(quiet).map(|(i, e)| (i, Entry::OneWord(e)))?,
            2 => DebugEntry::parse(quiet).map(|(i, e)| (i, Entry::Debug(e)))?,
            _ => TwoWord::parse(quiet).map(|(i, e)| (i, Entry::TwoWord(e)))?,
        };
        Ok((rest.watched_as(i), entry))
    }
}

/// What an entry allocates or frees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which of both.
    pub maptype: MapType,
    /// Top-level vdev; means something in log space maps only.
    pub vdev: u32,
    /// First unit.
    pub offset: u64,
    /// Units, at least one.
    pub run: u64,
}

impl Segment {
    /// The units; `None` where they pass 2^64.
    #[must_use]
    pub fn units(&self) -> Option<Range<u64>> {
        Some(self.offset..self.offset.checked_add(self.run)?)
    }
    /// The bytes, for units of 2^`shift` bytes counted from `start`; `None` where they pass 2^64.
    #[must_use]
    pub fn bytes(&self, start: u64, shift: u32) -> Option<Range<u64>> {
        let unit = 1u64.checked_shl(shift)?;
        let units = self.units()?;
        let place = |n: u64| n.checked_mul(unit)?.checked_add(start);
        Some(place(units.start)?..place(units.end)?)
    }
}

impl Entry {
    /// What it allocates or frees; `None` for debug words.
    #[must_use]
    pub fn segment(&self) -> Option<Segment> {
        match self {
            Entry::OneWord(e) => {
                Some(Segment { maptype: e.maptype(), vdev: 0, offset: e.offset(), run: e.run() })
            }
            Entry::TwoWord(e) => Some(Segment {
                maptype: e.offset_type.maptype(),
                vdev: e.run_vdev.vdev(),
                offset: e.offset_type.offset(),
                run: e.run_vdev.run(),
            }),
            Entry::Debug(_) => None,
        }
    }
    fn summary(&self, segment: impl FnOnce(&Segment) -> String) -> Value {
        Value::says(match (self, self.segment()) {
            (Entry::Debug(e), _) if e.txg().0 == 0 => "filler".into(),
            (Entry::Debug(e), _) => format!("{}s of txg {}, pass {}", e.maptype(), e.txg(), e.sync_pass()),
            (_, Some(it)) => segment(&it),
            (_, None) => String::new(),
        })
    }
}

impl Describe for Entry {
    fn parts() -> Parts {
        Parts::OneOf(
            "Entry",
            "A word of a space map, or two: the highest bits decide.\n",
            &[
                ChoiceSpec { name: "OneWord", about: "bit 63 is 0", parts: OneWord::parts },
                ChoiceSpec { name: "Debug", about: "bits 62 and 63 are 2", parts: DebugEntry::parts },
                ChoiceSpec { name: "TwoWord", about: "bits 62 and 63 are 3", parts: TwoWord::parts },
            ],
        )
    }
    fn value(&self) -> Value {
        self.summary(|it| {
            let end = it.offset.saturating_add(it.run);
            format!("{} {:#x}..{end:#x} units", it.maptype, it.offset)
        })
    }
    fn judge(&self) -> Option<Problem> {
        match self {
            Entry::OneWord(_) => None,
            Entry::Debug(e) => e.maptype().judge(),
            Entry::TwoWord(e) => e.run_vdev.pad().judge(),
        }
    }
}

macro_rules! readings {
    ($( $(#[$meta:meta])* $Name:ident = $segment:expr; )*) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $Name(pub Entry);
        impl Describe for $Name {
            fn parts() -> Parts {
                Entry::parts()
            }
            fn value(&self) -> Value {
                self.0.summary($segment)
            }
            fn judge(&self) -> Option<Problem> {
                self.0.judge()
            }
        }
        impl<'a> Parse<'a> for $Name {
            #[inline(always)]
            fn parse(i: Input<'a>) -> Parsed<'a, Self> {
                Entry::parse(i).map(|(i, entry)| (i, $Name(entry)))
            }
        }
    )* };
}

readings! {
    /// An entry of a log space map: its units are 512 bytes of the vdev that it names.
    LogEntry = |it| match it.bytes(0, Sectors::SIZE.trailing_zeros()) {
        Some(Range { start, end }) => format!("{} vdev {} {start:#x}..{end:#x}", it.maptype, it.vdev),
        None => format!("{} vdev {} past 2^64", it.maptype, it.vdev),
    };
    /// An entry of a dirty time log: its units are txgs.
    DtlEntry = |it| {
        let what = if it.maptype == MapType::ALLOC { "missing" } else { "no longer missing" };
        match it.run {
            1 => format!("{what}: txg {}", it.offset),
            run => format!("{what}: txg {} to {}", it.offset, it.offset.saturating_add(run).saturating_sub(1)),
        }
    };
}

/// Entries as long as something but zeros is left.
// An entry of zeros allocates the first unit: legal, but as the last one of a block's bytes it
// cannot be told from what was never written. The header's length tells; use `Entries` with it.
fn entries<'a, T: Describe>(
    mut item: impl Parser<Input<'a>, Output = T, Error = Error>,
) -> impl FnMut(Input<'a>) -> Parsed<'a, Vec<T>> {
    move |i| {
        let used = i.bytes().iter().rposition(|b| *b != 0).map_or(0, |last| last.saturating_add(1));
        let end = i.at().saturating_add(used);
        until(|i| i.at() >= end, |i| item.parse_complete(i))(i)
    }
}

/// The entries of a space map, one by one.
///
/// Allocates nothing. After an entry that cannot be read (a two-word one cut short) it ends.
#[derive(Clone, Copy)]
pub struct Entries<'a>(Input<'a>);

impl<'a> Entries<'a> {
    /// All entries in `i`: the object's first [`SpaceMapHeader::length`] bytes, or a part of them
    /// that starts with a data block.
    #[must_use]
    pub fn new(i: Input<'a>) -> Self {
        Entries(i)
    }
    /// The segments without the debug words.
    pub fn segments(self) -> impl Iterator<Item = Result<Segment, Error>> {
        self.filter_map(|entry| entry.map(|entry| entry.segment()).transpose())
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry, Error>;
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.bytes().is_empty() {
            return None;
        }
        match Entry::parse(self.0) {
            Ok((rest, entry)) => {
                self.0 = rest;
                Some(Ok(entry))
            }
            Err(nom::Err::Error(e) | nom::Err::Failure(e)) => {
                self.0 = self.0.over(&[]);
                Some(Err(e))
            }
            Err(nom::Err::Incomplete(_)) => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may fail loudly
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::input::Order;

    fn big_endian(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|w| w.to_be_bytes()).collect()
    }

    #[test]
    fn worked_example() {
        let (_, entry) = Entry::parse(Input::new(&0x0010_0003u64.to_le_bytes(), Order::Little)).unwrap();
        let segment = entry.segment().unwrap();
        assert_eq!(entry.value().to_string(), "alloc 0x10..0x14 units");
        assert_eq!(segment.bytes(2 << 24, 9), Some(0x200_2000..0x200_2800));
    }

    #[test]
    fn forms_mix() {
        let words = [0xa004_0000_0000_0031, 0xc000_0000_0500_0003, 1 << 63 | 0x7f, 0, 0x8000_0000_0000_0000];
        let bytes = big_endian(&words);
        let all: Vec<_> = Entries::new(Input::new(&bytes, Order::Big)).map(Result::unwrap).collect();
        let said: Vec<_> = all.iter().map(|e| e.value().to_string()).collect();
        assert_eq!(
            said,
            ["unknown 2s of txg 49, pass 1", "free 0x7f..0x85 units", "alloc 0x0..0x1 units", "filler"]
        );
        let [_, two, ..] = all.as_slice() else { unreachable!() };
        assert_eq!(LogEntry(*two).value().to_string(), "free vdev 3 0xfe00..0x10a00");
    }

    #[test]
    fn an_entry_cut_short_ends_the_map() {
        let bytes = big_endian(&[1, 0xc000_0000_0000_0000]);
        let mut all = Entries::new(Input::new(&bytes, Order::Big));
        assert!(all.next().unwrap().is_ok());
        assert!(all.next().unwrap().is_err());
        assert!(all.next().is_none());
    }

    #[test]
    fn a_dirty_time_log_names_txgs() {
        let says = |word| DtlEntry(Entry::OneWord(OneWord(word))).value().to_string();
        assert_eq!(says(35 << 16), "missing: txg 35");
        assert_eq!(says(4 << 16 | 33), "missing: txg 4 to 37");
    }
}
