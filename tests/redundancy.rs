//! Redundancy: with every set of devices lost that a pool tolerates, with sectors of them overwritten, with devices in
//! any order, everything verifies; with one more lost, what is lost is named, and nothing wrong is delivered.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use common::image::{Image, Random, Saved};
use common::pools::{open, verify};
use common::program::zexplore;
use common::tour::{Tour, Visited, tour};
use common::{Fixture, each, fixtures};
use zfsp::object::Bookmark;
use zfsp::vdev::Top;
use zfsp::vdev::config::{VdevConfig, VdevKind};
use zfsp::verify::{Depth, Finding, Outcome};
use zfsp_grammar::blkptr::Dva;

/// A pool that survives the loss of a device.
struct Redundant {
    fixture: Fixture,
    images: Vec<Image>,
    /// The tree that says what it survives.
    config: VdevConfig,
    /// Of each image.
    guids: Vec<u64>,
    sector: usize,
}

/// Images by their places in the list.
type Set = BTreeSet<usize>;

/// All pools of which at least one device can be lost.
fn redundant() -> Vec<Redundant> {
    let all: Vec<Redundant> = fixtures().into_iter().filter_map(Redundant::of).collect();
    let names: Vec<&str> = all.iter().map(|pool| pool.fixture.name.as_str()).collect();
    for kind in
        ["mirror2", "bigendian-mirror", "raidz1-3", "raidz2-6-ashift12", "raidz3-7", "draid1", "replacing"]
    {
        assert!(names.contains(&kind), "{kind} is not redundant: {names:?}");
    }
    all
}

impl Redundant {
    fn of(fixture: Fixture) -> Option<Self> {
        let devices = fixture.devices();
        if devices.len() < 2 {
            return None;
        }
        // two pools in one folder are none
        let pool = open(devices).ok()?;
        let images = fixture.copies();
        let guid = |image: &Image| {
            let name =
                |device: &zfsp::device::Device| device.name().ends_with(&format!("/{}.img", image.name));
            let member = pool.members.iter().find(|member| name(&member.device));
            member.and_then(|member| Some(member.config()?.guid)).unwrap_or_default()
        };
        let guids = images.iter().map(guid).collect();
        let sector = pool.store.vdevs.tops().map(zfsp::vdev::Top::sector).max().unwrap_or(512);
        let all = Self { config: pool.config.clone(), guids, images, sector, fixture };
        // spares and caches hold nothing, and are no redundancy
        let counts = |n: usize| all.guids[n] != 0 && all.survives(&Set::from([n]));
        (0..all.images.len()).any(counts).then_some(all)
    }

    fn survives(&self, lost: &Set) -> bool {
        let lost: BTreeSet<u64> = lost.iter().map(|n| self.guids[*n]).collect();
        self.config.children.iter().all(|top| is_left(top, &lost))
    }

    /// Sets of devices that can be lost, and that cannot, but could with one less.
    fn sets(&self) -> (Vec<Set>, Vec<Set>) {
        let all = (0u32..1 << self.images.len())
            .map(|bits| -> Set { (0..self.images.len()).filter(|n| bits >> n & 1 == 1).collect() });
        let one_less = |set: &Set, n: &usize| set.iter().copied().filter(|k| k != n).collect::<Set>();
        let (kept, lost): (Vec<Set>, Vec<Set>) = all.partition(|set| self.survives(set));
        let fatal =
            |set: &Set| set.len() < self.images.len() && set.iter().any(|n| self.survives(&one_less(set, n)));
        (kept.into_iter().filter(|set| !set.is_empty()).collect(), lost.into_iter().filter(fatal).collect())
    }

    /// Whether the device holds what was written last.
    fn is_current(&self, n: usize) -> bool {
        let config = self.config.all().find(|vdev| vdev.guid == self.guids[n]);
        config.is_some_and(|vdev| !is_stale(vdev))
    }

    fn without(&self, lost: &Set) -> Saved {
        Saved::new(self.images.iter().enumerate().filter(|(n, _)| !lost.contains(n)).map(|(_, image)| image))
    }

    fn named(&self, set: &Set) -> String {
        let names: Vec<&str> = set.iter().map(|n| self.images[*n].name.as_str()).collect();
        format!("{} {}", self.fixture.name, names.join("+"))
    }
}

fn is_stale(vdev: &VdevConfig) -> bool {
    // a spare in use is as good as what it stands for
    vdev.is_resilvering || vdev.states.iter().any(|state| !state.ends_with("spare"))
}

/// Whether all data of a vdev can be had without these devices.
fn is_left(vdev: &VdevConfig, lost: &BTreeSet<u64>) -> bool {
    let gone = || vdev.children.iter().filter(|child| !is_left(child, lost)).count();
    match vdev.kind {
        VdevKind::File | VdevKind::Disk => !lost.contains(&vdev.guid) && !is_stale(vdev),
        VdevKind::Mirror | VdevKind::Replacing | VdevKind::Spare => gone() < vdev.children.len(),
        VdevKind::Raidz | VdevKind::Draid => gone() as u64 <= vdev.nparity.unwrap(),
        // its space is on the others: whichever is lost, each stripe misses one column of it at most
        VdevKind::DistributedSpare => true,
        _ => true,
    }
}

/// Some of many sets: all that are small in number, else a choice with a fixed seed.
fn some(mut sets: Vec<Set>, most: usize) -> Vec<Set> {
    let mut random = Random::new(7);
    while sets.len() > most {
        sets.swap_remove(random.below(sets.len()));
    }
    sets
}

#[test]
fn devices_are_lost() {
    each(redundant(), |pool| {
        for lost in some(pool.sets().0, 24) {
            let what = pool.named(&lost);
            let saved = pool.without(&lost);
            let opened = open(saved.devices()).map_err(|error| format!("{what}: {error}"))?;
            let (report, findings) = verify(&opened, Depth::OneCopy);
            if report.errors != pool.fixture.damaged_blocks() {
                return Err(format!("{what}: {} errors, {:?}", report.errors, findings.first()));
            }
            // of small blocks a device may hold nothing but parity, which nobody asks for
            let is_missed = || verify(&opened, Depth::AllCopies).0.repaired > 0;
            let holds = |n: &usize| pool.is_current(*n) && !pool.covered(*n).is_empty();
            if report.repaired == 0 && !is_missed() && lost.iter().any(holds) {
                return Err(format!("{what}: nothing is missing"));
            }
        }
        Ok(())
    });
}

#[test]
fn devices_come_in_any_order() {
    each(redundant(), |pool| {
        let saved = Saved::new(&pool.images);
        let count = |by: usize| {
            let mut devices = saved.devices();
            devices.rotate_left(by);
            if by % 2 == 1 {
                devices.reverse();
            }
            let pool = open(devices).unwrap();
            let (report, _) = verify(&pool, Depth::OneCopy);
            (report.errors, report.repaired, report.total, pool.troubles)
        };
        let first = count(0);
        for by in 1..=pool.images.len().min(4) {
            if count(by) != first {
                return Err(format!(
                    "{}: order {by} gives {:?}, not {first:?}",
                    pool.fixture.name,
                    count(by)
                ));
            }
        }
        Ok(())
    });
}

/// What a device is called, and a range of its bytes.
type Spot = (String, std::ops::Range<u64>);

fn spots(findings: &[Finding]) -> Vec<Spot> {
    let faults = findings.iter().flat_map(|finding| &finding.faults);
    faults.map(|fault| (fault.leaf.to_string(), fault.at..fault.at + fault.len)).collect()
}

/// Sectors are overwritten, whole or in single bytes: all is repaired, and each of them that belongs to a block is named.
#[test]
fn sectors_are_overwritten() {
    let hits = AtomicU64::new(0);
    each(redundant(), |pool| {
        let covered: BTreeMap<String, Ranges> =
            (0..pool.images.len()).map(|n| (pool.images[n].name.clone(), pool.covered(n))).collect();
        for (round, hit) in some(pool.sets().0, 8).into_iter().enumerate() {
            let what = pool.named(&hit);
            let mut random = Random::new(round as u64 + 1);
            let mut images = pool.images.clone();
            let mut sectors: Vec<(String, u64)> = Vec::new();
            for n in &hit {
                let image = &mut images[*n];
                let used: Vec<u64> = image
                    .used()
                    .into_iter()
                    .filter(|at| (4 << 20..image.len - (1 << 20)).contains(at))
                    .collect();
                for _ in 0..if used.is_empty() { 0 } else { 96 } {
                    let at = random.of(&used) + (random.below(4096 / pool.sector) * pool.sector) as u64;
                    let noise: Vec<u8> = (0..pool.sector).map(|_| random.byte()).collect();
                    if random.below(3) > 0 {
                        image.write(at, &noise);
                        sectors.push((image.name.clone(), at));
                    } else {
                        let at = at + random.below(pool.sector) as u64;
                        let old = image.read(at, 1)[0];
                        image.write(at, &[old ^ 0x55]);
                    }
                }
            }
            let saved = Saved::new(&images);
            let opened = open(saved.devices()).map_err(|error| format!("{what}: {error}"))?;
            let (report, findings) = verify(&opened, Depth::OneCopy);
            if report.errors != pool.fixture.damaged_blocks() {
                let lost = findings.iter().find(|finding| matches!(finding.outcome, Outcome::Lost(_)));
                return Err(format!(
                    "{what}: {} errors, {} repaired, {lost:?}",
                    report.errors, report.repaired
                ));
            }
            let (report, findings) = verify(&opened, Depth::AllCopies);
            if report.errors != pool.fixture.damaged_blocks() {
                return Err(format!("{what}: {} errors in all copies", report.errors));
            }
            let named = spots(&findings);
            sectors.retain(|(name, at)| is_covered(&covered[name], *at));
            hits.fetch_add(sectors.len() as u64, Ordering::Relaxed);
            let unnamed: Vec<&(String, u64)> = sectors
                .iter()
                .filter(|(name, at)| !named.iter().any(|(leaf, range)| is(leaf, name) && range.contains(at)))
                .collect();
            if !unnamed.is_empty() {
                return Err(format!("{what}: of {} sectors not named: {unnamed:x?}", sectors.len()));
            }
        }
        Ok(())
    });
    assert!(hits.into_inner() > 1000, "too few sectors of blocks were hit");
}

fn is(leaf: &str, name: &str) -> bool {
    leaf.ends_with(&format!("{name}.img")) || leaf.contains(&format!("/{name}.img)"))
}

/// Ranges that do not overlap, by start.
type Ranges = BTreeMap<u64, u64>;

fn is_covered(ranges: &Ranges, at: u64) -> bool {
    ranges.range(..=at).next_back().is_some_and(|(_, end)| at < *end)
}

impl Redundant {
    /// What of a device belongs to blocks: what is missed when it is gone.
    fn covered(&self, n: usize) -> Ranges {
        let saved = self.without(&Set::from([n]));
        let Ok(opened) = open(saved.devices()) else { return Ranges::new() };
        let (_, findings) = verify(&opened, Depth::AllCopies);
        let guid = format!("device {}", self.guids[n]);
        let mut ranges = Ranges::new();
        for (_, range) in spots(&findings).into_iter().filter(|(leaf, _)| leaf.starts_with(&guid)) {
            let end = ranges.entry(range.start).or_default();
            *end = range.end.max(*end);
        }
        ranges
    }
}

/// With one device too many lost, what can be had is had and right, and what cannot is named.
#[test]
fn one_device_too_many_is_lost() {
    let errors = AtomicU64::new(0);
    each(redundant(), |pool| {
        let saved = Saved::new(&pool.images);
        let opened = open(saved.devices()).unwrap();
        let (whole, txg) = (tour(&opened), opened.uberblock.txg);
        for (round, lost) in some(pool.sets().1, 10).into_iter().enumerate() {
            let what = pool.named(&lost);
            let saved = pool.without(&lost);
            let Ok(opened) = open(saved.devices()) else { continue };
            let (report, findings) = verify(&opened, Depth::OneCopy);
            let left = tour(&opened);
            // the newest state went with the devices, or cannot be read
            if opened.uberblock.txg != txg {
                continue;
            }
            check(&whole, &left, &findings).map_err(|why| format!("{what}: {why}"))?;
            let lost = findings.iter().filter(|finding| matches!(finding.outcome, Outcome::Lost(_)));
            if report.errors != lost.count() as u64 {
                return Err(format!("{what}: {} errors, not as many findings", report.errors));
            }
            errors.fetch_add(report.errors, Ordering::Relaxed);
            if report.errors > 0 && round < 2 {
                let run =
                    zexplore(&["verify", "--quiet"], &saved.paths).map_err(|why| format!("{what}: {why}"))?;
                if run.code != 3 || !run.out.contains("lost") {
                    return Err(format!("{what}: exit code {}: {}", run.code, run.out));
                }
            }
        }
        Ok(())
    });
    assert!(errors.into_inner() > 100, "too little was lost");
}

/// Compares what is left with what there was.
fn check(whole: &Tour, left: &Tour, findings: &[Finding]) -> Result<(), String> {
    let mut named: BTreeSet<Bookmark> = BTreeSet::new();
    for finding in findings.iter().filter(|finding| matches!(finding.outcome, Outcome::Lost(_))) {
        let is_named = finding.pointer.is_some() && !finding.faults.is_empty();
        if !is_named {
            return Err(format!("{}: no pointer or no faults", finding.at));
        }
        named.insert(finding.at);
    }
    for (at, blocks) in &left.blocks {
        for block in blocks {
            let is_same = |b: &&Visited| b.pointer == block.pointer;
            let here = whole.blocks.get(at).and_then(|all| all.iter().find(is_same));
            // where a snapshot is lost, others are visited for what they share with it
            let known = here.or_else(|| whole.blocks.values().flatten().find(is_same));
            let Some(known) = known else { return Err(format!("{at}: there is no such block")) };
            if block.hash.is_some() && block.hash != known.hash {
                return Err(format!("{at}: wrong bytes are taken for right"));
            }
            if block.hash.is_none() && known.hash.is_some() && !named.contains(at) {
                return Err(format!("{at}: lost, but not named"));
            }
        }
    }
    // what was not reached lies below something that is named
    for at in whole.blocks.keys().filter(|at| !left.blocks.contains_key(at)) {
        if !named.iter().any(|above| is_above(above, at)) {
            return Err(format!("{at}: not reached, and nothing above it is named"));
        }
    }
    Ok(())
}

/// Whether a block may be needed to get to another one.
fn is_above(above: &Bookmark, at: &Bookmark) -> bool {
    let is_of_dnodes = |b: &Bookmark| b.at.object == 0;
    match above.at.objset == at.at.objset {
        // the same object, or the dnodes of all
        true => above.level == -1 || is_of_dnodes(above) || (above.at == at.at && above.level > at.level),
        // the dnode of the dataset
        false => above.at.objset == 0 && (above.level == -1 || is_of_dnodes(above)),
    }
}

/// Pools of single disks: of every block with several copies one is overwritten, and repaired from another one.
#[test]
fn copies_are_overwritten() {
    let repaired = AtomicU64::new(0);
    each(fixtures(), |fixture| {
        let Ok(opened) = open(fixture.devices()) else { return Ok(()) };
        let tops: Vec<&Top> = opened.store.vdevs.tops().collect();
        if tops.iter().any(|top| top.is_striped() || top.mapping().is_some() || top.leaves().len() != 1) {
            return Ok(());
        }
        let mut images = fixture.copies();
        let mut random = Random::new(3);
        // a block that several names share is hit once
        let (mut hit, mut first) = (BTreeSet::new(), BTreeSet::new());
        for (at, blocks) in tour(&opened).blocks {
            for b in
                blocks.iter().filter_map(|block| block.pointer.stored()).filter(|b| b.copies().count() > 1)
            {
                if !first.insert([b.dva[0].extent.0, b.dva[0].place.0]) {
                    continue;
                }
                let copies: Vec<&Dva> = b.copies().collect();
                let dva = random.of(&copies);
                let name = &tops[dva.vdev() as usize].leaves()[0].name;
                let image = images.iter_mut().find(|image| is(name, &image.name)).unwrap();
                let noise: Vec<u8> = (0..512).map(|_| random.byte()).collect();
                image.write((4 << 20) + dva.offset(), &noise);
                hit.insert(at);
            }
        }
        let saved = Saved::new(&images);
        let opened = open(saved.devices()).map_err(|error| format!("{}: {error}", fixture.name))?;
        for depth in [Depth::OneCopy, Depth::AllCopies] {
            let (report, findings) = verify(&opened, depth);
            if report.errors != fixture.damaged_blocks() {
                let lost = findings.iter().find(|finding| matches!(finding.outcome, Outcome::Lost(_)));
                return Err(format!("{}: {} errors, {lost:?}", fixture.name, report.errors));
            }
            let found: BTreeSet<Bookmark> = findings.iter().map(|finding| finding.at).collect();
            let missed: Vec<_> = hit.difference(&found).collect();
            if depth == Depth::AllCopies && !missed.is_empty() {
                return Err(format!("{}: of {} not named: {missed:?}", fixture.name, hit.len()));
            }
            repaired.fetch_add(report.repaired, Ordering::Relaxed);
        }
        Ok(())
    });
    assert!(repaired.into_inner() > 5000, "too few copies were hit");
}
