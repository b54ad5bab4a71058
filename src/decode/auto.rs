//! What could these bytes be? Candidates with reasons, best first.

use zfsp_grammar::catalogue::{Structure, structures};
use zfsp_grammar::input::Order;

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

/// Structures that `bytes` may be, best first. A structure is a candidate if its reading claims
/// fields without more trouble than sense.
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
    if decoded.is_nothing() {
        return None;
    }
    let evidence = evidence(&decoded);
    (evidence.score > 0).then_some(Candidate {
        structure,
        order: decoded.order,
        score: evidence.score,
        reasons: evidence.reasons,
    })
}

struct Evidence {
    score: u32,
    reasons: Vec<String>,
}

/// A magic or a checksum that holds is strong; a reading that covers the bytes without a problem
/// is fair; problems speak against it.
fn evidence(decoded: &Decoded<'_>) -> Evidence {
    let mut reasons = Vec::new();
    let problems = decoded.tree.problems().count();
    let nodes = decoded.tree.nodes.len();
    let mut score = 100i64;

    let proven = decoded.tree.nodes.iter().filter(|n| n.value.to_string().starts_with("verified")).count();
    if proven > 0 {
        score = score.saturating_add(600);
        reasons.push(format!("{proven} checksum{} verified", if proven == 1 { "" } else { "s" }));
    }
    let marks =
        decoded.tree.nodes.iter().filter(|n| is_mark(&n.name()) && n.problem.is_none() && n.end > n.at);
    let marks: Vec<String> = marks.take(2).map(|n| format!("{} at {:#x}", n.name(), n.at)).collect();
    if !marks.is_empty() {
        score = score.saturating_add(300);
        reasons.push(marks.join(", "));
    }
    let covered = decoded.tree.nodes.first().map_or(0, |root| root.length());
    let share = covered.saturating_mul(100).checked_div(decoded.bytes.len()).unwrap_or_default();
    score = score.saturating_add(i64::try_from(share).unwrap_or_default());
    reasons.push(format!("{share}% of the bytes explained"));

    // fields that say something, against reserved and empty ones
    let telling = decoded.tree.nodes.iter().filter(|n| tells(decoded, n.at, n.end)).count();
    score = score.saturating_add(i64::try_from(telling.min(50)).unwrap_or_default());
    if problems == 0 {
        score = score.saturating_add(100);
        reasons.push("no field contradicts the format".into());
    } else {
        let weight =
            problems.saturating_mul(1000).checked_div(nodes.max(1)).unwrap_or_default().saturating_add(100);
        score = score.saturating_sub(i64::try_from(weight.saturating_mul(2)).unwrap_or(i64::MAX));
        reasons.push(format!("{problems} problem{}", if problems == 1 { "" } else { "s" }));
    }
    Evidence { score: u32::try_from(score.max(0)).unwrap_or_default(), reasons }
}

fn tells(decoded: &Decoded<'_>, at: usize, end: usize) -> bool {
    decoded.content(at, end).iter().any(|b| *b != 0)
}

fn is_mark(name: &str) -> bool {
    name == "magic" || name == "block_type" || name == "encoding"
}
