//! Whether two states come from one history.
//!
//! Handbook: `docs/format/11-dsl.md`, 11.11.

use std::collections::HashSet;

use zfsp_grammar::bonus::Bonus;
use zfsp_grammar::dsl::dataset::DslDataset;

use super::State;
use crate::pool::Pool;

/// True if objects of the same number and generation are the same in both: states of one dataset, also in two txgs,
/// datasets with a snapshot in common, as clones have, and what was received from them. Both must be of one pool.
#[must_use]
pub fn are_related(a: State<'_>, b: State<'_>) -> bool {
    if a.pool.guid != b.pool.guid {
        return false;
    }
    if a.dataset.phys.dir_obj == b.dataset.phys.dir_obj {
        return true;
    }
    let known: HashSet<u64> = history(a).map(|state| state.guid.0).collect();
    history(b).any(|state| known.contains(&state.guid.0))
}

/// A state, and the snapshots before it, the newest first. The origin of all datasets, which was never written, is none.
fn history(state: State<'_>) -> impl Iterator<Item = DslDataset> {
    // damage may lead in circles
    let mut seen = HashSet::new();
    let older = move |newer: &DslDataset| {
        let number = newer.prev_snap_obj.0;
        (number != 0 && seen.insert(number)).then(|| dataset(state.pool, number)).flatten()
    };
    std::iter::successors(Some(state.dataset.phys), older)
}

fn dataset(pool: &Pool, number: u64) -> Option<DslDataset> {
    match pool.mos.object(number).ok()?.dnode()?.bonus {
        Bonus::DslDataset(phys) => Some(phys).filter(|phys| !phys.bp.is_hole()),
        _ => None,
    }
}
