//! Encrypted pools with random bytes overwritten, keys given: nothing panics, and what is shown as data is what was
//! written; the rest is named.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::image::{Image, Random, Saved};
use common::pools::open;
use common::program::zexplore;
use common::{Fixture, each, fixture};
use zfsp_grammar::label::DATA_AT;
use zfsp_grammar::quantity::Txg;

const FIXTURES: [&str; 5] = [
    "encryption-formats",
    "encryption-mixed",
    "encryption-suites",
    "encryption-pool",
    "unclean-zil-encrypted",
];

/// A pool, and what is true of it while nothing is damaged.
struct Whole {
    fixture: Fixture,
    images: Vec<Image>,
    txg: Txg,
    lines: BTreeSet<String>,
}

impl Whole {
    fn of(name: &str) -> Self {
        let fixture = fixture(name);
        let images = fixture.copies();
        let saved = Saved::new(&images);
        let (lines, lost) = manifest(&fixture, &saved);
        assert_eq!(lost, 0, "{name}");
        Self { txg: fixture.pool().uberblock.txg, fixture, images, lines }
    }

    /// A copy with so many bytes of its data overwritten.
    fn damaged(&self, seed: u64, count: usize) -> Saved {
        let mut random = Random::new(seed);
        let mut image = self.images[0].clone();
        let end = image.len - (512 << 10);
        let used: Vec<u64> = image.used().into_iter().filter(|at| (DATA_AT..end).contains(at)).collect();
        for _ in 0..count {
            let at = random.of(&used) + random.below(4096) as u64;
            image.write(at, &[random.byte()]);
        }
        Saved::new(&[image])
    }
}

/// What is said of everything, without what is lost; and how many lines that is.
fn manifest(fixture: &Fixture, saved: &Saved) -> (BTreeSet<String>, usize) {
    let keys = fixture.folder.join("keys.json");
    let run = zexplore(&["manifest", "--keys", keys.to_str().unwrap()], &saved.paths).unwrap();
    let is_lost = |line: &&str| line.contains("error\":\"");
    let lost = run.out.lines().filter(is_lost).count();
    assert!(lost == 0 || run.code != 0, "lost in silence");
    (run.out.lines().filter(|line| !is_lost(line)).map(str::to_owned).collect(), lost)
}

/// Whether the line is of a dataset whose name is known.
fn is_named(whole: &Whole, line: &str) -> bool {
    let start = line.split("\",\"").next().unwrap();
    whole.lines.iter().any(|whole| whole.starts_with(start))
}

#[test]
fn what_is_shown_is_true() {
    let compared = AtomicUsize::default();
    let lost = AtomicUsize::default();
    each(FIXTURES.to_vec(), |name| {
        let whole = Whole::of(name);
        let keys = whole.fixture.folder.join("keys.json");
        let keys = keys.to_str().unwrap();
        for (seed, count) in [1, 4, 16, 64, 256].into_iter().enumerate() {
            let saved = whole.damaged(seed as u64 + 1, count);
            for args in [&["verify", "--all-copies"][..], &["zil"], &["ls", "-R", "--replay"], &["verify"]] {
                zexplore(&[args, &["--keys", keys]].concat(), &saved.paths)?;
            }
            // an older state of the pool is another truth
            if !open(saved.devices()).is_ok_and(|pool| pool.uberblock.txg == whole.txg) {
                continue;
            }
            let (lines, not_shown) = manifest(&whole.fixture, &saved);
            let other = lines.difference(&whole.lines).find(|line| is_named(&whole, line));
            if let Some(other) = other {
                return Err(format!("{name}, seed {seed}: other data: {other}"));
            }
            compared.fetch_add(lines.len(), Ordering::Relaxed);
            lost.fetch_add(not_shown, Ordering::Relaxed);
        }
        Ok(())
    });
    let (compared, lost) = (compared.into_inner(), lost.into_inner());
    assert!(compared > 1000 && lost > 20, "{compared} lines, {lost} lost");
}
