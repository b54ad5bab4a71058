//! The law of memory: a reading holds at most a small multiple of its bytes, however they lie.
#![allow(unsafe_code)] // a global allocator is unsafe by nature
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout)] // a test may fail loudly
#![allow(missing_docs, clippy::arithmetic_side_effects)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write;

use proptest::prelude::*;
use zfsp_grammar::catalogue::{Structure, find, structures};
use zfsp_grammar::input::{Input, Order};
use zfsp_grammar::tree::Trace;

/// Bytes of memory for each byte read: a node of the tree takes a hundred, most fields eight.
const FACTOR: usize = 64;
/// And for what does not depend on the length: the first nodes, words of problems.
const CONSTANT: usize = 16 << 10;

/// Counts what this thread holds.
struct Counting;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

fn count(by: isize) {
    // not while the thread ends
    let _ = LIVE.try_with(|live| {
        live.set(live.get().wrapping_add(by));
        let _ = PEAK.try_with(|peak| peak.set(peak.get().max(live.get())));
    });
}

// SAFETY: the system's allocator does the work, counting touches no memory of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: as the caller promised
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(layout.size().cast_signed().wrapping_neg());
        // SAFETY: as the caller promised
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.cast_signed().wrapping_sub(layout.size().cast_signed()));
        // SAFETY: as the caller promised
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Most bytes held at once while `work` runs.
fn peak<T>(work: impl FnOnce() -> T) -> usize {
    let before = LIVE.get();
    PEAK.set(before);
    let kept = work();
    let peak = PEAK.get().wrapping_sub(before);
    drop(kept);
    peak.cast_unsigned()
}

/// What reading `bytes` takes: unwatched, and watched with the tree.
fn costs(structure: &Structure, bytes: &[u8], order: Order) -> [usize; 2] {
    let input = Input::new(bytes, order);
    let unwatched = peak(|| (structure.read)(input).is_ok());
    let watched = peak(|| {
        let trace = Trace::default();
        let _ = (structure.read)(input.watched(&trace));
        trace.into_tree()
    });
    [unwatched, watched]
}

fn too_much(structure: &Structure, bytes: &[u8], order: Order) -> Option<String> {
    let allowed = bytes.len().saturating_mul(FACTOR).saturating_add(CONSTANT);
    let costs = costs(structure, bytes, order);
    costs.iter().any(|cost| *cost > allowed).then(|| {
        let factors = costs.map(|cost| cost / bytes.len().max(1));
        format!("{}: {costs:?} for {} bytes, {order}: {factors:?} fold", structure.name, bytes.len())
    })
}

/// Beginnings that lead far into a structure.
fn prefixes() -> Vec<Vec<u8>> {
    let word = |n: u64| n.to_le_bytes().to_vec();
    vec![
        vec![],
        // a list in XDR, one in the native encoding
        vec![1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        vec![0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0],
        // uberblock
        [word(0xba_b10c), word(5000)].concat(),
        // dnodes: of a file, of a dataset, of a directory of datasets
        vec![19, 17, 1, 1, 44, 0, 0, 0, 1, 0, 168, 0, 0, 0, 0, 0],
        vec![16, 17, 1, 1, 16, 0, 0, 0, 1, 0, 64, 1, 0, 0, 0, 0],
        // ZAPs
        word(0x8000_0000_0000_0003),
        word(0x8000_0000_0000_0001),
        word(0x8000_0000_0000_0000),
        // system attributes
        vec![0x5a, 0x50, 0x2f, 0, 2, 4],
        // POSIX ACL
        vec![2, 0, 0, 0],
        vec![0; 16],
        vec![0xff; 16],
    ]
}

/// Real bytes nest and repeat; the smallest items that a format knows, over and over, cost most.
fn repeated() -> impl Strategy<Value = Vec<u8>> {
    (proptest::collection::vec(any::<u8>(), 1..40), 1usize..400).prop_map(|(unit, n)| unit.repeat(n))
}

fn any_input() -> impl Strategy<Value = Vec<u8>> {
    let mostly_zeros = prop_oneof![3 => Just(0u8), 1 => 0u8..4, 1 => any::<u8>()];
    let body = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..4096),
        proptest::collection::vec(mostly_zeros, 0..4096),
        repeated(),
    ];
    (proptest::sample::select(prefixes()), body).prop_map(|(prefix, body)| [prefix, body].concat())
}

proptest! {
    #[test]
    fn reading_holds_little(bytes in any_input(), big: bool) {
        let order = if big { Order::Big } else { Order::Little };
        let failures: Vec<String> = structures().filter_map(|s| too_much(s, &bytes, order)).collect();
        prop_assert!(failures.is_empty(), "{}", failures.join("\n"));
    }
}

/// A pair of a list in XDR, without the two words for its sizes.
fn pair(name: &str, kind: u32, nelem: u32, value: &[u8]) -> Vec<u8> {
    let mut pair = vec![0; 8];
    let words = |n: u32| n.to_be_bytes();
    pair.extend(words(u32::try_from(name.len()).unwrap()));
    pair.extend(name.as_bytes());
    pair.resize(pair.len().next_multiple_of(4), 0);
    pair.extend([words(kind), words(nelem)].concat());
    pair.extend(value);
    let size = words(u32::try_from(pair.len()).unwrap());
    pair[..4].copy_from_slice(&size);
    pair[4..8].copy_from_slice(&words(1));
    pair
}

fn xdr(pairs: &[u8]) -> Vec<u8> {
    [&[1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], pairs, &[0; 8]].concat()
}

/// The densest content that each format can have: as many items as bytes allow.
fn dense() -> Vec<(&'static str, Vec<u8>)> {
    // one item behind a power of two: a list that doubles its room has most of it empty
    const N: usize = 1025;
    let strings = |n: u32| pair("", 17, n, &vec![0; usize::try_from(n).unwrap() * 4]);
    let list = [&[0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 8]].concat();
    let native_strings = {
        let n = N;
        let value = vec![0; n * 9];
        let size = u32::try_from(24 + value.len()).unwrap();
        let mut pair = [&size.to_le_bytes()[..], &1u16.to_le_bytes(), &[0, 0]].concat();
        pair.extend([&u32::try_from(n).unwrap().to_le_bytes()[..], &17u32.to_le_bytes(), &[0; 8]].concat());
        [&[0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], &pair[..], &value, &[0; 4]].concat()
    };
    let mut deep = Vec::new();
    for _ in 0..30 {
        deep = [pair("a", 19, 1, &[0, 0, 0, 0, 0, 0, 0, 1]), deep, vec![0; 8]].concat();
    }
    vec![
        ("nvlist", xdr(&pair("", 1, 0, &[]).repeat(N))),
        ("nvlist", xdr(&pair("", 3, 1, &[0xff; 4]).repeat(N))),
        ("nvlist", xdr(&strings(4000))),
        ("nvlist", xdr(&pair("", 20, 400, &list.repeat(400)))),
        ("nvlist", xdr(&pair("", 26, 4000, &[&4000u32.to_be_bytes()[..], &[0; 16_000]].concat()))),
        ("nvlist", xdr(&deep)),
        ("nvlist", native_strings),
        ("dnode", [&[1, 17, 1, 3, 0, 0, 0, 0, 1][..], &[0; 55], &[0xff; 448]].concat().repeat(32)),
        ("dnode", vec![0; 32 << 10]),
        ("posix-acl", [&[2, 0, 0, 0][..], &[2, 0, 7, 0xff, 0xff, 0xff, 0xff, 0xff].repeat(N)].concat()),
        ("posix-acl", {
            let words = [0, 0, 0, 0, 0x100, 0x400, 0x2800, 0x2800, 0x2800u32];
            let unit: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            [&[2, 0, 0, 0][..], &unit.repeat(258)].concat()
        }),
        ("indirect", vec![0xff; 32 << 10]),
        ("indirect", vec![0; 32 << 10]),
        ("posix-acl", [&[2, 0, 0, 0][..], &[0xff; 8].repeat(N)].concat()),
        ("acl", vec![0; 8 * N]),
    ]
}

#[test]
fn dense_content_holds_little() {
    let mut failures = String::new();
    for (name, bytes) in dense() {
        for order in [Order::Little, Order::Big] {
            let read = (find(name).unwrap().read)(Input::new(&bytes, order));
            assert!(read.is_ok(), "{name} is not what it is meant to be");
            if let Some(why) = too_much(find(name).unwrap(), &bytes, order) {
                writeln!(failures, "{why}").unwrap();
            }
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}
