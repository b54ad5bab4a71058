//! Intent logs: what was promised to applications, but is not in the tree yet.
//!
//! | part | file |
//! |---|---|
//! | the log of an object set, and whether it counts: [`IntentLog`] | here |
//! | block after block: [`LogBlock`], [`End`] | `chain.rs` |
//! | which records a replay would apply: [`Fate`] | `fate.rs` |
//!
//! A log is read as it stands on the devices: nothing is applied here. Without the key the records of encrypted datasets
//! are ciphertext, but for their heads. Handbook: `docs/format/13-space.md`, 13.8.
//!
//! ```
//! use zfsp::{dataset::Datasets, zil::IntentLog};
//! # use zfsp::{device, pool::{Gathering, Options, Pool}};
//! # let found = device::find(&["fixtures/unclean-zil".into()]);
//! # let pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
//!
//! let set = Datasets::of(&pool).find("lab/fs")?.objset(&pool)?;
//! let log = IntentLog::of(&pool, &set).expect("it was in use when the pool was copied");
//! let mut blocks = log.blocks();
//! let mut pending = 0;
//! for block in &mut blocks {
//!     pending += block.pending().count();
//! }
//! assert_eq!(pending, 37);
//! assert!(blocks.end().is_some_and(|end| end.loss().is_none())); // the next block was never written
//! # Ok::<(), zfsp::error::Error>(())
//! ```

mod chain;
mod fate;

use std::sync::Arc;

use zfsp_grammar::blkptr::Blkptr;
use zfsp_grammar::quantity::Txg;
use zfsp_grammar::zil::header::ZilHeader;

pub(crate) use chain::{Chain, Step};
pub use chain::{End, LogBlock, Sealing};
pub(crate) use fate::separate_block;
pub use fate::{Fate, Flaw};

use crate::block::Store;
use crate::objset::ObjectSet;
use crate::pool::Pool;
use crate::vdev::Extent;
use chain::leads_on;
use fate::Judge;

/// The intent log of a file system or volume.
#[derive(Clone, Debug)]
pub struct IntentLog {
    store: Arc<Store>,
    /// MOS object of the dataset.
    pub objset: u64,
    /// Where it starts, and how far it counts.
    pub header: ZilHeader,
    /// Whether it is to be replayed, seen from the uberblock of the pool.
    pub standing: Standing,
}

/// Whether a log is to be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The records of this txg and later ones are not in the tree.
    Pending(Txg),
    /// An import claimed it, and all its records are in the tree.
    Synced,
    /// The pool is seen at its checkpoint: the blocks of the log may have been used again since.
    Checkpointed,
}

impl IntentLog {
    /// The log of a dataset as it is now, not of a snapshot: what those say of a log is stale. `None` if it has none.
    #[must_use]
    pub fn of(pool: &Pool, set: &ObjectSet) -> Option<Self> {
        let header = set.zil_header;
        if header.log.is_hole() {
            return None;
        }
        let is_claimed = header.claim_txg.0 != 0;
        let standing = match header.first_txg(pool.uberblock.txg) {
            Some(_) if !is_claimed && pool.uberblock.checkpoint_txg.0 != 0 => Standing::Checkpointed,
            Some(first) => Standing::Pending(first),
            None => Standing::Synced,
        };
        Some(Self { store: set.meta_dnode.store().clone(), objset: set.id, header, standing })
    }

    /// Its blocks, each with its records, as long as one leads to the next.
    #[must_use]
    pub fn blocks(&self) -> Blocks<'_> {
        let last = if self.header.claim_txg.0 == 0 { self.last_record() } else { self.header.last_seq() };
        self.blocks_to(self.standing, last)
    }

    fn blocks_to(&self, standing: Standing, last: Option<u64>) -> Blocks<'_> {
        let judge = Judge::of(&self.header, standing, last, &self.store);
        Blocks { log: self, chain: Chain::of(self.objset, &self.header), judge, end: None }
    }

    /// The number of the last record of a log that nobody has claimed. An import will claim it up to there, though
    /// records before it may have higher numbers: volumes begin anew.
    fn last_record(&self) -> Option<u64> {
        // nothing is judged that way, and no data is read
        let blocks = self.blocks_to(Standing::Synced, None).take_while(|block| block.damage.is_none());
        blocks.filter_map(|block| block.records().last().map(|(record, _)| record.seq)).last()
    }

    /// A block whose proof fails, but which was written as this block of this chain: it leads to the next.
    fn unproven(&self, pointer: &Blkptr) -> Option<Vec<u8>> {
        let size = usize::try_from(pointer.prop.psize().bytes()).ok()?;
        pointer.copies().filter(|dva| !dva.is_gang()).find_map(|dva| {
            let extent = Extent { offset: dva.offset(), size, birth: pointer.written().0 };
            let judge = |bytes: &[u8]| leads_on(pointer, bytes);
            self.store.vdevs.read(dva.vdev(), &extent, &judge, &mut Vec::new())
        })
    }
}

/// The blocks of a log, one after the other. Only one is held.
#[derive(Debug)]
pub struct Blocks<'l> {
    log: &'l IntentLog,
    chain: Chain,
    judge: Judge<'l>,
    end: Option<End>,
}

impl Blocks<'_> {
    /// Where the chain ends, and why, once the last block was taken.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    fn advance(&mut self) -> Result<LogBlock, End> {
        let step = self.chain.step()?;
        let Step { pointer, .. } = step;
        let store = &self.log.store;
        let (mut bytes, faults, mut damage) = match store.stored_block(&pointer) {
            Ok(stored) => (stored.bytes, stored.faults, None),
            Err(lost) => match self.log.unproven(&pointer) {
                Some(bytes) => (bytes, Vec::new(), Some(lost)),
                None => return Err(step.unreadable(lost)),
            },
        };
        let sealing = match step.open(store, &mut bytes) {
            Ok(sealing) => sealing,
            Err(why) => {
                damage.get_or_insert(why.into());
                step.sealing()
            }
        };
        let parsed = self.chain.follow(&step, &bytes, sealing)?;
        let fates = self.judge.fates(&parsed, damage.is_some());
        let Step { seq, was_claimed, .. } = step;
        Ok(LogBlock { pointer, seq, sealing, was_claimed, faults, damage, fates, bytes })
    }
}

impl Iterator for Blocks<'_> {
    type Item = LogBlock;

    fn next(&mut self) -> Option<LogBlock> {
        if self.end.is_some() {
            return None;
        }
        self.advance().map_err(|end| self.end = Some(end)).ok()
    }
}
