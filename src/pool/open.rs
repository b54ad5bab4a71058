//! Opening: the uberblock to go by, and what it takes to read below it.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use zfsp_grammar::blkptr::Pointer;
use zfsp_grammar::bonus::Bonus;
use zfsp_grammar::dsl::feature;
use zfsp_grammar::indirect_mapping::MappingEntry;
use zfsp_grammar::input::{Input, Order, Parse, list};
use zfsp_grammar::nvlist::Packed;
use zfsp_grammar::space_map::{Entries, MapType};
use zfsp_grammar::uberblock::{UBERBLOCK_SIZE, Uberblock};

use super::assembly::{Inventory, keep_newest_geometry, tops_of_labels, tops_of_root};
use super::gather::{Devices, Gathering};
use super::member::{LabelConfig, Member};
use super::{POOL_DIRECTORY, Pool, Trouble};
use crate::block::Store;
use crate::checksum::Checker;
use crate::error::{Error, Result};
use crate::object::{Loss, Object};
use crate::objset::ObjectSet;
use crate::vdev::config::{VdevConfig, VdevKind};
use crate::vdev::{Missed, Vdevs};
use crate::zap::Zap;

/// Which pool, and which state of it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Name or guid; needed where the devices are of several pools.
    pub pool: Option<String>,
    /// The newest state that is not newer than this.
    pub txg: Option<u64>,
    /// The state of the checkpoint.
    pub checkpoint: bool,
}

/// Bytes of a configuration in the MOS that are looked at: far more than any has.
const MOST_CONFIG: u64 = 16 << 20;
/// Bytes of a mapping: of ten million pieces.
const MOST_MAPPING: u64 = 256 << 20;
/// Bytes of a dirty time log that are looked at: a few entries for each time that the device was away.
const MOST_LOG: u64 = 1 << 20;

impl Pool {
    /// Opens the pool on these devices.
    ///
    /// # Errors
    /// If there is no such pool, several, or none of its uberblocks leads to a readable MOS.
    pub fn open(gathering: Gathering, options: &Options) -> Result<Self> {
        let devices = choose(gathering, options.pool.as_deref())?;
        Opening::of(devices).open(options)
    }
}

/// The pool that is meant.
fn choose(gathering: Gathering, wanted: Option<&str>) -> Result<Devices> {
    let names = |pools: &[Devices]| {
        let names: Vec<String> = pools.iter().map(|pool| format!("{} ({})", pool.name, pool.guid)).collect();
        names.join(", ")
    };
    let mut pools = gathering.pools;
    let all = names(&pools);
    if let Some(wanted) = wanted {
        pools.retain(|pool| pool.name == wanted || pool.guid.to_string() == wanted);
    }
    match (pools.len(), wanted) {
        (1, _) => {}
        (0, Some(wanted)) if !all.is_empty() => {
            return Err(Error::missing_pool(format!("no pool '{wanted}': there are {all}")));
        }
        (0, _) => {
            let seen = gathering.strangers.len().saturating_add(gathering.nameless.len());
            let aux = gathering.auxiliary.len();
            let aux = if aux == 0 { String::new() } else { format!(", {aux} spare or cache devices") };
            return Err(Error::missing_pool(format!(
                "no pool found: {seen} devices without a readable label{aux}"
            )));
        }
        (_, _) => {
            let all = names(&pools);
            return Err(Error::missing_pool(format!(
                "several pools: {all}; say which one with --pool NAME or GUID"
            )));
        }
    }
    pools.pop().ok_or_else(|| Error::missing_pool("no pool found".into()))
}

/// A pool whose devices are known, but not yet its state.
struct Opening {
    guid: u64,
    name: String,
    members: Arc<Vec<Member>>,
    nameless: Arc<Vec<Member>>,
    /// All uberblocks, the newest first, each once.
    uberblocks: Vec<Uberblock>,
}

/// What an uberblock leads to.
struct Opened {
    store: Arc<Store>,
    mos: ObjectSet,
    config: VdevConfig,
    troubles: Vec<Trouble>,
    is_whole: bool,
}

impl Opening {
    fn of(devices: Devices) -> Self {
        let Devices { guid, name, members, nameless } = devices;
        let all = members.iter().chain(&nameless);
        let mut uberblocks: Vec<Uberblock> = all.flat_map(Member::uberblocks).copied().collect();
        uberblocks.sort_by_key(|uberblock| std::cmp::Reverse(age(uberblock)));
        uberblocks.dedup();
        Self { guid, name, members: Arc::new(members), nameless: Arc::new(nameless), uberblocks }
    }

    fn open(self, options: &Options) -> Result<Pool> {
        let name = &self.name;
        let newest = self.uberblocks.first().copied();
        let newest = newest.ok_or_else(|| Error::corrupt(format!("pool {name}: no uberblock is right")))?;
        let wanted = |uberblock: &&Uberblock| options.txg.is_none_or(|txg| uberblock.txg.0 <= txg);
        let (mut best, mut failures) = (None, Vec::new());
        let mut tried: Vec<Pointer> = Vec::new();
        for uberblock in self.uberblocks.iter().filter(wanted) {
            // heartbeats repeat the root of their uberblock
            if tried.contains(&uberblock.rootbp) {
                continue;
            }
            tried.push(uberblock.rootbp);
            match self.follow(uberblock, &newest) {
                Ok(opened) if opened.is_whole => {
                    best = Some((*uberblock, opened));
                    break;
                }
                Ok(opened) => {
                    failures.push(format!("txg {}: {}", uberblock.txg, list_of(&opened.troubles)));
                    best.get_or_insert((*uberblock, opened));
                }
                Err(error) => failures.push(format!("txg {}: {error}", uberblock.txg)),
            }
        }
        let Some((uberblock, mut opened)) = best else { return Err(self.nothing(options, failures)) };
        if let (Some(why), true) = (failures.first(), opened.is_whole) {
            let used = format!("the newest state cannot be read ({why}); this is txg {}", uberblock.txg);
            opened.troubles.insert(0, Trouble::Rewound(used));
        }
        let pool = self.finish(uberblock, newest, opened);
        if !options.checkpoint {
            return Ok(pool);
        }
        let name = pool.name.clone();
        pool.checkpoint()?.ok_or_else(|| Error::missing_pool(format!("pool {name} has no checkpoint")))
    }

    fn nothing(&self, options: &Options, failures: Vec<String>) -> Error {
        let name = &self.name;
        match (failures.into_iter().next(), options.txg, self.uberblocks.last()) {
            (Some(why), ..) => {
                Error::corrupt(format!("pool {name}: no uberblock leads to a readable pool; {why}"))
            }
            (None, Some(txg), Some(oldest)) => {
                let oldest = oldest.txg;
                Error::missing_pool(format!(
                    "pool {name}: no uberblock up to txg {txg}; the oldest is of txg {oldest}"
                ))
            }
            _ => Error::corrupt(format!("pool {name}: no uberblock is right")),
        }
    }

    /// Reads the MOS below an uberblock, and with it all that reading the rest takes.
    fn follow(&self, uberblock: &Uberblock, newest: &Uberblock) -> Result<Opened> {
        let members = &self.members;
        let mut inventory = Inventory::of(members, &self.nameless, newest.raidz_reflow_info);
        let of_labels = |txg| tops_of_labels(members, self.guid, txg);
        let latest = of_labels(newest.txg.0);
        let mut tops = of_labels(uberblock.txg.0);
        let mut troubles = Vec::new();
        keep_newest_geometry(&mut tops, &latest);
        let store = Arc::new(Store { vdevs: Vdevs::new(&tops, &inventory), ..Store::default() });
        let mos = ObjectSet::open(&store, 0, uberblock.rootbp)?;
        let directory = mos.object(POOL_DIRECTORY)?;
        let directory = Zap::of(&directory)?;
        let mut is_whole = true;
        let mut note = |what: &str, error: Error| {
            is_whole = false;
            troubles.push(Trouble::Unreadable(format!("{what}: {error}")));
        };
        let config = match config(&mos, &directory) {
            Ok(config) => {
                tops = tops_of_root(&config);
                keep_newest_geometry(&mut tops, &latest);
                config
            }
            Err(error) => {
                note("the configuration in the MOS cannot be read", error);
                let children = tops.values().cloned().collect();
                VdevConfig { kind: VdevKind::Root, guid: self.guid, children, ..VdevConfig::default() }
            }
        };
        if let Err(error) = root_dataset(&mos, &directory) {
            note("the datasets cannot be read", error);
        }
        let checker = || match salt(&directory) {
            Ok(salt) => Checker::new(salt),
            Err(_) => Checker::default(),
        };
        let has_large_gang_headers = is_active(&mos, &directory, "com.klarasystems:dynamic_gang_header");
        let rebuild = |inventory: &Inventory| {
            let vdevs = Vdevs::new(&tops, inventory);
            let store = Store { vdevs, checker: checker(), has_large_gang_headers, ..Store::default() };
            Arc::new(store)
        };
        let mut store = rebuild(&inventory);
        loop {
            let mos = ObjectSet::open(&store, 0, uberblock.rootbp)?;
            if !read_mappings(&mos, &config, &mut inventory) {
                break;
            }
            store = rebuild(&inventory);
        }
        let mos = ObjectSet::open(&store, 0, uberblock.rootbp)?;
        inventory.missed = missed(&mos, &config);
        let store = rebuild(&inventory);
        let mos = ObjectSet::open(&store, 0, uberblock.rootbp)?;
        troubles.extend(unknown_features(&mos).into_iter().map(Trouble::Feature));
        Ok(Opened { store, mos, config, troubles, is_whole })
    }

    fn finish(self, uberblock: Uberblock, newest: Uberblock, opened: Opened) -> Pool {
        let Opened { store, mos, config, mut troubles, .. } = opened;
        let leaves = store.vdevs.tops().flat_map(super::super::vdev::Top::leaves);
        let missing = leaves.filter(|leaf| leaf.device.is_none());
        troubles.extend(missing.map(|leaf| Trouble::DeviceMissing(leaf.name.to_string())));
        if config.guid_sum() != uberblock.guid_sum.0 {
            troubles.push(Trouble::GuidSum);
        }
        let Self { guid, name, members, nameless, .. } = self;
        let strays = nameless.iter().map(|member| Trouble::NoLabel(member.device.name().into()));
        troubles.extend(strays);
        Pool { guid, name, members, nameless, store, uberblock, newest, mos, config, troubles }
    }
}

impl Pool {
    /// The same pool as its checkpoint keeps it, if it has one.
    ///
    /// # Errors
    /// If the pool directory or the state that the checkpoint keeps cannot be read.
    pub fn checkpoint(&self) -> Result<Option<Self>> {
        let Some(uberblock) = self.checkpoint_uberblock()? else { return Ok(None) };
        let opening = Opening {
            guid: self.guid,
            name: self.name.clone(),
            members: self.members.clone(),
            nameless: self.nameless.clone(),
            uberblocks: Vec::new(),
        };
        let opened = opening.follow(&uberblock, &self.newest)?;
        Ok(Some(opening.finish(uberblock, self.newest, opened)))
    }

    /// The uberblock of the checkpoint, if there is one.
    ///
    /// # Errors
    /// If the pool directory cannot be read there.
    pub fn checkpoint_uberblock(&self) -> Result<Option<Uberblock>> {
        let directory = self.directory()?;
        let Some(words) = Zap::of(&directory)?.get(b"com.delphix:zpool_checkpoint")? else { return Ok(None) };
        // before OpenZFS 2.3 it had one word less
        let mut bytes = words.bytes;
        bytes.resize(UBERBLOCK_SIZE, 0);
        let (_, uberblock) = Uberblock::parse(Input::new(&bytes, Order::Big))
            .map_err(|error| Error::corrupt(format!("checkpoint: {error}")))?;
        Ok(Some(uberblock))
    }
}

/// Which of two uberblocks is the newer one.
fn age(uberblock: &Uberblock) -> (u64, u64, u16) {
    (uberblock.txg.0, uberblock.timestamp.0, uberblock.mmp_sequence())
}

fn list_of(troubles: &[Trouble]) -> String {
    troubles.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// The object that the pool directory has for `key`.
fn named(mos: &ObjectSet, directory: &Zap<'_>, key: &str) -> Result<Option<Object>> {
    match directory.number(key)? {
        Some(number) if number != 0 => Ok(Some(mos.object(number)?)),
        _ => Ok(None),
    }
}

fn needed(mos: &ObjectSet, directory: &Zap<'_>, key: &str) -> Result<Object> {
    named(mos, directory, key)?.ok_or_else(|| Error::corrupt(format!("the pool directory has no {key}")))
}

/// The vdevs as the MOS describes them.
fn config(mos: &ObjectSet, directory: &Zap<'_>) -> Result<VdevConfig> {
    let object = needed(mos, directory, "config")?;
    let (bytes, _) = object.content(MOST_CONFIG).whole()?;
    let (_, packed) = Packed::parse(Input::new(&bytes, Order::Big))
        .map_err(|e| Error::corrupt(format!("configuration: {e}")))?;
    let tree = LabelConfig::of(&packed.list).vdev_tree;
    tree.ok_or_else(|| Error::corrupt("the configuration has no vdev_tree"))
}

/// Datasets start here; without it there is little to see.
fn root_dataset(mos: &ObjectSet, directory: &Zap<'_>) -> Result<()> {
    needed(mos, directory, "root_dataset").map(drop)
}

fn salt(directory: &Zap<'_>) -> Result<Option<[u8; 32]>> {
    let salt = directory.get(b"org.illumos:checksum_salt")?;
    Ok(salt.and_then(|salt| salt.bytes.try_into().ok()))
}

/// Whether a feature has users.
pub(super) fn is_active(mos: &ObjectSet, directory: &Zap<'_>, feature: &str) -> bool {
    let count = |key| -> Result<u64> {
        let Some(object) = named(mos, directory, key)? else { return Ok(0) };
        Ok(Zap::of(&object)?.number(feature)?.unwrap_or_default())
    };
    ["features_for_read", "features_for_write"].into_iter().any(|key| count(key).is_ok_and(|count| count > 0))
}

/// Features in use that must be known to read the pool, and are not.
fn unknown_features(mos: &ObjectSet) -> Vec<String> {
    let find = || -> Result<Vec<String>> {
        let directory = mos.object(POOL_DIRECTORY)?;
        let Some(object) = named(mos, &Zap::of(&directory)?, "features_for_read")? else {
            return Ok(Vec::new());
        };
        let zap = Zap::of(&object)?;
        let used = zap.entries().flatten().filter(|entry| entry.value.first().is_some_and(|count| count > 0));
        Ok(used
            .filter(|entry| feature::find(entry.key.name().0).is_none())
            .map(|entry| entry.key.to_string())
            .collect())
    };
    // a list that cannot be read is reported by who reads it
    find().unwrap_or_default()
}

/// Reads mappings of removed vdevs that can be read by now: one may lie on a vdev that was removed later. True if there
/// was one.
fn read_mappings(mos: &ObjectSet, config: &VdevConfig, inventory: &mut Inventory) -> bool {
    let known = inventory.mappings.len();
    for vdev in config.children.iter().filter(|vdev| vdev.kind == VdevKind::Indirect) {
        if let (false, Some(object)) = (inventory.mappings.contains_key(&vdev.guid), vdev.indirect_object)
            && let Ok(mapping) = mapping(mos, object)
        {
            inventory.mappings.insert(vdev.guid, mapping);
        }
    }
    inventory.mappings.len() > known
}

fn mapping(mos: &ObjectSet, object: u64) -> Result<Vec<MappingEntry>> {
    let object = mos.object(object)?;
    let count = match object.dnode().map(|dnode| dnode.bonus) {
        Some(Bonus::Mapping(header)) => header.num_entries,
        _ => return Err(Error::corrupt("no mapping")),
    };
    let length = count.checked_mul(24).filter(|length| *length <= MOST_MAPPING);
    let length = length.ok_or_else(|| Error::unsupported(format!("a mapping of {count} pieces")))?;
    let (bytes, order) = object.content(length).whole()?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let (_, entries) = list(count, MappingEntry::parse)(Input::new(&bytes, order))
        .map_err(|error| Error::corrupt(format!("mapping: {error}")))?;
    Ok(entries)
}

/// The dirty time logs of all devices.
fn missed(mos: &ObjectSet, config: &VdevConfig) -> HashMap<u64, Missed> {
    let logs = config.all().filter_map(|vdev| Some((vdev.guid, vdev.dtl?)));
    let txgs = logs.filter_map(|(guid, object)| Some((guid, dirty_txgs(mos, object).ok()?)));
    txgs.map(|(guid, txgs)| (guid, Missed { txgs, ..Missed::default() })).collect()
}

/// What a space map over transaction groups adds up to.
fn dirty_txgs(mos: &ObjectSet, object: u64) -> Result<Vec<Range<u64>>, Loss> {
    let object = mos.object(object)?;
    let length = match object.dnode().map(|dnode| dnode.bonus) {
        Some(Bonus::SpaceMap(header)) => header.length.0,
        _ => 0,
    };
    let (bytes, order) = object.content(length.min(MOST_LOG)).whole()?;
    let mut dirty = BTreeMap::new();
    for segment in Entries::new(Input::new(&bytes, order)).segments().flatten() {
        let Some(txgs) = segment.units() else { continue };
        match segment.maptype {
            MapType::ALLOC => drop(dirty.insert(txgs.start, txgs.end)),
            _ => remove(&mut dirty, &txgs),
        }
    }
    Ok(dirty.into_iter().map(|(start, end)| start..end).collect())
}

/// Takes `txgs` out of ranges that do not overlap.
fn remove(ranges: &mut BTreeMap<u64, u64>, txgs: &Range<u64>) {
    while let Some((&start, &end)) =
        ranges.range(..txgs.end).next_back().filter(|(_, end)| **end > txgs.start)
    {
        ranges.remove(&start);
        if end > txgs.end {
            ranges.insert(txgs.end, end);
        }
        if start < txgs.start {
            ranges.insert(start, txgs.start);
        }
    }
}
