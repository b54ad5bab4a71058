//! Error logs of real pools, against what `zpool status -v` prints, and as a reader sees them.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly

#[macro_use]
mod common;

use std::collections::BTreeSet;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use common::forge::{Forge, micro_zap};
use common::program::zexplore;
use common::{each, fixtures};
use serde_json::Value;
use zfsp::zap::Zap;

/// As many damaged objects as `zpool status` has.
#[test]
fn each_log_has_the_errors_that_zpool_counts() {
    let pools: Vec<_> = fixtures().into_iter().filter_map(|f| Some((f.text("zfs.json")?, f))).collect();
    assert!(pools.len() > 60, "{}", pools.len());
    let (compared, errors) = (AtomicUsize::new(0), AtomicUsize::new(0));
    each(pools, |(text, fixture)| {
        let Ok(status) = serde_json::from_str::<Value>(text) else {
            return Err(format!("{}: no JSON", fixture.name));
        };
        let pools = status["zpool_status"]["pools"].as_object();
        let Some(pool) = pools.and_then(|pools| pools.values().next()) else {
            return Err(format!("{}: no pool in its status", fixture.name));
        };
        compared.fetch_add(1, Relaxed);
        let wanted: usize = pool["error_count"].as_str().map_or(0, |count| count.parse().unwrap());
        let run = zexplore(&["errors", "--json"], &fixture.images())?;
        let file =
            |line: &str| serde_json::from_str::<Value>(line).unwrap()["file"].as_str().unwrap().to_owned();
        let files: BTreeSet<String> = run.out.lines().map(file).collect();
        let known = pool["errlist"].as_array().cloned().unwrap_or_default();
        let known: BTreeSet<String> = known.iter().map(|file| file.as_str().unwrap().to_owned()).collect();
        errors.fetch_add(known.len(), Relaxed);
        let agree = files.len() == wanted && files == known;
        if agree { Ok(()) } else { Err(format!("{}: {files:?}, not {wanted}: {known:?}", fixture.name)) }
    });
    let (compared, errors) = (compared.into_inner(), errors.into_inner());
    assert!(compared >= 67 && errors >= 1, "{compared} pools and {errors} errors were compared");
}

/// The same damage in the form of older pools, and keys that are none; the rest of a lost log is still shown.
#[test]
fn both_forms_are_read() {
    let mut forge = Forge::of("simple");
    let directory = forge.pool.directory().unwrap();
    let mut names: Vec<(String, u64)> = Vec::new();
    for entry in Zap::of(&directory).unwrap().entries().map(Result::unwrap) {
        // the others are larger than a micro ZAP can hold
        if entry.value.len() == 1 && entry.key.to_string().len() < 50 {
            names.push((entry.key.to_string(), entry.value.first().unwrap()));
        }
    }
    // objects that are ZAPs become the logs
    let [last, scrub, inner] = ["feature_descriptions", "features_for_write", "pool_props"]
        .map(|name| forge.pool.directory_number(name).unwrap().unwrap());
    names.retain(|(name, _)| {
        !["feature_descriptions", "features_for_write", "pool_props"].contains(&name.as_str())
    });
    names.extend([("errlog_last".into(), last), ("errlog_scrub".into(), scrub)]);
    let names: Vec<(&str, u64)> = names.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    forge.content(0, last, &micro_zap(&[("36:8:0:0", 0), ("0:3d:0:0", 0), ("36:8:0", 0), ("ffff:1:0:0", 0)]));
    forge.content(0, scrub, &micro_zap(&[("36", inner), ("51", 1 << 40)]));
    forge.content(0, inner, &micro_zap(&[("8:0:0:a", 0), ("0:ffffffffffffffff:0:0", 0)]));
    forge.content(0, 1, &micro_zap(&names));
    let run = zexplore(&["errors"], &forge.saved.paths).unwrap();
    assert_eq!(run.code, 3);
    let lines: Vec<Vec<&str>> = run.out.lines().map(|line| line.split_whitespace().collect()).collect();
    let has =
        |start: &[&str]| assert!(lines.iter().any(|line| line.starts_with(start)), "{start:?}: {}", run.out);
    has(&["lab:/text-records", "8", "0", "0", "?"]);
    has(&["lab:/text-records", "8", "0", "0", "10"]);
    has(&["<metadata>:<0x3d>", "61", "0", "0", "?"]);
    has(&["<0xffff>:<0x1>", "1", "0", "0", "?"]);
    has(&["lab:<0x0>", "0", "object", "set", "0", "?"]);
    assert!(run.errors.contains("'36:8:0' names no block"), "{}", run.errors);
    assert!(run.errors.contains("errlog_scrub: MOS object 1099511627776"), "{}", run.errors);
}

transcripts! {
    errors_of_a_pool: "zexplore errors -p fixtures/errlog";
    errors_as_json: "zexplore errors --json -p fixtures/errlog";
    no_errors: "zexplore errors -p fixtures/simple";
}
