//! Images to be damaged: in memory only what is no hole, on disk as a sparse file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use zfsp::device::Device;

use super::{Fixture, stem, unpacked};

/// Bytes of a piece.
const PIECE: u64 = 4096;

/// The bytes of a device. Copies share what was not changed.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) name: String,
    pub(crate) len: u64,
    /// What is not zero, by place.
    pieces: BTreeMap<u64, Arc<[u8]>>,
}

impl Fixture {
    /// Its devices, to be damaged.
    pub(crate) fn copies(&self) -> Vec<Image> {
        self.images().iter().map(|image| Image::load(&stem(image), &unpacked(image))).collect()
    }
}

impl Image {
    fn load(name: &str, path: &Path) -> Self {
        let device = Device::open(path).unwrap();
        let mut pieces = BTreeMap::new();
        for chunk in (0..device.len()).step_by(1 << 20) {
            let bytes = device.read(chunk, 1 << 20).unwrap();
            for (at, piece) in (chunk..).step_by(PIECE as usize).zip(bytes.chunks(PIECE as usize)) {
                if piece.iter().any(|byte| *byte != 0) {
                    pieces.insert(at, piece.into());
                }
            }
        }
        Self { name: name.into(), len: device.len(), pieces }
    }
    /// Places of all pieces that are not zero.
    pub(crate) fn used(&self) -> Vec<u64> {
        self.pieces.keys().copied().collect()
    }
    pub(crate) fn read(&self, at: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        for (n, byte) in bytes.iter_mut().enumerate() {
            let at = at + n as u64;
            *byte = self.pieces.get(&(at - at % PIECE)).map_or(0, |piece| piece[(at % PIECE) as usize]);
        }
        bytes
    }
    pub(crate) fn write(&mut self, at: u64, bytes: &[u8]) {
        assert!(at + bytes.len() as u64 <= self.len);
        for (at, byte) in (at..).zip(bytes) {
            let piece = self.pieces.entry(at - at % PIECE).or_insert_with(|| Arc::new([0; PIECE as usize]));
            Arc::make_mut(piece)[(at % PIECE) as usize] = *byte;
        }
    }
    /// Writes it into that folder.
    #[allow(clippy::disallowed_methods)] // a copy of its own
    pub(crate) fn save(&self, folder: &Path) -> PathBuf {
        let path = folder.join(format!("{}.img", self.name));
        let mut file = File::create(&path).unwrap();
        file.set_len(self.len).unwrap();
        let mut end = 0;
        for (at, piece) in &self.pieces {
            if *at != end {
                file.seek(SeekFrom::Start(*at)).unwrap();
            }
            file.write_all(piece).unwrap();
            end = at + PIECE;
        }
        path
    }
}

/// Images in files, for as long as it is kept.
pub(crate) struct Saved {
    _folder: TempDir,
    pub(crate) paths: Vec<PathBuf>,
}

impl Saved {
    pub(crate) fn new<'i>(images: impl IntoIterator<Item = &'i Image>) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let paths = images.into_iter().map(|image| image.save(folder.path())).collect();
        Self { _folder: folder, paths }
    }
    /// Overwrites a byte of device `n`, also for those who have it open.
    #[allow(clippy::disallowed_methods)] // a copy of its own
    pub(crate) fn overwrite(&self, n: usize, at: u64, byte: u8) {
        let file = File::options().write(true).open(&self.paths[n]).unwrap();
        file.write_all_at(&[byte], at).unwrap();
    }
    pub(crate) fn devices(&self) -> Vec<Device> {
        self.paths.iter().map(|path| Device::open(path).unwrap()).collect()
    }
}

/// xorshift64: the same numbers in every run.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 8) % n as u64).unwrap()
    }
    pub(crate) fn byte(&mut self) -> u8 {
        self.below(256) as u8
    }
    pub(crate) fn of<'i, T>(&mut self, items: &'i [T]) -> &'i T {
        &items[self.below(items.len())]
    }
}
