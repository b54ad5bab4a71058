//! SHA-256. Handbook: `docs/format/04-checksums.md`, 4.8.

use sha2::{Digest, Sha256};
use zfsp_grammar::input::Order;
use zfsp_grammar::quantity::Cksum;

use super::words;

/// SHA-256 of the parts one after the other, as four words: big-endian groups, whatever the order of
/// the writer.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> Cksum {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    words(&hasher.finalize().into(), Order::Big)
}
