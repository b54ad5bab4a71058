//! Command history: what was done to the pool, in a log that wraps.
//!
//!
//! ```
//! use zfsp_grammar::{dsl::history::HistoryHeader, input::{Input, Order, Parse}};
//!
//! let bytes: Vec<u8> = [13760, 131_072, 162_492, 278_932, 210].iter().flat_map(|w: &u64| w.to_le_bytes()).collect();
//! let (_, read) = HistoryHeader::parse(Input::new(&bytes, Order::Little))?;
//! assert_eq!(read.physical(162_492), Some(45180)); // the log has wrapped
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//! The records of the pool's creation are kept for ever, the others in a ring behind them. Handbook:
//! [`docs/format/11-dsl.md`], 11.16.
//!
//! [`docs/format/11-dsl.md`]: crate::handbook::dsl

use alloc::vec::Vec;

use crate::input::{Input, Order, framed, in_order, until};
use crate::nvlist::Packed;
use crate::quantity::Offset;
use crate::tree::Problem;

record! {
    /// `spa_history_phys_t`.
    ///
    /// Chapter 11, 11.16.
    pub struct HistoryHeader: Copy {
        /// end of the records that are never overwritten
        0x00 pool_create_len: Offset,
        /// bytes of the log
        0x08 phys_max_off:    Offset,
        /// logical offset of the oldest record of the ring
        0x10 bof:             Offset,
        /// logical end
        0x18 eof:             Offset,
        /// overwritten
        0x20 records_lost:    u64,
    }
    judge HistoryHeader::judge;
}

impl HistoryHeader {
    /// Where the logical offset lies in the object; `None` where the figures contradict each other.
    #[must_use]
    pub fn physical(&self, logical: u64) -> Option<u64> {
        if logical < self.pool_create_len.0 {
            return Some(logical);
        }
        let ring = self.phys_max_off.0.checked_sub(self.pool_create_len.0)?;
        logical.checked_sub(self.pool_create_len.0)?.checked_rem(ring)?.checked_add(self.pool_create_len.0)
    }
    fn judge(&self) -> Option<Problem> {
        let ring = self.phys_max_off.0.checked_sub(self.pool_create_len.0);
        let kept = self.eof.0.checked_sub(self.bof.0);
        match (ring, kept) {
            (Some(ring), Some(kept)) if ring > 0 && kept <= ring => None,
            _ => Some(Problem::corrupt("offsets contradict each other")),
        }
    }
}

record! {
    /// Records one after the other, as they stand in the log before it wraps.
    pub struct History<'a> {
        0x0 records: Vec<Record<'a>> = until(is_end, Record::parse),
    }
}

record! {
    /// A record: its length, always little-endian, and a packed list.
    ///
    /// Chapter 11, 11.16.
    pub struct Record<'a> {
        0x0 length: u64 = in_order(Order::Little, u64::parse),
        0x8 nvlist: Packed<'a> = framed(usize::try_from(length).unwrap_or(usize::MAX), Packed::parse),
    }
}

/// Behind the last record there are zeros.
fn is_end(i: Input<'_>) -> bool {
    i.bytes().get(..8).is_none_or(|length| length.iter().all(|b| *b == 0))
}

symbols! {
    /// `history internal event`: events of old pools, by number.
    ///
    /// Chapter 11, 11.16.
    pub struct Event(u64) {
        INVALID = 0 "invalid",
        POOL_CREATE = 1 "pool create",
        VDEV_ADD = 2 "vdev add",
        POOL_REMOVE = 3 "pool remove",
        POOL_DESTROY = 4 "pool destroy",
        POOL_EXPORT = 5 "pool export",
        POOL_IMPORT = 6 "pool import",
        VDEV_ATTACH = 7 "vdev attach",
        VDEV_REPLACE = 8 "vdev replace",
        VDEV_DETACH = 9 "vdev detach",
        VDEV_ONLINE = 10 "vdev online",
        VDEV_OFFLINE = 11 "vdev offline",
        VDEV_UPGRADE = 12 "vdev upgrade",
        POOL_CLEAR = 13 "pool clear",
        POOL_SCRUB = 14 "pool scrub",
        POOL_PROPSET = 15 "pool property set",
        CREATE = 16 "create",
        CLONE = 17 "clone",
        DESTROY = 18 "destroy",
        DESTROY_BEGIN_SYNC = 19 "destroy_begin_sync",
        INHERIT = 20 "inherit",
        PROPSET = 21 "property set",
        QUOTA_SET = 22 "quota set",
        PERM_UPDATE = 23 "permission update",
        PERM_REMOVE = 24 "permission remove",
        PERM_WHO_REMOVE = 25 "permission who remove",
        PROMOTE = 26 "promote",
        RECEIVE = 27 "receive",
        RENAME = 28 "rename",
        RESERVATION_SET = 29 "reservation set",
        REPLAY_INC_SYNC = 30 "replay_inc_sync",
        REPLAY_FULL_SYNC = 31 "replay_full_sync",
        ROLLBACK = 32 "rollback",
        SNAPSHOT = 33 "snapshot",
        UPGRADE = 34 "filesystem version upgrade",
        REFQUOTA_SET = 35 "refquota set",
        REFRESERV_SET = 36 "refreservation set",
        POOL_SCRUB_DONE = 37 "pool scrub done",
        USER_HOLD = 38 "user hold",
        USER_RELEASE = 39 "user release",
        POOL_SPLIT = 40 "pool split",
    }
}
