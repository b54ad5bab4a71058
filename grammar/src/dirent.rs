//! What a directory maps a name to: an object, and what that is.
//!
//!
//! ```
//! use zfsp_grammar::{dirent::Dirent, input::{Input, Order, Parse}};
//!
//! let bytes: Vec<u8> = [0x8000_0000_0000_0083].iter().flat_map(|w: &u64| w.to_le_bytes()).collect();
//! let (_, read) = Dirent::parse(Input::new(&bytes, Order::Little))?;
//! assert_eq!(read.object().0, 131);
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//! One word, the value of a ZAP entry. Readers use the low 48 bits only. Handbook:
//! [`docs/format/10-zap.md`], 10.10, and [`docs/format/12-zpl.md`], 12.9.
//!
//! [`docs/format/10-zap.md`]: crate::handbook::zap
//! [`docs/format/12-zpl.md`]: crate::handbook::zpl

use crate::catalogue::{Structure, structure};
use crate::mode::FileType;
use crate::quantity::{ObjectId, Reserved};

pub(crate) const STRUCTURES: &[Structure] =
    &[structure!("dirent", "value of a directory entry", "10-zap.md 10.10", Dirent)];

bits! {
    /// The value of a directory entry.
    ///
    /// Chapter 10, 10.10.
    pub struct Dirent(u64) {
        /// in the same object set
        0..48  object: ObjectId,
        48..60 reserved: Reserved,
        /// a hint: the mode decides
        60..64 kind: FileType,
    }
}
