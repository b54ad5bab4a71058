//! Bytes held in memory, without the zeros: images are mostly holes.

use std::io::{self, Read};

use crate::error::{Error, Result};

/// 8 GiB: far more than test images and dumps need, and a table of chunks that stays at 2 MiB.
pub(super) const MAX_LEN: u64 = 8 << 30;

/// 1 GiB: what a machine of today can spare for one device.
pub(super) const MAX_STORED: u64 = 1 << 30;

/// Small enough that a hole costs little around it, large enough that the table stays short.
const CHUNK: usize = 64 << 10;
const CHUNK_LEN: u64 = 64 << 10;

/// Chunks of [`CHUNK`] bytes, `None` where all bytes are zero; the last one may be shorter.
#[derive(Debug)]
pub(super) struct Sparse {
    chunks: Vec<Option<Box<[u8]>>>,
    len: u64,
}

impl Sparse {
    /// Reads to the end.
    pub(super) fn read_from(reader: impl Read) -> Result<Self> {
        Self::read_within(reader, MAX_LEN, MAX_STORED)
    }

    fn read_within(mut reader: impl Read, max_len: u64, max_stored: u64) -> Result<Self> {
        let mut sparse = Self { chunks: Vec::new(), len: 0 };
        let mut stored = 0_u64;
        loop {
            let mut chunk = Vec::with_capacity(CHUNK);
            reader.by_ref().take(CHUNK_LEN).read_to_end(&mut chunk)?;
            if chunk.is_empty() {
                return Ok(sparse);
            }
            let len = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            let is_hole = chunk.iter().all(|byte| *byte == 0);
            stored = stored.saturating_add(if is_hole { 0 } else { len });
            sparse.len = sparse.len.saturating_add(len);
            if sparse.len > max_len || stored > max_stored {
                return Err(too_large());
            }
            sparse.chunks.push((!is_hole).then(|| chunk.into_boxed_slice()));
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Fills `buf`; the caller has made sure that the range lies inside.
    pub(super) fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let number = usize::try_from(offset / CHUNK_LEN).unwrap_or(usize::MAX);
        let mut start = usize::try_from(offset % CHUNK_LEN).unwrap_or(usize::MAX);
        let mut rest = buf;
        for chunk in self.chunks.get(number..).unwrap_or_default() {
            if rest.is_empty() {
                break;
            }
            let count = rest.len().min(CHUNK.saturating_sub(start));
            let (part, after) = rest.split_at_mut(count);
            match chunk {
                None => part.fill(0),
                Some(bytes) => {
                    let end = start.saturating_add(count);
                    let from = bytes.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?;
                    part.copy_from_slice(from);
                }
            }
            rest = after;
            start = 0;
        }
        if rest.is_empty() { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

fn too_large() -> Error {
    Error::unsupported(format!(
        "more than {} GiB, or more than {} GiB of data: unpack or save it to a file first",
        MAX_LEN >> 30,
        MAX_STORED >> 30
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_stream_ends() {
        for byte in [0, 7] {
            let error = Sparse::read_within(io::repeat(byte), 8 * CHUNK_LEN, 4 * CHUNK_LEN).unwrap_err();
            assert!(matches!(error, Error::Unsupported { .. }), "{error}");
        }
    }
}
