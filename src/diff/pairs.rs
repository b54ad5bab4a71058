//! The trees of two objects side by side: what both share is passed by, with all below.
//!
//! Handbook: `docs/format/06-dnode-objset.md`, 6.3.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use zfsp_grammar::blkptr::{BLKPTR_SIZE, Blkptr, Pointer};

use super::change::{Lost, Side};
use super::same::is_same;
use crate::block::{Block, Why};
use crate::object::{Loss, Object, entry, first_below};

/// Data blocks of the same number that are not known to be equal. A hole is a pointer, too.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    pub(super) blkid: u64,
    pub(super) a: Pointer,
    pub(super) b: Pointer,
}

/// The pairs of two objects, in order. An indirect block that is lost on one side is one error for all below.
#[derive(Debug)]
pub(super) struct Pairs<'o> {
    a: Tree<'o>,
    b: Tree<'o>,
    way: Vec<Step>,
    losses: VecDeque<Lost>,
}

/// Two indirect blocks of the same number, or what stands for them.
#[derive(Debug)]
struct Step {
    a: Node,
    b: Node,
    /// Of what they point to.
    level: u8,
    /// Pointers that are left.
    next: u64,
    end: u64,
    /// Number, on its level, of the block that the first pointer leads to.
    first: u64,
}

/// One side of a step.
#[derive(Clone, Debug)]
enum Node {
    /// The dnode, or what would stand above it if the tree were as high as the other.
    Top,
    Hole,
    Block(Arc<Block>),
}

/// What a node has at a place.
#[derive(Clone, Copy, Debug)]
enum Child {
    Top,
    Pointer(Pointer),
}

/// The tree of one object.
#[derive(Debug)]
struct Tree<'o> {
    side: Side,
    object: &'o Object,
    /// Indirect blocks that were met. Each stands in one place; those that name each other would give blocks for ever.
    seen: HashSet<[u64; 2]>,
}

impl<'o> Pairs<'o> {
    /// Of objects whose blocks are of the same sizes; `None` where they are not.
    pub(super) fn of(a: &'o Object, b: &'o Object) -> Option<Self> {
        if a.block_size != b.block_size || a.indirect_size() != b.indirect_size() {
            return None;
        }
        let tree = |side, object| Tree { side, object, seen: HashSet::new() };
        let end = a.pointers.len().max(b.pointers.len());
        let level = a.levels.max(b.levels).saturating_sub(1);
        let (end, top) = (u64::try_from(end).unwrap_or(u64::MAX), Node::Top);
        let root = Step { a: top.clone(), b: top, level, next: 0, end, first: 0 };
        Some(Self { a: tree(Side::A, a), b: tree(Side::B, b), way: vec![root], losses: VecDeque::new() })
    }

    /// The next place at which the pointers are not the same: level and number.
    fn place(&mut self) -> Option<(u8, u64, Child, Child)> {
        loop {
            let step = self.way.last_mut()?;
            if step.next >= step.end {
                self.way.pop();
                continue;
            }
            let (index, level) = (step.next, step.level);
            step.next = step.next.saturating_add(1);
            let number = step.first.saturating_add(index);
            let (a, b) =
                (self.a.child(&step.a, level, index, number), self.b.child(&step.b, level, index, number));
            if !matches!((a, b), (Child::Pointer(a), Child::Pointer(b)) if is_same(&a, &b)) {
                return Some((level, number, a, b));
            }
        }
    }
}

impl Iterator for Pairs<'_> {
    type Item = Result<Pair, Lost>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(lost) = self.losses.pop_front() {
                return Some(Err(lost));
            }
            let (level, number, a, b) = self.place()?;
            let (a, b) = (self.a.node(a, level, number), self.b.node(b, level, number));
            self.losses.extend([a.as_ref().err(), b.as_ref().err()].into_iter().flatten().cloned());
            let (Ok((pointer_a, a)), Ok((pointer_b, b))) = (a, b) else { continue };
            let Some(below) = level.checked_sub(1) else {
                return Some(Ok(Pair { blkid: number, a: pointer_a, b: pointer_b }));
            };
            let end = self.a.object.indirect_size() / POINTER;
            let Some(first) = number.checked_mul(end) else { continue };
            self.way.push(Step { a, b, level: below, next: 0, end, first });
        }
    }
}

/// Bytes of a pointer, to count with.
const POINTER: u64 = 128;
const _: () = assert!(BLKPTR_SIZE == 128);

impl Tree<'_> {
    fn child(&self, node: &Node, level: u8, index: u64, number: u64) -> Child {
        let hole = Pointer::Hole(Blkptr::default());
        let top = self.object.levels.saturating_sub(1);
        let first = first_below(number, self.object.below(level));
        if first.is_none_or(|first| first > self.object.maxblkid) {
            return Child::Pointer(hole);
        }
        let pointer = match node {
            Node::Hole => None,
            Node::Block(block) => entry(block, index),
            Node::Top if level > top && number == 0 => return Child::Top,
            Node::Top if level == top => {
                usize::try_from(number).ok().and_then(|n| self.object.pointers.get(n)).copied()
            }
            Node::Top => None,
        };
        Child::Pointer(pointer.unwrap_or(hole))
    }

    /// What to go on with below: of data the pointer alone.
    fn node(&mut self, child: Child, level: u8, number: u64) -> Result<(Pointer, Node), Lost> {
        let Child::Pointer(pointer) = child else { return Ok((Pointer::Hole(Blkptr::default()), Node::Top)) };
        let lost = |loss| self.side.lost(loss);
        self.object.check(&pointer, level, number).map_err(lost)?;
        if pointer.is_hole() || level == 0 {
            return Ok((pointer, Node::Hole));
        }
        let at = self.object.at.block(level.into(), number);
        let dva = pointer.stored().map(|b| b.dva).map(|[dva, ..]| [u64::from(dva.vdev()), dva.offset()]);
        if dva.is_some_and(|dva| !self.seen.insert(dva)) {
            let what = "its pointer leads to a block of pointers that stands elsewhere";
            return Err(self.side.lost(Loss::new(at, Why::Corrupt(what.into()))));
        }
        let block =
            self.object.store().metadata(&pointer).map_err(|lost| self.side.lost(Loss { at, lost }))?;
        Ok((pointer, Node::Block(block)))
    }
}
