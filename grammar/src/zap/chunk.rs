//! The chunks of a leaf: entries, and the pieces of their keys and values.
//!
//! Chunks have 24 bytes; the first byte tells the kind. An entry chunk starts two chains of array
//! chunks, each with 21 bytes of payload. Handbook: [`docs/format/10-zap.md`], 10.4.
//!
//! ```
//! use zfsp_grammar::{zap::chunk::FreeChunk, input::{Input, Order, Parse}};
//!
//! let bytes: Vec<u8> = [253, 0, 0xffff_0000_0000_0000].iter().flat_map(|w: &u64| w.to_le_bytes()).collect();
//! let (_, read) = FreeChunk::parse(Input::new(&bytes, Order::Little))?;
//! assert_eq!(read.next.0, 0xffff); // the last free chunk
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//!
//! [`docs/format/10-zap.md`]: crate::handbook::zap

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use crate::input::{Error, Input, Order, Parse, Parsed, Why, bytes, fail};
use crate::quantity::{Hash, Pad};
use crate::spec::{Describe, Parts};
use crate::tree::{Problem, Trace, Value};
use crate::zap::value::{self, Integers, Key};

/// Bytes of a chunk.
pub const CHUNK_SIZE: usize = 24;
/// Payload of an array chunk.
pub const ARRAY_SIZE: usize = 21;
symbols! {
    /// What a chunk is: its first byte.
    pub struct ChunkType(u8) {
        /// 21 bytes of a key or value
        ARRAY = 251 "array",
        /// an attribute
        ENTRY = 252 "entry",
        FREE = 253 "free",
    }
}

/// The number of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChunkNumber(pub u16);

impl ChunkNumber {
    /// The end of a chain: `CHAIN_END`.
    pub const END: Self = ChunkNumber(0xffff);
    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl Describe for ChunkNumber {
    const SIZE: Option<usize> = Some(2);
    fn value(&self) -> Value {
        if *self == Self::END { Value::says("none") } else { Value::Number(u64::from(self.0)) }
    }
}

impl<'a> Parse<'a> for ChunkNumber {
    #[inline(always)]
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        u16::parse(i).map(|(i, n)| (i, ChunkNumber(n)))
    }
}

record! {
    /// `zap_leaf_entry`: an attribute.
    ///
    /// Chapter 10, 10.4.
    pub struct EntryChunk: Copy {
        0x00 kind:          ChunkType,
        /// bytes of each integer of the value
        0x01 value_intlen:  u8,
        /// next entry of the bucket
        0x02 next:          ChunkNumber,
        /// first chunk of the key
        0x04 name_chunk:    ChunkNumber,
        /// bytes of a name, with its NUL, or words of the key
        0x06 name_numints:  u16,
        /// first chunk of the value
        0x08 value_chunk:   ChunkNumber,
        /// integers of the value
        0x0a value_numints: u16,
        /// tells entries of the same hash apart
        0x0c cd:            u32,
        /// of the key, only its top bits
        0x10 hash:          Hash,
    }
}

record! {
    /// `zap_leaf_array`: a piece of a key or value.
    ///
    /// Chapter 10, 10.4.
    pub struct ArrayChunk<'a>: Copy {
        0x00 kind:  ChunkType,
        0x01 array: &'a [u8] = bytes(ARRAY_SIZE),
        /// next piece
        0x16 next:  ChunkNumber,
    }
}

record! {
    /// `zap_leaf_free`: in the list of free chunks.
    ///
    /// Chapter 10, 10.4.
    pub struct FreeChunk: Copy {
        0x00 kind: ChunkType,
        0x01 pad:  Pad<21>,
        /// next free chunk
        0x16 next: ChunkNumber,
    }
}

one_of! {
    /// What a chunk holds; its first byte says it.
    pub enum Chunk<'a>: Copy {
        /// An attribute.
        Entry(EntryChunk),
        /// A piece of a key or value.
        Array(ArrayChunk<'a>),
        /// Nothing.
        Free(FreeChunk),
        /// Nothing that the format knows.
        Unknown(&'a [u8]),
    }
    size CHUNK_SIZE;
}

impl<'a> Parse<'a> for Chunk<'a> {
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        match i.bytes().first().copied().map(ChunkType) {
            Some(ChunkType::ENTRY) => EntryChunk::parse(i).map(|(i, chunk)| (i, Chunk::Entry(chunk))),
            Some(ChunkType::ARRAY) => ArrayChunk::parse(i).map(|(i, chunk)| (i, Chunk::Array(chunk))),
            Some(ChunkType::FREE) => FreeChunk::parse(i).map(|(i, chunk)| (i, Chunk::Free(chunk))),
            _ => bytes(CHUNK_SIZE)(i).map(|(i, raw)| (i, Chunk::Unknown(raw))),
        }
    }
}

pub(super) const SHARED: &str = "shares a chunk with another chain";

/// What keys are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Bytes, ended by a NUL.
    Name,
    /// Words.
    Words,
}

/// The chunks of a leaf.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Chunks<'a> {
    bytes: &'a [u8],
    order: Order,
}

impl Describe for Chunks<'_> {
    fn parts() -> Parts {
        Chunk::parts()
    }
}

impl<'a> Parse<'a> for Chunks<'a> {
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        let len = i.bytes().len();
        let (rest, all) = bytes(len.saturating_sub(len % CHUNK_SIZE))(i)?;
        let chunks = Chunks { bytes: all, order: i.order() };
        if let Some(trace) = i.watch() {
            chunks.show(i, trace)?;
        }
        Ok((rest, chunks))
    }
}

/// Entries that are looked at to find out what keys are: the same for all.
const ENTRIES_ASKED: usize = 64;

/// A chain that cannot be followed, and why.
type Broken = &'static str;

impl<'a> Chunks<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() / CHUNK_SIZE
    }
    /// Bytes of all of them.
    pub(super) fn room(&self) -> usize {
        self.bytes.len()
    }
    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
    /// Chunk `n`.
    #[must_use]
    pub fn get(&self, n: usize) -> Option<Chunk<'a>> {
        let at = n.checked_mul(CHUNK_SIZE)?;
        let bytes = self.bytes.get(at..at.checked_add(CHUNK_SIZE)?)?;
        Chunk::parse(Input::new(bytes, self.order)).ok().map(|(_, chunk)| chunk)
    }
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Chunk<'a>> + use<'a> {
        let chunks = *self;
        (0..self.len()).filter_map(move |n| chunks.get(n))
    }
    /// The entry chunks and their numbers.
    pub fn entries(&self) -> impl Iterator<Item = (usize, EntryChunk)> + use<'a> {
        self.iter().enumerate().filter_map(|(n, chunk)| match chunk {
            Chunk::Entry(entry) => Some((n, entry)),
            _ => None,
        })
    }
    /// Names, unless most keys can only be words.
    #[must_use]
    pub fn key_kind(&self) -> KeyKind {
        let (names, all) =
            self.entries().take(ENTRIES_ASKED).fold((0usize, 0usize), |(names, all), (_, entry)| {
                let is_name = self.name(&entry).is_ok();
                (names.saturating_add(usize::from(is_name)), all.saturating_add(1))
            });
        if names < all.saturating_sub(names) { KeyKind::Words } else { KeyKind::Name }
    }

    /// The chunks of a chain that holds `len` bytes.
    fn chain(
        &self,
        first: ChunkNumber,
        len: usize,
    ) -> impl Iterator<Item = Result<(usize, ArrayChunk<'a>), Broken>> + use<'a> {
        let chunks = *self;
        let mut next = first;
        // an honest chain has each chunk once at most
        let pieces = len.div_ceil(ARRAY_SIZE).min(self.len().saturating_add(1));
        (0..pieces).map(move |n| {
            let number = next.index();
            match chunks.get(number) {
                _ if n >= chunks.len() => Err("longer than the leaf"),
                Some(Chunk::Array(chunk)) => {
                    next = chunk.next;
                    Ok((number, chunk))
                }
                Some(_) => Err("leads to a chunk that is no array"),
                None if next == ChunkNumber::END => Err("ends too early"),
                None => Err("leads out of the leaf"),
            }
        })
    }
    /// The `len` bytes of a chain.
    fn gather(&self, first: ChunkNumber, len: usize) -> Result<Vec<u8>, Broken> {
        let mut all = Vec::with_capacity(len.min(self.bytes.len()));
        for piece in self.chain(first, len) {
            let (_, chunk) = piece?;
            let wanted = len.saturating_sub(all.len());
            all.extend(chunk.array.iter().take(wanted));
        }
        Ok(all)
    }
    fn name(&self, entry: &EntryChunk) -> Result<Vec<u8>, Broken> {
        let mut name = self.gather(entry.name_chunk, usize::from(entry.name_numints))?;
        match (name.pop(), name.contains(&0)) {
            (Some(0), false) if !name.is_empty() => Ok(name),
            (Some(0), false) => Err("no name"),
            (Some(0), true) => Err("a NUL within the name"),
            _ => Err("a name without its NUL"),
        }
    }
    /// The key of an entry.
    ///
    /// # Errors
    /// What is wrong with its chain or its bytes.
    pub fn key(&self, entry: &EntryChunk, kind: KeyKind) -> Result<Key, &'static str> {
        match kind {
            KeyKind::Name => self.name(entry).map(Key::Name),
            KeyKind::Words => {
                let bytes = self.gather(entry.name_chunk, key_len(entry, kind))?;
                Ok(Key::Words(bytes.as_chunks::<8>().0.iter().map(|w| u64::from_be_bytes(*w)).collect()))
            }
        }
    }
    /// The value of an entry.
    ///
    /// # Errors
    /// What is wrong with its chain, or a width that integers do not have.
    pub fn value(&self, entry: &EntryChunk) -> Result<Integers, &'static str> {
        if !matches!(entry.value_intlen, 1 | 2 | 4 | 8) {
            return Err("integers have 1, 2, 4 or 8 bytes");
        }
        let bytes = self.gather(entry.value_chunk, value_len(entry))?;
        Ok(Integers { width: entry.value_intlen, bytes })
    }
}

pub(super) fn key_len(entry: &EntryChunk, kind: KeyKind) -> usize {
    let unit = if kind == KeyKind::Words { 8 } else { 1 };
    usize::from(entry.name_numints).saturating_mul(unit)
}
pub(super) fn value_len(entry: &EntryChunk) -> usize {
    usize::from(entry.value_numints).saturating_mul(usize::from(entry.value_intlen))
}

/// Whose an array chunk is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Nobody,
    Key,
    Value,
}

/// An entry chunk with what it leads to.
struct SeenEntry {
    key: Result<Key, Broken>,
    value: Result<Integers, Broken>,
}

impl Describe for SeenEntry {
    fn title(&self) -> Option<Box<str>> {
        self.key.as_ref().ok().map(|key| key.to_string().into())
    }
    fn value(&self) -> Value {
        self.value.as_ref().map_or(Value::Group, value::shown)
    }
    fn judge(&self) -> Option<Problem> {
        match (&self.key, &self.value) {
            (Err(why), _) => Some(Problem::corrupt(format!("key: {why}"))),
            (_, Err(why)) => Some(Problem::corrupt(format!("value: {why}"))),
            _ => None,
        }
    }
}

struct SeenArray(Owner);

impl Describe for SeenArray {
    fn value(&self) -> Value {
        Value::says(match self.0 {
            Owner::Key => "of a key",
            Owner::Value => "of a value",
            Owner::Nobody => "of nothing",
        })
    }
    fn judge(&self) -> Option<Problem> {
        (self.0 == Owner::Nobody).then(|| Problem::corrupt("no entry leads to this chunk"))
    }
}

/// Free chunks, one after the other.
struct FreeRun {
    first: usize,
    count: usize,
}

impl Describe for FreeRun {
    fn value(&self) -> Value {
        Value::says("free")
    }
    fn title(&self) -> Option<Box<str>> {
        Some(match self.count {
            1 => format!("[{}]", self.first).into(),
            n => format!("[{}..{}]", self.first, self.first.saturating_add(n)).into(),
        })
    }
}

struct Stray;

impl Describe for Stray {
    fn value(&self) -> Value {
        Value::Bytes
    }
    fn judge(&self) -> Option<Problem> {
        Some(Problem::corrupt("no kind of chunk"))
    }
}

impl<'a> Chunks<'a> {
    /// Puts the chunks into the tree: entries under their keys, free ones together.
    fn show(&self, mut i: Input<'a>, trace: &Trace) -> Result<(), nom::Err<Error>> {
        let kind = self.key_kind();
        let mut owners = vec![Owner::Nobody; self.len()];
        let mut faults: Vec<(usize, SeenEntry)> = Vec::new();
        for (n, entry) in self.entries() {
            let key = self.claim(&mut owners, Owner::Key, entry.name_chunk, key_len(&entry, kind));
            let value = self.claim(&mut owners, Owner::Value, entry.value_chunk, value_len(&entry));
            if key.is_err() || value.is_err() {
                // what two entries share is gathered for neither: hostile leaves would grow without end
                let key = key.and_then(|()| self.key(&entry, kind));
                let value = value.and_then(|()| self.value(&entry));
                faults.push((n, SeenEntry { key, value }));
            }
        }
        let mut faults = faults.into_iter().peekable();
        let mut n = 0;
        while let Some(chunk) = self.get(n) {
            let mut count = 1;
            i = match chunk {
                Chunk::Entry(entry) => {
                    let seen = faults.next_if(|(number, _)| *number == n).map(|(_, seen)| seen);
                    let seen = seen.unwrap_or_else(|| SeenEntry {
                        key: self.key(&entry, kind),
                        value: self.value(&entry),
                    });
                    let mut seen = Some(seen);
                    trace.item(i, n, |i| as_seen(EntryChunk::parse(i)?.0, &mut seen))?.0
                }
                Chunk::Array(_) => {
                    let owner = owners.get(n).copied().unwrap_or(Owner::Nobody);
                    trace.item(i, n, |i| Ok((ArrayChunk::parse(i)?.0, SeenArray(owner))))?.0
                }
                Chunk::Free(_) => {
                    count =
                        (n..self.len()).take_while(|n| matches!(self.get(*n), Some(Chunk::Free(_)))).count();
                    let run = |i| {
                        bytes(count.saturating_mul(CHUNK_SIZE))(i)
                            .map(|(i, _)| (i, FreeRun { first: n, count }))
                    };
                    trace.item(i, n, run)?.0
                }
                Chunk::Unknown(_) => trace.item(i, n, |i| Ok((bytes(CHUNK_SIZE)(i)?.0, Stray)))?.0,
            };
            n = n.saturating_add(count);
        }
        Ok(())
    }
    /// Marks the chunks of a chain as those of `owner`.
    fn claim(
        &self,
        owners: &mut [Owner],
        owner: Owner,
        first: ChunkNumber,
        len: usize,
    ) -> Result<(), Broken> {
        for piece in self.chain(first, len) {
            let (number, _) = piece?;
            match owners.get_mut(number) {
                Some(free @ Owner::Nobody) => *free = owner,
                _ => return Err(SHARED),
            }
        }
        Ok(())
    }
}

fn as_seen<'a>(i: Input<'a>, seen: &mut Option<SeenEntry>) -> Parsed<'a, SeenEntry> {
    match seen.take() {
        Some(seen) => Ok((i, seen)),
        None => fail(i, Why::Invalid("an entry read twice")),
    }
}
