//! Blocks of an intent log.
//!
//! A block holds records and a [`ZilChain`]: the pointer to the next block, the bytes in use, and a
//! proof. Where the chain structure stands is a matter of the checksum in the pointer to the block:
//!
//! | checksum | chain | records | proof over |
//! |---|---|---|---|
//! | zilog2, since pool version 23 | first 184 bytes | behind it, up to `nused` | `nused`, rounded up to 4 KiB |
//! | zilog | last 184 bytes | from the start, `nused` bytes | the whole block |
//!
//! The magic of the proof tells them apart, and the byte order. The next block was allocated before
//! anything was written to it, so the last pointer leads to a block that belongs to nobody: that is how a
//! chain ends. Handbook: [`docs/format/13-space.md`], 13.8.
//!
//! ```
//! let block = zfsp_grammar::catalogue::find("zil-block").expect("a structure");
//! assert!(!matches!((block.parts)(), zfsp_grammar::spec::Parts::None));
//! ```
//!
//! [`docs/format/13-space.md`]: crate::handbook::space

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use nom::Parser;

use crate::algorithms::Checksum;
use crate::blkptr::Pointer;
use crate::eck::{ECK_MAGIC, ECK_SIZE, ZioEck};
use crate::input::{Input, Order, Parse, Parsed, Why, ahead, byte_order_mark, bytes, fail, framed, rest};
use crate::quantity::{Bytes, Magic, Zero};
use crate::zil::record::{self, Record};

/// Bytes of a [`ZilChain`].
pub const CHAIN_SIZE: usize = 184;
/// Where the proof stands in a [`ZilChain`].
pub const ECK_AT: usize = CHAIN_SIZE - ECK_SIZE;
/// Blocks of the newer kind are written and proven in units of so many bytes.
pub const UNIT: usize = 4096;

record! {
    /// `zil_chain_t`: the next block, and the proof of this one.
    ///
    /// Chapter 13, 13.8.
    pub struct ZilChain: Copy {
        0x00 pad:      Zero,
        /// next block; the last one points to a block that was never written
        0x08 next_blk: Pointer,
        /// bytes in use; of zilog2 with this structure
        0x88 nused:    Bytes,
        /// proves the block
        0x90 eck:      ZioEck,
    }
    says ZilChain::summary;
}

impl ZilChain {
    fn summary(&self) -> String {
        format!("{:#x} bytes used", self.nused.0)
    }
    fn used(&self) -> usize {
        usize::try_from(self.nused.0).unwrap_or(usize::MAX)
    }
}

record! {
    /// A block with the chain in front, of checksum zilog2.
    ///
    /// Chapter 13, 13.8.
    pub struct Slim<'a> {
        0x00 chain:   ZilChain,
        0xb8 records: Vec<Record<'a>> = framed(behind_chain(&chain), behind(chain.next_blk)),
        /// behind the last record: zeros, or what the block held before
             unused:  &'a [u8] = rest,
    }
    says Slim::summary;
}

/// Bytes of the records. A chain that is shorter than itself claims more than there is.
fn behind_chain(chain: &ZilChain) -> usize {
    chain.used().checked_sub(CHAIN_SIZE).unwrap_or(usize::MAX)
}

record! {
    /// A block with the chain at the end, of checksum zilog.
    ///
    /// Chapter 13, 13.8.
    pub struct Trailing<'a> {
        0x0 records: Vec<Record<'a>> = used_by_trailing,
        /// behind the last record: zeros, or what the block held before
            unused:  &'a [u8] = |i: Input<'a>| bytes(i.bytes().len().saturating_sub(CHAIN_SIZE))(i),
            chain:   ZilChain,
    }
    says Trailing::summary;
}

/// Records of a block whose last bytes say how long they are.
fn used_by_trailing(i: Input<'_>) -> Parsed<'_, Vec<Record<'_>>> {
    let room = i.bytes().len().saturating_sub(CHAIN_SIZE);
    let (i, chain) = ahead(room, ZilChain::parse)(i)?;
    match chain.used() {
        used if used <= room => framed(used, |i| records(i, Record::parse))(i),
        used => fail(i, Why::Truncated { wanted: used, had: room }),
    }
}

/// The reader for the records of a block that points to `next`: as that is encrypted, so is this.
fn behind<'a>(next: Pointer) -> impl Fn(Input<'a>) -> Parsed<'a, Vec<Record<'a>>> {
    move |i| match next {
        Pointer::Encrypted(_) => records(i, record::sealed),
        _ => records(i, Record::parse),
    }
}

/// Records up to the end, or up to one that cannot be read: there the log ends.
fn records<'a>(
    mut i: Input<'a>,
    record: fn(Input<'a>) -> Parsed<'a, Record<'a>>,
) -> Parsed<'a, Vec<Record<'a>>> {
    let mut all = Vec::new();
    while !i.bytes().is_empty() {
        let one = match i.watch() {
            None => record(i),
            Some(trace) => trace.item(i, all.len(), record),
        };
        let Ok((rest, one)) = one else { break };
        i = rest;
        all.push(one);
    }
    Ok((i, all))
}

fn count(records: &[Record<'_>]) -> String {
    format!("{} record{}", records.len(), if records.len() == 1 { "" } else { "s" })
}

impl Slim<'_> {
    fn summary(&self) -> String {
        count(&self.records)
    }
}

impl Trailing<'_> {
    fn summary(&self) -> String {
        count(&self.records)
    }
}

one_of! {
    /// A block of an intent log.
    ///
    /// Chapter 13, 13.8.
    pub enum ZilBlock<'a> {
        /// Chain in front.
        Slim(Slim<'a>),
        /// Chain at the end.
        Trailing(Trailing<'a>),
    }
}

impl<'a> Parse<'a> for ZilBlock<'a> {
    /// Reads all of `i` as one block; its length must be that of the block.
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        let last = i.bytes().len().saturating_sub(ECK_SIZE);
        if let Some(order) = slim_order(i) {
            Slim::parse.map(ZilBlock::Slim).parse_complete(i.with_order(order))
        } else if let Some(order) = order_at(i, last) {
            Trailing::parse.map(ZilBlock::Trailing).parse_complete(i.with_order(order))
        } else {
            // says what is there instead
            ahead(ECK_AT, byte_order_mark::<Magic>(ECK_MAGIC))(i)?;
            fail(i, Why::Invalid("no proof"))
        }
    }
}

/// The byte order of a block with the chain in front; `None` if it is none.
#[must_use]
pub fn slim_order(i: Input<'_>) -> Option<Order> {
    order_at(i, ECK_AT)
}

/// The byte order of the proof at `at`, if there is one.
fn order_at(i: Input<'_>, at: usize) -> Option<Order> {
    let magic = i.bytes().get(at..)?.first_chunk()?;
    match (u64::from_le_bytes(*magic), u64::from_be_bytes(*magic)) {
        (ECK_MAGIC, _) => Some(Order::Little),
        (_, ECK_MAGIC) => Some(Order::Big),
        _ => None,
    }
}

impl<'a> ZilBlock<'a> {
    /// The next block and the proof.
    #[must_use]
    pub fn chain(&self) -> &ZilChain {
        match self {
            ZilBlock::Slim(block) => &block.chain,
            ZilBlock::Trailing(block) => &block.chain,
        }
    }
    /// The records, up to the first that cannot be read.
    #[must_use]
    pub fn records(&self) -> &[Record<'a>] {
        match self {
            ZilBlock::Slim(block) => &block.records,
            ZilBlock::Trailing(block) => &block.records,
        }
    }
    /// The same block, of which all of `i` was decrypted: its records are read as those in clear.
    ///
    /// # Errors
    /// As of [`ZilBlock::parse`].
    pub fn parse_opened(i: Input<'a>) -> Parsed<'a, Self> {
        let (rest, mut block) = Self::parse(i)?;
        if let (ZilBlock::Slim(block), Some(order)) = (&mut block, slim_order(i)) {
            let used = behind_chain(&block.chain);
            let reading = framed(used, |i| records(i, Record::parse));
            (_, block.records) = ahead(CHAIN_SIZE, reading)(i.with_order(order))?;
        }
        Ok((rest, block))
    }
    /// The checksum that proves it, as the pointer to the block must name it.
    #[must_use]
    pub fn checksum(&self) -> Checksum {
        match self {
            ZilBlock::Slim(_) => Checksum::ZILOG2,
            ZilBlock::Trailing(_) => Checksum::ZILOG,
        }
    }
    /// What is proven of a block of `size` bytes: so many bytes from its start, of which those in the
    /// range are first replaced by the verifier, the checksum words of the pointer to the block. `None`
    /// where `nused` says more than the block holds.
    #[must_use]
    pub fn proven(&self, size: usize) -> Option<(usize, Range<usize>)> {
        let (len, chain) = match self {
            ZilBlock::Slim(block) => (block.chain.used().checked_next_multiple_of(UNIT)?, 0),
            ZilBlock::Trailing(_) => (size, size.checked_sub(CHAIN_SIZE)?),
        };
        let end = chain.checked_add(CHAIN_SIZE)?;
        (end <= len && len <= size).then(|| (len, end.saturating_sub(32)..end))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
mod tests {
    use super::*;
    use crate::zil::record::tests::record;
    use crate::zil::record::{Body, TxType};

    /// A chain structure with this `prop` in the next pointer.
    fn chain(order: Order, prop: u64, nused: u64) -> Vec<u8> {
        let mut words = [0; 23];
        (words[1], words[2], words[7], words[17], words[18]) = (8, 0x1096, prop, nused, ECK_MAGIC);
        let word = |w: &u64| if order == Order::Little { w.to_le_bytes() } else { w.to_be_bytes() };
        words.iter().flat_map(word).collect()
    }
    const PLAIN: u64 = 0x8009_0902_0007_0007;
    const ENCRYPTED: u64 = 0xa009_0902_0007_0007;

    fn slim(order: Order, prop: u64) -> Vec<u8> {
        let records = [record(order, 5, &[34], b"a\0"), record(order, 10, &[22, 0, 0], b"")].concat();
        let nused = u64::try_from(CHAIN_SIZE + records.len()).unwrap();
        let mut block = [chain(order, prop, nused), records].concat();
        block.resize(UNIT, 0);
        block
    }

    #[test]
    fn both_kinds_in_both_orders() {
        for order in [Order::Little, Order::Big] {
            let front = slim(order, PLAIN);
            let records = &front[CHAIN_SIZE..CHAIN_SIZE + 48 + 56];
            let mut back = records.to_vec();
            back.resize(UNIT - CHAIN_SIZE, 0);
            back.extend(chain(order, PLAIN, 48 + 56));
            let mut read = Vec::new();
            for (bytes, kind, proof) in
                [(&front, Checksum::ZILOG2, (UNIT, 152..184)), (&back, Checksum::ZILOG, (UNIT, 4064..4096))]
            {
                // the order around the block means nothing
                let (rest, block) = ZilBlock::parse(Input::new(bytes, Order::Little)).unwrap();
                assert!(rest.bytes().is_empty());
                assert_eq!((block.checksum(), block.proven(UNIT)), (kind, Some(proof)));
                assert_eq!(block.records().len(), 2);
                read.push((block.records().to_vec(), *block.chain()));
            }
            assert_eq!(read[0].0, read[1].0);
        }
    }

    #[test]
    fn what_is_used_must_be_there() {
        for nused in [183, 4097, u64::MAX] {
            let mut block = chain(Order::Little, PLAIN, nused);
            block.resize(UNIT, 0);
            assert!(ZilBlock::parse(Input::new(&block, Order::Little)).is_err());
        }
    }

    #[test]
    fn records_end_at_one_without_length() {
        let mut block = slim(Order::Little, PLAIN);
        block[CHAIN_SIZE + 48 + 8] = 0;
        let (_, read) = ZilBlock::parse(Input::new(&block, Order::Little)).unwrap();
        assert_eq!(read.records().len(), 1);
    }

    #[test]
    fn encrypted_bodies_are_kept() {
        let block = slim(Order::Big, ENCRYPTED);
        let (_, read) = ZilBlock::parse(Input::new(&block, Order::Big)).unwrap();
        let [remove, _] = read.records() else { panic!("{read:?}") };
        assert!(matches!(remove.body, Some(Body::Remove(_))), "decrypted: {remove:?}");
        let mut block = block;
        block[CHAIN_SIZE + 32..CHAIN_SIZE + 104].fill(0xa5);
        block[CHAIN_SIZE + 48..CHAIN_SIZE + 80]
            .copy_from_slice(&slim(Order::Big, 0)[CHAIN_SIZE + 48..CHAIN_SIZE + 80]);
        let (_, read) = ZilBlock::parse(Input::new(&block, Order::Big)).unwrap();
        let [remove, truncate] = read.records() else { panic!("{read:?}") };
        assert_eq!(remove.kind.txtype(), TxType::REMOVE);
        assert!(matches!(
            (&remove.body, &truncate.body),
            (Some(Body::Ciphertext(_)), Some(Body::Ciphertext(_)))
        ));
    }
}
