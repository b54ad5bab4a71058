//! The Fletcher checksums: running sums of words, modulo 2^64.
//!
//! Word by word each sum waits for the one before. So the words are dealt out to *lanes*, whose sums
//! do not wait for each other and are one vector to the compiler, and the sums over all words follow
//! from those of the lanes. Handbook: `docs/format/04-checksums.md`, 4.4.

use std::num::Wrapping;

use zfsp_grammar::input::Order;
use zfsp_grammar::quantity::Cksum;

/// A number modulo 2^64.
type Sum = Wrapping<u64>;

/// fletcher2: pairs of 64-bit words. What is left behind the last whole pair does not count: blocks
/// are multiples of 512 bytes.
#[must_use]
pub fn fletcher2(bytes: &[u8], order: Order) -> Cksum {
    sum(Words::Pairs, bytes, order)
}

/// fletcher4: 32-bit words. What is left behind the last whole word does not count.
#[must_use]
pub fn fletcher4(bytes: &[u8], order: Order) -> Cksum {
    sum(Words::Halves, bytes, order)
}

/// What is summed.
#[derive(Clone, Copy, Debug)]
enum Words {
    /// 64-bit words, in pairs
    Pairs,
    /// 32-bit words
    Halves,
}

/// With the widest vectors that the processor has.
fn sum(words: Words, bytes: &[u8], order: Order) -> Cksum {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, the only thing that the function needs
        #[allow(unsafe_code)] // nothing safe calls what not every processor has; three times as fast
        return unsafe { sum_avx2(words, bytes, order) };
    }
    sum_in_lanes::<4>(words, bytes, order)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn sum_avx2(words: Words, bytes: &[u8], order: Order) -> Cksum {
    sum_in_lanes::<8>(words, bytes, order)
}

/// Inlined, so that it is compiled for the vectors of its caller.
#[inline(always)]
fn sum_in_lanes<const LANES: usize>(words: Words, bytes: &[u8], order: Order) -> Cksum {
    match (words, order) {
        (Words::Pairs, Order::Little) => sum2::<LANES>(bytes, u64::from_le_bytes),
        (Words::Pairs, Order::Big) => sum2::<LANES>(bytes, u64::from_be_bytes),
        (Words::Halves, Order::Little) => sum4::<LANES>(bytes, |word| u32::from_le_bytes(word).into()),
        (Words::Halves, Order::Big) => sum4::<LANES>(bytes, |word| u32::from_be_bytes(word).into()),
    }
}

/// Pair n goes to lane n modulo `LANES`.
#[inline(always)]
fn sum2<const LANES: usize>(bytes: &[u8], value: impl Fn([u8; 8]) -> u64) -> Cksum {
    let (pairs, _) = bytes.as_chunks::<8>().0.as_chunks::<2>();
    let (rounds, rest) = pairs.as_chunks::<LANES>();
    let [mut a, mut b] = [[[Sum::default(); 2]; LANES]; 2];
    for round in rounds {
        for ((a, b), pair) in a.iter_mut().zip(&mut b).zip(round) {
            for ((a, b), word) in a.iter_mut().zip(b.iter_mut()).zip(pair) {
                *a += value(*word);
                *b += *a;
            }
        }
    }
    let none = [Sum::default(); LANES];
    let [mut a0, mut b0, ..] = join([a.map(|[x, _]| x), b.map(|[x, _]| x), none, none]);
    let [mut a1, mut b1, ..] = join([a.map(|[_, y]| y), b.map(|[_, y]| y), none, none]);
    for [x, y] in rest {
        a0 += value(*x);
        a1 += value(*y);
        b0 += a0;
        b1 += a1;
    }
    Cksum([a0.0, a1.0, b0.0, b1.0])
}

/// Word n goes to lane n modulo `LANES`.
#[inline(always)]
fn sum4<const LANES: usize>(bytes: &[u8], value: impl Fn([u8; 4]) -> u64) -> Cksum {
    let (rounds, rest) = bytes.as_chunks::<4>().0.as_chunks::<LANES>();
    let mut lanes = [[Sum::default(); LANES]; 4];
    for round in rounds {
        let mut step = round.map(&value).map(Wrapping);
        for sums in &mut lanes {
            for (sum, step) in sums.iter_mut().zip(&mut step) {
                *sum += *step;
                *step = *sum;
            }
        }
    }
    let mut all = join(lanes);
    for word in rest {
        let mut step = Wrapping(value(*word));
        for sum in &mut all {
            *sum += step;
            step = *sum;
        }
    }
    Cksum(all.map(|sum| sum.0))
}

/// The sums over all words from those of the lanes.
///
/// The k-th word from the end counts 1, k, C(k+1, 2), C(k+2, 3) times in the four sums. Of the last of
/// L lanes it is the (Lk - L + 1)-th of all, of the first the Lk-th. So the sums of each lane are first
/// stretched, as if L - 1 zeros stood behind each of its words; then a zero is taken off from all lanes
/// behind the next one.
///
/// Not inlined: what is picked lane by lane would not be kept in vectors before.
#[inline(never)]
fn join<const LANES: usize>([a, b, c, d]: [[Sum; LANES]; 4]) -> [Sum; 4] {
    // L, C(L, 2), C(L, 3)
    let [mut l, mut pairs, mut triples] = [Sum::default(); 3];
    for _ in 0..LANES {
        triples += pairs;
        pairs += l;
        l += 1;
    }
    let [mut all_a, mut all_b, mut all_c, mut all_d] = [Sum::default(); 4];
    for lane in (0..LANES).rev() {
        #[allow(clippy::indexing_slicing)] // below LANES
        let [a, b, c, d] = [a[lane], b[lane], c[lane], d[lane]];
        all_d += l * l * l * d - (l * l * l - l * l) * c + triples * b - all_c;
        all_c += l * l * c - pairs * b - all_b;
        all_b += l * b - all_a;
        all_a += a;
    }
    [all_a, all_b, all_c, all_d]
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
    fn plain(words: Words, bytes: &[u8], order: Order) -> Cksum {
        sum_in_lanes::<1>(words, bytes, order)
    }

    proptest! {
        #[test]
        fn as_defined(bytes in prop::collection::vec(any::<u8>(), 0..1200)) {
            let [mut a0, mut a1, mut b0, mut b1] = [0u64; 4];
            for [x, y] in bytes.as_chunks::<8>().0.as_chunks().0 {
                a0 = a0.wrapping_add(u64::from_le_bytes(*x));
                a1 = a1.wrapping_add(u64::from_le_bytes(*y));
                b0 = b0.wrapping_add(a0);
                b1 = b1.wrapping_add(a1);
            }
            prop_assert_eq!(fletcher2(&bytes, Order::Little), Cksum([a0, a1, b0, b1]));
            let [mut a, mut b, mut c, mut d] = [0u64; 4];
            for word in bytes.as_chunks().0 {
                a = a.wrapping_add(u32::from_le_bytes(*word).into());
                b = b.wrapping_add(a);
                c = c.wrapping_add(b);
                d = d.wrapping_add(c);
            }
            prop_assert_eq!(fletcher4(&bytes, Order::Little), Cksum([a, b, c, d]));
        }
        #[test]
        fn lanes_change_nothing(bytes in prop::collection::vec(any::<u8>(), 0..1200)) {
            for (words, order) in [
                (Words::Pairs, Order::Little),
                (Words::Pairs, Order::Big),
                (Words::Halves, Order::Little),
                (Words::Halves, Order::Big),
            ] {
                let plain = plain(words, &bytes, order);
                prop_assert_eq!(sum_in_lanes::<2>(words, &bytes, order), plain);
                prop_assert_eq!(sum_in_lanes::<4>(words, &bytes, order), plain);
                prop_assert_eq!(sum_in_lanes::<8>(words, &bytes, order), plain);
                prop_assert_eq!(sum_in_lanes::<16>(words, &bytes, order), plain);
                prop_assert_eq!(sum(words, &bytes, order), plain);
            }
        }
        #[test]
        fn both_orders_read_the_same_words(words: Vec<[u64; 2]>) {
            let bytes: Vec<u8> = words.concat().iter().flat_map(|word| word.to_le_bytes()).collect();
            prop_assert_eq!(fletcher2(&swapped::<8>(&bytes), Order::Big), fletcher2(&bytes, Order::Little));
            prop_assert_eq!(fletcher4(&swapped::<4>(&bytes), Order::Big), fletcher4(&bytes, Order::Little));
        }
    }

    fn swapped<const N: usize>(bytes: &[u8]) -> Vec<u8> {
        bytes.chunks(N).flat_map(|word| word.iter().rev().copied()).collect()
    }
}
