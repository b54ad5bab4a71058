//! The embedded checksum, `zio_eck`: the last 40 bytes of everything that proves itself.
//!
//! SHA-256 over the whole piece, in which the 32 checksum bytes are first replaced by a *verifier*:
//! four words that say where the piece belongs. So the same bytes are valid in one place only.
//!
//! ```
//! use zfsp_grammar::{eck::ZioEck, input::{Input, Order, Parse}};
//!
//! let bytes: Vec<u8> = [0x0210_da7a_b10c_7a11, 1, 2, 3, 4].iter().flat_map(|w: &u64| w.to_le_bytes()).collect();
//! let (_, read) = ZioEck::parse(Input::new(&bytes, Order::Little))?;
//! assert_eq!(read.cksum.0, [1, 2, 3, 4]);
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//! The grammar reads it; proving it is the evaluator's business. Handbook:
//! [`docs/format/01-labels.md`], 1.2, and [`docs/format/04-checksums.md`], 4.7.
//!
//! [`docs/format/01-labels.md`]: crate::handbook::labels
//! [`docs/format/04-checksums.md`]: crate::handbook::checksums

use crate::input::byte_order_mark;
use crate::quantity::{Cksum, Magic};

/// `zec_magic`.
pub const ECK_MAGIC: u64 = 0x0210_da7a_b10c_7a11;
/// Bytes of a [`ZioEck`].
pub const ECK_SIZE: usize = 40;

record! {
    /// `zio_eck`: tells the byte order of the writer, and proves the bytes before it.
    ///
    /// Chapter 01, 1.2.
    pub struct ZioEck: Copy {
        /// 0x0210da7ab10c7a11; tells the byte order of the writer
        0x0 magic: Magic = byte_order_mark(ECK_MAGIC),
        0x8 cksum: Cksum,
    }
}
