//! The tree as rows: what a reader sees, in which order, and what is folded away.

use std::collections::HashSet;

use zfsp_grammar::spec::BitSpec;
use zfsp_grammar::tree::{Gap, Node, Tree, Value};

/// How much to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Things with a name of their own in one row, long lists without their parts, what repeats
    /// once.
    Brief,
    /// Every field.
    Full,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Row<'t> {
    /// How deep it is indented.
    pub depth: usize,
    /// What it shows.
    pub what: What<'t>,
}

/// What a row shows.
#[derive(Clone, Copy, Debug)]
pub enum What<'t> {
    /// A part with its index, and whether its parts have rows of their own.
    Node(usize, &'t Node, bool),
    /// Several parts in a row with the same bytes: the first with its index, and the last.
    Same(usize, &'t Node, &'t Node),
    /// A range of bits of the part above.
    Bits(&'t BitSpec, u64),
    /// Bytes that no field claims.
    Gap(Gap),
}

/// Items of a list up to which each is shown with its parts.
const OPEN_ITEMS: usize = 3;

/// Equal items from which on they share a row.
const SAME_ITEMS: usize = 2;

/// The rows of `tree`, read from `bytes` of which the first is at `at`. Nodes in `open` are shown
/// with their parts in any case.
#[must_use]
pub fn rows<'t>(
    tree: &'t Tree,
    bytes: &[u8],
    at: usize,
    detail: Detail,
    open: &HashSet<usize>,
) -> Vec<Row<'t>> {
    let mut rows = Rows { tree, bytes, at, detail, open, out: Vec::new() };
    for top in tree.parts(None) {
        rows.node(top, 0);
    }
    rows.out
}

struct Rows<'t, 'b> {
    tree: &'t Tree,
    bytes: &'b [u8],
    at: usize,
    detail: Detail,
    open: &'b HashSet<usize>,
    out: Vec<Row<'t>>,
}

impl<'t> Rows<'t, '_> {
    fn node(&mut self, index: usize, depth: usize) {
        let Some(node) = self.tree.nodes.get(index) else { return };
        let open = self.opens(index, node);
        self.push(depth, What::Node(index, node, open));
        let below = depth.saturating_add(1);
        if let Value::Bits(word, ranges) = node.value {
            self.bits(word, ranges, below);
        }
        if open {
            self.parts(index, below);
        } else if node.own_title {
            self.titled_below(index, below);
        }
    }

    fn push(&mut self, depth: usize, what: What<'t>) {
        self.out.push(Row { depth, what });
    }

    /// Bit ranges that say something: in a brief view only those that are not zero.
    fn bits(&mut self, word: u64, ranges: &'static [BitSpec], depth: usize) {
        let flags_only = ranges.iter().all(|r| matches!((r.value)(word), Value::Flag(_) | Value::Bytes));
        for range in ranges {
            let value = (range.value)(word);
            let dull = matches!(value, Value::Flag(false) | Value::Bytes) && (range.judge)(word).is_none();
            let told_above = flags_only && matches!(value, Value::Flag(true));
            if self.detail == Detail::Full || !(dull || told_above) {
                self.push(depth, What::Bits(range, word));
            }
        }
    }

    fn opens(&self, index: usize, node: &Node) -> bool {
        if !self.tree.has_parts(index) {
            return false;
        }
        if self.detail == Detail::Full || self.open.contains(&index) {
            return true;
        }
        // what is wrong is shown with all that led to it
        if self.troubled(index, node) {
            return !node.own_title || self.tree.parts(Some(index)).any(|part| self.in_trouble(part));
        }
        !node.own_title && !self.is_zero(node)
    }

    fn in_trouble(&self, index: usize) -> bool {
        self.tree.nodes.get(index).is_some_and(|node| node.problem.is_some() || self.troubled(index, node))
    }

    /// True if something below the node has a problem.
    fn troubled(&self, index: usize, node: &Node) -> bool {
        let below = self.tree.nodes.iter().skip(index.saturating_add(1)).take_while(|n| n.depth > node.depth);
        below.into_iter().any(|n| n.problem.is_some())
    }

    fn is_zero(&self, node: &Node) -> bool {
        node.value.summarises() && self.content(node).is_some_and(|b| b.iter().all(|b| *b == 0))
    }

    fn content(&self, node: &Node) -> Option<&[u8]> {
        self.bytes.get(node.at.checked_sub(self.at)?..node.end.checked_sub(self.at)?)
    }

    fn parts(&mut self, parent: usize, depth: usize) {
        let parts: Vec<usize> = self.tree.parts(Some(parent)).collect();
        let mut gaps = self.tree.gaps(parent).into_iter().peekable();
        let many = parts.len() > OPEN_ITEMS;
        let mut rest = parts.as_slice();
        while let [part, more @ ..] = rest {
            rest = more;
            let Some(node) = self.tree.nodes.get(*part) else { continue };
            while let Some(gap) = gaps.next_if(|gap| gap.at <= node.at) {
                self.push(depth, What::Gap(gap));
            }
            let same = self.same(node, more);
            if self.detail == Detail::Brief && same.len() >= SAME_ITEMS {
                if let Some(last) = same.last().and_then(|last| self.tree.nodes.get(*last)) {
                    self.push(depth, What::Same(*part, node, last));
                }
                rest = more.get(same.len()..).unwrap_or_default();
            } else if self.detail == Detail::Brief
                && (many || self.has_part(*part, "prop"))
                && self.sums_up(*part, node)
            {
                self.push(depth, What::Node(*part, node, false));
            } else {
                self.node(*part, depth);
            }
        }
        for gap in gaps {
            self.push(depth, What::Gap(gap));
        }
    }

    /// True for an item whose summary is enough.
    fn sums_up(&self, index: usize, node: &Node) -> bool {
        node.index.is_some()
            && !node.own_title
            && node.value.summarises()
            && !self.open.contains(&index)
            && !self.in_trouble(index)
            && !self.has_part(index, "nblkptr")
    }

    /// Block pointers have a notation of their own that says all; dnodes are listed whole.
    fn has_part(&self, index: usize, name: &str) -> bool {
        self.tree.parts(Some(index)).filter_map(|k| self.tree.nodes.get(k)).any(|n| n.name() == name)
    }

    /// The items right behind `node` that have the same bytes and value.
    fn same<'m>(&self, node: &Node, more: &'m [usize]) -> &'m [usize] {
        let alike = |other: &usize| {
            self.tree.nodes.get(*other).is_some_and(|other| {
                node.index.is_some()
                    && !node.own_title
                    && !other.own_title
                    && other.problem.is_none()
                    && self.content(node) == self.content(other)
            })
        };
        let n = more.iter().take_while(|other| alike(other)).count();
        more.get(..n).unwrap_or_default()
    }

    /// Inside a part with a title of its own only such parts are shown.
    fn titled_below(&mut self, index: usize, depth: usize) {
        let parts: Vec<usize> = self.tree.parts(Some(index)).collect();
        // the only list that is a value needs no row of its own
        let several = parts.len() > 1;
        for part in parts {
            match self.tree.nodes.get(part) {
                Some(node) if node.own_title => self.node(part, depth),
                Some(node) if several && node.index.is_some() && self.holds_titled(part) => {
                    self.push(depth, What::Node(part, node, true));
                    self.titled_below(part, depth.saturating_add(1));
                }
                Some(_) => self.titled_below(part, depth),
                None => {}
            }
        }
    }

    fn holds_titled(&self, index: usize) -> bool {
        let Some(node) = self.tree.nodes.get(index) else { return false };
        let mut below =
            self.tree.nodes.iter().skip(index.saturating_add(1)).take_while(|n| n.depth > node.depth);
        below.any(|n| n.own_title)
    }
}
