//! ZAPs: objects that map keys to values.
//!
//! Directories, property sets, maps of snapshots, dedup tables: nearly everything with a name is in
//! one. A *micro ZAP* is one block of names with one word each; a *fat ZAP* is an extensible hash table
//! whose block 0 is the header, and whose other blocks are leaves and pointer tables. The first word of
//! a block tells which. Handbook: [`docs/format/10-zap.md`].
//!
//! ```
//! use zfsp_grammar::zap::BlockType;
//!
//! assert!(BlockType(0x8000_0000_0000_0003).to_string().contains("micro"));
//! ```
//!
//! [`docs/format/10-zap.md`]: crate::handbook::zap

mod assigned;
pub mod chunk;
pub mod fat;
pub mod hash;
pub mod leaf;
pub mod micro;
pub mod names;
pub mod value;

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use nom::Parser;

use crate::catalogue::{Structure, structure};
use crate::input::{Input, Order, Parse, Parsed, ahead, framed, in_order, rest, tolerated};
use crate::quantity::integer;
use crate::spec::{Describe, Parts};
use crate::tree::{Problem, Value as Shown};
use chunk::{CHUNK_SIZE, ChunkType, KeyKind};
use fat::{BLOCK_SHIFTS, FatHeader, PointerTable, TableInfo};
use hash::Hashing;
use leaf::Leaf;
use micro::MicroZap;
use value::{Attribute, Integers, Key};

pub(crate) const STRUCTURES: &[Structure] = &[
    structure!('a: "zap", "ZAP: all its blocks in their order, or any one of them", "10-zap.md 10.1", Zap<'a>),
    structure!('a: "microzap", "micro ZAP", "10-zap.md 10.2", MicroZap<'a> = ordered(MicroZap::parse)),
    structure!(
        'a: "zap-header",
        "block 0 of a fat ZAP, with its pointer table",
        "10-zap.md 10.3",
        FatHeader<'a> = ordered(first_block)
    ),
    structure!('a: "zap-leaf", "leaf block of a fat ZAP", "10-zap.md 10.4", Leaf<'a> = ordered(lone_leaf)),
];

symbols! {
    /// What a block of a ZAP is: its first word. Blocks of pointer tables have none.
    ///
    /// Chapter 10, 10.1.
    pub struct BlockType(u64) {
        LEAF = 0x8000_0000_0000_0000 "leaf",
        /// block 0 of a fat ZAP
        HEADER = 0x8000_0000_0000_0001 "header",
        MICRO = 0x8000_0000_0000_0003 "micro",
    }
}

one_of! {
    /// What bytes of a ZAP can be.
    ///
    /// Chapter 10, 10.1.
    pub enum Zap<'a> {
        /// A micro ZAP.
        Micro(MicroZap<'a>),
        /// A fat ZAP, or at least its block 0.
        Fat(FatZap<'a>),
        /// One leaf of a fat ZAP.
        Leaf(Leaf<'a>),
        /// One block of a pointer table.
        Table(PointerTable<'a>),
        /// Zeros: a hole, or a ZAP whose removal was interrupted.
        Hole(Hole),
    }
}

impl<'a> Parse<'a> for Zap<'a> {
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        let (order, kind) = block_type(i);
        in_order(order, |i: Input<'a>| match kind {
            Some(BlockType::MICRO) => MicroZap::parse.map(Zap::Micro).parse_complete(i),
            Some(BlockType::HEADER) => FatZap::parse.map(Zap::Fat).parse_complete(i),
            Some(BlockType::LEAF) => lone_leaf.map(Zap::Leaf).parse_complete(i),
            _ if is_zero(i) => Hole::parse.map(Zap::Hole).parse_complete(i),
            // a table has no magic, but no leaf has a number as high as this
            _ if i.bytes().len() >= 512
                && i.bytes().get(..8).is_some_and(|w| integer(w, order) < LEAF_NUMBERS) =>
            {
                PointerTable::parse.map(Zap::Table).parse_complete(i)
            }
            _ => BlockType::parse(i.unwatched()).and_then(|(_, found)| unknown(i, found)),
        })
        .parse_complete(i)
    }
}

/// More leaves than an object of 2^64 bytes can have blocks of 512.
const LEAF_NUMBERS: u64 = 1 << 55;

fn unknown<T>(i: Input<'_>, found: BlockType) -> Parsed<'_, T> {
    crate::input::fail(i, crate::input::Why::Expected { expected: BlockType::MICRO.0, found: found.0 })
}

/// What the block at the front of `i` is, and the order in which it was written.
fn block_type(i: Input<'_>) -> (Order, Option<BlockType>) {
    let known = |order| {
        let kind = BlockType(integer(i.bytes().get(..8)?, order));
        kind.name().is_some().then_some((order, Some(kind)))
    };
    known(Order::Little).or_else(|| known(Order::Big)).unwrap_or((i.order(), None))
}

/// Runs `p` in the order that the first word tells.
fn ordered<'a, T>(
    mut p: impl Parser<Input<'a>, Output = T, Error = crate::input::Error>,
) -> impl FnMut(Input<'a>) -> Parsed<'a, T> {
    move |i| in_order(block_type(i).0, |i| p.parse_complete(i)).parse_complete(i)
}

fn is_zero(i: Input<'_>) -> bool {
    i.bytes().iter().all(|b| *b == 0)
}

record! {
    /// A fat ZAP: as many of its blocks as there are.
    ///
    /// Chapter 10, 10.3.
    pub struct FatZap<'a> {
        header: FatHeader<'a>  = first_block,
        /// block 1 and those behind it
        blocks: Vec<Block<'a>> = blocks(&header),
    }
    says FatZap::summary;
    judge FatZap::judge;
}

/// Block 0 of a fat ZAP: its size follows from the size of the pointer table.
fn first_block(i: Input<'_>) -> Parsed<'_, FatHeader<'_>> {
    let (i, table) = ahead(0x10, TableInfo::parse)(i)?;
    let size = table.block_shift().and_then(|shift| 1usize.checked_shl(shift));
    let len = match size.filter(|size| *size <= i.bytes().len()) {
        Some(size) => size,
        None => sizes(i).next().unwrap_or(i.bytes().len()),
    };
    framed(len, FatHeader::parse)(i)
}

/// Sizes that the block at the front of `i` can have, the largest first.
fn sizes(i: Input<'_>) -> impl Iterator<Item = usize> {
    let len = i.bytes().len();
    BLOCK_SHIFTS.rev().filter_map(|shift| 1usize.checked_shl(shift)).filter(move |size| *size <= len)
}

/// A leaf does not tell its size: the largest one whose chunks are all chunks.
fn lone_leaf(i: Input<'_>) -> Parsed<'_, Leaf<'_>> {
    let fits = |size: &usize| {
        let chunks =
            i.bytes().get(..*size).and_then(|leaf| leaf.get(size.div_euclid(16).saturating_add(48)..));
        let kinds = chunks.unwrap_or_default().chunks_exact(CHUNK_SIZE).filter_map(|chunk| chunk.first());
        kinds.into_iter().all(|kind| ChunkType(*kind).name().is_some())
    };
    let size = sizes(i).find(fits).or_else(|| sizes(i).next());
    framed(size.unwrap_or(i.bytes().len()), Leaf::parse)(i)
}

one_of! {
    /// A block of a fat ZAP behind block 0.
    pub enum BlockKind<'a> {
        /// Attributes.
        Leaf(Leaf<'a>),
        /// A part of the pointer table, or of a former one.
        Table(PointerTable<'a>),
        /// Nothing: freed.
        Hole(Hole),
    }
}

/// A block of a fat ZAP behind block 0, which says what its hashes are.
#[derive(Clone, Debug, PartialEq)]
pub struct Block<'a> {
    /// Its number in the object.
    pub number: u64,
    /// What is in it; `None` if it cannot be read.
    pub kind: Option<BlockKind<'a>>,
    /// How keys are hashed.
    pub hashing: Hashing,
}

impl Describe for Block<'_> {
    fn parts() -> Parts {
        BlockKind::parts()
    }
    fn value(&self) -> Shown {
        match &self.kind {
            Some(BlockKind::Table(_)) => Shown::says("pointer table"),
            kind => kind.value(),
        }
    }
    fn title(&self) -> Option<Box<str>> {
        Some(format!("block {}", self.number).into())
    }
    fn judge(&self) -> Option<Problem> {
        match &self.kind {
            Some(BlockKind::Leaf(leaf)) => leaf.judge_with(&self.hashing),
            Some(kind) => kind.judge(),
            None => None,
        }
    }
}

/// Zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole;

impl Describe for Hole {
    fn value(&self) -> Shown {
        Shown::says("zeros")
    }
}

impl<'a> Parse<'a> for Hole {
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        rest(i).map(|(i, _)| (i, Hole))
    }
}

fn blocks<'a>(header: &FatHeader<'_>) -> impl FnMut(Input<'a>) -> Parsed<'a, Vec<Block<'a>>> {
    let hashing = header.hashing();
    let size = header.block_shift().and_then(|shift| 1usize.checked_shl(shift)).unwrap_or(usize::MAX);
    move |mut i| {
        let mut all = Vec::new();
        for number in 1.. {
            if i.bytes().len() < size {
                break;
            }
            let read = |i| {
                let (i, kind) = tolerated(size, block)(i)?;
                Ok((i, Block { number, kind, hashing }))
            };
            let one;
            (i, one) = match i.watch() {
                None => read(i)?,
                Some(trace) => trace.item(i, all.len(), read)?,
            };
            all.push(one);
        }
        Ok((i, all))
    }
}

fn block(i: Input<'_>) -> Parsed<'_, BlockKind<'_>> {
    match i.bytes().get(..8).map(|word| BlockType(integer(word, i.order()))) {
        Some(BlockType::LEAF) => Leaf::parse.map(BlockKind::Leaf).parse_complete(i),
        _ if is_zero(i) => Hole::parse.map(BlockKind::Hole).parse_complete(i),
        _ => match i.watch() {
            None => PointerTable::parse.map(BlockKind::Table).parse_complete(i),
            Some(trace) => {
                trace.named(i, "table", PointerTable::parse).map(|(i, t)| (i, BlockKind::Table(t)))
            }
        },
    }
}

impl<'a> FatZap<'a> {
    /// Block `number`, if the bytes have it and it is a leaf.
    #[must_use]
    pub fn leaf(&self, number: u64) -> Option<&Leaf<'a>> {
        match &self.block(number)?.kind {
            Some(BlockKind::Leaf(leaf)) => Some(leaf),
            _ => None,
        }
    }
    fn block(&self, number: u64) -> Option<&Block<'a>> {
        self.blocks.get(usize::try_from(number.checked_sub(1)?).ok()?)
    }
    /// The pointer table: numbers of leaf blocks by the top bits of the hash. Ends where the bytes do.
    pub fn table(&self) -> Box<dyn Iterator<Item = u64> + '_> {
        let info = &self.header.ptrtbl;
        if info.is_embedded() {
            return Box::new(self.header.table.iter());
        }
        let numbers = info.blk..info.blk.saturating_add(info.numblks);
        let tables = numbers.map_while(|number| match &self.block(number)?.kind {
            Some(BlockKind::Table(table)) => Some(*table),
            _ => None,
        });
        Box::new(tables.flat_map(|table| table.iter()))
    }
    /// The leaves that the table names, each once, as far as the bytes have them.
    #[must_use]
    pub fn leaves(&self) -> Vec<(u64, &Leaf<'a>)> {
        let mut numbers: Vec<u64> = self.table().collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().filter_map(|number| Some((number, self.leaf(number)?))).collect()
    }
    /// All attributes, leaf by leaf. A bad one is an error, and the next one follows.
    pub fn entries(&self) -> impl Iterator<Item = Result<Attribute, Problem>> + use<'a> {
        let words = self.header.flags.uint64_key();
        let kind = if words { KeyKind::Words } else { KeyKind::Name };
        let leaves: Vec<_> = self.leaves().into_iter().map(|(_, leaf)| leaf.clone()).collect();
        leaves.into_iter().flat_map(move |leaf| leaf.entries_by(kind))
    }
    /// The attribute of that key, by its hash; `None` also where the leaf is not in the bytes.
    ///
    /// # Errors
    /// If its value cannot be gathered.
    pub fn find(&self, key: &Key) -> Option<Result<Attribute, Problem>> {
        let hash = key.hash(&self.header.hashing());
        let index = usize::try_from(self.header.ptrtbl.index(hash)).ok()?;
        self.leaf(self.table().nth(index)?)?.find(hash, key)
    }

    fn summary(&self) -> alloc::string::String {
        match self.header.value() {
            Shown::Says(what) => what.into(),
            _ => "fat ZAP".into(),
        }
    }
    /// Counts and prefixes, if all blocks are there.
    fn judge(&self) -> Option<Problem> {
        let header = &self.header;
        let there = u64::try_from(self.blocks.len()).ok()?.saturating_add(1);
        if there < header.freeblk || self.blocks.iter().any(|block| block.kind.is_none()) {
            return None;
        }
        let leaves = self.leaves();
        let entries: u64 = leaves.iter().map(|(_, leaf)| u64::from(leaf.header.nentries)).sum();
        if u64::try_from(leaves.len()) != Ok(header.num_leafs) {
            let text =
                format!("the table leads to {} leaves, the header counts {}", leaves.len(), header.num_leafs);
            Some(Problem::corrupt(text))
        } else if entries != header.num_entries {
            let text = format!("the leaves have {entries} entries, the header counts {}", header.num_entries);
            Some(Problem::corrupt(text))
        } else {
            self.judge_table()
        }
    }
    /// Each entry of the table must lead to the leaf of its prefix.
    fn judge_table(&self) -> Option<Problem> {
        let shift = u32::try_from(self.header.ptrtbl.shift).ok()?;
        let wrong = (0u64..).zip(self.table()).find(|(index, number)| {
            let hash = index.unbounded_shl(64u32.saturating_sub(shift));
            !self
                .leaf(*number)
                .is_some_and(|leaf| u32::from(leaf.header.prefix_len) <= shift && leaf.covers(hash))
        });
        wrong.map(|(index, number)| {
            Problem::corrupt(format!(
                "entry {index} of the table leads to block {number}, no leaf of that prefix"
            ))
        })
    }
}

impl Zap<'_> {
    /// All attributes of the blocks there are: of a micro ZAP in the order of its slots. A bad one is an
    /// error, and the next one follows.
    pub fn entries(&self) -> Box<dyn Iterator<Item = Result<Attribute, Problem>> + '_> {
        match self {
            Zap::Micro(zap) => {
                let hashing = zap.hashing();
                Box::new(zap.entries().map(move |entry| {
                    let key = Key::Name(entry.name.0.to_vec());
                    let hash = key.hash(&hashing);
                    Ok(Attribute { key, value: Integers::word(entry.value), hash, cd: entry.cd })
                }))
            }
            Zap::Fat(zap) => Box::new(zap.entries()),
            Zap::Leaf(leaf) => Box::new(leaf.entries()),
            Zap::Table(_) | Zap::Hole(_) => Box::new(core::iter::empty()),
        }
    }
    /// The value of the name, byte for byte.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<Integers> {
        let named = |attribute: &Attribute| matches!(&attribute.key, Key::Name(key) if key == name);
        self.entries().filter_map(Result::ok).find(named).map(|attribute| attribute.value)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may fail loudly
mod tests {
    use super::*;
    use crate::tree::Trace;

    fn words(order: Order, all: &[u64]) -> Vec<u8> {
        let word = |n: &u64| if order == Order::Little { n.to_le_bytes() } else { n.to_be_bytes() };
        all.iter().flat_map(word).collect()
    }

    fn problems(bytes: &[u8]) -> usize {
        let trace = Trace::default();
        let _ = Zap::parse(Input::new(bytes, Order::Little).watched(&trace))
            .map(|(_, zap)| assert!(zap.judge().is_none()));
        trace.into_tree().problems().count()
    }

    /// The properties of a data set: `acltype` 1, real but for the order.
    fn micro(order: Order) -> Vec<u8> {
        let mut bytes = words(order, &[BlockType::MICRO.0, 0xdee3, 0]);
        bytes.resize(64, 0);
        bytes.extend(words(order, &[1, 0]));
        bytes.truncate(64 + 14);
        bytes.extend(b"acltype");
        bytes.resize(512, 0);
        bytes
    }

    #[test]
    fn micro_in_both_orders() {
        for order in [Order::Little, Order::Big] {
            let bytes = micro(order);
            let (rest, zap) = Zap::parse(Input::new(&bytes, Order::Little)).unwrap();
            assert!(rest.bytes().is_empty());
            assert_eq!(zap.get(b"acltype"), Some(Integers::word(1)));
            assert_eq!(zap.get(b"acl"), None);
            assert_eq!(problems(&bytes), 0);
        }
    }

    /// A fat ZAP of blocks of 512 bytes: `ROOT` is 34 and a text, 22 bytes with its NUL, spans two chunks.
    fn fat(order: Order) -> Vec<u8> {
        let half = |n: u16| if order == Order::Little { n.to_le_bytes() } else { n.to_be_bytes() };
        let mut bytes = words(order, &[BlockType::HEADER.0, fat::MAGIC, 0, 0, 5, 0, 0, 2, 1, 2, 1, 0, 0]);
        bytes.resize(256, 0);
        bytes.extend(words(order, &[1; 32]));

        let hashing = Hashing { salt: 1, ..Hashing::default() };
        let hashes = [hashing.of_name(b"ROOT"), hashing.of_name(b"text")];
        let mut leaf = words(order, &[BlockType::LEAF.0, 0, 0]);
        let magic = leaf::MAGIC;
        leaf.extend(if order == Order::Little { magic.to_le_bytes() } else { magic.to_be_bytes() });
        leaf.extend([11, 2, 0, 7].into_iter().flat_map(half));
        leaf.resize(48, 0);
        let mut buckets = [0xffff; 16];
        let bucket = |hash: u64| usize::try_from(hash >> 60).unwrap();
        (buckets[bucket(hashes[0])], buckets[bucket(hashes[1])]) = (0, 3);
        leaf.extend(buckets.into_iter().flat_map(half));
        let entry = |width, [next, name, len, value, n]: [u16; 5], hash| {
            let fields = [next, name, len, value, n, 0, 0].into_iter().flat_map(half);
            [252, width].into_iter().chain(fields).chain(words(order, &[hash])).collect::<Vec<u8>>()
        };
        let array = |payload: &[u8], next: u16| {
            let mut chunk = alloc::vec![251];
            chunk.extend(payload);
            chunk.resize(22, 0);
            chunk.extend(half(next));
            chunk
        };
        leaf.extend(entry(8, [0xffff, 1, 5, 2, 1], hashes[0]));
        leaf.extend(array(b"ROOT\0", 0xffff));
        leaf.extend(array(&34u64.to_be_bytes(), 0xffff));
        leaf.extend(entry(1, [0xffff, 4, 5, 5, 22], hashes[1]));
        leaf.extend(array(b"text\0", 0xffff));
        leaf.extend(array(b"abcdefghijklmnopqrstu", 6));
        leaf.extend(array(b"\0", 0xffff));
        for n in 7u16..18 {
            let mut chunk = alloc::vec![253];
            chunk.resize(22, 0);
            chunk.extend(half(if n == 17 { 0xffff } else { n.wrapping_add(1) }));
            leaf.extend(chunk);
        }
        bytes.extend(leaf);
        bytes
    }

    #[test]
    fn fat_in_both_orders() {
        for order in [Order::Little, Order::Big] {
            let bytes = fat(order);
            assert_eq!((bytes.len(), problems(&bytes)), (1024, 0));
            let (_, zap) = Zap::parse(Input::new(&bytes, Order::Little)).unwrap();
            assert_eq!(zap.get(b"ROOT").and_then(|root| root.first()), Some(34));
            assert_eq!(zap.get(b"text").unwrap().text().unwrap().0, b"abcdefghijklmnopqrstu");
            let Zap::Fat(zap) = zap else { unreachable!() };
            let found = zap.find(&Key::Name(b"ROOT".into())).unwrap().unwrap();
            assert_eq!(found.value, Integers::word(34));
            assert!(zap.find(&Key::Name(b"root".into())).is_none());
            // each block alone
            assert!(matches!(Zap::parse(Input::new(&bytes[512..], Order::Little)).unwrap().1, Zap::Leaf(_)));
            assert!(matches!(Zap::parse(Input::new(&bytes[..512], Order::Little)).unwrap().1, Zap::Fat(_)));
        }
    }

    #[test]
    fn damage_is_found() {
        let good = fat(Order::Little);
        for (what, at, byte) in [
            ("a hash", 512 + 80 + 20, 0xee),
            ("a chain of array chunks", 512 + 80 + 24 * 5 + 22, 5),
            ("two keys in one chunk", 512 + 80 + 24 * 3 + 4, 1),
            ("a bucket that leads nowhere", 512 + 48, 9),
            ("a count of entries", 512 + 30, 3),
            ("a count of leaves", 64, 7),
            ("the pointer table", 256, 9),
            ("a kind of chunk", 512 + 80, 250),
            ("a leaf's magic", 512 + 24, 0),
        ] {
            let mut bad = good.clone();
            bad[at] = byte;
            let trace = Trace::default();
            let _ = crate::catalogue::find("zap")
                .map(|s| (s.read)(Input::new(&bad, Order::Little).watched(&trace)).is_ok());
            assert!(trace.into_tree().problems().count() > 0, "{what}");
        }
    }
}
