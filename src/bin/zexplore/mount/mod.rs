//! `zexplore mount`: a pool browsed as a file system.
//!
//! The kernel is asked to show it through FUSE, for reading only. Handbook: `docs/format/24-reader-recipes.md`, 24.7.

#[cfg(all(unix, feature = "mount"))]
mod fuse;
#[cfg(not(all(unix, feature = "mount")))]
#[path = "absent.rs"]
mod fuse;

use std::path::PathBuf;

use crate::args::Global;
use crate::common::number::number;
pub(crate) use fuse::{run, start};

#[derive(Debug, clap::Args)]
#[command(after_help = format!("{ABOUT}\n\n{EXAMPLES}"))]
pub(crate) struct Options {
    /// Where it is shown: a folder; if it is not given, the last PATH
    mountpoint: Option<PathBuf>,
    /// Only this dataset, with those below it; a snapshot or a volume alone
    #[arg(short, long, value_name = "DATASET")]
    dataset: Option<String>,
    /// For other users too, with the permissions that files have; who is not root needs user_allow_other in
    /// /etc/fuse.conf
    #[arg(long)]
    allow_other: bool,
    /// Stay: Ctrl-C unmounts
    #[arg(short, long)]
    foreground: bool,
    /// Memory for the blocks of files: 32M at least
    #[arg(long, value_name = "SIZE", value_parser = cache, default_value = "256M")]
    cache: u64,
}

/// Bytes of the smallest cache: two of the largest blocks.
const SMALLEST_CACHE: u64 = 32 << 20;

fn cache(text: &str) -> Result<u64, String> {
    match number(text)? {
        size if size < SMALLEST_CACHE => Err("32M at least: two of the largest blocks".into()),
        size => Ok(size),
    }
}

const ABOUT: &str = "\
Datasets are where their names say; canmount and mountpoint do not matter. Each has .zfs/snapshot/NAME,
and .zfs/volumes/NAME for the volumes right below it: no listing shows .zfs. A dataset that is locked
cannot be entered; --keys opens it.

What is damaged is an I/O error where it is read, and nowhere else, and is named on standard error:
also from the background, if that is a terminal or a file. A pipe it lets go of: there use --foreground.

fusermount3 -u MOUNTPOINT (or umount, for root) ends it, as do Ctrl-C and SIGTERM; it also cleans up
after a crash. Where there is no FUSE, extract puts the files into a folder, and extract --tar into an
archive. mount -o loop,ro shows what is on a volume.";

const EXAMPLES: &str = "\
Examples:
  zexplore mount -p images/ /mnt                       the whole pool
  zexplore mount /mnt -d lab/home@monday -p images/    a snapshot
  zexplore mount /mnt --replay -p images/              as it will be after the next import
  zexplore mount /mnt -T 1234 -p images/               as it was in txg 1234
  zexplore mount /mnt --keys keys.json -p images/      with the encrypted datasets";

impl Options {
    /// Where nothing else is the mount point, the last of the paths is: they end with the next option only.
    pub(crate) fn settle(&mut self, global: &mut Global) {
        if self.mountpoint.is_none() && global.paths.len() > 1 {
            self.mountpoint = global.paths.pop();
        }
    }
}

/// What to do where nothing can be mounted.
const INSTEAD: &str = "without FUSE: zexplore extract / DEST puts the files into a folder, zexplore extract / --tar FILE \
into an archive";
