//! ZAPs of vdevs: what a vdev remembers beyond the configuration.
//!
//! The configuration in the MOS names them; the vdev's properties are in the same ZAPs, under their
//! plain names. Handbook: [`docs/format/11-dsl.md`], 11.19, and [`docs/format/01-labels.md`], 1.4.5.
//!
//! ```
//! use zfsp_grammar::{dsl::vdev_zap::VdevRebuild, input::{Input, Order, Parse}};
//!
//! let bytes: Vec<u8> = [3, 0, 4, 9, 0, 0, 0, 0, 0, 0, 0, 0].iter().flat_map(|w: &u64| w.to_le_bytes()).collect();
//! let (_, read) = VdevRebuild::parse(Input::new(&bytes, Order::Little))?;
//! assert_eq!((read.min_txg.0, read.max_txg.0), (4, 9));
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//!
//! [`docs/format/11-dsl.md`]: crate::handbook::dsl
//! [`docs/format/01-labels.md`]: crate::handbook::labels

use alloc::format;
use alloc::string::String;

use crate::quantity::{Bytes, Offset, Timestamp, Txg};

symbols! {
    /// `vdev_initializing_state_t`, `vdev_trim_state_t`.
    pub struct ActionState(u64) {
        NONE = 0 "none",
        ACTIVE = 1 "active",
        CANCELED = 2 "canceled",
        SUSPENDED = 3 "suspended",
        COMPLETE = 4 "complete",
    }
}

symbols! {
    /// `vdev_rebuild_state_t`.
    pub struct RebuildState(u64) {
        NONE = 0 "none",
        ACTIVE = 1 "active",
        CANCELED = 2 "canceled",
        COMPLETE = 3 "complete",
    }
}

record! {
    /// `vdev_rebuild_phys_t`: a sequential rebuild.
    ///
    /// Chapter 11, 11.19.
    pub struct VdevRebuild: Copy {
        0x00 state:         RebuildState,
        /// rebuilt up to here
        0x08 last_offset:   Offset,
        0x10 min_txg:       Txg,
        0x18 max_txg:       Txg,
        0x20 start_time:    Timestamp,
        0x28 end_time:      Timestamp,
        /// of earlier runs, in milliseconds
        0x30 scan_time_ms:  u64,
        0x38 bytes_scanned: Bytes,
        0x40 bytes_issued:  Bytes,
        0x48 bytes_rebuilt: Bytes,
        /// estimated
        0x50 bytes_est:     Bytes,
        0x58 errors:        u64,
    }
    says VdevRebuild::summary;
}

impl VdevRebuild {
    fn summary(&self) -> String {
        format!("{}", self.state)
    }
}

/// Keys in the ZAP of a top-level vdev, and what they mean.
pub const TOP_KEYS: &[(&str, &str)] = &[
    ("com.delphix:indirect_obsolete_sm", "MOS object: space map of obsolete parts of a removed vdev"),
    ("com.delphix:obsolete_counts_are_precise", "1: the obsolete counts are exact"),
    ("com.delphix:pool_checkpoint_sm", "MOS object: space map of what was freed since the checkpoint"),
    ("com.delphix:ms_unflushed_phys_txgs", "MOS object: txg up to which each metaslab's map is complete"),
    ("org.openzfs:vdev_rebuild", "sequential rebuild"),
    ("org.zfsonlinux:allocation_bias", "what is allocated here: log, special or dedup"),
    ("org.openzfs:raidz_expand_state", "state of the RAID-Z expansion"),
    ("org.openzfs:raidz_expand_start_time", "when it started"),
    ("org.openzfs:raidz_expand_end_time", "when it ended"),
    ("org.openzfs:raidz_expand_bytes_copied", "bytes that were moved"),
];

/// Keys in the ZAP of a leaf vdev, and what they mean.
pub const LEAF_KEYS: &[(&str, &str)] = &[
    ("com.delphix:next_offset_to_initialize", "initialized up to here"),
    ("com.delphix:vdev_initialize_state", "state of the initializing"),
    ("com.delphix:vdev_initialize_action_time", "when that changed"),
    ("org.openzfs:vdev_initialize_value", "what is written"),
    ("org.zfsonlinux:next_offset_to_trim", "trimmed up to here"),
    ("org.zfsonlinux:vdev_trim_state", "state of the trimming"),
    ("org.zfsonlinux:vdev_trim_action_time", "when that changed"),
    ("org.zfsonlinux:vdev_trim_rate", "bytes a second"),
    ("org.zfsonlinux:vdev_trim_partial", "1: only what is newly free"),
    ("org.zfsonlinux:vdev_trim_secure", "1: securely"),
];

/// Properties of vdevs, in the same ZAPs.
pub const PROPERTIES: &[&str] = &[
    "comment",
    "allocating",
    "failfast",
    "checksum_n",
    "checksum_t",
    "io_n",
    "io_t",
    "slow_io_n",
    "slow_io_t",
    "slow_io_events",
    "autosit",
    "scheduler",
];
