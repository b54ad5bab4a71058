//! Reading here and there, as programs do: blocks are kept for a while, and who reads on finds the next ones read.
//!
//! A block that was read from one end to the other is not kept: who asks has it. Its memory is used again for the next
//! one, which is what makes reading on as fast as it is.

use std::collections::HashMap;
use std::ops::{Deref, Range};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;
use zfsp_grammar::blkptr::Pointer;

use super::File;
use super::piece::{Piece, Source};
use super::stream::Data;
use crate::block::{Block, Cache};
use crate::memory;
use crate::object::{Bookmark, Loss};

/// A file that several threads read from at once, each at its place.
#[derive(Debug)]
pub struct Reader {
    file: File,
    /// What files share.
    cache: Arc<Cache>,
    course: Mutex<Course>,
    /// Bytes that were read of each block, by where it starts: of those that are not read to the end.
    parts: Mutex<HashMap<u64, u64>>,
    /// The block that was found to be lost last: kernels ask for it again, page by page.
    lost: Mutex<Option<(Pointer, Loss)>>,
    /// Bytes that are read ahead at most.
    furthest: u64,
    /// Several reads are of one block: all wait for it.
    has_large_blocks: bool,
}

/// Bytes that were read.
#[derive(Clone, Debug)]
pub enum Bytes {
    /// Of one block.
    Part(Part),
    /// Put together of several.
    Own(Data),
}

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Self::Part(part) => part,
            Self::Own(bytes) => bytes,
        }
    }
}

/// Part of a block.
#[derive(Clone, Debug)]
pub struct Part {
    /// `None` only when it is dropped.
    block: Option<Arc<Block>>,
    range: Range<usize>,
}

impl Deref for Part {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        let block = self.block.as_ref();
        block.and_then(|block| block.bytes.get(self.range.clone())).unwrap_or_default()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(block) = self.block.take().and_then(Arc::into_inner) {
            memory::hand_back(block.bytes);
        }
    }
}

/// Where reading goes.
#[derive(Clone, Copy, Debug, Default)]
struct Course {
    /// Where the furthest read has ended.
    end: u64,
    /// Bytes that are to be read ahead.
    window: u64,
    /// What lies before this place was asked for.
    fetched: u64,
}

/// Bytes that are read ahead at first.
const FIRST: u64 = 512 << 10;
/// Bytes that are read ahead at most, if blocks are not larger.
const FURTHEST: u64 = 8 << 20;
/// Bytes of the largest block that is read as a whole: kernels ask for no more at a time.
const LARGE: u64 = 1 << 20;
/// Reads that are not further from where the last one ended go on there: several are under way at a time.
const NEAR: u64 = 1 << 20;
/// Blocks that are read in parts at a time, about.
const MOST_PARTS: usize = 256;
/// Bytes that one thread reads ahead.
const SHARE: u64 = 128 << 10;

impl Reader {
    /// A reader of that file, whose blocks are kept in `cache`: nothing but data should be. Without `is_ahead` nothing is
    /// read before it is asked for, but for large blocks: where the one who asks does so ahead himself, it would only be
    /// in the way.
    #[must_use]
    pub fn new(file: File, cache: Arc<Cache>, is_ahead: bool) -> Arc<Self> {
        let has_large_blocks = file.block_size() > LARGE;
        let furthest = FURTHEST.max(file.block_size().saturating_mul(2));
        let furthest = if is_ahead || has_large_blocks { furthest } else { 0 };
        let (course, parts, lost) = (Mutex::default(), Mutex::default(), Mutex::default());
        Arc::new(Self { file, cache, course, parts, lost, furthest, has_large_blocks })
    }

    /// What is read.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// The bytes of the range as far as the file has them; zeros for holes.
    ///
    /// # Errors
    /// The first [`Loss`], if anything in the range is lost.
    pub fn read(self: &Arc<Self>, range: Range<u64>) -> Result<Bytes, Loss> {
        let range = range.start.min(self.file.size)..range.end.min(self.file.size);
        let under_way = UnderWay::new();
        self.go_on(&range, under_way.is_busy);
        let pieces: Vec<Piece> = self.file.pieces(range.clone()).collect();
        if let [piece] = pieces.as_slice()
            && let Some(part) = self.part(piece)?
        {
            self.take_note(piece);
            return Ok(Bytes::Part(part));
        }
        let mut bytes = memory::buffer(length(&range));
        let mut rest = bytes.as_mut_slice();
        let mut parts = Vec::with_capacity(pieces.len());
        for piece in &pieces {
            let (part, behind) = rest.split_at_mut(length(&piece.range).min(rest.len()));
            rest = behind;
            parts.push((piece, part));
        }
        // pieces leave no gap; if they did, it should not show what was in this memory before
        rest.fill(0);
        let fill = |(piece, part): (&Piece, _)| self.fill(piece, part);
        // where every thread has a read of its own, it is the fastest to leave it with that
        match under_way.is_busy {
            true => parts.into_iter().try_for_each(fill)?,
            false => parts.into_par_iter().try_for_each(fill)?,
        }
        Ok(Bytes::Own(Data::of(bytes)))
    }

    /// Takes a block out of the cache when as many bytes of it were read as it has.
    fn take_note(&self, piece: &Piece) {
        let Source::Block { pointer, skip, .. } = &piece.source else { return };
        let start = piece.range.start.saturating_sub(*skip);
        let whole = pointer.lsize().min(self.file.size.saturating_sub(start));
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if parts.len() >= MOST_PARTS {
            parts.clear();
        }
        let read = parts.entry(start).or_default();
        *read = read.saturating_add(piece.range.end.saturating_sub(piece.range.start));
        if *read >= whole {
            parts.remove(&start);
            self.file.store.forget(&self.cache, pointer);
        }
    }

    /// Fills `to` with the bytes of a piece: with zeros, if it is a hole.
    fn fill(&self, piece: &Piece, to: &mut [u8]) -> Result<(), Loss> {
        if let Source::Bytes(bytes, skip) = &piece.source {
            let range = self.file.part(bytes.len(), *skip, to.len(), None)?;
            to.copy_from_slice(bytes.get(range).unwrap_or_default());
        } else if let Some(part) = self.part(piece)? {
            to.copy_from_slice(&part);
            self.take_note(piece);
        } else {
            to.fill(0);
        }
        Ok(())
    }

    /// What a piece has of a block; `None` for what is of none.
    fn part(&self, piece: &Piece) -> Result<Option<Part>, Loss> {
        match &piece.source {
            Source::Lost(loss) => Err(loss.clone()),
            Source::Block { pointer, at, skip } if !pointer.is_hole() => {
                let block = self.read_block(pointer, *at)?;
                let range = self.file.part(block.bytes.len(), *skip, length(&piece.range), *at)?;
                Ok(Some(Part { block: Some(block), range }))
            }
            Source::Hole | Source::Bytes(..) | Source::Block { .. } => Ok(None),
        }
    }

    fn read_block(&self, pointer: &Pointer, at: Option<Bookmark>) -> Result<Arc<Block>, Loss> {
        let last = || self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, loss)) = last().as_ref().filter(|(lost, _)| lost == pointer) {
            return Err(loss.clone());
        }
        self.file.store.through(&self.cache, pointer).map_err(|lost| {
            let loss = Loss { at: self.file.named(at), lost };
            *last() = Some((*pointer, loss.clone()));
            loss
        })
    }

    /// Has the blocks behind `range` read, if reading goes on from where it was, and if there is somebody to do it.
    fn go_on(self: &Arc<Self>, range: &Range<u64>, is_busy: bool) {
        let furthest = if is_busy && !self.has_large_blocks { 0 } else { self.furthest };
        let ahead = self.course.lock().unwrap_or_else(PoisonError::into_inner).take(range, furthest);
        let ahead = ahead.start..ahead.end.min(self.file.size);
        if !ahead.is_empty() && self.file.object.is_some() {
            let reader = self.clone();
            rayon::spawn(move || reader.fetch(ahead));
        }
    }

    /// Reads the blocks of a range into the cache. What is lost is told to who reads it.
    fn fetch(self: Arc<Self>, range: Range<u64>) {
        let mut share = Vec::new();
        let mut bytes = 0u64;
        for piece in self.file.pieces(range) {
            if let Source::Block { pointer, .. } = piece.source {
                bytes = bytes.saturating_add(pointer.lsize());
                share.push(pointer);
                if bytes >= SHARE {
                    self.spawn(std::mem::take(&mut share));
                    bytes = 0;
                }
            }
        }
        self.spawn(share);
    }

    fn spawn(self: &Arc<Self>, pointers: Vec<Pointer>) {
        let reader = self.clone();
        rayon::spawn(move || {
            for pointer in pointers {
                // whoever asks for it is told what is wrong
                let _ = reader.file.store.through(&reader.cache, &pointer);
            }
        });
    }
}

/// Bytes of a range.
fn length(range: &Range<u64>) -> usize {
    usize::try_from(range.end.saturating_sub(range.start)).unwrap_or_default()
}

/// A read that is under way.
struct UnderWay {
    /// There are as many as threads that could take part.
    is_busy: bool,
}

/// Reads that are under way, of all files.
static ALL: AtomicUsize = AtomicUsize::new(0);

impl UnderWay {
    fn new() -> Self {
        let others = ALL.fetch_add(1, Ordering::Relaxed);
        Self { is_busy: others.saturating_add(1) >= rayon::current_num_threads() }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        ALL.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Course {
    /// Takes note of a read; returns what is to be read ahead now: not further than so many bytes.
    fn take(&mut self, range: &Range<u64>, furthest: u64) -> Range<u64> {
        let goes_on =
            range.start <= self.end.saturating_add(NEAR) && range.end.saturating_add(NEAR) >= self.end;
        if !goes_on || self.end == 0 {
            let is_start = range.start == 0;
            *self = Self { end: range.end, window: if is_start { FIRST } else { 0 }, fetched: range.end };
            return 0..0;
        }
        self.end = self.end.max(range.end);
        self.fetched = self.fetched.max(self.end);
        // not before half of what was read ahead is used up
        let left = self.fetched.saturating_sub(self.end);
        if left > self.window / 2 || furthest == 0 {
            return 0..0;
        }
        self.window = self.window.saturating_mul(2).max(FIRST).min(furthest);
        let ahead = self.fetched..self.end.saturating_add(self.window);
        self.fetched = self.fetched.max(ahead.end);
        ahead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_reads_on_is_served_ahead_and_who_jumps_is_not() {
        let mut course = Course::default();
        let mut ahead = Vec::new();
        for n in 0..64u64 {
            ahead.push(course.take(&(n * SHARE..(n + 1) * SHARE), FURTHEST));
        }
        let fetched: Vec<_> = ahead.into_iter().filter(|range| !range.is_empty()).collect();
        // without gaps, nothing twice, never further than allowed
        assert!(fetched.windows(2).all(|pair| pair[0].end == pair[1].start));
        assert!(fetched.len() < 16 && fetched.last().unwrap().end <= 64 * SHARE + FURTHEST);
        for at in [900 << 20, 3 << 20, 500 << 20] {
            assert!(course.take(&(at..at + 4096), FURTHEST).is_empty());
        }
    }
}
