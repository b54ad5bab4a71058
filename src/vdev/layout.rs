//! Where a block of a striped vdev lies: rows and columns of sectors, each on a child.
//!
//! Handbook: `docs/format/20-vdevs-raidz.md`, 20.5 and 20.9; `docs/format/21-draid.md`, 21.5.
//!
//! A row is a small stripe: first its parity sectors, then its data sectors. The bytes of the block run down the
//! first data column, then down the next; the last row may be short.

use std::ops::Range;

use super::Area;
use super::raidz::Numbering;

/// Where a block lies.
#[derive(Clone, Debug)]
pub struct Layout {
    /// One after the other: parity reaches over one of them.
    pub(super) sets: Vec<RowSet>,
}

/// A run of bytes of a block, or of its parity, on one child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// What lies there.
    pub role: Role,
    /// Bytes from the start of the block; for parity, where the rows begin that it protects together.
    pub block_offset: usize,
    /// Number of the child.
    pub child: usize,
    /// Bytes from the start of `area` of the child.
    pub offset: u64,
    /// Part of the child.
    pub area: Area,
    /// Bytes, in whole sectors.
    pub len: usize,
}

/// What lies at a spot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Parity: 0 is P, 1 is Q, 2 is R.
    Parity(usize),
    /// Bytes of the block, and zeros up to the end of the sector.
    Data,
    /// A sector of zeros that makes a stripe of dRAID full.
    Padding,
}

/// Where a sector lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) child: usize,
    pub(super) offset: u64,
    pub(super) area: Area,
}

/// Rows of the same columns: a block, or that part of a block of dRAID that lies in one group.
#[derive(Clone, Debug)]
pub(super) struct RowSet {
    /// Bytes of a sector.
    pub(super) sector: usize,
    /// Columns of parity, which come first.
    pub(super) nparity: usize,
    /// Columns.
    pub(super) columns: usize,
    /// Rows, with the last one that may be short.
    pub(super) rows: usize,
    /// Bytes of the block before these rows.
    start: usize,
    /// Bytes of the block in these rows.
    size: usize,
    /// Data columns that reach into the last row.
    long: usize,
    /// Whether a short last row is filled with sectors of zeros.
    is_padded: bool,
    pub(super) places: Places,
}

/// Where the sectors of a row set lie.
#[derive(Clone, Debug)]
pub(super) enum Places {
    /// Every column on one child, sector after sector: where its first one lies.
    Columns(Vec<Place>),
    /// Rows are narrower than the vdev, or it is being expanded: each sector on its own.
    Numbered(Numbering),
}

/// Consecutive bytes of a child, and which sectors they are.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) place: Place,
    pub(super) cells: Vec<Cell>,
}

/// A sector: row and column.
pub(super) type Cell = (usize, usize);

impl Layout {
    /// Bytes of the block.
    #[must_use]
    pub fn size(&self) -> usize {
        self.sets.iter().map(|set| set.size).sum()
    }

    /// Every place that the block takes, column by column, consecutive sectors as one.
    pub fn spots(&self) -> impl Iterator<Item = Spot> + '_ {
        self.sets.iter().flat_map(|set| {
            let cells = (0..set.columns).flat_map(|column| (0..set.rows).map(move |row| (row, column)));
            let mut spots: Vec<Spot> = Vec::new();
            for spot in cells.filter_map(|cell| set.spot(cell)) {
                match spots.last_mut() {
                    Some(last) if last.goes_on_with(&spot) => last.len = last.len.saturating_add(spot.len),
                    _ => spots.push(spot),
                }
            }
            spots
        })
    }
}

impl Spot {
    fn goes_on_with(&self, next: &Self) -> bool {
        let len = u64::try_from(self.len).unwrap_or(u64::MAX);
        self.role == next.role
            && (self.child, self.area) == (next.child, next.area)
            && self.offset.checked_add(len) == Some(next.offset)
            && (self.role != Role::Data || self.block_offset.checked_add(self.len) == Some(next.block_offset))
    }
}

impl RowSet {
    /// `size` bytes in rows of at most `width` columns; the places are filled in by the caller, who has checked the
    /// numbers: `size` 1 to 16 MiB, `sector` 512 to 64 KiB, `nparity < width <= 255`.
    #[allow(clippy::arithmetic_side_effects)] // bounds: see above
    pub(super) fn new(
        part: Range<usize>,
        sector: usize,
        nparity: usize,
        width: usize,
        is_padded: bool,
    ) -> Self {
        let data = width - nparity;
        let sectors = part.len().div_ceil(sector);
        let (full, rest) = (sectors / data, sectors % data);
        let columns = if full == 0 && !is_padded { rest + nparity } else { width };
        Self {
            sector,
            nparity,
            columns,
            rows: full + usize::from(rest > 0),
            start: part.start,
            size: part.len(),
            long: if rest == 0 { data } else { rest },
            is_padded,
            places: Places::Columns(Vec::new()),
        }
    }

    /// Which bytes of the block `cell` holds: none for parity and padding, fewer than a sector at the end.
    #[allow(clippy::arithmetic_side_effects)] // row < rows and column < columns, of at most 2^17 sectors
    pub(super) fn bytes(&self, (row, column): Cell) -> Range<usize> {
        match column.checked_sub(self.nparity) {
            Some(data) if row < self.height(column) => {
                let short = data.saturating_sub(self.long);
                let number = data * self.rows - short + row;
                let from = (number * self.sector).min(self.size);
                let to = (from + self.sector).min(self.size);
                self.start + from..self.start + to
            }
            _ => 0..0,
        }
    }

    /// Which bytes of the block column `column` holds.
    pub(super) fn column_bytes(&self, column: usize) -> Range<usize> {
        match self.height(column).checked_sub(1) {
            None => 0..0,
            Some(last) => self.bytes((0, column)).start..self.bytes((last, column)).end,
        }
    }

    /// Rows in which `column` holds data or parity.
    pub(super) fn height(&self, column: usize) -> usize {
        let is_short = column.checked_sub(self.nparity).is_some_and(|data| data >= self.long);
        self.rows.saturating_sub(usize::from(is_short))
    }

    /// Rows in which `column` takes place.
    pub(super) fn stored_height(&self, column: usize) -> usize {
        if self.is_padded { self.rows } else { self.height(column) }
    }

    /// Whether `cell` only makes a stripe full.
    pub(super) fn is_padding(&self, (row, column): Cell) -> bool {
        row >= self.height(column)
    }

    /// Where `cell` lies.
    pub(super) fn place(&self, (row, column): Cell) -> Place {
        match &self.places {
            Places::Numbered(numbering) => numbering.place((row, column)),
            Places::Columns(places) => {
                let mut place = places.get(column).copied().unwrap_or(Place::NOWHERE);
                let below = u64::try_from(row.saturating_mul(self.sector)).unwrap_or(u64::MAX);
                place.offset = place.offset.saturating_add(below);
                place
            }
        }
    }

    /// All it takes, as runs that can be read at once.
    pub(super) fn runs(&self) -> Vec<Run> {
        let stored = |column| (0..self.stored_height(column)).map(move |row| (row, column));
        match &self.places {
            Places::Columns(_) => (0..self.columns)
                .filter(|column| self.stored_height(*column) > 0)
                .map(|column| Run { place: self.place((0, column)), cells: stored(column).collect() })
                .collect(),
            Places::Numbered(_) => self.numbered_runs(),
        }
    }

    /// On every child, the sectors of a block follow each other: row by row they come in the order of their offsets.
    fn numbered_runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let mut last_of_child: Vec<usize> = Vec::new();
        for row in 0..self.rows {
            for column in (0..self.columns).filter(|column| row < self.stored_height(*column)) {
                let place = self.place((row, column));
                if last_of_child.len() <= place.child {
                    last_of_child.resize(place.child.saturating_add(1), usize::MAX);
                }
                let Some(last) = last_of_child.get_mut(place.child) else { continue };
                match runs.get_mut(*last) {
                    Some(run) if run.end(self.sector) == (place.offset, place.area) => {
                        run.cells.push((row, column));
                    }
                    _ => {
                        *last = runs.len();
                        runs.push(Run { place, cells: vec![(row, column)] });
                    }
                }
            }
        }
        runs
    }

    fn spot(&self, cell: Cell) -> Option<Spot> {
        let (row, column) = cell;
        let place = (row < self.stored_height(column)).then(|| self.place(cell))?;
        let bytes = self.bytes(cell);
        let (role, block_offset) = match column {
            _ if column < self.nparity => (Role::Parity(column), self.start),
            _ if bytes.is_empty() => (Role::Padding, self.start.saturating_add(self.size)),
            _ => (Role::Data, bytes.start),
        };
        let Place { child, offset, area } = place;
        Some(Spot { role, block_offset, child, offset, area, len: self.sector })
    }
}

impl Run {
    fn end(&self, sector: usize) -> (u64, Area) {
        let len = self.cells.len().saturating_mul(sector);
        let end = self.place.offset.saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
        (end, self.place.area)
    }
}

impl Place {
    /// No child has this number.
    const NOWHERE: Self = Self { child: usize::MAX, offset: u64::MAX, area: Area::Data };
}
