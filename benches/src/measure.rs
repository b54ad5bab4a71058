//! Times of what runs in turn.

use std::ffi::OsString;
use std::io;
use std::time::{Duration, Instant};

/// The program that is measured: `ZFSP_BENCH_ZEXPLORE`, or what was built for release.
#[must_use]
pub fn program() -> OsString {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/zexplore");
    std::env::var_os("ZFSP_BENCH_ZEXPLORE").unwrap_or_else(|| built.into())
}

/// How long it takes.
///
/// # Errors
/// Those of `run`.
pub fn time(run: impl FnOnce() -> io::Result<()>) -> io::Result<Duration> {
    let start = Instant::now();
    run()?;
    Ok(start.elapsed())
}

/// The median of the ratios of runs that followed each other.
#[must_use]
pub fn ratio(times: &[Duration], others: &[Duration]) -> Option<f64> {
    median(times.iter().zip(others).map(|(time, other)| time.as_secs_f64() / other.as_secs_f64()))
}

/// The one in the middle.
#[must_use]
pub fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
