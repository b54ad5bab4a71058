//! Files with holes in an archive: a map of what is there, then that. The format is GNU's, version 1.0.

use std::ops::Range;

use zfsp::block::Why;
use zfsp::file::{File, Source};

use super::super::content::{Gaps, Stop};
use super::super::note::Note;
use super::header::BLOCK;
use crate::interrupt;

/// The stretches of a file that are in an archive.
#[derive(Debug, Default)]
pub(super) struct Map {
    pub(super) all: Vec<Range<u64>>,
    size: u64,
}

/// Stretches that a map may have: it is in memory.
const MOST: usize = 1 << 20;

impl Map {
    /// The map of a file; `None` if there are too many stretches. What is lost with a block of pointers, and what was
    /// left out when the dataset was received, are holes.
    pub(super) fn of(file: &File, path: &[u8], notes: &mut Vec<Note>) -> Result<Option<Self>, Stop> {
        let (mut all, size): (Vec<Range<u64>>, u64) = (Vec::new(), file.size());
        let mut gaps = Gaps::of(path, notes);
        for piece in file.pieces(0..size) {
            if interrupt::is_asked() {
                return Err(Stop::Interrupted);
            }
            if all.len() > MOST {
                return Ok(None);
            }
            match (piece.source, all.last_mut()) {
                (Source::Lost(loss), _) => gaps.add(piece.range, &loss.lost.why, &loss),
                (Source::Hole, _) => {}
                (source @ Source::Block { pointer, .. }, _) if !source.is_data() => {
                    if !pointer.is_hole() {
                        gaps.add(piece.range, &Why::Redacted, Why::Redacted);
                    }
                }
                (_, Some(last)) if last.end == piece.range.start => last.end = piece.range.end,
                _ => all.push(piece.range),
            }
        }
        drop(gaps);
        Ok(Some(Self { all, size }))
    }

    pub(super) fn has_holes(&self) -> bool {
        self.size > 0 && !matches!(self.all.as_slice(), [all] if *all == (0..self.size))
    }

    /// Bytes of the stretches.
    pub(super) fn bytes(&self) -> u64 {
        let len = |range: &Range<u64>| range.end.saturating_sub(range.start);
        self.all.iter().fold(0, |sum: u64, range| sum.saturating_add(len(range)))
    }

    /// As it stands before the stretches.
    pub(super) fn text(&self) -> Vec<u8> {
        // how long the file is, if it ends with a hole
        let end = self.all.last().is_none_or(|last| last.end < self.size).then_some(self.size..self.size);
        let all = || self.all.iter().chain(&end);
        let mut text = format!("{}\n", all().count());
        for range in all() {
            text.push_str(&format!("{}\n{}\n", range.start, range.end.saturating_sub(range.start)));
        }
        let mut text = text.into_bytes();
        text.resize(text.len().next_multiple_of(BLOCK), 0);
        text
    }
}
