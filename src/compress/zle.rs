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
