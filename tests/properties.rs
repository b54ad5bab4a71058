//! Datasets and properties: every value and source that `zfs get all` and `zpool get all` showed of every pool.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Fixture, each, fixtures};
use serde_json::Value as Json;
use zfsp::dataset::Dsl;
use zfsp::dataset::property::Setting;

/// Properties that only a running system knows.
const OF_THE_SYSTEM: &[(&str, &str)] = &[
    ("mounted", "whether a file system is mounted"),
    ("keystatus", "whether the key is loaded"),
    ("available", "how much of the free space the running version keeps in reserve is its own choice"),
];

#[test]
fn each_dataset_has_the_properties_that_zfs_shows() {
    let with_truth = |fixture: Fixture| Some((fixture.text("zfs.json")?, fixture));
    let pools: Vec<_> = fixtures().into_iter().filter_map(with_truth).collect();
    assert!(pools.len() > 60, "truth is missing: {}", pools.len());
    let facts = AtomicUsize::new(0);
    each(pools, |(text, fixture)| {
        let truth: Json = serde_json::from_str(text).unwrap();
        let (count, failures) = check(fixture, &truth["zfs_get"]["datasets"]);
        facts.fetch_add(count, Ordering::Relaxed);
        if failures.is_empty() { Ok(()) } else { Err(format!("{}:\n{}", fixture.name, failures.join("\n"))) }
    });
    let facts = facts.into_inner();
    println!("{facts} facts");
    assert!(facts > 35_000, "{facts} facts only");
}

/// Facts that were compared, and what differs.
fn check(fixture: &Fixture, truth: &Json) -> (usize, Vec<String>) {
    let pool = fixture.pool();
    let dsl = Dsl::of(&pool);
    let mut failures: Vec<String> = dsl.datasets.losses.iter().map(ToString::to_string).collect();
    let mut ours: BTreeMap<String, Vec<Setting>> = BTreeMap::new();
    for set in dsl.datasets.all.iter().filter(|set| !set.is_hidden) {
        let (all, losses) = dsl.properties(set);
        failures.extend(losses.iter().map(|loss| format!("{}: {loss}", set.name)));
        ours.insert(set.name.clone(), all);
        let (bookmarks, losses) = dsl.bookmarks(set);
        failures.extend(losses.iter().map(ToString::to_string));
        for bookmark in bookmarks {
            let (all, losses) = dsl.properties_of_bookmark(&bookmark);
            failures.extend(losses.iter().map(ToString::to_string));
            ours.insert(bookmark.name.clone(), all);
        }
    }
    let theirs = truth.as_object().unwrap();
    let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let mut facts = 0;
    for name in names {
        let (Some(ours), Some(theirs)) = (ours.get(name), theirs.get(name)) else {
            failures.push(format!("{name} is listed by one only"));
            continue;
        };
        let ours: BTreeMap<&str, (String, String)> = ours.iter().map(|s| (s.name.as_str(), told(s))).collect();
        let theirs: BTreeMap<&str, (String, String)> =
            theirs["properties"].as_object().unwrap().iter().map(|(name, fact)| (name.as_str(), shown(fact))).collect();
        let known: BTreeSet<&str> = ours.keys().chain(theirs.keys()).copied().collect();
        for property in known.into_iter().filter(|name| !OF_THE_SYSTEM.iter().any(|(system, _)| system == name)) {
            facts += 2;
            let (ours, theirs) = (ours.get(property), theirs.get(property));
            if ours != theirs {
                failures.push(format!("{name} {property}: {ours:?}, not {theirs:?}"));
            }
        }
    }
    (facts, failures)
}

fn told(setting: &Setting) -> (String, String) {
    (setting.value.to_string(), setting.source.to_string())
}

fn shown(fact: &Json) -> (String, String) {
    let source = match fact["source"]["type"].as_str().unwrap() {
        "NONE" => "-".into(),
        "INHERITED" => format!("inherited from {}", fact["source"]["data"].as_str().unwrap()),
        other => other.to_lowercase(),
    };
    (fact["value"].as_str().unwrap().into(), source)
}
