//! The tree of destroyed datasets: what a background destroy has still to free.
//!
//! Handbook: [`docs/format/11-dsl.md`], 11.9b.
//!
//! ```
//! use zfsp_grammar::{dsl::bptree::BptreeHeader, input::{Input, Order, Parse}};
//!
//! let bytes: Vec<u8> = [2, 5, 0, 0, 0].iter().flat_map(|w: &u64| w.to_le_bytes()).collect();
//! let (_, read) = BptreeHeader::parse(Input::new(&bytes, Order::Little))?;
//! assert_eq!((read.begin, read.end), (2, 5)); // three entries are left
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//!
//! [`docs/format/11-dsl.md`]: crate::handbook::dsl

use super::bookmark::Zbookmark;
use crate::blkptr::Pointer;
use crate::quantity::{Bytes, Txg};
use crate::tree::Problem;

/// Bytes of an entry.
pub const ENTRY_SIZE: usize = 168;

record! {
    /// `bptree_phys_t`.
    pub struct BptreeHeader: Copy {
        /// first entry that is left
        0x00 begin:  u64,
        /// behind the last entry
        0x08 end:    u64,
        0x10 bytes:  Bytes,
        0x18 comp:   Bytes,
        0x20 uncomp: Bytes,
    }
    judge BptreeHeader::judge;
}

impl BptreeHeader {
    /// Entries that are left.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.end.saturating_sub(self.begin)
    }
    fn judge(&self) -> Option<Problem> {
        (self.begin > self.end).then(|| Problem::corrupt("begins behind its end"))
    }
}

record! {
    /// `bptree_entry_phys_t`.
    pub struct BptreeEntry: Copy {
        /// root of the destroyed object set
        0x00 bp:        Pointer,
        /// only blocks born later are freed; all ones: done
        0x80 birth_txg: Txg,
        /// how far it has come
        0x88 zb:        Zbookmark,
    }
}

impl BptreeEntry {
    /// True if all its blocks are freed.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.birth_txg.0 == u64::MAX
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)] // a test may fail loudly
mod tests {
    use super::*;
    use crate::dsl::testing::read;

    #[test]
    fn an_entry() {
        let mut words = [0; 21];
        words[16..].copy_from_slice(&[15, 0, 3, u64::MAX, 9]);
        let entry: BptreeEntry = read(&words);
        assert_eq!((entry.birth_txg, entry.zb.level, entry.zb.blkid), (Txg(15), -1, 9));
        assert!(!entry.is_done());
        let header: BptreeHeader = read(&[2, 5, 0, 0, 0]);
        assert_eq!((header.left(), header.judge()), (3, None));
        assert!(read::<BptreeHeader>(&[5, 2, 0, 0, 0]).judge().is_some());
    }
}
