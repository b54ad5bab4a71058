//! Records of contents: writes, holes, cloned ranges. Handbook: [`docs/format/13-space.md`], 13.8, "write",
//! "truncate" and "clone_range".
//!
//! ```
//! use zfsp_grammar::{zil::write::Truncate, input::{Input, Order, Parse}};
//!
//! let bytes: Vec<u8> = [2, 0x1000, 0].iter().flat_map(|w: &u64| w.to_le_bytes()).collect();
//! let (_, read) = Truncate::parse(Input::new(&bytes, Order::Little))?;
//! assert_eq!(read.foid.object().0, 2);
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//!
//! [`docs/format/13-space.md`]: crate::handbook::space

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::blkptr::Pointer;
use crate::input::{Input, Parsed, bytes, list, rest};
use crate::quantity::{Bytes, Offset};
use crate::zil::record::Foid;

record! {
    /// `TX_WRITE`, `TX_WRITE2` (`lr_write_t`): with its data, or with a pointer to a whole block of the
    /// file, or, in `TX_WRITE2`, with neither: then only the end of the file counts.
    ///
    /// Chapter 13, 13.8.
    pub struct Write<'a> {
        0x00 foid:    Foid,
        /// in the file
        0x08 offset:  Offset,
        0x10 length:  Bytes,
        /// not used
        0x18 blkoff:  u64,
        /// block of the file that holds the data, where the data does not follow
        0x20 blkptr:  Pointer,
        /// none where the pointer leads to it
        0xa0 data:    &'a [u8] = data(length),
             /// up to a multiple of 8 bytes
             padding: &'a [u8] = rest,
    }
    says Write::summary;
}

fn data<'a>(length: Bytes) -> impl Fn(Input<'a>) -> Parsed<'a, &'a [u8]> {
    move |i| {
        let length = usize::try_from(length.0).unwrap_or(usize::MAX);
        bytes(if i.bytes().is_empty() { 0 } else { length })(i)
    }
}

impl Write<'_> {
    /// True if the record carries the data itself.
    #[must_use]
    pub fn is_immediate(&self) -> bool {
        !self.data.is_empty()
    }
    /// Byte behind the last that is written: the file ends there, or later.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.0.saturating_add(self.length.0)
    }
    fn summary(&self) -> String {
        let how = if self.is_immediate() { "with data" } else { "by pointer" };
        format!("object {} {:#x}..{:#x} {how}", self.foid.object(), self.offset.0, self.end())
    }
}

record! {
    /// `TX_TRUNCATE` (`lr_truncate_t`): a new size, or, with a length, a hole.
    ///
    /// Chapter 13, 13.8.
    pub struct Truncate: Copy {
        0x00 foid:   Foid,
        /// new size, or start of the hole
        0x08 offset: Offset,
        /// of the hole; 0: none
        0x10 length: Bytes,
    }
    says Truncate::summary;
}

impl Truncate {
    fn summary(&self) -> String {
        let (object, offset) = (self.foid.object(), self.offset.0);
        match self.length.0 {
            0 => format!("object {object} to size {offset:#x}"),
            length => format!("object {object} hole {offset:#x}..{:#x}", offset.saturating_add(length)),
        }
    }
}

record! {
    /// `TX_CLONE_RANGE` (`lr_clone_range_t`): the range consists of these blocks, which other files
    /// have too.
    ///
    /// Chapter 13, 13.8.
    pub struct CloneRange {
        0x00 foid:   Foid,
        /// in the file
        0x08 offset: Offset,
        0x10 length: Bytes,
        /// block size of the file
        0x18 blksz:  Bytes,
        0x20 nbps:   u64,
        0x28 bps:    Vec<Pointer> = list(usize::try_from(nbps).unwrap_or(usize::MAX), Pointer::parse),
    }
    says CloneRange::summary;
}

impl CloneRange {
    fn summary(&self) -> String {
        let end = self.offset.0.saturating_add(self.length.0);
        format!("object {} {:#x}..{end:#x}, {} blocks", self.foid.object(), self.offset.0, self.nbps)
    }
}
