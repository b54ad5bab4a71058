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

use super::if_there;
use crate::input::{Input, Parse, Parsed, list};
use crate::quantity::{Bytes, Guid, ObjectId, Sectors, Timestamp, Txg, Unassigned, Zero};
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
        2..64 reserved: Unassigned,
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
    says Bookmark::summary;
}

impl Bookmark {
    /// True if the figures of what was freed before the next snapshot count.
    #[must_use]
    pub fn has_fbn(&self) -> bool {
        self.flags.is_some_and(BookmarkFlags::has_fbn)
    }
    /// The redaction list, if it is a redaction bookmark.
    #[must_use]
    pub fn redaction(&self) -> Option<ObjectId> {
        self.redaction_obj.filter(|object| object.0 != 0)
    }
    fn summary(&self) -> String {
        let kind = if self.redaction().is_some() { "redaction bookmark" } else { "bookmark" };
        format!("{kind} of the snapshot of txg {}", self.creation_txg)
    }
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
    says RedactionListHeader::summary;
}

impl RedactionListHeader {
    /// True if the list is complete; otherwise the redaction was interrupted behind `last_blkid`.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.last_object.0 == u64::MAX && self.last_blkid == u64::MAX
    }
    fn summary(&self) -> String {
        let state = if self.is_complete() { "complete" } else { "incomplete" };
        format!("{state}, {} entries", self.num_entries)
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may fail loudly
mod tests {
    use super::*;
    use crate::dsl::testing::{encode, read};
    use crate::input::Order;

    /// Chapter 11, 11.6: a real bookmark, and the short form.
    #[test]
    fn both_forms() {
        let words = [
            6_681_103_945_655_799_882,
            31,
            1_795_351_960,
            0,
            3,
            243_200,
            188_928,
            2_551_808,
            49_664,
            34_304,
            75_776,
            0,
        ];
        let mark: Bookmark = read(&words);
        assert!(mark.has_fbn() && mark.redaction().is_none());
        assert_eq!(mark.referenced_bytes_refd, Some(Bytes(243_200)));
        assert_eq!(mark.uncompressed_freed_before_next_snap, Some(Bytes(75_776)));
        assert_eq!(mark.summary(), "bookmark of the snapshot of txg 31");
        let short: Bookmark = read(&words[..3]);
        assert_eq!((short.creation_txg, short.flags, short.has_fbn()), (Txg(31), None, false));
    }

    /// Chapter 11, 11.6: a real redaction list.
    #[test]
    fn redaction() {
        let header: RedactionListHeader = read(&[u64::MAX, u64::MAX, 1, 1, 5_138_724_309_509_121_382]);
        assert!(header.is_complete());
        assert_eq!(header.snaps, [Guid(5_138_724_309_509_121_382)]);
        let entry: RedactionEntry = read(&[2, 5, 0x0010_0000_0000_0006, 0]);
        assert_eq!((entry.size_count.size().bytes(), entry.size_count.count()), (8192, 7));
        assert_eq!(entry.judge(), None);
        let entry: RedactionEntry = read(&[2, 5, 0x0100_0000_0000_0007, 0]);
        assert_eq!((entry.size_count.size().bytes(), entry.size_count.count()), (131_072, 8));
    }
    #[test]
    fn a_count_that_lies() {
        let bytes = encode(&[0, 0, 1, u64::MAX, 7], Order::Little);
        assert!(RedactionListHeader::parse(Input::new(&bytes, Order::Little)).is_err());
    }
}
