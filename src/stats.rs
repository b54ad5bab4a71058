//! Block statistics: how many blocks of each type and level there are, and how large they are.
//!
//! Counted as the reference's block report counts. Handbook: `docs/format/24-reader-recipes.md`, 24.5.

use std::sync::atomic::{AtomicU64, Ordering};

use zfsp_grammar::blkptr::{Dva, Pointer};
use zfsp_grammar::object_type::ObjectType;

/// Counters that many threads add to.
#[derive(Debug)]
pub struct Counters {
    cells: Vec<[AtomicU64; COLUMNS]>,
}

/// What is counted of blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Pointers, embedded blocks included, holes not.
    pub blocks: u64,
    /// Logical bytes.
    pub lsize: u64,
    /// Stored bytes, before parity and copies; embedded blocks have none.
    pub psize: u64,
    /// Allocated bytes of all copies.
    pub asize: u64,
    /// Copies in pieces.
    pub ganged: u64,
    /// Blocks in their pointers.
    pub embedded: u64,
}

/// The counts of one type and level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Type of the objects.
    pub r#type: ObjectType,
    /// 0 for data, n for indirect blocks.
    pub level: u8,
    /// What is counted.
    pub count: Count,
}

const COLUMNS: usize = 6;
const TYPES: usize = 256;
const LEVELS: usize = 32;

impl Default for Counters {
    fn default() -> Self {
        Self { cells: (0..TYPES.saturating_mul(LEVELS)).map(|_| Default::default()).collect() }
    }
}

impl Counters {
    /// Counts a block.
    pub fn add(&self, pointer: &Pointer) {
        let at =
            usize::from(pointer.r#type().0).saturating_mul(LEVELS).saturating_add(pointer.level().into());
        let count = Count::of(pointer);
        for (cell, n) in self.cells.get(at).into_iter().flatten().zip(count.columns()) {
            if n != 0 {
                cell.fetch_add(n, Ordering::Relaxed);
            }
        }
    }
    /// All types and levels that have blocks, by number.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let cells = self.cells.chunks(LEVELS).zip(0u8..=u8::MAX);
        let rows = cells.flat_map(|(levels, kind)| {
            levels.iter().zip(0u8..).map(move |(cell, level)| Row {
                r#type: ObjectType(kind),
                level,
                count: Count::from(cell.each_ref().map(|n| n.load(Ordering::Relaxed))),
            })
        });
        rows.filter(|row| row.count.blocks != 0).collect()
    }
    /// The sum of all.
    #[must_use]
    pub fn total(&self) -> Count {
        self.rows().iter().fold(Count::default(), |sum, row| sum.plus(&row.count))
    }
}

impl Count {
    fn of(pointer: &Pointer) -> Self {
        let stored = pointer.stored();
        let copies: Vec<&Dva> = stored.iter().flat_map(|b| b.copies()).collect();
        Self {
            blocks: 1,
            lsize: pointer.lsize(),
            psize: if stored.is_some() { pointer.psize() } else { 0 },
            asize: copies.iter().map(|dva| dva.asize()).fold(0, u64::saturating_add),
            ganged: copies.iter().map(|dva| u64::from(dva.is_gang())).sum(),
            embedded: stored.is_none().into(),
        }
    }
    fn columns(&self) -> [u64; COLUMNS] {
        [self.blocks, self.lsize, self.psize, self.asize, self.ganged, self.embedded]
    }
    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = self.columns();
        for (n, more) in sum.iter_mut().zip(other.columns()) {
            *n = n.saturating_add(more);
        }
        sum.into()
    }
}

impl From<[u64; COLUMNS]> for Count {
    fn from([blocks, lsize, psize, asize, ganged, embedded]: [u64; COLUMNS]) -> Self {
        Self { blocks, lsize, psize, asize, ganged, embedded }
    }
}
