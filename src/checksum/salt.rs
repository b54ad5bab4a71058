//! The pool's salt: 32 random bytes that key the newer checksums, so that nobody can prepare two
//! blocks of the same sum for all pools.
//!
//! It lies in the MOS under `org.illumos:checksum_salt`; the MOS itself is never salted. Handbook:
//! `docs/format/04-checksums.md`, 4.5.

use super::blake3::Blake3;
use super::edonr::EdonR;
use super::skein::Skein;

/// What the salted algorithms make of the salt, once for all blocks.
#[derive(Clone, Debug)]
pub(super) struct Salted {
    pub(super) skein: Skein,
    pub(super) edonr: EdonR,
    pub(super) blake3: Blake3,
}

impl Salted {
    pub(super) fn new(salt: [u8; 32]) -> Self {
        Salted { skein: Skein::new(salt), edonr: EdonR::new(salt), blake3: Blake3::new(salt) }
    }
}
