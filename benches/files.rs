//! How long a listing of 200 000 files takes, against `zdb -dddd`, and `cat` of a large file, against reading and
//! checking its blocks.
//!
//! `cargo build --release && cargo bench --manifest-path benches/Cargo.toml --bench files`. `ZFSP_BENCH_CHROOT` names a
//! folder in which `chroot` finds a `zdb`, `ZFSP_BENCH_ZEXPLORE` another program than the one that was built,
//! `ZFSP_BENCH_GIB` another size of the large file than 1 GiB. What is compared runs in turn, so that the ratio holds
//! when the machine's speed drifts. A listing must not take more than a third of what `zdb` does, `cat` no more than
//! twice as long as reading and checking, and none more than 256 MiB of memory.

use std::io::{self, Error};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rayon::prelude::*;
use zfsp::dataset::Datasets;
use zfsp::fs::FileSystem;
use zfsp::object::Object;
use zfsp::pool::{Gathering, Options, Pool};
use zfsp_benches::measure::{median, program, ratio, time};
use zfsp_benches::pool::{Attributes, Plan, make};

/// Counted runs of each.
const RUNS: usize = 5;
/// Files that are listed.
const FILES: u64 = 200_000;
/// Bytes of each: the smallest block.
const SMALLEST: u64 = 512;

fn main() -> io::Result<()> {
    let listed = Plan {
        data: FILES * SMALLEST,
        file: SMALLEST,
        record: 512,
        ashift: 9,
        attributes: Attributes::System,
        ..Plan::default()
    };
    println!("200 000 files                       time     zdb -dddd   ratio   peak memory");
    list("200 directories", &listed)?;
    list("one directory", &Plan { in_a_directory: FILES, ..listed })?;
    let gib: u64 = std::env::var("ZFSP_BENCH_GIB").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let file = Plan { data: gib << 30, file: gib << 30, attributes: Attributes::System, ..Plan::default() };
    println!("\none file                     read+check           cat   ratio   peak memory");
    cat("128 KiB records", &file)?;
    cat("128 KiB records, lz4", &Plan { is_packed: true, ..file.clone() })?;
    cat("8 KiB records", &Plan { record: 8 << 10, ..file.clone() })?;
    cat("16 MiB records", &Plan { record: 16 << 20, ..file })
}

fn list(name: &str, plan: &Plan) -> io::Result<()> {
    let root = std::env::var_os("ZFSP_BENCH_CHROOT").map(PathBuf::from);
    let within = root.as_deref().map_or_else(std::env::temp_dir, |root| root.join("tmp"));
    let folder = tempfile::tempdir_in(within)?;
    make(folder.path(), plan)?;
    let commands: [&[&str]; 3] = [&["ls", "-lR"], &["find"], &["manifest", "--no-hash"]];
    let (mut times, mut of_zdb, mut peaks) = ([const { Vec::new() }; 3], Vec::new(), [0; 3]);
    for _ in 0..RUNS {
        if let Some(root) = &root {
            of_zdb.push(zdb(root, folder.path(), &plan.name)?);
        }
        for ((command, times), peak) in commands.iter().zip(&mut times).zip(&mut peaks) {
            let (time, kib) = zexplore(folder.path(), command)?;
            times.push(time);
            *peak = kib.max(*peak);
        }
    }
    for ((command, times), peak) in commands.iter().zip(times).zip(peaks) {
        let ratio = ratio(&times, &of_zdb).map_or("   -".into(), |ratio| format!("{ratio:.2}"));
        let other = median(of_zdb.iter().map(Duration::as_secs_f64)).unwrap_or_default();
        let time = median(times.iter().map(Duration::as_secs_f64)).unwrap_or_default();
        let command = format!("{name}: {}", command.join(" "));
        println!("{command:33} {time:5.2} s      {other:5.2} s    {ratio}  {:8} MiB", peak >> 10);
    }
    Ok(())
}

fn cat(name: &str, plan: &Plan) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    make(folder.path(), plan)?;
    let found = zfsp::device::find(&[folder.path().to_path_buf()]);
    let pool = Pool::open(Gathering::of(found.devices), &Options::default()).map_err(Error::other)?;
    let object = object(&pool, b"/d0/f0")?;
    let (mut of_cat, mut of_reading, mut most) = (Vec::new(), Vec::new(), 0);
    for _ in 0..RUNS {
        of_reading.push(time(|| read(&object))?);
        let (time, kib) = zexplore(folder.path(), &["cat", "/d0/f0"])?;
        of_cat.push(time);
        most = kib.max(most);
    }
    let rate = |times: &[Duration]| {
        median(times.iter().map(|time| plan.data as f64 / time.as_secs_f64() / 1e9)).unwrap_or_default()
    };
    let (reading, cat) = (rate(&of_reading), rate(&of_cat));
    let ratio = ratio(&of_cat, &of_reading).unwrap_or_default();
    println!("{name:26} {reading:7.2} GB/s  {cat:7.2} GB/s  {ratio:6.2}  {:8} MiB", most >> 10);
    Ok(())
}

fn object(pool: &Pool, path: &[u8]) -> io::Result<Object> {
    let set = Datasets::of(pool).find(&pool.name).and_then(|dataset| Ok(dataset.objset(pool)?));
    let files = FileSystem::open(set.map_err(Error::other)?).map_err(Error::other)?;
    let inode = files.find(path).map_err(Error::other)?;
    inode.object().cloned().ok_or_else(|| Error::other("has no object"))
}

/// Reads and checks all blocks, and does nothing with them.
fn read(object: &Object) -> io::Result<()> {
    let pointers: Result<Vec<_>, _> = object.blocks(0).collect();
    pointers.map_err(Error::other)?.into_par_iter().try_for_each(|(_, pointer)| {
        object.store().read(&pointer).map(|block| drop(std::hint::black_box(block))).map_err(Error::other)
    })
}

/// How long the program takes, and how many KiB at most.
fn zexplore(folder: &Path, command: &[&str]) -> io::Result<(Duration, u64)> {
    run(Command::new(program()).arg("-p").arg(folder).args(command))
}

fn zdb(root: &Path, folder: &Path, pool: &str) -> io::Result<Duration> {
    let folder = Path::new("/").join(folder.strip_prefix(root).map_err(Error::other)?);
    let mut command = Command::new("chroot");
    command.arg(root).args(["zdb", "-e", "-p"]).arg(folder).args([pool, "-dddd"]);
    run(&mut command).map(|(time, _)| time)
}

fn run(command: &mut Command) -> io::Result<(Duration, u64)> {
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn()?;
    let mut most = 0;
    let status = loop {
        most = peak(child.id()).max(most);
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let time = start.elapsed();
    if status.success() { Ok((time, most)) } else { Err(Error::other(format!("{command:?}: {status}"))) }
}

/// KiB that the process has held at most; 0 where the system does not say.
fn peak(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}
