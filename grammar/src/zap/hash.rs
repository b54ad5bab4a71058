//! The hash that places a key in a ZAP, and the cursor made of it.
//!
//! CRC-64 (the polynomial of ECMA-182, reflected) over the prepared name or over the words of the
//! key, begun with the ZAP's own salt. Only the top 28 bits count, 48 where the flags say so.
//! Handbook: [`docs/format/10-zap.md`], 10.5 and 10.8.
//!
//! ```
//! use zfsp_grammar::zap::hash::Hashing;
//!
//! let hashing = Hashing { salt: 1, ..Hashing::default() };
//! assert_eq!(hashing.of_name(b"ROOT"), 0xa1ab_3e30_0000_0000);
//! assert_eq!(hashing.cursor(0xa1ab_3e30_0000_0000, 2), 0x2a1a_b3e3);
//! ```
//!
//! [`docs/format/10-zap.md`]: crate::handbook::zap

use crate::zap::fat::ZapFlags;
use crate::zap::names::{NormFlags, prepare};

const POLYNOMIAL: u64 = 0xc96c_5795_d787_0f42;

const TABLE: [u64; 256] = table();

#[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::as_conversions)] // n < 256, in const
const fn table() -> [u64; 256] {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let mut c = n as u64;
        let mut bit = 0;
        while bit < 8 {
            c = if c & 1 == 1 { (c >> 1) ^ POLYNOMIAL } else { c >> 1 };
            bit += 1;
        }
        table[n] = c;
        n += 1;
    }
    table
}

/// Goes on with the CRC `h` over `bytes`.
#[must_use]
pub fn crc64(h: u64, bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(h, |h, b| {
        let [low, ..] = h.to_le_bytes();
        let entry = TABLE.get(usize::from(low ^ b)).copied().unwrap_or_default();
        (h >> 8) ^ entry
    })
}

/// How a ZAP hashes its keys: three words of its first block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Hashing {
    /// Start value.
    pub salt: u64,
    /// How names are prepared.
    pub normflags: NormFlags,
    /// Kind of keys, width of the hash; micro ZAPs have none.
    pub flags: ZapFlags,
}

impl Hashing {
    /// Bits of the hash that count: 28 or 48, the top ones.
    #[must_use]
    pub fn bits(&self) -> u32 {
        if self.flags.hash64() { 48 } else { 28 }
    }
    fn mask(&self, h: u64) -> u64 {
        h & u64::MAX.unbounded_shl(64u32.saturating_sub(self.bits()))
    }
    /// Hash of a name (without its NUL).
    #[must_use]
    pub fn of_name(&self, name: &[u8]) -> u64 {
        self.mask(if self.normflags.0 == 0 {
            crc64(self.salt, name.iter().copied())
        } else {
            crc64(self.salt, prepare(name, self.normflags))
        })
    }
    /// Hash of a key of words.
    #[must_use]
    pub fn of_words(&self, key: &[u64]) -> u64 {
        self.mask(if self.flags.pre_hashed_key() {
            key.first().copied().unwrap_or_default()
        } else {
            crc64(self.salt, key.iter().flat_map(|word| word.to_le_bytes()))
        })
    }
    /// True if the hash of `name` follows from the format alone. Where names are normalised, exotic
    /// ones depend on the tables of the writer: a lookup that misses by hash must compare all names.
    #[must_use]
    pub fn is_certain(&self, name: &[u8]) -> bool {
        self.normflags.0 == 0 || name.is_ascii()
    }
    /// The position of an entry in one word: what directory offsets and scan bookmarks hold.
    #[must_use]
    pub fn cursor(&self, hash: u64, cd: u32) -> u64 {
        hash.unbounded_shr(64u32.saturating_sub(self.bits())) | u64::from(cd).unbounded_shl(self.bits())
    }
    /// Hash and collision differentiator from which a cursor goes on; `None` at the end.
    #[must_use]
    pub fn resume(&self, cursor: u64) -> Option<(u64, u32)> {
        let most = if self.flags.hash64() { u32::from(u16::MAX) } else { u32::MAX };
        let cd = cursor.unbounded_shr(self.bits());
        let cd = u32::try_from(cd).ok().filter(|cd| *cd < most).unwrap_or(0);
        (cursor != u64::MAX).then(|| (cursor.unbounded_shl(64u32.saturating_sub(self.bits())), cd))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(salt: u64, flags: u64) -> Hashing {
        Hashing { salt, normflags: NormFlags(0), flags: ZapFlags(flags) }
    }

    #[test]
    fn check_values_of_the_chapter() {
        assert_eq!(
            [TABLE[1], TABLE[2], TABLE[128], TABLE[255]],
            [0xb32e_4cbe_03a7_5f6f, 0xf484_3657_a840_a05b, POLYNOMIAL, 0xe0ad_a173_6467_3f59]
        );
        assert_eq!(crc64(1, *b"a"), 0x9f81_69ba_49a5_4b33);
        assert_eq!(with(1, 0).of_name(b"a"), 0x9f81_69b0_0000_0000);
        assert_eq!(with(1, 1).of_name(b"a"), 0x9f81_69ba_49a5_0000);
        assert_eq!(with(0x8e_d2a7_d5c1, 0).of_name(b"ROOT"), 0x9915_03f0_0000_0000);
        assert_eq!(with(1, 3).of_words(&[0x1122_3344_5566_7788]), 0xb4f1_2cac_3338_0000);
        assert_eq!(with(1, 7).of_words(&[0x1122_3344_5566_7788, 5]), 0x1122_3344_5566_0000);
    }

    #[test]
    fn cursors_of_the_chapter() {
        let narrow = with(1, 0);
        assert_eq!(narrow.cursor(0xa1ab_3e30_0000_0000, 2), 0x2a1a_b3e3);
        assert_eq!(narrow.resume(0x2a1a_b3e3), Some((0xa1ab_3e30_0000_0000, 2)));
        assert_eq!(narrow.resume(u64::MAX), None);
        let wide = with(1, 1);
        assert_eq!(wide.resume(0xffff_1234_5678_9abc), Some((0x1234_5678_9abc_0000, 0)));
    }
}
