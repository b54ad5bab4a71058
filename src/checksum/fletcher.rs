//! The Fletcher checksums: running sums of words, modulo 2^64.
//!
//! Handbook: `docs/format/04-checksums.md`, 4.4.

use zfsp_grammar::input::Order;
use zfsp_grammar::quantity::Cksum;

/// fletcher2: pairs of 64-bit words. What is left behind the last whole pair does not count: blocks
/// are multiples of 512 bytes.
#[must_use]
pub fn fletcher2(bytes: &[u8], order: Order) -> Cksum {
    let (pairs, _) = bytes.as_chunks::<16>();
    let word = |b: &[u8]| {
        b.first_chunk().map_or(0, |b| {
            if order == Order::Little { u64::from_le_bytes(*b) } else { u64::from_be_bytes(*b) }
        })
    };
    let (mut a0, mut a1, mut b0, mut b1) = (0u64, 0u64, 0u64, 0u64);
    for pair in pairs {
        let (x, y) = pair.split_at(8);
        a0 = a0.wrapping_add(word(x));
        a1 = a1.wrapping_add(word(y));
        b0 = b0.wrapping_add(a0);
        b1 = b1.wrapping_add(a1);
    }
    Cksum([a0, a1, b0, b1])
}

/// fletcher4: 32-bit words.
#[must_use]
pub fn fletcher4(bytes: &[u8], order: Order) -> Cksum {
    let (words, _) = bytes.as_chunks::<4>();
    match order {
        Order::Little => sum4(words.iter().map(|w| u32::from_le_bytes(*w))),
        Order::Big => sum4(words.iter().map(|w| u32::from_be_bytes(*w))),
    }
}

fn sum4(words: impl Iterator<Item = u32>) -> Cksum {
    let (mut a, mut b, mut c, mut d) = (0u64, 0u64, 0u64, 0u64);
    for word in words {
        a = a.wrapping_add(u64::from(word));
        b = b.wrapping_add(a);
        c = c.wrapping_add(b);
        d = d.wrapping_add(c);
    }
    Cksum([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chapter 04, 4.4.
    #[test]
    fn small_vectors() {
        let bytes: Vec<u8> = (1..=16).collect();
        let two = "0807060504030201:100f0e0d0c0b0a09:0807060504030201:100f0e0d0c0b0a09";
        assert_eq!(fletcher2(&bytes, Order::Little).to_string(), two);
        let four = Cksum([0x2824_201c, 0x5046_3c32, 0x8c78_6450, 0xe0bd_9a77]);
        assert_eq!(fletcher4(&bytes, Order::Little), four);
        let swapped: Vec<u8> = bytes.chunks(4).flat_map(|w| w.iter().rev().copied()).collect();
        assert_eq!(fletcher4(&swapped, Order::Big), four);
    }
}
