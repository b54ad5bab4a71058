//! Blocks written through a layout to children in memory, harmed, and read back.
#![allow(clippy::arithmetic_side_effects)] // of small numbers

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use zfsp_grammar::uberblock::ReflowState;

use super::super::galois::{multiply, power};
use super::super::layout::{Cell, Places, RowSet};
use super::super::{Area, Draid, DraidConfig, Extent, FaultKind, Leaf, Raidz, Reflow, Side};
use super::*;
use crate::device::Device;

/// Children that keep the sectors of one block, one behind the other.
struct Disks {
    sector: usize,
    /// Of every child, which sectors it keeps.
    kept: Vec<BTreeMap<(bool, u64), usize>>,
    /// Of every child, its sides.
    sides: Vec<Vec<(Arc<Leaf>, bool)>>,
}

impl Children for Disks {
    fn sides(&self, n: usize, offset: u64, area: Area) -> Vec<Side> {
        let place = self.kept[n][&(area == Area::Scratch, offset)];
        let side = |(leaf, is_current): &(Arc<Leaf>, bool)| Side {
            leaf: leaf.clone(),
            at: u64::try_from(place * self.sector).unwrap(),
            is_current: *is_current,
        };
        self.sides[n].iter().map(side).collect()
    }
}

/// What the children hold: images, `None` for one that is missing.
#[derive(Clone)]
struct Images {
    sector: usize,
    kept: Vec<BTreeMap<(bool, u64), usize>>,
    bytes: Vec<Vec<u8>>,
}

impl Images {
    /// Writes `block`, with parity by the sums of chapter 20.
    fn write(layout: &Layout, children: usize, block: &[u8]) -> Self {
        let mut kept = vec![BTreeMap::new(); children];
        for (set, cell) in cells(layout) {
            let place = set.place(cell);
            let is_new = kept[place.child].insert((place.area == Area::Scratch, place.offset), 0).is_none();
            assert!(is_new, "{cell:?} twice");
        }
        for kept in &mut kept {
            kept.values_mut().enumerate().for_each(|(n, at)| *at = n);
        }
        let sector = layout.sets[0].sector;
        let bytes = kept.iter().map(|kept| vec![0; kept.len() * sector]).collect();
        let mut images = Self { sector, kept, bytes };
        let mut written = Vec::new();
        for (set, (row, column)) in cells(layout) {
            let range = images.range(set, (row, column));
            let child = set.place((row, column)).child;
            if column >= set.nparity {
                let part = &block[set.bytes((row, column))];
                written.extend(part.is_empty().then_some(0).or(Some(part.len())));
                images.bytes[child][range][..part.len()].copy_from_slice(part);
            } else {
                let n = set.columns - set.nparity;
                for data in 0..n {
                    let factor = power(column * (n - 1 - data));
                    let part = &block[set.bytes((row, data + set.nparity))];
                    for (into, byte) in images.bytes[child][range.clone()].iter_mut().zip(part) {
                        *into ^= multiply(factor, *byte);
                    }
                }
            }
        }
        assert_eq!(written.iter().sum::<usize>(), block.len(), "every byte has one place");
        images
    }

    fn range(&self, set: &RowSet, cell: Cell) -> std::ops::Range<usize> {
        let place = set.place(cell);
        let at = self.kept[place.child][&(place.area == Area::Scratch, place.offset)];
        at * self.sector..(at + 1) * self.sector
    }

    /// Devices of these images, without those in `missing`.
    fn disks(&self, missing: &BTreeSet<usize>) -> Disks {
        let sides = self.bytes.iter().enumerate();
        let sides =
            sides.map(|(n, bytes)| vec![(leaf(n, "", (!missing.contains(&n)).then_some(bytes)), true)]);
        Disks { sector: self.sector, kept: self.kept.clone(), sides: sides.collect() }
    }
}

fn leaf(n: usize, what: &str, bytes: Option<&Vec<u8>>) -> Arc<Leaf> {
    let name: Arc<str> = format!("d{n}{what}").into();
    let device = bytes.map(|bytes| Device::from_reader(&name, &bytes[..]).unwrap());
    Arc::new(Leaf { guid: 0, name, device })
}

fn cells(layout: &Layout) -> impl Iterator<Item = (&RowSet, Cell)> {
    layout.sets.iter().flat_map(|set| {
        let cells = (0..set.rows).flat_map(|row| (0..set.columns).map(move |column| (row, column)));
        cells.filter(|(row, column)| *row < set.stored_height(*column)).map(move |cell| (set, cell))
    })
}

/// Random bytes without a zero, so that every loss shows.
fn noise(len: usize, mut seed: u64) -> Vec<u8> {
    let next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(seed >> 56).unwrap().max(1)
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// A layout, how many children it is over, and how much parity it has.
#[derive(Clone, Debug)]
struct Case {
    layout: Layout,
    children: usize,
    nparity: usize,
    block: Vec<u8>,
}

fn raidz() -> impl Strategy<Value = Case> {
    let shape = (1_usize..=3, 1_usize..=6, 0_usize..=2, 9_u64..=12, any::<bool>());
    let block = (1_usize..=40, 0_usize..=1, 0_u64..5000, any::<u64>());
    let reflow = (0_u64..=60, 0_u16..=4);
    (shape, block, reflow).prop_map(
        |((p, data, added, ashift, is_expanding), (units, odd, start, seed), reflow)| {
            let children = p + data + added + usize::from(is_expanding);
            let txgs: Vec<u64> = (0..added).map(|n| 100 + 100 * u64::try_from(n).unwrap()).collect();
            let offset = start << ashift;
            let reflow = is_expanding
                .then_some(Reflow { offset: offset + (reflow.0 << ashift), state: ReflowState(reflow.1) });
            let nparity = u64::try_from(p).unwrap();
            let vdev = Raidz::new(children, nparity, ashift, txgs, reflow).unwrap();
            let size = (units << ashift) - odd * 512 * usize::from(ashift > 9);
            let layout = vdev.layout(&Extent { offset, size, birth: seed % 400 }).unwrap();
            Case { layout, children, nparity: p, block: noise(size, seed) }
        },
    )
}

fn draid() -> impl Strategy<Value = Case> {
    let shape = (1_u64..=3, 1_u64..=5, 0_u64..=3, 0_u64..=4, 1_u64..=3, 9_u64..=12);
    let block = (1_usize..=40, 0_usize..=1, 0_u64..300, 0_u64..20, any::<u64>());
    (shape, block).prop_map(|((p, d, spares, more, domains, ashift), (units, odd, group, before, seed))| {
        let children = p + d + spares.div_ceil(domains) + more;
        let width = children * domains;
        let ngroups = if domains == 1 {
            (1..=255).find(|g| g * (p + d) % (width - spares) == 0).unwrap()
        } else {
            width - spares
        };
        let nchildren = (domains > 1).then_some(children);
        let width = usize::try_from(width).unwrap();
        let vdev = Draid::new(DraidConfig {
            width,
            nparity: p,
            ndata: d,
            nspares: spares,
            ngroups,
            nchildren,
            ashift,
        });
        let stripe = (p + d) << ashift;
        let rows = (1 << 24) >> ashift;
        let offset = (group * rows + rows - before.min(rows)) * stripe;
        let size = (units << ashift) - odd * 512 * usize::from(ashift > 9);
        let layout = vdev.unwrap().layout(&Extent { offset, size, birth: 0 }).unwrap();
        Case { layout, children: width, nparity: usize::try_from(p).unwrap(), block: noise(size, seed) }
    })
}

fn case() -> impl Strategy<Value = Case> {
    prop_oneof![3 => raidz(), 2 => draid()]
}

/// How a child is harmed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Harm {
    Missing,
    /// All its bytes are others.
    Garbage,
    /// One of its sectors is.
    Spot,
    /// It ends too early.
    Short,
}

fn harms() -> impl Strategy<Value = Vec<(Harm, prop::sample::Index)>> {
    let harm = prop::sample::select(vec![Harm::Missing, Harm::Garbage, Harm::Spot, Harm::Short]);
    prop::collection::vec((harm, any::<prop::sample::Index>()), 0..=4)
}

impl Case {
    fn images(&self) -> Images {
        Images::write(&self.layout, self.children, &self.block)
    }

    fn read(&self, disks: &Disks) -> (Option<Vec<u8>>, Vec<Fault>) {
        let mut faults = Vec::new();
        let judge = |bytes: &[u8]| bytes == self.block;
        let read = read(&self.layout, disks, self.block.len(), &judge, &mut faults);
        (read, faults)
    }

    fn scrub(&self, disks: &Disks) -> Vec<Fault> {
        let mut faults = Vec::new();
        scrub(&self.layout, disks, &self.block, Proven::Nothing, &mut faults);
        faults
    }
}

/// Every faulty byte once, with its kind.
fn spread(faults: &[Fault], sector: usize) -> BTreeMap<(String, u64), FaultKind> {
    let mut all = BTreeMap::new();
    for fault in faults {
        let kind = match &fault.kind {
            FaultKind::Unreadable(_) => FaultKind::Unreadable(String::new()),
            kind => kind.clone(),
        };
        for at in (fault.at..fault.at + fault.len).step_by(sector) {
            all.insert((fault.leaf.to_string(), at), kind.clone());
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_written_is_read_and_nothing_is_wrong(case in case()) {
        let disks = case.images().disks(&BTreeSet::new());
        prop_assert_eq!(case.read(&disks), (Some(case.block.clone()), vec![]));
        prop_assert_eq!(case.scrub(&disks), vec![]);
    }

    #[test]
    fn as_many_children_as_there_is_parity_may_be_harmed(case in case(), harms in harms()) {
        let mut images = case.images();
        let mut missing = BTreeSet::new();
        let mut harmed = BTreeSet::new();
        let mut expected: BTreeMap<(String, u64), FaultKind> = BTreeMap::new();
        for (harm, index) in harms.iter().take(case.nparity) {
            let child = index.index(case.children);
            if !harmed.insert(child) || images.bytes[child].is_empty() {
                continue;
            }
            let count = images.bytes[child].len() / images.sector;
            let (from, kind) = match harm {
                Harm::Missing => (0..count, FaultKind::Missing),
                Harm::Garbage => (0..count, FaultKind::Wrong),
                Harm::Spot => (count / 2..count / 2 + 1, FaultKind::Wrong),
                Harm::Short => (count / 2..count, FaultKind::Unreadable(String::new())),
            };
            let bytes = from.start * images.sector..from.end * images.sector;
            match harm {
                Harm::Missing => drop(missing.insert(child)),
                Harm::Short => images.bytes[child].truncate(bytes.start),
                _ => images.bytes[child][bytes].iter_mut().for_each(|byte| *byte ^= 0x5a),
            }
            for n in from {
                let at = u64::try_from(n * images.sector).unwrap();
                expected.insert((format!("d{child}"), at), kind.clone());
            }
        }
        for (set, cell) in cells(&case.layout).filter(|(set, cell)| cell.1 < set.nparity) {
            let place = set.place(cell);
            let at = u64::try_from(images.range(set, cell).start).unwrap();
            if let Some(kind) = expected.get_mut(&(format!("d{}", place.child), at))
                && *kind == FaultKind::Wrong
            {
                *kind = FaultKind::WrongParity;
            }
        }
        let disks = images.disks(&missing);
        let (read, faults) = case.read(&disks);
        prop_assert_eq!(read.as_ref(), Some(&case.block));
        let found = spread(&faults, images.sector);
        for (place, kind) in &found {
            prop_assert_eq!(expected.get(place), Some(kind), "{:?}", place);
        }
        // all data columns were looked at
        for (set, cell) in cells(&case.layout).filter(|(set, cell)| !set.bytes(*cell).is_empty()) {
            let at = u64::try_from(images.range(set, cell).start).unwrap();
            let place = (format!("d{}", set.place(cell).child), at);
            prop_assert_eq!(expected.get(&place), found.get(&place), "{:?}", place);
        }
        prop_assert_eq!(spread(&case.scrub(&disks), images.sector), expected);
    }

    #[test]
    fn more_than_that_is_lost(case in case(), harms in harms(), any_goes in any::<bool>()) {
        let images = case.images();
        let missing: BTreeSet<usize> = harms.iter().map(|(_, index)| index.index(case.children)).collect();
        let is_lost = |set: &RowSet, row| {
            let lost = (0..set.columns).filter(|column| {
                !set.is_padding((row, *column)) && missing.contains(&set.place((row, *column)).child)
            });
            let lost: Vec<usize> = lost.collect();
            lost.len() > set.nparity && lost.iter().any(|column| *column >= set.nparity)
        };
        let is_lost = case.layout.sets.iter().any(|set| (0..set.rows).any(|row| is_lost(set, row)));
        let disks = images.disks(&missing);
        let mut faults = Vec::new();
        let judge = |bytes: &[u8]| any_goes || bytes == case.block;
        let read = read(&case.layout, &disks, case.block.len(), &judge, &mut faults);
        prop_assert_eq!(read, (!is_lost).then_some(case.block.clone()));
        prop_assert!(!is_lost || faults.iter().all(|fault| fault.kind == FaultKind::Missing) && !faults.is_empty());
    }

    /// One wrong sector in every row, each on a child of its own.
    #[test]
    fn rows_may_be_wrong_in_different_columns(case in case(), seed in any::<u64>()) {
        let mut images = case.images();
        let rows: usize = case.layout.sets.iter().map(|set| set.rows).sum();
        prop_assume!(case.nparity > 1 || rows <= 3);
        let mut hits = noise(rows, seed).into_iter().map(usize::from);
        for set in &case.layout.sets {
            for (row, hit) in (0..set.rows).zip(&mut hits) {
                let stored: Vec<usize> = (0..set.columns).filter(|column| row < set.height(*column)).collect();
                let cell = (row, stored[hit % stored.len()]);
                let range = images.range(set, cell);
                images.bytes[set.place(cell).child][range][7] ^= 1;
            }
        }
        let (read, faults) = case.read(&images.disks(&BTreeSet::new()));
        prop_assert_eq!(read, Some(case.block.clone()));
        prop_assert!(spread(&faults, images.sector).len() <= rows);
    }

    /// A child that is current but wrong, and one beside it that may be stale but is right, for more children than there
    /// is parity.
    #[test]
    fn other_sides_are_asked(case in case(), harms in harms(), is_there in any::<bool>()) {
        let images = case.images();
        let wrong: BTreeSet<usize> = harms.iter().map(|(_, index)| index.index(case.children)).collect();
        let mut disks = images.disks(&wrong);
        for child in &wrong {
            let garbage: Vec<u8> = images.bytes[*child].iter().map(|byte| byte ^ 0x33).collect();
            let first = leaf(*child, "", is_there.then_some(&garbage));
            let stale = leaf(*child, "stale", Some(&garbage));
            let right = leaf(*child, "right", Some(&images.bytes[*child]));
            disks.sides[*child] = vec![(first, true), (stale, false), (right, false)];
        }
        let (read, faults) = case.read(&disks);
        prop_assert_eq!(read, Some(case.block.clone()));
        prop_assert!(faults.iter().all(|fault| !fault.leaf.contains("right")));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Children that lied before an expansion dealt out what they held.
    #[test]
    fn former_children_may_be_wrong(
        shape in (1_usize..=2, 1_usize..=4, 1_usize..=3),
        start in 0_u64..5000,
        lies in prop::collection::vec(any::<prop::sample::Index>(), 2),
        seed in any::<u64>(),
    ) {
        let (p, data, added) = shape;
        let width = p + data;
        let nparity = u64::try_from(p).unwrap();
        let vdev = Raidz::new(width + added, nparity, 9, vec![100; added], None).unwrap();
        let size = 512 * 8 * data + 512;
        let layout = vdev.layout(&Extent { offset: start << 9, size, birth: 1 }).unwrap();
        let case = Case { layout, children: width + added, nparity: p, block: noise(size, seed) };
        let mut images = case.images();
        let mut harmed = 0;
        for (set, cell) in cells(&case.layout) {
            let Places::Numbered(numbering) = &set.places else { panic!("one by one") };
            let former = numbering.child_of(cell, width);
            if lies.iter().take(p).any(|lie| lie.index(width) == former) {
                let range = images.range(set, cell);
                images.bytes[set.place(cell).child][range].iter_mut().for_each(|byte| *byte ^= 0x77);
                harmed += 1;
            }
        }
        let (read, faults) = case.read(&images.disks(&BTreeSet::new()));
        prop_assert_eq!(read, Some(case.block.clone()));
        let found = spread(&faults, images.sector);
        prop_assert!(found.is_empty() || found.len() == harmed, "{} {}", found.len(), harmed);
    }
}

/// A block that nothing can save costs a second or two, not minutes.
#[test]
fn a_hopeless_block_is_given_up() {
    for (children, nparity, ashift, added, size) in
        [(255, 3, 9, 0, 4 << 20), (40, 3, 9, 30, 256 << 10), (10, 3, 12, 0, 4 << 20), (255, 2, 9, 0, 4096)]
    {
        let vdev = Raidz::new(children, nparity, ashift, vec![100; added], None).unwrap();
        let layout = vdev.layout(&Extent { offset: 0x40_d0000, size, birth: 1 }).unwrap();
        let nparity = usize::try_from(nparity).unwrap();
        let case = Case { layout, children, nparity, block: noise(size, 7) };
        let mut images = case.images();
        images.bytes.iter_mut().flatten().for_each(|byte| *byte = byte.wrapping_mul(77) ^ 5);
        let judged = std::sync::atomic::AtomicUsize::new(0);
        let judge = |bytes: &[u8]| {
            judged.fetch_add(bytes.len(), std::sync::atomic::Ordering::Relaxed);
            false
        };
        let disks = images.disks(&BTreeSet::new());
        let mut faults = Vec::new();
        assert_eq!(read(&case.layout, &disks, size, &judge, &mut faults), None);
        assert!(judged.into_inner() <= (1 << 29) + size, "{children} {size:#x}");
    }
}

/// A block in two groups of a dRAID: each of them has its own parity, and its own liar.
#[test]
fn each_group_may_have_its_liar() {
    let config =
        DraidConfig { width: 5, nparity: 1, ndata: 2, nspares: 1, ngroups: 4, nchildren: None, ashift: 9 };
    let stripe = 3 << 9;
    let offset = (1 << 15) * stripe - 20 * stripe;
    let layout = Draid::new(config).unwrap().layout(&Extent { offset, size: 40 << 10, birth: 0 }).unwrap();
    let case = Case { layout, children: 5, nparity: 1, block: noise(40 << 10, 3) };
    let mut images = case.images();
    assert_eq!(case.layout.sets.len(), 2);
    for set in &case.layout.sets {
        for row in 0..set.rows {
            let cell = (row, 1);
            let range = images.range(set, cell);
            images.bytes[set.place(cell).child][range][9] ^= 1;
        }
    }
    let (read, faults) = case.read(&images.disks(&BTreeSet::new()));
    assert_eq!(read, Some(case.block.clone()));
    assert_eq!(spread(&faults, 512).len(), case.layout.sets.iter().map(|set| set.rows).sum::<usize>());
}

/// The size must be that of the layout.
#[test]
fn a_wrong_size_is_refused() {
    let vdev = Raidz::new(3, 1, 9, Vec::new(), None).unwrap();
    let layout = vdev.layout(&Extent { offset: 0, size: 1024, birth: 0 }).unwrap();
    let disks = Images::write(&layout, 3, &[1; 1024]).disks(&BTreeSet::new());
    assert_eq!(read(&layout, &disks, 512, &|_| true, &mut Vec::new()), None);
}
