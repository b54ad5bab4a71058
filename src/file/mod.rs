//! Files: the bytes of an object that is a file or a volume, as they are read.
//!
//! A file is a row of [`Piece`]s: blocks, holes, what is lost, and what the intent log puts on top. Nothing is ever
//! allocated by its size, which may be any number. Handbook: `docs/format/12-zpl.md`, 12.13, and
//! `docs/format/06-dnode-objset.md`, 6.3.
//!
//! ```
//! use std::io::{Read, Seek, SeekFrom};
//! # use zfsp::{dataset::Datasets, device, fs::FileSystem, pool::{Gathering, Options, Pool}};
//! # let found = device::find(&["fixtures/simple".into()]);
//! # let pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
//! # let datasets = Datasets::of(&pool);
//! # let files = FileSystem::open(datasets.find("lab")?.objset(&pool)?)?;
//!
//! let mut file = files.find(b"/hundred")?.open();
//! file.seek(SeekFrom::End(-8))?;
//! let mut end = String::new();
//! file.read_to_string(&mut end)?;
//! assert_eq!(end.len(), 8);
//! # Ok::<(), zfsp::error::Error>(())
//! ```

mod patches;
mod piece;
mod stream;

use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use crate::block::Store;
use crate::error::Error;
use crate::object::{Loss, Object, ObjectAt};

pub use patches::{Patch, Patches};
pub use piece::{Piece, Pieces, Source};
pub use stream::{Chunk, Content, Data, zeros};

/// The bytes of a file or volume.
#[derive(Clone, Debug)]
pub struct File {
    store: Arc<Store>,
    name: ObjectAt,
    /// `None` for what only the intent log has.
    object: Option<Object>,
    patches: Arc<Patches>,
    /// Bytes of the largest block that it may get.
    record_size: u64,
    size: u64,
    at: u64,
    ahead: Ahead,
}

/// What was read before it was asked for.
#[derive(Clone, Debug, Default)]
struct Ahead {
    chunks: VecDeque<Chunk>,
    /// Bytes to be read at once, the next time.
    window: u64,
}

impl File {
    /// The bytes of `object` up to `size`: zeros where there is nothing.
    #[must_use]
    pub fn new(object: Object, size: u64) -> Self {
        let (store, name) = (object.store().clone(), object.at);
        let (patches, ahead) = (Arc::default(), Ahead::default());
        Self { store, name, object: Some(object), patches, record_size: RECORD_SIZE, size, at: 0, ahead }
    }

    /// A file that only the intent log has.
    #[must_use]
    pub fn unwritten(store: Arc<Store>, name: ObjectAt, size: u64) -> Self {
        let (patches, ahead) = (Arc::default(), Ahead::default());
        Self { store, name, object: None, patches, record_size: RECORD_SIZE, size, at: 0, ahead }
    }

    /// The same with what the intent log puts on top; blocks that are new have at most `record_size` bytes.
    #[must_use]
    pub fn patched(self, patches: Arc<Patches>, record_size: u64) -> Self {
        Self { patches, record_size, ..self }
    }

    /// Bytes that it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of its blocks; 0 if it has none.
    #[must_use]
    pub fn block_size(&self) -> u64 {
        self.object.as_ref().map_or(0, |object| object.block_size)
    }

    /// What it is made of, in order: blocks, holes, losses; no gaps.
    #[must_use]
    pub fn pieces(&self, range: Range<u64>) -> Pieces<'_> {
        Pieces::new(self.object.as_ref(), &self.patches, range.start..range.end.min(self.size))
    }

    /// The stretches that are not holes, as `SEEK_DATA` and `SEEK_HOLE` tell them: whole blocks, cut at the end of the
    /// file; redacted blocks are holes. A single block of odd size is always data. What is lost with a block of
    /// pointers is an error, and the next one follows.
    pub fn segments(&self) -> impl Iterator<Item = Result<Range<u64>, Loss>> + '_ {
        // the kernel does not look into a block whose size is no power of two
        let odd = self
            .object
            .as_ref()
            .filter(|object| !object.block_size.is_power_of_two() && self.patches.is_empty());
        let whole = odd.map(|object| 0..object.block_size.min(self.size)).filter(|whole| !whole.is_empty());
        let found = if whole.is_some() { 0..0 } else { 0..self.size };
        whole.into_iter().map(Ok).chain(self.found_segments(found))
    }

    fn found_segments(&self, range: Range<u64>) -> impl Iterator<Item = Result<Range<u64>, Loss>> + '_ {
        let (mut pieces, mut found, mut lost) = (self.pieces(range), None::<Range<u64>>, None);
        std::iter::from_fn(move || {
            if let Some(loss) = lost.take() {
                return Some(Err(loss));
            }
            loop {
                let Some(Piece { range, source }) = pieces.next() else { return found.take().map(Ok) };
                match source {
                    Source::Lost(loss) if found.is_none() => return Some(Err(loss)),
                    Source::Lost(loss) => {
                        lost = Some(loss);
                        return found.take().map(Ok);
                    }
                    source if !source.is_data() => {}
                    _ => {
                        let range = self.in_whole_blocks(range);
                        match &mut found {
                            Some(found) if range.start <= found.end => found.end = found.end.max(range.end),
                            _ => {
                                if let Some(before) = found.replace(range) {
                                    return Some(Ok(before));
                                }
                            }
                        }
                    }
                }
            }
        })
    }

    /// The blocks that a range touches: the intent log may write, or free, parts of them.
    fn in_whole_blocks(&self, Range { start, end }: Range<u64>) -> Range<u64> {
        if self.patches.is_empty() {
            return start..end;
        }
        let size = self.block_to_be();
        let start = start.saturating_sub(start.checked_rem(size).unwrap_or_default());
        start..end.checked_next_multiple_of(size).unwrap_or(u64::MAX).min(self.size)
    }

    /// Bytes of the blocks that a file will have. A single one grows with the file up to the record size.
    fn block_to_be(&self) -> u64 {
        let (size, several) =
            self.object.as_ref().map_or((0, false), |object| (object.block_size, object.maxblkid > 0));
        let largest = size.max(self.record_size);
        if several { size } else { self.size.clamp(1, largest) }
    }
}

/// `recordsize` where nothing else is said.
pub(crate) const RECORD_SIZE: u64 = 128 << 10;
/// Bytes that are read at first, when a place was sought.
const FIRST: u64 = 128 << 10;

impl Read for File {
    /// # Errors
    /// Where a block is lost. Reading on skips nothing: [`File::stream`] goes past losses.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() || self.at >= self.size {
            return Ok(0);
        }
        while self.ahead.chunks.front().is_some_and(|chunk| chunk.range.end <= self.at) {
            self.ahead.chunks.pop_front();
        }
        if self.ahead.chunks.front().is_none_or(|chunk| !chunk.range.contains(&self.at)) {
            let window = self.ahead.window.clamp(FIRST, stream::BATCH);
            let end = self.at.saturating_add(window);
            let chunks = self.batch(&mut self.pieces(self.at..end), window);
            self.ahead.chunks = chunks.into();
            self.ahead.window = window.saturating_mul(2);
        }
        let Some(chunk) = self.ahead.chunks.front() else { return Ok(0) };
        let skip = self.at.saturating_sub(chunk.range.start);
        let count = match &chunk.content {
            Content::Data(data) => {
                let data = data.get(usize::try_from(skip).unwrap_or(usize::MAX)..).unwrap_or_default();
                let count = data.len().min(buf.len());
                if let (Some(to), Some(from)) = (buf.get_mut(..count), data.get(..count)) {
                    to.copy_from_slice(from);
                }
                count
            }
            Content::Hole => {
                let left = chunk.range.end.saturating_sub(self.at);
                let count = usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
                if let Some(to) = buf.get_mut(..count) {
                    to.fill(0);
                }
                count
            }
            Content::Lost(loss) => return Err(io::Error::other(Error::from(loss.clone()))),
        };
        self.at = self.at.saturating_add(u64::try_from(count).unwrap_or_default());
        Ok(count)
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        let at = at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek before the start"))?;
        if at != self.at {
            self.ahead.window = FIRST;
        }
        self.at = at;
        if self.ahead.chunks.front().is_some_and(|chunk| at < chunk.range.start) {
            self.ahead.chunks.clear();
        }
        Ok(at)
    }
}
