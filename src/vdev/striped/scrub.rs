//! Comparing all that devices hold of a block with what they should hold.

use std::ops::Range;

use super::super::layout::{Cell, Layout, Places, RowSet, Run};
use super::super::parity::make_parity;
use super::super::{Children, Fault, FaultKind, Proven, Side};
use crate::memory;

/// Reads every side of every column of a block, parity and padding included, save what is proven, and adds to `faults`
/// what is not as `bytes`, the block, want it.
pub(crate) fn scrub(
    layout: &Layout,
    children: &dyn Children,
    bytes: &[u8],
    proven: Proven,
    faults: &mut Vec<Fault>,
) {
    for set in &layout.sets {
        let parity: Vec<Vec<u8>> = (0..set.nparity).map(|n| set.parity_of(n, bytes)).collect();
        let truth = Truth { set, data: bytes, parity };
        for run in set.runs() {
            let sides = children.sides(run.place.child, run.place.offset, run.place.area);
            let is_proven = proven == Proven::First && set.is_read_alone(&run);
            for (n, side) in sides.iter().enumerate() {
                if !(is_proven && n == 0 && side.is_current) {
                    truth.compare(&run, side, faults);
                }
            }
        }
        truth.parity.into_iter().for_each(memory::recycle);
    }
}

/// What the sectors of a row set should hold.
struct Truth<'t> {
    set: &'t RowSet,
    data: &'t [u8],
    parity: Vec<Vec<u8>>,
}

impl Truth<'_> {
    fn compare(&self, run: &Run, side: &Side, faults: &mut Vec<Fault>) {
        let sector = self.set.sector;
        let len = run.cells.len().saturating_mul(sector);
        if !side.is_present() {
            return report(faults, side, 0..len, &FaultKind::Missing);
        }
        let mut bytes = memory::buffer(len);
        let is_whole = side.read_into(&mut bytes).is_ok();
        for (n, (cell, found)) in run.cells.iter().zip(bytes.chunks_mut(sector)).enumerate() {
            let start = n.saturating_mul(sector);
            let range = start..start.saturating_add(sector);
            let kind = match if is_whole { Ok(()) } else { further(side, start).read_into(found) } {
                Err(error) => FaultKind::Unreadable(error.reason()),
                Ok(()) if self.is_right(*cell, found) => continue,
                Ok(()) if cell.1 < self.set.nparity => FaultKind::WrongParity,
                Ok(()) => FaultKind::Wrong,
            };
            report(faults, side, range, &kind);
        }
        memory::recycle(bytes);
    }

    fn is_right(&self, cell: Cell, found: &[u8]) -> bool {
        let wanted = match self.parity.get(cell.1) {
            Some(column) => column.get(self.set.row_range(cell.0)),
            None => self.data.get(self.set.bytes(cell)),
        };
        let wanted = wanted.unwrap_or_default();
        found.strip_prefix(wanted).is_some_and(|rest| rest.iter().all(|byte| *byte == 0))
    }
}

impl RowSet {
    /// Whether the sectors of `run` are data to their last byte, and were read without any others.
    fn is_read_alone(&self, run: &Run) -> bool {
        let Some((_, column)) = run.cells.first().copied() else { return false };
        matches!(self.places, Places::Columns(_))
            && column >= self.nparity
            && self.column_bytes(column).len() == run.cells.len().saturating_mul(self.sector)
    }
    /// Parity column `n` of these rows of `block`.
    fn parity_of(&self, n: usize, block: &[u8]) -> Vec<u8> {
        let mut column = memory::zeros(self.rows.saturating_mul(self.sector));
        for (row, sector) in column.chunks_mut(self.sector).enumerate() {
            make_parity(n, sector, self.row_data(row, block));
        }
        column
    }
}

/// `side`, `start` bytes further on.
pub(super) fn further(side: &Side, start: usize) -> Side {
    let at = side.at.saturating_add(u64::try_from(start).unwrap_or(u64::MAX));
    Side { at, ..side.clone() }
}

/// Adds a fault of the bytes `range` from `side` on, to the last one if it goes on.
pub(super) fn report(faults: &mut Vec<Fault>, side: &Side, range: Range<usize>, kind: &FaultKind) {
    let len = u64::try_from(range.len()).unwrap_or(u64::MAX);
    let fault = Fault::new(&further(side, range.start), len, kind.clone());
    match faults.last_mut() {
        Some(last)
            if last.leaf == fault.leaf
                && last.kind == fault.kind
                && last.at.checked_add(last.len) == Some(fault.at) =>
        {
            last.len = last.len.saturating_add(len);
        }
        _ => faults.push(fault),
    }
}
