//! What could these bytes be? Candidates with reasons, best first.

use zfsp_grammar::catalogue::{Structure, structures};
use zfsp_grammar::input::Order;
use zfsp_grammar::tree::{Node, Tree, Value};

use crate::decode::{Decoded, extent};

/// A structure that the bytes may be.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The structure.
    pub structure: &'static Structure,
    /// In which byte order.
    pub order: Order,
    /// How well it fits, in thousandths.
    pub score: u32,
    /// Why.
    pub reasons: Vec<String>,
}

/// Structures that `bytes` may be, best first. A structure is a candidate if its reading makes more
/// sense than trouble, and could have failed.
#[must_use]
pub fn candidates(bytes: &[u8], at: usize, order: Option<Order>) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = structures().filter_map(|s| candidate(s, bytes, at, order)).collect();
    all.sort_by_key(|c| std::cmp::Reverse(c.score));
    all
}

fn candidate(
    structure: &'static Structure,
    bytes: &[u8],
    at: usize,
    order: Option<Order>,
) -> Option<Candidate> {
    let bytes = extent::trim(structure.name, bytes);
    let decoded = super::decode(structure, bytes, at, order, 1);
    if decoded.is_nothing() || bytes.iter().all(|b| *b == 0) {
        return None;
    }
    let Evidence { score, reasons } = evidence(structure, &decoded);
    (score > 0).then_some(Candidate { structure, order: decoded.order, score, reasons })
}

struct Evidence {
    score: u32,
    reasons: Vec<String>,
}

/// A checksum that holds proves it, a magic nearly so. Without these it counts how much better the
/// bytes fit than noise would, and how much of them is explained.
fn evidence(structure: &Structure, decoded: &Decoded<'_>) -> Evidence {
    let mut reasons = Vec::new();
    let mut score = 0u32;
    let mut add = |points: u32, reason: String| {
        score = score.saturating_add(points);
        reasons.push(reason);
    };
    let proven = decoded.tree.nodes.iter().filter(|n| is_proven(n)).count();
    if proven > 0 {
        add(1000, format!("{proven} checksum{} verified", plural(proven)));
    }
    let marks: Vec<&Node> = decoded.tree.nodes.iter().filter(|n| is_mark(n)).take(2).collect();
    if !marks.is_empty() {
        let places: Vec<String> = marks.iter().map(|n| format!("{} at {:#x}", n.name(), n.at)).collect();
        add(300, places.join(", "));
    }
    let explained = permille(explained(decoded, !marks.is_empty()), told_bytes(decoded));
    add(explained / 4, format!("{}% of the bytes explained", explained / 10));
    let fit = fit(structure, decoded);
    let problems = decoded.tree.problems().count();
    let told = if problems == 0 {
        "no field contradicts the format".into()
    } else {
        format!("{problems} problem{}", plural(problems))
    };
    add(fit / 3, told);
    let needs_mark = NEVER_WITHOUT_MARK.contains(&structure.name);
    let unmarked = marks.is_empty() && (needs_mark || fit < LEAST_FIT || explained < LEAST_EXPLAINED);
    let contradicted = decoded.tree.nodes.iter().any(|n| is_mark_field(n) && n.problem.is_some());
    let unfounded = proven == 0 && (unmarked || contradicted || explained < LEAST_MARKED);
    Evidence { score: if unfounded { 0 } else { score }, reasons }
}

/// A block of a ZAP without one is a piece of a pointer table: any numbers.
const NEVER_WITHOUT_MARK: [&str; 4] = ["zap", "microzap", "zap-header", "zap-leaf"];

/// Permille by which the bytes must fit better than noise, where no magic speaks for them.
const LEAST_FIT: u32 = 700;
/// Permille of the bytes that must be explained, where no magic speaks for them.
const LEAST_EXPLAINED: u32 = 400;

/// Permille of the bytes that must be explained by what has a magic.
const LEAST_MARKED: u32 = 50;

fn permille(part: usize, whole: usize) -> u32 {
    let share = part.saturating_mul(1000).checked_div(whole).unwrap_or_default();
    u32::try_from(share).unwrap_or(u32::MAX)
}

/// How much fewer of the fields are wrong than other bytes would have wrong, in permille. Three kinds
/// of these are tried: noise, like ciphertext; text; and small numbers.
fn fit(structure: &Structure, decoded: &Decoded<'_>) -> u32 {
    let wrong = |tree: &Tree| permille(tree.problems().count().saturating_mul(1000), tree.nodes.len());
    let len = decoded.bytes.len().min(TRIED);
    let by_chance = [noise(len), text(len), small_numbers(len)]
        .map(|bytes| wrong(&super::decode(structure, &bytes, 0, Some(decoded.order), 1).tree))
        .into_iter()
        .min()
        .unwrap_or_default();
    let better = by_chance.saturating_sub(wrong(&decoded.tree));
    permille(usize::try_from(better).unwrap_or_default(), usize::try_from(by_chance).unwrap_or_default())
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

fn is_proven(node: &Node) -> bool {
    matches!(&node.value, Value::Says(text) if text.starts_with("verified"))
}

/// A constant that says what the bytes are.
fn is_mark_field(node: &Node) -> bool {
    node.spec.is_some_and(|spec| ["magic", "block_type"].contains(&spec.name))
}

fn is_mark(node: &Node) -> bool {
    is_mark_field(node) && node.problem.is_none() && node.length() > 0
}

/// Bytes that say something: all but the zeros at the end.
fn told_bytes(decoded: &Decoded<'_>) -> usize {
    let last = decoded.bytes.iter().rposition(|b| *b != 0);
    last.map_or(0, |last| last.saturating_add(1))
}

/// Bytes that fields claim. Raw bytes count where a magic vouches for the structure, or if they are
/// zero.
fn explained(decoded: &Decoded<'_>, vouched: bool) -> usize {
    let root = decoded.tree.nodes.first().map_or(0, Node::length).min(told_bytes(decoded));
    let unread = decoded.tree.nodes.iter().filter(|n| !vouched && matches!(n.value, Value::Bytes));
    let raw = unread.map(|n| decoded.content(n.at, n.end)).filter(|b| b.iter().any(|b| *b != 0));
    root.saturating_sub(raw.map(<[u8]>::len).fold(0, usize::saturating_add))
}

/// Bytes that are tried.
const TRIED: usize = 8192;

/// Noise, always the same.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        // xorshift64
        state ^= state.wrapping_shl(13);
        state ^= state.wrapping_shr(7);
        state ^= state.wrapping_shl(17);
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(len).collect()
}

fn text(len: usize) -> Vec<u8> {
    b"It was the best of times, it was the worst of times.\n".iter().copied().cycle().take(len).collect()
}

fn small_numbers(len: usize) -> Vec<u8> {
    (1u64..).flat_map(u64::to_le_bytes).take(len).collect()
}
