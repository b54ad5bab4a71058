//! Where there is data, and where there are holes.
//!
//! Handbook: `docs/format/12-zpl.md`, 12.13.

use std::ops::Range;

use super::File;
use super::piece::{Piece, Source};
use crate::object::Loss;

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sought {
    /// Bytes that are no hole.
    Data,
    /// A hole: there is one at the end of each file.
    Hole,
}

impl File {
    /// The first place from `from` on where there is what is sought, as `lseek` finds it: `None` behind the end, and
    /// where there is no more data. What is lost is data: it is no hole that is known.
    #[must_use]
    pub fn seek_to(&self, sought: Sought, from: u64) -> Option<u64> {
        if from >= self.size {
            return None;
        }
        let mut at = from;
        for stretch in self.stretches_from(from) {
            match sought {
                Sought::Data if stretch.end > from => return Some(stretch.start.max(from)),
                Sought::Hole if stretch.start > at => return Some(at),
                _ => at = at.max(stretch.end),
            }
        }
        (sought == Sought::Hole).then_some(at.min(self.size))
    }

    /// What is data, or lost, from `from` on, piece by piece: what may come before it lies in the same block.
    fn stretches_from(&self, from: u64) -> impl Iterator<Item = Range<u64>> + '_ {
        let whole = self.whole();
        let range = if whole.is_some() { 0..0 } else { self.in_whole_blocks(from..from).start..self.size };
        let pieces = self.pieces(range).filter_map(move |Piece { range, source }| match source {
            Source::Lost(_) => Some(range),
            source if source.is_data() => Some(self.in_whole_blocks(range)),
            _ => None,
        });
        whole.into_iter().chain(pieces)
    }

    /// All of it, if it is a single block of odd size: the kernel does not look into such.
    fn whole(&self) -> Option<Range<u64>> {
        let is_odd = |block_size: u64| !block_size.is_power_of_two() && self.patches.is_empty();
        let object = self.object.as_ref().filter(|object| is_odd(object.block_size))?;
        Some(0..object.block_size.min(self.size)).filter(|whole| !whole.is_empty())
    }

    /// The stretches that are not holes, as `SEEK_DATA` and `SEEK_HOLE` tell them: whole blocks, cut at the end of the
    /// file; redacted blocks are holes. A single block of odd size is always data. What is lost with a block of
    /// pointers is an error, and the next one follows.
    pub fn segments(&self) -> impl Iterator<Item = Result<Range<u64>, Loss>> + '_ {
        let whole = self.whole();
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
