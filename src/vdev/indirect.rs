//! Removed vdevs: a block may lie in pieces on several others.
//!
//! No piece can be verified alone, so where the block is wrong, the copies of all pieces are combined until the checksum
//! holds. Handbook: `docs/format/20-vdevs-raidz.md`, 20.4, and `docs/format/13-space.md`, 13.4.

use zfsp_grammar::indirect_mapping::{MappingEntry, pieces};

use super::side::{Fault, FaultKind, Side};
use super::{Extent, Judge, Proven, Vdevs};

/// Combinations of copies that are tried for one block: as many as the reference tries.
const MOST_COMBINATIONS: usize = 4096;
/// Bytes that are judged for one block: a second's work.
const MOST_JUDGED: usize = 1 << 30;
/// Removed vdevs on the way to one byte.
const LONGEST_PATH: usize = 256;
/// Pieces that one block can be in: of 512 bytes each.
const MOST_PIECES: usize = 32_768;

/// Where a range of a removed vdev lies now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Top-level vdev that has it; not a removed one.
    pub vdev: u32,
    /// Byte offset from the start of that vdev's allocatable area.
    pub offset: u64,
    /// Bytes.
    pub size: usize,
}

impl Vdevs {
    /// The pieces of `size` bytes at `offset` of vdev `id`, on vdevs that are there; one piece if it was not removed.
    ///
    /// # Errors
    /// What is wrong with the mappings.
    pub fn pieces(&self, id: u32, offset: u64, size: usize) -> Result<Vec<Piece>, String> {
        let mut found = Vec::new();
        self.remap(id, offset, size, &mut Vec::new(), &mut found)?;
        Ok(found)
    }

    fn remap(
        &self,
        id: u32,
        offset: u64,
        size: usize,
        path: &mut Vec<u32>,
        found: &mut Vec<Piece>,
    ) -> Result<(), String> {
        let Some(mapping) = self.mapping(id) else {
            found.push(Piece { vdev: id, offset, size });
            return if found.len() > MOST_PIECES { Err("more pieces than sectors".into()) } else { Ok(()) };
        };
        if path.contains(&id) || path.len() >= LONGEST_PATH {
            return Err(format!("the mappings of removed vdev {id} lead back to it"));
        }
        path.push(id);
        let wanted = u64::try_from(size).unwrap_or(u64::MAX);
        for piece in pieces(mapping, offset, wanted) {
            let piece = piece.map_err(|at| format!("removed vdev {id} has no mapping of offset {at:#x}"))?;
            let size = usize::try_from(piece.size).map_err(|e| e.to_string())?;
            self.remap(piece.vdev, piece.offset, size, path, found)?;
        }
        path.pop();
        Ok(())
    }

    /// Reads a block that lies in `pieces`; `extent` says what it was.
    pub(super) fn read_pieces(
        &self,
        extent: &Extent,
        pieces: &[Piece],
        judge: &Judge<'_>,
        faults: &mut Vec<Fault>,
    ) -> Option<Vec<u8>> {
        if let [piece] = pieces {
            let extent = Extent { offset: piece.offset, ..*extent };
            return self.read_concrete(piece.vdev, &extent, judge, faults);
        }
        let mut choices = Vec::new();
        for piece in pieces {
            let copies = self.copies_of(piece, extent.birth, faults);
            if copies.is_empty() {
                return None;
            }
            choices.push(copies);
        }
        let whole = |picked: &[usize]| -> Vec<u8> {
            let copies = choices.iter().zip(picked).filter_map(|(copies, n)| copies.get(*n));
            let mut bytes: Vec<u8> = copies.flat_map(|copy| copy.bytes.iter().copied()).collect();
            bytes.truncate(extent.size);
            bytes
        };
        let mut picked = vec![0; choices.len()];
        let most = MOST_JUDGED.checked_div(extent.size).unwrap_or_default().clamp(1, MOST_COMBINATIONS);
        for _ in 0..most {
            let bytes = whole(&picked);
            if judge(&bytes) {
                blame(&choices, &picked, faults);
                return Some(bytes);
            }
            if !next(&mut picked, &choices) {
                break;
            }
        }
        for copy in choices.iter().flatten() {
            copy.blame(faults);
        }
        None
    }

    /// What is wrong with any side of `pieces`, whose bytes are known.
    pub(super) fn scrub_pieces(&self, birth: u64, pieces: &[Piece], bytes: &[u8], faults: &mut Vec<Fault>) {
        let mut left = bytes;
        for piece in pieces {
            // the last sector is longer than what is left of the block
            let (bytes, rest) = left.split_at_checked(piece.size).unwrap_or((left, &[]));
            let extent = Extent { offset: piece.offset, size: bytes.len(), birth };
            self.scrub_concrete(piece.vdev, &extent, bytes, Proven::Nothing, faults);
            left = rest;
        }
    }

    /// The distinct contents of a piece.
    fn copies_of(&self, piece: &Piece, birth: u64, faults: &mut Vec<Fault>) -> Vec<Copy> {
        let len = u64::try_from(piece.size).unwrap_or(u64::MAX);
        let mut copies: Vec<Copy> = Vec::new();
        for side in self.sides(piece.vdev, piece.offset, birth) {
            let mut bytes = vec![0; piece.size];
            match side.read_into(&mut bytes) {
                Err(error) => faults.push(Fault::unreadable(&side, len, &error)),
                Ok(()) => match copies.iter_mut().find(|copy| copy.bytes == bytes) {
                    Some(copy) => copy.sides.push(side),
                    None => copies.push(Copy { bytes, sides: vec![side] }),
                },
            }
        }
        copies
    }

    /// The mapping of vdev `id`, if it was removed.
    pub(super) fn mapping(&self, id: u32) -> Option<&[MappingEntry]> {
        self.top(id)?.mapping()
    }
}

/// One content of a piece, and the sides that have it.
struct Copy {
    bytes: Vec<u8>,
    sides: Vec<Side>,
}

impl Copy {
    fn blame(&self, faults: &mut Vec<Fault>) {
        let len = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        faults.extend(self.sides.iter().map(|side| Fault::new(side, len, FaultKind::Wrong)));
    }
}

/// The copies that were not picked are wrong.
fn blame(choices: &[Vec<Copy>], picked: &[usize], faults: &mut Vec<Fault>) {
    for (copies, n) in choices.iter().zip(picked) {
        for copy in copies.iter().enumerate().filter(|(k, _)| k != n).map(|(_, copy)| copy) {
            copy.blame(faults);
        }
    }
}

/// The next combination; false after the last.
fn next(picked: &mut [usize], choices: &[Vec<Copy>]) -> bool {
    for (n, copies) in picked.iter_mut().zip(choices) {
        *n = n.saturating_add(1);
        if *n < copies.len() {
            return true;
        }
        *n = 0;
    }
    false
}
