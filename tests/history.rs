//! Histories of real pools, against what `zpool history -il` prints, and as a reader sees them.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly

#[macro_use]
mod common;

use common::program::zexplore;
use common::{Fixture, each, fixtures, unpacked};

/// The lines that both print, of what was logged until the text was made.
fn told(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.is_empty()).collect()
}

fn check(fixture: &Fixture, text: &str) -> Result<(), String> {
    let images: Vec<_> = fixture.images().iter().map(|image| unpacked(image)).collect();
    let ours = zexplore(&["history", "-il"], &images)?;
    // pools before version 4 have none: `zpool` says so, and prints a head without lines
    if text.starts_with("cannot get history") {
        return if ours.code == 1 { Ok(()) } else { Err(format!("{}: a history", fixture.name)) };
    }
    if ours.code != 0 {
        return Err(format!("{}: exit code {}: {}", fixture.name, ours.code, ours.errors));
    }
    let (ours, theirs) = (told(&ours.out), told(text));
    match ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs) {
        Some((ours, theirs)) => Err(format!("{}:\n{ours}\nis\n{theirs}", fixture.name)),
        None if ours.len() != theirs.len() => {
            Err(format!("{}: {} lines, zpool has {}", fixture.name, ours.len(), theirs.len()))
        }
        None => Ok(()),
    }
}

#[test]
fn each_history_is_what_zpool_prints() {
    let pools: Vec<_> = fixtures().into_iter().filter_map(|f| Some((f.text("history.txt")?, f))).collect();
    assert!(pools.len() > 60, "histories are missing: {}", pools.len());
    each(pools, |(text, fixture)| check(fixture, text));
}
