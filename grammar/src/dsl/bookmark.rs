//! Bookmarks: names of blocks, and names of snapshots that need not exist any more.
//!
//! A [`Zbookmark`] names a block by its place in the pool's tree. A dataset [`Bookmark`] keeps of a
//! snapshot what an incremental send needs; a redaction bookmark adds a list of blocks to leave out.
//! Handbook: [`docs/format/06-dnode-objset.md`], 6.4, and [`docs/format/11-dsl.md`], 11.6.
//!
//! ```
//! use zfsp_grammar::dsl::bookmark::SizeCount;
//!
//! assert_eq!(SizeCount(0x0100_0000_0000_0007).count(), 8); // blocks of 128 KiB
//! ```
//!
//! [`docs/format/06-dnode-objset.md`]: crate::handbook::dnode_objset
//! [`docs/format/11-dsl.md`]: crate::handbook::dsl

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use nom::Parser;

use crate::input::{Input, Parse, Parsed, list};
use crate::quantity::{Bytes, Guid, ObjectId, Reserved, Sectors, Timestamp, Txg, Zero};
use crate::tree::Problem;

record! {
    /// `zbookmark_phys_t`: object set, object, level and block.
    pub struct Zbookmark: Copy {
        /// MOS object of the dataset; 0: the MOS
        0x00 objset: ObjectId,
        0x08 object: ObjectId,
        /// -1: the object set's own block; -2: a block of the intent log
        0x10 level:  i64,
        /// -1: bonus; -2: spill
        0x18 blkid:  u64,
    }
    says Zbookmark::summary;
}

impl Zbookmark {
    fn summary(&self) -> String {
        format!("<{}, {}, {}, {}>", self.objset, self.object, self.level, self.blkid)
    }
}

bits! {
    /// What else a bookmark says.
    pub struct BookmarkFlags(u64) {
        /// the space figures count
        0..1  has_fbn: bool,
        1..2  snapshot_exists: bool,
        2..64 reserved: Reserved,
    }
}

record! {
    /// `zfs_bookmark_phys_t`: three words at first, twelve with the feature `bookmark_v2`.
    ///
    /// Chapter 11, 11.6.
    pub struct Bookmark: Copy {
        /// of the snapshot
        0x00 guid:                             Guid,
        0x08 creation_txg:                     Txg,
        0x10 creation_time:                    Timestamp,
        /// redaction list; 0: none
             redaction_obj:                    Option<ObjectId> = if_there,
             flags:                            Option<BookmarkFlags> = if_there,
        /// at the time
             referenced_bytes_refd:            Option<Bytes> = if_there,
             compressed_bytes_refd:            Option<Bytes> = if_there,
             uncompressed_bytes_refd:          Option<Bytes> = if_there,
        /// freed before the next snapshot
             referenced_freed_before_next_snap: Option<Bytes> = if_there,
             compressed_freed_before_next_snap: Option<Bytes> = if_there,
             uncompressed_freed_before_next_snap: Option<Bytes> = if_there,
        /// of an encrypted snapshot
             ivset_guid:                       Option<Guid> = if_there,
    }
}

/// A word that shorter bookmarks do not have.
fn if_there<'a, T: Parse<'a>>(i: Input<'a>) -> Parsed<'a, Option<T>> {
    if i.bytes().len() < 8 { Ok((i, None)) } else { T::parse.map(Some).parse_complete(i) }
}

record! {
    /// `redaction_list_phys_t`.
    ///
    /// Chapter 11, 11.6.
    pub struct RedactionListHeader {
        /// all ones in both: complete
        0x00 last_object: ObjectId,
        0x08 last_blkid:  u64,
        0x10 num_entries: u64,
        0x18 num_snaps:   u64,
        /// of the redaction snapshots
        0x20 snaps:       Vec<Guid> = guids(num_snaps),
    }
}

fn guids<'a>(n: u64) -> impl FnMut(Input<'a>) -> Parsed<'a, Vec<Guid>> {
    list(usize::try_from(n).unwrap_or(usize::MAX), Guid::parse)
}

bits! {
    /// How large the blocks are, and how many.
    pub struct SizeCount(u64) {
        /// blocks less one
        0..48  count: u64 = |raw: u64| raw.saturating_add(1),
        48..64 size: Sectors,
    }
}

record! {
    /// `redact_block_phys_t`: blocks in a row that are left out.
    ///
    /// Chapter 11, 11.6.
    pub struct RedactionEntry: Copy {
        0x00 object:     ObjectId,
        /// first block
        0x08 blkid:      u64,
        0x10 size_count: SizeCount,
        0x18 padding:    Zero,
    }
    says RedactionEntry::summary;
    judge RedactionEntry::judge;
}

impl RedactionEntry {
    fn summary(&self) -> String {
        let (size, count) = (self.size_count.size(), self.size_count.count());
        format!("object {}, {count} blocks of {size} bytes from block {}", self.object, self.blkid)
    }
    fn judge(&self) -> Option<Problem> {
        (self.size_count.size() == Sectors(0)).then(|| Problem::corrupt("blocks of no size"))
    }
}
