//! The content of a file from one end to the other: blocks are read in parallel, while those before them are used.

use std::io::{self, Write};
use std::ops::{Deref, Range};
use std::sync::mpsc::sync_channel;

use rayon::prelude::*;

use super::File;
use super::piece::{Piece, Source};
use crate::block::Why;
use crate::memory;
use crate::object::{Bookmark, Loss};

/// A stretch of a file that was read.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// Bytes of the file.
    pub range: Range<u64>,
    /// What they are.
    pub content: Content,
}

/// What a stretch of a file is.
#[derive(Clone, Debug)]
pub enum Content {
    /// As many bytes as the range.
    Data(Data),
    /// Zeros that take no space.
    Hole,
    /// They could not be had.
    Lost(Loss),
}

/// Bytes of a file. Their memory is used again for the next ones.
#[derive(Clone, Debug)]
pub struct Data(Vec<u8>);

impl Data {
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Deref for Data {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Data {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        memory::hand_back(std::mem::take(&mut self.0));
    }
}

impl Chunk {
    /// Writes it, with zeros for holes and for what is lost.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match &self.content {
            Content::Data(bytes) => out.write_all(bytes),
            Content::Hole | Content::Lost(_) => zeros(out, self.range.end.saturating_sub(self.range.start)),
        }
    }
}

/// Writes so many zeros.
///
/// # Errors
/// Those of `out`.
pub fn zeros(out: &mut impl Write, count: u64) -> io::Result<()> {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    let mut left = count;
    while left > 0 {
        let len = usize::try_from(left).unwrap_or(usize::MAX).min(ZEROS.len());
        out.write_all(ZEROS.get(..len).unwrap_or_default())?;
        left = left.saturating_sub(u64::try_from(len).unwrap_or(left));
    }
    Ok(())
}

/// Bytes that are read at once: two of the largest blocks. Three batches may be in memory.
pub(super) const BATCH: u64 = 32 << 20;
/// Pieces that are read at once: of small blocks.
const PIECES: usize = 1024;

impl File {
    /// Gives the range to `sink`, piece after piece, holes and losses included, until it fails.
    ///
    /// # Errors
    /// What `sink` returns.
    pub fn stream<E: Send>(
        &self,
        range: Range<u64>,
        mut sink: impl FnMut(Chunk) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut pieces = self.pieces(range);
        if rayon::current_thread_index().is_some() {
            // a thread of the pool that waits for the pool might wait for ever
            return pieces.map(|piece| self.chunk(piece)).try_for_each(sink);
        }
        let first = self.batch(&mut pieces, BATCH);
        let mut rest = pieces.peekable();
        if rest.peek().is_none() {
            return first.into_iter().try_for_each(sink);
        }
        let (to, from) = sync_channel::<Vec<Chunk>>(0);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                loop {
                    let batch = self.batch(&mut rest, BATCH);
                    // who has seen enough has hung up
                    if batch.is_empty() || to.send(batch).is_err() {
                        return;
                    }
                }
            });
            first.into_iter().chain(from.into_iter().flatten()).try_for_each(&mut sink)
        })
    }

    /// The next pieces, read: `most` bytes of them, about.
    pub(super) fn batch(&self, pieces: &mut impl Iterator<Item = Piece>, most: u64) -> Vec<Chunk> {
        let (mut all, mut bytes) = (Vec::new(), 0u64);
        while bytes < most && all.len() < PIECES {
            let Some(piece) = pieces.next() else { break };
            bytes = bytes.saturating_add(match &piece.source {
                Source::Block { pointer, .. } => pointer.lsize(),
                Source::Bytes(..) => piece.range.end.saturating_sub(piece.range.start),
                Source::Hole | Source::Lost(_) => 0,
            });
            all.push(piece);
        }
        match all.len() {
            0 | 1 => all.into_iter().map(|piece| self.chunk(piece)).collect(),
            _ => all.into_par_iter().map(|piece| self.chunk(piece)).collect(),
        }
    }

    fn chunk(&self, piece: Piece) -> Chunk {
        let Piece { range, source } = piece;
        let len = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let content = match source {
            Source::Hole => Content::Hole,
            Source::Lost(loss) => Content::Lost(loss),
            Source::Bytes(bytes, skip) => self.cut(bytes.to_vec(), skip, len, None),
            Source::Block { pointer, .. } if pointer.is_hole() => Content::Hole,
            Source::Block { pointer, at, skip } => match self.store.read(&pointer) {
                Ok(block) => self.cut(block.bytes, skip, len, at),
                Err(lost) => Content::Lost(Loss { at: self.named(at), lost }),
            },
        };
        Chunk { range, content }
    }

    /// `len` bytes behind `skip`; lost where a block has not as many.
    fn cut(&self, mut bytes: Vec<u8>, skip: u64, len: usize, at: Option<Bookmark>) -> Content {
        match self.part(bytes.len(), skip, len, at) {
            Ok(part) => {
                bytes.truncate(part.end);
                bytes.drain(..part.start);
                Content::Data(Data(bytes))
            }
            Err(loss) => Content::Lost(loss),
        }
    }

    /// Where `len` bytes behind `skip` are in a block of so many.
    ///
    /// # Errors
    /// [`Loss`], where a block has not as many.
    pub(super) fn part(
        &self,
        block: usize,
        skip: u64,
        len: usize,
        at: Option<Bookmark>,
    ) -> Result<Range<usize>, Loss> {
        let start = usize::try_from(skip).unwrap_or(usize::MAX);
        match start.checked_add(len).filter(|end| *end <= block) {
            Some(end) => Ok(start..end),
            None => {
                let what = format!("a block of {block:#x} bytes is too short for its place");
                Err(Loss::new(self.named(at), Why::Corrupt(what)))
            }
        }
    }

    /// The name of a block; what the intent log has, has none of its own.
    pub(super) fn named(&self, at: Option<Bookmark>) -> Bookmark {
        at.unwrap_or_else(|| self.name.block(-2, 0))
    }
}
