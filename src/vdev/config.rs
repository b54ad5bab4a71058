//! The configuration of vdevs: the list `vdev_tree` of a label or of the MOS as typed nodes.
//!
//! A label describes its own top-level vdev only, the MOS all of them. Handbook: `docs/format/01-labels.md`, 1.4, and
//! `docs/format/20-vdevs-raidz.md`, 20.2.

use std::fmt;

use zfsp_grammar::label::DATA_AT;
use zfsp_grammar::nvlist::{List, Value};

use super::DraidConfig;

/// A vdev as a configuration describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VdevConfig {
    /// What kind of vdev it is.
    pub kind: VdevKind,
    /// Place among its parent's children; of a top-level vdev its number in DVAs.
    pub id: u64,
    /// Identity; 0 for holes.
    pub guid: u64,
    /// Where the device was last seen: a hint.
    pub path: Option<String>,
    /// log2 of the sector size; top-level vdevs have it.
    pub ashift: Option<u64>,
    /// Allocatable bytes; top-level vdevs have it.
    pub asize: Option<u64>,
    /// Parity columns of RAID-Z and dRAID.
    pub nparity: Option<u64>,
    /// 1: a log device.
    pub is_log: bool,
    /// 1: being evacuated; its data are still in place.
    pub is_removing: bool,
    /// A RAID-Z expansion is running.
    pub is_expanding: bool,
    /// Transaction groups from which on blocks have one more column, ascending.
    pub expand_txgs: Vec<u64>,
    /// Groups and spares of a dRAID.
    pub draid: Option<DraidConfig>,
    /// Number of a distributed spare.
    pub spare_id: Option<u64>,
    /// Identity of the top-level vdev that it belongs to.
    pub top_guid: Option<u64>,
    /// MOS object of the mapping of a removed vdev.
    pub indirect_object: Option<u64>,
    /// MOS object of the births of a removed vdev.
    pub indirect_births: Option<u64>,
    /// Vdev that was removed before this one.
    pub prev_indirect_vdev: Option<u64>,
    /// MOS object: transaction groups whose writes this device may lack.
    pub dtl: Option<u64>,
    /// A resilver or rebuild onto this device was not finished.
    pub is_resilvering: bool,
    /// Identity that the device had before its mirror collapsed into it.
    pub orig_guid: Option<u64>,
    /// What the configuration holds against the device: `offline`, `faulted`, `not_present` and the like.
    pub states: Vec<&'static str>,
    /// MOS object: the space maps of the metaslabs.
    pub metaslab_array: Option<u64>,
    /// log2 of the size of a metaslab.
    pub metaslab_shift: Option<u64>,
    /// MOS object: ZAP of this top-level vdev.
    pub top_zap: Option<u64>,
    /// The vdevs below, by id.
    pub children: Vec<VdevConfig>,
}

/// `type` of a vdev.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum VdevKind {
    /// Parent of the top-level vdevs.
    Root,
    /// Every child holds all.
    Mirror,
    /// A device and the one that is to take its place.
    Replacing,
    /// A failed device and its spare.
    Spare,
    /// RAID-Z.
    Raidz,
    /// dRAID.
    Draid,
    /// Distributed spare of a dRAID: space of its other children.
    DistributedSpare,
    /// A block device.
    Disk,
    /// A file.
    File,
    /// A removed vdev: its data were moved to others.
    Indirect,
    /// Slot of a removed log device.
    Hole,
    /// Nothing is known of it.
    #[default]
    Missing,
    /// A type that the format does not have.
    Other(String),
}

/// Bytes of a device that no vdev uses: two labels and the boot area in front, two labels behind.
const OVERHEAD: u64 = DATA_AT + (512 << 10);
/// Writers make a sixth as many of a vdev at most.
const MOST_METASLABS: u64 = 1 << 20;
/// Vdevs stand at most this deep below each other: top-level, spare, replacing, leaf, and as many again.
const DEEPEST: usize = 8;

impl VdevConfig {
    /// What the list `vdev_tree` says; what is nested deeper than vdevs can be is left out.
    #[must_use]
    pub fn of(list: &List<'_>) -> Self {
        Self::nested(list, DEEPEST)
    }

    fn nested(list: &List<'_>, depth: usize) -> Self {
        let number = |key| list.number(key);
        let is_set = |key| {
            list.number(key) == Some(1) || matches!(list.get(key).map(|pair| pair.value()), Some(Value::Flag))
        };
        let children = match depth.checked_sub(1) {
            Some(depth) => list.lists("children").iter().map(|child| Self::nested(child, depth)).collect(),
            None => Vec::new(),
        };
        let path = list.text("path").map(|path| String::from_utf8_lossy(path.0).into_owned());
        let kind = list.text("type").map_or(VdevKind::Missing, |text| VdevKind::of(text.0));
        let spare_id = number("spareid").or_else(|| spare_of_path(path.as_deref()?));
        Self {
            id: number("id").unwrap_or_default(),
            guid: number("guid").unwrap_or_default(),
            path,
            ashift: number("ashift"),
            asize: number("asize"),
            // pools of versions below 3 do not say it
            nparity: number("nparity").or((kind == VdevKind::Raidz).then_some(1)),
            is_log: is_set("is_log"),
            is_removing: is_set("removing"),
            is_expanding: is_set("raidz_expanding"),
            expand_txgs: list.numbers("raidz_expand_txgs").to_vec(),
            draid: draid(list),
            spare_id,
            top_guid: number("top_guid"),
            indirect_object: number("com.delphix:indirect_object").filter(|object| *object != 0),
            indirect_births: number("com.delphix:indirect_births").filter(|object| *object != 0),
            prev_indirect_vdev: number("com.delphix:prev_indirect_vdev"),
            dtl: number("DTL").filter(|object| *object != 0),
            is_resilvering: list.get("resilver_txg").is_some() || list.get("rebuild_txg").is_some(),
            orig_guid: number("orig_guid"),
            states: STATES.into_iter().filter(|state| is_set(state)).collect(),
            metaslab_array: number("metaslab_array").filter(|object| *object != 0),
            metaslab_shift: number("metaslab_shift"),
            top_zap: number("com.delphix:vdev_zap_top").filter(|object| *object != 0),
            children,
            kind,
        }
    }

    /// This vdev and all below, parents first.
    pub fn all(&self) -> impl Iterator<Item = &VdevConfig> {
        let mut stack = vec![self];
        std::iter::from_fn(move || {
            let vdev = stack.pop()?;
            stack.extend(vdev.children.iter().rev());
            Some(vdev)
        })
    }

    /// The devices among them: what can have a label.
    pub fn leaves(&self) -> impl Iterator<Item = &VdevConfig> {
        self.all().filter(|vdev| matches!(vdev.kind, VdevKind::Disk | VdevKind::File))
    }

    /// Whether a top-level vdev has space of its own.
    #[must_use]
    pub fn is_allocatable(&self) -> bool {
        !matches!(self.kind, VdevKind::Indirect | VdevKind::Hole | VdevKind::Missing)
    }

    /// Bytes of the metaslabs of a top-level vdev. Those of a dRAID begin and end with a stripe (21.2).
    #[must_use]
    pub fn metaslabs(&self) -> Option<u64> {
        let shift = u32::try_from(self.metaslab_shift?).ok()?;
        let count = self.asize?.checked_shr(shift)?;
        let Some(draid) = self.draid else { return Some(count.unbounded_shl(shift)) };
        let width = draid.ndata.checked_add(draid.nparity)?;
        let stripe = width.checked_mul(1u64.checked_shl(u32::try_from(draid.ashift).ok()?)?)?;
        let size = |metaslab: u64| {
            let end = metaslab.checked_add(1)?.checked_mul(1u64.checked_shl(shift)?)?;
            let start = metaslab.checked_shl(shift)?.checked_next_multiple_of(stripe)?;
            let size = end.saturating_sub(start);
            size.checked_sub(size.checked_rem(stripe)?)
        };
        (0..count.min(MOST_METASLABS)).map(size).try_fold(0u64, |sum, size| sum.checked_add(size?))
    }

    /// Whether the device is no longer written to.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.states.iter().any(|state| matches!(*state, "offline" | "faulted" | "removed"))
    }

    /// Bytes that each device of a top-level vdev has at least, with labels and boot area.
    #[must_use]
    pub fn leaf_size(&self) -> Option<u64> {
        let is_striped = matches!(self.kind, VdevKind::Raidz | VdevKind::Draid);
        let children = u64::try_from(self.children.len()).unwrap_or(u64::MAX);
        let part = if is_striped { self.asize?.checked_div(children)? } else { self.asize? };
        Some(part.saturating_add(OVERHEAD))
    }

    /// Sum of all guids, modulo 2^64: the uberblock has it too.
    #[must_use]
    pub fn guid_sum(&self) -> u64 {
        self.all().fold(0, |sum: u64, vdev| sum.wrapping_add(vdev.guid))
    }
}

/// Persistent states of a device: keys that are 1.
const STATES: [&str; 7] = ["offline", "faulted", "degraded", "removed", "unspare", "not_present", "is_spare"];

/// The number of a distributed spare, of a path like `draid2-0-1`: parity, top-level vdev, spare.
fn spare_of_path(path: &str) -> Option<u64> {
    let mut parts = path.strip_prefix("draid")?.split('-');
    let numbers = [parts.next()?, parts.next()?, parts.next()?].map(str::parse);
    let [Ok::<u64, _>(_), Ok::<u64, _>(_), Ok(spare)] = numbers else { return None };
    Some(spare)
}

/// What a dRAID is made of, if the list describes one.
fn draid(list: &List<'_>) -> Option<DraidConfig> {
    Some(DraidConfig {
        width: list.lists("children").len(),
        nparity: list.number("nparity")?,
        ndata: list.number("draid_ndata")?,
        nspares: list.number("draid_nspares").unwrap_or_default(),
        ngroups: list.number("draid_ngroups")?,
        nchildren: list.number("draid_nchildren"),
        ashift: list.number("ashift")?,
    })
}

/// The names that the format has.
const KINDS: [(&str, VdevKind); 12] = [
    ("root", VdevKind::Root),
    ("mirror", VdevKind::Mirror),
    ("replacing", VdevKind::Replacing),
    ("spare", VdevKind::Spare),
    ("raidz", VdevKind::Raidz),
    ("draid", VdevKind::Draid),
    ("dspare", VdevKind::DistributedSpare),
    ("disk", VdevKind::Disk),
    ("file", VdevKind::File),
    ("indirect", VdevKind::Indirect),
    ("hole", VdevKind::Hole),
    ("missing", VdevKind::Missing),
];

impl VdevKind {
    fn of(name: &[u8]) -> Self {
        let known = KINDS.iter().find(|(known, _)| known.as_bytes() == name);
        known
            .map_or_else(|| Self::Other(String::from_utf8_lossy(name).into_owned()), |(_, kind)| kind.clone())
    }
}

impl fmt::Display for VdevKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, KINDS.iter().find(|(_, kind)| kind == self)) {
            (Self::Other(name), _) => f.write_str(name),
            (_, Some((name, _))) => f.write_str(name),
            (_, None) => f.write_str("unknown"),
        }
    }
}
