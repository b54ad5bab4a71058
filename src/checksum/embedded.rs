//! Embedded checksums: pieces that prove themselves.
//!
//! A piece carries 40 bytes of [`ZioEck`](zfsp_grammar::eck::ZioEck). To check it, the 32 checksum
//! bytes are replaced by a *verifier* that says where the piece belongs, in the order of the magic
//! before them. Handbook: `docs/format/04-checksums.md`, 4.7.

use zfsp_grammar::eck::{ECK_MAGIC, ECK_SIZE};
use zfsp_grammar::input::Order;
use zfsp_grammar::quantity::Cksum;

use super::fletcher::{fletcher2, fletcher4};
use super::sha256::sha256;
use super::words;

/// A self-proving piece, taken apart.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'b> {
    /// Bytes up to the checksum.
    head: &'b [u8],
    /// Bytes behind the checksum.
    tail: &'b [u8],
    /// Byte order of the writer, by the magic.
    pub order: Order,
    /// What the piece says its checksum is.
    pub stored: Cksum,
}

impl<'b> Piece<'b> {
    /// A piece with its proof in the last 40 bytes: label parts, uberblock slots, gang headers, old
    /// log blocks. `None` without the magic.
    #[must_use]
    pub fn ending(bytes: &'b [u8]) -> Option<Self> {
        Self::at(bytes, bytes.len().checked_sub(ECK_SIZE)?)
    }
    /// A piece with its proof at byte `eck`. `None` without the magic.
    #[must_use]
    pub fn at(bytes: &'b [u8], eck: usize) -> Option<Self> {
        let magic = bytes.get(eck..)?.first_chunk::<8>()?;
        let order = match *magic {
            m if u64::from_le_bytes(m) == ECK_MAGIC => Order::Little,
            m if u64::from_be_bytes(m) == ECK_MAGIC => Order::Big,
            _ => return None,
        };
        let (head, rest) = bytes.split_at_checked(eck.checked_add(8)?)?;
        let (cksum, tail) = rest.split_at_checked(32)?;
        Some(Piece { head, tail, order, stored: words(cksum.first_chunk()?, order) })
    }
    fn verifier(&self, words: [u64; 4]) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (to, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *to = match self.order {
                Order::Little => word.to_le_bytes(),
                Order::Big => word.to_be_bytes(),
            };
        }
        bytes
    }
    /// SHA-256 with this verifier: for labels `(offset on the device, 0, 0, 0)`, for gang headers
    /// `(vdev, offset, birth, 0)`.
    #[must_use]
    pub fn sha256(&self, verifier: [u64; 4]) -> Cksum {
        sha256(&[self.head, &self.verifier(verifier), self.tail])
    }
    /// True for the part of a label that lies at this byte of its device.
    #[must_use]
    pub fn belongs_at(&self, offset: u64) -> bool {
        self.sha256([offset, 0, 0, 0]) == self.stored
    }
    /// fletcher2 with this verifier: log blocks of pool versions below 23.
    #[must_use]
    pub fn fletcher2(&self, verifier: [u64; 4]) -> Cksum {
        fletcher2(&self.with(verifier), self.order)
    }
    /// fletcher4 with this verifier: log blocks since pool version 23.
    #[must_use]
    pub fn fletcher4(&self, verifier: [u64; 4]) -> Cksum {
        fletcher4(&self.with(verifier), self.order)
    }
    fn with(&self, verifier: [u64; 4]) -> Vec<u8> {
        [self.head, &self.verifier(verifier), self.tail].concat()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)] // of small numbers
    use super::*;

    fn empty(size: usize, at: usize) -> Vec<u8> {
        let mut bytes = vec![0; size];
        bytes.splice(at..at + 8, ECK_MAGIC.to_le_bytes());
        bytes
    }

    /// Chapter 04, 4.7: the empty boot environment of the first label of a fresh pool.
    #[test]
    fn label_vector() {
        let bytes = empty(8192, 8152);
        let sum = Piece::ending(&bytes).unwrap().sha256([0x2000, 0, 0, 0]).to_string();
        assert_eq!(sum, "97f48f807f6e2a3f:af909f1658aacefc:cbd1ea57ff6db48b:6ec692db0d465fab");
    }
    /// Chapter 04, 4.7: a gang header of holes.
    #[test]
    fn gang_vector() {
        let bytes = empty(512, 472);
        let sum = Piece::ending(&bytes).unwrap().sha256([1, 0x300_2000, 1234, 0]).to_string();
        assert_eq!(sum, "4e1dbd7d6c5e6908:ea23bc8cbaeb698f:2a8d67a7e7737e89:9a221c8b4d342eea");
    }
    #[test]
    fn no_magic_no_piece() {
        assert!(Piece::ending(&[0; 512]).is_none());
        assert!(Piece::ending(&[0; 39]).is_none());
    }
}
