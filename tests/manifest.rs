//! Every object of every dataset and snapshot of every pool: what the kernel said of it, field by field.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of counts

mod common;

use std::collections::BTreeMap;

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

/// The name of an object in both.
fn key(line: &Value) -> String {
    let text = |name: &str| line[name].as_str().map(|text| format!(" {name} {text}"));
    let all = [text("dataset"), text("path"), text("path_b64")];
    all.into_iter().flatten().collect()
}

fn check(
    fixture: &Fixture,
    truth: &str,
    names: &Namespace<'_>,
    replayed: Option<i64>,
) -> Result<usize, String> {
    let truth: Vec<Value> = truth.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut ours: BTreeMap<String, Value> = BTreeMap::new();
    let (mut failures, mut checked) = (Vec::new(), 0);
    for dataset in names.datasets().all.iter().filter(|set| !set.is_hidden) {
        let mut order: Vec<Value> = Vec::new();
        manifest::dataset(names, dataset, Depth::Hashes, |line| {
            order.push(serde_json::to_value(&line).unwrap());
            Ok(())
        })
        .unwrap();
        for line in order {
            ours.insert(key(&line), line);
        }
    }
    for line in &truth {
        let name = line["dataset"].as_str().unwrap();
        // what the kernel could not look at is nothing to be held against
        if line["mount_error"].is_string() || line["no_device"].is_boolean() {
            ours.retain(|_, ours| ours["dataset"] != line["dataset"]);
            continue;
        }
        let Some(mine) = ours.remove(&key(line)) else {
            failures.push(format!("missing: {line}"));
            continue;
        };
        checked += 1;
        let (line, mine) = (line.as_object().unwrap(), mine.as_object().unwrap().clone());
        let names: std::collections::BTreeSet<&String> = line.keys().chain(mine.keys()).collect();
        for field in names {
            let (theirs, mine) = (line.get(field), mine.get(field));
            // the kernel makes one up for the root directory of a snapshot
            let is_made_up =
                field == "ino" && name.contains('@') && line.get("path").is_some_and(|path| path == "");
            // a replay sets times to its own, and only the kernel knows what it will allocate
            let is_of_replay = replayed
                .is_some_and(|then| theirs.is_some_and(|time| time[0].as_i64() > Some(then)))
                || replayed.is_some() && field == "blocks" && mine.is_none();
            let is_loss = field == "error" && theirs.is_some() && mine.is_some();
            if theirs != mine && !is_made_up && !is_loss && !is_of_replay {
                failures.push(format!(
                    "{}: {field} is {mine:?}, not {theirs:?}",
                    key(&Value::from(line.clone()))
                ));
            }
        }
    }
    failures.extend(ours.keys().map(|key| format!("too much: {key}")));
    match failures.len() {
        0 => Ok(checked),
        n => Err(format!("{}: {n} differences:\n{}", fixture.name, failures[..n.min(12)].join("\n"))),
    }
}
