//! GF(2^8), the field in which the parity of RAID-Z is reckoned: bytes, added by exclusive or,
//! multiplied as polynomials modulo x^8 + x^4 + x^3 + x^2 + 1.
//!
//! Handbook: `docs/format/20-vdevs-raidz.md`, 20.5.
//!
//! Whole runs are worked on without tables: doubling is a shift and an exclusive or, which the compiler
//! does for many bytes at once.

/// `2 * a`.
const fn double(a: u8) -> u8 {
    (a << 1) ^ (0x1d & 0_u8.wrapping_sub(a >> 7))
}

/// `a * b`.
pub(super) const fn multiply(a: u8, b: u8) -> u8 {
    let (mut sum, mut shifted, mut left) = (0, a, b);
    while left != 0 {
        sum ^= shifted & 0_u8.wrapping_sub(left & 1);
        shifted = double(shifted);
        left >>= 1;
    }
    sum
}

/// The powers of 2 are all numbers but 0, and begin again after this many.
const ORDER: usize = 255;

const POWERS: [u8; ORDER] = {
    let mut powers = [1; ORDER];
    let mut n = 1;
    while n < ORDER {
        #[allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)] // 1 <= n < ORDER
        {
            powers[n] = double(powers[n - 1]);
            n += 1;
        }
    }
    powers
};

/// `2 ^ exponent`.
pub(super) fn power(exponent: usize) -> u8 {
    POWERS.get(exponent % ORDER).copied().unwrap_or(1)
}

/// `1 / a`, and 0 for 0.
pub(super) fn inverse(a: u8) -> u8 {
    // a ^ 255 = 1, so a ^ 254 is the inverse: 254 = 2 + 4 + .. + 128
    let squares = std::iter::successors(Some(multiply(a, a)), |a| Some(multiply(*a, *a)));
    squares.take(7).fold(1, multiply)
}

/// `into += from`, byte by byte.
pub(super) fn add(into: &mut [u8], from: &[u8]) {
    for (into, from) in into.iter_mut().zip(from) {
        *into ^= from;
    }
}

/// `into += factor * from`, byte by byte.
pub(super) fn add_multiple(into: &mut [u8], factor: u8, from: &[u8]) {
    match factor {
        0 => {}
        1 => add(into, from),
        _ => {
            for (into, from) in into.iter_mut().zip(from) {
                *into ^= product(factor, *from);
            }
        }
    }
}

/// [`multiply`] without a branch, so that it is done for many bytes at once.
#[inline(always)]
fn product(factor: u8, a: u8) -> u8 {
    let (mut sum, mut shifted) = (0, a);
    for bit in 0..8 {
        sum ^= shifted & 0_u8.wrapping_sub((factor >> bit) & 1);
        shifted = double(shifted);
    }
    sum
}

/// A step of Horner's rule: `into = 2^doublings * into + from`, where `from` may be short of bytes that are 0.
pub(super) fn step(doublings: usize, into: &mut [u8], from: &[u8]) {
    let (head, tail) = into.split_at_mut(from.len().min(into.len()));
    match doublings {
        0 => add(head, from),
        1 => {
            head.iter_mut().zip(from).for_each(|(into, from)| *into = double(*into) ^ from);
            tail.iter_mut().for_each(|into| *into = double(*into));
        }
        _ => {
            head.iter_mut().zip(from).for_each(|(into, from)| *into = double(double(*into)) ^ from);
            tail.iter_mut().for_each(|into| *into = double(double(*into)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_powers_of_the_chapter() {
        let first: Vec<u8> = (0..16).map(power).collect();
        assert_eq!(first, [1, 2, 4, 8, 16, 32, 64, 128, 29, 58, 116, 232, 205, 135, 19, 38]);
        assert_eq!([power(25), power(50), power(26), power(198), power(255)], [3, 5, 6, 7, 1]);
        assert_eq!(inverse(6), 122);
    }

    #[test]
    fn all_products_and_inverses() {
        for a in 0..=255 {
            assert_eq!(multiply(a, inverse(a)), u8::from(a != 0), "{a}");
            for b in 0..=255 {
                assert_eq!(multiply(a, b), multiply(b, a));
                assert_eq!(product(a, b), multiply(a, b));
            }
        }
    }

    #[test]
    fn short_runs_count_as_zeros() {
        for doublings in 0..3 {
            let mut into = [3, 0x80, 0xff];
            step(doublings, &mut into, &[5]);
            let times = |a| multiply(power(doublings), a);
            assert_eq!(into, [times(3) ^ 5, times(0x80), times(0xff)]);
        }
    }
}
