//! Which device lies? What parity agrees with and the checksum proves is the truth.
//!
//! Handbook: `docs/format/20-vdevs-raidz.md`, 20.7 and 20.9, "Finding silent damage".
//!
//! Sets of devices are taken for lost, smaller sets first. As long as fewer are taken than there is parity, the parity
//! left over tells at once whether the set can be it; only sets of full size need a checksum each. When no
//! set will do, each row may have lost its own columns.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::super::Judge;
use super::super::layout::{Places, RowSet};
use super::super::parity::{MAX_PARITY, Solver};
use super::stripes::Stripes;

/// How much work may go into one block.
pub(super) struct Budget {
    looks: usize,
    bytes: usize,
}

/// Times that a row is looked at, whether a set of devices or columns fits it: a second, or two where it is wide.
const MAX_LOOKS: usize = 1 << 20;

/// Bytes of blocks whose checksum is taken: a second or three, and some thousand trials for usual blocks.
const MAX_BYTES: usize = 1 << 29;

/// No block is so small that a trial costs less than this many bytes.
const TRIAL: usize = 4 << 10;

/// Ways to read a damaged row that are kept: all pairs of 20 columns.
const MAX_ROW_WAYS: usize = 256;

/// Damaged rows of which more than the likeliest way is kept.
const MAX_DOUBTFUL_ROWS: usize = 64;

/// Looks for the bytes that `judge` accepts, and leaves them in `stripes`: false if there are none to be found.
pub(super) fn search(stripes: &mut Stripes<'_>, judge: &Judge<'_>, budget: &mut Budget) -> bool {
    if !stripes.is_complete() && !stripes.make_lost() {
        return false;
    }
    let Stripes { data, parts } = stripes;
    let mut rows = Vec::new();
    for (number, part) in parts.iter().enumerate() {
        let syndromes = |row| (0..part.set.nparity).map(|n| part.syndrome(n, row, data)).collect();
        let all = (0..part.set.rows).map(|row| Row {
            set: part.set,
            part: number,
            row,
            lost: part.lost_in(row),
            syndromes: syndromes(row),
        });
        rows.extend(all.filter(Row::is_damaged));
    }
    let Some(first) = rows.first() else { return false };
    let is_in_one_part = rows.iter().all(|row| row.part == first.part);
    let nparity = first.set.nparity;
    // short rows keep more parity to tell
    rows.sort_by_key(|row| !row.is_short());
    let mut for_devices = budget.halve();
    let mut search = Search { rows, data, judge };
    let devices = search.suspects();
    let mut is_found = search.by_devices(&devices, nparity, &mut for_devices);
    if !is_found && !is_in_one_part {
        let apart = search.suspects_apart();
        is_found = search.by_devices(&apart, nparity.saturating_mul(parts.len()), &mut for_devices);
    }
    budget.give_back(&for_devices);
    is_found || search.by_rows(budget)
}

struct Search<'s> {
    /// Those where parity and data do not agree.
    rows: Vec<Row<'s>>,
    data: &'s mut [u8],
    judge: &'s Judge<'s>,
}

/// A row and all that is known of it.
struct Row<'s> {
    set: &'s RowSet,
    /// Number of the row set.
    part: usize,
    row: usize,
    /// Columns that no device gave.
    lost: Vec<usize>,
    syndromes: Vec<Vec<u8>>,
}

/// What is taken for lost.
#[derive(Clone, Copy, Debug)]
enum Suspect {
    Child(usize),
    /// What is on child `index` of row set `part`.
    ChildOf {
        index: usize,
        part: usize,
    },
    /// What was on child `index` when there were `width`, and was dealt out anew since.
    Former {
        index: usize,
        width: usize,
    },
}

impl Search<'_> {
    /// Takes sets of up to `most` suspects for lost.
    fn by_devices(&mut self, suspects: &[Suspect], most: usize, budget: &mut Budget) -> bool {
        for size in 1..=most.min(suspects.len()) {
            let mut chosen: Vec<usize> = (0..size).collect();
            loop {
                if budget.is_spent() {
                    return false;
                }
                let set: Vec<Suspect> = chosen.iter().filter_map(|n| suspects.get(*n)).copied().collect();
                if let Some(solvers) = self.solvers(&set, budget) {
                    if !budget.judge(self.data.len()) {
                        return false;
                    }
                    self.fix(&solvers);
                    if (self.judge)(self.data) {
                        return true;
                    }
                    self.fix(&solvers);
                }
                if !next_set(&mut chosen, suspects.len()) {
                    break;
                }
            }
        }
        false
    }

    /// The children of each part of a block by themselves.
    fn suspects_apart(&self) -> Vec<Suspect> {
        let places = self.rows.iter().flat_map(|row| {
            let column = |column| (row.part, row.set.place((row.row, column)).child);
            (0..row.set.columns).map(column)
        });
        let places: BTreeSet<(usize, usize)> = places.collect();
        places.into_iter().map(|(part, index)| Suspect::ChildOf { index, part }).collect()
    }

    /// The children, and former ones.
    fn suspects(&self) -> Vec<Suspect> {
        let cells = self.rows.iter().flat_map(|row| (0..row.set.columns).map(move |column| (row, column)));
        let children = cells.map(|(row, column)| row.set.place((row.row, column)).child);
        let children: BTreeSet<usize> = children.collect();
        let former = self.rows.first().map(|row| match &row.set.places {
            Places::Columns(_) => Vec::new(),
            Places::Numbered(numbering) => numbering.former_widths().collect(),
        });
        let former = former.into_iter().flatten();
        let former = former.flat_map(|width| (0..width).map(move |index| Suspect::Former { index, width }));
        let all = children.into_iter().map(Suspect::Child).chain(former);
        all.filter(|suspect| self.rows.iter().any(|row| row.column_of(*suspect).is_some())).collect()
    }

    /// For every row, how to make what the suspects hold of it: `None` if they cannot be those that lie, all of them
    /// and no others, or if that makes no difference.
    fn solvers(&self, suspects: &[Suspect], budget: &mut Budget) -> Option<Vec<Rc<Solver>>> {
        let mut solvers: Vec<Rc<Solver>> = Vec::new();
        let mut is_tried = false;
        for row in &self.rows {
            let mut lost = row.lost.clone();
            for suspect in suspects {
                let column = row.column_of(*suspect).filter(|column| !lost.contains(column));
                lost.extend(column);
            }
            if !budget.look() || lost.len() > row.set.nparity {
                return None;
            }
            let solver = match solvers.last() {
                Some(last) if last.lost() == lost => last.clone(),
                _ => Rc::new(Solver::new(row.set.nparity, row.set.columns, &lost)),
            };
            if !solver.agrees(&row.syndromes()) {
                return None;
            }
            is_tried |= solver.made().next().is_some();
            solvers.push(solver);
        }
        is_tried.then_some(solvers)
    }

    fn fix(&mut self, solvers: &[Rc<Solver>]) {
        for (row, solver) in self.rows.iter().zip(solvers) {
            row.set.fix_row(row.row, solver, &row.syndromes(), self.data);
        }
    }

    /// Takes other columns for lost in every row.
    fn by_rows(&mut self, budget: &mut Budget) -> bool {
        let mut doubtful: Vec<(usize, Vec<Rc<Solver>>)> = Vec::new();
        for (n, row) in self.rows.iter().enumerate() {
            let most = if doubtful.len() < MAX_DOUBTFUL_ROWS { MAX_ROW_WAYS } else { 1 };
            match row.ways(most, budget) {
                ways if ways.is_empty() => return false,
                ways => doubtful.push((n, ways)),
            }
        }
        let mut digits = vec![0; doubtful.len()];
        (0..doubtful.len()).for_each(|digit| self.toggle(&doubtful, digit, 0));
        while budget.judge(self.data.len()) {
            if (self.judge)(self.data) {
                return true;
            }
            // the next number, whose digits are the ways
            let mut is_carried = true;
            for (n, digit) in digits.iter_mut().enumerate() {
                self.toggle(&doubtful, n, *digit);
                let ways = doubtful.get(n).map_or(0, |(_, ways)| ways.len());
                *digit = if digit.saturating_add(1) < ways { digit.saturating_add(1) } else { 0 };
                is_carried = *digit == 0;
                self.toggle(&doubtful, n, *digit);
                if !is_carried {
                    break;
                }
            }
            if is_carried {
                break;
            }
        }
        digits.iter().enumerate().for_each(|(n, digit)| self.toggle(&doubtful, n, *digit));
        false
    }

    fn toggle(&mut self, doubtful: &[(usize, Vec<Rc<Solver>>)], n: usize, way: usize) {
        let Some((row, ways)) = doubtful.get(n) else { return };
        if let (Some(row), Some(solver)) = (self.rows.get(*row), ways.get(way)) {
            row.set.fix_row(row.row, solver, &row.syndromes(), self.data);
        }
    }
}

impl Row<'_> {
    fn syndromes(&self) -> [&[u8]; MAX_PARITY] {
        let of = |n: usize| self.syndromes.get(n).map(Vec::as_slice).unwrap_or_default();
        [of(0), of(1), of(2)]
    }

    /// The column that a suspect holds of this row.
    fn column_of(&self, suspect: Suspect) -> Option<usize> {
        (0..self.set.columns).find(|column| {
            let cell = (self.row, *column);
            !self.set.is_padding(cell)
                && match (suspect, &self.set.places) {
                    (Suspect::Child(child), _) => self.set.place(cell).child == child,
                    (Suspect::ChildOf { index, part }, _) => {
                        self.part == part && self.set.place(cell).child == index
                    }
                    (Suspect::Former { .. }, Places::Columns(_)) => false,
                    (Suspect::Former { index, width }, Places::Numbered(numbering)) => {
                        numbering.child_of(cell, width) == index
                    }
                }
        })
    }

    fn is_short(&self) -> bool {
        (0..self.set.columns).any(|column| self.set.is_padding((self.row, column)))
    }

    /// Whether parity and data disagree.
    fn is_damaged(&self) -> bool {
        let mut usable = self.syndromes.iter().enumerate().filter(|(n, _)| !self.lost.contains(n));
        usable.any(|(_, syndrome)| syndrome.iter().any(|byte| *byte != 0))
    }

    /// At most `most` ways to read the row, those that take the fewest columns for lost first.
    fn ways(&self, most: usize, budget: &mut Budget) -> Vec<Rc<Solver>> {
        let RowSet { nparity, columns, .. } = *self.set;
        let syndromes = self.syndromes();
        let others: Vec<usize> = (0..columns)
            .filter(|column| !self.lost.contains(column) && !self.set.is_padding((self.row, *column)))
            .collect();
        let spare = nparity.saturating_sub(self.lost.len());
        let mut ways: Vec<Rc<Solver>> = Vec::new();
        for size in 1..=spare.min(others.len()) {
            let mut chosen: Vec<usize> = (0..size).collect();
            loop {
                if ways.len() >= most || !budget.look() {
                    return ways;
                }
                let more = chosen.iter().filter_map(|n| others.get(*n));
                let lost: Vec<usize> = self.lost.iter().chain(more).copied().collect();
                let solver = Solver::new(nparity, columns, &lost);
                let is_as_is = |solver: &Solver| solver.made().next().is_none();
                let is_known = is_as_is(&solver) && ways.iter().any(|way| is_as_is(way));
                if !is_known && solver.agrees(&syndromes) {
                    ways.push(Rc::new(solver));
                }
                if !next_set(&mut chosen, others.len()) {
                    break;
                }
            }
        }
        ways
    }
}

/// The next set of numbers below `count`, of the same size: the lowest varies fastest.
pub(super) fn next_set(set: &mut [usize], count: usize) -> bool {
    let limits: Vec<usize> = set.iter().skip(1).copied().chain([count]).collect();
    for (n, (member, limit)) in set.iter_mut().zip(limits).enumerate() {
        if member.saturating_add(1) < limit {
            *member = member.saturating_add(1);
            set.iter_mut().take(n).enumerate().for_each(|(lower, member)| *member = lower);
            return true;
        }
    }
    false
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { looks: MAX_LOOKS, bytes: MAX_BYTES }
    }

    /// Half of what is left.
    fn halve(&mut self) -> Self {
        self.looks /= 2;
        self.bytes /= 2;
        Self { ..*self }
    }

    fn give_back(&mut self, unspent: &Self) {
        self.looks = self.looks.saturating_add(unspent.looks);
        self.bytes = self.bytes.saturating_add(unspent.bytes);
    }

    fn is_spent(&self) -> bool {
        self.looks == 0
    }

    /// Whether a row may be looked at once more.
    fn look(&mut self) -> bool {
        take(&mut self.looks, 1)
    }

    /// Whether the checksum of `size` bytes may be taken.
    pub(super) fn judge(&mut self, size: usize) -> bool {
        take(&mut self.bytes, size.max(TRIAL))
    }
}

fn take(from: &mut usize, count: usize) -> bool {
    let left = from.checked_sub(count);
    *from = left.unwrap_or(0);
    left.is_some()
}

#[cfg(test)]
mod tests {
    use super::next_set;

    #[test]
    fn every_set_comes_once() {
        let mut set = vec![0, 1, 2];
        let mut all = vec![set.clone()];
        while next_set(&mut set, 6) {
            all.push(set.clone());
        }
        assert_eq!(all[..3], [[0, 1, 2], [0, 1, 3], [0, 2, 3]]);
        assert_eq!(all.last().unwrap(), &[3, 4, 5]);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 20);
        assert!(!next_set(&mut [], 3));
    }
}
