//! How much was written since a snapshot, from the deadlists.
//!
//! Handbook: `docs/format/11-dsl.md`, 11.3 and 11.8.

use zfsp_grammar::bonus::Bonus;

use super::{Answer, Source, Value};
use crate::block::Why;
use crate::dataset::{Dataset, Dsl, dir};
use crate::object::{DNODE, Loss};

/// `written`: since the previous snapshot. The oldest state before pool version 11 follows none.
pub(super) fn since_previous(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    let previous = set.phys.prev_snap_obj.0;
    if previous == 0 {
        return Ok(None);
    }
    let previous = dir::dataset(&dsl.pool.mos.object(previous)?)?;
    let dead = dead(dsl, set.phys.deadlist_obj.0)?;
    // what is new is what is there, without what is left of the previous one; counters of damaged pools may wrap
    let left = previous.referenced_bytes.0.wrapping_sub(dead);
    Ok(Some((Value::Bytes(set.phys.referenced_bytes.0.wrapping_sub(left)), Source::None)))
}

/// The space of the blocks that the previous snapshot has, and this state no longer.
fn dead(dsl: &Dsl<'_>, deadlist: u64) -> Result<u64, Loss> {
    let object = dsl.pool.mos.object(deadlist)?;
    match object.dnode().map(|dnode| dnode.bonus) {
        Some(Bonus::Deadlist(header)) => Ok(header.used.0),
        // before pool version 26
        Some(Bonus::Bpobj(header)) => Ok(header.bytes.0),
        _ => Err(Loss::new(object.at.block(0, DNODE), Why::Corrupt("no deadlist".into()))),
    }
}
