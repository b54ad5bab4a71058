//! The tree for a terminal: offset, bytes, name, value, meaning.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use zfsp_grammar::spec::BitSpec;
use zfsp_grammar::tree::{Node, Problem, Value};

use crate::decode::Decoded;
use crate::view::rows::{Detail, Row, What, rows};

/// Bytes that a row shows.
const SHOWN: usize = 8;
/// Columns that the bytes take.
const HEX_WIDTH: usize = SHOWN * 3;
/// The name column is never wider than this: deep names stick out.
const WIDEST_NAME: usize = 40;

/// Values from this length on leave no room for a remark.
const LONG_VALUE: usize = 80;

const OFFSET: Style = AnsiColor::BrightBlack.on_default();
const BYTES: Style = AnsiColor::Cyan.on_default();
const NAME: Style = Style::new().bold();
const MEANING: Style = AnsiColor::Green.on_default();
const REMARK: Style = AnsiColor::BrightBlack.on_default();
const PROBLEM: Style = AnsiColor::Red.on_default().bold();

/// The whole tree, a row a line, with ANSI colours; the terminal's stream strips them where they
/// are not wanted.
#[must_use]
pub fn tree(decoded: &Decoded<'_>, detail: Detail) -> String {
    let rows = rows(&decoded.tree, decoded.bytes, decoded.at, detail, &decoded.open);
    let width = rows.iter().map(|row| name_width(row)).max().unwrap_or_default().min(WIDEST_NAME);
    let digits = digits(decoded.at.saturating_add(decoded.bytes.len()));
    let mut page = Page { decoded, width, digits, out: String::new() };
    for row in &rows {
        page.row(row);
    }
    page.out
}

/// Only names and values, one a line: `path = value  meaning`.
#[must_use]
pub fn values(decoded: &Decoded<'_>) -> String {
    let mut out = String::new();
    let mut path: Vec<String> = Vec::new();
    for (k, node) in decoded.tree.nodes.iter().enumerate() {
        path.truncate(usize::try_from(node.depth).unwrap_or(usize::MAX));
        path.push(node.name().into_owned());
        let value = shown_value(k, node, decoded);
        let place = path.join(".").replace(".[", "[");
        let mut line = |name: &str, value: &str, meaning: Option<&str>| {
            let meaning = meaning.map(|meaning| format!("  {meaning}")).unwrap_or_default();
            let _ = writeln!(out, "{name} = {value}{meaning}");
        };
        if !value.is_empty() {
            line(&place, &value, node.value.meaning().as_deref());
        }
        if let Value::Bits(word, ranges) = node.value {
            for range in ranges {
                let value = (range.value)(word);
                if !matches!(value, Value::Bytes) {
                    line(&format!("{place}.{}", range.name), &value.to_string(), value.meaning().as_deref());
                }
            }
        }
    }
    out
}

fn digits(end: usize) -> usize {
    let digits = usize::try_from(end.checked_ilog2().unwrap_or_default()).unwrap_or_default() / 4;
    digits.saturating_add(1).max(4)
}

fn name_width(row: &Row<'_>) -> usize {
    let name = match row.what {
        What::Node(_, node, _) => node.name().chars().count(),
        What::Same(_, first, last) => same_name(first, last).chars().count(),
        What::Bits(range, _) => range.name.len(),
        What::Gap(_) => 3,
    };
    row.depth.saturating_mul(2).saturating_add(name)
}

fn same_name(first: &Node, last: &Node) -> String {
    match (first.index, last.index) {
        (Some(first), Some(last)) => format!("[{first}..={last}]"),
        _ => first.name().into_owned(),
    }
}

struct Page<'d> {
    decoded: &'d Decoded<'d>,
    width: usize,
    digits: usize,
    out: String,
}

impl Page<'_> {
    fn row(&mut self, row: &Row<'_>) {
        match row.what {
            What::Node(index, node, open) => {
                let hex =
                    if open || node.value.summarises() { String::new() } else { self.hex(node.at, node.end) };
                let says = self.says(index, node);
                self.lead(node.at, &hex, row.depth, &node.name(), &says);
            }
            What::Same(index, first, last) => {
                let says = self.says(index, first);
                self.lead(first.at, "", row.depth, &same_name(first, last), &says);
            }
            What::Bits(range, word) => self.bits(row.depth, range, word),
            What::Gap(gap) => {
                let hex = self.hex(gap.at, gap.end);
                let len = gap.end.saturating_sub(gap.at);
                let zero = self.decoded.content(gap.at, gap.end).iter().all(|b| *b == 0);
                let what = if zero { "zeros" } else { "bytes that no field claims" };
                self.lead(gap.at, &hex, row.depth, "gap", &format!("{REMARK}{len:#x} {what}{REMARK:#}"));
            }
        }
        self.out.push('\n');
    }

    /// Offset, bytes, name, and what is said of it.
    fn lead(&mut self, at: usize, hex: &str, depth: usize, name: &str, says: &str) {
        let _ = write!(self.out, "{OFFSET}0x{at:0digits$x}{OFFSET:#}  ", digits = self.digits);
        let _ = write!(self.out, "{BYTES}{hex:HEX_WIDTH$}{BYTES:#} ");
        self.name(depth, name, says);
    }

    fn name(&mut self, depth: usize, name: &str, says: &str) {
        let indent = depth.saturating_mul(2);
        let _ = write!(self.out, "{:indent$}{NAME}{name}{NAME:#}", "");
        if !says.is_empty() {
            let used = indent.saturating_add(name.chars().count());
            let _ = write!(self.out, "{:pad$}  {says}", "", pad = self.width.saturating_sub(used));
        }
    }

    fn says(&self, index: usize, node: &Node) -> String {
        let value = shown_value(index, node, self.decoded);
        let meaning = node.value.meaning();
        let about = if value.len() < LONG_VALUE { node.about() } else { "" };
        said(value, meaning.as_deref(), about, node.problem.as_deref())
    }

    fn bits(&mut self, depth: usize, range: &BitSpec, word: u64) {
        let place = if range.hi.saturating_sub(range.lo) == 1 {
            format!("bit {}", range.lo)
        } else {
            format!("bits {}..={}", range.lo, range.hi.saturating_sub(1))
        };
        let lead = self.digits.saturating_add(4);
        let _ = write!(self.out, "{:lead$}{OFFSET}{place:HEX_WIDTH$}{OFFSET:#} ", "");
        let value = (range.value)(word);
        let meaning = value.meaning();
        let problem = (range.judge)(word);
        let says = said(value.to_string(), meaning.as_deref(), range.about.trim(), problem.as_ref());
        self.name(depth, range.name, &says);
    }

    fn hex(&self, at: usize, end: usize) -> String {
        let content = self.decoded.content(at, end);
        let mut hex = String::new();
        for b in content.iter().take(SHOWN) {
            let _ = write!(hex, "{b:02x} ");
        }
        if content.len() > SHOWN {
            hex.truncate(HEX_WIDTH.saturating_sub(3));
            hex.push_str("...");
        }
        hex.trim_end().to_owned()
    }
}

/// Value, meaning, or else the remark, and what is wrong.
fn said(value: String, meaning: Option<&str>, about: &str, problem: Option<&Problem>) -> String {
    let mut parts = Vec::new();
    if !value.is_empty() {
        parts.push(value);
    }
    match meaning {
        Some(meaning) => parts.push(format!("{MEANING}{meaning}{MEANING:#}")),
        None if !about.is_empty() => parts.push(format!("{REMARK}{about}{REMARK:#}")),
        None => {}
    }
    parts.extend(problem.map(|problem| format!("{PROBLEM}!! {}{PROBLEM:#}", problem.text)));
    parts.join("  ")
}

/// Bytes up to which a byte string is shown as its value.
const SHORT: usize = 32;
/// Integers up to which an array is shown whole.
const FEW: usize = 16;

fn shown_value(index: usize, node: &Node, decoded: &Decoded<'_>) -> String {
    let content = decoded.content(node.at, node.end);
    match node.value {
        Value::Bytes if content.is_empty() => "none".into(),
        Value::Bytes if content.iter().all(|b| *b == 0) => format!("{} zeros", content.len()),
        Value::Bytes if content.len() <= SHORT => {
            content.iter().fold(String::new(), |hex, b| format!("{hex}{b:02x}"))
        }
        Value::Bytes => format!("{} bytes", content.len()),
        Value::Integers(..) => {
            let all = crate::view::integers(&node.value, content);
            let shown: Vec<String> = all.iter().take(FEW).map(ToString::to_string).collect();
            let more = if all.len() > FEW { format!(", ...] {} in all", all.len()) } else { "]".into() };
            format!("[{}{more}", shown.join(", "))
        }
        ref value => {
            let mut text = value.to_string();
            // the proof itself says it already
            if decoded.verified.contains(&index) && node.index.is_some() {
                text.push_str(", verified");
            }
            if decoded.active == Some(index) {
                text.push_str("  <- active");
            }
            text
        }
    }
}
