//! DSL datasets: one state of a file system or volume, live or snapshot.
//!
//! 320 bytes in the bonus of an object with bonus type 16. Snapshots form a chain, each naming its
//! older neighbour. Handbook: [`docs/format/11-dsl.md`], 11.3.
//!
//! ```
//! use zfsp_grammar::dsl::dataset::DatasetFlags;
//!
//! let flags = DatasetFlags(5); // a receive was interrupted
//! assert!(flags.inconsistent() && flags.unique_accurate());
//! ```
//!
//! [`docs/format/11-dsl.md`]: crate::handbook::dsl

use alloc::format;
use alloc::string::String;

use super::dir::ratio;
use crate::blkptr::Pointer;
use crate::object_type::ObjectType;
use crate::quantity::{Bytes, Guid, ObjectId, Pad, Timestamp, Txg, Unassigned};
use crate::tree::Problem;

bits! {
    /// `ds_flags`.
    pub struct DatasetFlags(u64) {
        /// partly destroyed or received: not to be mounted
        0..1   inconsistent: bool,
        /// historical
        1..2   nopromote: bool,
        /// `unique_bytes` is exact
        2..3   unique_accurate: bool,
        /// goes with its last hold or clone
        3..4   defer_destroy: bool,
        4..16  reserved: Unassigned,
        /// names of snapshots and bookmarks are matched whatever their case
        16..17 ci_dataset: bool,
        17..64 reserved2: Unassigned,
    }
}

record! {
    /// `dsl_dataset_phys_t`.
    ///
    /// Chapter 11, 11.3.
    pub struct DslDataset: Copy {
        /// directory that owns it
        0x000 dir_obj:            ObjectId,
        /// older snapshot in the chain; 0: none
        0x008 prev_snap_obj:      ObjectId,
        /// creation txg of that snapshot
        0x010 prev_snap_txg:      Txg,
        /// newer snapshot, or the live dataset; 0 in the live one
        0x018 next_snap_obj:      ObjectId,
        /// ZAP: snapshots by name; 0 in snapshots
        0x020 snapnames_zapobj:   ObjectId,
        /// 0: the live dataset; in snapshots 1 and the number of clones
        0x028 num_children:       u64,
        0x030 creation_time:      Timestamp,
        /// a snapshot has no block that was born later
        0x038 creation_txg:       Txg,
        /// blocks of the older snapshot that are no longer here
        0x040 deadlist_obj:       ObjectId,
        0x048 referenced_bytes:   Bytes,
        0x050 compressed_bytes:   Bytes,
        0x058 uncompressed_bytes: Bytes,
        /// freed if only this was destroyed
        0x060 unique_bytes:       Bytes,
        /// identity of the mounted file system, 56 bits
        0x068 fsid_guid:          Guid,
        /// identity of this state; a received snapshot keeps that of the sent one
        0x070 guid:               Guid,
        0x078 flags:              DatasetFlags,
        /// the object set; a hole: never written
        0x080 bp:                 Pointer,
        /// ZAP: datasets that follow this snapshot on clones
        0x100 next_clones_obj:    ObjectId,
        /// ZAP: properties of the snapshot
        0x108 props_obj:          ObjectId,
        /// ZAP: holds of the snapshot
        0x110 userrefs_obj:       ObjectId,
        0x118 pad:                Pad<40>,
    }
    says DslDataset::summary;
    judge DslDataset::judge;
}

impl DslDataset {
    /// True for snapshots.
    #[must_use]
    pub fn is_snapshot(&self) -> bool {
        self.num_children != 0
    }
    /// Clones of this snapshot: all that follow it but the next in its own line.
    #[must_use]
    pub fn clones(&self) -> u64 {
        self.num_children.saturating_sub(1)
    }
    /// Compression ratio in hundredths: 100 where nothing is stored.
    #[must_use]
    pub fn refcompressratio(&self) -> u64 {
        ratio(self.uncompressed_bytes, self.compressed_bytes)
    }
    fn summary(&self) -> String {
        match self.is_snapshot() {
            true => format!("snapshot of txg {}", self.creation_txg),
            false => "live".into(),
        }
    }
    fn judge(&self) -> Option<Problem> {
        let stored = match &self.bp {
            Pointer::Block(b) => Some((b.prop.r#type(), b.prop.level())),
            Pointer::Hole(_) => None,
            Pointer::Embedded(b) => Some((b.prop.r#type(), b.prop.level())),
            Pointer::Encrypted(b) => Some((b.prop.r#type(), b.prop.level())),
            Pointer::Authenticated(b) => Some((b.prop.r#type(), b.prop.level())),
        };
        if stored.is_some_and(|what| what != (ObjectType::OBJSET, 0)) {
            Some(Problem::corrupt("bp leads to no object set"))
        } else if self.is_snapshot() && self.prev_snap_txg > self.creation_txg {
            Some(Problem::corrupt("the older snapshot is not older"))
        } else if self.is_snapshot() && self.snapnames_zapobj.0 != 0 {
            Some(Problem::corrupt("a snapshot that has snapshots"))
        } else {
            None
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may fail loudly
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::dsl::testing::read;

    /// The head of the root file system of a real pool.
    const HEAD: [u64; 40] = {
        let mut words = [0; 40];
        let (head, _) = words.split_at_mut(32);
        head.copy_from_slice(&[
            32,
            129,
            30,
            0,
            55,
            0,
            0x6b02_e7a9,
            1,
            130,
            225_280,
            170_496,
            2_492_416,
            31_744,
            0x0058_3c9e_c360_a40e,
            0xea31_09d7_964d_fc0a,
            4,
            1,
            1962,
            1,
            34_439,
            0,
            0,
            0x800b_070f_0000_0007,
            0,
            0,
            0,
            35,
            398,
            0x12_81bf_3693,
            0x59a_7f16_4cc1,
            0xf747_600e_2ac3,
            0x001f_25eb_33e9_01aa,
        ]);
        words
    };

    #[test]
    fn a_real_one() {
        let head: DslDataset = read(&HEAD);
        assert!(!head.is_snapshot() && head.flags.unique_accurate() && !head.flags.inconsistent());
        assert_eq!((head.prev_snap_obj, head.prev_snap_txg), (ObjectId(129), Txg(30)));
        assert_eq!(head.refcompressratio(), 1461);
        assert_eq!(head.guid.to_string(), "16875280100278270986");
        assert!(matches!(head.bp, Pointer::Block(b) if b.logical_birth == Txg(35)));
        assert_eq!(head.judge(), None);
    }
    #[test]
    fn wrong_ones() {
        let judged = |at: usize, word| {
            let mut words = HEAD;
            words[at] = word;
            read::<DslDataset>(&words).judge().map(|problem| problem.text)
        };
        assert_eq!(judged(22, 0x800a_070f_0000_0007).as_deref(), Some("bp leads to no object set"));
        assert_eq!(judged(5, 1).as_deref(), Some("the older snapshot is not older"));
    }
}
