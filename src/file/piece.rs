//! What a file is made of.

use std::ops::Range;
use std::sync::Arc;

use zfsp_grammar::blkptr::{EmbeddedType, Pointer};

use super::patches::{Patch, Patches};
use crate::object::{Bookmark, Loss, Object};

/// A stretch of a file that is of one kind.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Bytes of the file.
    pub range: Range<u64>,
    /// Where they come from.
    pub source: Source,
}

/// Where the bytes of a piece come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Zeros that take no space.
    Hole,
    /// A block.
    Block {
        /// Where it lies.
        pointer: Pointer,
        /// Its name, for messages.
        at: Option<Bookmark>,
        /// Bytes of the block before those of the piece.
        skip: u64,
    },
    /// Bytes that the intent log has; those of the piece start behind so many.
    Bytes(Arc<[u8]>, u64),
    /// Nothing is known of them: a block of pointers is lost.
    Lost(Loss),
}

impl Source {
    /// True for what is no hole: redacted blocks are holes.
    #[must_use]
    pub fn is_data(&self) -> bool {
        match self {
            Self::Hole | Self::Lost(_) => false,
            Self::Block { pointer, .. } => !pointer.is_hole() && !is_redacted(pointer),
            Self::Bytes(..) => true,
        }
    }
}

fn is_redacted(pointer: &Pointer) -> bool {
    matches!(pointer, Pointer::Embedded(b) if b.prop.etype() == EmbeddedType::REDACTED)
}

impl From<Patch> for Source {
    fn from(patch: Patch) -> Self {
        match patch {
            Patch::Hole => Self::Hole,
            Patch::Bytes(bytes, skip) => Self::Bytes(bytes, skip),
            Patch::Block(pointer, skip) => Self::Block { pointer, at: None, skip },
        }
    }
}

/// The pieces of a range, one after the other.
pub struct Pieces<'f> {
    patches: &'f Patches,
    /// What the object has.
    blocks: Box<dyn Iterator<Item = Piece> + Send + 'f>,
    /// The piece of the object that is next.
    base: Option<Piece>,
    at: u64,
    end: u64,
}

impl<'f> Pieces<'f> {
    pub(super) fn new(object: Option<&'f Object>, patches: &'f Patches, range: Range<u64>) -> Self {
        let Range { start: at, end } = range;
        let blocks: Box<dyn Iterator<Item = Piece> + Send> = match object {
            Some(object) => {
                Box::new(of_object(object, at).take_while(|piece| piece.range.start < patches.cut()))
            }
            None => Box::new(std::iter::empty()),
        };
        Self { patches, blocks, base: None, at, end }
    }

    /// What the object has at this place, up to `end` at most: a hole where it has nothing.
    fn of_base(&mut self, end: u64) -> Piece {
        let cut = self.patches.cut();
        while self.base.as_ref().is_none_or(|piece| piece.range.end.min(cut) <= self.at) {
            self.base = self.blocks.next();
            if self.base.is_none() {
                break;
            }
        }
        match &self.base {
            Some(piece) if piece.range.start <= self.at => {
                let behind = self.at.saturating_sub(piece.range.start);
                let source = match &piece.source {
                    Source::Block { pointer, at, .. } => {
                        Source::Block { pointer: *pointer, at: *at, skip: behind }
                    }
                    other => other.clone(),
                };
                Piece { range: self.at..piece.range.end.min(end).min(cut), source }
            }
            Some(piece) => Piece { range: self.at..piece.range.start.min(end), source: Source::Hole },
            None => Piece { range: self.at..end, source: Source::Hole },
        }
    }
}

/// The blocks of an object from byte `from` on; holes are left out.
fn of_object(object: &Object, from: u64) -> impl Iterator<Item = Piece> + Send {
    let size = object.block_size.max(1);
    object.blocks(from.checked_div(size).unwrap_or_default()).filter_map(move |found| match found {
        Ok((blkid, pointer)) => {
            let start = blkid.checked_mul(size)?;
            let at = Some(object.at.block(0, blkid));
            let range = start..start.saturating_add(size);
            Some(Piece { range, source: Source::Block { pointer, at, skip: 0 } })
        }
        Err(loss) => {
            // what no range can be told of may be anything
            let range = object.range(loss.at.level, loss.at.blkid).unwrap_or(0..u64::MAX);
            Some(Piece { range, source: Source::Lost(loss) })
        }
    })
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        if self.at >= self.end {
            return None;
        }
        let patch = self.patches.from(self.at);
        let piece = match patch {
            Some((range, patch)) if range.start <= self.at => {
                Piece { range: self.at..range.end.min(self.end), source: patch.into() }
            }
            Some((range, _)) => self.of_base(range.start.min(self.end)),
            None => self.of_base(self.end),
        };
        self.at = piece.range.end;
        Some(piece)
    }
}

impl std::fmt::Debug for Pieces<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "pieces from {} to {}", self.at, self.end)
    }
}
