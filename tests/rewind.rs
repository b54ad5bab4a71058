//! Other states of a pool than its newest: older uberblocks, the checkpoint, devices that were part of another pool.
#![allow(missing_docs)]
#![allow(clippy::as_conversions)] // of small numbers
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly

mod common;

use std::collections::BTreeSet;

use common::image::{Image, Saved};
use common::pools::{open, verify};
use common::{each, fixture, fixtures};
use zfsp::dataset::Datasets;
use zfsp::device::Device;
use zfsp::pool::{Gathering, Member, Options, Pool, Trouble};
use zfsp::verify::{Depth, Outcome};
use zfsp_grammar::label::{LABEL_SIZE, places};

fn state(devices: Vec<Device>, txg: u64) -> zfsp::error::Result<Pool> {
    Pool::open(Gathering::of(devices), &Options { txg: Some(txg), ..Options::default() })
}

/// The txgs of all uberblocks, the newest first.
fn txgs(devices: &[Device]) -> Vec<u64> {
    let members: Vec<Member> = devices.iter().filter_map(|device| Member::read(device.clone())).collect();
    let txgs: BTreeSet<u64> = members.iter().flat_map(Member::uberblocks).map(|u| u.txg.0).collect();
    txgs.into_iter().rev().collect()
}

/// Every state of every pool that can still be opened is what was asked for, and nothing of it is newer.
#[test]
fn older_states_open() {
    let all: Vec<_> = fixtures().into_iter().filter(|fixture| open(fixture.devices()).is_ok()).collect();
    each(all, |fixture| {
        let devices = fixture.devices();
        let (mut opened, mut whole) = (0, 0);
        let txgs = txgs(&devices);
        for txg in txgs.iter().step_by(txgs.len().div_ceil(6)) {
            let what = format!("{} at txg {txg}", fixture.name);
            let Ok(pool) = state(devices.clone(), *txg) else { continue };
            opened += 1;
            let used = pool.uberblock.txg.0;
            let says = pool.troubles.iter().any(|trouble| matches!(trouble, Trouble::Rewound(_)));
            if used > *txg || (used < *txg) != says {
                return Err(format!("{what}: txg {used} was taken: {:?}", pool.troubles));
            }
            let (report, findings) = verify(&pool, Depth::OneCopy);
            let newer =
                findings.iter().filter_map(|finding| finding.pointer).find(|p| p.logical_birth().0 > used);
            if let Some(newer) = newer {
                return Err(format!("{what}: {newer} is newer"));
            }
            let named = findings.iter().filter(|finding| matches!(finding.outcome, Outcome::Lost(_))).count();
            if report.errors != named as u64 || report.total.blocks == 0 {
                return Err(format!("{what}: {} errors, {named} named", report.errors));
            }
            whole += usize::from(report.errors == 0);
        }
        // the newest state is whole, but for what NOTES says
        if opened == 0 || whole as u64 + fixture.damaged_blocks() == 0 {
            return Err(format!("{}: {opened} states open, {whole} of them are whole", fixture.name));
        }
        Ok(())
    });
}

/// Nothing was written but heartbeats and empty transaction groups: all of the ring can still be read.
#[test]
fn a_ring_of_whole_states() {
    let devices = fixture("uberblock-ring").devices();
    let txgs = txgs(&devices);
    assert!(txgs.len() > 100, "{txgs:?}");
    let whole = txgs.iter().filter(|txg| {
        let pool = state(devices.clone(), **txg);
        pool.is_ok_and(|pool| pool.uberblock.txg.0 == **txg && verify(&pool, Depth::OneCopy).0.errors == 0)
    });
    let whole: Vec<_> = whole.collect();
    assert!(whole.len() >= 3, "{whole:?}");
    let oldest = *txgs.last().unwrap();
    let error = state(devices, oldest - 1).unwrap_err().to_string();
    assert!(error.contains(&format!("the oldest is of txg {oldest}")), "{error}");
}

#[test]
fn the_checkpoint_has_what_it_had() {
    let fixture = fixture("checkpoint");
    let options = Options { checkpoint: true, ..Options::default() };
    let pool = Pool::open(Gathering::of(fixture.devices()), &options).unwrap();
    assert_eq!(pool.troubles, []);
    let (report, findings) = verify(&pool, Depth::AllCopies);
    assert_eq!((report.errors, report.repaired), (0, 0), "{findings:?}");
    let names = |pool: &Pool| -> BTreeSet<String> {
        Datasets::of(pool).all.into_iter().filter(|set| !set.is_hidden).map(|set| set.name).collect()
    };
    let truth = |file: &str| -> BTreeSet<String> {
        let text = fixture.text(file).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        lines.map(|line| line["dataset"].as_str().unwrap().to_owned()).collect()
    };
    let (then, now) = (truth("truth-checkpoint.jsonl"), truth("truth.jsonl"));
    assert_eq!(names(&pool), then);
    assert_eq!(names(&fixture.pool()), now);
    assert_ne!(then, now);
    // a pool without one says so
    let none = Pool::open(Gathering::of(common::fixture("simple").devices()), &options).unwrap_err();
    assert_eq!(none.to_string(), "pool lab has no checkpoint");
}

#[test]
fn pools_in_one_folder_are_told_apart() {
    let names = ["split-new", "split-destroyed", "simple", "mirror2"];
    let devices: Vec<Device> = names.iter().flat_map(|name| fixture(name).devices()).collect();
    let gather = || Gathering::of(devices.clone());
    let error = Pool::open(gather(), &Options::default()).unwrap_err().to_string();
    for name in ["spl2 (", "spl (", "lab ("] {
        assert!(error.contains(name), "{error}");
    }
    for name in names {
        let alone = fixture(name).pool();
        for wanted in [alone.guid.to_string(), alone.name.clone()] {
            let options = Options { pool: Some(wanted.clone()), ..Options::default() };
            let Ok(pool) = Pool::open(gather(), &options) else {
                // two of them are called lab
                assert_eq!(wanted, "lab");
                continue;
            };
            assert_eq!(
                (pool.guid, &pool.uberblock, &pool.troubles),
                (alone.guid, &alone.uberblock, &alone.troubles)
            );
            let counts = |pool| verify(pool, Depth::AllCopies).0;
            let (ours, theirs) = (counts(&pool), counts(&alone));
            assert_eq!(
                (ours.total, ours.errors, ours.repaired),
                (theirs.total, theirs.errors, theirs.repaired)
            );
        }
    }
}

/// Copies labels `which` of one image over those of another.
fn relabel(image: &Image, from: &Image, which: &[usize]) -> Image {
    let mut image = image.clone();
    for n in which {
        let at = |len| places(len)[*n].unwrap();
        image.write(at(image.len), &from.read(at(from.len), LABEL_SIZE));
    }
    image
}

/// A device was part of another pool before: labels of that are left at its end.
#[test]
fn stale_labels_of_another_pool_do_not_count() {
    // the other pool has seen more transaction groups
    let [simple, other] = ["simple", "uberblock-ring"].map(|name| fixture(name).copies().remove(0));
    let alone = fixture("simple").pool();
    for stale in [&[3][..], &[0], &[1]] {
        let saved = Saved::new([&relabel(&simple, &other, stale)]);
        let wanted = Options { pool: Some(alone.guid.to_string()), ..Options::default() };
        let pool = Pool::open(Gathering::of(saved.devices()), &wanted);
        let pool = pool.unwrap_or_else(|error| panic!("{stale:?}: {error}"));
        assert_eq!(pool.uberblock, alone.uberblock, "{stale:?}");
        assert_eq!(pool.newest, alone.newest, "{stale:?}");
        let (report, findings) = verify(&pool, Depth::AllCopies);
        assert_eq!((report.errors, report.repaired), (0, 0), "{stale:?}: {findings:?}");
    }
}
