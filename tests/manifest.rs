//! Every object of every dataset and snapshot of every pool: what the kernel said of it, field by field.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of counts

mod common;

use std::collections::BTreeMap;

use common::truth::{Difference, compare, key};
use common::{Fixture, each, fixtures};
use serde_json::Value;
use zfsp::manifest::{self, Depth};
use zfsp::namespace::Namespace;
use zfsp::pool::{Gathering, Options, Pool};

#[test]
fn each_object_is_what_the_kernel_says() {
    let lines = std::sync::atomic::AtomicUsize::new(0);
    let pools: Vec<_> = fixtures().into_iter().filter_map(|f| Some((f.text("truth.jsonl")?, f))).collect();
    assert!(pools.len() > 60, "truth is missing: {}", pools.len());
    each(pools, |(truth, fixture)| {
        let checked = check(fixture, truth, &Namespace::of(&fixture.unlocked()), None)?;
        lines.fetch_add(checked, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    });
    let lines = lines.into_inner();
    assert!(lines > 60_000, "only {lines} lines were compared");
}

#[test]
fn each_object_is_what_it_becomes_with_the_intent_log() {
    let pools: Vec<_> =
        fixtures().into_iter().filter_map(|f| Some((f.text("truth-replayed.jsonl")?, f))).collect();
    assert!(pools.len() >= 2, "truth is missing: {}", pools.len());
    each(pools, |(truth, fixture)| {
        let pool = fixture.unlocked();
        let names = Namespace::replayed(&pool);
        let checked = check(fixture, truth, &names, Some(pool.uberblock.timestamp.0.cast_signed()))?;
        if checked < 25 {
            return Err(format!("{}: only {checked} lines were compared", fixture.name));
        }
        Ok(())
    });
}

#[test]
fn each_object_is_what_it_was_at_the_checkpoint() {
    let fixture = common::fixture("checkpoint");
    let options = Options { checkpoint: true, ..Options::default() };
    let pool = Pool::open(Gathering::of(fixture.devices()), &options).unwrap();
    let truth = fixture.text("truth-checkpoint.jsonl").unwrap();
    let checked = check(&fixture, &truth, &Namespace::of(&pool), None).unwrap();
    assert!(checked > 100, "only {checked} lines were compared");
}

fn check(
    fixture: &Fixture,
    truth: &str,
    names: &Namespace<'_>,
    replayed: Option<i64>,
) -> Result<usize, String> {
    let mut ours: BTreeMap<String, Value> = BTreeMap::new();
    for dataset in names.datasets().all.iter().filter(|set| !set.is_hidden) {
        manifest::dataset(names, dataset, Depth::Hashes, |line| {
            let line = serde_json::to_value(&line).unwrap();
            ours.insert(key(&line), line);
            Ok(())
        })
        .unwrap();
    }
    compare(&fixture.name, truth, ours, |Difference { field, theirs, mine, .. }| {
        // a replay sets times to its own, and only the kernel knows what it will allocate
        replayed.is_some_and(|then| theirs.is_some_and(|time| time[0].as_i64() > Some(then)))
            || replayed.is_some() && *field == "blocks" && mine.is_none()
            || *field == "error" && theirs.is_some() && mine.is_some()
    })
}
