//! Devices: the only place of the crate that opens anything. For reading only; nothing is ever
//! written.
//!
//! A device is a regular file, a block device, an image packed with zstd (recognised by its
//! content, not by its name), or what comes through a pipe.

use std::fmt;
use std::path::Path;

use crate::error::Result;

mod file;
mod packed;
mod pipe;

use file::File;
use packed::Sparse;

/// Bytes that can be read at any place.
pub struct Device {
    bytes: Source,
}

enum Source {
    File(File),
    Memory(Sparse),
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "device of {} bytes", self.len())
    }
}

impl Device {
    /// Opens what `path` names; `-` is standard input.
    ///
    /// # Errors
    /// [`Error::Io`](crate::error::Error::Io) if it cannot be read,
    /// [`Error::Corrupt`](crate::error::Error::Corrupt) if it is a packed image that cannot be
    /// unpacked.
    pub fn open(path: &Path) -> Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Device { bytes: Source::Memory(pipe::read(path, std::io::stdin().lock())?) });
        }
        let file = File::open(path)?;
        let bytes = if file.is_stream() {
            Source::Memory(pipe::read(path, file.into_reader())?)
        } else if packed::is_packed(&file) {
            Source::Memory(packed::unpack(path, file.into_reader())?)
        } else {
            Source::File(file)
        };
        Ok(Device { bytes })
    }

    /// Bytes it has.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.bytes {
            Source::File(file) => file.len(),
            Source::Memory(sparse) => sparse.len(),
        }
    }
    /// True if it has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Up to `len` bytes from byte `at` on: fewer where the device ends.
    ///
    /// # Errors
    /// [`Error::Io`](crate::error::Error::Io) if the device cannot be read there.
    pub fn read(&self, at: u64, len: usize) -> Result<Vec<u8>> {
        let left = self.len().saturating_sub(at);
        let len = usize::try_from(left).map_or(len, |left| len.min(left));
        let mut bytes = vec![0; len];
        match &self.bytes {
            Source::File(file) => file.read_at(at, &mut bytes)?,
            Source::Memory(sparse) => sparse.read_at(at, &mut bytes),
        }
        Ok(bytes)
    }
}
