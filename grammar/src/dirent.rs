//! What a directory maps a name to: an object, and what that is.
//!
//! One word, the value of a ZAP entry. Readers use the low 48 bits only. Handbook:
//! `docs/format/10-zap.md`, 10.10, and `docs/format/12-zpl.md`, 12.9.

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
