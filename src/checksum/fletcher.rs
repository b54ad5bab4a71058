//! The Fletcher checksums: running sums of words, modulo 2^64.
//!
//! Handbook: `docs/format/04-checksums.md`, 4.4.

use std::num::Wrapping;

use zfsp_grammar::input::Order;
use zfsp_grammar::quantity::Cksum;

/// A number modulo 2^64.
type Sum = Wrapping<u64>;

/// fletcher2: pairs of 64-bit words. What is left behind the last whole pair does not count: blocks
/// are multiples of 512 bytes.
#[must_use]
pub fn fletcher2(bytes: &[u8], order: Order) -> Cksum {
    let (words, _) = bytes.as_chunks::<8>();
    match order {
        Order::Little => sum2(words, |word| Wrapping(u64::from_le_bytes(word))),
        Order::Big => sum2(words, |word| Wrapping(u64::from_be_bytes(word))),
    }
}

/// fletcher4: 32-bit words. What is left behind the last whole word does not count.
#[must_use]
pub fn fletcher4(bytes: &[u8], order: Order) -> Cksum {
    let (words, _) = bytes.as_chunks::<4>();
    match order {
        Order::Little => sum4(words, |word| Wrapping(u32::from_le_bytes(word).into())),
        Order::Big => sum4(words, |word| Wrapping(u32::from_be_bytes(word).into())),
    }
}

fn sum2(words: &[[u8; 8]], value: impl Fn([u8; 8]) -> Sum) -> Cksum {
    let [mut a0, mut a1, mut b0, mut b1] = [Sum::default(); 4];
    for [x, y] in words.as_chunks().0 {
        a0 += value(*x);
        a1 += value(*y);
        b0 += a0;
        b1 += a1;
    }
    Cksum([a0.0, a1.0, b0.0, b1.0])
}

/// Word 4n + j goes to lane j. The lanes do not wait for each other, so the compiler sums them with
/// vector instructions: four times as fast as one by one.
fn sum4(words: &[[u8; 4]], value: impl Fn([u8; 4]) -> Sum) -> Cksum {
    let (rounds, rest) = words.as_chunks::<4>();
    let [mut a, mut b, mut c, mut d] = [[Sum::default(); 4]; 4];
    for round in rounds {
        a = add(a, round.map(&value));
        b = add(b, a);
        c = add(c, b);
        d = add(d, c);
    }
    let [mut a, mut b, mut c, mut d] = join([a, b, c, d]);
    for word in rest {
        a += value(*word);
        b += a;
        c += b;
        d += c;
    }
    Cksum([a.0, b.0, c.0, d.0])
}

fn add([a, b, c, d]: [Sum; 4], [e, f, g, h]: [Sum; 4]) -> [Sum; 4] {
    [a + e, b + f, c + g, d + h]
}

/// The sums over all words from those of the lanes.
///
/// A word that is the k-th from the end of its lane j is the (w = 4k - j)-th from the end of all. It
/// counts 1, k, C(k+1, 2), C(k+2, 3) times in the sums of its lane, and 1, w, C(w+1, 2), C(w+2, 3)
/// times in the sums over all; the latter are these combinations of the former.
fn join([a, b, c, d]: [[Sum; 4]; 4]) -> [Sum; 4] {
    let n = Wrapping::<u64>;
    let lanes = (0..4).map(n).zip(a).zip(b).zip(c).zip(d);
    lanes.fold([n(0); 4], |all, ((((j, a), b), c), d)| {
        // C(j, 2) and C(j, 3)
        let (pairs, triples) = match j.0 {
            0 | 1 => (n(0), n(0)),
            2 => (n(1), n(0)),
            _ => (n(3), n(1)),
        };
        let lane = [
            a,
            n(4) * b - j * a,
            n(16) * c - (n(6) + n(4) * j) * b + pairs * a,
            n(64) * d - (n(48) + n(16) * j) * c + (n(4) + n(4) * j + n(2) * j * j) * b - triples * a,
        ];
        add(all, lane)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Chapter 04, 4.4.
    #[test]
    fn small_vectors() {
        let bytes: Vec<u8> = (1..=16).collect();
        let two = "0807060504030201:100f0e0d0c0b0a09:0807060504030201:100f0e0d0c0b0a09";
        assert_eq!(fletcher2(&bytes, Order::Little).to_string(), two);
        let four = Cksum([0x2824_201c, 0x5046_3c32, 0x8c78_6450, 0xe0bd_9a77]);
        assert_eq!(fletcher4(&bytes, Order::Little), four);
    }

    /// As the definition says, one word after the other.
    fn plain4(bytes: &[u8]) -> Cksum {
        let [mut a, mut b, mut c, mut d] = [0u64; 4];
        for word in bytes.as_chunks().0 {
            a = a.wrapping_add(u32::from_le_bytes(*word).into());
            b = b.wrapping_add(a);
            c = c.wrapping_add(b);
            d = d.wrapping_add(c);
        }
        Cksum([a, b, c, d])
    }

    fn swapped<const N: usize>(bytes: &[u8]) -> Vec<u8> {
        bytes.chunks(N).flat_map(|word| word.iter().rev().copied()).collect()
    }

    proptest! {
        #[test]
        fn lanes_change_nothing(bytes: Vec<u8>) {
            prop_assert_eq!(fletcher4(&bytes, Order::Little), plain4(&bytes));
        }
        #[test]
        fn both_orders_read_the_same_words(words: Vec<[u64; 2]>) {
            let bytes: Vec<u8> = words.concat().iter().flat_map(|word| word.to_le_bytes()).collect();
            prop_assert_eq!(fletcher2(&swapped::<8>(&bytes), Order::Big), fletcher2(&bytes, Order::Little));
            prop_assert_eq!(fletcher4(&swapped::<4>(&bytes), Order::Big), fletcher4(&bytes, Order::Little));
        }
    }
}
