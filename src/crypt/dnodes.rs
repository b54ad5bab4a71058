//! Blocks of dnodes: in clear, but for the bonuses that tell of files, and authenticated as one message.
//!
//! Handbook: `docs/format/22-encryption.md`, 22.9.

use std::ops::Range;

use zfsp_grammar::blkptr::BLKPTR_SIZE;
use zfsp_grammar::dnode::SLOT_SIZE;
use zfsp_grammar::dsl::crypto_key::KeyVersion;
use zfsp_grammar::input::Order;
use zfsp_grammar::object_type::ObjectType;

use super::cipher::{Cipher, Seal};
use super::form;

/// Bytes before the pointers.
pub(super) const CORE_SIZE: usize = 64;
const NBLKPTR_AT: usize = 3;
const BONUSTYPE_AT: usize = 4;
const FLAGS_AT: usize = 7;
const BONUSLEN: Range<usize> = 10..12;
const EXTRA_SLOTS_AT: usize = 12;
const USED: Range<usize> = 24..32;
/// Of the flags: a spill pointer ends the dnode.
const HAS_SPILL: u8 = 4;
const MOST_POINTERS: usize = 3;

/// Where the parts of a dnode stand, free or not.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    /// Its head as it is authenticated: without what changes when nothing of the file does.
    pub(super) core: [u8; CORE_SIZE],
    pointers: Range<usize>,
    bonus: Range<usize>,
    spill: Option<Range<usize>>,
    has_secret: bool,
}

impl Parts {
    /// Of the dnode that starts at `start`; `None` if it is not within the block.
    pub(super) fn at(block: &[u8], start: usize) -> Option<Self> {
        let dnode = block.get(start..)?;
        let mut core = *dnode.first_chunk::<CORE_SIZE>()?;
        let byte = |at: usize| core.get(at).copied().unwrap_or_default();
        let (pointers, slots) = (usize::from(byte(NBLKPTR_AT)), usize::from(byte(EXTRA_SLOTS_AT)));
        let end = slots.checked_add(1)?.checked_mul(SLOT_SIZE)?;
        if end > dnode.len() || pointers > MOST_POINTERS {
            return None;
        }
        let bonus = pointers.checked_mul(BLKPTR_SIZE)?.checked_add(CORE_SIZE)?;
        let spill = if byte(FLAGS_AT) & HAS_SPILL == 0 { 0 } else { BLKPTR_SIZE };
        let bonus_end = end.checked_sub(spill).filter(|end| *end >= bonus)?;
        let has_bonus = core.get(BONUSLEN)?.iter().any(|byte| *byte != 0);
        let has_secret = byte(0) != 0 && has_bonus && ObjectType(byte(BONUSTYPE_AT)).is_encrypted();
        *core.get_mut(FLAGS_AT)? &= HAS_SPILL;
        core.get_mut(USED)?.fill(0);
        let within =
            |range: Range<usize>| Some(range.start.checked_add(start)?..range.end.checked_add(start)?);
        Some(Self {
            core,
            pointers: within(CORE_SIZE..bonus)?,
            bonus: within(bonus..bonus_end)?,
            spill: if spill == 0 { None } else { Some(within(bonus_end..end)?) },
            has_secret,
        })
    }

    /// Tells `sink` what is authenticated of its pointers.
    pub(super) fn pointers(
        &self,
        block: &[u8],
        order: Order,
        version: KeyVersion,
        sink: &mut dyn FnMut(&[u8]),
    ) {
        for range in [Some(&self.pointers), self.spill.as_ref()].into_iter().flatten() {
            for raw in block.get(range.clone()).unwrap_or_default().chunks_exact(BLKPTR_SIZE) {
                form::pointer(raw, order, version, sink);
            }
        }
    }

    /// Where the next dnode starts.
    fn end(&self) -> usize {
        self.spill.as_ref().unwrap_or(&self.bonus).end
    }
}

/// Decrypts the bonuses of a block of dnodes where they are. False if the block is not what its writer authenticated:
/// then it is as before.
pub(super) fn open(
    cipher: &Cipher,
    seal: &Seal,
    version: KeyVersion,
    order: Order,
    block: &mut [u8],
) -> bool {
    let (mut aad, mut secrets) = (Vec::with_capacity(block.len()), Vec::new());
    let mut start = 0;
    while start < block.len() {
        let Some(parts) = Parts::at(block, start) else { return false };
        aad.extend_from_slice(&parts.core);
        parts.pointers(block, order, version, &mut |form| aad.extend_from_slice(form));
        start = parts.end();
        if parts.has_secret {
            secrets.push(parts.bonus);
        } else {
            aad.extend_from_slice(block.get(parts.bonus).unwrap_or_default());
        }
    }
    cipher.open_parts(seal, &aad, block, &secrets)
}
