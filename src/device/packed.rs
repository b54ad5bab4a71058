//! Images packed with zstd: unpacked into memory, of which zeros take none.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::file::File;
use crate::error::{Error, Result};

/// First bytes of a zstd frame.
pub(super) const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Unit of storage: small enough to leave out the holes of an image.
const CHUNK: usize = 64 << 10;
/// Memory that an unpacked image may take, without its zeros: far more than any image that is worth
/// packing, far less than what would bring a machine down.
const MOST_STORED: usize = 2 << 30;
/// `zstd --long=29`; beyond that the window alone would take a gigabyte.
const LARGEST_WINDOW: u64 = 512 << 20;

pub(super) fn is_packed(file: &File) -> bool {
    let mut head = [0; 4];
    file.read_at(0, &mut head).is_ok() && head == MAGIC
}

/// Bytes in memory; chunks of zeros are left out.
pub(super) struct Sparse {
    chunks: BTreeMap<u64, Box<[u8]>>,
    len: u64,
}

impl Sparse {
    pub(super) fn len(&self) -> u64 {
        self.len
    }
    /// Fills `bytes`, which are zeros, from byte `at` on.
    pub(super) fn read_at(&self, at: u64, bytes: &mut [u8]) {
        let chunk = u64::try_from(CHUNK).unwrap_or(u64::MAX);
        let end = at.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        let first = at.saturating_sub(at.checked_rem(chunk).unwrap_or_default());
        for (start, stored) in self.chunks.range(first..end) {
            let skip = usize::try_from(at.saturating_sub(*start)).unwrap_or(usize::MAX);
            let to = usize::try_from(start.saturating_sub(at)).unwrap_or(usize::MAX);
            if let (Some(from), Some(to)) = (stored.get(skip..), bytes.get_mut(to..)) {
                for (to, from) in to.iter_mut().zip(from) {
                    *to = *from;
                }
            }
        }
    }
    /// All that `reader` gives.
    pub(super) fn fill(path: &Path, mut reader: impl Read) -> Result<Self> {
        let mut all = Sparse { chunks: BTreeMap::new(), len: 0 };
        let mut stored = 0usize;
        loop {
            let mut chunk = vec![0; CHUNK];
            let n = read_full(&mut reader, &mut chunk)
                .map_err(|source| Error::Io { path: path.to_owned(), source })?;
            chunk.truncate(n);
            let (at, ended) = (all.len, n < CHUNK);
            all.len = all.len.saturating_add(u64::try_from(n).unwrap_or_default());
            if chunk.iter().any(|b| *b != 0) {
                stored = stored.saturating_add(n);
                if stored > MOST_STORED {
                    let what = "more than 2 GiB in memory: unpack it to a file first".to_owned();
                    return Err(Error::Unsupported { place: path.display().to_string(), what });
                }
                all.chunks.insert(at, chunk.into_boxed_slice());
            }
            if ended {
                return Ok(all);
            }
        }
    }
}

fn read_full(reader: &mut impl Read, mut room: &mut [u8]) -> std::io::Result<usize> {
    let mut all = 0usize;
    while !room.is_empty() {
        match reader.read(room) {
            Ok(0) => break,
            Ok(n) => {
                all = all.saturating_add(n);
                room = room.get_mut(n..).unwrap_or_default();
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(all)
}

pub(super) fn unpack(path: &Path, packed: impl Read) -> Result<Sparse> {
    let corrupt = |what: String| Error::corrupt(path.display().to_string(), what);
    let mut frame = FrameDecoder::new();
    frame.set_max_window_size(LARGEST_WINDOW);
    let decoder = StreamingDecoder::new_with_decoder(packed, frame)
        .map_err(|e| corrupt(format!("not to be unpacked: {e}")))?;
    Sparse::fill(path, decoder).map_err(|e| match e {
        Error::Io { source, .. } => corrupt(format!("not to be unpacked: {source}")),
        other => other,
    })
}
