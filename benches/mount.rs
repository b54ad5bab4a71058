//! How fast a mounted pool is read, against `zexplore cat` into a pipe, and how many files it shows in a second.
//!
//! `cargo build --release && cargo bench --manifest-path benches/Cargo.toml --bench mount`, on a host with FUSE. The same
//! reader takes the bytes from both, in the same pieces; what is compared runs in turn. Reading must not take more than
//! 1 / 0.6 of what `cat` does; ten thousand files a second are the least.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Error, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use zfsp_benches::measure::{median, program, ratio, time};
use zfsp_benches::pool::{Attributes, Plan, make};

/// Counted runs of each.
const RUNS: usize = 5;
/// Bytes of the file.
const FILE: u64 = 1 << 30;
/// Bytes that the reader takes at once: as `cat` does.
const PIECE: usize = 128 << 10;
/// Files that are looked at.
const FILES: u64 = 50_000;

fn main() -> io::Result<()> {
    let file = Plan { data: FILE, file: FILE, attributes: Attributes::System, ..Plan::default() };
    println!("one file                          mount           cat   ratio");
    read("128 KiB records", &file)?;
    read("128 KiB records, lz4", &Plan { is_packed: true, ..file.clone() })?;
    read("8 KiB records", &Plan { record: 8 << 10, ..file.clone() })?;
    read("16 MiB records", &Plan { record: 16 << 20, ..file.clone() })?;
    let files = Plan { data: FILES * 512, file: 512, record: 512, ashift: 9, ..file };
    println!("\n50 000 files                     files/s");
    stat("directories of 1000", &files)?;
    stat("one directory", &Plan { in_a_directory: FILES, ..files })
}

fn read(name: &str, plan: &Plan) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    make(folder.path(), plan)?;
    let (mut of_mount, mut of_cat) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let mut cat = Command::new(program())
            .arg("-p")
            .arg(folder.path())
            .args(["cat", "/d0/f0"])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut out = cat.stdout.take().ok_or_else(|| Error::other("no output"))?;
        of_cat.push(time(|| take(&mut out))?);
        cat.wait()?;
        // a new one each time: the kernel keeps nothing of the last one
        let mount = Mount::new(folder.path())?;
        of_mount.push(time(|| take(&mut File::open(mount.folder.path().join("d0/f0"))?))?);
    }
    let rate = |times: &[Duration]| {
        median(times.iter().map(|time| FILE as f64 / time.as_secs_f64() / 1e9)).unwrap_or(0.0)
    };
    let ratio = ratio(&of_mount, &of_cat).unwrap_or_default();
    println!("{name:26} {:7.2} GB/s  {:7.2} GB/s  {ratio:6.2}", rate(&of_mount), rate(&of_cat));
    Ok(())
}

/// Reads all, and does nothing with it.
fn take(from: &mut impl Read) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut all = 0;
    loop {
        match from.read(&mut piece)? {
            0 if all == FILE => return Ok(()),
            0 => return Err(Error::other(format!("{all} bytes instead of {FILE}"))),
            n => all += n as u64,
        }
    }
}

fn stat(name: &str, plan: &Plan) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    make(folder.path(), plan)?;
    let mut rates = Vec::new();
    for _ in 0..RUNS {
        let mount = Mount::new(folder.path())?;
        let mut count = 0u64;
        let took = time(|| {
            for directory in std::fs::read_dir(mount.folder.path())? {
                for entry in std::fs::read_dir(directory?.path())? {
                    count += u64::from(entry?.path().symlink_metadata()?.is_file());
                }
            }
            Ok(())
        })?;
        if count != FILES {
            return Err(Error::other(format!("{count} files instead of {FILES}")));
        }
        rates.push(count as f64 / took.as_secs_f64());
    }
    println!("{name:26} {:13.0}", median(rates.into_iter()).unwrap_or_default());
    Ok(())
}

/// A mount, for as long as it is kept.
struct Mount {
    child: Child,
    folder: tempfile::TempDir,
}

impl Mount {
    fn new(pool: &Path) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new(program());
        command.arg("mount").arg(folder.path()).arg("--foreground").arg("-p").arg(pool);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        match line.is_empty() {
            true => Err(Error::other("nothing was mounted")),
            false => Ok(Self { child, folder }),
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}
