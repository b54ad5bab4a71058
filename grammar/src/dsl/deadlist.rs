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
}

/// The txg that the key of an entry means: lower-case hex without prefix.
#[must_use]
pub fn min_txg(key: &str) -> Option<Txg> {
    let plain = key.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (plain && !key.is_empty()).then(|| u64::from_str_radix(key, 16).ok().map(Txg)).flatten()
}
