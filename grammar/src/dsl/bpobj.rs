//! Block pointer objects: lists of blocks to be freed, or that died between snapshots.
//!
//! The bonus counts them; its length tells its version. The data are the pointers, trimmed: only what
//! accounting and freeing need is kept. Lists may contain lists. Handbook: [`docs/format/11-dsl.md`],
//! 11.9 and 11.10.
//!
//! ```
//! use zfsp_grammar::{dsl::bpobj::BpobjHeader, input::{Input, Order, Parse}};
//!
//! let bytes: Vec<u8> = [11, 90112, 58368, 92160].iter().flat_map(|w: &u64| w.to_le_bytes()).collect();
//! let (_, read) = BpobjHeader::parse(Input::new(&bytes, Order::Little))?;
//! assert_eq!(read.num_blkptrs, 11);
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//!
//! [`docs/format/11-dsl.md`]: crate::handbook::dsl

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::if_there;
use crate::blkptr::{BLKPTR_SIZE, Dva, Pointer};
use crate::input::{Input, Parse, Parsed, filling};
use crate::quantity::{Bytes, ObjectId, Txg};
use crate::spec::{Describe, Parts};
use crate::tree::{Problem, Value};

record! {
    /// `bpobj_phys_t`: 16 bytes at first, 32 since pool version 3, 48 since 26, 56 with livelists.
    ///
    /// Chapter 11, 11.9.
    pub struct BpobjHeader: Copy {
        /// entries of this object
        0x00 num_blkptrs: u64,
        /// space, with that of the lists inside
        0x08 bytes:       Bytes,
             comp:        Option<Bytes> = if_there,
             uncomp:      Option<Bytes> = if_there,
        /// array of the lists inside; 0: none
             subobjs:     Option<ObjectId> = if_there,
             num_subobjs: Option<u64> = if_there,
        /// of a livelist: entries that say free
             num_freed:   Option<u64> = if_there,
    }
    judge BpobjHeader::judge;
}

impl BpobjHeader {
    fn judge(&self) -> Option<Problem> {
        let none = self.subobjs.is_none_or(|object| object.0 == 0);
        if none && self.num_subobjs.is_some_and(|n| n != 0) {
            Some(Problem::corrupt("counts lists inside, but has none"))
        } else if self.num_freed.is_some_and(|n| n > self.num_blkptrs) {
            Some(Problem::corrupt("more entries are freed than there are"))
        } else {
            None
        }
    }
}

/// An entry: a trimmed pointer. In livelists bit 0 of the fill word tells that the block was freed.
/// Entries of a removed vdev's obsolete space are made up: they have a place and a birth, no properties.
///
/// Chapter 11, 11.9.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// The block.
    pub blkptr: Pointer,
    /// In a livelist: freed, not allocated.
    pub freed: bool,
}

impl<'a> Parse<'a> for Entry {
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        let (i, blkptr) = Pointer::parse(i)?;
        let freed = match blkptr {
            Pointer::Hole(b) | Pointer::Block(b) => b.fill & 1 != 0,
            Pointer::Authenticated(b) => b.fill & 1 != 0,
            Pointer::Encrypted(b) => b.fill_iv.fill() & 1 != 0,
            Pointer::Embedded(b) => b.tail.0.first().is_some_and(|word| word & 1 != 0),
        };
        Ok((i, Entry { blkptr, freed }))
    }
}

impl Describe for Entry {
    const SIZE: Option<usize> = Some(BLKPTR_SIZE);
    fn parts() -> Parts {
        Pointer::parts()
    }
    fn value(&self) -> Value {
        let freed: String = if self.freed { "FREE ".into() } else { String::new() };
        Value::says(format_args!("{freed}{}", self.blkptr))
    }
    fn judge(&self) -> Option<Problem> {
        match &self.blkptr {
            Pointer::Block(b) if b.prop.0 == 0 => None,
            pointer => pointer.judge(),
        }
    }
}

impl Entry {
    /// What tells the block from others: its first copy, and when that was written. `None` for
    /// embedded blocks, which take no space.
    #[must_use]
    pub fn identity(&self) -> Option<(Dva, Txg)> {
        let (dva, born) = match &self.blkptr {
            Pointer::Hole(b) | Pointer::Block(b) => (b.dva.first()?, b.written()),
            Pointer::Encrypted(b) => (b.dva.first()?, b.plain().written()),
            Pointer::Authenticated(b) => (b.dva.first()?, b.plain().written()),
            Pointer::Embedded(_) => return None,
        };
        Some((*dva, born))
    }
}

record! {
    /// What a clone allocated and freed since its origin, in the order of time.
    ///
    /// Chapter 11, 11.10.
    pub struct Livelist {
        0x0 entries: Vec<Entry> = filling(BLKPTR_SIZE, Entry::parse),
    }
    says Livelist::summary;
}

impl Livelist {
    /// Entries that say that a block was freed.
    #[must_use]
    pub fn freed(&self) -> usize {
        self.entries.iter().filter(|entry| entry.freed).count()
    }
    /// The blocks that are still there, newest first: each freed entry cancels the next older one that
    /// allocated the same block.
    pub fn live(&self) -> impl Iterator<Item = &Entry> {
        let mut freed: BTreeMap<(u64, u64, Txg), usize> = BTreeMap::new();
        self.entries.iter().rev().filter(move |entry| {
            let Some((dva, born)) = entry.identity() else { return false };
            let pending = freed.entry((dva.extent.0, dva.place.0, born)).or_default();
            let live = !entry.freed && *pending == 0;
            *pending = if entry.freed { pending.saturating_add(1) } else { pending.saturating_sub(1) };
            live
        })
    }
    fn summary(&self) -> String {
        format!("{} entries, {} freed, {} live", self.entries.len(), self.freed(), self.live().count())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may fail loudly
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::dsl::testing::read;

    /// Chapter 11, 11.9: headers of each length.
    #[test]
    fn header_of_each_version() {
        let all = [27, 23_552, 11_776, 11_776, 0, 0, 8];
        for (words, expected) in
            [(2, [None, None, None]), (4, [Some(11_776), None, None]), (6, [Some(11_776), Some(0), None])]
        {
            let header: BpobjHeader = read(&all[..words]);
            let got = [header.comp.map(|b| b.0), header.subobjs.map(|o| o.0), header.num_freed];
            assert_eq!(got, expected, "{words} words");
        }
        let header: BpobjHeader = read(&all);
        assert_eq!((header.num_blkptrs, header.num_freed, header.judge()), (27, Some(8), None));
        assert!(read::<BpobjHeader>(&[1, 0, 0, 0, 0, 3]).judge().is_some());
        assert!(read::<BpobjHeader>(&[1, 0, 0, 0, 0, 0, 2]).judge().is_some());
    }

    /// An entry as it is stored: size and place in sectors, properties, birth, freed.
    fn entry(sectors: u64, place: u64, prop: u64, birth: u64, freed: u64) -> [u64; 16] {
        [sectors, place, 0, 0, 0, 0, prop, 0, 0, 0, birth, freed, 0, 0, 0, 0]
    }

    const OBJSET: u64 = 0x800b_070f_0000_0007;
    const DNODE: u64 = 0x800a_070f_0001_001f;

    #[test]
    fn freed_entries_cancel_older_ones() {
        // after a real livelist, shortened; the last entry is added
        let entries = [
            entry(1, 1816, OBJSET, 33, 0),
            entry(1, 1823, OBJSET, 33, 0),
            entry(2, 1776, DNODE, 33, 0),
            entry(1, 1816, OBJSET, 33, 1),
            entry(1, 1823, OBJSET, 33, 1),
            // the same place, used again later
            entry(1, 1816, OBJSET, 34, 0),
        ];
        let list: Livelist = read(entries.as_flattened());
        let live: Vec<u64> = list.live().filter_map(|e| Some(e.identity()?.0.place.0)).collect();
        assert_eq!(live, [1816, 1776]);
        assert_eq!(list.summary(), "6 entries, 2 freed, 2 live");
        assert!(list.entries.iter().all(|e| e.judge().is_none()));
        assert!(list.entries[3].value().to_string().starts_with("FREE DVA[0]=<0:e3000:200>"));
    }

    #[test]
    fn space_of_a_removed_vdev_has_no_properties() {
        let list: Livelist = read(&entry(0x1_0000_0001, 0x30b, 0, 15, 0));
        assert_eq!(list.entries[0].judge(), None);
        assert_eq!(list.entries[0].identity().unwrap().0.to_string(), "<1:61600:200>");
    }
}
