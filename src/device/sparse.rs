//! Bytes held in memory, without the zeros: images are mostly holes.

use std::{
    io::{self, Read},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::error::{Error, Result};

/// 8 GiB: far more than test images and dumps need, and a table of chunks that stays at 2 MiB.
pub(super) const MAX_LEN: u64 = 8 << 30;

/// 1 GiB: what a machine of today can spare for one device.
pub(super) const MAX_STORED: u64 = 1 << 30;

/// Bytes that may still be held in memory, shared by those who hold some.
#[derive(Debug)]
pub(super) struct Budget(AtomicU64);

impl Budget {
    pub(super) fn new(bytes: u64) -> Self {
        Self(AtomicU64::new(bytes))
    }

    /// Whether `bytes` were left; they are not any more.
    fn take(&self, bytes: u64) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes)).is_ok()
    }

    /// Returns what was taken.
    pub(super) fn give(&self, bytes: u64) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// Small enough that a hole costs little around it, large enough that the table stays short.
const CHUNK: usize = 64 << 10;
const CHUNK_LEN: u64 = 64 << 10;

/// Chunks of [`CHUNK`] bytes, `None` where all bytes are zero; the last one may be shorter.
#[derive(Debug)]
pub(super) struct Sparse {
    chunks: Vec<Option<Box<[u8]>>>,
    len: u64,
    stored: u64,
}

impl Sparse {
    /// Reads to the end, or to the first error of `reader`, which is given beside what came before it.
    ///
    /// # Errors
    /// `Unsupported` for what is longer than [`MAX_LEN`], or has more bytes to be stored than [`MAX_STORED`] or
    /// `budget` allow.
    pub(super) fn read_from(reader: impl Read, budget: &Budget) -> Result<(Self, Option<io::Error>)> {
        Self::read_within(reader, budget, MAX_LEN)
    }

    fn read_within(reader: impl Read, budget: &Budget, most: u64) -> Result<(Self, Option<io::Error>)> {
        let mut sparse = Self { chunks: Vec::new(), len: 0, stored: 0 };
        match sparse.fill(reader, budget, most) {
            Ok(fault) => Ok((sparse, fault)),
            Err(error) => {
                budget.give(sparse.stored);
                Err(error)
            }
        }
    }

    fn fill(&mut self, mut reader: impl Read, budget: &Budget, most: u64) -> Result<Option<io::Error>> {
        loop {
            let mut chunk = Vec::with_capacity(CHUNK);
            let fault = reader.by_ref().take(CHUNK_LEN).read_to_end(&mut chunk).err();
            let len = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            self.len = self.len.saturating_add(len);
            let is_hole = chunk.iter().all(|byte| *byte == 0);
            if !is_hole {
                if !budget.take(len) {
                    return Err(no_memory_left());
                }
                self.stored = self.stored.saturating_add(len);
            }
            if self.len > most || self.stored > MAX_STORED {
                return Err(too_large());
            }
            if !chunk.is_empty() {
                self.chunks.push((!is_hole).then(|| chunk.into_boxed_slice()));
            }
            if fault.is_some() || len < CHUNK_LEN {
                return Ok(fault);
            }
        }
    }

    /// Bytes that are held in memory.
    pub(super) fn stored(&self) -> u64 {
        self.stored
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

fn no_memory_left() -> Error {
    Error::unsupported(
        "with the others, too much data to be held in memory: unpack or save it to a file first",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_stream_ends() {
        let budget = Budget::new(4 * CHUNK_LEN);
        let error = Sparse::read_from(io::repeat(7), &budget).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
        assert!(budget.take(4 * CHUNK_LEN), "what was taken is given back");
        assert!(!budget.take(1));
        // holes cost no budget
        let error = Sparse::read_within(io::repeat(0), &budget, 8 * CHUNK_LEN).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    }
}
