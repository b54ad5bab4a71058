//! ZAPs: micro where that suffices, else fat. Handbook: `docs/format/10-zap.md`.

use std::io;

use zfsp_grammar::object_type::ObjectType;
use zfsp_grammar::zap::hash::Hashing;
use zfsp_grammar::zap::leaf;

use super::object::{Dnode, Tree};
use super::space::Space;
use super::words;

/// A name and the integers that it stands for.
pub(super) struct Attribute {
    pub(super) name: String,
    /// Bytes of an integer.
    pub(super) width: u8,
    /// Most significant byte first.
    pub(super) value: Vec<u8>,
}

/// Names that are known.
pub(super) fn named(names: &[(&str, u64)]) -> Vec<(String, u64)> {
    names.iter().map(|(name, value)| ((*name).into(), *value)).collect()
}

/// Attributes of short names in a micro ZAP: 128 KiB hold so many.
const MOST: usize = 2047;
/// Start value of the hash.
const SALT: u64 = 1;

/// A ZAP of numbers.
pub(super) fn zap(space: &mut Space, kind: ObjectType, entries: &[(String, u64)]) -> io::Result<Dnode> {
    if entries.len() > MOST {
        let attribute = |(name, value): &(String, u64)| Attribute {
            name: name.clone(),
            width: 8,
            value: value.to_be_bytes().into(),
        };
        return fat(space, kind, entries.iter().map(attribute).collect());
    }
    const MICRO: u64 = 0x8000_0000_0000_0003;
    let mut bytes = words(&[MICRO, SALT, 0, 0, 0, 0, 0, 0]);
    for (name, value) in entries {
        let mut entry = words(&[*value]);
        entry.extend([0; 6]);
        entry.extend(name.bytes());
        entry.resize(64, 0);
        bytes.extend(entry);
    }
    let mut tree = Tree::new(kind, bytes.len().next_multiple_of(512));
    tree.push(space, bytes)?;
    tree.finish(space)
}

/// log2 of the bytes of a block of a fat ZAP.
const SHIFT: u32 = 14;
const BLOCK: usize = 1 << SHIFT;
/// log2 of the words of half a block, which are the pointer table as long as it is small.
const EMBEDDED: u32 = SHIFT - 4;
/// Buckets of a leaf.
const BUCKETS: usize = BLOCK / 32;
/// Bytes of a chunk of a leaf.
const CHUNK: usize = 24;
/// Chunks of a leaf.
const CHUNKS: usize = (BLOCK - 2 * BUCKETS) / CHUNK - 2;
/// Bytes of keys and values that a chunk holds.
const PIECE: usize = 21;
/// No chunk.
const END: u16 = u16::MAX;

/// A fat ZAP: a header, leaves, and the pointer table where the header has no room for it.
pub(super) fn fat(space: &mut Space, kind: ObjectType, attributes: Vec<Attribute>) -> io::Result<Dnode> {
    const HEADER: u64 = 0x8000_0000_0000_0001;
    const MAGIC: u64 = 0x2_f52a_b2ab;
    let hashing = Hashing { salt: SALT, ..Hashing::default() };
    let count = attributes.len() as u64;
    let mut hashed: Vec<(u64, Attribute)> = attributes
        .into_iter()
        .map(|attribute| (hashing.of_name(attribute.name.as_bytes()), attribute))
        .collect();
    hashed.sort_by_key(|(hash, _)| *hash);
    let mut leaves = Vec::new();
    split(&hashed, 0, 0, &mut leaves);
    let deepest = leaves.iter().map(|leaf| leaf.prefix_len).max().unwrap_or_default();
    let shift = deepest.max(EMBEDDED);
    // the leaves are in the order of their prefixes
    let table: Vec<u64> = (1..)
        .zip(&leaves)
        .flat_map(|(n, leaf)| std::iter::repeat_n(n, 1 << (shift - leaf.prefix_len)))
        .collect();
    let blocks = if shift == EMBEDDED { 0 } else { table.len() as u64 / (BLOCK as u64 / 8) };
    let first = if blocks == 0 { 0 } else { leaves.len() as u64 + 1 };
    let end = leaves.len() as u64 + 1 + blocks;
    let mut header =
        words(&[HEADER, MAGIC, first, blocks, shift.into(), 0, 0, end, leaves.len() as u64, count, SALT]);
    header.resize(BLOCK / 2, 0);
    if blocks == 0 {
        header.extend(words(&table));
    }
    let mut tree = Tree::new(kind, BLOCK);
    tree.push(space, header)?;
    for leaf in &leaves {
        tree.push(space, leaf.block())?;
    }
    if blocks > 0 {
        for part in table.chunks(BLOCK / 8) {
            tree.push(space, words(part))?;
        }
    }
    tree.finish(space)
}

/// The attributes whose hashes begin with so many bits.
struct Leaf<'a> {
    prefix: u64,
    prefix_len: u32,
    attributes: &'a [(u64, Attribute)],
}

/// Divides attributes, which are in the order of their hashes, until each part has room in a leaf.
fn split<'a>(attributes: &'a [(u64, Attribute)], prefix: u64, prefix_len: u32, leaves: &mut Vec<Leaf<'a>>) {
    let chunks: usize = attributes.iter().map(|(_, attribute)| attribute.chunks()).sum();
    if chunks <= CHUNKS {
        leaves.push(Leaf { prefix, prefix_len, attributes });
        return;
    }
    let is_low = |(hash, _): &(u64, Attribute)| hash >> (63 - prefix_len) & 1 == 0;
    let (low, high) = attributes.split_at(attributes.partition_point(is_low));
    split(low, prefix << 1, prefix_len + 1, leaves);
    split(high, prefix << 1 | 1, prefix_len + 1, leaves);
}

impl Attribute {
    /// With the NUL at its end.
    fn key(&self) -> Vec<u8> {
        [self.name.as_bytes(), b"\0"].concat()
    }

    /// Chunks that it takes.
    fn chunks(&self) -> usize {
        1 + self.key().len().div_ceil(PIECE) + self.value.len().div_ceil(PIECE)
    }
}

impl Leaf<'_> {
    fn block(&self) -> Vec<u8> {
        let (mut buckets, mut chunks) = ([END; BUCKETS], Vec::new());
        for (hash, attribute) in self.attributes {
            let bucket = hash.unbounded_shl(self.prefix_len) >> (64 - (SHIFT - 5));
            let number = (chunks.len() / CHUNK) as u16;
            let next = std::mem::replace(&mut buckets[bucket as usize], number);
            let (key, value) = (attribute.key(), &attribute.value);
            let key_at = number + 1;
            let value_at = key_at + key.len().div_ceil(PIECE) as u16;
            let integers = value.len() as u16 / u16::from(attribute.width);
            chunks.extend([252, attribute.width]);
            chunks
                .extend([next, key_at, key.len() as u16, value_at, integers].map(u16::to_le_bytes).concat());
            chunks.extend([0; 4]);
            chunks.extend(hash.to_le_bytes());
            put_pieces(&mut chunks, &key);
            put_pieces(&mut chunks, value);
        }
        let used = (chunks.len() / CHUNK) as u16;
        for free in usize::from(used)..CHUNKS {
            let next = if free + 1 < CHUNKS { free as u16 + 1 } else { END };
            chunks.push(253);
            chunks.extend([0; PIECE]);
            chunks.extend(next.to_le_bytes());
        }
        let free = CHUNKS as u16 - used;
        let first = if free == 0 { END } else { used };
        const LEAF: u64 = 0x8000_0000_0000_0000;
        const SORTED: u8 = 1;
        let mut block = words(&[LEAF, 0, self.prefix]);
        block.extend(leaf::MAGIC.to_le_bytes());
        let counts = [free, self.attributes.len() as u16, self.prefix_len as u16, first];
        block.extend(counts.map(u16::to_le_bytes).concat());
        block.push(SORTED);
        block.extend([0; 11]);
        block.extend(buckets.map(u16::to_le_bytes).concat());
        block.extend(chunks);
        block
    }
}

/// Bytes in a chain of chunks.
fn put_pieces(chunks: &mut Vec<u8>, bytes: &[u8]) {
    let count = bytes.len().div_ceil(PIECE);
    for (n, piece) in bytes.chunks(PIECE).enumerate() {
        let number = (chunks.len() / CHUNK) as u16;
        let next = if n + 1 < count { number + 1 } else { END };
        chunks.push(251);
        chunks.extend(piece);
        chunks.resize(chunks.len() + PIECE - piece.len(), 0);
        chunks.extend(next.to_le_bytes());
    }
}
