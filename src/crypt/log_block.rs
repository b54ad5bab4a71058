//! Blocks of intent logs: the heads of records are in clear, and what leads to blocks, so that an import can claim
//! them without a key.
//!
//! Handbook: `docs/format/22-encryption.md`, 22.13.

use std::ops::Range;

use zfsp_grammar::blkptr::{BLKPTR_SIZE, Encrypted};
use zfsp_grammar::input::Order;
use zfsp_grammar::zil::chain::CHAIN_SIZE;

use super::cipher::Seal;
use super::form::word;
use super::{DataKey, Mac};

/// Bytes of the chain that are authenticated: the next pointer, and how many bytes are used.
const AUTHENTICATED: usize = 144;
const NUSED_AT: usize = 136;
const MAC_AT: usize = 168;
/// Bytes of a record that are always in clear: type, length, txg and number.
const HEAD_SIZE: usize = 32;
const LENGTH_AT: usize = 8;
const TX_WRITE: u64 = 9;
const TX_CLONE_RANGE: u64 = 24;
/// Bytes of their bodies that are ciphertext, before what is in clear.
const FIELDS_SIZE: usize = 32;
/// Bytes that say how many pointers follow.
const COUNT_SIZE: usize = 8;

impl DataKey {
    /// Decrypts the records of a log block of that order where they are. Salt and IV are in the pointer to it, but the
    /// MAC is in the block.
    ///
    /// # Errors
    /// That its MAC is wrong: then it is as before.
    pub fn open_log(&self, b: &Encrypted, order: Order, block: &mut [u8]) -> Result<(), Mac> {
        self.open_records(b, order, block).ok_or(Mac::Log)
    }

    fn open_records(&self, b: &Encrypted, order: Order, block: &mut [u8]) -> Option<()> {
        let tag = *block.get(MAC_AT..)?.first_chunk()?;
        let seal = Seal { nonce: b.iv_bytes(), tag };
        let used = usize::try_from(word(block, NUSED_AT, order)).ok()?;
        block.get(..used)?.get(CHAIN_SIZE..)?;
        let mut aad = block.get(..AUTHENTICATED)?.to_vec();
        let mut secrets: Vec<Range<usize>> = Vec::new();
        let mut start = CHAIN_SIZE;
        while start < used {
            let record = block.get(start..used)?;
            let length = usize::try_from(word(record, LENGTH_AT, order)).ok()?;
            let record = record.get(..length)?;
            let clear = clear(word(record, 0, order), length)?;
            aad.extend_from_slice(record.get(..HEAD_SIZE)?);
            aad.extend_from_slice(record.get(clear.clone())?);
            for secret in [HEAD_SIZE..clear.start, clear.end..length] {
                secrets.push(secret.start.checked_add(start)?..secret.end.checked_add(start)?);
            }
            start = start.checked_add(length)?;
        }
        let cipher = self.cipher(b.salt_bytes())?;
        cipher.open_parts(&seal, &aad, block, &secrets).then_some(())
    }
}

/// What is in clear of the body of a record of that type and length; `None` if it is too short for its type.
fn clear(kind: u64, length: usize) -> Option<Range<usize>> {
    const FIELDS_END: usize = HEAD_SIZE + FIELDS_SIZE;
    let (clear, shortest) = match kind {
        // one pointer
        TX_WRITE => (FIELDS_END..FIELDS_END + BLKPTR_SIZE, FIELDS_END + BLKPTR_SIZE),
        // a count and pointers
        TX_CLONE_RANGE => (FIELDS_END..length, FIELDS_END + COUNT_SIZE),
        _ => (length..length, HEAD_SIZE),
    };
    (length >= shortest).then_some(clear)
}
