//! The sides of the children: asking the best of them first, and all others when that does not do.

use std::collections::BTreeMap;
use std::ops::Range;

use super::super::layout::Run;
use super::super::{Children, Fault, FaultKind, Judge, Side};
use super::scrub::{further, report};
use super::search::{self, Budget, next_set};
use super::stripes::Stripes;

/// Sectors that a device may refuse one by one, before the rest of a run is given up.
const MAX_REFUSALS: usize = 64;

/// Sides of a child that are asked: a spare that is being replaced has three.
const MAX_SIDES: usize = 8;

/// Ways to choose among the sides of all children that are tried.
const MAX_CHOICES: usize = 256;

/// Fills `bytes` with those of a run, from the first current side that gives them; sector by sector from any of them, if
/// none gives all. Returns which sectors none gave.
pub(super) fn fetch(
    run: &Run,
    sector: usize,
    children: &dyn Children,
    bytes: &mut [u8],
    faults: &mut Vec<Fault>,
) -> Vec<Range<usize>> {
    let sides = children.sides(run.place.child, run.place.offset, run.place.area);
    let mut broken: Vec<&Side> = Vec::new();
    for side in &sides {
        if !side.is_present() {
            report(faults, side, 0..bytes.len(), &FaultKind::Missing);
        } else if side.is_current {
            match side.read_into(bytes) {
                Ok(()) => return Vec::new(),
                Err(_) => broken.push(side),
            }
        }
    }
    let whole = 0..bytes.len().div_ceil(sector.max(1));
    broken.iter().fold(Vec::from([whole]), |gaps, side| salvage(side, sector, bytes, gaps, faults))
}

/// Reads what can be read of `gaps`, sector by sector, and returns the rest.
fn salvage(
    side: &Side,
    sector: usize,
    bytes: &mut [u8],
    gaps: Vec<Range<usize>>,
    faults: &mut Vec<Fault>,
) -> Vec<Range<usize>> {
    let mut left: Vec<Range<usize>> = Vec::new();
    let mut refusals = 0_usize;
    let mut last = None;
    for n in gaps.into_iter().flatten() {
        let start = n.saturating_mul(sector);
        let end = start.saturating_add(sector).min(bytes.len());
        let Some(part) = bytes.get_mut(start..end) else { continue };
        if refusals < MAX_REFUSALS {
            match further(side, start).read_into(part) {
                Ok(()) => continue,
                Err(error) => last = Some(FaultKind::Unreadable(error.reason())),
            }
            refusals = refusals.saturating_add(1);
        }
        if let Some(kind) = &last {
            report(faults, side, start..end, kind);
        }
        match left.last_mut() {
            Some(gap) if gap.end == n => gap.end = n.saturating_add(1),
            _ => left.push(n..n.saturating_add(1)),
        }
    }
    left
}

/// What another side of a child says, where it says something else.
struct Choice {
    child: usize,
    pieces: Vec<Piece>,
}

#[derive(PartialEq)]
struct Piece {
    /// Number of the row set, and of the run in it.
    run: (usize, usize),
    bytes: Vec<u8>,
}

/// As [`search::search`], with what the other sides hold.
pub(super) fn search(
    stripes: &mut Stripes<'_>,
    children: &dyn Children,
    judge: &Judge<'_>,
    budget: &mut Budget,
) -> bool {
    let runs: Vec<Vec<Run>> = stripes.parts.iter().map(|part| part.set.runs()).collect();
    let choices = choices(stripes, &runs, children);
    let combined = combinations(&choices);
    let with = |combination: &Vec<usize>| {
        let mut stripes = stripes.clone();
        let pieces = combination.iter().filter_map(|n| choices.get(*n)).flat_map(|choice| &choice.pieces);
        for Piece { run: (part, run), bytes } in pieces {
            let run = runs.get(*part).and_then(|runs| runs.get(*run));
            if let (Some(part), Some(run)) = (stripes.parts.get_mut(*part), run) {
                part.take(run, bytes, &[], &mut stripes.data);
            }
        }
        stripes
    };
    let size = stripes.data.len();
    for is_searched in [false, true] {
        for combination in &combined {
            if !budget.judge(size) {
                return false;
            }
            let mut other = with(combination);
            let is_found = if is_searched {
                search::search(&mut other, judge, budget)
            } else {
                (other.is_complete() || other.make_lost()) && judge(&other.data)
            };
            if is_found {
                *stripes = other;
                return true;
            }
        }
    }
    false
}

fn choices(stripes: &Stripes<'_>, runs: &[Vec<Run>], children: &dyn Children) -> Vec<Choice> {
    let mut choices: BTreeMap<(usize, usize), Vec<Piece>> = BTreeMap::new();
    for (n, (part, runs)) in stripes.parts.iter().zip(runs).enumerate() {
        for (m, run) in runs.iter().enumerate() {
            let sides = children.sides(run.place.child, run.place.offset, run.place.area);
            for (number, side) in sides.iter().enumerate().take(MAX_SIDES) {
                let mut bytes = vec![0; run.cells.len().saturating_mul(part.set.sector)];
                let is_read = side.is_present() && side.read_into(&mut bytes).is_ok();
                let is_other = run.cells.iter().zip(bytes.chunks(part.set.sector)).any(|(cell, sector)| {
                    part.lost.contains(cell) || !sector.starts_with(part.cell(*cell, &stripes.data))
                });
                if is_read && is_other {
                    let pieces = choices.entry((run.place.child, number)).or_default();
                    pieces.push(Piece { run: (n, m), bytes });
                }
            }
        }
    }
    let mut distinct: Vec<Choice> = Vec::new();
    for ((child, _), pieces) in choices {
        if !distinct.iter().any(|choice| choice.child == child && choice.pieces == pieces) {
            distinct.push(Choice { child, pieces });
        }
    }
    distinct
}

/// Sets of choices, one for a child, small sets first.
fn combinations(choices: &[Choice]) -> Vec<Vec<usize>> {
    let mut all = Vec::new();
    let mut looked_at = 0_usize;
    for size in 1..=choices.len() {
        let mut chosen: Vec<usize> = (0..size).collect();
        loop {
            let mut children: Vec<usize> =
                chosen.iter().filter_map(|n| choices.get(*n)).map(|choice| choice.child).collect();
            children.dedup(); // they are in order
            if children.len() == size {
                all.push(chosen.clone());
            }
            looked_at = looked_at.saturating_add(1);
            if all.len() >= MAX_CHOICES || looked_at >= MAX_CHOICES.saturating_mul(MAX_SIDES) {
                return all;
            }
            if !next_set(&mut chosen, choices.len()) {
                break;
            }
        }
    }
    all
}
