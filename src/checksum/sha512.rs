//! SHA-512/256: SHA-512 with start values of its own, cut to 256 bits. Handbook:
//! `docs/format/04-checksums.md`, 4.8.

use sha2::{Digest, Sha512_256};
use zfsp_grammar::input::Order;
use zfsp_grammar::quantity::Cksum;

use super::words;

/// SHA-512/256, as four words in the order of the writer.
#[must_use]
pub fn sha512(bytes: &[u8], order: Order) -> Cksum {
    words(&Sha512_256::digest(bytes).into(), order)
}
