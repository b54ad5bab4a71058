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

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::arithmetic_side_effects)] // of small numbers
    use super::*;

    const LONGEST_MATCH: usize = 66;
    const FARTHEST: usize = 0x3ff;

    /// The longest match at each place, found by trying all: slow, and for tests only.
    pub(in super::super) fn compress(block: &[u8]) -> Vec<u8> {
        let mut stored = Vec::new();
        let mut at = 0;
        while at < block.len() {
            let control = stored.len();
            stored.push(0);
            for bit in 0..8 {
                let rest = &block[at..];
                let matched = |distance: &usize| {
                    let from = &block[at - distance..];
                    let same = from.iter().zip(rest).take_while(|(a, b)| a == b);
                    same.count().min(LONGEST_MATCH)
                };
                let farthest = FARTHEST.min(at);
                match (1..=farthest).map(|d| (matched(&d), d)).max() {
                    Some((length, distance)) if length >= SHORTEST_MATCH => {
                        stored[control] |= 1 << bit;
                        let pair = (length - SHORTEST_MATCH) << (16 - LENGTH_BITS) | distance;
                        stored.extend(u16::try_from(pair).unwrap().to_be_bytes());
                        at += length;
                    }
                    _ if rest.is_empty() => break,
                    _ => {
                        stored.push(rest[0]);
                        at += 1;
                    }
                }
            }
        }
        stored
    }

    #[test]
    fn a_match_is_cut_where_the_block_ends() {
        // a literal, and a match of three of which one fits
        assert_eq!(decompress(&[0b10, b'a', 0, 1], 2), Ok(b"aa".to_vec()));
    }

    #[test]
    fn matches_stay_behind_the_start() {
        assert!(decompress(&[0b10, b'a', 0, 2], 4).is_err());
        assert!(decompress(&[0b10, b'a', 0, 0], 4).is_err());
        assert!(decompress(&[0b01, 0, 1], 4).is_err());
    }
}
