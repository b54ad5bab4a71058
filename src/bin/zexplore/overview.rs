//! What a pool holds, in a few numbers.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use zfsp::dataset::{Dataset, Dsl};
use zfsp::error::KeyState;
use zfsp::objset::ObjectSet;
use zfsp::pool::Pool;
use zfsp::zap::Zap;
use zfsp_grammar::bonus::Bonus;
use zfsp_grammar::dsl::dir::DslDir;
use zfsp_grammar::input::{Input, Parse};
use zfsp_grammar::objset::ObjsetType;
use zfsp_grammar::quantity::{Txg, utc};
use zfsp_grammar::uberblock::Uberblock;
use zfsp_grammar::zil::chain::ZilBlock;

use crate::vdevs::VdevFacts;

/// What the pool holds.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Overview {
    /// When the pool was made.
    pub(crate) created: Option<String>,
    pub(crate) space: Option<Space>,
    pub(crate) filesystems: usize,
    pub(crate) volumes: usize,
    pub(crate) snapshots: usize,
    /// Object sets of another kind, or of none that can be read.
    pub(crate) others: usize,
    /// Live datasets that are encrypted.
    pub(crate) encrypted: Vec<String>,
    /// Those of them whose key was not given.
    pub(crate) locked: Vec<String>,
    /// Datasets whose keys open all that are encrypted.
    pub(crate) encryption_roots: usize,
    /// Live datasets with writes that are only in their intent log.
    pub(crate) unreplayed: Vec<String>,
    /// The live datasets, those that take most space first.
    pub(crate) datasets: Vec<Sizes>,
    pub(crate) checkpoint: Option<Checkpoint>,
    /// What could not be read.
    pub(crate) losses: Vec<String>,
}

/// Space of the pool, as far as datasets charge it.
#[derive(Debug, Serialize)]
pub(crate) struct Space {
    pub(crate) used: u64,
    /// Of all vdevs but logs; of striped ones without parity, about.
    pub(crate) capacity: u64,
    pub(crate) is_estimate: bool,
}

/// What a dataset takes.
#[derive(Debug, Serialize)]
pub(crate) struct Sizes {
    pub(crate) name: String,
    /// With snapshots and all below.
    pub(crate) used: u64,
    pub(crate) referenced: u64,
    /// In hundredths.
    pub(crate) compressratio: u64,
}

/// The state that `zpool checkpoint` keeps.
#[derive(Debug, Serialize)]
pub(crate) struct Checkpoint {
    pub(crate) txg: u64,
    pub(crate) time: String,
}

impl Overview {
    /// Of this pool on these vdevs.
    pub(crate) fn of(pool: &Pool, vdevs: &VdevFacts) -> Self {
        let dsl = Dsl::of(pool);
        let datasets = &dsl.datasets;
        let mut all =
            Self { losses: datasets.losses.iter().map(ToString::to_string).collect(), ..Self::default() };
        match pool.checkpoint_uberblock() {
            Ok(kept) => all.checkpoint = kept.as_ref().map(Checkpoint::of),
            Err(error) => all.losses.push(format!("checkpoint: {error}")),
        }
        let visible = || datasets.all.iter().filter(|set| !set.is_hidden);
        all.snapshots = visible().filter(|set| set.is_snapshot()).count();
        let roots: BTreeSet<u64> =
            visible().filter_map(|set| Some(dsl.encryption(&set.dir).ok()??.root)).collect();
        all.encryption_roots = roots.len();
        let live = visible().filter(|set| !set.is_snapshot());
        let damaged = live.filter_map(|set| match dsl.needed_key(set).state {
            KeyState::Damaged(what) => Some(format!("{}: {what}", set.name)),
            _ => None,
        });
        all.losses.extend(damaged);
        let mut dirs: BTreeMap<u64, DslDir> = BTreeMap::new();
        for set in visible().filter(|set| !set.is_snapshot()) {
            all.live(pool, set);
            match dir(pool, set) {
                Some((dir, is_encrypted)) => {
                    if is_encrypted {
                        all.encrypted.push(set.name.clone());
                    }
                    if dir.parent_obj.0 == 0 {
                        all.space = Some(Space { used: dir.used_bytes.0, ..capacity(vdevs) });
                        all.created = Some(utc(dir.creation_time.0.cast_signed()));
                    }
                    dirs.insert(set.object, dir);
                }
                None => all.losses.push(format!("{}: its directory cannot be read", set.name)),
            }
        }
        all.datasets = visible()
            .filter_map(|set| {
                let dir = dirs.get(&set.object)?;
                Some(Sizes {
                    name: set.name.clone(),
                    used: dir.used_bytes.0,
                    referenced: set.phys.referenced_bytes.0,
                    compressratio: dir.compressratio(),
                })
            })
            .collect();
        all.datasets.sort_by(|a, b| (b.used, &a.name).cmp(&(a.used, &b.name)));
        all
    }

    fn live(&mut self, pool: &Pool, set: &Dataset) {
        match set.objset(pool) {
            Ok(objset) => {
                if objset.is_locked() {
                    self.locked.push(set.name.clone());
                }
                match objset.r#type {
                    ObjsetType::ZFS => self.filesystems = self.filesystems.saturating_add(1),
                    ObjsetType::ZVOL => self.volumes = self.volumes.saturating_add(1),
                    _ => self.others = self.others.saturating_add(1),
                }
                if is_unreplayed(pool, &objset) {
                    self.unreplayed.push(set.name.clone());
                }
            }
            Err(loss) => {
                self.others = self.others.saturating_add(1);
                self.losses.push(format!("{}: {loss}", set.name));
            }
        }
    }
}

/// The directory of a live dataset, and whether it has a key.
fn dir(pool: &Pool, set: &Dataset) -> Option<(DslDir, bool)> {
    let object = pool.mos.object(set.phys.dir_obj.0).ok()?;
    let Bonus::DslDir(dir) = object.dnode()?.bonus else { return None };
    // a directory that is no ZAP has no key
    let key = Zap::of(&object).ok().and_then(|zap| zap.number("com.datto:crypto_key_obj").ok()?);
    Some((dir, key.is_some()))
}

/// What datasets could fill.
fn capacity(vdevs: &VdevFacts) -> Space {
    let mut space = Space { used: 0, capacity: 0, is_estimate: false };
    for top in vdevs.children.iter().filter(|top| top.class.as_deref().is_some_and(|class| class != "log")) {
        let asize = top.asize.unwrap_or_default();
        let part = match (top.ndata, top.nparity) {
            (Some(data), Some(parity)) => {
                space.is_estimate = true;
                let columns = data.saturating_add(parity);
                asize.checked_div(columns).unwrap_or_default().saturating_mul(data)
            }
            _ => asize,
        };
        space.capacity = space.capacity.saturating_add(part);
    }
    space
}

impl Checkpoint {
    /// The copy of the uberblock in the MOS is that of the state itself.
    fn of(uberblock: &Uberblock) -> Self {
        Self { txg: uberblock.txg.0, time: utc(uberblock.timestamp.0.cast_signed()) }
    }
}

/// Blocks of a log that are searched for records that count.
const MOST_BLOCKS: usize = 1024;

/// Whether the intent log holds what an import would replay.
pub(crate) fn is_unreplayed(pool: &Pool, set: &ObjectSet) -> bool {
    let Some(first) = set.zil_header.first_txg(Txg(pool.uberblock.txg.0)) else { return false };
    let mut next = set.zil_header.log;
    for _ in 0..MOST_BLOCKS {
        let Some(pointer) = next.stored() else { return false };
        // a log ends with a block that was never written
        let Ok(stored) = pool.store.stored_block(&pointer) else { return false };
        let Ok((_, block)) = ZilBlock::parse(Input::new(&stored.bytes, next.order())) else { return false };
        if block.records().iter().any(|record| record.txg >= first) {
            return true;
        }
        next = block.chain().next_blk;
    }
    false
}
