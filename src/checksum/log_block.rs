//! Blocks of the intent log prove themselves: the checksum words of the pointer to one are no sum,
//! but name the chain and count its blocks.
//!
//! A block behind the end of a chain was never written, or belonged to another: that its proof does not
//! hold is how the end is known. Handbook: `docs/format/13-space.md`, 13.8, "Self-checksum rule".

use zfsp_grammar::algorithms::Checksum;
use zfsp_grammar::blkptr::Blkptr;
use zfsp_grammar::input::{Input, Parse};
use zfsp_grammar::object_type::ObjectType;
use zfsp_grammar::quantity::Cksum;
use zfsp_grammar::zil::chain::{ECK_AT, UNIT, ZilChain};

use super::embedded::Piece;
use super::kept::Kept;
use super::{Error, Verdict};

/// Whether `block` is the log block that `pointer`, read in its plain words, leads to.
///
/// # Errors
/// [`Error::Corrupt`], if the pointer is not one to a log block.
pub fn log_block(pointer: &Blkptr, block: &[u8]) -> Result<Verdict, Error> {
    let algorithm = pointer.prop.checksum();
    let block = match (pointer.prop.r#type(), algorithm) {
        (ObjectType::INTENT_LOG, Checksum::ZILOG2) => LogBlock::slim(block),
        (ObjectType::INTENT_LOG, Checksum::ZILOG) => LogBlock::trailing(block),
        _ => return Err(Error::Corrupt(algorithm, "only for blocks of the intent log")),
    };
    let Some(block) = block else { return Ok(Verdict::Wrong { computed: None }) };
    let kept = Kept::by(pointer.prop, algorithm);
    Ok(Verdict::of(block.sum(pointer.cksum), |sum| kept.holds(sum, block.piece.stored)))
}

/// What is proven of a log block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogBlock<'b> {
    pub(crate) piece: Piece<'b>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Slim,
    Trailing,
}

impl<'b> LogBlock<'b> {
    /// zilog2, since pool version 23: the chain is in front, and what is used is proven. `None` without
    /// the magic, or with more used than there is.
    pub(crate) fn slim(block: &'b [u8]) -> Option<Self> {
        let order = Piece::at(block, ECK_AT)?.order;
        let (_, chain) = ZilChain::parse(Input::new(block, order)).ok()?;
        let used = usize::try_from(chain.nused.0).ok()?.checked_next_multiple_of(UNIT)?;
        Some(LogBlock { piece: Piece::at(block.get(..used)?, ECK_AT)?, kind: Kind::Slim })
    }
    /// zilog: the chain is at the end, and all of the block is proven. `None` without the magic.
    pub(crate) fn trailing(block: &'b [u8]) -> Option<Self> {
        Some(LogBlock { piece: Piece::ending(block)?, kind: Kind::Trailing })
    }
    /// The sum, given the checksum words of the pointer to the block.
    pub(crate) fn sum(&self, Cksum(verifier): Cksum) -> Cksum {
        match self.kind {
            Kind::Slim => self.piece.fletcher4(verifier),
            Kind::Trailing => self.piece.fletcher2(verifier),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, clippy::as_conversions)] // of small numbers
    use zfsp_grammar::blkptr::Prop;
    use zfsp_grammar::eck::ECK_MAGIC;
    use zfsp_grammar::input::Order;

    use super::*;
    use crate::checksum::fletcher::{fletcher2, fletcher4};

    const CHAIN: Cksum = Cksum([0x69db_6c62_0acf_db44, 0x2e07_ad0f_67cb_0a27, 0x77, 6]);

    fn pointer(algorithm: Checksum, encrypted: bool) -> Blkptr {
        let prop = u64::from(algorithm.0) << 40 | 9 << 48 | u64::from(encrypted) << 61;
        Blkptr { prop: Prop(prop), cksum: CHAIN, ..Blkptr::default() }
    }
    /// A log block of three units, two of them used, as the chapter says to write one.
    fn block(algorithm: Checksum, order: Order, encrypted: bool) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..=250).cycle().take(3 * UNIT).collect();
        let slim = algorithm == Checksum::ZILOG2;
        let chain = if slim { 0 } else { bytes.len() - 184 };
        let mut put = |at: usize, words: &[u64]| {
            for (n, word) in words.iter().enumerate() {
                let word = if order == Order::Little { word.to_le_bytes() } else { word.to_be_bytes() };
                bytes[chain + at + 8 * n..][..8].copy_from_slice(&word);
            }
            bytes.clone()
        };
        let used = UNIT as u64 + 1;
        put(136, &[used, ECK_MAGIC]);
        let ready = put(152, &CHAIN.0);
        let Cksum([a, b, c, d]) =
            if slim { fletcher4(&ready[..2 * UNIT], order) } else { fletcher2(&ready, order) };
        put(152, &if encrypted { [a ^ c, b ^ d, 5, 6] } else { [a, b, c, d] })
    }

    #[test]
    fn both_kinds_in_both_orders() {
        for algorithm in [Checksum::ZILOG, Checksum::ZILOG2] {
            for (order, encrypted) in
                [(Order::Little, false), (Order::Little, true), (Order::Big, false), (Order::Big, true)]
            {
                let pointer = pointer(algorithm, encrypted);
                let mut block = block(algorithm, order, encrypted);
                assert_eq!(log_block(&pointer, &block), Ok(Verdict::Verified), "{algorithm} {order}");
                let mut next = pointer;
                next.cksum.0[3] += 1;
                assert!(matches!(log_block(&next, &block), Ok(Verdict::Wrong { computed: Some(_) })));
                // what is not used is not proven
                block[2 * UNIT] ^= 1;
                let verified = log_block(&pointer, &block) == Ok(Verdict::Verified);
                assert_eq!(verified, algorithm == Checksum::ZILOG2);
                block[2 * UNIT - 1] ^= 1;
                assert!(matches!(log_block(&pointer, &block), Ok(Verdict::Wrong { computed: Some(_) })));
            }
        }
    }
    #[test]
    fn no_log_block() {
        let wrong = Ok(Verdict::Wrong { computed: None });
        for algorithm in [Checksum::ZILOG, Checksum::ZILOG2] {
            for size in [0, 40, 184, UNIT] {
                assert_eq!(log_block(&pointer(algorithm, false), &vec![0; size]), wrong);
            }
        }
        let block = block(Checksum::ZILOG2, Order::Little, false);
        assert_eq!(log_block(&pointer(Checksum::ZILOG2, false), &block[..UNIT]), wrong, "more used");
        let mut endless = block.clone();
        endless[136..144].fill(0xff);
        assert_eq!(log_block(&pointer(Checksum::ZILOG2, false), &endless), wrong);
        endless[136..144].fill(0);
        assert_eq!(log_block(&pointer(Checksum::ZILOG2, false), &endless), wrong, "nothing used");
    }
    #[test]
    fn only_for_the_log() {
        let block = block(Checksum::ZILOG2, Order::Little, false);
        assert!(log_block(&pointer(Checksum::FLETCHER4, false), &block).is_err());
        let mut file = pointer(Checksum::ZILOG2, false);
        file.prop = Prop(file.prop.0 ^ (9 ^ 19) << 48);
        assert!(log_block(&file, &block).is_err());
    }
}
