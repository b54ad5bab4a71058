//! Devices found in what the user names: images, disks, packed images, and folders of them.

use std::{
    collections::HashMap,
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
};

use rayon::prelude::*;

use super::{Device, Source, sparse::Budget};
use crate::error::{Error, Place, Result};

/// What came of opening many paths: see [`find`].
#[derive(Debug)]
pub struct Discovery {
    /// those that could be opened, in the order of the paths; those of a folder by name
    pub devices: Vec<Device>,
    /// why others could not be, each with its path, in the same order
    pub errors: Vec<Error>,
}

/// Opens every path, and of a folder every entry, but no folder in it. Links are followed.
///
/// A file or disk that is named twice, also through links, is opened once. In a folder, what is no image is passed
/// over: a pipe, a socket and a character device are not opened, since that may block or act on a machine, and end up
/// among the errors; what can hold neither a label nor a table of partitions is not worth a word. Each file that is
/// not packed stays open: when the operating system allows no more, the rest are errors.
///
/// Packed images are unpacked on all cores. Together they hold at most [`Device::MAX_STORED_TOGETHER`] bytes of
/// data; while it unpacks, each core needs the window of its image as well, 128 MiB or less for what `zstd` makes
/// without `--long`. Which images are refused when memory runs out depends on which come first.
#[must_use]
pub fn find(paths: &[PathBuf]) -> Discovery {
    let budget = Budget::new(Device::MAX_STORED_TOGETHER);
    let opened: Vec<Option<Result<Device>>> =
        candidates(paths, &budget).into_par_iter().map(|candidate| candidate.open(&budget)).collect();
    let mut discovery = Discovery { devices: Vec::new(), errors: Vec::new() };
    for result in opened.into_iter().flatten() {
        match result {
            Ok(device) => discovery.devices.push(device),
            Err(error) => discovery.errors.push(error),
        }
    }
    discovery
}

impl Device {
    /// Most bytes that the packed images and pipes of one [`find`] keep in memory: 4 GiB.
    pub const MAX_STORED_TOGETHER: u64 = Self::MAX_STORED * 4;
}

/// What may become a device.
enum Candidate {
    /// A file or disk; `is_named` by the user, rather than found in a folder.
    Path { path: PathBuf, is_named: bool },
    /// A pipe, opened in the order of the paths: who writes to several may wait for the first to be read.
    Done(Result<Device>),
}

fn candidates(paths: &[PathBuf], budget: &Budget) -> Vec<Candidate> {
    let mut found = Found { all: Vec::new(), known: HashMap::new(), budget };
    for path in paths {
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => found.add_folder(path),
            Ok(meta) => found.add(path, &meta, true),
            // standard input, and disks that have no metadata on some systems
            Err(_) => found.all.push(Candidate::Done(Device::open_within(path, budget))),
        }
    }
    found.all
}

/// The candidates so far, and the place of each file or disk among them.
struct Found<'a> {
    all: Vec<Candidate>,
    known: HashMap<Identity, usize>,
    budget: &'a Budget,
}

impl Found<'_> {
    fn add(&mut self, path: &Path, meta: &Metadata, named: bool) {
        if let Some(identity) = identity(path, meta) {
            if let Some(at) = self.known.get(&identity) {
                if let Some(Candidate::Path { is_named, .. }) = self.all.get_mut(*at) {
                    *is_named |= named;
                }
                return;
            }
            self.known.insert(identity, self.all.len());
        }
        self.all.push(if meta.is_file() || is_disk(meta) {
            Candidate::Path { path: path.into(), is_named: named }
        } else if named {
            Candidate::Done(Device::open_within(path, self.budget))
        } else {
            let what = "neither a file nor a block device: not opened unless it is named itself";
            Candidate::Done(Err(at(Error::unsupported(what), path)))
        });
    }

    fn add_folder(&mut self, folder: &Path) {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => return self.fail(error, folder),
        };
        let mut paths = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => paths.push(entry.path()),
                Err(error) => self.fail(error, folder),
            }
        }
        paths.sort();
        for path in paths {
            match fs::metadata(&path) {
                Ok(meta) if meta.is_dir() => {}
                Ok(meta) => self.add(&path, &meta, false),
                Err(error) => self.fail(error, &path),
            }
        }
    }

    fn fail(&mut self, error: io::Error, path: &Path) {
        self.all.push(Candidate::Done(Err(at(error.into(), path))));
    }
}

impl Candidate {
    /// `None` for what a folder holds besides images.
    fn open(self, budget: &Budget) -> Option<Result<Device>> {
        let (path, is_named) = match self {
            Self::Done(result) => return Some(result),
            Self::Path { path, is_named } => (path, is_named),
        };
        let opened = Device::open_within(&path, budget);
        match opened {
            Ok(device) if !is_named && is_text(&device) => {
                if let Source::Memory(held) = &*device.source {
                    budget.give(held.stored());
                }
                None
            }
            opened => Some(opened),
        }
    }
}

/// What ZFS accepts as a device: `docs/format/01-labels.md` 1.1. A smaller image is cut short.
const MIN_DEVICE: u64 = 64 << 20;

/// The two front labels: an image that has lost its end has no others.
const FRONT: usize = 512 << 10;

/// Whether it can be of no use: an image that is whole is not that small, and one that is cut short has a label or a
/// table of partitions in front, where there are always zero bytes. Texts have none.
fn is_text(device: &Device) -> bool {
    let is_small = device.len() < MIN_DEVICE && device.loss().is_none();
    is_small && device.read(0, FRONT).is_ok_and(|front| !front.contains(&0))
}

fn at(error: Error, path: &Path) -> Error {
    error.at(Place { device: Some(path.to_string_lossy().into()), offset: None })
}

/// What two names of the same thing have in common.
#[cfg(unix)]
#[derive(PartialEq, Eq, Hash)]
enum Identity {
    /// device number
    Disk(u64),
    /// file system and inode
    File(u64, u64),
}

#[cfg(unix)]
fn identity(_: &Path, meta: &Metadata) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    Some(if is_disk(meta) { Identity::Disk(meta.rdev()) } else { Identity::File(meta.dev(), meta.ino()) })
}

#[cfg(unix)]
fn is_disk(meta: &Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_block_device(&meta.file_type())
}

#[cfg(not(unix))]
type Identity = PathBuf;

#[cfg(not(unix))]
fn identity(path: &Path, _: &Metadata) -> Option<Identity> {
    fs::canonicalize(path).ok()
}

#[cfg(not(unix))]
fn is_disk(_: &Metadata) -> bool {
    false
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    #![allow(clippy::disallowed_methods)] // files to be found

    use std::os::unix::{fs::symlink, net::UnixListener};

    use super::*;

    fn names(devices: &[Device], folder: &Path) -> Vec<String> {
        let strip = |name: &str| name.strip_prefix(&format!("{}/", folder.display())).unwrap().to_owned();
        devices.iter().map(|device| strip(device.name())).collect()
    }

    fn pack(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[test]
    fn a_folder_gives_its_images_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("d2.img"), [0; 512]).unwrap();
        fs::write(path("d10.img.zst"), pack(&[0; 512])).unwrap();
        fs::write(path("d1.img"), [0; 512]).unwrap();
        fs::write(path("NOTES"), "a text").unwrap();
        fs::write(path("empty"), "").unwrap();
        fs::write(path("truth.zst"), pack(b"a text")).unwrap();
        fs::write(path("cut.zst"), &pack(&[7; 300_000])[..5]).unwrap();
        fs::create_dir(path("sub")).unwrap();
        fs::write(path("sub/d3.img"), [0; 512]).unwrap();
        symlink(path("d1.img"), path("a-link")).unwrap();
        symlink("nowhere", path("lost")).unwrap();
        UnixListener::bind(path("socket")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(path("fifo")).status().unwrap().success());

        let found = find(&[folder.path().into()]);
        // d1.img is a-link
        let devices = names(&found.devices, folder.path());
        let errors: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        let errors = errors.join("\n").replace(&format!("{}/", folder.path().display()), "");
        assert_eq!(devices, ["a-link", "d10.img.zst", "d2.img"], "{errors}");
        insta::assert_snapshot!(errors, @r"
        cut.zst: damaged zstd data: the file is cut short
        fifo: neither a file nor a block device: not opened unless it is named itself
        lost: No such file or directory (os error 2)
        socket: neither a file nor a block device: not opened unless it is named itself
        ");
    }

    #[test]
    fn what_is_named_is_opened_once_whatever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("b"), "a text").unwrap();
        fs::write(path("a"), [0; 512]).unwrap();
        symlink("a", path("c")).unwrap();
        let missing = path("missing");
        let found =
            find(&[path("c"), missing.clone(), folder.path().into(), path("b"), path("a"), path("b")]);
        assert_eq!(names(&found.devices, folder.path()), ["c", "b"]);
        let [error] = &found.errors[..] else { panic!("{:?}", found.errors) };
        assert!(matches!(error, Error::Io { .. }), "{error}");
        assert!(error.to_string().starts_with(&format!("{}: ", missing.display())), "{error}");
    }

    #[test]
    fn only_what_can_hold_no_label_is_text() {
        let text = |bytes: &[u8]| is_text(&Device::from_reader("d", bytes).unwrap());
        assert!(text(b""));
        assert!(text(&[b'Z'; FRONT + 1]));
        // a label may start wherever a zero is
        let mut front = vec![b'Z'; FRONT];
        front[FRONT - 1] = 0;
        assert!(!text(&front));
        // whole, with both front labels overwritten
        assert!(!text(&vec![b'Z'; usize::try_from(MIN_DEVICE).unwrap()]));
    }
}
