//! What the fuzzers call, and what `cargo test` replays: bytes of a stranger in, nothing bad out.
//!
//! A target is a family of the catalogue, or an entrance of the library. Its first byte chooses
//! structure and byte order, the rest is read.

use std::sync::OnceLock;

use zfsp::crypt::{CryptoKey, DataKey, WrappingKey, indirect_mac_holds};
use zfsp_grammar::algorithms::Compression;
use zfsp_grammar::blkptr::{BLKPTR_SIZE, Encrypted, Pointer};
use zfsp_grammar::catalogue::{FAMILIES, Structure};
use zfsp_grammar::dsl::crypto_key::KeyFormat;
use zfsp_grammar::input::{Input, Order, Parse};
use zfsp_grammar::label::{LABEL_SIZE, RING_AT, VDEV_PHYS_AT};
use zfsp_grammar::tree::Trace;
use zfsp_grammar::zap::Zap;
use zfsp_grammar::zap::value::Integers;
use zfsp_grammar::zil::chain::ZilBlock;

/// Targets that are no family of the catalogue.
pub const ENTRANCES: &[&str] =
    &["dump", "decompress", "auto", "config", "crypto-key", "encrypted-dnodes", "encrypted-log"];

/// The names of all targets.
#[must_use]
pub fn targets() -> Vec<String> {
    let families = FAMILIES.iter().map(|(family, _)| target(family));
    families.chain(ENTRANCES.iter().map(|name| (*name).into())).collect()
}

/// The target of a family.
#[must_use]
pub fn target(family: &str) -> String {
    family.to_lowercase().replace(' ', "-")
}

/// The members of the family whose target is `name`.
#[must_use]
pub fn members(name: &str) -> &'static [Structure] {
    FAMILIES.iter().find(|(family, _)| target(family) == name).map_or(&[], |(_, members)| members)
}

/// The first byte of an input for the structure `member` of its family.
#[must_use]
pub fn selector(member: usize, order: Order) -> u8 {
    u8::try_from(member << 1).unwrap_or_default() | u8::from(order == Order::Big)
}

/// Hands `input` to a target.
///
/// # Panics
/// Where the target breaks its promises: that is what a fuzzer waits for.
#[allow(clippy::panic)] // a fuzzer sees nothing else
pub fn run(name: &str, input: &[u8]) {
    let Some((first, bytes)) = input.split_first() else { return };
    match name {
        "dump" => dump(input),
        "decompress" => decompress(*first, bytes),
        "auto" => auto(*first, bytes),
        "config" => config(bytes),
        "crypto-key" => crypto_key(*first, bytes),
        "encrypted-dnodes" => encrypted_dnodes(*first, bytes),
        "encrypted-log" => encrypted_log(*first, bytes),
        family => {
            let members = members(family);
            assert!(!members.is_empty(), "no such target: {name}");
            let number = usize::from(first >> 1).checked_rem(members.len()).unwrap_or_default();
            let order = order(*first);
            if let Some(structure) = members.get(number) {
                read(structure, bytes, order);
                match structure.name {
                    "label" => read(structure, &label(bytes), order),
                    "vdev-phys" => {
                        read(structure, label(bytes).get(VDEV_PHYS_AT..RING_AT).unwrap_or_default(), order);
                    }
                    _ => {}
                }
            }
        }
    }
}

fn order(first: u8) -> Order {
    if first & 1 == 0 { Order::Little } else { Order::Big }
}

/// Watched and unwatched readings agree, and everything that the tree offers can be shown.
fn read(structure: &Structure, bytes: &[u8], order: Order) {
    let trace = Trace::default();
    assert!((structure.agrees)(Input::new(bytes, order), &trace), "{}: watching changes it", structure.name);
    let trace = Trace::default();
    let _ = (structure.read)(Input::new(bytes, order).watched(&trace));
    let tree = trace.into_tree();
    for node in &tree.nodes {
        let _ = (node.name(), node.value.to_string(), node.value.meaning());
        assert!(node.at <= node.end && node.end <= bytes.len(), "{}: outside the bytes", node.name());
    }
    let _ = (tree.problems().count(), tree.gaps(0), tree.path(tree.nodes.len().saturating_sub(1)));
}

/// A label is too large for a fuzzer: half of the input becomes its configuration, the other half
/// the beginning of its ring.
fn label(bytes: &[u8]) -> Vec<u8> {
    let (config, ring) = bytes.split_at(bytes.len() / 2);
    let mut label = vec![0; LABEL_SIZE];
    for (at, part) in [(VDEV_PHYS_AT, config), (RING_AT, ring)] {
        let room = label.get_mut(at..).unwrap_or_default();
        room.iter_mut().zip(part).for_each(|(to, from)| *to = *from);
    }
    label
}

fn dump(input: &[u8]) {
    let Ok(dump) = zfsp::dump::read(input) else { return };
    assert!(dump.bytes.len() <= MOST_REPEATED.saturating_add(input.len()), "a dump from nothing");
}

/// A `*` may stand for many lines, but not for more than a dump may have.
const MOST_REPEATED: usize = 256 << 20;

/// Two more bytes tell the logical size.
fn decompress(first: u8, bytes: &[u8]) {
    let Some((size, stored)) = bytes.split_first_chunk::<2>() else { return };
    let lsize = usize::from(u16::from_le_bytes(*size)).saturating_mul(4);
    if let Ok(block) = zfsp::compress::decompress(Compression(first), stored, lsize) {
        assert_eq!(block.len(), lsize, "another size");
    }
}

fn auto(first: u8, bytes: &[u8]) {
    let order = [None, Some(Order::Little), Some(Order::Big)].get(usize::from(first % 3)).copied().flatten();
    for candidate in zfsp::decode::auto::candidates(bytes, usize::from(first), order) {
        assert!(candidate.score > 0, "{:?}: no candidate", candidate.structure);
    }
}

/// The words for sizes and keys.
fn config(bytes: &[u8]) {
    let _ = zfsp_grammar::config::about(bytes);
    for word in bytes.as_chunks::<8>().0 {
        let n = i64::from_le_bytes(*word);
        let _ = (zfsp_grammar::config::size(n), zfsp_grammar::quantity::utc(n));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = (text.parse::<zfsp_grammar::notation::Notation>(), zfsp::compress::by_name(text));
    }
}

/// Keys of an encrypted dataset that are known to everybody: those of the handbook, 22.18, in aes-256-gcm.
#[must_use]
pub fn known_key() -> Option<&'static DataKey> {
    static KEY: OnceLock<Option<DataKey>> = OnceLock::new();
    let make = || {
        let bytes = |digits: &str| Some(Integers { width: 1, bytes: zfsp::dump::hex(digits)? });
        let entries = [
            ("DSL_CRYPTO_SUITE", Integers::word(8)),
            ("DSL_CRYPTO_GUID", Integers::word(0x1122_3344_5566_7788)),
            ("DSL_CRYPTO_VERSION", Integers::word(1)),
            ("DSL_CRYPTO_IV", bytes("a0a1a2a3a4a5a6a7a8a9aaab")?),
            ("DSL_CRYPTO_MAC", bytes("89c1a34bf71638cf408125f939ca0158")?),
            (
                "DSL_CRYPTO_MASTER_KEY_1",
                bytes("6d9bfa3c2e011450055e887cac14086411969bc22d7fc7ea350177f074341eb0")?,
            ),
            (
                "DSL_CRYPTO_HMAC_KEY_1",
                bytes(
                    "5ae243d0cff11849b03e915554ac08f29a33a547538852a3d3b6ffec90a9959e\
                     47d2e8f07516b224c1d139491ea1f93759237324091bd82cff1dccca202d712e",
                )?,
            ),
        ];
        let entry = |name: &str| entries.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
        CryptoKey::of(1, |name| Ok(entry(name))).ok()?.unwrap(&known_wrapping_key()?).ok()
    };
    KEY.get_or_init(make).as_ref()
}

/// What wraps them.
#[must_use]
pub fn known_wrapping_key() -> Option<WrappingKey> {
    let digits = b"2d7c972909ef298174ec093b753d47851c29fe9c8d3592c71a72d1b3a824ed85";
    WrappingKey::of(KeyFormat::HEX, digits, None).ok()
}

/// An object with wrapped keys: all its blocks.
fn crypto_key(first: u8, bytes: &[u8]) {
    let Ok((_, zap)) = Zap::parse(Input::new(bytes, order(first))) else { return };
    let entries: Vec<_> = zap.entries().filter_map(Result::ok).collect();
    let entry = |name: &str| {
        let found = entries.iter().find(|entry| entry.key.name().0 == name.as_bytes());
        found.map(|entry| &entry.value)
    };
    if let Ok(wrapped) = CryptoKey::of(1, |name| Ok(entry(name)))
        && let Some(key) = known_wrapping_key()
    {
        let unwrapped = wrapped.unwrap(&key);
        assert!(unwrapped.is_err() || wrapped.suite.key_length().is_some(), "keys of no suite");
    }
}

/// A pointer in a block of one order, and the block that it leads to; `None` if it leads to none that is encrypted.
fn encrypted(first: u8, bytes: &[u8]) -> Option<(Encrypted, Vec<u8>)> {
    let (pointer, block) = bytes.split_at_checked(BLKPTR_SIZE)?;
    match Pointer::parse(Input::new(pointer, order(first))) {
        Ok((_, Pointer::Encrypted(b))) => Some((b, block.to_vec())),
        _ => None,
    }
}

/// What is not opened is left as it was.
fn encrypted_dnodes(first: u8, bytes: &[u8]) {
    let Some((key, (b, mut block))) = known_key().zip(encrypted(first, bytes)) else { return };
    let before = block.clone();
    let opened = key.open(&b, &mut block);
    let is_data = b.prop.r#type() != zfsp_grammar::object_type::ObjectType::DNODE;
    assert!(opened.is_ok() || is_data || block == before, "dnodes that were not opened");
    let _ = (key.portable(&before, b.prop.order()), key.local(&before, b.prop.order()));
    let _ = indirect_mac_holds(&before, b.prop.order(), None, &b.mac_bytes());
}

/// The same, and what is opened is read.
fn encrypted_log(first: u8, bytes: &[u8]) {
    let Some((key, (b, stored))) = known_key().zip(encrypted(first, bytes)) else { return };
    for order in [Order::Little, Order::Big] {
        let mut block = stored.clone();
        let opened = key.open_log(&b, order, &mut block);
        assert!(opened.is_ok() || block == stored, "a log block that was not opened");
        // what was not opened as if it had been
        if let Ok((_, read)) = ZilBlock::parse_opened(Input::new(&block, order)) {
            let _ = (read.records().len(), read.proven(block.len()));
        }
    }
}
