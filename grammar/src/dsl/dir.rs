//! DSL directories: the tree of dataset names, with quotas and used space.
//!
//! 256 bytes in the bonus of an object with bonus type 12. Handbook: [`docs/format/11-dsl.md`], 11.2.
//!
//! ```
//! use zfsp_grammar::{dsl::dir::UsedBreakdown, input::{Input, Order, Parse}};
//!
//! let bytes: Vec<u8> = [223_232, 132_608, 335_872, 0, 0].iter().flat_map(|w: &u64| w.to_le_bytes()).collect();
//! let (_, read) = UsedBreakdown::parse(Input::new(&bytes, Order::Little))?;
//! assert_eq!(read.head.0 + read.snap.0 + read.child.0, 691_712);
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//!
//! [`docs/format/11-dsl.md`]: crate::handbook::dsl

use alloc::format;
use alloc::string::String;

use crate::quantity::{Bytes, ObjectId, Pad, Timestamp, Unassigned};
use crate::tree::Problem;

bits! {
    /// `dd_flags`.
    pub struct DirFlags(u64) {
        /// the breakdown counts
        0..1  used_breakdown: bool,
        1..64 reserved: Unassigned,
    }
}

record! {
    /// `dd_used_breakdown`: what the used space is made of.
    ///
    /// Chapter 11, 11.2.
    pub struct UsedBreakdown: Copy {
        /// the live dataset
        0x00 head:       Bytes,
        /// its snapshots
        0x08 snap:       Bytes,
        /// the directories below
        0x10 child:      Bytes,
        /// reserved by the directories below
        0x18 child_rsrv: Bytes,
        /// reserved by `refreservation`
        0x20 refrsrv:    Bytes,
    }
}

record! {
    /// `dsl_dir_phys_t`.
    ///
    /// Chapter 11, 11.2.
    pub struct DslDir: Copy {
        0x00 creation_time:      Timestamp,
        /// the live dataset; 0 for the special directories
        0x08 head_dataset_obj:   ObjectId,
        /// 0: the root directory
        0x10 parent_obj:         ObjectId,
        /// snapshot that it was cloned from
        0x18 origin_obj:         ObjectId,
        /// ZAP: name of each child, its directory
        0x20 child_dir_zapobj:   ObjectId,
        /// charged to it: head, snapshots, children, reservations
        0x28 used_bytes:         Bytes,
        /// physical, before RAID-Z and copies
        0x30 compressed_bytes:   Bytes,
        /// logical
        0x38 uncompressed_bytes: Bytes,
        /// 0: none
        0x40 quota:              Bytes,
        0x48 reserved:           Bytes,
        /// ZAP of the properties
        0x50 props_zapobj:       ObjectId,
        /// ZAP of the delegated permissions; 0: none
        0x58 deleg_zapobj:       ObjectId,
        0x60 flags:              DirFlags,
        0x68 used_breakdown:     UsedBreakdown,
        /// ZAP: datasets cloned from snapshots of this directory
        0x90 clones:             ObjectId,
        0x98 pad:                Pad<104>,
    }
    says DslDir::summary;
    judge DslDir::judge;
}

impl DslDir {
    /// Compression ratio in hundredths: 100 where nothing is stored.
    #[must_use]
    pub fn compressratio(&self) -> u64 {
        ratio(self.uncompressed_bytes, self.compressed_bytes)
    }
    /// True for clones. Since pool version 11 every other directory has the empty snapshot of
    /// `$ORIGIN` as its origin: `nothing`, which the caller knows, or 0.
    #[must_use]
    pub fn is_clone(&self, nothing: ObjectId) -> bool {
        self.origin_obj.0 != 0 && self.origin_obj != nothing
    }
    fn summary(&self) -> String {
        match (self.parent_obj.0, self.head_dataset_obj.0) {
            (0, head) => format!("root directory of dataset {head}"),
            (_, 0) => "special directory, for accounting only".into(),
            (_, head) => format!("directory of dataset {head}"),
        }
    }
    fn judge(&self) -> Option<Problem> {
        let UsedBreakdown { head, snap, child, child_rsrv, refrsrv } = self.used_breakdown;
        let sum =
            [head, snap, child, child_rsrv, refrsrv].iter().fold(0u64, |sum, part| sum.wrapping_add(part.0));
        (self.flags.used_breakdown() && sum != self.used_bytes.0)
            .then(|| Problem::corrupt("used_bytes is not the sum of its breakdown"))
    }
}

/// Compression ratio in hundredths: 100 where nothing is stored.
pub(crate) fn ratio(uncompressed: Bytes, compressed: Bytes) -> u64 {
    uncompressed.0.saturating_mul(100).checked_div(compressed.0).unwrap_or(100)
}

/// True for names of directories and snapshots that no tool lists: `$` for the pool's own, `%` for
/// what a receive has not finished.
#[must_use]
pub fn is_hidden(name: &[u8]) -> bool {
    matches!(name.first(), Some(b'$' | b'%'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may fail loudly
mod tests {
    use super::*;
    use crate::dsl::testing::{encode, read};
    use crate::input::{Input, Order, Parse};

    /// The root directory of a real pool.
    const ROOT: [u64; 32] = {
        let mut words = [0; 32];
        let (head, _) = words.split_at_mut(19);
        head.copy_from_slice(&[
            0x6b02_e7a9,
            54,
            0,
            48,
            34,
            688_640,
            395_264,
            3_140_096,
            0,
            0,
            33,
            0,
            1,
            225_280,
            133_632,
            329_728,
            0,
            0,
            141,
        ]);
        words
    };

    #[test]
    fn a_real_one() {
        let dir: DslDir = read(&ROOT);
        assert_eq!(dir.head_dataset_obj, ObjectId(54));
        assert_eq!(dir.clones, ObjectId(141));
        assert_eq!(dir.used_breakdown.child, Bytes(329_728));
        assert_eq!(dir.compressratio(), 794);
        assert!(!dir.is_clone(ObjectId(48)) && dir.is_clone(ObjectId(83)));
        assert_eq!(dir.summary(), "root directory of dataset 54");
        assert_eq!(dir.judge(), None);
    }
    #[test]
    fn a_wrong_sum() {
        let mut words = ROOT;
        words[13] = 1;
        assert!(read::<DslDir>(&words).judge().is_some());
        // before pool version 13 there is no breakdown
        words[12] = 0;
        assert_eq!(read::<DslDir>(&words).judge(), None);
        assert!(DslDir::parse(Input::new(&encode(&words[..31], Order::Little), Order::Little)).is_err());
    }
}
