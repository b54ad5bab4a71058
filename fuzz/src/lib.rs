//! What the fuzzers call, and what `cargo test` replays: bytes of a stranger in, nothing bad out.
//!
//! A target is a family of the catalogue, or an entrance of the library. Its first byte chooses
//! structure and byte order, the rest is read.

use zfsp_grammar::algorithms::Compression;
use zfsp_grammar::catalogue::{FAMILIES, Structure};
use zfsp_grammar::input::{Input, Order};
use zfsp_grammar::label::{LABEL_SIZE, RING_AT, VDEV_PHYS_AT};
use zfsp_grammar::tree::Trace;

/// Targets that are no family of the catalogue.
pub const ENTRANCES: &[&str] = &["dump", "decompress", "auto", "config"];

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
