//! Block statistics: how many blocks of each type and level there are, and how large they are.
//!
//! Counted as the reference's block report counts. Handbook: `docs/format/24-reader-recipes.md`, 24.5.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use zfsp_grammar::blkptr::{Blkptr, Dva, Pointer};
use zfsp_grammar::object_type::ObjectType;

use crate::per_thread::PerThread;

/// Counters that many threads add to.
#[derive(Debug)]
pub struct Counters {
    cells: PerThread<Cells>,
    freed: Cells,
}

/// By type and level.
type Cells = Vec<[AtomicU64; COLUMNS]>;

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
        Self { cells: PerThread::new(cells), freed: cells() }
    }
}

impl Counters {
    /// Counts a block of a tree.
    pub fn add(&self, pointer: &Pointer) {
        if let Some(cells) = self.cells.mine() {
            Self::add_to(cells, pointer);
        }
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
        let places = (0..=u8::MAX).flat_map(|kind| (0u8..).take(LEVELS).map(move |level| (kind, level)));
        let places = places.enumerate();
        let freed = places.clone().map(|(at, place)| (place, true, sum(at, [&self.freed].into_iter())));
        let live = places.map(|(at, place)| (place, false, sum(at, self.cells.all())));
        let rows = live.chain(freed).filter(|(_, _, count)| count.blocks != 0);
        let row = |((kind, level), is_freed, count)| Row { r#type: ObjectType(kind), level, is_freed, count };
        rows.map(row).collect()
    }
    /// The sum of all.
    #[must_use]
    pub fn total(&self) -> Count {
        self.rows().iter().fold(Count::default(), |sum, row| sum.plus(&row.count))
    }
}

/// What all threads counted of a type and level.
fn sum<'c>(at: usize, all: impl Iterator<Item = &'c Cells>) -> Count {
    let counts = all.filter_map(|cells| cells.get(at));
    let counts = counts.map(|cell| Count::from(cell.each_ref().map(|n| n.load(Ordering::Relaxed))));
    counts.fold(Count::default(), |sum, count| sum.plus(&count))
}

impl Count {
    fn of(pointer: &Pointer) -> Self {
        let stored = pointer.stored();
        let copies = || stored.iter().flat_map(Blkptr::copies);
        Self {
            blocks: 1,
            lsize: pointer.lsize(),
            psize: if stored.is_some() { pointer.psize() } else { 0 },
            asize: copies().map(Dva::asize).fold(0, u64::saturating_add),
            ganged: copies().map(|dva| u64::from(dva.is_gang())).sum(),
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
