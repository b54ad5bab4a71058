//! Block statistics: how many blocks of each type and level there are, and how large they are.
//!
//! Counted as the reference's block report counts. Handbook: `docs/format/24-reader-recipes.md`, 24.5.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use zfsp_grammar::blkptr::{Dva, Pointer};
use zfsp_grammar::object_type::ObjectType;

/// Counters that many threads add to.
#[derive(Debug)]
pub struct Counters {
    cells: Vec<[AtomicU64; COLUMNS]>,
    freed: Vec<[AtomicU64; COLUMNS]>,
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
    /// Allocated still, but referenced by nothing.
    pub is_freed: bool,
    /// What is counted.
    pub count: Count,
}

/// The counts of all that has one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// As the reference's report calls it: that of the type, [`OTHER`] for all types without a number of their own,
    /// [`DEFERRED`] for what is being freed.
    pub name: &'static str,
    /// Levels that have blocks, the lowest first.
    pub levels: Vec<(u8, Count)>,
}

/// Rows under the names of the reference's report, in its order.
#[must_use]
pub fn by_name(rows: &[Row]) -> Vec<Kind> {
    let mut kinds: BTreeMap<u8, (&'static str, BTreeMap<u8, Count>)> = BTreeMap::new();
    for row in rows {
        let number = match row.name() {
            DEFERRED => NUMBERED,
            OTHER => u8::MAX,
            _ => row.r#type.0,
        };
        let (_, levels) = kinds.entry(number).or_insert_with(|| (row.name(), BTreeMap::new()));
        let count = levels.entry(row.level).or_default();
        *count = count.plus(&row.count);
    }
    kinds.into_values().map(|(name, levels)| Kind { name, levels: levels.into_iter().collect() }).collect()
}

impl Kind {
    /// All levels together.
    #[must_use]
    pub fn total(&self) -> Count {
        self.levels.iter().fold(Count::default(), |sum, (_, count)| sum.plus(count))
    }
}

impl Row {
    /// As the reference's report calls the type.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.r#type.name() {
            _ if self.is_freed => DEFERRED,
            Some(name) if self.r#type.0 < NUMBERED => name,
            _ => OTHER,
        }
    }
    /// Whether losing such a block costs more than the content of one file: indirect blocks, and types that the format
    /// calls metadata.
    #[must_use]
    pub fn is_metadata(&self) -> bool {
        self.level > 0 || self.r#type.is_metadata()
    }
}

/// What the reference's report calls blocks that are being freed.
pub const DEFERRED: &str = "deferred free";
/// What the reference's report calls all types without a number of their own.
pub const OTHER: &str = "other";
/// Types below this number have a name each.
const NUMBERED: u8 = 54;
const COLUMNS: usize = 6;
const TYPES: usize = 256;
const LEVELS: usize = 32;

impl Default for Counters {
    fn default() -> Self {
        let cells = || (0..TYPES.saturating_mul(LEVELS)).map(|_| Default::default()).collect();
        Self { cells: cells(), freed: cells() }
    }
}

impl Counters {
    /// Counts a block of a tree.
    pub fn add(&self, pointer: &Pointer) {
        Self::add_to(&self.cells, pointer);
    }
    /// Counts a block that is being freed.
    pub fn add_freed(&self, pointer: &Pointer) {
        Self::add_to(&self.freed, pointer);
    }
    fn add_to(cells: &[[AtomicU64; COLUMNS]], pointer: &Pointer) {
        let at =
            usize::from(pointer.r#type().0).saturating_mul(LEVELS).saturating_add(pointer.level().into());
        let count = Count::of(pointer);
        for (cell, n) in cells.get(at).into_iter().flatten().zip(count.columns()) {
            if n != 0 {
                cell.fetch_add(n, Ordering::Relaxed);
            }
        }
    }
    /// All types and levels that have blocks, by number; behind them what is being freed.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let cells = [(&self.cells, false), (&self.freed, true)];
        let cells = cells.into_iter().flat_map(|(cells, is_freed)| {
            cells.chunks(LEVELS).zip(0u8..=u8::MAX).map(move |(levels, kind)| (levels, kind, is_freed))
        });
        let rows = cells.flat_map(|(levels, kind, is_freed)| {
            levels.iter().zip(0u8..).map(move |(cell, level)| Row {
                r#type: ObjectType(kind),
                level,
                is_freed,
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
