//! The bytes of two objects: blocks that are not the same are read and compared.
//!
//! Handbook: `docs/format/12-zpl.md`, 12.13.

use std::collections::BTreeSet;
use std::ops::Range;

use rayon::prelude::*;
use zfsp_grammar::blkptr::Pointer;

use super::change::{Lost, Side};
use super::pairs::{Pair, Pairs};
use crate::file::{Content, File};
use crate::object::{Loss, Object};

/// Where two contents differ.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges {
    /// In order, none next to another: whole blocks, cut at the end of the longer content.
    pub(super) all: Vec<Range<u64>>,
    pub(super) losses: Vec<Lost>,
}

/// Bytes of blocks that are compared at once.
const AT_ONCE: u64 = 16 << 20;

/// Compares two objects up to their sizes. Unless `all` is wanted, the first difference is enough.
pub(super) fn compare(a: (&Object, u64), b: (&Object, u64), all: bool) -> Ranges {
    let (both, longer) = (a.1.min(b.1), a.1.max(b.1));
    let mut found = Ranges::default();
    if all || both == longer {
        match Pairs::of(a.0, b.0) {
            Some(pairs) => found.pairs(a.0, b.0, pairs, both, all),
            None => found.unlike(a, b, all),
        }
    }
    if both < longer {
        found.add(both..longer);
    }
    found
}

impl Ranges {
    fn add(&mut self, range: Range<u64>) {
        match self.all.last_mut() {
            Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
            _ => self.all.push(range),
        }
    }

    fn pairs(&mut self, a: &Object, b: &Object, mut pairs: Pairs<'_>, end: u64, all: bool) {
        let most =
            usize::try_from(AT_ONCE.checked_div(a.block_size).unwrap_or_default()).unwrap_or_default().max(1);
        // most often the first is enough
        let mut count = if all { most } else { 1 };
        while all || self.all.is_empty() {
            let (mut batch, mut is_over) = (Vec::new(), true);
            for found in pairs.by_ref().take(count) {
                is_over = false;
                match found {
                    Ok(pair) => batch.extend(range_of(a, &pair, end).map(|range| (pair, range))),
                    Err(lost) => self.losses.push(lost),
                }
            }
            let compared: Vec<_> = batch.par_iter().map(|(pair, range)| differ(a, b, pair, range)).collect();
            for ((_, range), differs) in batch.into_iter().zip(compared) {
                match differs {
                    Ok(true) => self.add(range),
                    Ok(false) => {}
                    Err(losses) => self.losses.extend(losses),
                }
            }
            if is_over {
                return;
            }
            count = most;
        }
    }

    /// Blocks of other sizes have no pairs: both are read where either has data. A file that has more than one block
    /// keeps their size, so one of the two is short.
    fn unlike(&mut self, a: (&Object, u64), b: (&Object, u64), all: bool) {
        let (end, step) = (a.1.min(b.1), a.0.block_size.max(b.0.block_size).max(1));
        let mut places = BTreeSet::new();
        for (side, object) in [(Side::A, a.0), (Side::B, b.0)] {
            for found in object.blocks(0) {
                match found.map(|(blkid, _)| blkid.saturating_mul(object.block_size)) {
                    Ok(start) if start >= end => break,
                    Ok(start) => drop(places.insert(start.checked_div(step).unwrap_or_default())),
                    Err(loss) => self.losses.push(side.lost(loss)),
                }
            }
        }
        let (a, b) = (File::new(a.0.clone(), a.1), File::new(b.0.clone(), b.1));
        for place in places {
            let start = place.saturating_mul(step);
            let range = start..start.saturating_add(step).min(end);
            match (read(&a, &range), read(&b, &range)) {
                (Ok(a), Ok(b)) if a == b => {}
                (Ok(_), Ok(_)) => self.add(range),
                (a, b) => {
                    let losses =
                        [a.err().map(|loss| Side::A.lost(loss)), b.err().map(|loss| Side::B.lost(loss))];
                    self.losses.extend(losses.into_iter().flatten());
                }
            }
            if !all && !self.all.is_empty() {
                return;
            }
        }
    }
}

/// The bytes of a pair up to `end`; `None` if it lies behind that.
fn range_of(object: &Object, pair: &Pair, end: u64) -> Option<Range<u64>> {
    let range = object.range(0, pair.blkid)?;
    (range.start < end).then(|| range.start..range.end.min(end))
}

/// Whether the blocks of a pair differ in this range.
fn differ(a: &Object, b: &Object, pair: &Pair, range: &Range<u64>) -> Result<bool, Vec<Lost>> {
    let len = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
    let block = |side: Side, object: &Object, pointer: &Pointer| match pointer {
        Pointer::Hole(_) => Ok(None),
        _ => match object.store().read(pointer) {
            Ok(block) => Ok(Some(block.bytes)),
            Err(lost) => Err(side.lost(Loss { at: object.at.block(0, pair.blkid), lost })),
        },
    };
    let is_zero = |bytes: &[u8]| bytes.iter().take(len).all(|byte| *byte == 0);
    match (block(Side::A, a, &pair.a), block(Side::B, b, &pair.b)) {
        (Ok(None), Ok(None)) => Ok(false),
        (Ok(Some(bytes)), Ok(None)) | (Ok(None), Ok(Some(bytes))) => Ok(!is_zero(&bytes)),
        (Ok(Some(a)), Ok(Some(b))) => Ok(a.get(..len) != b.get(..len)),
        (a, b) => Err([a.err(), b.err()].into_iter().flatten().collect()),
    }
}

fn read(file: &File, range: &Range<u64>) -> Result<Vec<u8>, Loss> {
    let mut bytes = Vec::new();
    file.stream(range.clone(), |chunk| match chunk.content {
        Content::Data(data) => {
            bytes.extend_from_slice(&data);
            Ok(())
        }
        Content::Hole => {
            let end = chunk.range.end.saturating_sub(range.start);
            bytes.resize(usize::try_from(end).unwrap_or_default(), 0);
            Ok(())
        }
        Content::Lost(loss) => Err(loss),
    })?;
    Ok(bytes)
}
