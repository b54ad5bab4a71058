//! Skein-512-256 as a MAC, keyed with the pool's salt.
//!
//! Skein chains the block cipher Threefish-512: each step encrypts 64 bytes of the message under the
//! outcome of the step before, tweaked by how far and in what kind of message it is. One such chain
//! (*UBI*) each takes the key, the configuration, the block, and yields the output. Handbook:
//! `docs/format/04-checksums.md`, 4.9.

use zfsp_grammar::input::Order;
use zfsp_grammar::quantity::Cksum;

use super::threefish::encrypt;
use super::words;

/// Skein as one pool uses it: what comes before the first byte of a block is computed once.
#[derive(Clone, Debug)]
pub struct Skein {
    start: State,
}

impl Skein {
    /// The salt is the key.
    #[must_use]
    pub fn new(salt: [u8; 32]) -> Self {
        let keyed = ubi([0; 8], &salt, KEY);
        let configuration = [SCHEMA, OUTPUT_BITS, 0, 0].map(u64::to_le_bytes);
        Skein { start: ubi(keyed, configuration.as_flattened(), CONFIGURATION) }
    }
    /// The MAC, as four words in the order of the writer.
    #[must_use]
    pub fn sum(&self, bytes: &[u8], order: Order) -> Cksum {
        let [a, b, c, d, ..] = ubi(ubi(self.start, bytes, MESSAGE), &[0; 8], OUTPUT);
        let mut digest = [0; 32];
        digest.copy_from_slice([a, b, c, d].map(u64::to_le_bytes).as_flattened());
        words(&digest, order)
    }
}

/// What is carried from step to step.
type State = [u64; 8];

/// Kinds of messages.
const KEY: u64 = 0;
const CONFIGURATION: u64 = 4;
const MESSAGE: u64 = 48;
const OUTPUT: u64 = 63;
/// Marks of the first and the last step of a message.
const FIRST: u64 = 1 << 62;
const LAST: u64 = 1 << 63;
/// "SHA3" and version 1.
const SCHEMA: u64 = 0x1_3341_4853;
const OUTPUT_BITS: u64 = 256;

/// Bytes of a step.
const STEP: usize = 64;

/// Unique block iteration: a message of one kind into the state. An empty one is a step of zeros.
fn ubi(mut state: State, message: &[u8], kind: u64) -> State {
    let kind = kind << 56;
    let (steps, rest) = message.as_chunks::<STEP>();
    // the last step is marked, so it is set apart, whether it is full or not
    let (steps, last) = match steps.split_last() {
        Some((last, steps)) if rest.is_empty() => (steps, last.as_slice()),
        _ => (steps, rest),
    };
    let mut done = 0_u64;
    let mut first = FIRST;
    for block in steps {
        done = done.wrapping_add(64);
        state = step(state, block, [done, kind | first]);
        first = 0;
    }
    let mut padded = [0; STEP];
    for (to, byte) in padded.iter_mut().zip(last) {
        *to = *byte;
        done = done.wrapping_add(1);
    }
    step(state, &padded, [done, kind | first | LAST])
}

fn step(state: State, block: &[u8; STEP], tweak: [u64; 2]) -> State {
    let mut message = [0; 8];
    for (word, bytes) in message.iter_mut().zip(block.as_chunks().0) {
        *word = u64::from_le_bytes(*bytes);
    }
    let mut cipher = encrypt(&state, tweak, message);
    for (word, plain) in cipher.iter_mut().zip(message) {
        *word ^= plain;
    }
    cipher
}
