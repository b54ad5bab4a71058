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

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use crate::input::{Input, Order, Text, framed, in_order, until};
use crate::nvlist::Packed;
use crate::quantity::{Offset, Timestamp, Txg, utc};
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
    says HistoryHeader::summary;
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
    /// The pieces of the object, from and to, which joined in this order are all records there are,
    /// oldest first; `None` where the figures contradict each other.
    #[must_use]
    pub fn pieces(&self) -> Option<[(u64, u64); 3]> {
        if self.judge().is_some() {
            return None;
        }
        let (ring, end) = (self.pool_create_len.0, self.phys_max_off.0);
        let from = self.physical(self.bof.0)?;
        let to = from.checked_add(self.eof.0.checked_sub(self.bof.0)?)?;
        // what passes the end goes on at the ring's beginning
        let over = to.saturating_sub(end);
        Some([(0, ring), (from, to.min(end)), (ring, ring.checked_add(over)?)])
    }
    fn summary(&self) -> String {
        let kept = self.eof.0.saturating_sub(self.bof.0).saturating_add(self.pool_create_len.0);
        format!("{kept} bytes of records, {} records lost", self.records_lost)
    }
    fn judge(&self) -> Option<Problem> {
        let ring = self.phys_max_off.0.checked_sub(self.pool_create_len.0);
        let kept = self.eof.0.checked_sub(self.bof.0);
        match (ring, kept) {
            (Some(ring), Some(kept)) if ring > 0 && kept <= ring && self.bof.0 >= self.pool_create_len.0 => {
                None
            }
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
    says Record::summary;
}

impl<'a> Record<'a> {
    /// When it was written.
    #[must_use]
    pub fn time(&self) -> Option<Timestamp> {
        self.nvlist.list.number("history time").map(Timestamp)
    }
    /// Txg of an internal event.
    #[must_use]
    pub fn txg(&self) -> Option<Txg> {
        self.nvlist.list.number("history txg").map(Txg)
    }
    /// What happened.
    #[must_use]
    pub fn action(&self) -> Action<'a> {
        let list = &self.nvlist.list;
        if let Some(command) = list.text("history command") {
            Action::Command(command)
        } else if let Some(name) = list.text("internal_name") {
            Action::Internal(name)
        } else if let Some(event) = list.number("history internal event") {
            Action::Event(Event(event))
        } else {
            list.text("ioctl").map_or(Action::Unknown, Action::Ioctl)
        }
    }
    /// Time, txg and action, and what more an internal event says of itself.
    fn summary(&self) -> String {
        let list = &self.nvlist.list;
        let mut line = self.time().map(|time| utc(time.0.cast_signed())).unwrap_or_default();
        // writing to a string cannot fail
        let _ = self.txg().map(|txg| write!(line, " [txg {txg}]"));
        let _ = write!(line, " {}", self.action());
        if let Some(dataset) = list.text("dsname") {
            let _ = write!(line, " {dataset}");
        }
        if let Some(text) = list.text("history internal str") {
            let _ = write!(line, " {text}");
        }
        line
    }
}

/// What a record tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// A command that a user gave.
    Command(Text<'a>),
    /// An event inside the pool, by name.
    Internal(Text<'a>),
    /// The same in old pools, by number.
    Event(Event),
    /// A request to the kernel.
    Ioctl(Text<'a>),
    /// Nothing that the format knows.
    Unknown,
}

impl fmt::Display for Action<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Command(text) | Action::Internal(text) => text.fmt(f),
            Action::Event(event) => event.fmt(f),
            Action::Ioctl(name) => write!(f, "ioctl {name}"),
            Action::Unknown => f.write_str("unknown action"),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsl::testing::read;

    /// Chapter 11, 11.16: a log that has wrapped, and one that has not.
    #[test]
    fn where_records_lie() {
        let wrapped: HistoryHeader = read(&[13_760, 131_072, 162_492, 278_932, 210]);
        assert_eq!(wrapped.physical(162_492), Some(45_180));
        assert_eq!(wrapped.physical(7), Some(7));
        assert_eq!(wrapped.pieces(), Some([(0, 13_760), (45_180, 131_072), (13_760, 44_308)]));
        let young: HistoryHeader = read(&[13_752, 131_072, 13_752, 22_916, 0]);
        assert_eq!(young.pieces(), Some([(0, 13_752), (13_752, 22_916), (13_752, 13_752)]));
        for wrong in [[10, 10, 0, 0, 0], [0, 10, 5, u64::MAX, 0], [20, 100, 10, 30, 0]] {
            assert_eq!(read::<HistoryHeader>(&wrong).pieces(), None);
        }
    }
}
