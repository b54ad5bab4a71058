//! Where bytes come from: image files, block devices, zstd-packed images, pipes.
//!
//! This is the only place of the crate that opens anything, for reading only (`clippy.toml` holds the rest to that).

//! A disk may hold its pool in a partition: [`Device::partitions`].

mod evidence;
mod file;
mod find;
mod held;
mod packed;
mod partition;
mod sparse;

use std::{
    fs::File,
    io::{self, Read, Seek},
    path::Path,
    sync::Arc,
};

use crate::error::{Error, Place, Result};
pub use evidence::{is_evidence, is_opened};
use file::Seekable;
pub use find::{Discovery, find};
use held::Held;
pub use partition::{Partition, PartitionType};
use sparse::Budget;

/// A run of bytes with a name, read at any offset, from any thread, in any order. Clones share what is open.
#[derive(Clone, Debug)]
pub struct Device {
    name: Arc<str>,
    source: Arc<Source>,
    /// Byte of the source where it starts: not 0 in a partition.
    start: u64,
    len: u64,
}

#[derive(Debug)]
enum Source {
    File(Seekable),
    Memory(Held),
}

impl Device {
    /// Opens an image, a block device or a pipe, read-only; `-` is standard input.
    ///
    /// A zstd-packed image is known by its first bytes, not by its name. It is unpacked into memory, and so is what
    /// comes from a pipe: both are bounded by [`Device::MAX_LEN`] and [`Device::MAX_STORED`]. Of a damaged one, what
    /// could be unpacked is there: [`Device::loss`].
    ///
    /// # Errors
    /// `Io` if the operating system refuses, `Corrupt` if nothing of a packed image can be unpacked, `Unsupported`
    /// for a folder and for what is too large to be held in memory.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_within(path, &Budget::new(Self::MAX_STORED))
    }

    fn open_within(path: &Path, budget: &Budget) -> Result<Self> {
        if path == Path::new("-") {
            let stdin = Held::read_from(io::stdin().lock(), budget).map(Source::Memory);
            return Self::new("standard input".into(), stdin);
        }
        Self::new(path.to_string_lossy().into(), open_source(path, budget))
    }

    /// Holds everything `reader` gives, unpacked if it is packed.
    ///
    /// # Errors
    /// As [`Device::open`].
    pub fn from_reader(name: &str, reader: impl Read) -> Result<Self> {
        let budget = Budget::new(Self::MAX_STORED);
        Self::new(name.into(), Held::read_from(reader, &budget).map(Source::Memory))
    }

    fn new(name: Arc<str>, source: Result<Source>) -> Result<Self> {
        match source {
            Ok(source) => Ok(Self { name, start: 0, len: source.len(), source: Arc::new(source) }),
            Err(error) => Err(error.at(Place { device: Some(name), offset: None })),
        }
    }

    /// Most bytes a packed image or a pipe may come to, holes included.
    pub const MAX_LEN: u64 = sparse::MAX_LEN;

    /// Most bytes of it that are kept in memory: chunks that are not wholly zero.
    pub const MAX_STORED: u64 = sparse::MAX_STORED;

    /// The name it was opened by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Size in bytes. Where a packed image or a partitioned disk is cut short: what it should be, as far as is known.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it holds no byte at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What a damaged packed image, or a pipe that broke, did not give: the place is the first byte that is lost, or
    /// that a checksum casts doubt on. Reading what is lost is an `Io` error.
    #[must_use]
    pub fn loss(&self) -> Option<Error> {
        let Source::Memory(held) = &*self.source else {
            return None;
        };
        let (from, error) = held.loss()?;
        let offset = from.saturating_sub(self.start);
        let place = Place { device: Some(self.name.clone()), offset: Some(offset) };
        let error = match error {
            Error::Io { source, .. } => io::Error::new(source.kind(), source.to_string()).into(),
            Error::Corrupt { what, .. } | Error::Unsupported { what, .. } | Error::Locked { what, .. } => {
                Error::corrupt(what)
            }
        };
        // a whole device may have lost an end of unknown length
        (self.start == 0 || offset < self.len).then(|| error.at(place))
    }

    /// Up to `len` bytes from `offset` on: fewer where the device ends, none behind it.
    ///
    /// # Errors
    /// `Io` with the place.
    pub fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>> {
        let left = usize::try_from(self.reach().saturating_sub(offset)).unwrap_or(usize::MAX);
        match len.min(left) {
            0 => Ok(Vec::new()),
            len => self.read_vec(offset, len),
        }
    }

    /// Fills `buf` with the bytes from `offset` on.
    ///
    /// # Errors
    /// `Io` with the place, also where the range leaves the device: a part is never taken for the whole.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let wanted = u64::try_from(buf.len()).unwrap_or(u64::MAX);
        let at = self.inside(offset, wanted)?;
        match &*self.source {
            Source::File(file) => file.read_at(at, buf),
            Source::Memory(held) => held.read_at(at, buf),
        }
        .map_err(|source| self.error_at(offset, source))
    }

    /// The `len` bytes from `offset` on. Nothing is allocated for a range that leaves the device.
    ///
    /// # Errors
    /// As [`Device::read_at`].
    pub fn read_vec(&self, offset: u64, len: usize) -> Result<Vec<u8>> {
        self.inside(offset, u64::try_from(len).unwrap_or(u64::MAX))?;
        let mut bytes = vec![0; len];
        self.read_at(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// Bytes of it that its source is long enough to have.
    fn reach(&self) -> u64 {
        self.len.min(self.source.len().saturating_sub(self.start))
    }

    /// Where the range starts in the source.
    fn inside(&self, offset: u64, wanted: u64) -> Result<u64> {
        let reach = self.reach();
        let end = offset.checked_add(wanted).filter(|end| *end <= reach);
        if let Some(at) = end.and_then(|_| offset.checked_add(self.start)) {
            return Ok(at);
        }
        let cut_short = if reach < self.len { ", which is cut short" } else { "" };
        let what = format!("{wanted:#x} bytes leave the device of {reach:#x} bytes{cut_short}");
        Err(self.error_at(offset, io::Error::new(io::ErrorKind::UnexpectedEof, what)))
    }

    fn error_at(&self, offset: u64, source: io::Error) -> Error {
        Error::from(source).at(Place { device: Some(self.name.clone()), offset: Some(offset) })
    }
}

impl Source {
    fn len(&self) -> u64 {
        match self {
            Self::File(file) => file.len(),
            Self::Memory(held) => held.len(),
        }
    }
}

fn open_source(path: &Path, budget: &Budget) -> Result<Source> {
    #[expect(clippy::disallowed_methods, reason = "here, and only here, things are opened")]
    let mut file = File::open(path)?;
    evidence::remember(&file);
    if file.metadata()?.is_dir() {
        return Err(Error::unsupported("a folder: name the images in it"));
    }
    let size = file::size(&mut file)?;
    if size == 0 {
        return Held::read_from(file, budget).map(Source::Memory);
    }
    let mut head = Vec::new();
    (&mut file).take(4).read_to_end(&mut head)?;
    file.rewind()?;
    if head == packed::MAGIC {
        return Held::read_from(file, budget).map(Source::Memory);
    }
    Ok(Source::File(Seekable::new(file, size)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)] // of small numbers

    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn pattern(len: usize) -> Vec<u8> {
        (0..len).map(|i| if i / 70_000 % 2 == 0 { 0 } else { u8::try_from(i % 251).unwrap() }).collect()
    }

    fn pack(bytes: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
    }

    fn reads_as(device: &Device, bytes: &[u8]) {
        assert_eq!(device.len(), u64::try_from(bytes.len()).unwrap());
        for (offset, len) in
            [(0, 0), (0, 1), (65_530, 12), (1, 200_000), (bytes.len() - 7, 7), (bytes.len(), 0)]
        {
            let got = device.read_vec(u64::try_from(offset).unwrap(), len).unwrap();
            assert_eq!(got, bytes[offset..offset + len], "{len} at {offset}");
        }
    }

    #[test]
    fn files_streams_and_packed_images_give_the_same_bytes() {
        let bytes = pattern(300_001);
        let twice = [pack(&bytes[..100_000]), pack(&bytes[100_000..])].concat();
        reads_as(&Device::open(file_of(&bytes).path()).unwrap(), &bytes);
        reads_as(&Device::open(file_of(&pack(&bytes)).path()).unwrap(), &bytes);
        reads_as(&Device::open(file_of(&twice).path()).unwrap(), &bytes);
        reads_as(&Device::from_reader("pipe", &bytes[..]).unwrap(), &bytes);
        reads_as(&Device::from_reader("pipe", &twice[..]).unwrap(), &bytes);
    }

    #[test]
    fn a_short_read_ends_with_the_device() {
        let device = Device::from_reader("d1", &[7; 512][..]).unwrap();
        for (offset, len, got) in [(0, 512, 512), (500, 100, 12), (512, 1, 0), (u64::MAX, usize::MAX, 0)] {
            assert_eq!(device.read(offset, len).unwrap().len(), got);
        }
    }

    #[test]
    fn what_leaves_the_device_is_an_error_with_its_place() {
        for device in [
            Device::from_reader("d1", &[7; 512][..]).unwrap(),
            Device::open(file_of(&[7; 512]).path()).unwrap(),
        ] {
            for (offset, len) in [(512, 1), (511, 2), (u64::MAX, 1), (0, usize::MAX)] {
                let error = device.read_vec(offset, len).unwrap_err();
                assert!(matches!(error, Error::Io { .. }), "{error}");
                assert_eq!(error.place().offset, Some(offset));
            }
        }
        let error = Device::from_reader("d1", &[7; 512][..]).unwrap().read_vec(511, 2).unwrap_err();
        assert_eq!(error.to_string(), "d1 at 0x1ff: 0x2 bytes leave the device of 0x200 bytes");
    }

    #[test]
    fn nothing_and_nonsense_have_clear_answers() {
        assert!(Device::open(file_of(&[]).path()).unwrap().is_empty());
        let missing = Device::open(Path::new("no/such/image")).unwrap_err();
        assert!(matches!(missing, Error::Io { .. }));
        assert!(missing.to_string().starts_with("no/such/image: "));
        let folder = Device::open(&std::env::temp_dir()).unwrap_err();
        assert!(matches!(folder, Error::Unsupported { .. }), "{folder}");
    }

    #[test]
    fn a_damaged_packed_image_gives_what_it_can() {
        let bytes = pattern(3_000_001);
        let whole = pack(&bytes);
        for cut in [5, 9, 20, whole.len() / 3, whole.len() / 2, whole.len() - 5, whole.len() - 1] {
            let device = match Device::from_reader("cut", &whole[..cut]) {
                Ok(device) => device,
                Err(error) => {
                    assert!(cut < 100, "{cut}: {error}");
                    assert!(matches!(error, Error::Corrupt { .. }), "{cut}: {error}");
                    continue;
                }
            };
            let loss = device.loss().unwrap();
            assert!(matches!(loss, Error::Corrupt { .. }), "{cut}: {loss}");
            let from = usize::try_from(loss.place().offset.unwrap()).unwrap();
            // no more than a block of 128 KiB is lost before the cut
            assert!(from + (256 << 10) >= bytes.len() * cut / whole.len(), "{cut}: {from}");
            assert_eq!(device.read_vec(0, from).unwrap(), bytes[..from], "{cut}");
            if cut == whole.len() - 1 {
                assert_eq!(from, bytes.len(), "only the checksum is lost");
            }
            if device.len() > loss.place().offset.unwrap() {
                let error = device.read_vec(0, from + 1).unwrap_err();
                assert!(matches!(error, Error::Io { .. }), "{error}");
                assert!(error.to_string().contains("was not unpacked: damaged zstd data"), "{error}");
            }
        }
    }

    #[test]
    fn a_wrong_checksum_casts_doubt_on_its_frame_only() {
        let bytes = pattern(300_001);
        let mut changed = pack(&bytes);
        let last = changed.len() - 1;
        changed[last] ^= 1;
        let three = [pack(&bytes), changed, pack(&bytes)].concat();
        let device = Device::from_reader("changed", &three[..]).unwrap();
        let loss = device.loss().unwrap();
        assert_eq!(
            loss.to_string(),
            "changed at 0x493e1: damaged zstd data: content checksum does not match"
        );
        reads_as(&device, &bytes.repeat(3));
    }

    #[test]
    fn a_file_that_shrinks_is_an_error() {
        let file = file_of(&pattern(300_001));
        let device = Device::open(file.path()).unwrap();
        file.as_file().set_len(100_000).unwrap();
        assert!(device.read_vec(0, 100_000).is_ok());
        assert!(matches!(device.read_vec(0, 100_001).unwrap_err(), Error::Io { .. }));
        assert!(matches!(device.read_vec(200_000, 1).unwrap_err(), Error::Io { .. }));
    }

    #[test]
    fn holes_of_a_sparse_file_are_zeros() {
        let file = tempfile::tempfile_in(std::env::temp_dir()).unwrap();
        file.set_len(1 << 40).unwrap();
        let device = Device::new("sparse".into(), Ok(Source::File(Seekable::new(file, 1 << 40)))).unwrap();
        assert_eq!(device.read_vec((1 << 40) - 512, 512).unwrap(), [0; 512]);
    }

    proptest! {
        #[test]
        fn damage_to_a_packed_image_is_survived(
            changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
            cut: proptest::sample::Index,
        ) {
            let bytes = pattern(400_000);
            let mut packed = [pack(&bytes), pack(&bytes)].concat();
            for (at, byte) in changes {
                *at.get_mut(&mut packed) = byte;
            }
            packed.truncate(cut.index(packed.len()));
            if packed.len() >= 4 && packed[..4] == packed::MAGIC && let Ok(device) = Device::from_reader("d", &packed[..]) {
                let from = device.loss().map_or(device.len(), |loss| loss.place().offset.unwrap());
                prop_assert!(from <= device.len());
                prop_assert!(device.read_vec(0, usize::try_from(from).unwrap()).is_ok());
            }
        }
    }
}
