//! What is authenticated of a block pointer, and the MAC of an indirect block, which is made of that.
//!
//! Places, births and checksums are not: a pool may move its blocks, and knows no key when it does. Handbook:
//! `docs/format/22-encryption.md`, 22.10 and 22.11.

use sha2::{Digest, Sha512};
use zfsp_grammar::blkptr::BLKPTR_SIZE;
use zfsp_grammar::dsl::crypto_key::KeyVersion;
use zfsp_grammar::input::Order;
use zfsp_grammar::object_type::ObjectType;

/// The longest form, of version 1. The forms of version 0 are without the last 8 bytes, which are zeros.
const FORM_SIZE: usize = 32;
const PROP_AT: usize = 48;
const MAC_AT: usize = 112;

const PSIZE: u64 = 0xffff << 16;
const COMPRESSION: u64 = 0x7f << 32;
const EMBEDDED: u64 = 1 << 39;
const CHECKSUM: u64 = 0xff << 40;
const DEDUP: u64 = 1 << 62;
const LITTLE: u64 = 1 << 63;

/// Word `at` of bytes that are of that order; of what is not there 0.
pub(super) fn word(bytes: &[u8], at: usize, order: Order) -> u64 {
    let word = bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
    match order {
        Order::Little => u64::from_le_bytes(word),
        Order::Big => u64::from_be_bytes(word),
    }
}

/// Tells `sink` what is authenticated of a pointer that stands in a block of that order.
pub(super) fn pointer(raw: &[u8], order: Order, version: KeyVersion, sink: &mut dyn FnMut(&[u8])) {
    let prop = word(raw, PROP_AT, order);
    let is_hole = prop & EMBEDDED == 0 && word(raw, 0, order) == 0 && word(raw, 8, order) == 0;
    let (level, kind) = ((prop >> 56) & 0x1f, (prop >> 48) & 0xff);
    let kept = match (version, is_hole, level) {
        (KeyVersion::FIRST, ..) => prop & !(DEDUP | CHECKSUM | PSIZE),
        (_, true, _) => 0,
        (_, false, 0) => prop & !(DEDUP | CHECKSUM),
        (_, false, _) => prop & !(DEDUP | CHECKSUM | LITTLE | COMPRESSION | PSIZE),
    };
    let mut form = [0; FORM_SIZE];
    let (head, rest) = form.split_at_mut(8);
    head.copy_from_slice(&kept.to_le_bytes());
    if !is_hole && kind != u64::from(ObjectType::OBJSET.0) {
        let is_little = prop & LITTLE != 0;
        for (to, at) in rest.chunks_exact_mut(8).zip([MAC_AT, MAC_AT.saturating_add(8)]) {
            let word = word(raw, at, order);
            to.copy_from_slice(&if is_little { word.to_le_bytes() } else { word.to_be_bytes() });
        }
    }
    let size = if version == KeyVersion::FIRST { FORM_SIZE - 8 } else { FORM_SIZE };
    sink(form.get(..size).unwrap_or_default());
}

/// Whether `mac` is that of an indirect block of that order, decompressed. It takes no key; of an unknown version each
/// is tried.
#[must_use]
pub fn indirect_mac_holds(block: &[u8], order: Order, version: Option<KeyVersion>, mac: &[u8; 16]) -> bool {
    let holds = |version: KeyVersion| {
        let mut hash = Sha512::new();
        for raw in block.chunks_exact(BLKPTR_SIZE) {
            pointer(raw, order, version, &mut |form| hash.update(form));
        }
        hash.finalize().starts_with(mac)
    };
    match version {
        Some(version) => holds(version),
        None => holds(KeyVersion::CURRENT) || holds(KeyVersion::FIRST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chapter 22, 22.18.
    #[test]
    fn holes_of_the_handbook() {
        let mac = 0x693f_95d5_8383_a616_2d2a_ab49_eb60_395d_u128.to_be_bytes();
        let holes = [0; 8 * BLKPTR_SIZE];
        assert!(indirect_mac_holds(&holes, Order::Little, Some(KeyVersion::CURRENT), &mac));
        assert!(indirect_mac_holds(&holes, Order::Big, None, &mac));
        assert!(!indirect_mac_holds(&holes, Order::Little, Some(KeyVersion::FIRST), &mac));
        assert!(!indirect_mac_holds(&holes[BLKPTR_SIZE..], Order::Little, None, &mac));
    }
}
