//! Every reachable block once: the trees below an uberblock, intent logs, lists of what is being freed.
//!
//! Snapshots share blocks. Below a dataset only what was born after its previous snapshot is visited: the rest belongs
//! to that snapshot. Handbook: `docs/format/24-reader-recipes.md`, 24.5.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use zfsp_grammar::blkptr::{BLKPTR_SIZE, Blkptr, Pointer};
use zfsp_grammar::bonus::Bonus;
use zfsp_grammar::dsl::dataset::DslDataset;
use zfsp_grammar::input::{Input, Parse};
use zfsp_grammar::object_type::ObjectType;

use crate::block::{Block, Store, Why};
use crate::object::{Bookmark, DNODE, Loss, Object, ObjectAt, SPILL};
use crate::objset::ObjectSet;
use crate::pool::Pool;
use crate::zil::{Chain, End, Step, separate_block};

mod freed;

/// Who is told of every block.
pub trait Visitor: Sync {
    /// A block of a tree, to be read with that `store`, from many threads at once. If it is `needed` it is returned, so that the walk goes on below
    /// it; `None` if it is lost, and whoever visits has said so.
    fn block(&self, store: &Store, at: &Bookmark, pointer: &Pointer, is_needed: bool) -> Option<Block>;
    /// A block of an intent log as it is stored, if it could be had. Logs end with a block that was never written: only a block that
    /// `was_claimed` is missed.
    fn log_block(&self, store: &Store, at: &Bookmark, pointer: &Blkptr, was_claimed: bool)
    -> Option<Vec<u8>>;
    /// A block that is still allocated, but referenced by nothing: it is being freed.
    fn freed(&self, pointer: &Pointer);
    /// Something that is no block, or contradicts its place: nothing below is visited.
    fn loss(&self, loss: Loss);
    /// Whether to end early.
    fn is_over(&self) -> bool;
}

/// A walk through a pool.
pub struct Walk<'w> {
    pool: &'w Pool,
    visitor: &'w dyn Visitor,
    seen: &'w Seen,
    datasets: Mutex<Vec<(u64, DslDataset)>>,
}

impl<'w> Walk<'w> {
    /// Of this pool; what is in `seen` already is left out, with all below.
    #[must_use]
    pub fn new(pool: &'w Pool, seen: &'w Seen, visitor: &'w dyn Visitor) -> Self {
        Self { pool, visitor, seen, datasets: Mutex::default() }
    }

    /// Visits all that the uberblock leads to.
    pub fn run(self) {
        let store = &self.pool.store;
        self.object_set(&Root { store, objset: 0, pointer: self.pool.uberblock.rootbp, after: 0 });
        let mut datasets = std::mem::take(&mut *self.datasets.lock().unwrap_or_else(PoisonError::into_inner));
        datasets.sort_by_key(|(object, _)| *object);
        let known: HashSet<u64> = datasets.iter().map(|(object, _)| *object).collect();
        datasets.par_iter().for_each(|(object, dataset)| self.dataset(*object, dataset, &known));
        freed::visit(self.pool, self.visitor, &self);
    }

    fn dataset(&self, object: u64, dataset: &DslDataset, known: &HashSet<u64>) {
        if dataset.bp.is_hole() || self.visitor.is_over() {
            return;
        }
        // if the snapshot before it is lost, nobody else visits what both have
        let has_snapshot = known.contains(&dataset.prev_snap_obj.0);
        let after = if has_snapshot { dataset.prev_snap_txg.0 } else { 0 };
        let store = self.pool.store_of(dataset);
        self.object_set(&Root { store, objset: object, pointer: dataset.bp, after });
        // what a snapshot says of a log is stale
        if !dataset.is_snapshot()
            && let Ok(set) = ObjectSet::open(store, object, dataset.bp)
        {
            self.log(&set);
        }
    }

    /// The tree of an object set.
    fn object_set(&self, root: &Root<'_>) {
        if root.skips(&root.pointer) || self.visitor.is_over() {
            return;
        }
        let at = ObjectAt { objset: root.objset, object: 0 }.block(-1, 0);
        if !self.seen.insert(root.store, &root.pointer)
            || self.visitor.block(root.store, &at, &root.pointer, true).is_none()
        {
            return;
        }
        match ObjectSet::open(root.store, root.objset, root.pointer) {
            Ok(set) => {
                self.object(root, &set, &set.meta_dnode);
                set.accounting.iter().for_each(|object| self.object(root, &set, object));
                set.losses.into_iter().for_each(|loss| self.visitor.loss(loss));
            }
            Err(loss) => self.visitor.loss(loss),
        }
    }

    fn object(&self, root: &Root<'_>, set: &ObjectSet, object: &Object) {
        let top = object.levels.saturating_sub(1);
        let pointers = object.pointers.par_iter().enumerate();
        pointers.for_each(|(n, pointer)| self.below(root, set, object, pointer, top, index(n)));
        if let Some(spill) = object.spill.filter(|spill| !root.skips(spill))
            && !self.visitor.is_over()
        {
            self.visitor.block(root.store, &object.at.block(0, SPILL), &spill, false);
        }
        if root.objset == 0 && object.bonustype == ObjectType::DSL_DATASET {
            match object.dnode().map(|dnode| dnode.bonus) {
                Some(Bonus::DslDataset(dataset)) => {
                    let number = u64::try_from(object.at.object).unwrap_or_default();
                    self.datasets.lock().unwrap_or_else(PoisonError::into_inner).push((number, dataset));
                }
                _ => {
                    let why = Why::Corrupt("a dataset whose bonus cannot be read".into());
                    self.visitor.loss(Loss::new(object.at.block(0, DNODE), why));
                }
            }
        }
    }

    /// The block of a pointer, and all below.
    fn below(
        &self,
        root: &Root<'_>,
        set: &ObjectSet,
        object: &Object,
        pointer: &Pointer,
        level: u8,
        blkid: u64,
    ) {
        if root.skips(pointer) || self.visitor.is_over() {
            return;
        }
        if let Err(loss) = object.check(pointer, level, blkid) {
            return self.visitor.loss(loss);
        }
        let at = object.at.block(level.into(), blkid);
        let has_dnodes = level == 0 && object.r#type == ObjectType::DNODE;
        if level == 0 && !has_dnodes {
            self.visitor.block(root.store, &at, pointer, false);
            return;
        }
        // a second way to a block of pointers is damage, or leads nowhere new: without this, pointers that name each
        // other's blocks would be walked for ever
        if !self.seen.insert(root.store, pointer) {
            return;
        }
        let Some(block) = self.visitor.block(root.store, &at, pointer, true) else { return };
        match level.checked_sub(1) {
            Some(level) => {
                let first = blkid.saturating_mul(object.indirect_size() / POINTER);
                block.bytes.par_chunks_exact(BLKPTR_SIZE).enumerate().for_each(|(n, bytes)| {
                    if let Ok((_, pointer)) = Pointer::parse(Input::new(bytes, block.order)) {
                        self.below(root, set, object, &pointer, level, first.saturating_add(index(n)));
                    }
                });
            }
            None => {
                let objects: Vec<_> = set.objects_in(blkid, &block).collect();
                objects.into_par_iter().for_each(|object| match object {
                    Ok(object) => self.object(root, set, &object),
                    Err(loss) => self.visitor.loss(loss),
                });
            }
        }
    }

    /// The intent log of a live dataset.
    fn log(&self, set: &ObjectSet) {
        let (header, store) = (&set.zil_header, set.meta_dnode.store());
        if header.log.is_hole() {
            return;
        }
        // what is newer than the state that is looked at was never claimed, and may be gone
        let uberblock = &self.pool.uberblock;
        let limit = if uberblock.checkpoint_txg.0 != 0 { uberblock.checkpoint_txg } else { uberblock.txg };
        let mut chain = Chain::of(set.id, header);
        loop {
            let followed = chain.step().and_then(|step| {
                let Step { at, pointer, was_claimed, .. } = step;
                if self.visitor.is_over() || (!was_claimed && pointer.logical_birth > limit) {
                    return Ok(false);
                }
                let Some(mut bytes) = self.visitor.log_block(store, &at, &pointer, was_claimed) else {
                    return Ok(false);
                };
                // its proof holds, so this is no end: somebody else wrote it
                let sealing = step.open(store, &mut bytes).map_err(|why| End::Lost(Loss::new(at, why)))?;
                let block = chain.follow(&step, &bytes, sealing)?;
                for pointer in block.records().iter().filter_map(separate_block) {
                    if was_claimed && !pointer.is_hole() && pointer.logical_birth() >= header.claim_txg {
                        self.visitor.block(store, &at, pointer, false);
                    }
                }
                Ok(true)
            });
            match followed {
                Ok(true) => {}
                Err(End::Lost(loss)) => return self.visitor.loss(loss),
                Ok(false) | Err(End::NotWritten(_) | End::NotClaimed(_)) => return,
            }
        }
    }
}

/// Bytes of a pointer, to count offsets with.
const POINTER: u64 = 128;

fn index(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Where a tree starts, and what of it belongs to older snapshots.
struct Root<'r> {
    store: &'r Arc<Store>,
    /// MOS object of the dataset; 0: the MOS.
    objset: u64,
    pointer: Pointer,
    /// Only blocks that were born later are visited.
    after: u64,
}

impl Root<'_> {
    fn skips(&self, pointer: &Pointer) -> bool {
        pointer.is_hole() || pointer.allocation_birth().0 <= self.after
    }
}

/// Blocks that were visited: those that lead to others, and data that several pointers share.
#[derive(Debug)]
pub struct Seen {
    shards: Vec<Mutex<HashSet<[u64; 4]>>>,
    hasher: RandomState,
}

impl Default for Seen {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, hasher: RandomState::new() }
    }
}

/// So that threads seldom wait for each other.
const SHARDS: usize = 64;
/// Blocks that are remembered in a shard: 2 million in all, about 130 MiB.
const ROOM: usize = 1 << 15;

impl Seen {
    /// Remembers a block, and what it was read with: a way to it that asks for another key is another one. False if it was
    /// there already. Embedded blocks are always new.
    pub fn insert(&self, store: &Store, pointer: &Pointer) -> bool {
        let Some(b) = pointer.stored() else { return true };
        let [dva, ..] = b.dva;
        let opened_by = store.key.as_ref().map_or(0, |key| key.object);
        let key = [dva.extent.0, dva.place.0, b.written().0, opened_by];
        let hash = usize::try_from(self.hasher.hash_one(key) >> 32).unwrap_or_default();
        let Some(shard) = self.shards.get(hash % SHARDS) else { return true };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= ROOM { !shard.contains(&key) } else { shard.insert(key) }
    }
}
