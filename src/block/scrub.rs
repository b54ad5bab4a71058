//! What is wrong with copies of a block that were not needed to have it.

use zfsp_grammar::blkptr::{Blkptr, Pointer};
use zfsp_grammar::gang::GangHeader;
use zfsp_grammar::input::{Input, Parse};

use super::gang::DEEPEST_GANG;
use super::{Store, Stored};
use crate::vdev::{Extent, Fault, Proven};

impl Store {
    /// What is wrong with any copy of a block that was read: every DVA, every side, every column.
    #[must_use]
    pub fn faults(&self, b: &Blkptr, stored: &Stored) -> Vec<Fault> {
        let mut faults = Vec::new();
        let is_plain = stored.faults.is_empty() && stored.copy == 0;
        let proven = if is_plain { Proven::First } else { Proven::Nothing };
        self.scrub(b, &stored.bytes, proven, DEEPEST_GANG, &mut faults);
        faults
    }

    /// `proven` of the first copy.
    fn scrub(&self, b: &Blkptr, stored: &[u8], proven: Proven, depth: usize, faults: &mut Vec<Fault>) {
        let birth = b.written().0;
        let mut headers = b.copies().filter(|dva| dva.is_gang());
        let header = headers.find_map(|dva| self.gang_header(b, dva, &mut Vec::new()));
        for (copy, dva) in b.copies().enumerate() {
            let proven = if copy == 0 { proven } else { Proven::Nothing };
            let bytes = if dva.is_gang() { header.as_deref().unwrap_or_default() } else { stored };
            let extent = Extent { offset: dva.offset(), size: bytes.len(), birth };
            self.vdevs.scrub(dva.vdev(), &extent, bytes, proven, faults);
        }
        let Some((depth, header)) = depth.checked_sub(1).zip(header) else { return };
        let order = b.prop.order();
        let Ok((_, header)) = GangHeader::parse(Input::new(&header, order)) else { return };
        let mut left = stored;
        for piece in header.pieces().filter_map(Pointer::stored) {
            let len = usize::try_from(piece.prop.psize().bytes()).unwrap_or(usize::MAX);
            let Some((bytes, rest)) = left.split_at_checked(len) else { return };
            self.scrub(&piece, bytes, proven, depth, faults);
            left = rest;
        }
    }
}
