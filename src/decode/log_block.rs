//! Blocks of the intent log prove themselves once their sequence number is known: it is one less
//! than that of the block they point to.
//!
//! Handbook: `docs/format/13-space.md`, 13.8.

use zfsp_grammar::input::Order;
use zfsp_grammar::quantity::Cksum;
use zfsp_grammar::tree::Node;

use super::Decoded;
use super::proof::{Verdict, word};
use crate::checksum::embedded::Piece;

/// Log blocks count in units of 4 KiB.
const UNIT: usize = 4096;
/// Where the checksum words stand in a block pointer.
const CKSUM_AT: usize = 0x60;

/// The verdict on the log block whose chain is the node `chain` and whose proof is `eck`.
pub(super) fn verdict(decoded: &Decoded<'_>, chain: usize, eck: &Node) -> Option<(usize, Verdict)> {
    let parts: Vec<&Node> =
        decoded.tree.parts(Some(chain)).filter_map(|k| decoded.tree.nodes.get(k)).collect();
    let next = parts.iter().find(|n| n.name() == "next_blk")?;
    let nused = parts.iter().find(|n| n.name() == "nused")?;
    let start = decoded.at;
    let slim = decoded.tree.nodes.get(chain)?.at == start;
    let eck_at = eck.at.checked_sub(start)?;
    let whole = Piece::at(decoded.bytes, eck_at)?;
    let used = usize::try_from(word(decoded.content(nused.at, nused.end), whole.order)).ok()?;
    let piece = if slim {
        Piece::at(decoded.bytes.get(..used.checked_next_multiple_of(UNIT)?)?, eck_at)?
    } else {
        whole
    };
    let words = verifier(decoded.content(next.at, next.end), piece.order)?;
    let [.., seq] = words;
    let computed = if slim { piece.fletcher4(words) } else { piece.fletcher2(words) };
    let (Cksum([a, b, c, d]), Cksum([x, y, ..])) = (computed, piece.stored);
    // of an encrypted block two words are the checksum, the others its MAC
    let holds = computed == piece.stored || (a ^ c == x && b ^ d == y);
    let verdict = if holds {
        Verdict::Verified { order: piece.order, for_: format!("as block {seq} of its chain") }
    } else {
        let tried = format!("as block {seq} of its chain");
        Verdict::Mismatch { computed: Some(computed), tried }
    };
    Some((start, verdict))
}

/// Two words name the chain, the third the object set, the last counts the blocks.
fn verifier(next: &[u8], order: Order) -> Option<[u64; 4]> {
    let words = next.get(CKSUM_AT..)?.as_chunks::<8>().0;
    let [a, b, c, d] = words.first_chunk::<4>()?;
    let seq = word(d, order).checked_sub(1)?;
    Some([word(a, order), word(b, order), word(c, order), seq])
}
