//! A leaf of a fat ZAP: a hash table whose keys and values are cut into chunks.
//!
//! A block of 2^n bytes has 2^(n-5) buckets and as many chunks of 24 bytes as fit behind them. An
//! *entry chunk* holds the numbers of one attribute and starts two chains of *array chunks*, 21 bytes
//! each: its key and its value, most significant byte first whatever the order of the pool. The hash
//!
//! ```
//! use zfsp_grammar::zap::leaf::LeafFlags;
//!
//! assert!(LeafFlags(1).entries_cdsorted());
//! ```
//! bits behind the leaf's prefix choose the bucket, from which a chain of entries starts. Handbook:
//! [`docs/format/10-zap.md`], 10.4.
//!
//! [`docs/format/10-zap.md`]: crate::handbook::zap

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

use crate::input::{Input, Parse, Parsed, exactly, framed};
use crate::quantity::{Hash, Magic32, Numbers, Pad, Reserved, Zero};
use crate::tree::Problem;
use crate::zap::BlockType;
use crate::zap::chunk::{Chunk, ChunkNumber, Chunks, EntryChunk, KeyKind, SHARED, key_len, value_len};
use crate::zap::hash::Hashing;
use crate::zap::value::{Attribute, Key};

/// `ZAP_LEAF_MAGIC`.
pub const MAGIC: u32 = 0x02ab_1eaf;
/// Bytes of the header.
const HEADER_SIZE: usize = 48;

bits! {
    /// `lh_flags`.
    pub struct LeafFlags(u8) {
        /// chains are in the order of the collision differentiators
        0..1 entries_cdsorted: bool,
        1..8 reserved: Reserved,
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
        let mut left = chunks.room();
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
