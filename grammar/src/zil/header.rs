//! The head of an intent log: where its chain starts, and which of it counts.
//!
//!
//! ```
//! use zfsp_grammar::zil::header::ZilFlags;
//!
//! assert!(ZilFlags(1).replay_needed());
//! ```
//! It is a part of the object set; in snapshots it means nothing. Handbook:
//! [`docs/format/13-space.md`], 13.8, "Header" and "Validity".
//!
//! [`docs/format/13-space.md`]: crate::handbook::space

use alloc::string::{String, ToString};

use crate::blkptr::Pointer;
use crate::quantity::{Pad, Reserved, Txg};

bits! {
    /// `zh_flags`.
    pub struct ZilFlags(u64) {
        /// the claimed records are not all in the tree
        0..1  replay_needed: bool,
        1..2  claim_lr_seq_valid: bool,
        2..64 reserved: Reserved,
    }
}

record! {
    /// `zil_header_t`: where the intent log starts, and how far it counts.
    ///
    /// Chapter 13, 13.8.
    pub struct ZilHeader: Copy {
        /// in which an import claimed the log; 0: not claimed
        0x00 claim_txg:     Txg,
        /// highest record that was replayed
        0x08 replay_seq:    u64,
        /// first block of the chain; a hole: no log
        0x10 log:           Pointer,
        /// highest block that was claimed
        0x90 claim_blk_seq: u64,
        0x98 flags:         ZilFlags,
        /// highest record that was claimed
        0xa0 claim_lr_seq:  u64,
        0xa8 pad:           Pad<24>,
    }
    says ZilHeader::summary;
}

impl ZilHeader {
    /// The first txg whose records are not in the tree yet, seen from an uberblock of `txg`; `None`
    /// where nothing is to be replayed.
    #[must_use]
    pub fn first_txg(&self, txg: Txg) -> Option<Txg> {
        match (self.log.is_hole(), self.claim_txg.0) {
            (true, _) => None,
            (false, 0) => txg.0.checked_add(1).map(Txg),
            (false, _) => self.flags.replay_needed().then_some(self.claim_txg),
        }
    }
    /// The highest sequence number of records that count, where an import claimed the log.
    #[must_use]
    pub fn last_seq(&self) -> Option<u64> {
        (self.claim_txg.0 != 0 && self.flags.claim_lr_seq_valid()).then_some(self.claim_lr_seq)
    }
    fn summary(&self) -> String {
        if self.log.is_hole() { "no log".into() } else { self.log.to_string() }
    }
}
