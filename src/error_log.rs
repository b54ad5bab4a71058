//! Error logs: the blocks that the pool knows to be damaged.
//!
//! Old pools name blocks by the dataset in which the damage was met; with the feature `head_errlog` by the dataset
//! that has it now, and with the block's birth. Handbook: `docs/format/11-dsl.md`, 11.15.
//!
//! ```
//! use zfsp::error_log::{Log, entries};
//! # use zfsp::{device, pool::{Gathering, Options, Pool}};
//! # let found = device::find(&["fixtures/errlog".into()]);
//! # let pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
//!
//! let errors: Vec<_> = entries(&pool, Log::Last).into_iter().collect::<Result<_, _>>()?;
//! let [error] = errors.as_slice() else { panic!("one block was damaged") };
//! assert_eq!((error.at.at.object, error.at.level, error.at.blkid), (2, 0, 1));
//! # Ok::<(), zfsp::error::Error>(())
//! ```

use zfsp_grammar::dsl::error_log::{DamagedBlock, dataset, head_key, old_key};
use zfsp_grammar::quantity::{ObjectId, Txg};

use crate::block::Why;
use crate::error::Result;
use crate::object::{Bookmark, Loss, Object, ObjectAt};
use crate::pool::Pool;
use crate::zap::Zap;

/// One of the two logs of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// Errors since the last scrub that was finished, and those that it found.
    Last,
    /// Errors that the running scrub has found.
    Scrub,
}

impl Log {
    /// Its key in the pool directory.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Last => "errlog_last",
            Self::Scrub => "errlog_scrub",
        }
    }
}

/// A block that is known to be damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Which block: of a dataset, of a snapshot in pools without `head_errlog`, or of the MOS.
    pub at: Bookmark,
    /// Txg in which it was written, where that is told.
    pub birth: Option<Txg>,
}

/// Errors of a log that are read: a million is more than anyone looks at.
const MOST_ENTRIES: usize = 1 << 20;

/// What a log names, in the order of datasets and objects. What cannot be read is an error among them.
#[must_use]
pub fn entries(pool: &Pool, log: Log) -> Vec<Result<Entry>> {
    let mut found = Vec::new();
    match pool.directory_number(log.key()) {
        Ok(Some(number)) => read(pool, number, None, &mut found),
        Ok(None) => {}
        Err(error) => found.push(Err(error)),
    }
    // errors first
    found.sort_by_key(|entry| entry.as_ref().ok().copied());
    found
}

/// Reads a ZAP of the MOS, 0 being none; an inner one if its `head` is given.
fn read(pool: &Pool, number: u64, head: Option<ObjectId>, found: &mut Vec<Result<Entry>>) {
    if number == 0 {
        return;
    }
    if let Err(loss) = pool.mos.object(number).and_then(|object| read_zap(pool, &object, head, found)) {
        found.push(Err(loss.into()));
    }
}

fn read_zap(
    pool: &Pool,
    object: &Object,
    head: Option<ObjectId>,
    found: &mut Vec<Result<Entry>>,
) -> Result<(), Loss> {
    let wrong = |what: String| Loss::new(object.at.block(0, 0), Why::Corrupt(what));
    for attribute in Zap::of(object)?.entries() {
        if found.len() >= MOST_ENTRIES {
            return Err(wrong(format!("more than {MOST_ENTRIES} errors: the rest is not read")));
        }
        let attribute = match attribute {
            Ok(attribute) => attribute,
            Err(loss) => {
                found.push(Err(loss.into()));
                continue;
            }
        };
        let key = attribute.key.to_string();
        let block = match head {
            Some(head) => head_key(&key).map(|block| DamagedBlock { objset: Some(head), ..block }),
            None => old_key(&key),
        };
        match (block, dataset(&key).filter(|_| head.is_none()), attribute.value.first()) {
            (Some(block), ..) => found.push(Ok(Entry::of(block))),
            (None, Some(head), Some(inner)) => read(pool, inner, Some(head), found),
            (None, ..) => found.push(Err(wrong(format!("'{key}' names no block")).into())),
        }
    }
    Ok(())
}

impl Entry {
    fn of(block: DamagedBlock) -> Self {
        let number = |ObjectId(number)| number;
        let object = number(block.object).cast_signed();
        let at = ObjectAt { objset: block.objset.map(number).unwrap_or_default(), object };
        Self { at: at.block(block.level, block.blkid), birth: block.birth.filter(|birth| birth.0 != 0) }
    }
}
