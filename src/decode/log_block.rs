//! Blocks of the intent log prove themselves once their sequence number is known: it is one less
//! than that of the block they point to.
//!
//! Handbook: `docs/format/13-space.md`, 13.8.

use zfsp_grammar::input::Order;
use zfsp_grammar::quantity::Cksum;
use zfsp_grammar::tree::Node;

use super::Decoded;
use super::proof::{Verdict, word};
use crate::checksum::kept::holds_somehow;
use crate::checksum::log_block::LogBlock;

/// Where the checksum words stand in a block pointer.
const CKSUM_AT: usize = 0x60;

/// The verdict on the log block whose chain is the node `chain` and whose proof is `eck`.
pub(super) fn verdict(decoded: &Decoded<'_>, chain: usize, eck: &Node) -> Option<(usize, Verdict)> {
    let mut parts = decoded.tree.parts(Some(chain)).filter_map(|k| decoded.tree.nodes.get(k));
    let next = parts.find(|n| n.name() == "next_blk")?;
    let start = decoded.at;
    let slim = decoded.tree.nodes.get(chain)?.at == start;
    let bytes = decoded.content(start, eck.end);
    let block = if slim { LogBlock::slim(decoded.bytes)? } else { LogBlock::trailing(bytes)? };
    let piece = block.piece;
    let words = verifier(decoded.content(next.at, next.end), piece.order)?;
    let [.., seq] = words;
    let computed = block.sum(Cksum(words));
    let verdict = if holds_somehow(computed, piece.stored) {
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
