//! dRAID: many small RAID-Z groups and the spare space, spread over all children by fixed permutations.
//!
//! Handbook: `docs/format/21-draid.md`.

mod permutation;
mod seeds;

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use super::layout::{Layout, Place, Places, RowSet};
use super::raidz::{MAX_CHILDREN, check_ashift, check_extent, check_nparity};
use super::{Area, Extent};
use crate::error::{Error, Result};
use permutation::Permutations;

/// Bytes of each child in a row: 16 MiB.
const ROW_HEIGHT: u64 = 1 << 24;

/// The format allows no more distributed spares.
const MAX_SPARES: u64 = 100;

/// A dRAID vdev.
#[derive(Clone, Debug)]
pub struct Draid {
    config: DraidConfig,
    nparity: usize,
    /// Failure groups.
    domains: u64,
    /// Columns of a group.
    group_width: u64,
    /// Made when it is first needed, and shared by all that were cloned from this.
    permutations: Arc<OnceLock<Permutations>>,
}

/// What the nvlist of a dRAID vdev says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DraidConfig {
    /// How many `children` there are.
    pub width: usize,
    /// `nparity`.
    pub nparity: u64,
    /// `draid_ndata`: data columns of a group.
    pub ndata: u64,
    /// `draid_nspares`: distributed spares.
    pub nspares: u64,
    /// `draid_ngroups`: groups of a slice.
    pub ngroups: u64,
    /// `draid_nchildren`: children of a failure group, where there are any.
    pub nchildren: Option<u64>,
    /// `ashift`.
    pub ashift: u64,
}

/// A group: where its first column begins.
struct Group {
    permutation: u64,
    /// Positions of the permutation that carry groups.
    positions: u64,
    start: u64,
    /// Row of [`ROW_HEIGHT`].
    row: u64,
}

#[allow(clippy::arithmetic_side_effects)] // `new` has checked all numbers: none is above 255, no divisor is 0
impl Draid {
    /// The vdev of this configuration.
    ///
    /// # Errors
    /// `Corrupt` for numbers that no vdev has.
    pub fn new(config: DraidConfig) -> Result<Self> {
        let DraidConfig { width, nparity, ndata, nspares, ngroups, nchildren, ashift } = config;
        let columns = check_nparity(nparity)?;
        check_ashift(ashift)?;
        let corrupt = |what: &str| Err(Error::corrupt(format!("draid: {what}")));
        if width > MAX_CHILDREN {
            return corrupt(&format!("{width} children"));
        }
        let width = u64::try_from(width).unwrap_or(0);
        let children = nchildren.unwrap_or(width);
        if !(2..=255).contains(&children) || width == 0 || width % children != 0 {
            return corrupt(&format!("draid_nchildren {children} does not divide {width} children"));
        }
        if nspares > MAX_SPARES || nspares >= width {
            return corrupt(&format!("draid_nspares {nspares} of {width} children"));
        }
        let domains = width / children;
        let spares = nspares.div_ceil(domains);
        if ndata == 0 || ndata > children || ndata + nparity + spares > children {
            let what =
                format!("draid_ndata {ndata} with nparity {nparity} and {spares} spares of {children}");
            return corrupt(&what);
        }
        let group_width = ndata + nparity;
        if !(1..=255).contains(&ngroups)
            || (group_width * ngroups) % (width - nspares) != 0
            || ngroups < domains
        {
            return corrupt(&format!("draid_ngroups {ngroups} of width {group_width} fill no slice"));
        }
        Ok(Self { config, nparity: columns, domains, group_width, permutations: Arc::default() })
    }

    /// Bytes that a block of `psize` bytes takes, as its DVA says it.
    #[must_use]
    pub fn asize(&self, psize: u64) -> u64 {
        psize.div_ceil(self.config.ndata << self.config.ashift).saturating_mul(self.stripe())
    }

    /// Where a block lies.
    ///
    /// # Errors
    /// `Corrupt` for an extent that no block has.
    pub fn layout(&self, extent: &Extent) -> Result<Layout> {
        check_extent(extent, self.stripe())?;
        let group = extent.offset / self.group_size();
        let rows_left = (self.group_size() - extent.offset % self.group_size()) / self.stripe();
        let left =
            usize::try_from((rows_left * self.config.ndata) << self.config.ashift).unwrap_or(usize::MAX);
        let first = extent.size.min(left);
        let mut sets = vec![self.row_set(group, extent.offset % self.group_size(), 0..first)];
        if first < extent.size {
            sets.push(self.row_set(group + 1, 0, first..extent.size));
        }
        Ok(Layout { sets })
    }

    /// The child that keeps for distributed spare `spare` what the child it stands for would hold at `offset` of its
    /// data area, at the same offset. It may be a distributed spare itself. `None`: there is no such spare.
    #[must_use]
    pub fn spare(&self, spare: u64, offset: u64) -> Option<usize> {
        if spare >= self.config.nspares {
            return None;
        }
        let index = (offset / self.slice()).checked_mul(self.domains)?.checked_add(spare % self.domains)?;
        let position = self.children() - 1 - spare / self.domains;
        Some(self.permutations().child(index, usize::try_from(position).ok()?))
    }

    /// The part `bytes` of a block, `within` bytes from the start of `group` on.
    fn row_set(&self, group: u64, within: u64, bytes: Range<usize>) -> RowSet {
        let group_width = usize::try_from(self.group_width).unwrap_or(MAX_CHILDREN);
        let sector = 1 << self.config.ashift;
        let mut set = RowSet::new(bytes, sector, self.nparity, group_width, true);
        let Group { permutation, positions, start, row } = self.group(group);
        let below = (within / self.stripe()) << self.config.ashift;
        let places = (start..start + self.group_width).map(|position| {
            let is_wrapped = position >= positions;
            let offset = (row + u64::from(is_wrapped)).saturating_mul(ROW_HEIGHT).saturating_add(below);
            let position = usize::try_from(position % positions).unwrap_or(0);
            let child = self.permutations().child(permutation, position);
            Place { child, offset, area: Area::Data }
        });
        set.places = Places::Columns(places.collect());
        set
    }

    fn group(&self, number: u64) -> Group {
        let DraidConfig { ngroups, nspares, .. } = self.config;
        let (slice, index) = (number / ngroups, number % ngroups);
        // spares that do not divide evenly: the first failure groups have one more, so fewer positions and groups
        let big = nspares % self.domains;
        let few = ngroups / self.domains;
        let domain = if self.domains == 1 {
            0
        } else if big == 0 || index < big * few {
            index / few
        } else {
            big + (index - big * few) / (few + 1)
        };
        let has_more = big != 0 && domain >= big;
        let before = domain * few + if has_more { domain - big } else { 0 };
        let positions = (self.columns() / self.domains) + u64::from(has_more);
        let first = (index - before) * self.group_width;
        let rows = self.group_width * ngroups / self.columns();
        Group {
            permutation: slice.saturating_mul(self.domains).saturating_add(domain),
            positions,
            start: first % positions,
            row: slice.saturating_mul(rows).saturating_add(first / positions),
        }
    }

    /// Columns of a row that carry groups.
    fn columns(&self) -> u64 {
        u64::try_from(self.config.width).unwrap_or(0) - self.config.nspares
    }

    /// Children of a failure group.
    fn children(&self) -> u64 {
        u64::try_from(self.config.width).unwrap_or(0) / self.domains
    }

    /// Bytes of a full stripe, parity included.
    fn stripe(&self) -> u64 {
        self.group_width << self.config.ashift
    }

    /// Bytes of a group, parity included.
    fn group_size(&self) -> u64 {
        self.group_width * ROW_HEIGHT
    }

    /// Bytes of each child that one permutation serves.
    fn slice(&self) -> u64 {
        self.group_size() * self.config.ngroups / self.columns()
    }

    fn permutations(&self) -> &Permutations {
        self.permutations.get_or_init(|| {
            let count = |n| usize::try_from(n).unwrap_or(0);
            Permutations::new(count(self.children()), count(self.domains))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)] // of small numbers

    use super::super::layout::{Role, Spot};
    use super::*;

    const M: u64 = 1 << 20;

    const SMALL: DraidConfig =
        DraidConfig { width: 5, nparity: 1, ndata: 2, nspares: 1, ngroups: 4, nchildren: None, ashift: 12 };

    fn spots(draid: &Draid, offset: u64, size: usize) -> Vec<(Role, usize, u64, usize)> {
        let layout = draid.layout(&Extent { offset, size, birth: 0 }).unwrap();
        layout.spots().map(|Spot { role, child, offset, len, .. }| (role, child, offset, len)).collect()
    }

    /// Chapter 21, 21.7.
    #[test]
    fn the_worked_example() {
        let draid = Draid::new(SMALL).unwrap();
        for (group, places) in [
            (0, [(2, 0), (3, 0), (1, 0)]),
            (1, [(4, 0), (2, 16), (3, 16)]),
            (2, [(1, 16), (4, 16), (2, 32)]),
            (3, [(3, 32), (1, 32), (4, 32)]),
            (4, [(3, 48), (4, 48), (2, 48)]),
            (5, [(0, 48), (3, 64), (4, 64)]),
        ] {
            let found = spots(&draid, group * 48 * M, 8192);
            let found: Vec<(usize, u64)> =
                found.into_iter().map(|(_, child, at, _)| (child, at / M)).collect();
            assert_eq!(found, places, "{group}");
        }
        let (p, d, zero) = (Role::Parity(0), Role::Data, Role::Padding);
        assert_eq!(
            spots(&draid, 0xf12_c000, 20 << 10),
            [
                (p, 0, 0x306_4000, 0x3000),
                (d, 3, 0x406_4000, 0x3000),
                (d, 4, 0x406_4000, 0x2000),
                (zero, 4, 0x406_6000, 0x1000)
            ]
        );
        assert_eq!(draid.asize(20 << 10), 36 << 10);
        assert_eq!(draid.spare(0, 0x406_4000), Some(1));
        assert_eq!(draid.spare(1, 0x406_4000), None);
        assert_eq!(
            spots(&draid, 0x11ff_a000, 20 << 10),
            [
                (p, 0, 0x3ff_e000, 0x2000),
                (d, 3, 0x4ff_e000, 0x2000),
                (d, 4, 0x4ff_e000, 0x2000),
                (p, 2, 0x400_0000, 0x1000),
                (d, 0, 0x400_0000, 0x1000),
                (zero, 3, 0x500_0000, 0x1000)
            ]
        );
    }

    #[test]
    fn no_vdev_of_nonsense() {
        for config in [
            DraidConfig { width: 0, ..SMALL },
            DraidConfig { width: 1, ..SMALL },
            DraidConfig { width: 256, ..SMALL },
            DraidConfig { nparity: 4, ..SMALL },
            DraidConfig { ndata: 0, ..SMALL },
            DraidConfig { ndata: u64::MAX, ..SMALL },
            DraidConfig { ndata: 4, ..SMALL },
            DraidConfig { nspares: 5, ..SMALL },
            DraidConfig { nspares: u64::MAX, ..SMALL },
            DraidConfig { ngroups: 0, ..SMALL },
            DraidConfig { ngroups: 3, ..SMALL },
            DraidConfig { ngroups: u64::MAX, ..SMALL },
            DraidConfig { nchildren: Some(0), ..SMALL },
            DraidConfig { nchildren: Some(3), ..SMALL },
            DraidConfig { ashift: 64, ..SMALL },
        ] {
            assert!(Draid::new(config).is_err(), "{config:?}");
        }
        let draid = Draid::new(SMALL).unwrap();
        let end = u64::MAX / 0x3000 * 0x3000;
        for (offset, size) in [(0, 0), (0, 1 << 25), (0x1000, 512), (end, 512), (end - 0x3000, usize::MAX)] {
            assert!(draid.layout(&Extent { offset, size, birth: 0 }).is_err(), "{offset:#x} {size:#x}");
        }
        assert!(draid.spare(0, u64::MAX).is_some());
    }
}
