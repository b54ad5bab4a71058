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
    /// Text, with its NUL.
    Text,
}

/// A key of the pool directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key, or what it begins with.
    pub key: &'static str,
    /// Pool version, feature or release that brought it.
    pub since: &'static str,
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

const fn entry(key: &'static str, since: &'static str, kind: Kind, about: &'static str) -> Entry {
    Entry { key, since, kind, about }
}

/// Every key that the format knows.
pub const ENTRIES: &[Entry] = &[
    entry("root_dataset", "1", Object, "DSL directory of the root file system"),
    entry("config", "1", Object, "configuration of the pool, a packed list"),
    entry("sync_bplist", "1", Object, "blocks to be freed in the next txg"),
    entry("errlog_last", "1", Object, "errors of the last scrub; 0: none"),
    entry("errlog_scrub", "1", Object, "errors of the running scrub; 0: none"),
    entry("creation_version", "any", Number, "pool version at creation"),
    entry("deflate", "3", Number, "1: space is counted without RAID-Z parity"),
    entry("spares", "3", Object, "hot spares, a packed list"),
    entry("l2cache", "10", Object, "cache devices, a packed list"),
    entry("history", "4", Object, "command history"),
    entry("pool_props", "6", Object, "pool properties"),
    entry("tmp_userrefs", "18", Object, "holds to be released at the next import"),
    entry("DDT-statistics", "21", Object, "statistics of the dedup tables"),
    entry("DDT-", "21", Object, "dedup table, or the directory of one"),
    entry("scan", "25", Words(24), "scrub or resilver"),
    entry("error_scrub", "head_errlog", Words(9), "error scrub"),
    entry("last_scrubbed_txg", "OpenZFS 2.3", Number, "txg up to which a finished scrub went"),
    entry("scrub_func", "11", Number, "scrub before pool version 25: obsolete"),
    entry("scrub_queue", "11", Number, "scrub before pool version 25: obsolete"),
    entry("scrub_min_txg", "11", Number, "scrub before pool version 25: obsolete"),
    entry("scrub_max_txg", "11", Number, "scrub before pool version 25: obsolete"),
    entry("scrub_errors", "11", Number, "scrub before pool version 25: obsolete"),
    entry("scrub_ddt_class_max", "11", Number, "scrub before pool version 25: obsolete"),
    entry("scrub_bookmark", "11", Words(4), "scrub before pool version 25: obsolete"),
    entry("scrub_ddt_bookmark", "11", Words(4), "scrub before pool version 25: obsolete"),
    entry("free_bpobj", "26", Object, "blocks being freed in the background"),
    entry("bptree_obj", "async_destroy", Object, "datasets being destroyed in the background"),
    entry("empty_bpobj", "empty_bpobj", Object, "the list of block pointers that all empty ones share"),
    entry("features_for_read", "5000", Object, "users of the features that readers must know"),
    entry("features_for_write", "5000", Object, "users of the features that only writers must know"),
    entry("feature_descriptions", "5000", Object, "features in words"),
    entry("feature_enabled_txg", "enabled_txg", Object, "when each feature was enabled"),
    entry("org.illumos:checksum_salt", "any", Kind::Bytes(32), "salt of skein, edonr and blake3"),
    entry("com.delphix:vdev_zap_map", "any", Object, "all ZAPs of vdevs"),
    entry("com.delphix:removing", "device_removal", Words(7), "device removal"),
    entry("com.delphix:obsolete_bpobj", "obsolete_counts", Object, "blocks freed on removed vdevs"),
    entry(
        "com.delphix:condensing_indirect",
        "device_removal",
        Words(3),
        "condensing of a removed vdev's mapping",
    ),
    entry("com.delphix:zpool_checkpoint", "zpool_checkpoint", Words(26), "uberblock of the checkpoint"),
    entry("com.delphix:log_spacemap_zap", "log_spacemap", Object, "log space maps by txg"),
    entry("com.delphix:deleted_clones", "livelist", Object, "livelists to be deleted"),
    entry("com.klarasystems:txg_log_time:", "OpenZFS 2.4", Words(515), "ring of txgs and times"),
    entry("com.fudosecurity:brt:vdev:", "block_cloning", Object, "block reference table of a vdev"),
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
        /// slot of the oldest
        0x000 head:    u64,
        /// slot to be written next
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
        let first = usize::try_from(self.head).unwrap_or_default().checked_rem(RING).unwrap_or_default();
        let n = usize::try_from(self.length).unwrap_or(RING).min(RING);
        self.entries.iter().cycle().skip(first).take(n)
    }
    /// The last txg of the ring that was written at `time` or before.
    #[must_use]
    pub fn before(&self, time: Timestamp) -> Option<Txg> {
        self.times().take_while(|entry| entry.time <= time).last().map(|entry| entry.txg)
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
#[allow(clippy::indexing_slicing)] // a test may fail loudly
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::dsl::testing::read;

    #[test]
    fn keys_that_go_on() {
        assert_eq!(find("DDT-sha256-zap-unique").map(|e| e.key), Some("DDT-"));
        assert_eq!(find("DDT-statistics").map(|e| e.key), Some("DDT-statistics"));
        assert_eq!(find("com.fudosecurity:brt:vdev:3").map(|e| e.kind), Some(Kind::Object));
        assert_eq!(find("org.example:later"), None);
    }

    /// Chapter 11, 11.1: the ring of a young pool, and one that was tampered with.
    #[test]
    fn ring() {
        let mut words = [0u64; 515];
        words[1..5].copy_from_slice(&[1, 1, 1_795_351_954, 4]);
        let ring: TxgLogTime = read(&words);
        let times: Vec<u64> = ring.times().map(|t| t.txg.0).collect();
        assert_eq!((times.as_slice(), ring.judge()), (&[4][..], None));
        assert_eq!(ring.before(Timestamp(1_795_351_953)), None);
        assert_eq!(ring.before(Timestamp(1_795_351_960)), Some(Txg(4)));
        // full, the oldest in the last slot
        words[..3].copy_from_slice(&[255, 255, 256]);
        let ring: TxgLogTime = read(&words);
        assert_eq!(ring.times().nth(1).map(|t| t.txg), Some(Txg(4)));
        words[..3].fill(u64::MAX);
        let ring: TxgLogTime = read(&words);
        assert_eq!(ring.times().count(), RING);
        assert!(ring.judge().is_some());
    }
}
