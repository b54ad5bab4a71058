//! Bytes to read, and a reader written by hand to be measured against.

pub mod measure;
pub mod pool;

use zfsp_grammar::catalogue::find;
use zfsp_grammar::input::{Input, Order};

/// What a block pointer says, read without any grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByHand {
    /// Three copies, two words each.
    pub dva: [[u64; 2]; 3],
    /// `prop` and the words behind it.
    pub prop: [u64; 3],
    /// Physical, then logical.
    pub birth: [u64; 2],
    /// Blocks below.
    pub fill: u64,
    /// Of the block.
    pub cksum: [u64; 4],
}

/// Reads a block pointer as one would without a grammar.
#[must_use]
pub fn by_hand(bytes: &[u8; 128], big: bool) -> ByHand {
    let word = |n: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[n * 8..][..8]);
        if big { u64::from_be_bytes(word) } else { u64::from_le_bytes(word) }
    };
    ByHand {
        dva: [[word(0), word(1)], [word(2), word(3)], [word(4), word(5)]],
        prop: [word(6), word(7), word(8)],
        birth: [word(9), word(10)],
        fill: word(11),
        cksum: [word(12), word(13), word(14), word(15)],
    }
}

/// Pointers with other words each: no two are alike.
#[must_use]
pub fn pointers(n: usize) -> Vec<u8> {
    // of a data block: lz4, fletcher4, level 0, little-endian
    const PROP: u64 = 0x8013_070f_0007_00ff;
    let word = |k: usize, n: usize| -> u64 {
        match n {
            0 | 2 => 8,
            1 | 3 => k as u64 * 8 + n as u64,
            4 | 5 | 7 | 8 | 9 => 0,
            6 => PROP,
            10 => k as u64 + 100,
            11 => 1,
            _ => (k as u64 + n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        }
    };
    (0..n).flat_map(|k| (0..16).flat_map(move |n| word(k, n).to_le_bytes())).collect()
}

/// An input of the fuzzers: the largest seed of a target whose first byte chooses `member`, and that
/// can be read as `name`.
#[must_use]
pub fn seed(target: &str, member: u8, name: &str) -> Vec<u8> {
    let readable =
        |bytes: &[u8]| find(name).is_some_and(|s| (s.read)(Input::new(bytes, Order::Little)).is_ok());
    let folder = format!("{}/../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let inputs = files.filter_map(|entry| std::fs::read(entry.path()).ok());
    let mut inputs: Vec<_> =
        inputs.filter(|input| input.first() == Some(&(member << 1)) && readable(&input[1..])).collect();
    inputs.sort_by_key(Vec::len);
    inputs.pop().map(|input| input[1..].to_vec()).unwrap_or_default()
}
