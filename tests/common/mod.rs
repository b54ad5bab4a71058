//! The fixture pools, as tests want them.
#![allow(dead_code, unused_macros)] // each test uses its part
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers
#![allow(clippy::disallowed_methods)] // images are made here, to be damaged

pub(crate) mod forge;
pub(crate) mod forge_encrypted;
pub(crate) mod image;
pub(crate) mod pools;
pub(crate) mod program;
pub(crate) mod seal;
pub(crate) mod seal_parts;
pub(crate) mod site;
pub(crate) mod tour;
#[macro_use]
pub(crate) mod transcript;
pub(crate) mod truth;
pub(crate) mod walk;
pub(crate) mod zdb;

use std::collections::BTreeMap;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use zfsp::decode::Decoded;
use zfsp::device::Device;

/// The folder of the fixtures.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// A fixture: a pool in its folder.
#[derive(Clone, Debug)]
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
}

/// All fixtures, by name.
pub(crate) fn fixtures() -> Vec<Fixture> {
    let folders = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<Fixture> = folders
        .filter(|folder| folder.join("NOTES").exists())
        .map(|folder| Fixture { name: folder.file_name().unwrap().to_str().unwrap().into(), folder })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(all.len() >= 60, "fixtures are missing: {}", all.len());
    all
}

/// The fixture called `name`.
pub(crate) fn fixture(name: &str) -> Fixture {
    Fixture { name: name.into(), folder: root().join(name) }
}

impl Fixture {
    /// Its packed images, by name.
    pub(crate) fn images(&self) -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> = std::fs::read_dir(&self.folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_str().unwrap().ends_with(".img.zst"))
            .collect();
        all.sort();
        all
    }
    /// A text of it, packed or not.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let plain = self.folder.join(name);
        let packed = self.folder.join(format!("{name}.zst"));
        let path = if plain.exists() { plain } else { packed };
        path.exists().then(|| {
            let device = Device::open(&path).unwrap();
            let bytes = device.read(0, usize::try_from(device.len()).unwrap()).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        })
    }
}

/// The image, unpacked once into the target folder, as sparse as the host allows.
pub(crate) fn unpacked(image: &Path) -> PathBuf {
    let fixture = image.parent().unwrap().file_name().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixtures").join(fixture);
    let path = folder.join(image.file_stem().unwrap());
    // one thread unpacks an image, the others of this process wait for it
    static IMAGES: Mutex<BTreeMap<PathBuf, Arc<Mutex<()>>>> = Mutex::new(BTreeMap::new());
    let turn = IMAGES.lock().unwrap().entry(path.clone()).or_default().clone();
    let _turn = turn.lock().unwrap();
    if !path.exists() {
        std::fs::create_dir_all(&folder).unwrap();
        // other processes may want it too: the last one to finish wins, all wrote the same
        let mine = tempfile::NamedTempFile::new_in(&folder).unwrap();
        unpack(image, mine.as_file());
        mine.persist(&path).unwrap();
    }
    path
}

fn unpack(image: &Path, mut to: &std::fs::File) {
    const CHUNK: u64 = 64 << 10;
    let device = Device::open(image).unwrap();
    to.set_len(device.len()).unwrap();
    for at in (0..device.len()).step_by(usize::try_from(CHUNK).unwrap()) {
        let chunk = device.read(at, usize::try_from(CHUNK).unwrap()).unwrap();
        if chunk.iter().any(|b| *b != 0) {
            to.seek(SeekFrom::Start(at)).unwrap();
            to.write_all(&chunk).unwrap();
        }
    }
}

/// Bytes that no field claims, and that are not zero.
pub(crate) fn unexplained(decoded: &Decoded<'_>) -> Option<String> {
    (0..decoded.tree.nodes.len()).find_map(|k| {
        let gaps = decoded.tree.gaps(k);
        let gap = gaps.iter().find(|gap| decoded.content(gap.at, gap.end).iter().any(|b| *b != 0))?;
        Some(format!("{} {:#x}..{:#x}", decoded.tree.path(k), gap.at, gap.end))
    })
}

/// `d1` of `d1.img.zst`.
pub(crate) fn stem(image: &Path) -> String {
    image.file_name().unwrap().to_str().unwrap().trim_end_matches(".img.zst").into()
}

/// Runs `work` for all `items` on all cores, and fails with all that failed.
pub(crate) fn each<T: Send + Sync>(items: Vec<T>, work: impl Fn(&T) -> Result<(), String> + Send + Sync) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    if let Err(why) = work(item) {
                        failures.lock().unwrap().push(why);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}
