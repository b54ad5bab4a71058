//! Checksums: bytes to 256 bits, one file an algorithm.
//!
//! Handbook: `docs/format/04-checksums.md`.

pub mod embedded;
pub mod fletcher;
pub mod sha256;
