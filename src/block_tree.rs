//! All blocks of an object: indirect blocks and what they lead to.
//!
//! Handbook: `docs/format/06-dnode-objset.md`, 6.3.

use zfsp_grammar::blkptr::{BLKPTR_SIZE, Pointer};
use zfsp_grammar::input::{Input, Parse};

use crate::block::Block;
use crate::object::{Loss, Object};

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
    /// What is left, the next one last.
    left: Vec<TreeBlock>,
}

impl Object {
    /// All its blocks in the order of their offsets, indirect blocks before what is below them; no holes. An
    /// indirect block that is lost comes with its loss, all that is below it is left out, and the rest follows.
    #[must_use]
    pub fn tree(&self) -> Tree<'_> {
        let top = self.levels.saturating_sub(1);
        let mut tree = Tree { object: self, left: Vec::new() };
        tree.push(top, 0, self.pointers.iter().copied());
        tree
    }
}

impl Tree<'_> {
    fn push(&mut self, level: u8, first: u64, pointers: impl Iterator<Item = Pointer>) {
        let shift = self.object.below(level);
        let blocks = pointers.zip(first..).filter(|(pointer, _)| !pointer.is_hole());
        let blocks = blocks.map(|(pointer, blkid)| {
            let offset = blkid.unbounded_shl(shift).saturating_mul(self.object.block_size);
            TreeBlock { level, blkid, offset, pointer }
        });
        let known = self.left.len();
        self.left.extend(blocks);
        self.left.get_mut(known..).unwrap_or_default().reverse();
    }
}

impl Iterator for Tree<'_> {
    type Item = (TreeBlock, Option<Loss>);

    /// The block, and if it is an indirect block that is lost, why.
    fn next(&mut self) -> Option<Self::Item> {
        let block = self.left.pop()?;
        let TreeBlock { level, blkid, pointer, .. } = block;
        if let Err(loss) = self.object.check(&pointer, level, blkid) {
            return Some((block, Some(loss)));
        }
        let Some(below) = level.checked_sub(1) else { return Some((block, None)) };
        match self.object.store().metadata(&pointer) {
            Ok(found) => {
                let pointers = pointers(&found);
                let first = blkid.saturating_mul(u64::try_from(pointers.len()).unwrap_or(u64::MAX));
                self.push(below, first, pointers.into_iter());
                Some((block, None))
            }
            Err(lost) => {
                let at = self.object.at.block(level.into(), blkid);
                Some((block, Some(Loss { at, lost })))
            }
        }
    }
}

/// The pointers of an indirect block.
#[must_use]
pub fn pointers(block: &Block) -> Vec<Pointer> {
    let all = block.bytes.chunks_exact(BLKPTR_SIZE);
    all.filter_map(|bytes| Pointer::parse(Input::new(bytes, block.order)).ok())
        .map(|(_, pointer)| pointer)
        .collect()
}
