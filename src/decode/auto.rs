//! What could these bytes be? Candidates with reasons, best first.

use zfsp_grammar::catalogue::{Structure, structures};
use zfsp_grammar::input::Order;
use zfsp_grammar::tree::{Node, Value};

use crate::decode::Decoded;

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

/// A checksum that holds proves it, a magic nearly so. Without these it counts that the structure
/// could have been contradicted and was not, and how much of the bytes it explains.
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
    let problems = decoded.tree.problems().count();
    if problems == 0 && proven == 0 && marks.is_empty() && accepts_noise(structure, decoded) {
        // any bytes would do: that these do says nothing
        return Evidence { score: 0, reasons: Vec::new() };
    }
    let explained = explained(decoded);
    let permille = explained.saturating_mul(1000).checked_div(decoded.bytes.len()).unwrap_or_default();
    add(
        u32::try_from(permille).unwrap_or_default() / 4,
        format!("{}% of the bytes explained", permille / 10),
    );
    if problems == 0 {
        add(300, "no field contradicts the format".into());
    } else {
        reasons.push(format!("{problems} problem{}", plural(problems)));
        let share = problems.saturating_mul(1000).checked_div(decoded.tree.nodes.len()).unwrap_or_default();
        let cost = u32::try_from(share).unwrap_or(u32::MAX).saturating_mul(4).saturating_add(200);
        score = score.saturating_sub(cost);
    }
    Evidence { score, reasons }
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

fn is_proven(node: &Node) -> bool {
    matches!(&node.value, Value::Says(text) if text.starts_with("verified"))
}

fn is_mark(node: &Node) -> bool {
    let marks = ["magic", "block_type", "encoding"];
    node.problem.is_none() && node.length() > 0 && node.spec.is_some_and(|spec| marks.contains(&spec.name))
}

/// Bytes that a field with a value claims: those of raw bytes and gaps count only if they are zero.
fn explained(decoded: &Decoded<'_>) -> usize {
    let root = decoded.tree.nodes.first().map_or(0, Node::length);
    let unread = decoded.tree.nodes.iter().filter(|n| matches!(n.value, Value::Bytes));
    let raw = unread.map(|n| decoded.content(n.at, n.end)).filter(|b| b.iter().any(|b| *b != 0));
    root.saturating_sub(raw.map(<[u8]>::len).fold(0, usize::saturating_add))
}

/// Bytes of noise that are tried.
const NOISE: usize = 8192;

/// True if the structure would also find nothing wrong with noise.
fn accepts_noise(structure: &Structure, decoded: &Decoded<'_>) -> bool {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        // xorshift64: any noise will do, as long as it is always the same
        state ^= state.wrapping_shl(13);
        state ^= state.wrapping_shr(7);
        state ^= state.wrapping_shl(17);
        state.to_le_bytes()
    };
    let noise: Vec<u8> =
        std::iter::repeat_with(&mut next).flatten().take(decoded.bytes.len().min(NOISE)).collect();
    super::decode(structure, &noise, 0, Some(decoded.order), 1).is_sound()
}
