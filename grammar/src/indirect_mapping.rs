//! Indirect mappings: where the data of a removed vdev went.
//!
//! A vdev that was removed lives on as type `indirect`: pointers to it stay as they are, and its
//! mapping object says for each range of its old space where that lies now. Ranges do not follow the
//! borders of blocks: one block may be in [`pieces`] on several vdevs, each of which may have been
//! removed in its turn.
//!
//! | object | structure |
//! |---|---|
//! | the mapping, sorted by source | `indirect-mapping`, bonus `indirect-mapping-header` |
//! | when each part was copied | `indirect-births`, bonus a count |
//! | bytes of each entry that nobody needs any more | `obsolete-counts` |
//!
//! Handbook: [`docs/format/13-space.md`], 13.3 and 13.4.
//!
//! ```
//! use zfsp_grammar::{indirect_mapping::MappingEntry, input::{Input, Order, Parse}};
//!
//! let bytes: Vec<u8> = [0x2000, 0x1_0000_0010, 0x5000].iter().flat_map(|w: &u64| w.to_le_bytes()).collect();
//! let (_, read) = MappingEntry::parse(Input::new(&bytes, Order::Little))?;
//! assert_eq!(read.dst.to_string(), "<1:a00000:2000>");
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//!
//! [`docs/format/13-space.md`]: crate::handbook::space

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use nom::Parser;
use nom::combinator::cond;

use crate::blkptr::Dva;
use crate::catalogue::{Structure, structure};
use crate::input::{Input, Parse, Parsed, until};
use crate::quantity::{Bytes, Numbers, ObjectId, Offset, Sectors, Txg};
use crate::tree::Problem;

pub(crate) const STRUCTURES: &[Structure] = &[
    structure!(
        "indirect-mapping-header",
        "bonus of an indirect mapping, 24 or 32 bytes",
        "13-space.md 13.4",
        MappingHeader
    ),
    structure!(
        "indirect-mapping",
        "entries of an indirect mapping, up to the zeros at the end",
        "13-space.md 13.4",
        Mapping
    ),
    structure!(
        "indirect-births",
        "entries of an indirect births object, up to the zeros at the end",
        "13-space.md 13.4",
        Births
    ),
    structure!(
        'a: "obsolete-counts",
        "obsolete bytes of each entry of an indirect mapping",
        "13-space.md 13.4",
        Numbers<'a, 4>
    ),
];

/// Bytes of a [`MappingEntry`].
pub const MAPPING_ENTRY_SIZE: usize = 24;
/// Bytes of a [`BirthEntry`].
pub const BIRTH_ENTRY_SIZE: usize = 16;

record! {
    /// `vdev_indirect_mapping_phys_t`: the bonus of a mapping object.
    ///
    /// Chapter 13, 13.4.
    pub struct MappingHeader: Copy {
        /// end of the mapped range
        0x00 max_offset:    Offset,
        /// sum of all entries
        0x08 bytes_mapped:  Bytes,
        0x10 num_entries:   u64,
        /// obsolete bytes of each entry; 0: none
        0x18 counts_object: Option<ObjectId> = counts_object,
    }
    says MappingHeader::summary;
}

/// Only headers of 32 bytes have it.
fn counts_object(i: Input<'_>) -> Parsed<'_, Option<ObjectId>> {
    cond(i.bytes().len() >= 8, ObjectId::parse).parse_complete(i)
}

impl MappingHeader {
    fn summary(&self) -> String {
        format!("{} entries, {:#x} bytes", self.num_entries, self.bytes_mapped.0)
    }
}

bits! {
    /// First word of an entry: the place on the removed vdev.
    ///
    /// Chapter 13, 13.4.
    pub struct Source(u64) {
        /// from the start of the vdev's allocatable area
        0..63  offset: Sectors,
        /// used in memory only
        63..64 mark: bool,
    }
}

record! {
    /// `vdev_indirect_mapping_entry_phys_t`: a range of the removed vdev, and where it is now.
    ///
    /// Chapter 13, 13.4.
    pub struct MappingEntry: Copy {
        0x0 src: Source,
        /// as long as the range
        0x8 dst: Dva,
    }
    says MappingEntry::summary;
    judge MappingEntry::judge;
}

impl MappingEntry {
    /// First byte of the range.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.src.offset().bytes()
    }
    /// Bytes of the range.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.dst.asize()
    }
    /// Byte behind the range.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset().saturating_add(self.size())
    }
    fn summary(&self) -> String {
        format!("{:#x}..{:#x} is now {}", self.offset(), self.end(), self.dst)
    }
    fn judge(&self) -> Option<Problem> {
        if self.size() == 0 {
            Some(Problem::corrupt("an empty range"))
        } else if self.dst.is_gang() {
            Some(Problem::corrupt("a range is no gang block"))
        } else {
            None
        }
    }
}

record! {
    /// The data of a mapping object, or of one of its blocks.
    ///
    /// Chapter 13, 13.4.
    pub struct Mapping {
        /// sorted by source, without overlap; between them was free space
        0x0 entries: Vec<MappingEntry> = until(zeros::<MAPPING_ENTRY_SIZE>, MappingEntry::parse),
    }
    says Mapping::summary;
    judge Mapping::judge;
}

/// True where the next `N` bytes are no entry: zeros to the end of the block, or too few.
fn zeros<const N: usize>(i: Input<'_>) -> bool {
    i.bytes().first_chunk::<N>().is_none_or(|entry| *entry == [0; N])
}

impl Mapping {
    fn summary(&self) -> String {
        let bytes = self.entries.iter().map(MappingEntry::size).fold(0, u64::saturating_add);
        format!("{} entries, {bytes:#x} bytes", self.entries.len())
    }
    fn judge(&self) -> Option<Problem> {
        let sorted = self.entries.is_sorted_by(|a, b| a.end() <= b.offset());
        (!sorted).then(|| Problem::corrupt("entries overlap or are not sorted"))
    }
}

/// The entry whose range holds byte `offset` of the removed vdev; `None` where that was free.
///
/// `entries` must be sorted by source; if not, an entry may be missed, nothing worse.
#[must_use]
pub fn find(entries: &[MappingEntry], offset: u64) -> Option<&MappingEntry> {
    let behind = entries.partition_point(|e| e.offset() <= offset);
    entries.get(behind.checked_sub(1)?).filter(|e| offset < e.end())
}

/// A part of a block of a removed vdev, where it lies now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Byte of the removed vdev.
    pub source: u64,
    /// Top-level vdev that has it now; may be a removed one itself.
    pub vdev: u32,
    /// Byte offset from the start of that vdev's allocatable area.
    pub offset: u64,
    /// Bytes, at least one.
    pub size: u64,
}

/// Where the `size` bytes from `offset` of the removed vdev lie now, in order. An `Err` with the first
/// byte that no entry maps ends it.
pub fn pieces(
    entries: &[MappingEntry],
    offset: u64,
    size: u64,
) -> impl Iterator<Item = Result<Piece, u64>> + '_ {
    let (mut at, mut left) = (offset, size);
    core::iter::from_fn(move || {
        if left == 0 {
            return None;
        }
        let source = at;
        let piece = find(entries, source).and_then(|e| {
            let inner = source.checked_sub(e.offset())?;
            let size = left.min(e.size().checked_sub(inner)?);
            let offset = e.dst.offset().checked_add(inner)?;
            at = source.checked_add(size)?;
            Some(Piece { source, vdev: e.dst.vdev(), offset, size })
        });
        left = piece.map_or(0, |p| left.saturating_sub(p.size));
        Some(piece.ok_or(source))
    })
}

record! {
    /// `vdev_indirect_birth_entry_phys_t`: up to where the vdev was copied in a txg.
    ///
    /// Chapter 13, 13.4.
    pub struct BirthEntry: Copy {
        /// below this, down to the entry before
        0x0 offset:     Offset,
        /// in which that was copied
        0x8 phys_birth: Txg,
    }
    says BirthEntry::summary;
}

impl BirthEntry {
    fn summary(&self) -> String {
        format!("below {:#x}: txg {}", self.offset.0, self.phys_birth)
    }
}

record! {
    /// The data of a births object. Its bonus is one word, the number of entries.
    ///
    /// Chapter 13, 13.4.
    pub struct Births {
        0x0 entries: Vec<BirthEntry> = until(zeros::<BIRTH_ENTRY_SIZE>, BirthEntry::parse),
    }
    says Births::summary;
    judge Births::judge;
}

impl Births {
    fn summary(&self) -> String {
        format!("{} entries", self.entries.len())
    }
    fn judge(&self) -> Option<Problem> {
        let sorted = self.entries.is_sorted_by(|a, b| a.offset < b.offset);
        (!sorted).then(|| Problem::corrupt("entries are not sorted"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may fail loudly
mod tests {
    use super::*;
    use crate::blkptr::{Extent, Place};
    use crate::input::Order;

    /// The worked example of the chapter, and a range behind it.
    fn entries() -> Vec<MappingEntry> {
        let entry = |src, extent, place| MappingEntry {
            src: Source(src),
            dst: Dva { extent: Extent(extent), place: Place(place) },
        };
        [entry(0x2000, 1 << 32 | 16, 0x5000), entry(0x2010, 2 << 32 | 8, 0x100)].into()
    }

    #[test]
    fn worked_example() {
        let all: Vec<_> = pieces(&entries(), 0x40_1000, 4096).collect();
        assert_eq!(all, [Ok(Piece { source: 0x40_1000, vdev: 1, offset: 0xa0_1000, size: 4096 })]);
    }

    #[test]
    fn a_block_in_pieces_and_a_hole_behind() {
        let all: Vec<_> = pieces(&entries(), 0x40_1000, 0x3000).collect();
        let second = Piece { source: 0x40_2000, vdev: 2, offset: 0x2_0000, size: 0x1000 };
        assert_eq!(all.get(1..), Some([Ok(second), Err(0x40_3000)].as_slice()));
        assert_eq!(find(&entries(), 0x3f_ffff), None);
    }

    #[test]
    fn both_orders_and_the_zeros_behind() {
        let words = [0x2000u64, 1 << 32 | 16, 0x5000, 0, 0, 0];
        let little: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        let big: Vec<u8> = words.iter().flat_map(|w| w.to_be_bytes()).collect();
        let (rest, of_little) = Mapping::parse(Input::new(&little, Order::Little)).unwrap();
        let (_, of_big) = Mapping::parse(Input::new(&big, Order::Big)).unwrap();
        assert_eq!((rest.at(), of_little.entries.len()), (24, 1));
        assert_eq!(of_little, of_big);
    }
}
