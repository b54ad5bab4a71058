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
    let tree = &decoded.tree;
    for (k, node) in tree.nodes.iter().enumerate() {
        let value = shown_value(node, decoded);
        if value.is_empty() || (tree.has_parts(k) && !node.own_title) {
            continue;
        }
        let _ = write!(out, "{} = {value}", tree.path(k));
        if let Some(meaning) = node.value.meaning() {
            let _ = write!(out, "  {meaning}");
        }
        out.push('\n');
    }
    out
}

fn digits(end: usize) -> usize {
    let digits = usize::try_from(end.checked_ilog2().unwrap_or_default()).unwrap_or_default() / 4;
    digits.saturating_add(1).max(4)
}

fn name_width(row: &Row<'_>) -> usize {
    let name = match row.what {
        What::Node(node, _) => node.name().chars().count(),
        What::Same(first, last) => same_name(first, last).chars().count(),
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
            What::Node(node, open) => {
                let hex =
                    if open || node.value.summarises() { String::new() } else { self.hex(node.at, node.end) };
                self.lead(node.at, &hex, row.depth, &node.name());
                self.value(node);
            }
            What::Same(first, last) => {
                self.lead(first.at, "", row.depth, &same_name(first, last));
                self.value(first);
            }
            What::Bits(range, word) => self.bits(row.depth, range, word),
            What::Gap(gap) => {
                let hex = self.hex(gap.at, gap.end);
                self.lead(gap.at, &hex, row.depth, "gap");
                let len = gap.end.saturating_sub(gap.at);
                let zero = self.decoded.content(gap.at, gap.end).iter().all(|b| *b == 0);
                let what = if zero { "zeros" } else { "bytes that no field claims" };
                let _ = write!(self.out, "{REMARK}{len:#x} {what}{REMARK:#}");
            }
        }
        while self.out.ends_with(' ') {
            self.out.pop();
        }
        self.out.push('\n');
    }

    /// Offset, bytes and name.
    fn lead(&mut self, at: usize, hex: &str, depth: usize, name: &str) {
        let indent = depth.saturating_mul(2);
        let room = self.width.saturating_sub(indent);
        let _ = write!(self.out, "{OFFSET}0x{at:0digits$x}{OFFSET:#}  ", digits = self.digits);
        let _ = write!(self.out, "{BYTES}{hex:HEX_WIDTH$}{BYTES:#} ");
        let _ = write!(self.out, "{:indent$}{NAME}{name:room$}{NAME:#}  ", "");
    }

    fn value(&mut self, node: &Node) {
        let value = shown_value(node, self.decoded);
        self.out.push_str(&value);
        let meaning = node.value.meaning();
        self.meaning(meaning.as_deref(), if value.is_empty() { "" } else { "  " });
        if !node.about.is_empty() && meaning.is_none() && value.len() < LONG_VALUE {
            let _ = write!(self.out, "  {REMARK}{}{REMARK:#}", node.about);
        }
        self.problem(node.problem.as_deref());
    }

    fn bits(&mut self, depth: usize, range: &BitSpec, word: u64) {
        let indent = depth.saturating_mul(2);
        let room = self.width.saturating_sub(indent);
        let place = if range.hi.saturating_sub(range.lo) == 1 {
            format!("bit {}", range.lo)
        } else {
            format!("bits {}..={}", range.lo, range.hi.saturating_sub(1))
        };
        let _ = write!(
            self.out,
            "{:lead$}{OFFSET}{place:HEX_WIDTH$}{OFFSET:#} ",
            "",
            lead = self.digits.saturating_add(4)
        );
        let _ = write!(self.out, "{:indent$}{NAME}{:room$}{NAME:#}  ", "", range.name);
        let value = (range.value)(word);
        let _ = write!(self.out, "{value}");
        let meaning = value.meaning();
        self.meaning(meaning.as_deref(), "  ");
        if meaning.is_none() && !range.about.is_empty() {
            let _ = write!(self.out, "  {REMARK}{}{REMARK:#}", range.about.trim());
        }
        self.problem((range.judge)(word).as_ref());
    }

    fn meaning(&mut self, meaning: Option<&str>, space: &str) {
        if let Some(meaning) = meaning {
            let _ = write!(self.out, "{space}{MEANING}{meaning}{MEANING:#}");
        }
    }

    fn problem(&mut self, problem: Option<&Problem>) {
        if let Some(problem) = problem {
            let _ = write!(self.out, "  {PROBLEM}!! {}{PROBLEM:#}", problem.text);
        }
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

/// Bytes up to which a byte string is shown as its value.
const SHORT: usize = 32;
/// Integers up to which an array is shown whole.
const FEW: usize = 16;

fn shown_value(node: &Node, decoded: &Decoded<'_>) -> String {
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
        ref value => value.to_string(),
    }
}
