//! What the keys of configurations and history records mean.
//!
//! The lists themselves are [`nvlist`](crate::nvlist)s. A label holds pool-wide keys and the
//!
//! ```
//! use zfsp_grammar::config;
//!
//! assert!(config::about(b"ashift").is_some());
//! assert!(config::about(b"no such key").is_none());
//! ```
//! `vdev_tree` of its own top-level vdev; the MOS holds the whole tree. Handbook:
//! [`docs/format/01-labels.md`], 1.4, and [`docs/format/11-dsl.md`], 11.16.
//!
//! [`docs/format/01-labels.md`]: crate::handbook::labels
//! [`docs/format/11-dsl.md`]: crate::handbook::dsl

use alloc::format;
use alloc::string::String;

use crate::input::Text;
use crate::nvlist::Value;
use crate::quantity::utc;
use crate::spec::Describe;
use crate::tree;

symbols! {
    /// `pool_state_t` of a label.
    ///
    /// Chapter 01, 1.4.3.
    pub struct PoolState(u64) {
        ACTIVE = 0 "active",
        EXPORTED = 1 "exported",
        DESTROYED = 2 "destroyed",
        /// label of an unused hot spare
        SPARE = 3 "spare",
        /// label of a cache device
        L2CACHE = 4 "l2cache",
    }
}

symbols! {
    /// Known damage by bugs of former releases.
    ///
    /// Chapter 11, 11.18.
    pub struct Errata(u64) {
        NONE = 0 "none",
        SCRUB = 1 "ZoL 2094, scrub",
        ASYNC_DESTROY = 2 "ZoL 2094, async destroy",
        ENCRYPTION = 3 "ZoL 6845, encryption",
        ENCRYPTION_2 = 4 "ZoL 8308, encryption",
    }
}

/// The value of a pair, with the meaning that its key gives it.
pub(crate) fn value(name: Text<'_>, value: &Value<'_>) -> tree::Value {
    match (name.0, value) {
        (b"state", Value::Number(n)) => PoolState(*n).value(),
        (b"errata", Value::Number(n)) => Errata(*n).value(),
        (b"history time" | b"expansion_time" | b"timestamp", Value::Number(n)) => {
            tree::Value::Quantity(n.cast_signed(), utc)
        }
        (b"asize" | b"min_alloc" | b"max_alloc", Value::Number(n)) => {
            tree::Value::Quantity(n.cast_signed(), size)
        }
        (b"ashift" | b"metaslab_shift", Value::Number(n)) => tree::Value::Quantity(n.cast_signed(), power),
        _ => value.value(),
    }
}

/// `59.5 MiB`.
#[must_use]
pub fn size(bytes: i64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let bytes = bytes.cast_unsigned();
    let step = bytes.checked_ilog2().unwrap_or_default() / 10;
    let unit = usize::try_from(step).ok().and_then(|step| UNITS.get(step)).unwrap_or(&"");
    let shift = step.saturating_mul(10);
    let whole = bytes.unbounded_shr(shift);
    let below = bytes & !u64::MAX.unbounded_shl(shift);
    // one digit behind the point; `below` < 2^60, so its product with ten fits
    match below.saturating_mul(10).unbounded_shr(shift) {
        0 => format!("{whole} {unit}"),
        tenth => format!("{whole}.{tenth} {unit}"),
    }
}

fn power(shift: i64) -> String {
    u32::try_from(shift)
        .ok()
        .and_then(|shift| 1i64.checked_shl(shift))
        .filter(|n| *n > 0)
        .map(size)
        .unwrap_or_default()
}

/// What the key `name` means, if it is one of the format.
#[must_use]
pub fn about(name: &[u8]) -> Option<&'static str> {
    remark(name).copied()
}

pub(crate) fn remark(name: &[u8]) -> Option<&'static &'static str> {
    let name = core::str::from_utf8(name).ok()?;
    KEYS.iter().find(|(key, _)| *key == name).map(|(_, about)| about)
}

/// Every key of the format and its meaning.
pub const KEYS: &[(&str, &str)] = &[
    // pool-wide
    ("version", "format version: 1 to 28, or 5000 for feature flags"),
    ("name", "pool name"),
    ("state", "of the pool when this was written"),
    ("txg", "in which this list was written; 0: never part of a pool"),
    ("pool_guid", "identity of the pool, and of its root vdev"),
    ("errata", "known damage by bugs of former releases"),
    ("min_alloc", "smallest allocation"),
    ("max_alloc", "largest of the smallest allocations of the vdevs"),
    ("comment", "pool property"),
    ("compatibility", "pool property"),
    ("hostid", "host that last had the pool open"),
    ("hostname", "host that last had the pool open"),
    ("top_guid", "top-level vdev that this device belongs to"),
    ("guid", "identity of this vdev"),
    ("is_spare", "1: from the list of hot spares, and in use"),
    ("is_log", "1: log device"),
    ("hole_array", "ids of top-level vdevs that are holes"),
    ("vdev_children", "number of top-level vdevs, with holes and missing ones"),
    ("split_guid", "pool that this one was split from"),
    ("splitcfg", "split in progress"),
    ("guid_list", "vdevs being split off; 0: hole"),
    ("vdev_tree", "the vdevs: in a label those of its own top-level vdev, in the MOS all"),
    ("features_for_read", "features that must be known to read the pool"),
    ("com.delphix:has_per_vdev_zaps", "the ZAP numbers of vdevs here can be trusted"),
    // of a vdev
    ("type", "kind of vdev"),
    ("id", "place among its parent's children; of a top-level vdev: its number in DVAs"),
    ("path", "where the device was last seen: a hint"),
    ("devid", "device id: a hint"),
    ("phys_path", "physical path: a hint"),
    ("vdev_enc_sysfs_path", "enclosure: a hint"),
    ("fru", "field replaceable unit: a hint"),
    ("whole_disk", "1: ZFS partitioned the disk itself"),
    ("rotational", "1: spinning disk"),
    ("not_present", "1: was missing at the last import"),
    ("nparity", "parity columns, 1 to 3"),
    ("raidz_expanding", "a RAID-Z expansion is running"),
    ("raidz_expand_txgs", "txgs at which a RAID-Z expansion ended"),
    ("draid_ndata", "data columns of a dRAID group"),
    ("draid_nspares", "distributed spares"),
    ("draid_ngroups", "groups of a dRAID slice"),
    ("draid_nchildren", "children of a failure group"),
    ("spareid", "number of a distributed spare"),
    ("metaslab_array", "MOS object: the space maps of the metaslabs"),
    ("metaslab_shift", "log2 of the size of a metaslab"),
    ("ashift", "log2 of the smallest allocation"),
    ("asize", "allocatable bytes"),
    ("non_allocating", "1: nothing is allocated here"),
    ("removing", "1: being evacuated"),
    ("DTL", "MOS object: txgs whose writes this device may lack"),
    ("com.delphix:indirect_object", "MOS object: mapping of a removed vdev"),
    ("com.delphix:indirect_births", "MOS object: births of a removed vdev"),
    ("com.delphix:prev_indirect_vdev", "vdev that was removed before this one"),
    ("create_txg", "in which it was added"),
    ("expansion_time", "when it last grew"),
    ("com.delphix:vdev_zap_leaf", "MOS object: ZAP of this device"),
    ("com.delphix:vdev_zap_top", "MOS object: ZAP of this top-level vdev"),
    ("com.klarasystems:vdev_zap_root", "MOS object: ZAP of the root vdev"),
    ("com.datto:resilver_defer", "its resilver waits for another"),
    ("offline", "1: taken offline"),
    ("faulted", "1: given up"),
    ("degraded", "1: not trusted"),
    ("removed", "1: pulled out"),
    ("unspare", "1: its spare is to be detached after the resilver"),
    ("aux_state", "why it is faulted or degraded"),
    ("resilver_txg", "resilver in progress: older data may be missing"),
    ("rebuild_txg", "rebuild in progress: older data may be missing"),
    ("is_hole", "1: slot of a removed log device"),
    ("orig_guid", "identity before its mirror collapsed into it"),
    ("children", "the vdevs below, by id"),
    // lists of auxiliary devices
    ("spares", "hot spares"),
    ("l2cache", "cache devices"),
    // history
    ("history time", "when"),
    ("history command", "what was typed"),
    ("history who", "user id"),
    ("history zone", "zone"),
    ("history hostname", "host"),
    ("history txg", "in which it took effect"),
    ("history internal event", "number of the event, in old pools"),
    ("history internal str", "what happened"),
    ("internal_name", "name of the event"),
    ("dsname", "dataset"),
    ("dsid", "MOS object of the dataset"),
    ("ioctl", "request to the kernel"),
    ("in_nvl", "arguments"),
    ("out_nvl", "results"),
    ("out_size", "bytes of results too large to keep"),
    ("errno", "why it failed"),
    ("elapsed_ns", "how long it took"),
    // boot environment
    ("grub:envmap", "GRUB environment"),
    ("freebsd:bootonce", "boot this once"),
    ("freebsd:bootonce-used", "was booted once"),
    ("freebsd:nvstore", "loader variables"),
    ("illumos:bootonce", "boot this once"),
    ("illumos:bootonce-used", "was booted once"),
    ("illumos:nvstore", "loader variables"),
    // FUID table
    ("fuid_nvlist", "domains"),
    ("fuid_idx", "number of the domain in FUIDs"),
    ("fuid_offset", "always 0"),
    ("fuid_domain", "prefix of the Windows SIDs"),
];
