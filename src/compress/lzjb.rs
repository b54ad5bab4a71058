//! lzjb: groups of a control byte and eight items, literals or matches.
//!
//! There is no end mark: decoding stops when the block is full. Handbook:
//! `docs/format/05-compression.md`, 5.3.

/// Bits of the second byte pair of a match that hold its length.
const LENGTH_BITS: u32 = 6;
const SHORTEST_MATCH: usize = 3;

pub(super) fn decompress(stored: &[u8], lsize: usize) -> Result<Vec<u8>, &'static str> {
    let mut block = Vec::with_capacity(lsize);
    let mut stored = stored.iter();
    let mut next = || stored.next().copied().ok_or("cut short");
    while block.len() < lsize {
        let control = next()?;
        for bit in 0..8 {
            if block.len() == lsize {
                break;
            }
            if control >> bit & 1 == 0 {
                block.push(next()?);
                continue;
            }
            let pair = u16::from_be_bytes([next()?, next()?]);
            let length = usize::from(pair >> (16 - LENGTH_BITS)).saturating_add(SHORTEST_MATCH);
            let distance = usize::from(pair & 0x3ff);
            for _ in 0..length.min(lsize.saturating_sub(block.len())) {
                let from = block.len().checked_sub(distance).ok_or("a match before the start")?;
                // a distance of 0 points behind what there is
                let byte = *block.get(from).ok_or("a match of distance 0")?;
                block.push(byte);
            }
        }
    }
    Ok(block)
}
