//! Gang headers prove themselves, for the pointer that leads to them. Handbook:
//! `docs/format/03-blkptr.md`, 3.8.

use zfsp_grammar::algorithms::Checksum;
use zfsp_grammar::blkptr::Blkptr;

use super::embedded::Piece;
use super::kept::Kept;

/// True if `header` is the gang header that `pointer`, read in its plain words, leads to. All copies
/// are proven for the place of the first.
#[must_use]
pub fn gang_header(pointer: &Blkptr, header: &[u8]) -> bool {
    let [first, ..] = pointer.dva;
    let verifier = [first.vdev().into(), first.offset(), pointer.written().0, 0];
    let kept = Kept::by(pointer.prop, Checksum::GANG_HEADER);
    Piece::ending(header).is_some_and(|piece| kept.holds(piece.sha256(verifier), piece.stored))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)] // of small numbers
    use zfsp_grammar::blkptr::{Dva, Extent, Place, Prop};
    use zfsp_grammar::eck::ECK_MAGIC;
    use zfsp_grammar::quantity::Txg;

    use super::*;

    /// Chapter 04, 4.7: a header of holes, for vdev 1, offset 0x3002000, txg 1234.
    const SUM: [u64; 4] =
        [0x4e1d_bd7d_6c5e_6908, 0xea23_bc8c_baeb_698f, 0x2a8d_67a7_e773_7e89, 0x9a22_1c8b_4d34_2eea];

    fn header(sum: [u64; 4]) -> Vec<u8> {
        let mut bytes = vec![0; 472];
        bytes.extend(ECK_MAGIC.to_le_bytes());
        bytes.extend(sum.map(u64::to_le_bytes).as_flattened());
        bytes
    }
    fn pointer(prop: u64) -> Blkptr {
        let first = Dva { extent: Extent(1 << 32 | 8), place: Place((1 << 63) | (0x300_2000 / 512)) };
        let dva = [first, Dva::default(), Dva::default()];
        Blkptr { dva, prop: Prop(prop), logical_birth: Txg(1234), ..Blkptr::default() }
    }

    #[test]
    fn holds_for_one_pointer() {
        assert!(gang_header(&pointer(0), &header(SUM)));
        let later = Blkptr { physical_birth: Txg(1235), ..pointer(0) };
        assert!(!gang_header(&later, &header(SUM)));
        let born_later = Blkptr { physical_birth: Txg(1234), logical_birth: Txg(9), ..pointer(0) };
        assert!(gang_header(&born_later, &header(SUM)));
        let elsewhere = Blkptr { dva: [Dva::default(), pointer(0).dva[0], Dva::default()], ..pointer(0) };
        assert!(!gang_header(&elsewhere, &header(SUM)));
        assert!(!gang_header(&pointer(0), &[0; 512]));
        assert!(!gang_header(&pointer(0), &[]));
    }
    /// Of an encrypted block the sum is folded into two words; not so of an object set.
    #[test]
    fn of_encrypted_blocks() {
        let folded = [SUM[0] ^ SUM[2], SUM[1] ^ SUM[3], 0, 0];
        let (file, objset) = (1 << 61 | 19 << 48, 1 << 61 | 11 << 48);
        assert!(gang_header(&pointer(file), &header(folded)));
        assert!(!gang_header(&pointer(file), &header(SUM)));
        assert!(gang_header(&pointer(objset), &header(SUM)));
        assert!(!gang_header(&pointer(0), &header(folded)));
    }
}
