//! Removed vdevs: a block may lie in pieces on several others.
//!
//! No piece can be verified alone, so where the block is wrong, the copies of all pieces are combined until the checksum
//! holds. Handbook: `docs/format/20-vdevs-raidz.md`, 20.4, and `docs/format/13-space.md`, 13.4.

use zfsp_grammar::indirect_mapping::{MappingEntry, pieces};

use super::side::{Fault, FaultKind, Side};
use super::tree::fault;
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
                let part = Extent { offset: piece.offset, size: piece.size, birth: extent.birth };
                faults.push(fault(piece.vdev, &part, "a piece of the block that no side gives".into()));
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

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)] // of small numbers

    use std::collections::BTreeMap;
    use std::sync::Arc;

    use zfsp_grammar::blkptr::{self, Dva, Place};
    use zfsp_grammar::indirect_mapping::Source;
    use zfsp_grammar::uberblock::ReflowState;

    use super::*;
    use crate::device::Device;
    use crate::vdev::config::{VdevConfig, VdevKind};
    use crate::vdev::{Leaf, Missed, Parts, Reflow};

    const DATA: usize = 4 << 20;

    /// Vdev 0 was removed: its first sectors are on vdev 1, a mirror, but not side by side.
    struct Removed {
        sides: [Vec<u8>; 2],
    }

    impl Removed {
        fn new(block: &[u8]) -> Self {
            let mut side = vec![0; DATA + 0x4000];
            side[DATA + 0x1000..DATA + 0x1200].copy_from_slice(&block[..0x200]);
            side[DATA + 0x3000..DATA + 0x3400].copy_from_slice(&block[0x200..]);
            Self { sides: [side.clone(), side] }
        }
        fn vdevs(&self) -> Vdevs {
            let disk = |guid| VdevConfig { kind: VdevKind::Disk, guid, ..VdevConfig::default() };
            let mirror = VdevConfig {
                kind: VdevKind::Mirror,
                id: 1,
                children: vec![disk(10), disk(11)],
                ..VdevConfig::default()
            };
            let removed = VdevConfig { kind: VdevKind::Indirect, ..VdevConfig::default() };
            Vdevs::new(&BTreeMap::from([(0, removed), (1, mirror)]), self)
        }
    }

    impl Parts for Removed {
        fn leaves(&self, config: &VdevConfig) -> Vec<Arc<Leaf>> {
            let side = &self.sides[usize::try_from(config.guid - 10).unwrap()];
            let name = format!("d{}", config.guid);
            let device = Some(Device::from_reader(&name, &side[..]).unwrap());
            vec![Arc::new(Leaf { guid: config.guid, name: name.into(), device })]
        }
        fn missed(&self, _: &VdevConfig) -> Missed {
            Missed::default()
        }
        fn reflow(&self) -> Reflow {
            Reflow { offset: 0, state: ReflowState::NONE }
        }
        fn mapping(&self, _: &VdevConfig) -> Option<Vec<MappingEntry>> {
            let entry = |src, offset: u64, sectors: u64| MappingEntry {
                src: Source(src),
                dst: Dva { extent: blkptr::Extent((1 << 32) | sectors), place: Place(offset / 512) },
            };
            Some(vec![entry(0, 0x1000, 1), entry(1, 0x3000, 2)])
        }
    }

    fn block() -> Vec<u8> {
        (0..0x600u32).map(|n| u8::try_from(n % 251).unwrap()).collect()
    }

    fn read(removed: &Removed) -> (Option<Vec<u8>>, Vec<Fault>) {
        let (whole, mut faults) = (block(), Vec::new());
        let extent = Extent { offset: 0, size: whole.len(), birth: 1 };
        let bytes = removed.vdevs().read(0, &extent, &|bytes| bytes == whole, &mut faults);
        (bytes, faults)
    }

    #[test]
    fn a_block_in_pieces() {
        assert_eq!(read(&Removed::new(&block())), (Some(block()), Vec::new()));
    }

    #[test]
    fn each_piece_from_another_side() {
        let mut removed = Removed::new(&block());
        removed.sides[0][DATA + 0x1000] ^= 1;
        removed.sides[1][DATA + 0x33ff] ^= 1;
        let (bytes, faults) = read(&removed);
        assert_eq!(bytes, Some(block()));
        let places: Vec<_> = faults.iter().map(|fault| (&*fault.leaf, fault.at, fault.len)).collect();
        assert_eq!(places, [("d10", 0x40_1000, 0x200), ("d11", 0x40_3000, 0x400)]);
        let mut found = Vec::new();
        let extent = Extent { offset: 0, size: 0x600, birth: 1 };
        removed.vdevs().scrub(0, &extent, &block(), Proven::Nothing, &mut found);
        assert_eq!(found, faults);
    }

    #[test]
    fn a_piece_that_is_wrong_on_both_sides_is_lost() {
        let mut removed = Removed::new(&block());
        removed.sides.iter_mut().for_each(|side| side[DATA + 0x1000] ^= 1);
        let (bytes, faults) = read(&removed);
        assert_eq!((bytes, faults.is_empty()), (None, false));
    }

    #[test]
    fn what_no_entry_maps_is_lost() {
        let mut faults = Vec::new();
        let extent = Extent { offset: 0x400, size: 0x400, birth: 1 };
        let vdevs = Removed::new(&block()).vdevs();
        assert_eq!(vdevs.read(0, &extent, &|_| true, &mut faults), None);
        assert!(faults[0].to_string().contains("no mapping of offset 0x600"), "{}", faults[0]);
    }
}
