//! Whether two states come from one history.
//!
//! Handbook: `docs/format/11-dsl.md`, 11.11.

use std::collections::HashSet;

use super::State;
use crate::dataset::dir;
use crate::object::Loss;

/// True if objects of the same number and generation are the same in both: states of one dataset, also in two txgs,
/// datasets with a snapshot in common, as clones have, and what was received from them. Both must be of one pool.
///
/// # Errors
/// [`Loss`], if what is left of their histories has nothing in common, but some of it is lost.
pub fn are_related(a: State<'_>, b: State<'_>) -> Result<bool, Loss> {
    if a.pool.guid != b.pool.guid {
        return Ok(false);
    }
    if a.dataset.phys.dir_obj == b.dataset.phys.dir_obj {
        return Ok(true);
    }
    let (history_a, lost_a) = history(a);
    let (history_b, lost_b) = history(b);
    match lost_a.or(lost_b) {
        _ if !history_a.is_disjoint(&history_b) => Ok(true),
        Some(loss) => Err(loss),
        None => Ok(false),
    }
}

/// The guids of a state and of the snapshots before it, and why there may be more of them. The origin of all datasets,
/// which was never written, is none.
fn history(state: State<'_>) -> (HashSet<u64>, Option<Loss>) {
    let (mut guids, mut seen) = (HashSet::from([state.dataset.phys.guid.0]), HashSet::new());
    let mut number = state.dataset.phys.prev_snap_obj.0;
    // damage may lead in circles
    while number != 0 && seen.insert(number) {
        match state.pool.mos.object(number).and_then(|object| dir::dataset(&object)) {
            Ok(phys) if phys.bp.is_hole() => break,
            Ok(phys) => {
                guids.insert(phys.guid.0);
                number = phys.prev_snap_obj.0;
            }
            Err(loss) => return (guids, Some(loss)),
        }
    }
    (guids, None)
}
