//! Regular files and block devices: anything whose end can be sought.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom},
};

/// An open file of known size that is read by position, so that threads can share it.
#[derive(Debug)]
pub(super) struct Seekable {
    file: File,
    len: u64,
}

/// Size in bytes; 0 for pipes and other streams. Seeking works where `stat` does not know: block devices.
pub(super) fn size(file: &mut File) -> io::Result<u64> {
    let Ok(size) = file.seek(SeekFrom::End(0)) else {
        return Ok(0);
    };
    file.rewind()?;
    Ok(size)
}

impl Seekable {
    pub(super) fn new(file: File, len: u64) -> Self {
        Self { file, len }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    #[cfg(unix)]
    pub(super) fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, buf, offset)
    }

    #[cfg(windows)]
    pub(super) fn read_at(&self, mut offset: u64, mut buf: &mut [u8]) -> io::Result<()> {
        while !buf.is_empty() {
            let count = std::os::windows::fs::FileExt::seek_read(&self.file, buf, offset)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            buf = buf.split_at_mut(count).1;
            offset = offset.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        }
        Ok(())
    }
}
