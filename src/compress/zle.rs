//! zle: runs of zeros by their length, all else as it is.
//!
//! Handbook: `docs/format/05-compression.md`, 5.4.

/// Control bytes below this count literals, the others zeros. Dedup tables use the same number.
const LITERALS: u8 = 64;

pub(super) fn decompress(stored: &[u8], lsize: usize) -> Result<Vec<u8>, &'static str> {
    let mut block = Vec::with_capacity(lsize);
    let mut stored = stored;
    while block.len() < lsize {
        let (control, rest) = stored.split_first().ok_or("cut short")?;
        let room = lsize.saturating_sub(block.len());
        let (run, literal) = match control.checked_sub(LITERALS) {
            Some(zeros) => (usize::from(zeros).saturating_add(1), false),
            None => (usize::from(*control).saturating_add(1), true),
        };
        if run > room {
            return Err("a run past the end of the block");
        }
        stored = rest;
        if literal {
            let (bytes, rest) = stored.split_at_checked(run).ok_or("cut short")?;
            block.extend_from_slice(bytes);
            stored = rest;
        } else {
            block.resize(block.len().saturating_add(run), 0);
        }
    }
    Ok(block)
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::arithmetic_side_effects)] // of small numbers
    use super::*;

    const LONGEST_RUN: usize = 192;

    pub(in super::super) fn compress(block: &[u8]) -> Vec<u8> {
        let mut stored = Vec::new();
        for run in block.chunk_by(|a, b| (*a == 0) == (*b == 0)) {
            let is_zeros = run[0] == 0;
            let (longest, below) = if is_zeros { (LONGEST_RUN, LITERALS) } else { (LITERALS.into(), 0) };
            for part in run.chunks(longest) {
                stored.push(below + u8::try_from(part.len() - 1).unwrap());
                stored.extend(part.iter().filter(|_| !is_zeros));
            }
        }
        stored
    }

    /// Chapter 05, 5.4.
    #[test]
    fn examples() {
        assert_eq!(decompress(&[0x00, 0x41], 1), Ok(b"A".to_vec()));
        assert_eq!(decompress(&[0xff], 192), Ok(vec![0; 192]));
        assert_eq!(decompress(&[0x40], 1), Ok(vec![0]));
    }

    #[test]
    fn runs_stay_inside() {
        assert!(decompress(&[0xff], 191).is_err());
        assert!(decompress(&[0x02, 1, 2], 3).is_err());
    }
}
