//! Error logs of real pools, against what `zpool status -v` prints, and as a reader sees them.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly

#[macro_use]
mod common;

use std::collections::BTreeSet;

use common::program::zexplore;
use common::{each, fixtures};
use serde_json::Value;

/// As many damaged objects as `zpool status` has.
#[test]
fn each_log_has_the_errors_that_zpool_counts() {
    let pools: Vec<_> = fixtures().into_iter().filter_map(|f| Some((f.text("zfs.json")?, f))).collect();
    assert!(pools.len() > 60, "{}", pools.len());
    each(pools, |(text, fixture)| {
        let Ok(status) = serde_json::from_str::<Value>(text) else { return Ok(()) };
        let pools = status["zpool_status"]["pools"].as_object();
        let Some(pool) = pools.and_then(|pools| pools.values().next()) else { return Ok(()) };
        let wanted: usize = pool["error_count"].as_str().map_or(0, |count| count.parse().unwrap());
        let run = zexplore(&["errors", "--json"], &fixture.images())?;
        let lines: BTreeSet<String> = run
            .out
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["file"].to_string())
            .collect();
        if lines.len() == wanted { Ok(()) } else { Err(format!("{}: {lines:?}, not {wanted}", fixture.name)) }
    });
}

transcripts! {
    errors_of_a_pool: "zexplore errors -p fixtures/errlog";
    errors_as_json: "zexplore errors --json -p fixtures/errlog";
    no_errors: "zexplore errors -p fixtures/simple";
}
