//! SHA-256. Handbook: `docs/format/04-checksums.md`, 4.8.

use sha2::{Digest, Sha256};
use zfsp_grammar::quantity::Cksum;

/// SHA-256 of the parts one after the other, as four words: big-endian groups, whatever the order of
/// the writer.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> Cksum {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    let digest = hasher.finalize();
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(digest.chunks_exact(8)) {
        *word = bytes.iter().fold(0, |n: u64, b| n.wrapping_shl(8) | u64::from(*b));
    }
    Cksum(words)
}
