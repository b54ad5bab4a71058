//! How long `verify` takes, against reading as many bytes and hashing them with as many threads.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench verify`. Makes pools of 1 GiB each, that stay in the cache
//! (`ZFSP_BENCH_GIB`: of so many), or takes the ones in the folders that `ZFSP_BENCH_POOLS` names, separated by `:`.
//! The two run in turn, so that the ratio holds when the machine's speed drifts: it must not exceed 1.5 for blocks of
//! 128 KiB, and the memory never 512 MiB.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use zfsp::checksum::fletcher::fletcher4;
use zfsp::pool::{Gathering, Options, Pool};
use zfsp::verify::{Depth, Report, Verification};
use zfsp_benches::pool::{Plan, Shape, make};
use zfsp_grammar::input::Order;
use zfsp_grammar::label::DATA_AT;

/// Counted runs of each.
const RUNS: usize = 7;
/// Bytes that are read at once where nothing is verified.
const PIECE: usize = 128 << 10;

fn main() -> std::io::Result<()> {
    println!("{} threads", rayon::current_num_threads());
    println!(
        "pool                   bytes   read+hash      verify   ratio  all copies   ratio   peak memory"
    );
    if let Ok(folders) = std::env::var("ZFSP_BENCH_POOLS") {
        return folders.split(':').try_for_each(|folder| measure(folder, Path::new(folder)));
    }
    let gib: u64 = std::env::var("ZFSP_BENCH_GIB").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let plan = Plan { data: gib << 30, ..Plan::default() };
    for (name, plan) in [
        ("128 KiB records", plan.clone()),
        ("one file", Plan { file: plan.data, ..plan.clone() }),
        ("8 KiB records", Plan { record: 8 << 10, ..plan.clone() }),
        ("files of 8 KiB", Plan { record: 8 << 10, file: 8 << 10, ..plan.clone() }),
        ("16 MiB records", Plan { record: 16 << 20, ..plan.clone() }),
        ("mirror of two", Plan { shape: Shape::Mirror(2), ..plan.clone() }),
        ("raidz1 of three", Plan { shape: Shape::Raidz1(3), ..plan.clone() }),
    ] {
        let folder = tempfile::tempdir()?;
        make(folder.path(), &plan)?;
        measure(name, folder.path())?;
    }
    Ok(())
}

fn measure(name: &str, folder: &Path) -> std::io::Result<()> {
    let found = zfsp::device::find(&[folder.to_path_buf()]);
    let pool =
        Pool::open(Gathering::of(found.devices), &Options::default()).map_err(std::io::Error::other)?;
    let mut images: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    images.sort();
    let images = images.iter().map(File::open).collect::<std::io::Result<Vec<_>>>()?;
    forget_peak();
    let bytes = verify(&pool, Depth::OneCopy).total.psize;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let plain = time(|| read_and_hash(&images, bytes));
        let one = time(|| verify(&pool, Depth::OneCopy));
        let all = time(|| verify(&pool, Depth::AllCopies));
        times.push([plain, one, all]);
    }
    let median = |value: &dyn Fn(&[Duration; 3]) -> f64| {
        let mut values: Vec<f64> = times.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let rate = |n: usize| median(&|times| bytes as f64 / times[n].as_secs_f64() / 1e9);
    let ratio = |n: usize| median(&|times| times[n].as_secs_f64() / times[0].as_secs_f64());
    println!(
        "{name:20} {:4} MiB  {:5.2} GB/s  {:5.2} GB/s  {:6.2}  {:5.2} GB/s  {:6.2}  {:8} MiB",
        bytes >> 20,
        rate(0),
        rate(1),
        ratio(1),
        rate(2),
        ratio(2),
        peak() >> 10,
    );
    std::io::stdout().flush()
}

fn verify(pool: &Pool, depth: Depth) -> Report {
    let report = Verification::new(pool, depth, &|finding| panic!("{finding:?}")).run();
    assert_eq!((report.errors, report.repaired), (0, 0));
    report
}

/// As many bytes from all images in turn.
fn read_and_hash(images: &[File], bytes: u64) {
    let pieces = bytes as usize / PIECE;
    (0..pieces).into_par_iter().for_each_init(
        || vec![0; PIECE],
        |buffer, n| {
            let at = DATA_AT + (n / images.len() * PIECE) as u64;
            if images[n % images.len()].read_exact_at(buffer, at).is_ok() {
                std::hint::black_box(fletcher4(buffer, Order::Little));
            }
        },
    );
}

fn time<T>(run: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

/// KiB that the process has held at most since [`forget_peak`]; 0 where the system does not say.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}
