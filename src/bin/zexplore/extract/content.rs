//! The bytes of a file, given to who writes them. What is lost is left out, and named.

use std::fmt;
use std::io;
use std::ops::Range;

use zfsp::block::Why;
use zfsp::file::{Content, File};

use super::note::Note;
use super::progress::Progress;
use crate::interrupt;

/// Why it goes no further.
#[derive(Debug)]
pub(super) enum Stop {
    /// The user wants it to end.
    Interrupted,
    /// What is written to does not take it.
    Host(io::Error),
}

/// Why an output takes no more, where only I/O errors can be given: the user wants it to end.
#[derive(Debug)]
pub(super) struct Asked;

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Asked {}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        match error.get_ref() {
            Some(why) if why.is::<Asked>() => Self::Interrupted,
            _ => Self::Host(error),
        }
    }
}

/// Gives the bytes of `range` that are neither hole nor lost to `put`; returns their number.
pub(super) fn copy(
    file: &File,
    range: Range<u64>,
    path: &[u8],
    progress: &Progress,
    notes: &mut Vec<Note>,
    mut put: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> Result<u64, Stop> {
    let (mut copied, mut gaps) = (0u64, Gaps::of(path, notes));
    file.stream(range, |chunk| {
        if interrupt::is_asked() {
            return Err(Stop::Interrupted);
        }
        match chunk.content {
            Content::Hole => {}
            Content::Lost(loss) => gaps.add(chunk.range, &loss.lost.why, &loss),
            Content::Data(bytes) => {
                put(chunk.range.start, &bytes)?;
                let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                copied = copied.saturating_add(count);
                progress.bytes(count);
            }
        }
        Ok(())
    })?;
    Ok(copied)
}

/// Stretches of a file that are lost: what lies one behind the other, for the same reason, is told as one.
pub(super) struct Gaps<'n> {
    path: &'n [u8],
    notes: &'n mut Vec<Note>,
    last: Option<(Range<u64>, Why, String)>,
}

impl<'n> Gaps<'n> {
    pub(super) fn of(path: &'n [u8], notes: &'n mut Vec<Note>) -> Self {
        Self { path, notes, last: None }
    }

    /// `says` names the first block.
    pub(super) fn add(&mut self, range: Range<u64>, why: &Why, says: impl fmt::Display) {
        match &mut self.last {
            Some((last, known, _)) if last.end == range.start && known == why => last.end = range.end,
            _ => {
                self.tell();
                self.last = Some((range, why.clone(), says.to_string()));
            }
        }
    }

    fn tell(&mut self) {
        if let Some((range, _, says)) = self.last.take() {
            self.notes.push(Note::zeros(self.path, range, says));
        }
    }
}

impl Drop for Gaps<'_> {
    fn drop(&mut self) {
        self.tell();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interruption_is_no_error_of_the_host() {
        assert!(matches!(Stop::from(io::Error::other(Asked)), Stop::Interrupted));
        assert!(matches!(Stop::from(io::Error::from(io::ErrorKind::Interrupted)), Stop::Host(_)));
        assert!(matches!(Stop::from(io::Error::other("full")), Stop::Host(_)));
    }
}
