//! Where bytes come from: image files, block devices, zstd-packed images, pipes.
//!
//! This is the only place of the crate that opens anything, for reading only (`clippy.toml` holds the rest to that).

mod file;
mod packed;
mod sparse;

use std::{
    fs::File,
    io::{self, Read, Seek},
    path::Path,
    sync::Arc,
};

use crate::error::{Error, Place, Result};
use file::Seekable;
use sparse::Sparse;

/// A run of bytes with a name, read at any offset, from any thread, in any order.
#[derive(Clone, Debug)]
pub struct Device {
    name: Arc<str>,
    source: Arc<Source>,
}

#[derive(Debug)]
enum Source {
    File(Seekable),
    Memory(Sparse),
}

impl Device {
    /// Opens an image, a block device or a pipe, read-only; `-` is standard input.
    ///
    /// A zstd-packed image is known by its first bytes, not by its name. It is unpacked into memory, and so is what
    /// comes from a pipe: both are bounded by [`Device::MAX_LEN`] and [`Device::MAX_STORED`].
    ///
    /// # Errors
    /// `Io` if the operating system refuses, `Corrupt` if a packed image is damaged, `Unsupported` for a folder and
    /// for what is too large to be held in memory.
    pub fn open(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            return Self::from_reader("standard input", io::stdin().lock());
        }
        let name: Arc<str> = path.to_string_lossy().into();
        match open_source(path) {
            Ok(source) => Ok(Self { name, source: Arc::new(source) }),
            Err(error) => Err(error.at(Place { device: Some(name), offset: None })),
        }
    }

    /// Holds everything `reader` gives, unpacked if it is packed.
    ///
    /// # Errors
    /// As [`Device::open`].
    pub fn from_reader(name: &str, reader: impl Read) -> Result<Self> {
        let name: Arc<str> = name.into();
        match hold(reader) {
            Ok(source) => Ok(Self { name, source: Arc::new(source) }),
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

    /// Size in bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &*self.source {
            Source::File(file) => file.len(),
            Source::Memory(sparse) => sparse.len(),
        }
    }

    /// Whether it holds no byte at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Up to `len` bytes from `offset` on: fewer where the device ends, none behind it.
    ///
    /// # Errors
    /// `Io` with the place.
    pub fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>> {
        let left = usize::try_from(self.len().saturating_sub(offset)).unwrap_or(usize::MAX);
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
        self.inside(offset, wanted)?;
        match &*self.source {
            Source::File(file) => file.read_at(offset, buf),
            Source::Memory(sparse) => sparse.read_at(offset, buf),
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

    fn inside(&self, offset: u64, wanted: u64) -> Result<()> {
        match offset.checked_add(wanted) {
            Some(end) if end <= self.len() => Ok(()),
            _ => {
                let size = self.len();
                let what = format!("{wanted:#x} bytes leave the device of {size:#x} bytes");
                Err(self.error_at(offset, io::Error::new(io::ErrorKind::UnexpectedEof, what)))
            }
        }
    }

    fn error_at(&self, offset: u64, source: io::Error) -> Error {
        Error::from(source).at(Place { device: Some(self.name.clone()), offset: Some(offset) })
    }
}

fn open_source(path: &Path) -> Result<Source> {
    #[expect(clippy::disallowed_methods, reason = "here, and only here, things are opened")]
    let mut file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(Error::unsupported("a folder: name the images in it"));
    }
    let size = file::size(&mut file)?;
    if size == 0 {
        return hold(file);
    }
    let mut head = Vec::new();
    (&mut file).take(4).read_to_end(&mut head)?;
    file.rewind()?;
    if head == packed::MAGIC {
        return hold(file);
    }
    Ok(Source::File(Seekable::new(file, size)))
}

/// Reads to the end, through the unpacker if the first bytes ask for it.
fn hold(mut reader: impl Read) -> Result<Source> {
    let mut head = Vec::new();
    reader.by_ref().take(4).read_to_end(&mut head)?;
    let is_packed = head == packed::MAGIC;
    let whole = io::Cursor::new(head).chain(reader);
    let sparse = if is_packed {
        Sparse::read_from(packed::Frames::new(io::BufReader::new(whole))).map_err(packed::blame)
    } else {
        Sparse::read_from(whole)
    };
    Ok(Source::Memory(sparse?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)] // of small numbers

    use super::*;
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
    fn a_damaged_packed_image_is_corrupt() {
        let whole = pack(&pattern(300_001));
        for cut in [5, 9, whole.len() / 2, whole.len() - 1] {
            let error = Device::from_reader("cut", &whole[..cut]).unwrap_err();
            assert!(matches!(error, Error::Corrupt { .. }), "{cut}: {error}");
        }
        let mut changed = whole.clone();
        let last = changed.len() - 1;
        changed[last] ^= 1;
        let error = Device::from_reader("changed", &changed[..]).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    }
}
