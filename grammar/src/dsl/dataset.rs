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

use crate::blkptr::Pointer;
use crate::quantity::{Bytes, Guid, ObjectId, Pad, Reserved, Timestamp, Txg};

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
        4..16  reserved: Reserved,
        /// names of snapshots and bookmarks are matched whatever their case
        16..17 ci_dataset: bool,
        17..64 reserved2: Reserved,
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
}

impl DslDataset {
    /// True for snapshots.
    #[must_use]
    pub fn is_snapshot(&self) -> bool {
        self.num_children != 0
    }
}
