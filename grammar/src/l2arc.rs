//! Cache devices: copies of pool blocks that survive an export.
//!
//! 4 MiB into the device a header names the two newest *log blocks*. Each log block says of up to 1022
//! cached blocks where their copies lie, and names the log block before the previous one: two chains,
//! interleaved. The device is filled from start to end, and over again. Nothing in it is ever needed to
//! read the pool, but it may help where the pool is damaged. Handbook: [`docs/format/01-labels.md`], 1.11.
//!
//! ```
//! use zfsp_grammar::l2arc::CacheProp;
//!
//! let prop = CacheProp(15 << 32 | 0x000a_00ff); // a cached block of 128 KiB, compressed to 5632 bytes
//! assert_eq!(prop.compression().to_string(), "lz4");
//! ```
//!
//! [`docs/format/01-labels.md`]: crate::handbook::labels

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::algorithms::{Checksum, Compression};
use crate::blkptr::Dva;
use crate::catalogue::{Structure, structure};
use crate::eck::{ECK_MAGIC, ECK_SIZE, ZioEck};
use crate::input::{Input, Parse, Parsed, Why, byte_order_mark, bytes, fail, filling};
use crate::quantity::{Bytes, Cksum, Guid, Magic, Offset, Pad, Reserved, Sectors, Timestamp, Txg, Zero};
use crate::tree::Problem;

/// `dh_magic`: "ZFSCACHE".
pub const DEVICE_MAGIC: u64 = 0x5a46_5343_4143_4845;
/// `lb_magic`: "LOGBLKHD".
pub const LOG_BLOCK_MAGIC: u64 = 0x4c4f_4742_4c4b_4844;
/// Where the header lies on the device.
pub const HEADER_AT: u64 = 4 << 20;
/// Bytes of a log block, decompressed.
pub const LOG_BLOCK_SIZE: usize = 65_536;
/// Entries of a log block; the header may limit them further.
pub const MOST_ENTRIES: usize = 1022;

pub(crate) const STRUCTURES: &[Structure] = &[
    structure!('a: "l2arc-header", "header of a cache device", "01-labels.md 1.11", DeviceHeader<'a>),
    structure!("l2arc-log-block", "log block of a cache device, decompressed", "01-labels.md 1.11", LogBlock),
];

bits! {
    /// `dh_flags`.
    ///
    /// Chapter 01, 1.11.
    pub struct DeviceFlags(u64) {
        /// the end of the device was not reached yet
        0..1  first_sweep: bool,
        1..64 reserved: Reserved,
    }
}

symbols! {
    /// State of the last trimming of the whole device.
    pub struct TrimState(u64) {
        NONE = 0 "none",
        ACTIVE = 1 "active",
        CANCELLED = 2 "cancelled",
        SUSPENDED = 3 "suspended",
        COMPLETE = 4 "complete",
    }
}

symbols! {
    /// What a cached block is.
    pub struct Content(u8) {
        /// of log blocks
        NONE = 0 "none",
        DATA = 1 "data",
        METADATA = 2 "metadata",
    }
}

symbols! {
    /// List of the cache in which the block was when it was copied.
    pub struct ArcState(u8) {
        /// of log blocks
        NONE = 0 "none",
        MRU = 1 "recently used",
        MFU = 3 "frequently used",
    }
}

bits! {
    /// `lbp_prop` and `le_prop`: how a log block, or a cached block, is stored.
    ///
    /// Chapter 01, 1.11.
    pub struct CacheProp(u64) {
        /// logical size
        0..16  lsize: Sectors = one_more,
        /// stored size; of log blocks rounded up to sectors of the device
        16..32 psize: Sectors = one_more,
        32..39 compression: Compression,
        39..40 prefetch: bool,
        /// of log blocks
        40..48 checksum: Checksum,
        48..56 content: Content,
        /// encrypted or authenticated
        56..57 protected: bool,
        57..61 state: ArcState,
        61..64 reserved: Reserved,
    }
}

/// Sizes are stored less one: no block is empty.
fn one_more(raw: u64) -> Sectors {
    Sectors(raw.wrapping_add(1))
}

record! {
    /// `l2arc_log_blkptr_t`: where a log block lies.
    ///
    /// Chapter 01, 1.11.
    pub struct LogBlkptr: Copy Default {
        /// on the device; 0: none
        0x00 daddr:         Offset,
        /// bytes of the cached blocks that it describes
        0x08 payload_asize: Bytes,
        /// first of the cached blocks that it describes
        0x10 payload_start: Offset,
        0x18 prop:          CacheProp,
        /// of the block as it is stored, in the reader's own byte order
        0x20 cksum:         Cksum,
    }
    says LogBlkptr::summary;
}

impl LogBlkptr {
    /// True if it names no block.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.daddr.0 == 0 && self.prop.0 == 0
    }
    fn summary(&self) -> String {
        if self.is_empty() {
            return "none".into();
        }
        let (lsize, psize) = (self.prop.lsize().bytes(), self.prop.psize().bytes());
        format!("at {:#x} size={lsize:x}L/{psize:x}P {}", self.daddr.0, self.prop.compression())
    }
}

record! {
    /// `l2arc_dev_hdr_phys_t`: the header, as long as the smallest write to the device, 512 bytes or
    /// more.
    ///
    /// Chapter 01, 1.11.
    pub struct DeviceHeader<'a> {
        /// tells the byte order of the rest
        0x00 magic:            Magic = byte_order_mark(DEVICE_MAGIC),
        0x08 version:          u64,
        /// guid of the pool
        0x10 spa_guid:         Guid,
        /// guid of the device
        0x18 vdev_guid:        Guid,
        /// entries that a log block has; 0: the device is too small for log blocks
        0x20 log_entries:      u64,
        /// up to which old copies were given up
        0x28 evict:            Offset,
        0x30 flags:            DeviceFlags,
        /// first byte for copies
        0x38 start:            Offset,
        /// byte behind the last for copies
        0x40 end:              Offset,
        /// newest log block, and the one before
        0x48 start_lbps:       [LogBlkptr; 2],
        /// bytes of all log blocks
        0xc8 lb_asize:         Bytes,
        /// log blocks
        0xd0 lb_count:         u64,
        0xd8 trim_action_time: Timestamp,
        0xe0 trim_state:       TrimState,
        /// zeros up to the proof
        0xe8 pad:              &'a [u8] = before_proof,
             tail:             ZioEck,
    }
    says DeviceHeader::summary;
    judge DeviceHeader::judge;
}

/// Bytes of a header before its padding.
const HEADER_USED: usize = 0xe8;
/// The sizes that a header can have: the smallest write to the device.
pub const HEADER_SIZES: [usize; 8] = [512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536];

/// The padding: up to the proof at the end of the smallest size that has one, or of all the bytes.
fn before_proof(i: Input<'_>) -> Parsed<'_, &'_ [u8]> {
    let place = |size: usize| size.checked_sub(HEADER_USED)?.checked_sub(ECK_SIZE);
    let proven = |len: &usize| {
        let magic = i.bytes().get(*len..).and_then(<[u8]>::first_chunk::<8>);
        magic.is_some_and(|m| u64::from_le_bytes(*m) == ECK_MAGIC || u64::from_be_bytes(*m) == ECK_MAGIC)
    };
    let found = HEADER_SIZES.into_iter().filter_map(place).find(proven);
    bytes(found.unwrap_or_else(|| i.bytes().len().saturating_sub(ECK_SIZE)))(i)
}

impl DeviceHeader<'_> {
    fn summary(&self) -> String {
        format!("{} log blocks of {} entries", self.lb_count, self.log_entries)
    }
    fn judge(&self) -> Option<Problem> {
        if self.version != 1 {
            Some(Problem::unsupported("no known version of a cache device"))
        } else if self.log_entries > 1022 {
            Some(Problem::corrupt("more than 1022 entries in a log block"))
        } else if self.start > self.end {
            Some(Problem::corrupt("the device ends before it starts"))
        } else if self.pad.iter().any(|b| *b != 0) {
            Some(Problem::corrupt("padding is not zero"))
        } else {
            None
        }
    }
}

record! {
    /// `l2arc_log_ent_phys_t`: a cached block. It is known by its first DVA and its birth.
    ///
    /// Chapter 01, 1.11.
    pub struct LogEntry: Copy {
        /// first DVA of the block
        0x00 dva:       Dva,
        /// physical birth of the block
        0x10 birth:     Txg,
        0x18 prop:      CacheProp,
        /// of the copy on the device
        0x20 daddr:     Offset,
        /// level of its compression
        0x28 complevel: u64,
        0x30 pad:       [Zero; 2],
    }
    says LogEntry::summary;
}

impl LogEntry {
    /// True if it was never written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.daddr.0 == 0 && self.birth.0 == 0
    }
    fn summary(&self) -> String {
        if self.is_empty() {
            return "unused".into();
        }
        format!("{} birth {}, {} at {:#x}", self.dva, self.birth, self.prop.content(), self.daddr.0)
    }
}

record! {
    /// `l2arc_log_blk_phys_t`: cached blocks.
    ///
    /// Chapter 01, 1.11.
    pub struct LogBlock {
        /// tells the byte order of the rest
        0x00 magic:    Magic = byte_order_mark(LOG_BLOCK_MAGIC),
        /// log block before the previous one
        0x08 prev_lbp: LogBlkptr,
        0x48 pad:      Pad<56>,
        /// the device's header tells how many are used
        0x80 entries:  Vec<LogEntry> = entries,
    }
    says LogBlock::summary;
}

fn entries(i: Input<'_>) -> Parsed<'_, Vec<LogEntry>> {
    let most = MOST_ENTRIES.saturating_mul(ENTRY_SIZE);
    let len = i.bytes().len().min(most);
    if len < ENTRY_SIZE {
        return fail(i, Why::Truncated { wanted: most, had: len });
    }
    crate::input::framed(len, filling(ENTRY_SIZE, LogEntry::parse))(i)
}

/// Bytes of a [`LogEntry`].
const ENTRY_SIZE: usize = 64;

impl LogBlock {
    /// The entries that were written.
    pub fn used(&self) -> impl Iterator<Item = &LogEntry> {
        self.entries.iter().filter(|e| !e.is_empty())
    }
    fn summary(&self) -> String {
        format!("{} cached blocks", self.used().count())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may fail loudly
mod tests {
    use super::*;
    use crate::input::Order;

    #[test]
    fn the_magic_reads_as_text() {
        assert_eq!(&DEVICE_MAGIC.to_be_bytes(), b"ZFSCACHE");
        assert_eq!(&LOG_BLOCK_MAGIC.to_be_bytes(), b"LOGBLKHD");
    }

    #[test]
    fn a_header_ends_where_its_proof_does() {
        let mut header = [0; 4096];
        header[..8].copy_from_slice(&DEVICE_MAGIC.to_be_bytes());
        header[8..16].copy_from_slice(&1u64.to_be_bytes());
        header[472..480].copy_from_slice(&ECK_MAGIC.to_be_bytes());
        let (rest, read) = DeviceHeader::parse(Input::new(&header, Order::Little)).unwrap();
        assert_eq!((rest.at(), rest.order(), read.judge()), (512, Order::Big, None));
    }
}
