//! What the intent log puts on top of a file: bytes and blocks that were written, ranges that were freed.
//!
//! Handbook: `docs/format/13-space.md`, 13.8.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use zfsp_grammar::blkptr::Pointer;

/// Changes of a file's bytes: none overlaps another.
#[derive(Clone, Debug, Default)]
pub struct Patches {
    /// By their first byte.
    all: BTreeMap<u64, (u64, Patch)>,
    /// What the object has from here on is gone.
    cut: Option<u64>,
    /// It was made longer, so that a single block grew.
    is_extended: bool,
}

/// What stands in a range of a file.
#[derive(Clone, Debug)]
pub enum Patch {
    /// Zeros that take no space.
    Hole,
    /// Bytes; those of the range start behind so many.
    Bytes(Arc<[u8]>, u64),
    /// A block; the bytes of the range start behind so many.
    Block(Pointer, u64),
}

impl Patch {
    /// The same without the first `skip` bytes.
    fn behind(&self, skip: u64) -> Self {
        match self {
            Self::Hole => Self::Hole,
            Self::Bytes(bytes, at) => Self::Bytes(bytes.clone(), at.saturating_add(skip)),
            Self::Block(pointer, at) => Self::Block(*pointer, at.saturating_add(skip)),
        }
    }
}

impl Patches {
    /// True if nothing was changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty() && self.cut.is_none() && !self.is_extended
    }

    /// Up to which byte the object is read.
    #[must_use]
    pub fn cut(&self) -> u64 {
        self.cut.unwrap_or(u64::MAX)
    }

    /// Puts `patch` over the range; what was there before is gone.
    pub fn put(&mut self, range: Range<u64>, patch: Patch) {
        if range.is_empty() {
            return;
        }
        self.clear(&range);
        self.all.insert(range.start, (range.end, patch));
    }

    /// Ends the file at `size` bytes: what was behind is gone, and would read as zeros.
    pub fn truncate(&mut self, size: u64) {
        self.clear(&(size..u64::MAX));
        self.cut = Some(self.cut().min(size));
    }

    /// Ends the file further on: what comes to it are zeros.
    pub fn extend(&mut self) {
        self.is_extended = true;
    }

    /// The patch that stands at `at`, or the next one behind it, cut to what lies behind `at`.
    #[must_use]
    pub fn from(&self, at: u64) -> Option<(Range<u64>, Patch)> {
        let before = self.all.range(..=at).next_back().filter(|(_, (end, _))| *end > at);
        let (start, (end, patch)) = before.or_else(|| self.all.range(at..).next())?;
        let from = at.max(*start);
        Some((from..*end, patch.behind(from.saturating_sub(*start))))
    }

    /// Takes away what stands in the range.
    fn clear(&mut self, range: &Range<u64>) {
        let first = self.all.range(..range.start).next_back().filter(|(_, (end, _))| *end > range.start);
        let first = first.map(|(start, _)| *start);
        let inside: Vec<u64> = self.all.range(range.clone()).map(|(start, _)| *start).collect();
        for start in first.into_iter().chain(inside) {
            let Some((end, patch)) = self.all.remove(&start) else { continue };
            if start < range.start {
                self.all.insert(start, (range.start, patch.clone()));
            }
            if end > range.end {
                let patch = patch.behind(range.end.saturating_sub(start));
                self.all.insert(range.end, (end, patch));
            }
        }
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions
)] // a test may fail loudly
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Byte `at`, as the patches have it; 0 for holes, `None` for what the object has.
    fn byte(patches: &Patches, at: u64) -> Option<u8> {
        match patches.from(at).filter(|(range, _)| range.contains(&at)) {
            Some((_, Patch::Bytes(bytes, skip))) => Some(bytes[skip as usize]),
            Some(_) => Some(0),
            None => (at >= patches.cut()).then_some(0),
        }
    }

    proptest! {
        #[test]
        fn patches_are_what_writes_leave(
            steps in proptest::collection::vec((0u64..64, 1u64..32, 0u8..3), 1..40)
        ) {
            let (mut patches, mut model) = (Patches::default(), [None; 128]);
            for (n, (start, len, kind)) in steps.into_iter().enumerate() {
                let range = start..start + len;
                let fill = match kind {
                    0 => {
                        let bytes: Vec<u8> = (0..len).map(|k| (n as u8).wrapping_add(k as u8)).collect();
                        for (at, b) in range.clone().zip(&bytes) {
                            model[at as usize] = Some(*b);
                        }
                        patches.put(range, Patch::Bytes(bytes.into(), 0));
                        continue;
                    }
                    1 => {
                        patches.put(range.clone(), Patch::Hole);
                        range
                    }
                    _ => {
                        patches.truncate(start);
                        start..128
                    }
                };
                fill.for_each(|at| model[at as usize] = Some(0));
            }
            for at in 0..128 {
                prop_assert_eq!(byte(&patches, at), model[at as usize], "byte {}", at);
            }
        }
    }
}
