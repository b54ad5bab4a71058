//! Uberblocks: the root of one state of the pool.
//!
//! Each label has a ring of them; the slot size follows the vdev's ashift, the slot in use the txg.
//!
//! ```
//! use zfsp_grammar::uberblock::slot_size;
//!
//! assert_eq!(slot_size(9), 1024);
//! assert_eq!(slot_size(12), 4096);
//! ```
//! Only the first 216 bytes of a slot mean something, up to the [`ZioEck`] at its end. Handbook:
//! [`docs/format/01-labels.md`], 1.3 and 1.5.
//!
//! [`docs/format/01-labels.md`]: crate::handbook::labels

use alloc::format;
use alloc::string::String;

use nom::Parser;
use nom::combinator::cond;

use crate::blkptr::Pointer;
use crate::catalogue::{Structure, structure};
use crate::eck::{ECK_SIZE, ZioEck};
use crate::input::{Input, Parse, Parsed, byte_order_mark, bytes};
use crate::quantity::{Guid, Magic, Nanoseconds, Reserved, Sectors, Timestamp, Txg, utc};
use crate::tree::Problem;

/// `ub_magic`: "oo-ba-bloc".
pub const UBERBLOCK_MAGIC: u64 = 0x00ba_b10c;
/// `ub_mmp_magic`: "all-ceall": the fields of multihost protection are valid.
pub const MMP_MAGIC: u64 = 0xa11c_ea11;
/// Bytes of an [`Uberblock`] without the rest of its slot.
pub const UBERBLOCK_SIZE: usize = 216;

pub(crate) const STRUCTURES: &[Structure] = &[structure!(
    'a: "uberblock",
    "root of one state of the pool, with the rest of its slot",
    "01-labels.md 1.3",
    Slot<'a>
)];

record! {
    /// `uberblock_t`.
    ///
    /// Chapter 01, 1.3.
    pub struct Uberblock: Copy {
        /// 0x00bab10c; tells the byte order of the rest
        0x00 magic:            Magic = byte_order_mark(UBERBLOCK_MAGIC),
        /// of the pool: 1 to 28, or 5000 for feature flags
        0x08 version:          u64,
        /// of this state; 0: a template
        0x10 txg:              Txg,
        /// sum of the guids of all vdevs
        0x18 guid_sum:         Guid,
        0x20 timestamp:        Timestamp,
        /// the meta object set
        0x28 rootbp:           Pointer,
        /// highest version that the writer knows
        0xa8 software_version: u64,
        /// 0xa11cea11 if the next three fields are valid
        0xb0 mmp_magic:        Magic,
        /// between recent heartbeats of the pool's host; 0: multihost is off
        0xb8 mmp_delay:        Nanoseconds,
        0xc0 mmp_config:       MmpConfig,
        /// if not 0, this is a checkpoint, of this txg
        0xc8 checkpoint_txg:   Txg,
        0xd0 raidz_reflow_info: RaidzReflow,
    }
    says Uberblock::summary;
    judge Uberblock::judge;
}

bits! {
    /// `ub_mmp_config`: heartbeats of the host that has the pool open.
    ///
    /// Chapter 01, 1.3.
    pub struct MmpConfig(u64) {
        0..1   interval_valid: bool,
        1..2   sequence_valid: bool,
        2..3   fail_intervals_valid: bool,
        3..8   reserved: Reserved,
        /// between writes, in milliseconds
        8..32  interval: u32,
        /// counts the heartbeats within a second
        32..48 sequence: u16,
        /// missed intervals after which the writer stops
        48..64 fail_intervals: u16,
    }
}

symbols! {
    /// Where the first bytes of a RAID-Z vdev stand while it is being expanded.
    ///
    /// Chapter 01, 1.5.
    pub struct ReflowState(u16) {
        NONE = 0 "not in use",
        /// the bytes below `offset` are in the boot region
        SCRATCH_VALID = 1 "scratch valid",
        SCRATCH_INVALID_SYNCED = 2 "scratch invalid, synced",
        SCRATCH_INVALID_SYNCED_ON_IMPORT = 3 "scratch invalid, synced on import",
        SCRATCH_INVALID_SYNCED_REFLOW = 4 "scratch invalid, synced, reflow",
    }
}

bits! {
    /// `ub_raidz_reflow_info`: how far the expansion of a RAID-Z vdev has come.
    ///
    /// Chapter 01, 1.5.
    pub struct RaidzReflow(u64) {
        /// moved to the new width up to here
        0..55  offset: Sectors,
        55..64 state: ReflowState,
    }
}

impl Uberblock {
    /// The heartbeat's number, if there is one: with txg and timestamp it decides which of two
    /// uberblocks is the newer.
    #[must_use]
    pub fn mmp_sequence(&self) -> u16 {
        let valid = self.mmp_magic.0 == MMP_MAGIC && self.mmp_config.sequence_valid();
        if valid { self.mmp_config.sequence() } else { 0 }
    }
    /// Of two uberblocks of a pool, the one with the greater age counts.
    #[must_use]
    pub fn age(&self) -> (u64, u64, u16) {
        (self.txg.0, self.timestamp.0, self.mmp_sequence())
    }
    fn summary(&self) -> String {
        format!("txg {}, {}", self.txg, utc(self.timestamp.0.cast_signed()))
    }
    fn judge(&self) -> Option<Problem> {
        match self.version {
            1..=28 | 5000 => None,
            _ => Some(Problem::unsupported("no known pool version")),
        }
    }
}

record! {
    /// A slot of the ring: an uberblock, zeros, and its proof at the very end.
    ///
    /// Chapter 01, 1.3.
    pub struct Slot<'a> {
        0x0  uberblock: Uberblock,
        /// for later versions
             unused:    &'a [u8] = unused,
             eck:       Option<ZioEck> = proof,
    }
    says Slot::summary;
    judge Slot::judge;
}

fn proof(i: Input<'_>) -> Parsed<'_, Option<ZioEck>> {
    cond(!i.bytes().is_empty(), ZioEck::parse).parse_complete(i)
}

impl Slot<'_> {
    fn judge(&self) -> Option<Problem> {
        let is_cut = self.eck.is_none() && !self.unused.is_empty();
        is_cut.then(|| Problem::truncated("no whole slot of 1, 2, 4 or 8 KiB: its proof is missing"))
    }
    fn summary(&self) -> String {
        self.uberblock.summary()
    }
}

/// What lies between an uberblock and the proof of its slot; all that is left where the bytes are no
/// whole slot.
fn unused(i: Input<'_>) -> Parsed<'_, &'_ [u8]> {
    let left = i.bytes().len();
    let is_slot = SLOT_SIZES.iter().any(|size| size.checked_sub(UBERBLOCK_SIZE) == Some(left));
    bytes(if is_slot { left.saturating_sub(ECK_SIZE) } else { left })(i)
}

/// The sizes that a slot can have.
pub const SLOT_SIZES: [usize; 4] = [1024, 2048, 4096, 8192];

/// Bytes of a slot for a vdev of this ashift: 1 to 8 KiB.
#[must_use]
pub fn slot_size(ashift: u64) -> usize {
    match ashift {
        0..=10 => 1024,
        11 => 2048,
        12 => 4096,
        _ => 8192,
    }
}
