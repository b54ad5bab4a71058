//! Gang blocks: in pieces, where no single space was large enough.
//!
//! Handbook: `docs/format/03-blkptr.md`, 3.8.

use zfsp_grammar::blkptr::{Blkptr, Dva};
use zfsp_grammar::gang::{self, GangHeader};
use zfsp_grammar::input::{Input, Parse, fault};

use super::{Store, Why, size};
use crate::checksum;
use crate::vdev::{Extent, Fault, Judge};

/// Gang blocks of gang blocks: each level is smaller than the one above.
pub(super) const DEEPEST_GANG: usize = 16;

impl Store {
    /// The gang header at `dva`, proven.
    pub fn gang_header(&self, b: &Blkptr, dva: &Dva, faults: &mut Vec<Fault>) -> Option<Vec<u8>> {
        let size = self.gang_header_size(b);
        let extent = Extent { offset: dva.offset(), size, birth: b.written().0 };
        let small =
            |bytes: &[u8]| bytes.get(..gang::SMALLEST).is_some_and(|bytes| checksum::gang_header(b, bytes));
        let judge: &Judge<'_> = &|bytes| checksum::gang_header(b, bytes) || small(bytes);
        let mut header = self.vdevs.read(dva.vdev(), &extent, judge, faults)?;
        if !checksum::gang_header(b, &header) {
            // written before the feature was in use
            header.truncate(gang::SMALLEST);
        }
        Some(header)
    }

    /// The smallest allocation of the vdevs that the block is on.
    fn gang_header_size(&self, b: &Blkptr) -> usize {
        if !self.has_large_gang_headers {
            return gang::SMALLEST;
        }
        let smallest = |dva: &Dva| self.vdevs.top(dva.vdev()).map(|top| top.smallest_allocation());
        b.copies().filter_map(smallest).min().unwrap_or(gang::SMALLEST).max(gang::SMALLEST)
    }

    /// Joins the pieces of a gang block; each is proven by its own pointer.
    pub(super) fn assemble(
        &self,
        b: &Blkptr,
        header: &[u8],
        psize: usize,
        depth: usize,
        faults: &mut Vec<Fault>,
    ) -> Result<Vec<u8>, Why> {
        let depth = depth.checked_sub(1).ok_or_else(|| Why::Corrupt("gang blocks nested too deep".into()))?;
        let order = b.prop.order();
        let (_, header) = GangHeader::parse(Input::new(header, order))
            .map_err(|e| Why::Corrupt(format!("gang header: {}", fault(e))))?;
        let mut bytes = Vec::new();
        for piece in header.pieces() {
            let Some(plain) = piece.stored() else {
                return Err(Why::Corrupt("a piece of a gang block that is not stored".into()));
            };
            let left = psize.saturating_sub(bytes.len());
            let len = size(plain.prop.psize().bytes())?;
            if len > left || len >= psize {
                return Err(Why::Corrupt(format!("the pieces of a gang block exceed its {psize:#x} bytes")));
            }
            bytes.extend(self.gather(&plain, depth, &|_| true, faults)?.0);
        }
        if bytes.len() == psize {
            Ok(bytes)
        } else {
            let found = bytes.len();
            Err(Why::Corrupt(format!("the pieces of a gang block are {found:#x} of {psize:#x} bytes")))
        }
    }
}
