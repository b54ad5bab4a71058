//! Block 0 of a fat ZAP: the header, and the table that leads from a hash to its leaf.
//!
//! A fat ZAP is an extensible hash table. The top `shift` bits of a hash index the pointer table,
//! which names the block of a leaf. The table is the second half of block 0 as long as it fits, and
//!
//! ```
//! use zfsp_grammar::zap::fat::ZapFlags;
//!
//! let flags = ZapFlags(7); // of a dedup table
//! assert!(flags.hash64() && flags.uint64_key() && flags.pre_hashed_key());
//! ```
//! later lies in blocks of its own; block 0 then keeps a stale copy. Handbook:
//! [`docs/format/10-zap.md`], 10.3.
//!
//! [`docs/format/10-zap.md`]: crate::handbook::zap

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::input::{Input, Parse, Parsed, bytes, exactly};
use crate::quantity::{Hash, Magic, Numbers, Reserved};
use crate::spec::Describe;
use crate::tree::{Problem, Value};
use crate::zap::BlockType;
use crate::zap::hash::Hashing;
use crate::zap::names::NormFlags;

/// `ZAP_MAGIC`.
pub const MAGIC: u64 = 0x2_f52a_b2ab;
/// log2 of the sizes that blocks of a fat ZAP can have.
pub const BLOCK_SHIFTS: core::ops::RangeInclusive<u32> = 9..=24;
/// A table of more entries would need more bits than a hash has.
const LARGEST_SHIFT: u64 = 46;

bits! {
    /// `zap_flags`.
    ///
    /// Chapter 10, 10.3.
    pub struct ZapFlags(u64) {
        /// 48 bits of the hash count, not 28
        0..1  hash64: bool,
        /// keys are arrays of words, not names
        1..2  uint64_key: bool,
        /// the hash of a key is its first word
        2..3  pre_hashed_key: bool,
        3..64 reserved: Reserved,
    }
}

record! {
    /// `zap_table_phys_t`: where the pointer table is.
    ///
    /// Chapter 10, 10.3.
    pub struct TableInfo: Copy {
        /// its first block; 0: it is in block 0
        0x00 blk:         u64,
        /// its blocks; 0: it is in block 0
        0x08 numblks:     u64,
        /// log2 of its entries
        0x10 shift:       u64,
        /// first block of the next table, while it grows
        0x18 nextblk:     u64,
        /// blocks copied to that one so far
        0x20 blks_copied: u64,
    }
    says TableInfo::summary;
    judge TableInfo::judge;
}

impl TableInfo {
    /// True if the table is the second half of block 0.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        self.numblks == 0
    }
    /// log2 of the size of the ZAP's blocks, which follows from the size of the table.
    #[must_use]
    pub fn block_shift(&self) -> Option<u32> {
        let shift = u32::try_from(self.shift).ok()?;
        let shift = match self.numblks {
            0 => shift.checked_add(4)?,
            n if n.is_power_of_two() => shift.checked_add(3)?.checked_sub(n.trailing_zeros())?,
            _ => return None,
        };
        BLOCK_SHIFTS.contains(&shift).then_some(shift)
    }
    /// The number of the table's entry for `hash`.
    #[must_use]
    pub fn index(&self, hash: u64) -> u64 {
        u32::try_from(self.shift)
            .map_or(0, |shift| 64u32.checked_sub(shift).map_or(hash, |s| hash.unbounded_shr(s)))
    }
    /// Where entry `index` of an external table stands: number of the block, and word in it.
    #[must_use]
    pub fn place(&self, index: u64) -> Option<(u64, u64)> {
        let words = 1u64.checked_shl(self.block_shift()?.checked_sub(3)?)?;
        Some((self.blk.checked_add(index.checked_div(words)?)?, index.checked_rem(words)?))
    }
    fn summary(&self) -> String {
        let entries = u32::try_from(self.shift).map_or(0, |shift| 1u64.unbounded_shl(shift));
        match self.numblks {
            0 => format!("{entries} entries, in this block"),
            n => format!("{entries} entries in {n} block{} from {}", if n == 1 { "" } else { "s" }, self.blk),
        }
    }
    fn judge(&self) -> Option<Problem> {
        if self.shift > LARGEST_SHIFT {
            Some(Problem::corrupt("the table has more entries than there are hashes"))
        } else if self.is_embedded() != (self.blk == 0) {
            Some(Problem::corrupt("a table of blocks, or one in block 0? place and number disagree"))
        } else if self.block_shift().is_none() {
            Some(Problem::corrupt("no size of block fits the table"))
        } else {
            None
        }
    }
}

record! {
    /// `zap_phys_t`: header of a fat ZAP, and its first pointer table.
    ///
    /// Chapter 10, 10.3.
    pub struct FatHeader<'a> {
        0x00 block_type:  BlockType,
        0x08 magic:       Magic = exactly(Magic(MAGIC)),
        0x10 ptrtbl:      TableInfo,
        /// blocks used so far
        0x38 freeblk:     u64,
        0x40 num_leafs:   u64,
        /// attributes
        0x48 num_entries: u64,
        /// start value of the hash
        0x50 salt:        Hash,
        /// how names are prepared
        0x58 normflags:   NormFlags,
        0x60 flags:       ZapFlags,
        /// the rest of the first half of the block
        0x68 pad:         Blank<'a>,
        /// numbers of leaf blocks, by the top bits of the hash; stale if the table is elsewhere
             table:       PointerTable<'a>,
    }
    says FatHeader::summary;
    judge FatHeader::judge;
}

impl FatHeader<'_> {
    /// log2 of the size of the ZAP's blocks.
    #[must_use]
    pub fn block_shift(&self) -> Option<u32> {
        self.ptrtbl.block_shift()
    }
    /// How it hashes keys.
    #[must_use]
    pub fn hashing(&self) -> Hashing {
        Hashing { salt: self.salt.0, normflags: self.normflags, flags: self.flags }
    }
    /// The leaf blocks that the table in this block names, each once, in the order of the hashes.
    /// Stale if the table is elsewhere.
    #[must_use]
    pub fn leaves(&self) -> Vec<u64> {
        let mut leaves: Vec<u64> = self.table.iter().collect();
        leaves.dedup();
        leaves
    }
    /// The block of the leaf for `hash`, if the table is in this block.
    #[must_use]
    pub fn leaf_of(&self, hash: u64) -> Option<u64> {
        let index = usize::try_from(self.ptrtbl.index(hash)).ok()?;
        if self.ptrtbl.is_embedded() { self.table.get(index) } else { None }
    }
    fn summary(&self) -> String {
        let (entries, leafs) = (self.num_entries, self.num_leafs);
        let plural = |n: u64, one: &'static str, many: &'static str| if n == 1 { one } else { many };
        format!(
            "fat ZAP, {entries} {} in {leafs} lea{}",
            plural(entries, "entry", "entries"),
            plural(leafs, "f", "ves")
        )
    }
    fn judge(&self) -> Option<Problem> {
        let outside = |block: u64| block == 0 || block >= self.freeblk;
        if self.salt.0 == 0 {
            Some(Problem::corrupt("no salt"))
        } else if self.flags.pre_hashed_key() && !self.flags.uint64_key() {
            Some(Problem::corrupt("names that are their own hash"))
        } else if self.num_leafs >= self.freeblk {
            Some(Problem::corrupt("more leaves than blocks"))
        } else if self.ptrtbl.is_embedded() && self.table.iter().any(outside) {
            Some(Problem::corrupt("the pointer table names a block that is none of the ZAP"))
        } else if self.ptrtbl.blk.saturating_add(self.ptrtbl.numblks) > self.freeblk {
            Some(Problem::corrupt("the pointer table lies behind the last block"))
        } else {
            None
        }
    }
}

/// What is left of the first half of block 0: zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blank<'a>(pub &'a [u8]);

/// Bytes of the header's fields.
const HEADER_SIZE: usize = 0x68;

impl Describe for Blank<'_> {
    fn value(&self) -> Value {
        Value::Bytes
    }
    fn judge(&self) -> Option<Problem> {
        self.0.iter().any(|b| *b != 0).then(|| Problem::corrupt("padding is not zero"))
    }
}

impl<'a> Parse<'a> for Blank<'a> {
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        let half = i.bytes().len().saturating_add(HEADER_SIZE) / 2;
        bytes(half.saturating_sub(HEADER_SIZE))(i).map(|(i, zeros)| (i, Blank(zeros)))
    }
}

/// A pointer table, or a block of one: numbers of leaf blocks.
pub type PointerTable<'a> = Numbers<'a, 8>;
