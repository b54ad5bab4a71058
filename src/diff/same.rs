//! Whether two pointers lead to the same bytes, without reading them.
//!
//! Handbook: `docs/format/03-blkptr.md`, 3.1 and 3.6.

use zfsp_grammar::blkptr::Pointer;

/// True if they do: the same place, written at the same time, with the same checksum; the same payload; or both holes,
/// whenever those came into being. Both must be of one pool.
pub(super) fn is_same(a: &Pointer, b: &Pointer) -> bool {
    match (a, b) {
        (Pointer::Hole(_), Pointer::Hole(_)) => true,
        (Pointer::Embedded(a), Pointer::Embedded(b)) => {
            a.prop == b.prop && a.head == b.head && a.body == b.body && a.tail == b.tail
        }
        _ => a.stored().zip(b.stored()).is_some_and(|(a, b)| {
            let (mut prop, mut other) = (a.prop, b.prop);
            // being in the dedup table changes no bytes
            prop.0 &= !DEDUP;
            other.0 &= !DEDUP;
            a.dva.first() == b.dva.first()
                && a.written() == b.written()
                && a.cksum == b.cksum
                && prop == other
        }),
    }
}

/// Bit of `prop`.
const DEDUP: u64 = 1 << 62;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use zfsp_grammar::blkptr::BLKPTR_SIZE;
    use zfsp_grammar::input::{Input, Order, Parse};

    fn pointer(words: [u64; 16]) -> Pointer {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(bytes.len(), BLKPTR_SIZE);
        Pointer::parse(Input::new(&bytes, Order::Little)).unwrap().1
    }

    const PLAIN: u64 = (1 << 63) | (19 << 48) | (7 << 40) | (2 << 32);

    proptest! {
        #[test]
        fn what_tells_bytes_apart_counts_and_nothing_else(
            mut words in proptest::array::uniform16(1u64..1 << 40), which in 0usize..16, bit in 0u32..40
        ) {
            words[6] = PLAIN;
            let mut other = words;
            other[which] ^= 1 << bit;
            let counts = match which {
                // the first copy, how it is stored, when it was written, its checksum
                0 | 1 | 6 | 9 | 12..=15 => true,
                _ => false,
            };
            prop_assert!(is_same(&pointer(words), &pointer(words)));
            if !(which == 9 && other[9] == 0) {
                prop_assert_eq!(!is_same(&pointer(words), &pointer(other)), counts, "word {}", which);
            }
        }
    }

    #[test]
    fn holes_are_the_same_whenever_they_came() {
        let (mut old, mut new) = ([0; 16], [0; 16]);
        new[10] = 77;
        assert!(is_same(&pointer(old), &pointer(new)));
        (old[0], old[1], old[6]) = (1, 9, PLAIN);
        assert!(!is_same(&pointer(old), &pointer(new)));
    }
}
