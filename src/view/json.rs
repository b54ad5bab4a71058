//! The tree for a program: one JSON document, stable in its names.
//!
//! ```text
//! { structure, at, length, order, problems: [{ path, at, kind, text }],
//!   tree: { name, at, length, bits?, value?, symbol?, verified?, active?, problem?,
//!           gap?, children? } } }
//! ```
//!
//! `at` and `length` count bytes; `bits` is `[lowest, above the highest]`; `value` is a number, a
//! truth value, text, an array of numbers, or the bytes as hex. `verified` stands at proofs that hold, and
//! at what they prove; `active` at the uberblock that an import would use. Several structures in a row are
//! an array as `tree`. The document is written as the tree is walked: it takes no memory of its own.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use zfsp_grammar::spec::{BitSpec, cut};
use zfsp_grammar::tree::{Gap, Node, Problem, ProblemKind, Trouble, Value};

use crate::decode::Decoded;

/// Bytes up to which a byte string is given as its value: what is longer is in the input anyway.
const LONGEST_BYTES: usize = 4096;

/// Writes the whole document, and a line end.
///
/// # Errors
/// Those of `out`.
pub fn write(decoded: &Decoded<'_>, mut out: impl Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut out, &Document(decoded))?;
    out.write_all(b"\n")
}

/// The document as a part of a larger one.
#[must_use]
pub fn document<'d>(decoded: &'d Decoded<'d>) -> impl Serialize + 'd {
    Document(decoded)
}

struct Document<'d>(&'d Decoded<'d>);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let decoded = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("structure", decoded.structure)?;
        map.serialize_entry("at", &decoded.at)?;
        map.serialize_entry("length", &decoded.bytes.len())?;
        map.serialize_entry("order", &decoded.order.to_string())?;
        map.serialize_entry("problems", &Problems(decoded))?;
        let tops: Vec<usize> = decoded.tree.parts(None).collect();
        match tops.as_slice() {
            [top] => map.serialize_entry("tree", &Part(decoded, Kind::Node(*top)))?,
            many => {
                map.serialize_entry("tree", &Parts(decoded, many.iter().map(|k| Kind::Node(*k)).collect()))?
            }
        }
        map.end()
    }
}

struct Problems<'d>(&'d Decoded<'d>);

impl Serialize for Problems<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.tree.troubles().iter().map(OneProblem))
    }
}

struct OneProblem<'t>(&'t Trouble);

impl Serialize for OneProblem<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("path", &self.0.path)?;
        map.serialize_entry("at", &self.0.at)?;
        map.serialize_entry("kind", kind(&self.0.problem))?;
        map.serialize_entry("text", &self.0.problem.text)?;
        map.end()
    }
}

fn kind(problem: &Problem) -> &'static str {
    match problem.kind {
        ProblemKind::Truncated => "truncated",
        ProblemKind::Corrupt => "corrupt",
        ProblemKind::Unsupported => "unsupported",
    }
}

/// What a node of the document is.
#[derive(Clone, Copy)]
enum Kind {
    /// A part of the tree.
    Node(usize),
    /// A range of bits of the word of a part.
    Bits(usize, &'static BitSpec, u64),
    /// Bytes that no field claims.
    Gap(Gap),
}

/// A node of the document.
struct Part<'d>(&'d Decoded<'d>, Kind);

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Part(decoded, kind) = *self;
        let mut map = serializer.serialize_map(None)?;
        match kind {
            Kind::Node(index) => {
                if let Some(node) = decoded.tree.nodes.get(index) {
                    serialize_node(decoded, index, node, &mut map)?;
                }
            }
            Kind::Bits(index, range, word) => {
                let (at, end) = decoded.tree.nodes.get(index).map_or((0, 0), |n| (n.at, n.end));
                place(&mut map, range.name, at, end)?;
                map.serialize_entry("bits", &[range.lo, range.hi])?;
                match (range.value)(word) {
                    Value::Bytes => map.serialize_entry("value", &cut(word, range.lo, range.hi))?,
                    value => serialize_value(&mut map, &value, &[])?,
                }
                if let Some(problem) = (range.judge)(word) {
                    map.serialize_entry("problem", &problem.text)?;
                }
            }
            Kind::Gap(gap) => {
                place(&mut map, "gap", gap.at, gap.end)?;
                map.serialize_entry("gap", &true)?;
                serialize_value(&mut map, &Value::Bytes, decoded.content(gap.at, gap.end))?;
            }
        }
        map.end()
    }
}

fn serialize_node<M: SerializeMap>(
    decoded: &Decoded<'_>,
    index: usize,
    node: &Node,
    map: &mut M,
) -> Result<(), M::Error> {
    place(map, &node.name(), node.at, node.end)?;
    serialize_value(map, &node.value, decoded.content(node.at, node.end))?;
    if decoded.verified.contains(&index) {
        map.serialize_entry("verified", &true)?;
    }
    if decoded.active == Some(index) {
        map.serialize_entry("active", &true)?;
    }
    if let Some(problem) = &node.problem {
        map.serialize_entry("problem", &problem.text)?;
    }
    let children = children(decoded, index, node);
    if children.is_empty() { Ok(()) } else { map.serialize_entry("children", &Parts(decoded, children)) }
}

/// Bit ranges, parts and gaps, in the order of the bytes.
fn children(decoded: &Decoded<'_>, index: usize, node: &Node) -> Vec<Kind> {
    let mut all: Vec<(usize, Kind)> = Vec::new();
    if let Value::Bits(word, ranges) = node.value {
        all.extend(ranges.iter().map(|range| (node.at, Kind::Bits(index, range, word))));
    }
    let at = |k: usize| decoded.tree.nodes.get(k).map_or(0, |part| part.at);
    all.extend(decoded.tree.parts(Some(index)).map(|part| (at(part), Kind::Node(part))));
    all.extend(decoded.tree.gaps(index).into_iter().map(|gap| (gap.at, Kind::Gap(gap))));
    all.sort_by_key(|(at, _)| *at);
    all.into_iter().map(|(_, kind)| kind).collect()
}

struct Parts<'d>(&'d Decoded<'d>, Vec<Kind>);

impl Serialize for Parts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.1.len()))?;
        for kind in &self.1 {
            seq.serialize_element(&Part(self.0, *kind))?;
        }
        seq.end()
    }
}

fn place<M: SerializeMap>(map: &mut M, name: &str, at: usize, end: usize) -> Result<(), M::Error> {
    map.serialize_entry("name", name)?;
    map.serialize_entry("at", &at)?;
    map.serialize_entry("length", &end.saturating_sub(at))
}

fn serialize_value<M: SerializeMap>(map: &mut M, value: &Value, content: &[u8]) -> Result<(), M::Error> {
    match value {
        Value::Group | Value::Absent => {}
        Value::Says(text) | Value::Text(text) => map.serialize_entry("value", text)?,
        Value::Number(n) | Value::Hex(n) | Value::Symbol(n, _) | Value::Bits(n, _) => {
            map.serialize_entry("value", n)?;
        }
        Value::Signed(n) | Value::Quantity(n, _) => map.serialize_entry("value", n)?,
        Value::Flag(b) => map.serialize_entry("value", b)?,
        Value::Integers(..) => map.serialize_entry("value", &crate::view::integers(value, content))?,
        Value::Bytes if content.len() <= LONGEST_BYTES => {
            let hex: String = content.iter().map(|b| format!("{b:02x}")).collect();
            map.serialize_entry("value", &hex)?;
        }
        Value::Bytes => {}
    }
    match value.meaning() {
        Some(meaning) => map.serialize_entry("symbol", &meaning),
        None => Ok(()),
    }
}
