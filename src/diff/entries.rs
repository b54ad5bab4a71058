//! Names that are in one state of a directory only.
//!
//! Handbook: `docs/format/10-zap.md`, 10.3 and 10.4.

use std::collections::{BTreeMap, BTreeSet};

use zfsp_grammar::mode::FileType;

use super::change::{Lost, Side};
use super::pairs::Pairs;
use crate::fs::{DirEntry, Inode};
use crate::object::Loss;

/// A name that one state of a directory has, and the other has not, or not for this object.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) side: Side,
    /// The directory.
    pub(super) parent: u64,
    pub(super) name: Vec<u8>,
    /// What it leads to.
    pub(super) object: u64,
    /// What that is, as the entry says.
    pub(super) kind: FileType,
}

/// All names of a directory that is in one state only.
pub(super) fn all(side: Side, directory: &Inode) -> (Vec<Entry>, Vec<Lost>) {
    let (entries, losses) = directory.directory().sorted();
    let of = |found: DirEntry| entry(side, directory.number, found);
    (entries.into_iter().map(of).collect(), losses.into_iter().map(|loss| side.lost(loss)).collect())
}

fn entry(side: Side, parent: u64, found: DirEntry) -> Entry {
    let kind = found.kind();
    Entry { side, parent, name: found.bytes, object: found.object, kind }
}

/// The names that are in one of two states of a directory only: leaves that both share are not read.
pub(super) fn compare(a: &Inode, b: &Inode) -> (Vec<Entry>, Vec<Lost>) {
    let (mut read_a, mut read_b, mut losses) = read(a, b);
    let lost = |side: Side, losses: &[Lost]| losses.iter().any(|lost| lost.side == side);
    let (is_lost_a, is_lost_b) = (lost(Side::A, &losses), lost(Side::B, &losses));
    let numbers = |all: &BTreeMap<Vec<u8>, DirEntry>, name: &[u8]| all.get(name).map(|entry| entry.object);
    let only_a: Vec<Vec<u8>> = read_a
        .iter()
        .filter(|(name, entry)| numbers(&read_b, name) != Some(entry.object))
        // what is missing where something is lost is looked for: if its leaf is there, it is not
        .filter(|(name, entry)| !is_lost_b || is_without(b, name, entry.object))
        .map(|(name, _)| name.clone())
        .collect();
    let only_b: Vec<Vec<u8>> = read_b
        .iter()
        .filter(|(name, entry)| numbers(&read_a, name) != Some(entry.object))
        .filter(|(name, entry)| !is_lost_a || is_without(a, name, entry.object))
        .map(|(name, _)| name.clone())
        .collect();
    let found_a =
        only_a.iter().filter_map(|name| read_a.remove(name)).map(|found| entry(Side::A, a.number, found));
    let found_b =
        only_b.iter().filter_map(|name| read_b.remove(name)).map(|found| entry(Side::B, b.number, found));
    let all = found_a.chain(found_b).collect();
    losses.dedup();
    (all, losses)
}

/// True if that name is known not to lead to the object.
fn is_without(directory: &Inode, name: &[u8], object: u64) -> bool {
    directory.directory().get(name).is_ok_and(|found| found.is_none_or(|found| found.object != object))
}

type ByName = BTreeMap<Vec<u8>, DirEntry>;

/// The entries that may differ.
fn read(a: &Inode, b: &Inode) -> (ByName, ByName, Vec<Lost>) {
    let mut losses = Vec::new();
    let found = leaves(a, b, &mut losses)
        .and_then(|leaves| Some((a.directory().entries_in(&leaves)?, b.directory().entries_in(&leaves)?)));
    let (of_a, of_b) = found.unwrap_or_else(|| {
        losses.clear();
        (a.directory().entries().collect(), b.directory().entries().collect())
    });
    let a = sorted(Side::A, of_a, &mut losses);
    let b = sorted(Side::B, of_b, &mut losses);
    (a, b, losses)
}

/// The blocks that are not the same; `None` if the directories have no blocks of the same size.
fn leaves(a: &Inode, b: &Inode, losses: &mut Vec<Lost>) -> Option<BTreeSet<u64>> {
    let mut blocks = BTreeSet::new();
    for pair in Pairs::of(a.object()?, b.object()?)? {
        match pair {
            Ok(pair) => drop(blocks.insert(pair.blkid)),
            Err(lost) => losses.push(lost),
        }
    }
    Some(blocks)
}

fn sorted(side: Side, all: Vec<Result<DirEntry, Loss>>, losses: &mut Vec<Lost>) -> ByName {
    let mut found = ByName::new();
    for entry in all {
        match entry {
            Ok(entry) => drop(found.insert(entry.bytes.clone(), entry)),
            Err(loss) => losses.push(side.lost(loss)),
        }
    }
    found
}
