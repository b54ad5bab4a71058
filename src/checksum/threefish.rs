//! Threefish-512, the block cipher of [Skein](super::skein): 72 rounds of adding, rotating and XOR
//! on eight words, to which a part of the key is added before every fourth and behind the last.
//!
//! Own code, as the crate for it takes twice the time. Handbook: `docs/format/04-checksums.md`, 4.9.

/// Eight words: key, message and cipher.
pub(super) type Words = [u64; 8];

/// By how many bits words are rotated in four rounds, and in the next four.
const EVEN: [[u32; 4]; 4] = [[46, 36, 19, 37], [33, 27, 14, 42], [17, 49, 36, 39], [44, 9, 54, 56]];
const ODD: [[u32; 4]; 4] = [[39, 30, 34, 24], [13, 50, 10, 17], [25, 29, 39, 43], [8, 35, 56, 22]];
/// The parity of a key of zeros.
const PARITY: u64 = 0x1bd1_1bda_a9fc_1a22;

/// Encrypts `words`.
pub(super) fn encrypt(key: &Words, [t0, t1]: [u64; 2], mut words: Words) -> Words {
    // the words of the key and their parity, those of the tweak and theirs, over and over
    let [k0, k1, k2, k3, k4, k5, k6, k7] = *key;
    let k8 = key.iter().fold(PARITY, |all, word| all ^ word);
    let keys = [[k0, k1, k2, k3, k4, k5, k6, k7, k8]; 3];
    let tweaks = [[t0, t1, t0 ^ t1]; 7];
    let mut parts = keys.as_flattened().windows(8).zip(tweaks.as_flattened().windows(2)).zip(0..);
    let mut part = || parts.next().unwrap_or_default();
    for _ in 0..9 {
        words = four_rounds(add(words, part()), EVEN);
        words = four_rounds(add(words, part()), ODD);
    }
    add(words, part())
}

/// Adds a part of the key: the `n`-th, which also stands in the last word.
#[inline(always)]
fn add(words: Words, ((key, tweak), n): ((&[u64], &[u64]), u64)) -> Words {
    let mut sums = words;
    for (word, key) in sums.iter_mut().zip(key) {
        *word = word.wrapping_add(*key);
    }
    let [.., w5, w6, w7] = &mut sums;
    for (word, tweak) in [w5, w6].into_iter().zip(tweak) {
        *word = word.wrapping_add(*tweak);
    }
    *w7 = w7.wrapping_add(n);
    sums
}

#[inline(always)]
fn four_rounds(mut words: Words, rotations: [[u32; 4]; 4]) -> Words {
    for [r0, r1, r2, r3] in rotations {
        let [w0, w1, w2, w3, w4, w5, w6, w7] = words;
        let ([w0, w1], [w2, w3]) = (mix(w0, w1, r0), mix(w2, w3, r1));
        let ([w4, w5], [w6, w7]) = (mix(w4, w5, r2), mix(w6, w7, r3));
        words = [w2, w1, w4, w7, w6, w5, w0, w3];
    }
    words
}

#[inline(always)]
fn mix(x: u64, y: u64, rotation: u32) -> [u64; 2] {
    let sum = x.wrapping_add(y);
    [sum, y.rotate_left(rotation) ^ sum]
}
