//! The MACs of an object set: what all below it stands on.
//!
//! The portable MAC holds on whatever pool the dataset is received; the local one also covers the accounting, which each
//! pool does for itself. Handbook: `docs/format/22-encryption.md`, 22.12.

use hmac::Mac as _;
use zfsp_grammar::dnode::SLOT_SIZE;
use zfsp_grammar::dsl::crypto_key::KeyVersion;
use zfsp_grammar::input::Order;

use super::dnodes::{CORE_SIZE, Parts};
use super::form::word;
use super::{DataKey, Mac};

const TYPE_AT: usize = 704;
const FLAGS_AT: usize = 712;
const PORTABLE_AT: usize = 720;
const LOCAL_AT: usize = 752;
const MAC_SIZE: usize = 32;
/// Dnodes of the space used by users, groups and projects.
const USERUSED_AT: usize = 1024;
const GROUPUSED_AT: usize = 1536;
const PROJECTUSED_AT: usize = 2048;
/// Without accounting.
const SHORTEST: usize = 1024;

impl DataKey {
    /// Checks the block of an object set: what its meta dnode leads to.
    ///
    /// # Errors
    /// That its portable MAC is wrong.
    pub fn portable(&self, block: &[u8], order: Order) -> Result<(), Mac> {
        let mut hmac = self.hmac();
        // the only number that is taken with its most significant byte first
        hmac.update(&word(block, TYPE_AT, order).to_be_bytes());
        // none of the flags is portable
        hmac.update(&[0; 8]);
        let is_dnode = dnode(block, 0, order, self.version, &mut |bytes| hmac.update(bytes));
        let holds = is_dnode && hmac.finalize().into_bytes().get(..MAC_SIZE) == stored(block, PORTABLE_AT);
        if holds { Ok(()) } else { Err(Mac::Portable) }
    }

    /// Checks the block of an object set: what the dnodes of its accounting lead to. False if no MAC covers them: the
    /// accounting is not complete, or is none.
    ///
    /// # Errors
    /// That its local MAC is wrong.
    pub fn local(&self, block: &[u8], order: Order) -> Result<bool, Mac> {
        let flags = word(block, FLAGS_AT, order);
        let is_used = |at: usize| block.get(at).is_some_and(|kind| *kind != 0);
        let is_complete = flags & 1 != 0;
        if !is_complete || block.len() <= SHORTEST || !(is_used(USERUSED_AT) || is_used(GROUPUSED_AT)) {
            // then the MAC is zeros, and what it was before does not matter
            return Ok(false);
        }
        let mut hmac = self.hmac();
        hmac.update(&flags.to_le_bytes());
        let mut all = [USERUSED_AT, GROUPUSED_AT, PROJECTUSED_AT].into_iter().filter(|at| is_used(*at));
        let are_dnodes = all.all(|at| dnode(block, at, order, self.version, &mut |bytes| hmac.update(bytes)));
        let holds = are_dnodes && hmac.finalize().into_bytes().get(..MAC_SIZE) == stored(block, LOCAL_AT);
        if holds { Ok(true) } else { Err(Mac::Local) }
    }
}

fn stored(block: &[u8], at: usize) -> Option<&[u8]> {
    block.get(at..)?.get(..MAC_SIZE)
}

/// Tells `sink` what is authenticated of a dnode in an object set, its numbers in little-endian order. False if it is
/// none.
fn dnode(block: &[u8], at: usize, order: Order, version: KeyVersion, sink: &mut dyn FnMut(&[u8])) -> bool {
    let slot = block.get(..at.saturating_add(SLOT_SIZE));
    let Some((slot, mut parts)) = slot.and_then(|slot| Some((slot, Parts::at(slot, at)?))) else {
        return false;
    };
    if order == Order::Big {
        swap(&mut parts.core);
    }
    sink(&parts.core);
    parts.pointers(slot, order, version, sink);
    true
}

/// The numbers of a dnode's head that are wider than a byte, in the other order.
fn swap(core: &mut [u8; CORE_SIZE]) {
    // datablkszsec, bonuslen, maxblkid, and four words that are not in use; `used` is zero here
    let numbers = [8..10, 10..12, 16..24, 32..40, 40..48, 48..56, 56..64];
    for range in numbers {
        core.get_mut(range).unwrap_or_default().reverse();
    }
}
