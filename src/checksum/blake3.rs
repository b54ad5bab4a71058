//! BLAKE3, keyed with the pool's salt. Handbook: `docs/format/04-checksums.md`, 4.10.

use zfsp_grammar::input::Order;
use zfsp_grammar::quantity::Cksum;

use super::words;

/// BLAKE3 as one pool uses it.
#[derive(Clone, Debug)]
pub struct Blake3 {
    key: [u8; 32],
}

impl Blake3 {
    /// The salt is the key.
    #[must_use]
    pub fn new(salt: [u8; 32]) -> Self {
        Blake3 { key: salt }
    }
    /// The keyed hash, as four words in the order of the writer.
    #[must_use]
    pub fn sum(&self, bytes: &[u8], order: Order) -> Cksum {
        words(blake3::keyed_hash(&self.key, bytes).as_bytes(), order)
    }
}
