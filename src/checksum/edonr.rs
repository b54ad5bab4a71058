//! Edon-R-512, keyed with the pool's salt.
//!
//! A hash function of the SHA-3 competition: a wide state of two times eight words, stirred with each
//! 128 bytes of the message by an operation on vectors of eight words that makes them a *quasigroup*.
//! ZFS keys it by hashing 128 bytes made of the salt before the block. Handbook:
//! `docs/format/04-checksums.md`, 4.11.

use zfsp_grammar::input::Order;
use zfsp_grammar::quantity::Cksum;

use super::words;

/// Edon-R as one pool uses it: what comes before the first byte of a block is computed once.
#[derive(Clone, Debug)]
pub struct EdonR {
    start: State,
}

impl EdonR {
    /// The key is the hash of the salt and the hash of that hash: one step of the message.
    #[must_use]
    pub fn new(salt: [u8; 32]) -> Self {
        let [first, second] = Self::keys(salt);
        let mut block = [0; STEP];
        block.copy_from_slice([first, second].as_flattened().as_flattened());
        EdonR { start: step(START, &block) }
    }
    /// The first half of the hash, as four words in the order of the writer.
    #[must_use]
    pub fn sum(&self, bytes: &[u8], order: Order) -> Cksum {
        let [first, _] = hash(self.start, STEP, bytes);
        words(&first, order)
    }
    fn keys(salt: [u8; 32]) -> [Hash; 2] {
        let first = hash(START, 0, &salt);
        [first, hash(START, 0, first.as_flattened())]
    }
}

/// Eight words, the elements of the quasigroup.
type Vector = [u64; 8];
/// What is carried from step to step; the hash is its second half.
type State = [Vector; 2];

/// The whole hash, in halves.
type Hash = [[u8; 32]; 2];

/// Bytes of a step.
const STEP: usize = 128;

/// The bytes 0x80 to 0xff, as big-endian words.
const START: State = [
    [
        0x8081_8283_8485_8687,
        0x8889_8a8b_8c8d_8e8f,
        0x9091_9293_9495_9697,
        0x9899_9a9b_9c9d_9e9f,
        0xa0a1_a2a3_a4a5_a6a7,
        0xa8a9_aaab_acad_aeaf,
        0xb0b1_b2b3_b4b5_b6b7,
        0xb8b9_babb_bcbd_bebf,
    ],
    [
        0xc0c1_c2c3_c4c5_c6c7,
        0xc8c9_cacb_cccd_cecf,
        0xd0d1_d2d3_d4d5_d6d7,
        0xd8d9_dadb_dcdd_dedf,
        0xe0e1_e2e3_e4e5_e6e7,
        0xe8e9_eaeb_eced_eeef,
        0xf0f1_f2f3_f4f5_f6f7,
        0xf8f9_fafb_fcfd_feff,
    ],
];

/// The hash of `before` bytes that led to this state, whole steps, and of the message. What is
/// hashed last is a mark, zeros, and the length of all in bits, which fill one step or two.
fn hash(mut state: State, before: usize, message: &[u8]) -> Hash {
    let (steps, rest) = message.as_chunks();
    for block in steps {
        state = step(state, block);
    }
    let mut end = [rest, &[0x80]].concat();
    end.resize(if end.len() <= ROOM { ROOM } else { STEP.wrapping_add(ROOM) }, 0);
    let length = u64::try_from(before.wrapping_add(message.len())).unwrap_or(u64::MAX);
    end.extend(length.wrapping_mul(8).to_le_bytes());
    for block in end.as_chunks().0 {
        state = step(state, block);
    }
    let [_, [a, b, c, d, e, f, g, h]] = state;
    [[a, b, c, d], [e, f, g, h]].map(|half| {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(half.map(u64::to_le_bytes).as_flattened());
        bytes
    })
}

/// Bytes of a step before the length.
const ROOM: usize = STEP - 8;

fn step([p, q]: State, block: &[u8; STEP]) -> State {
    let [mut low, mut high] = [[0; 8]; 2];
    for (word, bytes) in low.iter_mut().chain(&mut high).zip(block.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    let a = product(reversed(high), low);
    let b = product(a, high);
    let a = product(q, a);
    let b = product(a, b);
    let a = product(a, p);
    let b = product(b, a);
    let a = product(reversed(low), a);
    let b = product(a, b);
    [xor(p, xor(high, a)), xor(q, xor(low, b))]
}

/// The operation of the quasigroup: either factor follows from the other and the product.
#[inline(always)]
fn product([x0, x1, x2, x3, x4, x5, x6, x7]: Vector, [y0, y1, y2, y3, y4, y5, y6, y7]: Vector) -> Vector {
    let s0 = sum([0xaaaa_aaaa_aaaa_aaaa, x0, x1, x2, x4, x7]);
    let s1 = sum([x0, x1, x3, x4, x7]).rotate_left(5);
    let s2 = sum([x0, x1, x4, x6, x7]).rotate_left(15);
    let s3 = sum([x2, x3, x5, x6, x7]).rotate_left(22);
    let s4 = sum([x1, x2, x3, x5, x6]).rotate_left(31);
    let s5 = sum([x0, x2, x3, x4, x5]).rotate_left(40);
    let s6 = sum([x0, x1, x5, x6, x7]).rotate_left(50);
    let s7 = sum([x2, x3, x4, x5, x6]).rotate_left(59);

    let t0 = sum([0x5555_5555_5555_5555, y0, y1, y2, y5, y7]);
    let t1 = sum([y0, y1, y3, y4, y6]).rotate_left(10);
    let t2 = sum([y0, y1, y2, y3, y5]).rotate_left(19);
    let t3 = sum([y2, y3, y4, y6, y7]).rotate_left(29);
    let t4 = sum([y0, y1, y3, y4, y5]).rotate_left(36);
    let t5 = sum([y2, y4, y5, y6, y7]).rotate_left(44);
    let t6 = sum([y1, y2, y5, y6, y7]).rotate_left(48);
    let t7 = sum([y0, y3, y4, y6, y7]).rotate_left(55);

    [
        sum([s0 ^ s1 ^ s4, t0 ^ t1 ^ t5]),
        sum([s0 ^ s4 ^ s7, t2 ^ t6 ^ t7]),
        sum([s1 ^ s6 ^ s7, t0 ^ t1 ^ t3]),
        sum([s2 ^ s3 ^ s4, t0 ^ t3 ^ t4]),
        sum([s0 ^ s1 ^ s7, t1 ^ t2 ^ t5]),
        sum([s3 ^ s5 ^ s6, t3 ^ t4 ^ t6]),
        sum([s2 ^ s5 ^ s6, t2 ^ t5 ^ t7]),
        sum([s2 ^ s3 ^ s5, t4 ^ t6 ^ t7]),
    ]
}

/// Modulo 2^64.
#[inline(always)]
fn sum<const N: usize>(terms: [u64; N]) -> u64 {
    terms.into_iter().fold(0, u64::wrapping_add)
}

fn reversed(mut vector: Vector) -> Vector {
    vector.reverse();
    vector
}

fn xor(mut left: Vector, right: Vector) -> Vector {
    for (left, right) in left.iter_mut().zip(right) {
        *left ^= right;
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(hash: Hash) -> String {
        hash.as_flattened().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Chapter 04, 4.11.
    #[test]
    fn hashes() {
        let nothing = "c57f7e17fdc1ce5074cc748c9bd38f9f51ebe88fbe6eda3190c4314cafb1abb2980fac582d6e4ba8c641947d944bc56b74fb15de5546ad4f77934fca00052719";
        assert_eq!(hex(hash(START, 0, b"")), nothing);
        let abc = "1b14db155f1d406594b8cef70a4362ec6b5de6a5daf50ec999e987c19d3049e2de5977bb05b1bb220050a1ea5b46a9f1740acafbf6b45032adc90c628372c22b";
        assert_eq!(hex(hash(START, 0, b"abc")), abc);
    }
    /// Chapter 04, 4.11.
    #[test]
    fn keys_of_a_salt() {
        let keys = EdonR::keys(std::array::from_fn(|n| u8::try_from(n).unwrap())).map(hex);
        assert_eq!(
            keys,
            [
                "a100c3b01fc3d47f63a948aad04f0f054005d88b3a60572912815d5e0127a22aa7288c2d85af1651dd2e724e172908d13b91210a5049fcbd0f7d0ffc8506f3f3",
                "8b500b414977c27464894e2fa19b1f856d91f7f5b4de353965cea7960480804128f487d4579b468b92bf3c1ec3f04e351b403f27c0945bb4502aa35df3a8e80b",
            ]
        );
    }
    /// A rest that leaves no room for mark and length takes a step more.
    #[test]
    fn hashing_in_parts_changes_nothing() {
        let bytes: Vec<u8> = (0..=255).cycle().take(STEP * 3).collect();
        for length in STEP..bytes.len() {
            let (first, rest) = bytes[..length].split_first_chunk().unwrap();
            assert_eq!(hash(step(START, first), STEP, rest), hash(START, 0, &bytes[..length]));
        }
    }
}
