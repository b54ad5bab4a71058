//! Damage: real blocks, cut short and overwritten with fixed seeds. Nothing panics, views agree to
//! show what is left, and what is cut is never taken for whole.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers

mod common;

use std::collections::BTreeMap;

use common::walk::{Found, walk};
use common::{each, fixture};
use zfsp::decode::decode;
use zfsp::view::rows::Detail;
use zfsp::view::{json, text};
use zfsp_grammar::catalogue;
use zfsp_grammar::input::{Input, Order};
use zfsp_grammar::tree::Trace;

/// A few blocks of each structure, from pools that differ.
fn samples() -> Vec<Found> {
    let mut all: BTreeMap<(&'static str, bool), Vec<Found>> = BTreeMap::new();
    for name in
        ["simple", "bigendian-mirror", "pool-version-9", "removed", "unclean-zil", "xattr", "zpl-versions"]
    {
        for found in walk(&fixture(name)) {
            let some = all.entry((found.structure, found.order == Order::Big)).or_default();
            let of_pool = some.iter().filter(|f| f.place.starts_with(name)).count();
            if of_pool < 2 && found.bytes.len() <= 32 << 10 {
                some.push(found);
            }
        }
    }
    all.into_values().flatten().collect()
}

/// xorshift64: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap()
    }
}

/// Everything that is done with bytes.
fn look_at(structure: &catalogue::Structure, bytes: &[u8], order: Order) -> bool {
    let trace = Trace::default();
    assert!((structure.agrees)(Input::new(bytes, order), &trace), "{}", structure.name);
    let decoded = decode(structure, bytes, 0, None, 1);
    for node in &decoded.tree.nodes {
        assert!(
            node.at <= node.end && node.end <= bytes.len(),
            "{}: {} out of the bytes",
            structure.name,
            node.name()
        );
    }
    assert!(!text::tree(&decoded, Detail::Brief).is_empty());
    assert!(!text::tree(&decoded, Detail::Full).is_empty());
    let mut document = Vec::new();
    json::write(&decoded, &mut document).unwrap();
    let document: serde_json::Value = serde_json::from_slice(&document).unwrap();
    assert_eq!(document["problems"].as_array().unwrap().len(), decoded.tree.troubles().len());
    decoded.is_sound()
}

#[test]
fn overwritten() {
    let samples = samples();
    assert!(samples.len() > 60, "too few samples: {}", samples.len());
    each(samples, |found| {
        let structure = catalogue::find(found.structure).unwrap();
        let mut random = Random(0x5eed ^ found.bytes.len() as u64);
        for round in 0..12 {
            let mut bytes = found.bytes.clone();
            for _ in 0..1 << (round % 6) {
                let at = random.below(bytes.len());
                bytes[at] = u8::try_from(random.below(256)).unwrap();
            }
            look_at(structure, &bytes, found.order);
        }
        Ok(())
    });
}

#[test]
fn cut_short() {
    each(samples(), |found| {
        let structure = catalogue::find(found.structure).unwrap();
        let mut random = Random(0xc07 ^ found.bytes.len() as u64);
        for _ in 0..12 {
            let len = random.below(found.bytes.len());
            look_at(structure, &found.bytes[..len], found.order);
        }
        Ok(())
    });
}

/// A label with a flipped byte in its configuration is not taken for whole.
#[test]
fn a_flipped_bit_is_noticed() {
    let image = &fixture("simple").images()[0];
    let label = zfsp::device::Device::open(image).unwrap().read(0, 256 << 10).unwrap();
    let structure = catalogue::find("label").unwrap();
    let mut random = Random(0xb17);
    // the parts that prove themselves: boot environment, configuration, the slot of txg 49
    for (start, len) in [(0x2000, 8192), (0x4000, 0x1c000), (0x2c400, 1024)] {
        for _ in 0..8 {
            let mut bytes = label.clone();
            let at = start + random.below(len);
            bytes[at] ^= 1 << random.below(8);
            let decoded = decode(structure, &bytes, 0, None, 1);
            assert!(!decoded.is_sound(), "a flipped bit at {at:#x} goes unnoticed");
        }
    }
}
