//! Reading a block of RAID-Z or dRAID: straight where all is well, and by all that parity allows where it is not.
//!
//! Handbook: `docs/format/20-vdevs-raidz.md`, 20.7.
//!
//! 1. The data columns; if all are there and the checksum is right, that is all that is read.
//! 2. What devices did not give is made from as much parity as that takes.
//! 3. Some device lies: which one is found by trying ([`search`]).
//! 4. Devices with more than one side, or with one that may be stale, may hold other bytes ([`sides`]).

mod scrub;
mod search;
mod sides;
mod stripes;
#[cfg(test)]
mod tests;

use super::layout::Layout;
use super::{Children, Fault, Judge, Proven};
pub(crate) use scrub::scrub;
use search::Budget;
use stripes::Stripes;

/// The bytes of a block, as `judge` accepts them: `size` of them, which is what `layout` was made for.
///
/// `faults` tells what was missing, unreadable or wrong on the way, whether there is a result or not.
pub(crate) fn read(
    layout: &Layout,
    children: &dyn Children,
    size: usize,
    judge: &Judge<'_>,
    faults: &mut Vec<Fault>,
) -> Option<Vec<u8>> {
    let known = faults.len();
    if size != layout.size() {
        return None;
    }
    let mut stripes = Stripes::new(layout, size);
    stripes.read_data(children, faults);
    if !stripes.is_complete() {
        stripes.read_parity_as_needed(children, faults);
    }
    if (stripes.is_complete() || stripes.make_lost()) && judge(&stripes.data) {
        return Some(stripes.data);
    }
    stripes.read_all_parity(children, faults);
    let is_found = search::search(&mut stripes, judge, &mut Budget::new())
        || sides::search(&mut stripes, children, judge, &mut Budget::new());
    is_found.then(|| {
        faults.truncate(known);
        scrub(layout, children, &stripes.data, Proven::Nothing, faults);
        stripes.data
    })
}
