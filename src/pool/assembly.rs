//! From labels and configuration to vdevs with their devices.
//!
//! Handbook: `docs/format/01-labels.md`, 1.8, and `docs/format/24-reader-recipes.md`, 24.1.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use zfsp_grammar::indirect_mapping::MappingEntry;
use zfsp_grammar::uberblock::RaidzReflow;

use super::gather::Devices;
use super::member::{LabelConfig, Member};
use crate::block::Store;
use crate::device::Device;
use crate::vdev::config::{VdevConfig, VdevKind};
use crate::vdev::{Leaf, Missed, Parts, Reflow, Vdevs};

/// Top-level vdevs: more cannot be described in a label of 112 KiB.
const MOST_TOPS: u64 = 4096;

/// The top-level vdevs as the labels describe them: of each the newest description, none that is newer than `txg`
/// unless there is no other.
#[must_use]
pub(super) fn tops_of_labels(members: &[Member], guid: u64, txg: u64) -> BTreeMap<u32, VdevConfig> {
    let configs = || members.iter().flat_map(Member::configs).filter(|config| config.pool_guid == Some(guid));
    // labels of an interrupted update are newer than any uberblock
    let rank = |config: &&LabelConfig| {
        let is_settled = config.txg <= txg;
        (is_settled, if is_settled { config.txg } else { !config.txg })
    };
    let mut tops: BTreeMap<u32, (&LabelConfig, &VdevConfig)> = BTreeMap::new();
    for config in configs() {
        let Some(tree) = &config.vdev_tree else { continue };
        let Some(id) = top_id(tree.id) else { continue };
        match tops.get(&id) {
            Some((found, _)) if rank(found) >= rank(&config) => {}
            _ => {
                tops.insert(id, (config, tree));
            }
        }
    }
    let newest = configs().max_by_key(rank);
    let count = newest.and_then(|config| config.vdev_children).unwrap_or(MOST_TOPS).min(MOST_TOPS);
    let mut found: BTreeMap<u32, VdevConfig> = tops
        .into_iter()
        .filter(|(id, _)| u64::from(*id) < count)
        .map(|(id, (_, tree))| (id, tree.clone()))
        .collect();
    for id in
        newest.map(|config| config.holes.as_slice()).unwrap_or_default().iter().filter_map(|id| top_id(*id))
    {
        let hole = VdevConfig { kind: VdevKind::Hole, id: id.into(), ..VdevConfig::default() };
        found.insert(id, hole);
    }
    if let Some(last) = newest.and_then(|config| top_id(config.vdev_children?.checked_sub(1)?)) {
        found.entry(last).or_insert_with(|| VdevConfig { id: last.into(), ..VdevConfig::default() });
    }
    found
}

/// The top-level vdevs of the configuration in the MOS.
#[must_use]
pub(super) fn tops_of_root(root: &VdevConfig) -> BTreeMap<u32, VdevConfig> {
    root.children.iter().filter_map(|top| Some((top_id(top.id)?, top.clone()))).collect()
}

fn top_id(id: u64) -> Option<u32> {
    u32::try_from(id).ok().filter(|id| u64::from(*id) < MOST_TOPS)
}

/// The state of an expansion is that of the newest uberblock and labels, whatever older state is looked at: sectors
/// have moved since.
pub(super) fn keep_newest_geometry(tops: &mut BTreeMap<u32, VdevConfig>, newest: &BTreeMap<u32, VdevConfig>) {
    for (id, top) in tops.iter_mut().filter(|(_, top)| top.kind == VdevKind::Raidz) {
        if let Some(now) = newest.get(id).filter(|now| now.guid == top.guid && now.kind == VdevKind::Raidz) {
            top.children.clone_from(&now.children);
            top.is_expanding = now.is_expanding;
            top.expand_txgs.clone_from(&now.expand_txgs);
        }
    }
}

impl Devices {
    /// The vdevs as the labels describe them: what there is where the MOS cannot be read.
    #[must_use]
    pub fn config(&self) -> VdevConfig {
        let children = tops_of_labels(&self.members, self.guid, u64::MAX).into_values().collect();
        VdevConfig { kind: VdevKind::Root, guid: self.guid, children, ..VdevConfig::default() }
    }

    /// What blocks can be read with as long as only the labels are known: removed vdevs and the salt of checksums are
    /// not.
    #[must_use]
    pub fn store(&self) -> Store {
        let tops = tops_of_labels(&self.members, self.guid, u64::MAX);
        let newest = self.members.iter().flat_map(Member::uberblocks).max_by_key(|uberblock| uberblock.age());
        let reflow = newest.map_or_else(RaidzReflow::default, |uberblock| uberblock.raidz_reflow_info);
        let inventory = Inventory::of(&self.members, &self.nameless, reflow);
        let vdevs = Arc::new(Vdevs::new(&tops, &inventory));
        // a header of either size is known by its checksum
        Store { vdevs, has_large_gang_headers: true, ..Store::default() }
    }
}

/// The devices among `members` that are that leaf: several if there are copies of it. If there is none, the `nameless`,
/// of which it may be one; without these one leaf that has no device.
#[must_use]
pub fn leaves(members: &[Member], nameless: &[Member], config: &VdevConfig) -> Vec<Arc<Leaf>> {
    Inventory::of(members, nameless, RaidzReflow::default()).leaves(config)
}

/// The devices of a pool by what they are, and what was read of its vdevs.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    devices: HashMap<u64, Vec<Arc<Leaf>>>,
    /// By the guid of the top-level vdev that the label names.
    of_tops: HashMap<u64, Vec<Arc<Leaf>>>,
    /// Devices of the pool that may be any of those that are missing: the checksums will tell.
    nameless: Vec<Arc<Leaf>>,
    /// Mappings of removed vdevs, by guid.
    pub(super) mappings: HashMap<u64, Vec<MappingEntry>>,
    /// What devices may lack, by guid.
    pub(super) missed: HashMap<u64, Missed>,
    /// Of the newest uberblock.
    reflow: RaidzReflow,
}

impl Inventory {
    /// Of these devices.
    pub(super) fn of(members: &[Member], nameless: &[Member], reflow: RaidzReflow) -> Self {
        let mut all = Self { reflow, ..Self::default() };
        let mut found: Vec<(&LabelConfig, &Device)> =
            members.iter().filter_map(|member| Some((member.config()?, &member.device))).collect();
        // of two copies of a device the newer one is asked first
        found.sort_by_key(|(config, _)| std::cmp::Reverse(config.txg));
        for (config, device) in found {
            let leaf = present(config.guid, device);
            all.devices.entry(config.guid).or_default().push(leaf.clone());
            all.of_tops.entry(config.top_guid).or_default().push(leaf);
        }
        all.nameless = nameless.iter().map(|member| present(0, &member.device)).collect();
        all
    }
    fn find(&self, config: &VdevConfig) -> Option<&Vec<Arc<Leaf>>> {
        let by_guid = |guid: u64| self.devices.get(&guid);
        // a mirror that has collapsed into its last device gave it its own guid
        by_guid(config.guid).or_else(|| by_guid(config.orig_guid?)).or_else(|| self.of_tops.get(&config.guid))
    }
}

impl Parts for Inventory {
    fn leaves(&self, config: &VdevConfig) -> Vec<Arc<Leaf>> {
        match self.find(config) {
            Some(found) => found.clone(),
            None if !self.nameless.is_empty() => self.nameless.clone(),
            None => vec![Arc::new(Leaf { guid: config.guid, name: absent(config).into(), device: None })],
        }
    }
    fn missed(&self, config: &VdevConfig) -> Missed {
        let missed = self.missed.get(&config.guid).cloned().unwrap_or_default();
        Missed { is_resilvering: config.is_resilvering, is_away: config.is_away(), ..missed }
    }
    fn reflow(&self) -> Reflow {
        Reflow { offset: self.reflow.offset().bytes(), state: self.reflow.state() }
    }
    fn mapping(&self, config: &VdevConfig) -> Option<Vec<MappingEntry>> {
        self.mappings.get(&config.guid).cloned()
    }
}

fn present(guid: u64, device: &Device) -> Arc<Leaf> {
    Arc::new(Leaf { guid, name: device.name().into(), device: Some(device.clone()) })
}

/// What a missing device is called: what to look for.
fn absent(config: &VdevConfig) -> String {
    match &config.path {
        Some(path) => format!("device {} (last {path})", config.guid),
        None => format!("device {}", config.guid),
    }
}
