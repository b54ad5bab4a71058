//! Decoding: bytes and the name of a structure in, an annotated tree out.

use std::collections::HashSet;

use zfsp_grammar::catalogue::Structure;
use zfsp_grammar::input::{Input, Order};
use zfsp_grammar::tree::{Problem, Trace, Tree, Value};

pub mod auto;
pub mod content;
pub mod extent;
mod log_block;
pub mod proof;

/// What the bytes say.
#[derive(Clone, Debug)]
pub struct Decoded<'b> {
    /// Name of the structure.
    pub structure: &'static str,
    /// The bytes.
    pub bytes: &'b [u8],
    /// Position of the first of them.
    pub at: usize,
    /// Byte order in which they were read.
    pub order: Order,
    /// Their fields, with what is wrong with them.
    pub tree: Tree,
    /// Nodes whose checksum holds: proofs, and the pieces that they prove.
    pub verified: HashSet<usize>,
    /// The uberblock of a ring that an import would use.
    pub active: Option<usize>,
    /// Nodes that a brief view shows with all their parts.
    pub open: HashSet<usize>,
}

impl<'b> Decoded<'b> {
    /// The bytes from position `at` up to position `end`, as far as there are any.
    #[must_use]
    pub fn content(&self, at: usize, end: usize) -> &'b [u8] {
        let (first, last) = (at.saturating_sub(self.at), end.saturating_sub(self.at).min(self.bytes.len()));
        self.bytes.get(first..last).unwrap_or_default()
    }
    /// True if nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.tree.problems().next().is_none()
    }
    /// True if nothing was recognised: something is wrong, and no field says anything but zero.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        let leaves = self.tree.nodes.iter().enumerate().filter(|(k, _)| !self.tree.has_parts(*k));
        let mut telling = leaves.filter(|(_, n)| {
            let is_value = !matches!(n.value, Value::Group | Value::Bytes | Value::Absent);
            n.problem.is_none() && is_value && self.content(n.at, n.end).iter().any(|b| *b != 0)
        });
        !self.is_sound() && telling.next().is_none()
    }
    /// Why the reading ended early: the first problem.
    #[must_use]
    pub fn first_problem(&self) -> Option<(String, usize, Problem)> {
        let (k, problem) = self.tree.problems().next()?;
        Some((self.tree.path(k), self.tree.nodes.get(k)?.at, problem))
    }
}

/// Reads `structure` from the front of `bytes`, of which the first is at position `at`: once, or
/// `count` times in a row. Without an `order` both are tried, and the one that fits better is
/// taken.
#[must_use]
pub fn decode<'b>(
    structure: &Structure,
    bytes: &'b [u8],
    at: usize,
    order: Option<Order>,
    count: usize,
) -> Decoded<'b> {
    let mut decoded = match order {
        Some(order) => read(structure, bytes, at, order, count),
        None => {
            let little = read(structure, bytes, at, Order::Little, count);
            if cost(&little) == 0 {
                little
            } else {
                let big = read(structure, bytes, at, Order::Big, count);
                if cost(&big) < cost(&little) { big } else { little }
            }
        }
    };
    proof::prove(&mut decoded);
    decoded
}

/// How badly a reading fits.
fn cost(decoded: &Decoded<'_>) -> usize {
    decoded.tree.problems().count()
}

fn read<'b>(structure: &Structure, bytes: &'b [u8], at: usize, order: Order, count: usize) -> Decoded<'b> {
    let trace = Trace::default();
    let mut i = Input::new(bytes, order).placed(at).watched(&trace);
    let mut found = order;
    for _ in 0..count {
        match (structure.read)(i) {
            // a mark in the bytes may have told another order
            Ok((rest, ())) if rest.at() > i.at() => {
                found = rest.order();
                i = rest;
            }
            _ => break,
        }
    }
    let mut tree = trace.into_tree();
    if count > 1 {
        let tops: Vec<usize> = tree.parts(None).collect();
        for (n, top) in tops.into_iter().enumerate() {
            if let Some(node) = tree.nodes.get_mut(top) {
                node.title = Some(format!("{}[{n}]", structure.name).into());
            }
        }
    }
    Decoded {
        structure: structure.name,
        bytes,
        at,
        order: found,
        tree,
        verified: HashSet::new(),
        active: None,
        open: HashSet::new(),
    }
}
