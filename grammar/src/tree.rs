//! The field tree: what was read, where, what it means, and what is wrong with it.
//!
//! Give a [`Trace`] to an [`Input`] before parsing, and turn it into a [`Tree`] afterwards. The
//! tree survives a failed reading: it then ends with the fault.
//!
//! ```
//! use zfsp_grammar::{blkptr::Dva, input::{Input, Order, Parse}, tree::Trace};
//!
//! let (bytes, trace) = ([0; 16], Trace::default());
//! trace.named(Input::new(&bytes, Order::Little).watched(&trace), "dva", Dva::parse)?;
//! assert_eq!(trace.into_tree().problems().count(), 0);
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::fmt;

use nom::Parser;

use crate::input::{Error, Input, Order, Parsed, Text, Why};
use crate::spec::{BitSpec, Describe, FieldSpec};

/// A value, as the tree shows it.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Its parts say it.
    #[default]
    Group,
    /// Its parts say it, and this sums them up.
    Says(Box<str>),
    /// Not there, and need not be.
    Absent,
    /// A count, or an identity.
    Number(u64),
    /// A number that may be negative.
    Signed(i64),
    /// A number whose digits matter: an address, a size, a magic, a hash.
    Hex(u64),
    /// A truth value.
    Flag(bool),
    /// The bytes themselves.
    Bytes,
    /// The bytes themselves, as integers of so many bytes in this order.
    Integers(u8, Order),
    /// Text, escaped where it is not printable.
    Text(Box<str>),
    /// A number that has a name, if known.
    Symbol(u64, Option<&'static str>),
    /// A number, and the function that puts it into words.
    Quantity(i64, fn(i64) -> String),
    /// A word of bit ranges.
    Bits(u64, &'static [BitSpec]),
}

impl Value {
    /// Text, as [`Text`] escapes it.
    pub fn text(text: &Text<'_>) -> Self {
        Value::Text(text.to_string().into())
    }
    /// A summary of a group.
    pub fn says(what: impl fmt::Display) -> Self {
        Value::Says(what.to_string().into())
    }
    /// True for groups: their parts say it.
    #[must_use]
    pub fn summarises(&self) -> bool {
        matches!(self, Value::Group | Value::Says(_))
    }
    /// The value in words, where it says more than the number.
    #[must_use]
    pub fn meaning(&self) -> Option<Cow<'static, str>> {
        match self {
            Value::Symbol(_, name) => name.map(Cow::Borrowed),
            Value::Quantity(n, words) => Some(words(*n)).filter(|s| !s.is_empty()).map(Cow::Owned),
            Value::Bits(word, ranges) => set_flags(*word, ranges).map(Cow::Owned),
            _ => None,
        }
    }
}

/// The names of the single bits that are set, for words that are nothing but flags.
fn set_flags(word: u64, ranges: &[BitSpec]) -> Option<String> {
    let mut names = String::new();
    for range in ranges {
        match (range.value)(word) {
            Value::Flag(true) if names.is_empty() => names.push_str(range.name),
            Value::Flag(true) => {
                names.push(' ');
                names.push_str(range.name);
            }
            Value::Flag(false) | Value::Bytes => {}
            _ => return None,
        }
    }
    (!names.is_empty()).then_some(names)
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Group | Value::Bytes | Value::Integers(..) => Ok(()),
            Value::Says(what) => f.write_str(what),
            Value::Absent => f.write_str("absent"),
            Value::Number(n) | Value::Symbol(n, _) => write!(f, "{n}"),
            Value::Signed(n) | Value::Quantity(n, _) => write!(f, "{n}"),
            Value::Hex(n) | Value::Bits(n, _) => write!(f, "{n:#x}"),
            Value::Flag(b) => write!(f, "{b}"),
            Value::Text(text) => write!(f, "\"{text}\""),
        }
    }
}

/// What is wrong with a thing that could be read, or why it could not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whose fault it is.
    pub kind: ProblemKind,
    /// What is wrong; lower case, no full stop.
    pub text: Cow<'static, str>,
}

/// Whose fault a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The bytes end too early.
    Truncated,
    /// The bytes contradict the format, or their checksum.
    Corrupt,
    /// The format may allow it, this grammar does not know it.
    Unsupported,
}

impl Problem {
    /// The bytes end too early.
    #[must_use]
    pub fn truncated(text: impl Into<Cow<'static, str>>) -> Self {
        Problem { kind: ProblemKind::Truncated, text: text.into() }
    }
    /// The bytes contradict the format.
    #[must_use]
    pub fn corrupt(text: impl Into<Cow<'static, str>>) -> Self {
        Problem { kind: ProblemKind::Corrupt, text: text.into() }
    }
    /// This grammar does not know it.
    #[must_use]
    pub fn unsupported(text: impl Into<Cow<'static, str>>) -> Self {
        Problem { kind: ProblemKind::Unsupported, text: text.into() }
    }
}

impl From<Why> for Problem {
    fn from(why: Why) -> Self {
        let text = Cow::Owned(why.to_string());
        match why {
            Why::Unsupported(..) => Problem::unsupported(text),
            Why::Truncated { .. } => Problem::truncated(text),
            _ => Problem::corrupt(text),
        }
    }
}

/// One field, item or group that was read.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its declaration, where it is the field of a record.
    pub spec: Option<&'static FieldSpec>,
    /// A better name than that, or than its number.
    pub title: Option<Box<str>>,
    /// The title is its own: its parts say nothing that the title and the value do not.
    pub own_title: bool,
    /// What it means, where its declaration cannot know.
    // a thin pointer: trees have a node for every few bytes
    pub remark: Option<&'static &'static str>,
    /// Its number, where it is an item of a list.
    pub index: Option<u32>,
    /// How many nodes it lies in.
    pub depth: u32,
    /// Position of its first byte.
    pub at: usize,
    /// Position behind its last byte.
    pub end: usize,
    /// Its value.
    pub value: Value,
    /// What is wrong with it.
    pub problem: Option<Box<Problem>>,
}

impl Node {
    /// The name that the tree shows.
    #[must_use]
    pub fn name(&self) -> Cow<'_, str> {
        match (&self.title, self.spec, self.index) {
            (Some(title), _, _) => Cow::Borrowed(title),
            (None, Some(spec), _) => Cow::Borrowed(spec.name),
            (None, None, Some(n)) => Cow::Owned(format!("[{n}]")),
            (None, None, None) => Cow::Borrowed(""),
        }
    }
    /// What it means: in its place, or by its declaration.
    #[must_use]
    pub fn about(&self) -> &'static str {
        self.remark.copied().or(self.spec.map(|spec| spec.about)).unwrap_or_default().trim_ascii()
    }
    /// Bytes it takes.
    #[must_use]
    pub fn length(&self) -> usize {
        self.end.saturating_sub(self.at)
    }
    /// What is wrong with it, and with each of its bit ranges.
    pub fn problems(&self) -> impl Iterator<Item = Problem> {
        let (word, ranges) = match self.value {
            Value::Bits(word, ranges) => (word, ranges),
            _ => (0, Default::default()),
        };
        let of_bits = move |range: &'static BitSpec| {
            let problem = (range.judge)(word)?;
            Some(Problem { text: format!("{}: {}", range.name, problem.text).into(), ..problem })
        };
        self.problem.as_deref().cloned().into_iter().chain(ranges.iter().filter_map(of_bits))
    }
}

/// Nodes for which a trace makes room at once: the fields of a small structure.
const SMALLEST_ROOM: usize = 64;

/// Records what is read.
#[derive(Debug, Default)]
pub struct Trace {
    nodes: RefCell<Vec<Node>>,
    depth: Cell<u32>,
    /// The fault that stands in the tree already, at its innermost field.
    told: Cell<Option<(usize, Why)>>,
}

/// How a node is called before it is read.
#[derive(Clone, Copy)]
enum Label<'n> {
    Field(&'static FieldSpec),
    Item(usize),
    Named(&'n str),
}

impl Trace {
    /// Reads a field of a record.
    ///
    /// # Errors
    /// Those of `p`, which it also records.
    pub fn field<'a, T: Describe>(
        &self,
        i: Input<'a>,
        spec: &'static FieldSpec,
        p: impl Parser<Input<'a>, Output = T, Error = Error>,
    ) -> Parsed<'a, T> {
        self.record(i, Label::Field(spec), p)
    }
    /// Reads the item `n` of a list.
    ///
    /// # Errors
    /// Those of `p`, which it also records.
    pub fn item<'a, T: Describe>(
        &self,
        i: Input<'a>,
        n: usize,
        p: impl Parser<Input<'a>, Output = T, Error = Error>,
    ) -> Parsed<'a, T> {
        self.record(i, Label::Item(n), p)
    }
    /// Reads a part that has a name but no declaration.
    ///
    /// # Errors
    /// Those of `p`, which it also records.
    pub fn named<'a, T: Describe>(
        &self,
        i: Input<'a>,
        name: &str,
        p: impl Parser<Input<'a>, Output = T, Error = Error>,
    ) -> Parsed<'a, T> {
        self.record(i, Label::Named(name), p)
    }

    #[inline(never)]
    fn record<'a, T: Describe>(
        &self,
        i: Input<'a>,
        label: Label<'_>,
        mut p: impl Parser<Input<'a>, Output = T, Error = Error>,
    ) -> Parsed<'a, T> {
        let (depth, me) = (self.depth.get(), self.nodes.borrow().len());
        let (spec, title, index) = match label {
            Label::Field(spec) => (Some(spec), None, None),
            Label::Item(n) => (None, None, u32::try_from(n).ok()),
            Label::Named(name) => (None, Some(name.into()), None),
        };
        self.push(Node {
            spec,
            title,
            own_title: false,
            remark: None,
            index,
            depth,
            at: i.at(),
            end: i.at(),
            value: Value::Group,
            problem: None,
        });
        self.depth.set(depth.saturating_add(1));
        let result = p.parse_complete(i);
        self.depth.set(depth);

        let mut nodes = self.nodes.borrow_mut();
        if let Err(nom::Err::Error(_)) = result {
            // another branch may fit: this one was never here
            nodes.truncate(me);
        } else if let Some(node) = nodes.get_mut(me) {
            match &result {
                Ok((rest, value)) => {
                    node.end = rest.at();
                    node.value = value.value();
                    if let Some(title) = value.title() {
                        node.title = Some(title);
                        node.own_title = true;
                    }
                    node.remark = value.remark();
                    node.problem = value.judge().map(Box::new);
                }
                // no other reading is possible: keep what was seen
                Err(nom::Err::Failure(e)) => {
                    node.end = e.at.max(node.at);
                    if self.told.replace(Some((e.at, e.why))) != Some((e.at, e.why)) {
                        node.problem = Some(Box::new(e.why.into()));
                        node.end = i.bytes().len().saturating_add(i.at()).min(node.end);
                    }
                }
                Err(_) => {}
            }
        }
        result.map_err(|e| e.map(|e| e.within(spec.map_or("", |spec| spec.name))))
    }

    /// Adds a part that is derived from what was read, not read itself: where it lies, its name
    /// and its value.
    pub fn derive(&self, at: usize, end: usize, name: &str, value: Value) {
        self.push(Node {
            spec: None,
            title: Some(name.into()),
            own_title: false,
            remark: None,
            index: None,
            depth: self.depth.get(),
            at,
            end,
            value,
            problem: None,
        });
    }

    /// Takes back what was just read from behind position `end`: it stood in for bytes that are not
    /// there.
    pub(crate) fn absent_behind(&self, end: usize) {
        let mut nodes = self.nodes.borrow_mut();
        for node in nodes.iter_mut().rev().take_while(|node| node.end > end) {
            node.end = end;
            if node.at >= end {
                node.at = end;
                node.value = Value::Absent;
            }
        }
    }

    fn push(&self, node: Node) {
        let mut nodes = self.nodes.borrow_mut();
        if nodes.len() == nodes.capacity() {
            // twice the room, as a `Vec` takes it, would be twice the memory
            let more = (nodes.len() / 16).max(SMALLEST_ROOM);
            nodes.reserve_exact(more);
        }
        nodes.push(node);
    }

    /// The tree of what was read.
    #[must_use]
    pub fn into_tree(self) -> Tree {
        Tree { nodes: self.nodes.into_inner() }
    }
}

/// What was read, in the order of reading: each node before its parts.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The nodes; those that follow one and lie deeper are its parts.
    pub nodes: Vec<Node>,
}

/// Bytes inside a part that none of its fields claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Position of the first.
    pub at: usize,
    /// Position behind the last.
    pub end: usize,
}

impl Tree {
    /// Indices of the direct parts of the node `parent`, or of the outermost ones.
    pub fn parts(&self, parent: Option<usize>) -> impl Iterator<Item = usize> {
        let (first, depth) = match parent.and_then(|p| Some((p, self.nodes.get(p)?))) {
            Some((p, node)) => (p.saturating_add(1), node.depth.saturating_add(1)),
            None => (0, 0),
        };
        let inside = self.nodes.iter().enumerate().skip(first);
        inside
            .take_while(move |(_, n)| n.depth >= depth)
            .filter(move |(_, n)| n.depth == depth)
            .map(|(k, _)| k)
    }
    /// True if the node has parts.
    #[must_use]
    pub fn has_parts(&self, node: usize) -> bool {
        self.parts(Some(node)).next().is_some()
    }
    /// Gaps between the direct parts of a node that has any.
    #[must_use]
    pub fn gaps(&self, parent: usize) -> Vec<Gap> {
        let Some(node) = self.nodes.get(parent) else { return Vec::new() };
        let mut spans: Vec<(usize, usize)> =
            self.parts(Some(parent)).filter_map(|k| self.nodes.get(k)).map(|n| (n.at, n.end)).collect();
        if spans.is_empty() {
            return Vec::new();
        }
        spans.sort_unstable();
        spans.push((node.end, node.end));
        let mut gaps = Vec::new();
        let mut next = node.at;
        for (at, end) in spans {
            if at > next {
                gaps.push(Gap { at: next, end: at.min(node.end.max(next)) });
            }
            next = next.max(end);
        }
        gaps.retain(|gap| gap.end > gap.at);
        gaps
    }
    /// Everything that is wrong, in the order of the bytes.
    #[must_use]
    pub fn troubles(&self) -> Vec<Trouble> {
        let mut all = Vec::new();
        let mut path: Vec<usize> = Vec::new();
        for (k, node) in self.nodes.iter().enumerate() {
            path.truncate(usize::try_from(node.depth).unwrap_or(usize::MAX));
            path.push(k);
            for problem in node.problems() {
                all.push(Trouble { node: k, at: node.at, path: self.name_path(&path), problem });
            }
        }
        all
    }
    /// All problems: the index of the node, and what is wrong with it.
    pub fn problems(&self) -> impl Iterator<Item = (usize, Problem)> {
        self.nodes.iter().enumerate().flat_map(|(k, node)| node.problems().map(move |problem| (k, problem)))
    }
    /// The names from the outermost part down to the node.
    #[must_use]
    pub fn path(&self, node: usize) -> String {
        let mut path = Vec::new();
        let mut depth = u32::MAX;
        for (k, n) in self.nodes.iter().enumerate().take(node.saturating_add(1)).rev() {
            if n.depth < depth {
                depth = n.depth;
                path.push(k);
            }
            if depth == 0 {
                break;
            }
        }
        path.reverse();
        self.name_path(&path)
    }
    fn name_path(&self, nodes: &[usize]) -> String {
        let mut path = String::new();
        for name in nodes.iter().filter_map(|k| self.nodes.get(*k)).map(Node::name) {
            if !path.is_empty() && !name.starts_with('[') {
                path.push('.');
            }
            path.push_str(&name);
        }
        path
    }
}

/// Something that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Index of the node.
    pub node: usize,
    /// Position of its first byte.
    pub at: usize,
    /// The names from the outermost part down to it.
    pub path: String,
    /// What is wrong with it.
    pub problem: Problem,
}
