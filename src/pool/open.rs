//! Opening: the uberblock to go by, and what it takes to read below it.

use std::sync::Arc;

use zfsp_grammar::blkptr::Pointer;
use zfsp_grammar::dsl::feature;
use zfsp_grammar::input::{Input, Order, Parse, fault};
use zfsp_grammar::uberblock::{UBERBLOCK_SIZE, Uberblock};

use super::assembly::{Inventory, keep_newest_geometry, tops_of_labels, tops_of_root};
use super::directory::{POOL_DIRECTORY, config, is_active, root_dataset, salt, unknown_features};
use super::gather::{Devices, Gathering};
use super::member::Member;
use super::tables::{missed, read_mappings};
use super::{Pool, Trouble};
use crate::block::Store;
use crate::checksum::Checker;
use crate::error::{Error, Result};
use crate::keyring::Keyring;
use crate::objset::ObjectSet;
use crate::vdev::config::{VdevConfig, VdevKind};
use crate::vdev::{Top, Vdevs};
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

impl Pool {
    /// Opens the pool on these devices.
    ///
    /// # Errors
    /// If there is no such pool, several, or none of its uberblocks leads to a readable MOS.
    pub fn open(gathering: Gathering, options: &Options) -> Result<Self> {
        let devices = gathering.choose(options.pool.as_deref())?;
        Opening::of(devices).open(options)
    }
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
        uberblocks.sort_by_key(|uberblock| std::cmp::Reverse(uberblock.age()));
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
        let first = self.uberblocks.iter().find(wanted).map(|first| first.rootbp);
        if let (Some(why), true) = (failures.first(), first != Some(uberblock.rootbp)) {
            let used = format!("the newest state cannot be read ({why}); this is txg {}", uberblock.txg);
            opened.troubles.insert(0, Trouble::Rewound(used));
        }
        let pool = self.finish(uberblock, newest, opened);
        if !options.checkpoint {
            return Ok(pool);
        }
        let name = pool.name.clone();
        pool.checkpoint()?.ok_or_else(|| Error::not_found(format!("pool {name} has no checkpoint")))
    }

    fn nothing(&self, options: &Options, failures: Vec<String>) -> Error {
        let name = &self.name;
        match (failures.into_iter().next(), options.txg, self.uberblocks.last()) {
            (Some(why), ..) => {
                let mut why = format!("pool {name}: no uberblock leads to a readable pool; {why}");
                if let Some(feature) = self.unknown_label_features().first() {
                    why.push_str(&format!("; unknown feature {feature} may be the reason"));
                }
                Error::corrupt(why)
            }
            (None, Some(txg), Some(oldest)) => {
                let oldest = oldest.txg;
                Error::not_found(format!(
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
        let store = Arc::new(Store { vdevs: Arc::new(Vdevs::new(&tops, &inventory)), ..Store::default() });
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
        let salt = salt(&directory).unwrap_or_else(|error| {
            note("the salt of checksums cannot be read", error);
            None
        });
        let has_large_gang_headers = is_active(&mos, &directory, "com.klarasystems:dynamic_gang_header");
        let rebuild = |inventory: &Inventory| {
            let vdevs = Arc::new(Vdevs::new(&tops, inventory));
            let checker = Checker::new(salt);
            let store = Store { vdevs, checker, has_large_gang_headers, ..Store::default() };
            Arc::new(store)
        };
        let mut store = rebuild(&inventory);
        loop {
            let mos = ObjectSet::open(&store, 0, uberblock.rootbp)?;
            let (found, unread) = read_mappings(&mos, &config, &mut inventory);
            if found == 0 {
                troubles.extend(unread);
                break;
            }
            store = rebuild(&inventory);
        }
        let mos = ObjectSet::open(&store, 0, uberblock.rootbp)?;
        let (txgs, unread) = missed(&mos, &config);
        inventory.missed = txgs;
        troubles.extend(unread);
        let store = rebuild(&inventory);
        let mos = ObjectSet::open(&store, 0, uberblock.rootbp)?;
        let mut features = unknown_features(&mos);
        features.extend(self.unknown_label_features());
        features.sort();
        features.dedup();
        troubles.extend(features.into_iter().map(Trouble::Feature));
        Ok(Opened { store, mos, config, troubles, is_whole })
    }

    /// Features that reading the MOS takes, by the labels, and that are not known.
    fn unknown_label_features(&self) -> Vec<String> {
        let configs = self.members.iter().filter_map(Member::config);
        let needed = configs.flat_map(|config| &config.features_for_read);
        needed.filter(|guid| feature::find(guid.as_bytes()).is_none()).cloned().collect()
    }

    fn finish(self, uberblock: Uberblock, newest: Uberblock, opened: Opened) -> Pool {
        let Opened { store, mos, config, mut troubles, .. } = opened;
        let leaves = store.vdevs.tops().flat_map(Top::leaves);
        let missing = leaves.filter(|leaf| leaf.device.is_none());
        troubles.extend(missing.map(|leaf| Trouble::DeviceMissing(leaf.name.to_string())));
        for top in store.vdevs.tops() {
            let is_short = |len: u64| top.config.leaf_size().is_some_and(|size| len < size);
            let devices = top.leaves().into_iter().filter_map(|leaf| leaf.device.as_ref());
            let short = devices.filter(|device| is_short(device.len()));
            troubles.extend(short.map(|device| Trouble::CutShort(device.name().into())));
        }
        if config.guid_sum() != uberblock.guid_sum.0 {
            troubles.push(Trouble::GuidSum);
        }
        let Self { guid, name, members, nameless, .. } = self;
        let configs =
            members.iter().filter_map(Member::config).filter(|config| config.pool_guid == Some(guid));
        if let Some(label) = configs.map(|config| config.txg).max().filter(|txg| *txg > newest.txg.0) {
            troubles.push(Trouble::UberblockLost { label, newest: newest.txg.0 });
        }
        let is_taken = store.vdevs.tops().flat_map(Top::leaves).any(|leaf| leaf.guid == 0);
        let strays =
            nameless.iter().filter(|_| is_taken).map(|member| Trouble::NoLabel(member.device.name().into()));
        troubles.extend(strays);
        let keyring = Keyring::default();
        Pool { guid, name, members, nameless, store, keyring, uberblock, newest, mos, config, troubles }
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
        let mut pool = opening.finish(uberblock, self.newest, opened);
        pool.keyring = self.keyring.over(&pool);
        Ok(Some(pool))
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
            .map_err(|error| Error::corrupt(format!("checkpoint: {}", fault(error))))?;
        Ok(Some(uberblock))
    }
}

fn list_of(troubles: &[Trouble]) -> String {
    troubles.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
