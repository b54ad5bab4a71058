//! The sectors of a block as far as they could be read.

use std::collections::BTreeSet;
use std::ops::Range;

use super::super::galois::add;
use super::super::layout::{Cell, Layout, Places, RowSet, Run};
use super::super::parity::{Solver, make_parity};
use super::super::{Children, Fault};
use super::sides::fetch;
use crate::memory;

/// What was read of a block, and what of it was not to be had.
#[derive(Clone)]
pub(super) struct Stripes<'l> {
    /// The block.
    pub(super) data: Vec<u8>,
    pub(super) parts: Vec<Part<'l>>,
}

/// What was read of a row set, besides its data.
#[derive(Clone)]
pub(super) struct Part<'l> {
    pub(super) set: &'l RowSet,
    /// Parity columns; empty while not read.
    pub(super) parity: Vec<Vec<u8>>,
    /// Sectors that no device gave.
    pub(super) lost: BTreeSet<Cell>,
}

impl<'l> Stripes<'l> {
    pub(super) fn new(layout: &'l Layout, size: usize) -> Self {
        let part = |set| Part { set, parity: Vec::new(), lost: BTreeSet::new() };
        Self { data: memory::buffer(size), parts: layout.sets.iter().map(part).collect() }
    }

    /// Reads the data columns, and what lies among them.
    pub(super) fn read_data(&mut self, children: &dyn Children, faults: &mut Vec<Fault>) {
        let Self { data, parts } = self;
        for part in parts {
            let set = part.set;
            match set.places {
                Places::Columns(_) => {
                    for column in set.nparity..set.columns {
                        let range = set.column_bytes(column);
                        if let Some(bytes) = data.get_mut(range).filter(|bytes| !bytes.is_empty()) {
                            part.read_column(column, bytes, children, faults);
                        }
                    }
                }
                Places::Numbered(_) => {
                    part.make_room_for_parity();
                    for run in set.runs() {
                        let mut bytes = vec![0; run.cells.len().saturating_mul(set.sector)];
                        let gaps = fetch(&run, set.sector, children, &mut bytes, faults);
                        part.take(&run, &bytes, &gaps, data);
                    }
                }
            }
        }
    }

    /// Reads parity column by parity column, until there is enough to make what is lost.
    pub(super) fn read_parity_as_needed(&mut self, children: &dyn Children, faults: &mut Vec<Fault>) {
        for part in &mut self.parts {
            while part.parity.len() < part.set.nparity && !part.is_solvable() {
                part.read_parity(children, faults);
            }
        }
    }

    /// Reads the parity that is not read yet.
    pub(super) fn read_all_parity(&mut self, children: &dyn Children, faults: &mut Vec<Fault>) {
        for part in &mut self.parts {
            while part.parity.len() < part.set.nparity {
                part.read_parity(children, faults);
            }
        }
    }

    /// Whether all data was read.
    pub(super) fn is_complete(&self) -> bool {
        self.parts.iter().all(|part| part.lost.iter().all(|(_, column)| *column < part.set.nparity))
    }

    /// Makes the lost data from parity; false where there is too little of it.
    pub(super) fn make_lost(&mut self) -> bool {
        if !self.parts.iter().all(Part::is_solvable) {
            return false;
        }
        let Self { data, parts } = self;
        for part in parts {
            let rows: BTreeSet<usize> = part.lost.iter().map(|(row, _)| *row).collect();
            let mut solvers = Solvers::default();
            for row in rows {
                let solver = solvers.get(part.set, &part.lost_in(row));
                let syndromes: Vec<Vec<u8>> =
                    (0..part.parity.len()).map(|n| part.syndrome(n, row, data)).collect();
                let syndromes: Vec<&[u8]> = syndromes.iter().map(Vec::as_slice).collect();
                part.set.fix_row(row, solver, &syndromes, data);
            }
        }
        true
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        self.parity.drain(..).for_each(memory::recycle);
    }
}

impl Part<'_> {
    /// The columns of `row` that are lost: those that no device gave, and parity that was not read.
    pub(super) fn lost_in(&self, row: usize) -> Vec<usize> {
        let unread = self.parity.len()..self.set.nparity;
        let lost = self.lost.range((row, 0)..=(row, usize::MAX)).map(|(_, column)| *column);
        unread.chain(lost).collect()
    }

    /// By what parity column `n` and the data differ in `row`.
    pub(super) fn syndrome(&self, n: usize, row: usize, data: &[u8]) -> Vec<u8> {
        let parity = self.parity.get(n).and_then(|column| column.get(self.set.row_range(row)));
        let mut syndrome = vec![0; self.set.sector];
        make_parity(n, &mut syndrome, self.set.row_data(row, data));
        add(&mut syndrome, parity.unwrap_or_default());
        syndrome
    }

    fn is_solvable(&self) -> bool {
        let mut rows: Vec<usize> = self.lost.iter().map(|(row, _)| *row).collect();
        rows.dedup();
        rows.into_iter().all(|row| self.lost_in(row).len() <= self.set.nparity)
    }

    fn read_parity(&mut self, children: &dyn Children, faults: &mut Vec<Fault>) {
        let mut bytes = memory::zeros(self.set.rows.saturating_mul(self.set.sector));
        self.read_column(self.parity.len(), &mut bytes, children, faults);
        self.parity.push(bytes);
    }

    fn make_room_for_parity(&mut self) {
        let column = vec![0; self.set.rows.saturating_mul(self.set.sector)];
        self.parity = vec![column; self.set.nparity];
    }

    fn read_column(
        &mut self,
        column: usize,
        bytes: &mut [u8],
        children: &dyn Children,
        faults: &mut Vec<Fault>,
    ) {
        let run = Run { place: self.set.place((0, column)), cells: Vec::new() };
        let gaps = fetch(&run, self.set.sector, children, bytes, faults);
        let rows = gaps.iter().cloned().flatten();
        self.lost.extend(rows.map(|row| (row, column)));
    }

    /// Puts the bytes of a run where they belong; `gaps` are those of its sectors that are lost.
    pub(super) fn take(&mut self, run: &Run, bytes: &[u8], gaps: &[Range<usize>], data: &mut [u8]) {
        for (n, (cell, sector)) in run.cells.iter().zip(bytes.chunks(self.set.sector)).enumerate() {
            if self.set.is_padding(*cell) {
                continue;
            }
            if gaps.iter().any(|gap| gap.contains(&n)) {
                self.lost.insert(*cell);
            } else {
                self.lost.remove(cell);
                let into = self.set.cell_mut(*cell, data, &mut self.parity);
                into.iter_mut().zip(sector).for_each(|(into, from)| *into = *from);
            }
        }
    }

    /// What was read of `cell`: short where the rest is zeros.
    pub(super) fn cell<'c>(&'c self, cell: Cell, data: &'c [u8]) -> &'c [u8] {
        match self.parity.get(cell.1) {
            Some(column) => column.get(self.set.row_range(cell.0)),
            None => data.get(self.set.bytes(cell)),
        }
        .unwrap_or_default()
    }
}

impl RowSet {
    /// The data of a row, column by column.
    pub(super) fn row_data<'d>(&'d self, row: usize, data: &'d [u8]) -> impl Iterator<Item = &'d [u8]> {
        (self.nparity..self.columns)
            .map(move |column| data.get(self.bytes((row, column))).unwrap_or_default())
    }

    /// Where a row lies in a parity column.
    pub(super) fn row_range(&self, row: usize) -> Range<usize> {
        let start = row.saturating_mul(self.sector);
        start..start.saturating_add(self.sector)
    }

    /// Adds to the lost data of a row what it is wrong by, or takes it back.
    pub(super) fn fix_row(&self, row: usize, solver: &Solver, syndromes: &[&[u8]], data: &mut [u8]) {
        for column in solver.made() {
            if let Some(bytes) = data.get_mut(self.bytes((row, column))) {
                solver.fix(column, bytes, syndromes);
            }
        }
    }

    fn cell_mut<'c>(&self, cell: Cell, data: &'c mut [u8], parity: &'c mut [Vec<u8>]) -> &'c mut [u8] {
        match parity.get_mut(cell.1) {
            Some(column) => column.get_mut(self.row_range(cell.0)),
            None => data.get_mut(self.bytes(cell)),
        }
        .unwrap_or_default()
    }
}

/// Rows that lost the same columns have the same solver.
#[derive(Default)]
pub(super) struct Solvers {
    last: Option<Solver>,
}

impl Solvers {
    pub(super) fn get(&mut self, set: &RowSet, lost: &[usize]) -> &Solver {
        let last = self.last.take().filter(|solver| solver.lost() == lost);
        self.last.insert(last.unwrap_or_else(|| Solver::new(set.nparity, set.columns, lost)))
    }
}
