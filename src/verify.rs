//! Verification: every reachable block is read and checked; with its key, its MAC too.
//!
//! Handbook: `docs/format/24-reader-recipes.md`, 24.5.
//!
//! ```
//! use zfsp::verify::{Depth, Verification};
//! # use zfsp::{device, pool::{Gathering, Options, Pool}};
//! # let found = device::find(&["fixtures/simple".into()]);
//! # let pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
//!
//! let report = Verification::new(&pool, Depth::AllCopies, &|finding| eprintln!("{}", finding.at)).run();
//! assert_eq!((report.total.blocks, report.errors), (368, 0));
//! # Ok::<(), zfsp::error::Error>(())
//! ```

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use zfsp_grammar::blkptr::{Blkptr, Pointer};

use crate::block::{Block, Lost, Store, Stored, Why};
use crate::memory;
use crate::object::{Bookmark, Loss, ObjectAt};
use crate::per_thread::PerThread;
use crate::pool::Pool;
use crate::stats::{Count, Counters, Row};
use crate::vdev::{Fault, Top};
use crate::walk::{Seen, Visitor, Walk};

/// What is read of a block that has several copies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// As many as it takes to have it.
    #[default]
    OneCopy,
    /// All of them: every DVA, every side of mirrors, every column with its parity.
    AllCopies,
}

/// Something that is wrong with a block.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Which block.
    pub at: Bookmark,
    /// The pointer to it; `None` where it is the object that is damaged.
    pub pointer: Option<Pointer>,
    /// What happened to it.
    pub outcome: Outcome,
    /// What was tried, or is wrong.
    pub faults: Vec<Fault>,
    /// It belongs to the checkpoint only.
    pub is_of_checkpoint: bool,
}

/// How a block that has something wrong with it was had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// In spite of that.
    Repaired(Remedy),
    /// Not at all.
    Lost(Why),
}

/// What gave a block that has something wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The copy that is asked first: another one is damaged.
    NotNeeded,
    /// Another side of the mirror.
    OtherSide,
    /// Parity.
    Parity,
    /// Another of the pointer's copies, counted from 0.
    OtherCopy(usize),
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotNeeded => f.write_str("its first copy"),
            Self::OtherSide => f.write_str("another side of the mirror"),
            Self::Parity => f.write_str("parity"),
            Self::OtherCopy(n) => write!(f, "copy {n}"),
        }
    }
}

/// What verification came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Counts of what belongs to the state that was looked at.
    pub total: Count,
    /// The same by type and level.
    pub rows: Vec<Row>,
    /// Counts of what only the checkpoint still needs.
    pub checkpoint: Count,
    /// Blocks that are lost, and objects that are damaged.
    pub errors: u64,
    /// Blocks that were had in spite of a fault.
    pub repaired: u64,
    /// Bytes that were read and checked.
    pub checked: u64,
    /// Blocks whose MAC was checked as well.
    pub authenticated: u64,
    /// Blocks whose MAC was not checked: their key was not given.
    pub locked: u64,
    /// It was ended early: the counts are what was seen until then.
    pub is_interrupted: bool,
}

/// A verification that is under way.
pub struct Verification<'v> {
    pool: &'v Pool,
    depth: Depth,
    counters: Counters,
    checkpoint: Counters,
    is_checkpoint: AtomicBool,
    seen: Seen,
    shared: Seen,
    /// Feature `block_cloning` is in use.
    has_clones: bool,
    errors: AtomicU64,
    repaired: AtomicU64,
    authenticated: AtomicU64,
    locked: AtomicU64,
    checked: PerThread<AtomicU64>,
    found: &'v (dyn Fn(&Finding) + Sync),
    is_over: AtomicBool,
    memory: Budget,
}

impl<'v> Verification<'v> {
    /// Of this pool; `found` is told of everything that is wrong, from many threads.
    #[must_use]
    pub fn new(pool: &'v Pool, depth: Depth, found: &'v (dyn Fn(&Finding) + Sync)) -> Self {
        Self {
            pool,
            depth,
            counters: Counters::default(),
            checkpoint: Counters::default(),
            is_checkpoint: AtomicBool::new(false),
            seen: Seen::default(),
            shared: Seen::default(),
            has_clones: pool.uses_feature("com.fudosecurity:block_cloning"),
            errors: AtomicU64::new(0),
            repaired: AtomicU64::new(0),
            authenticated: AtomicU64::new(0),
            locked: AtomicU64::new(0),
            checked: PerThread::new(AtomicU64::default),
            found,
            is_over: AtomicBool::new(false),
            memory: Budget::default(),
        }
    }

    /// Reads and checks everything; returns when all is done, or after [`Verification::stop`].
    #[must_use]
    pub fn run(&self) -> Report {
        Walk::new(self.pool, &self.seen, self).run();
        // if it cannot be told whether there is a checkpoint, the walk has named the loss
        if let Ok(Some(uberblock)) = self.pool.checkpoint_uberblock() {
            self.is_checkpoint.store(true, Ordering::SeqCst);
            match self.pool.checkpoint() {
                // what both states have was seen, with all below
                Ok(checkpoint) => {
                    checkpoint.iter().for_each(|state| Walk::new(state, &self.seen, self).run())
                }
                Err(error) => {
                    let why = Why::Corrupt(format!("the checkpoint cannot be opened: {}", error.reason()));
                    let at = ObjectAt::default().block(-1, 0);
                    self.find(&at, Some(&uberblock.rootbp), Outcome::Lost(why), Vec::new());
                }
            }
        }
        self.report()
    }

    /// Ends it early; from any thread.
    pub fn stop(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// Allocated bytes that were dealt with so far.
    #[must_use]
    pub fn progress(&self) -> u64 {
        self.checked.all().map(|bytes| bytes.load(Ordering::Relaxed)).fold(0, u64::saturating_add)
    }

    /// Blocks that are lost, and objects that are damaged, as far as it has come.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// What it has come to so far.
    #[must_use]
    pub fn report(&self) -> Report {
        Report {
            total: self.counters.total(),
            rows: self.counters.rows(),
            checkpoint: self.checkpoint.total(),
            errors: self.errors(),
            repaired: self.repaired.load(Ordering::Relaxed),
            checked: self.progress(),
            authenticated: self.authenticated.load(Ordering::Relaxed),
            locked: self.locked.load(Ordering::Relaxed),
            is_interrupted: self.is_over.load(Ordering::SeqCst),
        }
    }

    fn counters(&self) -> &Counters {
        if self.is_checkpoint.load(Ordering::Relaxed) { &self.checkpoint } else { &self.counters }
    }

    fn find(&self, at: &Bookmark, pointer: Option<&Pointer>, outcome: Outcome, faults: Vec<Fault>) {
        let counter = match outcome {
            Outcome::Repaired(_) => &self.repaired,
            Outcome::Lost(_) => &self.errors,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        let is_of_checkpoint = self.is_checkpoint.load(Ordering::Relaxed);
        (self.found)(&Finding { at: *at, pointer: pointer.copied(), outcome, faults, is_of_checkpoint });
    }

    /// What gave the block.
    fn remedy(&self, store: &Store, pointer: &Pointer, stored: &Stored) -> Remedy {
        if stored.faults.is_empty() {
            return Remedy::NotNeeded;
        }
        if stored.copy != 0 {
            return Remedy::OtherCopy(stored.copy);
        }
        let first = pointer.stored().and_then(|b| b.dva.first().copied());
        let top = first.and_then(|dva| store.vdevs.top(dva.vdev()));
        if top.is_some_and(Top::is_striped) { Remedy::Parity } else { Remedy::OtherSide }
    }

    /// Reads a block as it is stored; what is lost is found.
    fn read(&self, store: &Store, at: &Bookmark, pointer: &Pointer) -> Option<Stored> {
        let _held = self.memory.take(pointer.psize());
        let asize: u64 = pointer.stored().iter().flat_map(Blkptr::copies).map(|dva| dva.asize()).sum();
        let read = store.stored(pointer);
        if let Some(checked) = self.checked.mine() {
            checked.fetch_add(asize, Ordering::Relaxed);
        }
        self.keep(at, pointer, read)
    }

    fn keep<T>(&self, at: &Bookmark, pointer: &Pointer, read: Result<T, Lost>) -> Option<T> {
        let find = |Lost { why, faults }| self.find(at, Some(pointer), Outcome::Lost(why), faults);
        read.map_err(find).ok()
    }

    /// Says what is wrong with a block that was had.
    fn tell(&self, store: &Store, at: &Bookmark, pointer: &Pointer, stored: Stored) {
        let remedy = self.remedy(store, pointer, &stored);
        let all = match (self.depth, pointer.stored()) {
            (Depth::AllCopies, Some(b)) => Some(store.faults(&b, &stored)),
            _ => None,
        };
        let Stored { bytes, faults, .. } = stored;
        memory::recycle(bytes);
        let faults = all.unwrap_or(faults);
        if !faults.is_empty() {
            self.find(at, Some(pointer), Outcome::Repaired(remedy), faults);
        }
    }

    fn count_mac(&self, store: &Store, pointer: &Pointer) {
        if pointer.is_under_mac() {
            // the MACs of pointers take no key
            let is_checked = store.key.is_some() || pointer.level() > 0;
            let counter = if is_checked { &self.authenticated } else { &self.locked };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The block of the bytes, if it is needed; it is authenticated in any case.
    fn open(
        &self,
        store: &Store,
        pointer: &Pointer,
        mut stored: Vec<u8>,
        is_needed: bool,
    ) -> Result<Option<Block>, Lost> {
        if is_needed {
            return store.unpack(pointer, stored).map(Some);
        }
        let opened = store.open(pointer, &mut stored);
        memory::recycle(stored);
        opened?;
        Ok(None)
    }
}

impl Visitor for Verification<'_> {
    fn block(&self, store: &Store, at: &Bookmark, pointer: &Pointer, is_needed: bool) -> Option<Block> {
        self.counters().add(pointer);
        // dedup and block cloning let many pointers share a block
        let may_be_shared = self.has_clones || pointer.stored().is_some_and(|b| b.prop.dedup());
        if !is_needed && may_be_shared && !self.shared.insert(store, pointer) {
            return None;
        }
        let mut stored = self.read(store, at, pointer)?;
        // other copies are held against the bytes as they are stored
        let kept = if self.depth == Depth::AllCopies { stored.bytes.clone() } else { Vec::new() };
        let bytes = std::mem::replace(&mut stored.bytes, kept);
        let block = match self.open(store, pointer, bytes, is_needed) {
            Err(lost) if pointer.is_under_mac() && lost.may_be_forged() => {
                stored = self.keep(at, pointer, store.authentic(pointer))?;
                let bytes = stored.bytes.clone();
                self.keep(at, pointer, self.open(store, pointer, bytes, is_needed))?
            }
            opened => self.keep(at, pointer, opened)?,
        };
        self.count_mac(store, pointer);
        self.tell(store, at, pointer, stored);
        block
    }

    fn log_block(
        &self,
        store: &Store,
        at: &Bookmark,
        pointer: &Blkptr,
        was_claimed: bool,
    ) -> Option<Vec<u8>> {
        let log = Pointer::Block(*pointer);
        self.counters().add(&log);
        if !was_claimed {
            return store.stored_block(pointer).ok().map(|stored| stored.bytes);
        }
        let stored = self.read(store, at, &log)?;
        let bytes = stored.bytes.clone();
        self.tell(store, at, &log, stored);
        Some(bytes)
    }

    fn freed(&self, pointer: &Pointer) {
        self.counters().add_freed(pointer);
    }

    fn loss(&self, loss: Loss) {
        self.find(&loss.at, None, Outcome::Lost(loss.lost.why), loss.lost.faults);
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

/// Bytes of large blocks that may be held at once: with what reconstruction needs beside them it stays below 512 MiB.
const MOST_HELD: usize = 64 << 20;

/// Bounds the memory of many threads: large blocks wait for each other.
#[derive(Debug, Default)]
struct Budget {
    held: Mutex<usize>,
    freed: Condvar,
}

impl Budget {
    fn take(&self, bytes: u64) -> Option<Held<'_>> {
        // what every thread may hold anyway
        let bytes = usize::try_from(bytes).ok().filter(|bytes| *bytes > memory::MOST_OWN)?;
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |held: &mut usize| *held != 0 && held.saturating_add(bytes) > MOST_HELD;
        let mut held = self.freed.wait_while(held, is_full).unwrap_or_else(PoisonError::into_inner);
        *held = held.saturating_add(bytes);
        Some(Held { budget: self, bytes })
    }
}

/// A part of the budget, given back at the end.
struct Held<'b> {
    budget: &'b Budget,
    bytes: usize,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut held = self.budget.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held = held.saturating_sub(self.bytes);
        self.budget.freed.notify_all();
    }
}
