//! RAID-Z: sectors dealt out to the children in turn, with parity in every row of a block.
//!
//! Handbook: `docs/format/20-vdevs-raidz.md`, 20.5; 20.9 for vdevs that were or are being expanded.

use std::ops::Range;

use zfsp_grammar::uberblock::ReflowState;

use super::layout::{Cell, Layout, Place, Places, RowSet};
use super::{Area, Extent};
use crate::error::{Error, Result};

/// Largest block: 16 MiB.
pub(super) const MAX_BLOCK: usize = 1 << 24;

/// The code that parity is made of reaches no further.
pub(super) const MAX_CHILDREN: usize = 255;

/// Blocks whose offset has this bit have P and the first data column of raidz1 exchanged.
const SWAP: u64 = 1 << 20;

/// A RAID-Z vdev.
#[derive(Clone, Debug)]
pub struct Raidz {
    children: usize,
    nparity: usize,
    ashift: u32,
    expand_txgs: Vec<u64>,
    reflow: Option<Reflow>,
}

/// How far an expansion that is under way has come: `ub_raidz_reflow_info` of the newest uberblock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reflow {
    /// What lies below this offset (bytes) of the vdev is at its new place.
    pub offset: u64,
    /// Where the first bytes of the vdev are.
    pub state: ReflowState,
}

impl Raidz {
    /// A vdev of `children` disks, the one that is being added included, with `nparity` of parity and sectors of
    /// `1 << ashift` bytes.
    ///
    /// `expand_txgs` is `raidz_expand_txgs`; `reflow` is there while the vdev is being expanded.
    ///
    /// # Errors
    /// `Corrupt` for numbers that no vdev has.
    pub fn new(
        children: usize,
        nparity: u64,
        ashift: u64,
        expand_txgs: Vec<u64>,
        reflow: Option<Reflow>,
    ) -> Result<Self> {
        let nparity = check_nparity(nparity)?;
        let ashift = check_ashift(ashift)?;
        if children > MAX_CHILDREN {
            return Err(Error::corrupt(format!("raidz of {children} children")));
        }
        if !expand_txgs.is_sorted() {
            return Err(Error::corrupt("raidz_expand_txgs is not ascending"));
        }
        let added = expand_txgs.len().saturating_add(usize::from(reflow.is_some()));
        if children.saturating_sub(added) <= nparity {
            let what = format!("raidz{nparity} of {children} children, {added} of them added by expansion");
            return Err(Error::corrupt(what));
        }
        Ok(Self { children, nparity, ashift, expand_txgs, reflow })
    }

    /// Columns of the rows of a block born in `birth`.
    #[must_use]
    pub fn width(&self, birth: u64) -> usize {
        let later = self.expand_txgs.iter().filter(|txg| **txg > birth).count();
        self.children.saturating_sub(later).saturating_sub(usize::from(self.reflow.is_some()))
    }

    /// Bytes that a block of `psize` bytes takes, as its DVA says it.
    #[must_use]
    pub fn asize(&self, psize: u64, birth: u64) -> u64 {
        let columns = self.width(birth).saturating_sub(self.nparity).max(1);
        let columns = u64::try_from(columns).unwrap_or(1);
        let nparity = u64::try_from(self.nparity).unwrap_or(1);
        let data = psize.div_ceil(1 << self.ashift);
        let parity = nparity.saturating_mul(data.div_ceil(columns));
        let unit = nparity.saturating_add(1);
        let sectors = data.saturating_add(parity).div_ceil(unit).saturating_mul(unit);
        sectors.saturating_mul(1 << self.ashift)
    }

    /// Where a block lies.
    ///
    /// # Errors
    /// `Corrupt` for an extent that no block has.
    pub fn layout(&self, extent: &Extent) -> Result<Layout> {
        check_extent(extent, 1 << self.ashift)?;
        let sector = 1 << self.ashift;
        let width = self.width(extent.birth);
        let mut set = RowSet::new(0..extent.size, sector, self.nparity, width, false);
        let numbering = Numbering {
            first: extent.offset >> self.ashift,
            ashift: self.ashift,
            width,
            columns: set.columns,
            children: self.children,
            is_swapped: self.nparity == 1 && extent.offset & SWAP != 0,
            reflow: self.reflow,
        };
        set.places = if width == self.children && self.reflow.is_none() {
            Places::Columns((0..set.columns).map(|column| numbering.place((0, column))).collect())
        } else {
            Places::Numbered(numbering)
        };
        Ok(Layout { sets: vec![set] })
    }
}

pub(super) fn check_nparity(nparity: u64) -> Result<usize> {
    match nparity {
        1..=3 => Ok(usize::try_from(nparity).unwrap_or(1)),
        _ => Err(Error::corrupt(format!("nparity is {nparity}, not 1 to 3"))),
    }
}

pub(super) fn check_ashift(ashift: u64) -> Result<u32> {
    match ashift {
        9..=16 => Ok(u32::try_from(ashift).unwrap_or(9)),
        _ => Err(Error::corrupt(format!("ashift is {ashift}, not 9 to 16"))),
    }
}

/// Whether the extent is one of a block: aligned to `unit`, not too large, not beyond all numbers.
pub(super) fn check_extent(extent: &Extent, unit: u64) -> Result<()> {
    let Extent { offset, size, .. } = *extent;
    if size == 0 || size > MAX_BLOCK {
        return Err(Error::corrupt(format!("a block of {size:#x} bytes")));
    }
    if !offset.is_multiple_of(unit) {
        return Err(Error::corrupt(format!("offset {offset:#x} is not a multiple of {unit:#x}")));
    }
    // parity at most quadruples the sectors, which are at most 64 KiB
    if offset > u64::MAX >> 1 {
        return Err(Error::corrupt(format!("offset {offset:#x} is beyond any vdev")));
    }
    Ok(())
}

/// The sectors of a vdev in the order in which they are dealt out.
#[derive(Clone, Debug)]
pub(super) struct Numbering {
    /// Number of the block's first sector.
    first: u64,
    ashift: u32,
    /// Columns of a full row: the logical width.
    width: usize,
    /// Columns that the block uses.
    columns: usize,
    /// Children: the physical width.
    children: usize,
    is_swapped: bool,
    reflow: Option<Reflow>,
}

impl Numbering {
    /// The number of the sector in which `cell` lies.
    pub(super) fn number(&self, (row, column): Cell) -> u64 {
        let column = match column {
            0 | 1 if self.is_swapped => 1_usize.saturating_sub(column),
            _ => column,
        };
        self.row_start(row).saturating_add(u64::try_from(column).unwrap_or(u64::MAX))
    }

    /// Where `cell` lies.
    pub(super) fn place(&self, cell: Cell) -> Place {
        let number = self.number(cell);
        let (width, area) = self.regime(cell.0);
        let child = self.child_of(cell, width);
        let row = u64::try_from(width).ok().and_then(|width| number.checked_div(width)).unwrap_or_default();
        Place { child, offset: row.saturating_mul(1 << self.ashift), area }
    }

    /// The child that had `cell` when sectors were dealt out over `width` children.
    pub(super) fn child_of(&self, cell: Cell, width: usize) -> usize {
        let child = u64::try_from(width).ok().and_then(|width| self.number(cell).checked_rem(width));
        child.and_then(|child| usize::try_from(child).ok()).unwrap_or(usize::MAX)
    }

    /// Over how many children sectors of this block may once have been dealt out, other than they all are now.
    pub(super) fn former_widths(&self) -> Range<usize> {
        self.width..self.children.saturating_add(usize::from(self.reflow.is_some()))
    }

    fn row_start(&self, row: usize) -> u64 {
        self.first.saturating_add(u64::try_from(row.saturating_mul(self.width)).unwrap_or(u64::MAX))
    }

    /// Over how many children the sectors of `row` are dealt out, and in which part of them.
    fn regime(&self, row: usize) -> (usize, Area) {
        let Some(reflow) = self.reflow else { return (self.children, Area::Data) };
        let end = self.row_start(row).saturating_add(u64::try_from(self.columns).unwrap_or(u64::MAX));
        if end > reflow.offset >> self.ashift {
            (self.children.saturating_sub(1), Area::Data)
        } else if reflow.state == ReflowState::SCRATCH_VALID {
            (self.children, Area::Scratch)
        } else {
            (self.children, Area::Data)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)] // of small numbers

    use super::super::layout::{Role, Spot};
    use super::*;

    /// Role, child, offset, length.
    type Short = (Role, usize, u64, usize);

    fn spots(raidz: &Raidz, offset: u64, size: usize, birth: u64) -> Vec<Short> {
        let layout = raidz.layout(&Extent { offset, size, birth }).unwrap();
        layout.spots().map(|Spot { role, child, offset, len, .. }| (role, child, offset, len)).collect()
    }

    fn raidz(children: usize, nparity: u64, ashift: u64) -> Raidz {
        Raidz::new(children, nparity, ashift, Vec::new(), None).unwrap()
    }

    const P: Role = Role::Parity(0);
    const Q: Role = Role::Parity(1);
    const D: Role = Role::Data;

    /// Chapter 20, 20.8.
    #[test]
    fn worked_examples() {
        const K: usize = 1024;
        let three = raidz(3, 1, 12);
        assert_eq!(
            spots(&three, 0x25000, 128 * K, 0),
            [(P, 1, 0xc000, 64 * K), (D, 2, 0xc000, 64 * K), (D, 0, 0xd000, 64 * K)]
        );
        assert_eq!(
            spots(&three, 0x12_5000, 128 * K, 0),
            [(P, 0, 0x6_2000, 64 * K), (D, 2, 0x6_1000, 64 * K), (D, 1, 0x6_2000, 64 * K)]
        );
        let layout = three.layout(&Extent { offset: 0x25000, size: 128 * K, birth: 0 }).unwrap();
        assert_eq!(layout.spots().map(|spot| spot.block_offset).collect::<Vec<_>>(), [0, 0, 64 * K]);
        let six = raidz(6, 2, 12);
        let wide = [(1, 0xad000), (2, 0xad000), (3, 0xad000), (4, 0xad000)];
        let data = wide.map(|(child, offset)| (D, child, offset, 32 * K));
        let parity = [(P, 5, 0xac000, 32 * K), (Q, 0, 0xad000, 32 * K)];
        assert_eq!(spots(&six, 0x40_d000, 128 * K, 0), [&parity[..], &data].concat());
        let one = [(P, 5, 0xac000, 4 * K), (Q, 0, 0xad000, 4 * K), (D, 1, 0xad000, 4 * K)];
        assert_eq!(spots(&six, 0x40_d000, 3584, 0), one);
        assert_eq!(
            spots(&six, 0x40_d000, 20 * K, 0),
            [
                (P, 5, 0xac000, 8 * K),
                (Q, 0, 0xad000, 8 * K),
                (D, 1, 0xad000, 8 * K),
                (D, 2, 0xad000, 4 * K),
                (D, 3, 0xad000, 4 * K),
                (D, 4, 0xad000, 4 * K)
            ]
        );
        for (vdev, psize, asize) in [
            (&three, 128, 192),
            (&three, 3, 8),
            (&three, 8, 16),
            (&six, 128, 192),
            (&six, 3, 12),
            (&six, 20, 36),
        ] {
            assert_eq!(vdev.asize(psize * 1024, 0), asize * 1024);
        }
        assert_eq!(raidz(6, 2, 9).asize(3584, 0), 6 * 1024);
    }

    /// Chapter 20, 20.9.
    #[test]
    fn an_expansion_from_three_to_four() {
        let of = |reflow: Option<Reflow>, birth| {
            let txgs = if reflow.is_none() { vec![5000] } else { Vec::new() };
            let raidz = Raidz::new(4, 1, 12, txgs, reflow).unwrap();
            let layout = raidz.layout(&Extent { offset: 0x25000, size: 16 << 10, birth }).unwrap();
            let set = layout.sets[0].clone();
            let cells: Vec<(usize, usize)> =
                (0..set.rows).flat_map(|row| (0..set.columns).map(move |column| (row, column))).collect();
            let stored = cells.into_iter().filter(|cell| !set.is_padding(*cell));
            stored
                .map(|cell| (set.place(cell).child, set.place(cell).offset, set.place(cell).area))
                .collect::<Vec<_>>()
        };
        let with = |offset, state| Some(Reflow { offset, state: ReflowState(state) });
        let place = |area| move |(child, offset)| (child, offset, area);
        let new = [(1, 0x9000), (2, 0x9000), (3, 0x9000), (0, 0xa000), (1, 0xa000), (2, 0xa000)];
        let old = [(1, 0xc000), (2, 0xc000), (0, 0xd000), (1, 0xd000), (2, 0xd000), (0, 0xe000)];
        assert_eq!(of(None, 4999), new.map(place(Area::Data)));
        assert_eq!(of(with(0, 0), 4999), old.map(place(Area::Data)));
        assert_eq!(of(with(14 << 20, 1), 4999), new.map(place(Area::Scratch)));
        let mixed = [&new[..3], &old[3..]].concat();
        assert_eq!(of(with(0x28000, 4), 9), mixed.into_iter().map(place(Area::Data)).collect::<Vec<_>>());
        // born later: rows of four, P d0 d2 d3 and P d1
        assert_eq!(of(None, 5000).len(), 6);
        let later = Raidz::new(4, 1, 12, vec![5000], None).unwrap();
        let two = [(P, 1, 0x9000, 8192), (D, 2, 0x9000, 8192), (D, 3, 0x9000, 4096), (D, 0, 0xa000, 4096)];
        assert_eq!(spots(&later, 0x25000, 16 << 10, 5000), two);
        let second = Raidz::new(5, 1, 12, vec![5000], with(0, 4)).unwrap();
        assert_eq!([second.width(4999), second.width(6000)], [3, 4]);
    }

    #[test]
    fn no_vdev_of_nonsense() {
        for (children, nparity, ashift, txgs) in [
            (0, 1, 9, vec![]),
            (2, 2, 9, vec![]),
            (256, 1, 9, vec![]),
            (3, 0, 9, vec![]),
            (5, 4, 9, vec![]),
            (3, 1, 8, vec![]),
            (3, 1, 17, vec![]),
            (3, 1, u64::MAX, vec![]),
            (4, 1, 9, vec![2, 1]),
            (4, 1, 9, vec![1, 2, 3]),
        ] {
            assert!(Raidz::new(children, nparity, ashift, txgs, None).is_err());
        }
        let vdev = raidz(255, 3, 16);
        for (offset, size) in
            [(0, 0), (0, MAX_BLOCK + 1), (512, 512), (u64::MAX - 0xffff, 512), (0, usize::MAX)]
        {
            assert!(vdev.layout(&Extent { offset, size, birth: 0 }).is_err(), "{offset:#x} {size:#x}");
        }
        assert_eq!(vdev.asize(u64::MAX, 0), u64::MAX);
    }
}
