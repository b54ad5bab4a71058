//! Scrubs and resilvers: how far they have come.
//!
//! Handbook: [`docs/format/11-dsl.md`], 11.18.
//!
//! ```
//! use zfsp_grammar::dsl::scan::ScanFlags;
//!
//! assert!(ScanFlags(2).scrub_paused());
//! ```
//!
//! [`docs/format/11-dsl.md`]: crate::handbook::dsl

use alloc::format;
use alloc::string::String;

use super::bookmark::Zbookmark;
use crate::input::{Input, Parse, Parsed};
use crate::quantity::{Bytes, ObjectId, Timestamp, Txg, Unassigned};

symbols! {
    /// `pool_scan_func_t`.
    pub struct ScanFunc(u64) {
        NONE = 0 "none",
        SCRUB = 1 "scrub",
        RESILVER = 2 "resilver",
        ERRORSCRUB = 3 "error scrub",
    }
}

symbols! {
    /// `dsl_scan_state_t`.
    pub struct ScanState(u64) {
        NONE = 0 "none",
        SCANNING = 1 "scanning",
        FINISHED = 2 "finished",
        CANCELED = 3 "canceled",
        ERRORSCRUBBING = 4 "error scrubbing",
    }
}

bits! {
    /// `scn_flags`.
    pub struct ScanFlags(u64) {
        0..1  visit_ds_again: bool,
        1..2  scrub_paused: bool,
        2..3  thorough: bool,
        3..64 reserved: Unassigned,
    }
}

record! {
    /// Place in the dedup tables: `ddt_bookmark_t`.
    pub struct DdtBookmark: Copy {
        0x00 class:    u64,
        0x08 r#type:   u64,
        0x10 checksum: u64,
        0x18 cursor:   u64,
    }
}

record! {
    /// `dsl_scan_phys_t`: 24 words; 25 where a release of ZFS on Linux went wrong (erratum 2094).
    ///
    /// Chapter 11, 11.18.
    pub struct Scan: Copy {
        0x00 func:           ScanFunc,
        0x08 state:          ScanState,
        /// ZAP: datasets to be visited
        0x10 queue_obj:      ObjectId,
        /// only blocks born since then
        0x18 min_txg:        Txg,
        /// and until then
        0x20 max_txg:        Txg,
        0x28 cur_min_txg:    Txg,
        0x30 cur_max_txg:    Txg,
        0x38 start_time:     Timestamp,
        0x40 end_time:       Timestamp,
        0x48 to_examine:     Bytes,
        0x50 examined:       Bytes,
        0x58 skipped:        Bytes,
        0x60 processed:      Bytes,
        0x68 errors:         u64,
        0x70 ddt_class_max:  u64,
        0x78 ddt_bookmark:   DdtBookmark,
        /// how far it has come
        0x98 bookmark:       Zbookmark,
        /// of the long form: meaningless
             erratum:        Option<u64> = long_form,
             flags:          ScanFlags,
    }
    says Scan::summary;
}

fn long_form(i: Input<'_>) -> Parsed<'_, Option<u64>> {
    if i.bytes().len() >= 16 { u64::parse(i).map(|(i, word)| (i, Some(word))) } else { Ok((i, None)) }
}

impl Scan {
    fn summary(&self) -> String {
        format!("{} {}", self.func, self.state)
    }
}

record! {
    /// `dsl_errorscrub_phys_t`: a scrub of what is known to be damaged.
    ///
    /// Chapter 11, 11.18.
    pub struct ErrorScrub: Copy {
        0x00 func:       ScanFunc,
        0x08 state:      ScanState,
        /// serialized place in the error log's ZAP
        0x10 cursor:     u64,
        0x18 start_time: Timestamp,
        0x20 end_time:   Timestamp,
        0x28 to_examine: u64,
        0x30 examined:   u64,
        0x38 errors:     u64,
        /// when it was paused; 0: it was not
        0x40 paused:     u64,
    }
    says ErrorScrub::summary;
}

impl ErrorScrub {
    fn summary(&self) -> String {
        format!("{} {}", self.func, self.state)
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)] // a test may fail loudly
mod tests {
    use super::*;
    use crate::dsl::testing::read;

    /// Chapter 11, 11.18: a real finished scrub, and the long form of erratum 2094.
    #[test]
    fn both_lengths() {
        let mut words = [
            1,
            2,
            0,
            0,
            68,
            66,
            68,
            1_795_353_941,
            1_795_353_942,
            8_267_264,
            8_118_272,
            105_984,
            0,
            0,
            1,
            3,
            0,
            0,
            0,
            u64::MAX,
            0,
            0,
            0,
            0,
            2,
        ];
        let scan: Scan = read(&words[..24]);
        assert_eq!(scan.summary(), "scrub finished");
        assert_eq!((scan.max_txg, scan.bookmark.objset.0, scan.flags.0), (Txg(68), u64::MAX, 0));
        words[23] = 77;
        let long: Scan = read(&words);
        assert_eq!((long.erratum, long.flags.scrub_paused()), (Some(77), true));
    }
    #[test]
    fn error_scrub() {
        let scrub: ErrorScrub = read(&[3, 2, 0, 1, 2, 4, 4, 0, 0]);
        assert_eq!(scrub.summary(), "error scrub finished");
    }
}
