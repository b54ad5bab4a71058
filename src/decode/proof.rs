//! Checksums of what proves itself: verified, and said in the tree.
//!
//! The grammar finds the proofs, `zio_eck`, as fields; this looks at the piece that each one ends,
//! and tries the verifiers that its place or its content suggest. Handbook:
//! `docs/format/04-checksums.md`, 4.7.

use zfsp_grammar::input::{Input, Order, Parse};
use zfsp_grammar::label::{DATA_AT, LABEL_SIZE};
use zfsp_grammar::quantity::Cksum;
use zfsp_grammar::tree::{Node, Problem, Value};
use zfsp_grammar::uberblock::Uberblock;

use super::Decoded;
use crate::checksum::embedded::Piece;
use crate::checksum::kept::holds_somehow;

/// Says at each proof in the tree whether it holds, and marks the active uberblock of a ring.
pub fn prove(decoded: &mut Decoded<'_>) {
    let proofs: Vec<usize> = (0..decoded.tree.nodes.len()).filter(|k| is_proof(decoded, *k)).collect();
    let mut order = None;
    for eck in proofs {
        let Some((start, verdict)) = verdict(decoded, eck) else { continue };
        order = order.or(verdict.order());
        let cksum = decoded.tree.parts(Some(eck)).last().unwrap_or(eck);
        for k in [eck, cksum] {
            if let Some(node) = decoded.tree.nodes.get_mut(k) {
                verdict.tell(node, k == eck, start);
            }
        }
        if matches!(verdict, Verdict::Verified { .. }) {
            decoded.verified.insert(eck);
            decoded.verified.extend(parent(decoded, eck));
        }
    }
    if let Some(order) = order {
        decoded.order = order;
    }
    mark_active(decoded);
}

fn is_proof(decoded: &Decoded<'_>, k: usize) -> bool {
    decoded.tree.nodes.get(k).is_some_and(|n| {
        let is_eck = n.spec.is_some_and(|spec| matches!(spec.kind, "ZioEck" | "Option<ZioEck>"));
        is_eck && n.length() > 0 && n.problem.is_none()
    })
}

/// What became of a proof.
pub(super) enum Verdict {
    /// It holds: for what it was checked.
    Verified { order: Order, for_: String },
    /// It holds for nothing that it could be for.
    Mismatch { computed: Option<Cksum>, tried: String },
}

impl Verdict {
    fn order(&self) -> Option<Order> {
        match self {
            Verdict::Verified { order, .. } => Some(*order),
            Verdict::Mismatch { .. } => None,
        }
    }
    fn tell(&self, node: &mut Node, group: bool, start: usize) {
        match self {
            Verdict::Verified { for_, .. } if group => {
                node.value = Value::says(format_args!("verified {for_}"))
            }
            Verdict::Verified { .. } => {}
            Verdict::Mismatch { computed, tried, .. } if group => {
                let computed = computed.map_or_else(String::new, |sum| format!(", computed {sum}"));
                let text = format!("checksum does not hold for the bytes from {start:#x} {tried}{computed}");
                node.problem = Some(Box::new(Problem::corrupt(text)));
            }
            Verdict::Mismatch { .. } => {}
        }
    }
}

/// The verdict on the proof at node `eck`, and where the piece that it proves starts.
fn verdict(decoded: &Decoded<'_>, eck: usize) -> Option<(usize, Verdict)> {
    let node = decoded.tree.nodes.get(eck)?;
    let parent = parent(decoded, eck)?;
    let names: Vec<String> = decoded
        .tree
        .parts(Some(parent))
        .filter_map(|k| decoded.tree.nodes.get(k))
        .map(|n| n.name().into_owned())
        .collect();
    let start = decoded.tree.nodes.get(parent)?.at;
    if names.iter().any(|name| name == "next_blk") {
        return super::log_block::verdict(decoded, parent, node);
    }
    let piece = Piece::ending(decoded.content(start, node.end))?;
    let verdict = if names.iter().any(|name| name == "blkptr") {
        gang(decoded, parent, &piece)
    } else {
        label(start, &piece)
    };
    Some((start, verdict))
}

fn parent(decoded: &Decoded<'_>, k: usize) -> Option<usize> {
    let depth = decoded.tree.nodes.get(k)?.depth;
    (0..k).rev().find(|p| decoded.tree.nodes.get(*p).is_some_and(|n| n.depth < depth))
}

/// Parts of labels belong to one place of their device. The bytes may be a dump of a label that
/// began elsewhere: the second label's place is tried too.
fn label(start: usize, piece: &Piece<'_>) -> Verdict {
    let here = u64::try_from(start).unwrap_or(u64::MAX);
    let second = here.saturating_add(u64::try_from(LABEL_SIZE).unwrap_or_default());
    match [here, second].into_iter().find(|offset| piece.belongs_at(*offset)) {
        Some(offset) => {
            Verdict::Verified { order: piece.order, for_: format!("at device offset {offset:#x}") }
        }
        None => Verdict::Mismatch {
            computed: Some(piece.sha256([here, 0, 0, 0])),
            tried: format!("at device offset {here:#x} or {second:#x}"),
        },
    }
}

/// Gang headers belong to the first copy's vdev and offset, and to the txg that wrote them. None of
/// these stands in the header: the offset follows from the place on a plain device, the txg is that
/// of the pieces, and vdevs are few.
fn gang(decoded: &Decoded<'_>, header: usize, piece: &Piece<'_>) -> Verdict {
    let start = decoded.tree.nodes.get(header).map_or(0, |n| n.at);
    let offset = u64::try_from(start).unwrap_or(u64::MAX).saturating_sub(DATA_AT);
    let mut births: Vec<u64> = blkptr_births(decoded, header, piece.order);
    births.sort_unstable();
    births.dedup();
    for birth in births.into_iter().rev() {
        for vdev in 0..MOST_VDEVS {
            let sum = piece.sha256([vdev, offset, birth, 0]);
            if holds_somehow(sum, piece.stored) {
                let for_ = format!("for vdev {vdev}, offset {offset:#x}, txg {birth}");
                return Verdict::Verified { order: piece.order, for_ };
            }
        }
    }
    let tried =
        format!("as gang header at offset {offset:#x} of vdevs 0 to {}", MOST_VDEVS.saturating_sub(1));
    Verdict::Mismatch { computed: None, tried }
}

/// Top-level vdevs that are tried for a gang header.
const MOST_VDEVS: u64 = 64;

/// Births of the pointers in the node `parent`, read from their bytes.
fn blkptr_births(decoded: &Decoded<'_>, parent: usize, order: Order) -> Vec<u64> {
    let below = decoded.tree.nodes.iter().skip(parent).take_while(|n| n.end > n.at || n.depth > 0);
    let births = below.filter(|n| n.name() == "logical_birth" || n.name() == "physical_birth");
    births.map(|n| word(decoded.content(n.at, n.end), order)).filter(|txg| *txg != 0).collect()
}

/// Eight bytes as a number.
pub(super) fn word(bytes: &[u8], order: Order) -> u64 {
    let Some(bytes) = bytes.first_chunk() else { return 0 };
    match order {
        Order::Little => u64::from_le_bytes(*bytes),
        Order::Big => u64::from_be_bytes(*bytes),
    }
}

/// In a ring: the uberblock of the highest txg, then time, then heartbeat, among those that are
/// verified.
fn mark_active(decoded: &mut Decoded<'_>) {
    let Some(ring) = decoded.tree.nodes.iter().position(|n| n.name() == "ring") else { return };
    let slots: Vec<usize> = decoded.tree.parts(Some(ring)).collect();
    let best = slots.into_iter().filter_map(|k| Some((rank(decoded, k)?, k))).max();
    let Some((_, k)) = best else { return };
    decoded.open.insert(k);
    decoded.active = Some(k);
}

/// What makes a slot the newer one; `None` if it is not verified.
fn rank(decoded: &Decoded<'_>, slot: usize) -> Option<(u64, u64, u64)> {
    let node = decoded.tree.nodes.get(slot)?;
    let piece = Piece::ending(decoded.content(node.at, node.end))?;
    let (_, uberblock) =
        Uberblock::parse(Input::new(decoded.content(node.at, node.end), piece.order)).ok()?;
    let parts = decoded.tree.parts(Some(slot)).filter_map(|k| decoded.tree.nodes.get(k));
    let verified = parts.into_iter().any(|n| n.name() == "eck" && n.problem.is_none() && n.length() > 0);
    (verified && uberblock.txg.0 != 0)
        .then(|| (uberblock.txg.0, uberblock.timestamp.0, u64::from(uberblock.mmp_sequence())))
}
