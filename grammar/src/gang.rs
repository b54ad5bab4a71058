//! Gang headers: a block in pieces, where no single space was large enough.
//!
//! As many block pointers as fit before the proof, each to a piece, which may be a gang itself.
//! 512 bytes, or with the feature `dynamic_gang_header` the smallest allocation of the vdev.
//! Handbook: `docs/format/03-blkptr.md`, 3.8.

use alloc::vec::Vec;

use nom::Parser;

use crate::blkptr::{BLKPTR_SIZE, Pointer};
use crate::catalogue::{Structure, structure};
use crate::eck::{ECK_SIZE, ZioEck};
use crate::input::{Input, Parse, Parsed, Why, bytes, fail, list};
use crate::quantity::Zeros;

/// Bytes of the smallest gang header.
pub const SMALLEST: usize = 512;

pub(crate) const STRUCTURES: &[Structure] = &[structure!(
    'a: "gang",
    "gang header: all the bytes are one header",
    "03-blkptr.md 3.8",
    GangHeader<'a>
)];

record! {
    /// `zio_gbh_phys_t`, of any size.
    ///
    /// Chapter 03, 3.8.
    pub struct GangHeader<'a> {
        /// the pieces in order; holes where there are fewer
        0x0 blkptr:  Vec<Pointer> = members,
            padding: Zeros<'a> = before_proof,
            eck:     ZioEck,
    }
    says GangHeader::summary;
}

fn members(i: Input<'_>) -> Parsed<'_, Vec<Pointer>> {
    let size = i.bytes().len();
    if size < SMALLEST {
        return fail(i, Why::Truncated { wanted: SMALLEST, had: size });
    }
    list(size.saturating_sub(ECK_SIZE) / BLKPTR_SIZE, Pointer::parse)(i)
}

fn before_proof(i: Input<'_>) -> Parsed<'_, Zeros<'_>> {
    bytes(i.bytes().len().saturating_sub(ECK_SIZE)).map(Zeros).parse_complete(i)
}

impl GangHeader<'_> {
    /// The pieces there are.
    pub fn pieces(&self) -> impl Iterator<Item = &Pointer> {
        self.blkptr.iter().filter(|piece| !piece.is_hole())
    }
    fn summary(&self) -> alloc::string::String {
        let bytes: u64 = self.pieces().map(Pointer::psize).fold(0, u64::saturating_add);
        alloc::format!("{} pieces, {bytes:#x} bytes", self.pieces().count())
    }
}
