//! The pool directory: object 1 of the MOS, from which everything is found.
//!
//!
//! ```
//! use zfsp_grammar::dsl::pool_directory::find;
//!
//! assert!(find("root_dataset").is_some());
//! ```
//! A ZAP; most values are numbers of objects, some are structures of words. Handbook:
//! [`docs/format/11-dsl.md`], 11.1, and [`docs/format/06-dnode-objset.md`], 6.7.
//!
//! [`docs/format/11-dsl.md`]: crate::handbook::dsl
//! [`docs/format/06-dnode-objset.md`]: crate::handbook::dnode_objset

use alloc::format;
use alloc::string::String;

use crate::quantity::{Bytes, ObjectId, Timestamp, Txg};
use crate::tree::Problem;

/// Its number in the MOS.
pub const OBJECT: ObjectId = ObjectId(1);

/// What the value of a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The number of an object in the MOS.
    Object,
    /// A number.
    Number,
    /// Words of a structure: so many at least.
    Words(usize),
    /// Bytes: so many.
    Bytes(usize),
}

/// A key of the pool directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key, or what it begins with.
    pub key: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// What it means.
    pub about: &'static str,
}

/// The entry for `key`; `None` for keys that the format does not know: they are to be ignored.
#[must_use]
pub fn find(key: &str) -> Option<&'static Entry> {
    let exact = ENTRIES.iter().find(|entry| entry.key == key);
    exact.or_else(|| ENTRIES.iter().find(|entry| entry.is_prefix() && key.starts_with(entry.key)))
}

impl Entry {
    /// True if the key goes on: with a checksum, a number, a span of time.
    fn is_prefix(&self) -> bool {
        self.key.ends_with([':', '-'])
    }
}

use Kind::{Number, Object, Words};

const fn entry(key: &'static str, kind: Kind, about: &'static str) -> Entry {
    Entry { key, kind, about }
}

/// Every key that the format knows.
pub const ENTRIES: &[Entry] = &[
    entry("root_dataset", Object, "DSL directory of the root file system"),
    entry("config", Object, "configuration of the pool, a packed list"),
    entry("sync_bplist", Object, "blocks to be freed in the next txg"),
    entry("errlog_last", Object, "errors of the last scrub; 0: none"),
    entry("errlog_scrub", Object, "errors of the running scrub; 0: none"),
    entry("creation_version", Number, "pool version at creation"),
    entry("deflate", Number, "1: space is counted without RAID-Z parity"),
    entry("spares", Object, "hot spares, a packed list"),
    entry("l2cache", Object, "cache devices, a packed list"),
    entry("history", Object, "command history"),
    entry("pool_props", Object, "pool properties"),
    entry("tmp_userrefs", Object, "holds to be released at the next import"),
    entry("DDT-statistics", Object, "statistics of the dedup tables"),
    entry("DDT-", Object, "dedup table, or the directory of one"),
    entry("scan", Words(24), "scrub or resilver"),
    entry("error_scrub", Words(9), "error scrub"),
    entry("last_scrubbed_txg", Number, "txg up to which a finished scrub went"),
    entry("scrub_func", Number, "scrub before pool version 25: obsolete"),
    entry("scrub_queue", Number, "scrub before pool version 25: obsolete"),
    entry("scrub_min_txg", Number, "scrub before pool version 25: obsolete"),
    entry("scrub_max_txg", Number, "scrub before pool version 25: obsolete"),
    entry("scrub_errors", Number, "scrub before pool version 25: obsolete"),
    entry("scrub_ddt_class_max", Number, "scrub before pool version 25: obsolete"),
    entry("scrub_bookmark", Words(4), "scrub before pool version 25: obsolete"),
    entry("scrub_ddt_bookmark", Words(4), "scrub before pool version 25: obsolete"),
    entry("free_bpobj", Object, "blocks being freed in the background"),
    entry("bptree_obj", Object, "datasets being destroyed in the background"),
    entry("empty_bpobj", Object, "the list of block pointers that all empty ones share"),
    entry("features_for_read", Object, "users of the features that readers must know"),
    entry("features_for_write", Object, "users of the features that only writers must know"),
    entry("feature_descriptions", Object, "features in words"),
    entry("feature_enabled_txg", Object, "when each feature was enabled"),
    entry("org.illumos:checksum_salt", Kind::Bytes(32), "salt of skein, edonr and blake3"),
    entry("com.delphix:vdev_zap_map", Object, "all ZAPs of vdevs"),
    entry("com.delphix:removing", Words(7), "device removal"),
    entry("com.delphix:obsolete_bpobj", Object, "blocks freed on removed vdevs"),
    entry("com.delphix:condensing_indirect", Words(3), "condensing of a removed vdev's mapping"),
    entry("com.delphix:zpool_checkpoint", Words(26), "uberblock of the checkpoint"),
    entry("com.delphix:log_spacemap_zap", Object, "log space maps by txg"),
    entry("com.delphix:deleted_clones", Object, "livelists to be deleted"),
    entry("com.klarasystems:txg_log_time:", Words(515), "ring of txgs and times"),
    entry("com.fudosecurity:brt:vdev:", Object, "block reference table of a vdev"),
];

symbols! {
    /// `dsl_scan_state_t`, as the device removal uses it.
    pub struct RemovalState(u64) {
        NONE = 0 "none",
        ACTIVE = 1 "active",
        FINISHED = 2 "finished",
        CANCELED = 3 "canceled",
    }
}

record! {
    /// `spa_removing_phys_t`: the last device removal.
    ///
    /// Chapter 11, 11.1.
    pub struct Removing: Copy {
        0x00 state:              RemovalState,
        /// vdev being removed; all ones: none
        0x08 removing_vdev:      u64,
        /// vdev that was removed last: its mapping is read first
        0x10 prev_indirect_vdev: u64,
        0x18 start_time:         Timestamp,
        0x20 end_time:           Timestamp,
        0x28 to_copy:            Bytes,
        0x30 copied:             Bytes,
    }
    says Removing::summary;
}

impl Removing {
    fn summary(&self) -> String {
        format!("{}", self.state)
    }
}

record! {
    /// `spa_condensing_indirect_phys_t`.
    ///
    /// Chapter 11, 11.1.
    pub struct Condensing: Copy {
        0x00 vdev:                     u64,
        /// space map of what was obsolete
        0x08 prev_obsolete_sm_object:  ObjectId,
        0x10 next_mapping_object:      ObjectId,
    }
}

record! {
    /// When a txg was written.
    pub struct TxgTime: Copy Default {
        0x0 time: Timestamp,
        0x8 txg:  Txg,
    }
    says TxgTime::summary;
}

impl TxgTime {
    fn summary(&self) -> String {
        format!("txg {}, {}", self.txg, crate::quantity::utc(self.time.0.cast_signed()))
    }
}

/// Slots of the ring.
const RING: usize = 256;

record! {
    /// A ring of times and txgs: by minutes, days or months.
    ///
    /// Chapter 11, 11.1.
    pub struct TxgLogTime: Copy {
        /// slot to be written next
        0x000 head:    u64,
        /// slot of the oldest
        0x008 tail:    u64,
        /// slots in use
        0x010 length:  u64,
        0x018 entries: [TxgTime; RING],
    }
    says TxgLogTime::summary;
    judge TxgLogTime::judge;
}

impl TxgLogTime {
    /// The times and txgs, oldest first. Numbers that point out of the ring are taken modulo its size.
    pub fn times(&self) -> impl Iterator<Item = &TxgTime> {
        let first = usize::try_from(self.tail).unwrap_or_default().checked_rem(RING).unwrap_or_default();
        let n = usize::try_from(self.length).unwrap_or(RING).min(RING);
        self.entries.iter().cycle().skip(first).take(n)
    }
    fn summary(&self) -> String {
        format!("{} in use", self.length)
    }
    fn judge(&self) -> Option<Problem> {
        (self.length > 256 || self.head > 256 || self.tail > 256)
            .then(|| Problem::corrupt("points out of the ring"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_go_on() {
        assert_eq!(find("DDT-sha256-zap-unique").map(|e| e.key), Some("DDT-"));
        assert_eq!(find("DDT-statistics").map(|e| e.key), Some("DDT-statistics"));
        assert_eq!(find("com.fudosecurity:brt:vdev:3").map(|e| e.kind), Some(Kind::Object));
        assert_eq!(find("org.example:later"), None);
    }
}
