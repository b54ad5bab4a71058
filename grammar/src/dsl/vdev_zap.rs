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

use super::pool_directory::Kind::{Number, Object, Text, Words};
use super::zapified::{Entry, entry};
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

/// What a key of a vdev's ZAP means, whatever the vdev; `None` for properties and for keys that the
/// format does not know.
#[must_use]
pub fn find(key: &str) -> Option<&'static Entry> {
    TOP_KEYS.iter().chain(LEAF_KEYS).find(|entry| entry.key == key)
}

/// Keys in the ZAP of a top-level vdev, and what they mean.
pub const TOP_KEYS: &[Entry] = &[
    entry("com.delphix:indirect_obsolete_sm", Object, "space map of obsolete parts of a removed vdev"),
    entry("com.delphix:obsolete_counts_are_precise", Number, "1: the obsolete counts are exact"),
    entry("com.delphix:pool_checkpoint_sm", Object, "space map of what was freed since the checkpoint"),
    entry("com.delphix:ms_unflushed_phys_txgs", Object, "txg up to which each metaslab's map is complete"),
    entry("org.openzfs:vdev_rebuild", Words(12), "sequential rebuild"),
    entry("org.zfsonlinux:allocation_bias", Text, "what is allocated here: log, special or dedup"),
    entry("org.openzfs:raidz_expand_state", Number, "state of the RAID-Z expansion"),
    entry("org.openzfs:raidz_expand_start_time", Number, "when it started"),
    entry("org.openzfs:raidz_expand_end_time", Number, "when it ended"),
    entry("org.openzfs:raidz_expand_bytes_copied", Number, "bytes that were moved"),
];

/// Keys in the ZAP of a leaf vdev, and what they mean.
pub const LEAF_KEYS: &[Entry] = &[
    entry("com.delphix:next_offset_to_initialize", Number, "initialized up to here"),
    entry("com.delphix:vdev_initialize_state", Number, "state of the initializing"),
    entry("com.delphix:vdev_initialize_action_time", Number, "when that changed"),
    entry("org.openzfs:vdev_initialize_value", Number, "what is written"),
    entry("org.zfsonlinux:next_offset_to_trim", Number, "trimmed up to here"),
    entry("org.zfsonlinux:vdev_trim_state", Number, "state of the trimming"),
    entry("org.zfsonlinux:vdev_trim_action_time", Number, "when that changed"),
    entry("org.zfsonlinux:vdev_trim_rate", Number, "bytes a second"),
    entry("org.zfsonlinux:vdev_trim_partial", Number, "1: only what is newly free"),
    entry("org.zfsonlinux:vdev_trim_secure", Number, "1: securely"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsl::testing::read;

    #[test]
    fn keys() {
        assert_eq!(find("org.openzfs:vdev_rebuild").map(|e| e.kind), Some(Words(12)));
        assert_eq!(find("org.zfsonlinux:vdev_trim_state").map(|e| e.kind), Some(Number));
        assert_eq!(find("comment"), None);
    }
    #[test]
    fn a_rebuild() {
        let rebuild: VdevRebuild = read(&[3, 0x1000, 4, 40, 1, 2, 17, 3, 4, 5, 6, 0]);
        assert_eq!(
            (rebuild.state, rebuild.max_txg, rebuild.bytes_est),
            (RebuildState::COMPLETE, Txg(40), Bytes(6))
        );
        assert_eq!(rebuild.summary(), "complete");
    }
}
