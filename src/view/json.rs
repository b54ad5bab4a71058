//! The tree for a program: one JSON document, stable in its names.
//!
//! ```text
//! { structure, at, length, order, problems: [{ path, at, kind, text }],
//!   tree: { name, at, length, bits?, value?, symbol?, problem?, gap?, children? } }
//! ```
//!
//! `at` and `length` count bytes; `bits` is `[lowest, above the highest]`; `value` is a number, a
//! truth value, text, an array of numbers, or the bytes as hex.

use serde_json::{Map, Value as Json, json};
use zfsp_grammar::spec::BitSpec;
use zfsp_grammar::tree::{Gap, Problem, ProblemKind, Trouble, Value};

use crate::decode::Decoded;

/// Bytes up to which a byte string is given as its value: what is longer is in the input anyway.
const LONGEST_BYTES: usize = 4096;

/// The whole document.
#[must_use]
pub fn document(decoded: &Decoded<'_>) -> Json {
    let problem = |trouble: &Trouble| {
        json!({
            "path": trouble.path,
            "at": trouble.at,
            "kind": kind(&trouble.problem),
            "text": trouble.problem.text,
        })
    };
    let problems: Vec<Json> = decoded.tree.troubles().iter().map(problem).collect();
    let tops: Vec<Json> = decoded.tree.parts(None).map(|top| node(decoded, top)).collect();
    let tree = match <[Json; 1]>::try_from(tops) {
        Ok([one]) => one,
        Err(many) => Json::Array(many),
    };
    json!({
        "structure": decoded.structure,
        "at": decoded.at,
        "length": decoded.bytes.len(),
        "order": decoded.order.to_string(),
        "problems": problems,
        "tree": tree,
    })
}

fn kind(problem: &Problem) -> &'static str {
    match problem.kind {
        ProblemKind::Truncated => "truncated",
        ProblemKind::Corrupt => "corrupt",
        ProblemKind::Unsupported => "unsupported",
    }
}

fn node(decoded: &Decoded<'_>, index: usize) -> Json {
    let Some(node_) = decoded.tree.nodes.get(index) else { return Json::Null };
    let mut map = place(&node_.name(), node_.at, node_.end);
    let content = decoded.content(node_.at, node_.end);
    put(&mut map, "value", value(&node_.value, content));
    if let Some(meaning) = node_.value.meaning() {
        put(&mut map, "symbol", meaning.into());
    }
    if let Some(problem) = &node_.problem {
        put(&mut map, "problem", problem.text.clone().into());
    }
    let mut children: Vec<(usize, Json)> = Vec::new();
    if let Value::Bits(word, ranges) = node_.value {
        children.extend(ranges.iter().map(|range| (node_.at, bits(node_.at, node_.end, range, word))));
    }
    for part in decoded.tree.parts(Some(index)) {
        let at = decoded.tree.nodes.get(part).map_or(0, |part| part.at);
        children.push((at, node(decoded, part)));
    }
    children.extend(decoded.tree.gaps(index).into_iter().map(|gap| (gap.at, hole(decoded, gap))));
    children.sort_by_key(|(at, _)| *at);
    if !children.is_empty() {
        put(&mut map, "children", children.into_iter().map(|(_, child)| child).collect());
    }
    Json::Object(map)
}

fn place(name: &str, at: usize, end: usize) -> Map<String, Json> {
    let mut map = Map::new();
    put(&mut map, "name", name.into());
    put(&mut map, "at", at.into());
    put(&mut map, "length", end.saturating_sub(at).into());
    map
}

fn put(map: &mut Map<String, Json>, key: &str, value: Json) {
    if !value.is_null() {
        map.insert(key.into(), value);
    }
}

fn bits(at: usize, end: usize, range: &BitSpec, word: u64) -> Json {
    let mut map = place(range.name, at, end);
    put(&mut map, "bits", json!([range.lo, range.hi]));
    let shown = (range.value)(word);
    let raw = zfsp_grammar::spec::cut(word, range.lo, range.hi);
    put(&mut map, "value", if matches!(shown, Value::Bytes) { raw.into() } else { value(&shown, &[]) });
    if let Some(meaning) = shown.meaning() {
        put(&mut map, "symbol", meaning.into());
    }
    if let Some(problem) = (range.judge)(word) {
        put(&mut map, "problem", problem.text.into());
    }
    Json::Object(map)
}

fn hole(decoded: &Decoded<'_>, gap: Gap) -> Json {
    let mut map = place("gap", gap.at, gap.end);
    put(&mut map, "gap", true.into());
    put(&mut map, "value", value(&Value::Bytes, decoded.content(gap.at, gap.end)));
    Json::Object(map)
}

fn value(value: &Value, content: &[u8]) -> Json {
    match value {
        Value::Group | Value::Absent => Json::Null,
        Value::Says(text) | Value::Text(text) => (&**text).into(),
        Value::Number(n) | Value::Hex(n) | Value::Symbol(n, _) | Value::Bits(n, _) => (*n).into(),
        Value::Signed(n) | Value::Quantity(n, _) => (*n).into(),
        Value::Flag(b) => (*b).into(),
        Value::Integers(..) => crate::view::integers(value, content).into(),
        Value::Bytes if content.len() <= LONGEST_BYTES => {
            content.iter().map(|b| format!("{b:02x}")).collect::<String>().into()
        }
        Value::Bytes => Json::Null,
    }
}
