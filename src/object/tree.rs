//! The blocks of an object: data blocks, and the indirect blocks that lead to them.
//!
//! Handbook: `docs/format/06-dnode-objset.md`, 6.3.

use std::collections::HashSet;
use std::sync::Arc;

use zfsp_grammar::blkptr::{BLKPTR_SIZE, Pointer};
use zfsp_grammar::input::{Input, Parse};

use super::{Loss, Object};
use crate::block::{Block, Why};

/// A block of an object.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TreeBlock {
    /// 0 for data, n for an indirect block of that level.
    pub level: u8,
    /// Number of the block on its level.
    pub blkid: u64,
    /// Byte of the object where it starts, or where what is below it starts.
    pub offset: u64,
    /// Where it lies.
    pub pointer: Pointer,
}

/// The blocks of an object, each before those below it: see [`Object::tree`].
#[derive(Debug)]
pub struct Tree<'o> {
    object: &'o Object,
    /// Data block before which nothing is wanted.
    first: u64,
    /// Next pointer in the dnode.
    next: usize,
    /// The indirect blocks on the way to where it is.
    path: Vec<Step>,
    /// Indirect blocks that were met. Each stands in one place; those that name each other would give blocks for ever.
    seen: HashSet<[u64; 2]>,
}

/// An indirect block on the way.
#[derive(Debug)]
struct Step {
    block: Arc<Block>,
    /// Of the blocks that it points to.
    level: u8,
    next: u64,
    /// Data block that its first pointer leads to.
    first: u64,
}

impl Object {
    /// All its blocks in the order of their offsets, indirect blocks before what is below them; no holes. An
    /// indirect block that is lost comes with its loss, all that is below it is left out, and the rest follows.
    #[must_use]
    pub fn tree(&self) -> Tree<'_> {
        Tree { object: self, first: 0, next: 0, path: Vec::new(), seen: HashSet::new() }
    }

    /// The data blocks from `first` on, in order, without the holes. A damaged indirect block is one error for all
    /// that is below it.
    pub fn blocks(&self, first: u64) -> impl Iterator<Item = Result<(u64, Pointer), Loss>> + '_ {
        Tree { first, ..self.tree() }.filter_map(|(block, loss)| match (loss, block.level) {
            (Some(loss), _) => Some(Err(loss)),
            (None, 0) => Some(Ok((block.blkid, block.pointer))),
            (None, _) => None,
        })
    }
}

impl Tree<'_> {
    /// The next pointer, its level, and the first data block that it leads to.
    fn pointer(&mut self) -> Option<(Pointer, u8, u64)> {
        while let Some(step) = self.path.last_mut() {
            if let Some(pointer) = entry(&step.block, step.next) {
                let blkid = first_below(step.next, self.object.below(step.level))?.checked_add(step.first)?;
                step.next = step.next.saturating_add(1);
                return Some((pointer, step.level, blkid));
            }
            self.path.pop();
        }
        let (pointer, level) = (*self.object.pointers.get(self.next)?, self.object.levels.saturating_sub(1));
        let blkid = first_below(u64::try_from(self.next).ok()?, self.object.below(level))?;
        self.next = self.next.saturating_add(1);
        Some((pointer, level, blkid))
    }

    /// Goes down into an indirect block.
    fn descend(&mut self, block: &TreeBlock, first: u64) -> Result<(), Loss> {
        let TreeBlock { level, blkid, pointer, .. } = block;
        let at = self.object.at.block((*level).into(), *blkid);
        self.object.check(pointer, *level, *blkid)?;
        let Some(below) = level.checked_sub(1) else { return Ok(()) };
        let dva = pointer.stored().map(|b| b.dva).map(|[dva, ..]| [u64::from(dva.vdev()), dva.offset()]);
        if dva.is_some_and(|dva| !self.seen.insert(dva)) {
            let what = "its pointer leads to a block of pointers that stands elsewhere";
            return Err(Loss::new(at, Why::Corrupt(what.into())));
        }
        let block = self.object.store.metadata(pointer).map_err(|lost| Loss { at, lost })?;
        self.path.push(Step { block, level: below, next: 0, first });
        Ok(())
    }
}

impl Iterator for Tree<'_> {
    type Item = (TreeBlock, Option<Loss>);

    /// The block, and if it is an indirect block that is lost, why.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (pointer, level, first) = self.pointer()?;
            if first > self.object.maxblkid {
                // numbers only rise
                self.path.clear();
                self.next = usize::MAX;
                return None;
            }
            let shift = self.object.below(level);
            let last = first | !u64::MAX.unbounded_shl(shift);
            if pointer.is_hole() || last < self.first {
                continue;
            }
            let (blkid, offset) = (first.unbounded_shr(shift), first.saturating_mul(self.object.block_size));
            let block = TreeBlock { level, blkid, offset, pointer };
            let loss = self.descend(&block, first).err();
            return Some((block, loss));
        }
    }
}

/// The first data block below pointer `index` of a level; `None` if none has so high a number.
pub(crate) fn first_below(index: u64, shift: u32) -> Option<u64> {
    match index {
        0 => Some(0),
        _ => index.checked_shl(shift).filter(|blkid| blkid.unbounded_shr(shift) == index),
    }
}

/// Pointer `index` of an indirect block.
pub(crate) fn entry(block: &Block, index: u64) -> Option<Pointer> {
    let at = usize::try_from(index).ok()?.checked_mul(BLKPTR_SIZE)?;
    let bytes = block.bytes.get(at..)?;
    Pointer::parse(Input::new(bytes, block.order)).ok().map(|(_, pointer)| pointer)
}
