//! Deadlists: blocks that the older snapshot references and this dataset no longer does.
//!
//! Since pool version 26 a ZAP with this bonus: the key of each entry is the hex txg from which on
//! its blocks were born, the value a [`bpobj`](super::bpobj). Before that, a bpobj. Livelists of
//! clones have the same form. Handbook: [`docs/format/11-dsl.md`], 11.8 and 11.10.
//!
//! ```
//! use zfsp_grammar::{dsl::deadlist::DeadlistHeader, input::{Input, Order, Parse}};
//!
//! let mut bytes = [0; 320];
//! bytes[..8].copy_from_slice(&49664u64.to_le_bytes());
//! let (_, read) = DeadlistHeader::parse(Input::new(&bytes, Order::Little))?;
//! assert_eq!(read.used.0, 49664);
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//!
//! [`docs/format/11-dsl.md`]: crate::handbook::dsl

use alloc::format;
use alloc::string::String;

use super::hex;
use crate::quantity::{Bytes, Pad, Txg};

record! {
    /// `dsl_deadlist_phys_t`.
    ///
    /// Chapter 11, 11.8.
    pub struct DeadlistHeader: Copy {
        0x00 used:   Bytes,
        0x08 comp:   Bytes,
        0x10 uncomp: Bytes,
        0x18 pad:    Pad<296>,
    }
    says DeadlistHeader::summary;
}

impl DeadlistHeader {
    fn summary(&self) -> String {
        format!("{} bytes", self.used.0)
    }
}

/// The txg that the key of an entry means: lower-case hex without prefix.
#[must_use]
pub fn min_txg(key: &str) -> Option<Txg> {
    hex(key).map(Txg)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)] // a test may fail loudly
mod tests {
    use super::*;
    use crate::dsl::testing::read;

    /// Chapter 11, 11.8: the deadlist of a real head.
    #[test]
    fn a_real_one() {
        let mut words = [0; 40];
        words[..3].copy_from_slice(&[49_664, 34_304, 75_776]);
        let header: DeadlistHeader = read(&words);
        assert_eq!(header.uncomp, Bytes(75_776));
        assert_eq!(header.summary(), "49664 bytes");
        assert_eq!((min_txg("1c"), min_txg("0")), (Some(Txg(28)), Some(Txg(0))));
        assert_eq!((min_txg("1C"), min_txg("0x1c"), min_txg("")), (None, None, None));
    }
}
