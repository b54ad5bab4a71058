//! lz4: a length, and a raw block. Handbook: `docs/format/05-compression.md`, 5.6.

use crate::memory;

pub(super) fn decompress(stored: &[u8], lsize: usize) -> Result<Vec<u8>, &'static str> {
    let (rest, len) = super::counted(stored).ok_or("cut short")?;
    let packed = rest.get(..len).ok_or("cut short")?;
    let mut block = memory::buffer(lsize);
    let len = lz4_flex::block::decompress_into(packed, &mut block);
    block.truncate(len.map_err(|_| "no lz4 block of that size")?);
    Ok(block)
}
