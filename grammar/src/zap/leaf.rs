//! A leaf of a fat ZAP: a hash table whose keys and values are cut into chunks.
//!
//! A block of 2^n bytes has 2^(n-5) buckets and as many chunks of 24 bytes as fit behind them. An
//! *entry chunk* holds the numbers of one attribute and starts two chains of *array chunks*, 21 bytes
//! each: its key and its value, most significant byte first whatever the order of the pool. The hash bits behind the
//! leaf's prefix choose the bucket, from which a chain of entries starts. Handbook:
//! `docs/format/10-zap.md`, 10.4.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use crate::input::{Input, Order, Parse, Parsed, bytes, exactly, framed};
use crate::quantity::{Hash, Magic32, Numbers, Pad, Reserved, Zero};
use crate::spec::{Describe, Parts};
use crate::tree::{Problem, Trace, Value};
use crate::zap::hash::Hashing;
use crate::zap::value::{Attribute, Integers, Key};
use crate::zap::{BlockType, value};

/// `ZAP_LEAF_MAGIC`.
pub const MAGIC: u32 = 0x02ab_1eaf;
/// Bytes of a chunk.
pub const CHUNK_SIZE: usize = 24;
/// Payload of an array chunk.
pub const ARRAY_SIZE: usize = 21;
/// Bytes of the header.
const HEADER_SIZE: usize = 48;

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

bits! {
    /// `lh_flags`.
    pub struct LeafFlags(u8) {
        /// chains are in the order of the collision differentiators
        0..1 entries_cdsorted: bool,
        1..8 reserved: Reserved,
    }
}

/// The number of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChunkNumber(pub u16);

impl ChunkNumber {
    /// The end of a chain: `CHAIN_END`.
    pub const END: Self = ChunkNumber(0xffff);
    fn index(self) -> usize {
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
    /// `zap_leaf_header`.
    ///
    /// Chapter 10, 10.4.
    pub struct LeafHeader: Copy {
        0x00 block_type: BlockType,
        /// once the next leaf of a chain
        0x08 pad1:       Zero,
        /// the top bits that the hashes of all its keys share
        0x10 prefix:     Hash,
        0x18 magic:      Magic32 = exactly(Magic32(MAGIC)),
        /// free chunks
        0x1c nfree:      u16,
        /// attributes
        0x1e nentries:   u16,
        /// bits of the prefix
        0x20 prefix_len: u16,
        /// first free chunk
        0x22 freelist:   ChunkNumber,
        0x24 flags:      LeafFlags,
        0x25 pad2:       Pad<11>,
    }
}

record! {
    /// `zap_leaf_phys_t`: header, buckets, chunks. Takes the whole block.
    ///
    /// Chapter 10, 10.4.
    pub struct Leaf<'a> {
        0x00 header: LeafHeader,
        /// number of the first entry of each bucket
        0x30 hash:   Numbers<'a, 2> = buckets,
             chunks: Chunks<'a>,
    }
    says Leaf::summary;
    judge Leaf::judge;
}

/// The buckets are a sixteenth of the block.
fn buckets(i: Input<'_>) -> Parsed<'_, Numbers<'_, 2>> {
    let block = i.bytes().len().saturating_add(HEADER_SIZE);
    framed(block / 16, Numbers::parse)(i)
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

const SHARED: &str = "shares a chunk with another chain";

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

fn key_len(entry: &EntryChunk, kind: KeyKind) -> usize {
    let unit = if kind == KeyKind::Words { 8 } else { 1 };
    usize::from(entry.name_numints).saturating_mul(unit)
}
fn value_len(entry: &EntryChunk) -> usize {
    usize::from(entry.value_numints).saturating_mul(usize::from(entry.value_intlen))
}

impl<'a> Leaf<'a> {
    /// log2 of the number of buckets.
    fn bucket_bits(&self) -> u32 {
        u32::try_from(self.hash.len()).map_or(0, |n| n.checked_ilog2().unwrap_or(0))
    }
    /// The bucket of `hash`.
    #[must_use]
    pub fn bucket(&self, hash: u64) -> usize {
        let behind = hash.unbounded_shl(u32::from(self.header.prefix_len));
        let bits = 64u32.saturating_sub(self.bucket_bits());
        usize::try_from(behind.unbounded_shr(bits)).unwrap_or_default()
    }
    /// True if keys of this hash belong into this leaf.
    #[must_use]
    pub fn covers(&self, hash: u64) -> bool {
        hash.unbounded_shr(64u32.saturating_sub(u32::from(self.header.prefix_len))) == self.header.prefix.0
    }
    /// The attributes, in the order of the chunks. A bad one is an error, and the next one follows.
    pub fn entries(&self) -> impl Iterator<Item = Result<Attribute, Problem>> + use<'a> {
        self.entries_by(self.chunks.key_kind())
    }
    /// The same, where it is known what keys are.
    pub fn entries_by(&self, kind: KeyKind) -> impl Iterator<Item = Result<Attribute, Problem>> + use<'a> {
        let chunks = self.chunks;
        // chains that share chunks could give more than there is: work without end
        let mut left = chunks.bytes.len();
        chunks.entries().map(move |(n, entry)| {
            let bad = |what: &str, why| Problem::corrupt(format!("{what} of chunk {n}: {why}"));
            left = left.saturating_sub(key_len(&entry, kind).saturating_add(value_len(&entry)));
            if left == 0 {
                return Err(bad("chains", SHARED));
            }
            let key = chunks.key(&entry, kind).map_err(|why| bad("key", why))?;
            let value = chunks.value(&entry).map_err(|why| bad("value", why))?;
            Ok(Attribute { key, value, hash: entry.hash.0, cd: entry.cd })
        })
    }
    /// The entry chunks of the bucket of `hash`. Ends where the chain does, or repeats itself.
    pub fn bucket_chain(&self, hash: u64) -> impl Iterator<Item = EntryChunk> + use<'a> {
        let chunks = self.chunks;
        self.chain(self.bucket(hash)).filter_map(move |n| match chunks.get(n)? {
            Chunk::Entry(entry) => Some(entry),
            _ => None,
        })
    }
    /// The attribute of that hash and key.
    ///
    /// # Errors
    /// If its value cannot be gathered.
    pub fn find(&self, hash: u64, key: &Key) -> Option<Result<Attribute, Problem>> {
        let entry = self
            .bucket_chain(hash)
            .filter(|entry| entry.hash.0 == hash)
            .find(|entry| self.chunks.key(entry, key.kind()).as_ref() == Ok(key))?;
        let bad = |why| Problem::corrupt(format!("value of {key}: {why}"));
        let found = |value| Attribute { key: key.clone(), value, hash, cd: entry.cd };
        Some(self.chunks.value(&entry).map(found).map_err(bad))
    }
    /// Numbers of the chunks in the chain of a bucket; at most as many as there are.
    fn chain(&self, bucket: usize) -> impl Iterator<Item = usize> + use<'a> {
        let chunks = self.chunks;
        let first = self.hash.get(bucket).and_then(|n| usize::try_from(n).ok());
        let next = move |n: &usize| match chunks.get(*n)? {
            Chunk::Entry(entry) => Some(entry.next.index()),
            _ => None,
        };
        core::iter::successors(first, next)
            .take(chunks.len().saturating_add(1))
            .take_while(|n| *n != ChunkNumber::END.index())
    }

    fn summary(&self) -> String {
        let header = &self.header;
        let n = header.nentries;
        let entries = format!("leaf, {n} {}", if n == 1 { "entry" } else { "entries" });
        match header.prefix_len {
            0 => entries,
            bits => format!(
                "{entries}, hashes that begin with {:0width$b}",
                header.prefix.0,
                width = usize::from(bits).min(64)
            ),
        }
    }
    fn judge(&self) -> Option<Problem> {
        self.faults(None).err().map(Problem::corrupt)
    }
    /// The same, and the hashes of the keys by what block 0 of the ZAP says of them.
    pub(crate) fn judge_with(&self, hashing: &Hashing) -> Option<Problem> {
        self.faults(Some(hashing)).err().map(Problem::corrupt)
    }
    fn faults(&self, hashing: Option<&Hashing>) -> Result<(), Cow<'static, str>> {
        let (header, chunks) = (&self.header, self.chunks);
        if u32::from(header.prefix_len).saturating_add(self.bucket_bits()) > 64 {
            return Err("the prefix leaves no bits for the bucket".into());
        }
        let entries = chunks.entries().count();
        if entries != usize::from(header.nentries) {
            return Err(format!("{entries} entries, but the header counts {}", header.nentries).into());
        }
        let free = chunks.iter().filter(|chunk| matches!(chunk, Chunk::Free(_))).count();
        if free != usize::from(header.nfree) {
            return Err(format!("{free} free chunks, but the header counts {}", header.nfree).into());
        }
        if self.free_list() != Some(free) {
            return Err("the list of free chunks misses some".into());
        }
        let mut chained = 0usize;
        for bucket in 0..self.hash.len() {
            chained =
                chained.saturating_add(self.judge_bucket(bucket, chunks.len().saturating_sub(chained))?);
        }
        if chained != entries {
            return Err(format!("the buckets lead to {chained} of {entries} entries").into());
        }
        match hashing {
            Some(hashing) => self.judge_hashes(hashing),
            None => Ok(()),
        }
    }
    /// Chunks of the free list, if it is one.
    fn free_list(&self) -> Option<usize> {
        let mut next = self.header.freelist;
        for n in 0..=self.chunks.len() {
            match self.chunks.get(next.index()) {
                Some(Chunk::Free(chunk)) => next = chunk.next,
                None if next == ChunkNumber::END => return Some(n),
                _ => return None,
            }
        }
        None
    }
    /// How many entries its chain has, of which there may be at most `most`.
    fn judge_bucket(&self, bucket: usize, most: usize) -> Result<usize, Cow<'static, str>> {
        let mut last_cd = 0;
        let mut n = 0usize;
        for number in self.chain(bucket) {
            n = n.saturating_add(1);
            if n > most {
                return Err(format!("the chain of bucket {bucket} has no end").into());
            }
            let Some(Chunk::Entry(entry)) = self.chunks.get(number) else {
                return Err(format!(
                    "the chain of bucket {bucket} leads to chunk {number}, which is no entry"
                )
                .into());
            };
            if !self.covers(entry.hash.0) {
                return Err(format!("the hash of chunk {number} does not have the leaf's prefix").into());
            }
            if self.bucket(entry.hash.0) != bucket {
                return Err(format!("chunk {number} is in a bucket of another hash").into());
            }
            if self.header.flags.entries_cdsorted() && entry.cd < last_cd {
                return Err(format!("the chain of bucket {bucket} is out of order").into());
            }
            last_cd = entry.cd;
        }
        Ok(n)
    }
    fn judge_hashes(&self, hashing: &Hashing) -> Result<(), Cow<'static, str>> {
        let kind = if hashing.flags.uint64_key() { KeyKind::Words } else { KeyKind::Name };
        // a key that cannot be read is told where it stands
        for attribute in self.entries_by(kind).filter_map(Result::ok) {
            let Attribute { key, hash: stored, .. } = attribute;
            let certain = match &key {
                Key::Name(name) => hashing.is_certain(name),
                Key::Words(_) => true,
            };
            let hash = key.hash(hashing);
            if certain && hash != stored {
                return Err(format!("the hash of {key} is {hash:#x}, but {stored:#x} is stored").into());
            }
        }
        Ok(())
    }
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
    fn show(&self, mut i: Input<'a>, trace: &Trace) -> Result<(), nom::Err<crate::input::Error>> {
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
        None => crate::input::fail(i, crate::input::Why::Invalid("an entry read twice")),
    }
}
