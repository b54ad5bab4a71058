//! The bytes and fields as the script of the page wants them.
//!
//! ```text
//! { at: "0x..", length, bytes: [zeros, base64, zeros, base64, ...], strings: [text, ...],
//!   shapes: [[depth, name, about, kind, x, y, folded], ...],
//!   rows: [shape, at, length, value, meaning, ...], problems: [[row, kind, text], ...] }
//! ```
//!
//! Rows stand in pre-order. What many share stands once: name, remark and kind are a *shape*; texts
//! are indices into `strings`. `at` counts from the row before, so that most numbers are short. `x`
//! and `y` are the bits of a range, or width and order of integers.

use std::collections::HashMap;
use std::hash::Hash;

use serde_json::{Value as Json, json};
use zfsp_grammar::input::Order;
use zfsp_grammar::spec::BitSpec;
use zfsp_grammar::tree::{Gap, Node, Problem, ProblemKind, Tree, Value};

use super::escape::{base64, json, tame};
use super::{Page, kind};

/// Zeros from which on leaving them out is shorter.
const RUN: usize = 16;

/// A problem, and the row that has it.
pub(super) struct Trouble {
    pub(super) row: usize,
    pub(super) path: String,
    pub(super) kind: ProblemKind,
    pub(super) text: String,
}

pub(super) struct Data<'p> {
    view: &'p Page<'p>,
    strings: Table<String>,
    shapes: Table<Shape>,
    rows: Vec<[i64; 5]>,
    pub(super) problems: Vec<Trouble>,
    /// Names from the outermost field down to the one at hand.
    names: Vec<String>,
    /// Where the last row starts.
    last: usize,
}

/// What rows have in common.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Shape {
    depth: usize,
    name: i64,
    about: i64,
    kind: &'static str,
    x: u32,
    y: u32,
    folded: bool,
}

/// One row before its texts are put into the table.
struct Row<'r> {
    name: &'r str,
    about: &'r str,
    kind: &'static str,
    x: u32,
    y: u32,
    folded: bool,
    at: usize,
    end: usize,
    value: String,
    meaning: &'r str,
}

/// What lies in a field.
enum Part {
    Bits(&'static BitSpec, u64),
    Node(usize),
    Gap(Gap),
}

impl<'p> Data<'p> {
    pub(super) fn of(view: &'p Page<'p>) -> Self {
        let mut data = Data {
            view,
            strings: Table::default(),
            shapes: Table::default(),
            rows: Vec::new(),
            problems: Vec::new(),
            names: Vec::new(),
            last: view.at,
        };
        data.strings.number(String::new());
        let mut read_to = view.at;
        for top in view.tree.parts(None) {
            data.node(view.tree, top);
            read_to = read_to.max(view.tree.nodes.get(top).map_or(0, |node| node.end));
        }
        let end = view.at.saturating_add(view.bytes.len());
        if read_to < end {
            data.gap(Gap { at: read_to, end }, "unread");
        }
        data
    }

    fn node(&mut self, tree: &Tree, index: usize) {
        let Some(node) = tree.nodes.get(index) else { return };
        let (kind, x, y) = form(&node.value);
        let row = self.push(Row {
            name: &node.name(),
            about: node.about(),
            kind,
            x,
            y,
            folded: node.own_title,
            at: node.at,
            end: node.end,
            value: node.value.to_string(),
            meaning: &node.value.meaning().unwrap_or_default(),
        });
        self.names.push(node.name().into_owned());
        if let Some(problem) = &node.problem {
            self.problem(row, problem);
        }
        for part in parts(tree, index, node) {
            match part {
                Part::Node(part) => self.node(tree, part),
                Part::Gap(gap) => self.gap(gap, "gap"),
                Part::Bits(range, word) => self.bits(node, range, word),
            }
        }
        self.names.pop();
    }

    fn bits(&mut self, node: &Node, range: &'static BitSpec, word: u64) {
        let value = (range.value)(word);
        let raw = zfsp_grammar::spec::cut(word, range.lo, range.hi);
        let row = self.push(Row {
            name: range.name,
            about: range.about.trim(),
            kind: "range",
            x: range.lo,
            y: range.hi,
            folded: false,
            at: node.at,
            end: node.end,
            value: if matches!(value, Value::Bytes) { format!("{raw:#x}") } else { value.to_string() },
            meaning: &value.meaning().unwrap_or_default(),
        });
        if let Some(problem) = (range.judge)(word) {
            self.names.push(range.name.into());
            self.problem(row, &problem);
            self.names.pop();
        }
    }

    fn gap(&mut self, gap: Gap, name: &str) {
        let content = content(self.view, gap.at, gap.end);
        let zero = content.iter().all(|b| *b == 0);
        self.push(Row {
            name,
            about: if zero { "zeros that no field claims" } else { "bytes that no field claims" },
            kind: "gap",
            x: 0,
            y: 0,
            folded: false,
            at: gap.at,
            end: gap.end,
            value: String::new(),
            meaning: "",
        });
    }

    fn push(&mut self, row: Row<'_>) -> usize {
        let shape = Shape {
            depth: self.names.len(),
            name: self.strings.number(tame(row.name)),
            about: self.strings.number(tame(row.about)),
            kind: row.kind,
            x: row.x,
            y: row.y,
            folded: row.folded,
        };
        let at = distance(self.last, row.at);
        self.last = row.at;
        self.rows.push([
            self.shapes.number(shape),
            at,
            distance(row.at, row.end),
            self.strings.number(tame(&row.value)),
            self.strings.number(tame(row.meaning)),
        ]);
        self.rows.len().saturating_sub(1)
    }

    fn problem(&mut self, row: usize, problem: &Problem) {
        let mut path = String::new();
        for name in &self.names {
            if !path.is_empty() && !name.starts_with('[') {
                path.push('.');
            }
            path.push_str(name);
        }
        self.problems.push(Trouble {
            row,
            path,
            kind: problem.kind,
            text: problem.text.clone().into_owned(),
        });
    }

    /// The whole, for a `<script>`.
    pub(super) fn json(&self) -> String {
        let shapes: Vec<Json> = self.shapes.items.iter().map(Shape::json).collect();
        let problems: Vec<Json> =
            self.problems.iter().map(|p| json!([p.row, kind(p.kind), tame(&p.text)])).collect();
        json(&json!({
            "at": format!("{:#x}", self.view.at),
            "length": self.view.bytes.len(),
            "bytes": packed(self.view.bytes),
            "strings": self.strings.items,
            "shapes": shapes,
            "rows": self.rows.as_flattened(),
            "problems": problems,
        }))
    }
}

impl Shape {
    fn json(&self) -> Json {
        json!([self.depth, self.name, self.about, self.kind, self.x, self.y, u8::from(self.folded)])
    }
}

/// How the value is shown, and two numbers that go with it.
fn form(value: &Value) -> (&'static str, u32, u32) {
    let kind = match value {
        Value::Group => "group",
        Value::Says(_) => "says",
        Value::Absent => "absent",
        Value::Number(_) | Value::Signed(_) | Value::Quantity(..) | Value::Hex(_) | Value::Bits(..) => {
            "number"
        }
        Value::Flag(_) => "flag",
        Value::Bytes => "bytes",
        Value::Text(_) => "text",
        Value::Symbol(..) => "symbol",
        Value::Integers(width, order) => {
            return ("integers", u32::from(*width).max(1), u32::from(*order == Order::Big));
        }
    };
    (kind, 0, 0)
}

/// What lies in a field, in the order of the bytes.
fn parts(tree: &Tree, index: usize, node: &Node) -> Vec<Part> {
    let mut parts: Vec<(usize, Part)> = Vec::new();
    if let Value::Bits(word, ranges) = node.value {
        parts.extend(ranges.iter().map(|range| (node.at, Part::Bits(range, word))));
    }
    let at = |part: usize| tree.nodes.get(part).map_or(0, |node| node.at);
    parts.extend(tree.parts(Some(index)).map(|part| (at(part), Part::Node(part))));
    parts.extend(tree.gaps(index).into_iter().map(|gap| (gap.at, Part::Gap(gap))));
    parts.sort_by_key(|(at, _)| *at);
    parts.into_iter().map(|(_, part)| part).collect()
}

fn content<'p>(view: &Page<'p>, at: usize, end: usize) -> &'p [u8] {
    let (first, last) = (at.saturating_sub(view.at), end.saturating_sub(view.at).min(view.bytes.len()));
    view.bytes.get(first..last).unwrap_or_default()
}

fn distance(from: usize, to: usize) -> i64 {
    let size = i64::try_from(from.abs_diff(to)).unwrap_or(i64::MAX);
    if to < from { size.saturating_neg() } else { size }
}

/// Runs of zeros by their lengths, what stands between them in base64, in turn.
fn packed(bytes: &[u8]) -> Vec<Json> {
    let mut all = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (zeros, tail) = rest.split_at(zeros(rest));
        let (solid, tail) = tail.split_at(solid(tail));
        all.push(zeros.len().into());
        all.push(base64(solid).into());
        rest = tail;
    }
    all
}

fn zeros(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|b| **b == 0).count()
}

/// Bytes before the next run of zeros.
fn solid(bytes: &[u8]) -> usize {
    let mut run = 0usize;
    for (n, b) in bytes.iter().enumerate() {
        run = if *b == 0 { run.saturating_add(1) } else { 0 };
        if run == RUN {
            return n.saturating_add(1).saturating_sub(RUN);
        }
    }
    bytes.len()
}

/// Things that stand once and are known by their number.
struct Table<T> {
    items: Vec<T>,
    numbers: HashMap<T, i64>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table { items: Vec::new(), numbers: HashMap::new() }
    }
}

impl<T: Clone + Eq + Hash> Table<T> {
    fn number(&mut self, item: T) -> i64 {
        if let Some(number) = self.numbers.get(&item) {
            return *number;
        }
        let number = i64::try_from(self.items.len()).unwrap_or(i64::MAX);
        self.items.push(item.clone());
        self.numbers.insert(item, number);
        number
    }
}
