//! What changed between two states of a dataset: files added, removed, renamed and changed, stretches of volumes.
//!
//! Two states that share history share blocks: whatever one pointer leads to on both sides is equal, with all below,
//! and is not read. So the cost is that of what changed. From the top down: blocks of dnodes that differ
//! (`objects`), attributes and content of objects that differ (`aspects`, `content`), leaves of directories that
//! differ (`entries`), and at last the names of what was found (`names`).
//!
//! States are told apart by object numbers, which mean the same file only where both states come from one history:
//! datasets that share none are refused. A number that was given away again has another generation: such a file was
//! removed, and another one added. Handbook: `docs/format/12-zpl.md`, 12.9 and 12.12, and
//! `docs/format/24-reader-recipes.md`, 24.7.
//!
//! ```
//! # use zfsp::{dataset::Datasets, device, diff::{self, Options, State}, pool::{self, Gathering, Pool}};
//! # let found = device::find(&["fixtures/simple".into()]);
//! # let pool = Pool::open(Gathering::of(found.devices), &pool::Options::default())?;
//! let datasets = Datasets::of(&pool);
//! let [a, b] = ["lab@s2", "lab"].map(|name| datasets.find(name));
//! let found = diff::compare(State { pool: &pool, dataset: a? }, State { pool: &pool, dataset: b? }, Options::default())?;
//! for change in &found.changes {
//!     println!("{:?} {}", change.state, String::from_utf8_lossy(&change.path));
//! }
//! assert!(found.losses.is_empty() && !found.changes.is_empty());
//! # Ok::<(), zfsp::error::Error>(())
//! ```

mod aspects;
mod change;
mod content;
mod entries;
mod lineage;
mod names;
mod objects;
mod pairs;
mod same;
mod touched;
mod volume;

use zfsp_grammar::objset::ObjsetType;

use crate::dataset::{Dataset, Dsl};
use crate::error::{Error, Result};
use crate::fs::FileSystem;
use crate::objset::ObjectSet;
use crate::pool::Pool;
use crate::volume::Volume;

pub use change::{Aspect, Change, Lost, Side, State as ChangeState};
pub use lineage::are_related;

/// A dataset as a pool has it. Two pools may be the same one in two txgs.
#[derive(Clone, Copy, Debug)]
pub struct State<'p> {
    /// In the state that is meant.
    pub pool: &'p Pool,
    /// Head or snapshot.
    pub dataset: &'p Dataset,
}

/// How closely is looked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Finds every stretch of a file that changed: reads all blocks that differ, not only up to the first.
    pub ranges: bool,
}

/// What changed from one state to the other.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// In the order of paths. Of a volume: one block device without a path, if it changed.
    pub changes: Vec<Change>,
    /// What could not be read on either side: what is below may have changed, too.
    pub losses: Vec<Lost>,
}

/// What changed from `a` to `b`. What the intent log holds is not looked at.
///
/// Reads only what differs. Memory is bounded by the number of changes.
///
/// # Errors
/// If the two share no history, are not of one kind, are encrypted, or if one of them cannot be opened. What is lost
/// further down is in [`Difference::losses`].
pub fn compare(a: State<'_>, b: State<'_>, options: Options) -> Result<Difference> {
    let (name_a, name_b) = (&a.dataset.name, &b.dataset.name);
    let in_common = || format!("whether {name_a} and {name_b} have history in common cannot be told");
    if !are_related(a, b).map_err(|loss| Error::from(loss).within(&in_common()))? {
        let what =
            format!("{name_a} and {name_b} have no history in common: their objects cannot be compared");
        return Err(Error::not_found(what));
    }
    let [set_a, set_b] = [open(a)?, open(b)?];
    match (set_a.r#type, set_b.r#type) {
        (ObjsetType::ZVOL, ObjsetType::ZVOL) => {
            Ok(volume::compare(&Volume::open(set_a)?, &Volume::open(set_b)?))
        }
        (ObjsetType::ZFS, ObjsetType::ZFS) => {
            let [fs_a, fs_b] = [FileSystem::open(set_a)?, FileSystem::open(set_b)?];
            Ok(touched::compare(&fs_a, &fs_b, options))
        }
        (kind_a, kind_b) => {
            let what = format!("{name_a} and {name_b} cannot be compared: {kind_a} and {kind_b}");
            Err(Error::not_found(what))
        }
    }
}

fn open(state: State<'_>) -> Result<ObjectSet> {
    let set = state.dataset.objset(state.pool)?;
    if set.is_locked() {
        return Err(Error::needs_key(Dsl::of(state.pool).needed_key(state.dataset)));
    }
    Ok(set)
}
