//! What is kept of a checksum: all of it, but where half of its words hold a MAC.
//!
//! So it is for every block with the bit `encrypted`, except object sets, whose MACs are inside.
//! Handbook: `docs/format/04-checksums.md`, 4.6.

use zfsp_grammar::algorithms::Checksum;
use zfsp_grammar::blkptr::Prop;
use zfsp_grammar::object_type::ObjectType;
use zfsp_grammar::quantity::Cksum;

/// Which part of a checksum is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// All four words.
    All,
    /// The first two words: of algorithms strong enough for dedup.
    First,
    /// The first two words, folded with the others by XOR.
    Folded,
}

impl Kept {
    /// What a pointer with these properties, or what proves itself in its stead, keeps of a sum.
    pub(super) fn by(prop: Prop, algorithm: Checksum) -> Self {
        if !prop.encrypted() || prop.r#type() == ObjectType::OBJSET {
            return Kept::All;
        }
        match algorithm {
            Checksum::SHA256 | Checksum::SHA512 | Checksum::SKEIN | Checksum::BLAKE3 => Kept::First,
            _ => Kept::Folded,
        }
    }
    /// True if `stored` is what is kept of `computed`.
    pub(super) fn holds(self, Cksum(computed): Cksum, Cksum(stored): Cksum) -> bool {
        let [a, b, c, d] = computed;
        let [x, y, ..] = stored;
        match self {
            Kept::All => computed == stored,
            Kept::First => [a, b] == [x, y],
            Kept::Folded => [a ^ c, b ^ d] == [x, y],
        }
    }
}

/// True if `stored` is kept of `computed`, by a pointer that is not at hand: all of it, or folded as of
/// an encrypted block.
pub(crate) fn holds_somehow(computed: Cksum, stored: Cksum) -> bool {
    [Kept::All, Kept::Folded].into_iter().any(|kept| kept.holds(computed, stored))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chapter 04, 4.6: of the block B4096, whose sums are in 4.12. The last two words are the MAC.
    #[test]
    fn halves() {
        let sum = Cksum([0x1f9_fe02_0400, 0x3_f351_1b23_5e00, 0x545_fd14_58c9_3000, 0x48df_841d_c7fb_3700]);
        let folded = Cksum([0x545_fced_a6cb_3400, 0x48dc_774c_dcd8_6900, 1, 2]);
        let first = Cksum([0x1f9_fe02_0400, 0x3_f351_1b23_5e00, 3, 4]);
        for (kept, stored) in [(Kept::All, sum), (Kept::First, first), (Kept::Folded, folded)] {
            assert!(kept.holds(sum, stored));
            for word in 0..if kept == Kept::All { 4 } else { 2 } {
                let mut wrong = stored;
                wrong.0[word] ^= 1;
                assert!(!kept.holds(sum, wrong), "{kept:?}");
            }
        }
    }
    #[test]
    fn by_the_bit_and_the_algorithm() {
        let encrypted = |kind: u64| Prop(1 << 61 | kind << 48);
        assert_eq!(Kept::by(Prop(19 << 48), Checksum::FLETCHER4), Kept::All);
        assert_eq!(Kept::by(encrypted(11), Checksum::FLETCHER4), Kept::All);
        for (algorithm, kept) in [
            (Checksum::GANG_HEADER, Kept::Folded),
            (Checksum::FLETCHER2, Kept::Folded),
            (Checksum::FLETCHER4, Kept::Folded),
            (Checksum::ZILOG2, Kept::Folded),
            (Checksum::EDONR, Kept::Folded),
            (Checksum::SHA256, Kept::First),
            (Checksum::SHA512, Kept::First),
            (Checksum::SKEIN, Kept::First),
            (Checksum::BLAKE3, Kept::First),
        ] {
            assert_eq!(Kept::by(encrypted(19), algorithm), kept, "{algorithm}");
        }
    }
}
