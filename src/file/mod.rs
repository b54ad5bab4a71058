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
mod reader;
mod sought;
mod stream;

use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use crate::block::Store;
use crate::error::Error;
use crate::object::{Object, ObjectAt};

pub use patches::{Patch, Patches};
pub use piece::{Piece, Pieces, Source};
pub use reader::{Bytes, Part, Reader};
pub use sought::Sought;
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
