//! How fast the grammar reads: nobody watching, and with the tree.
//!
//! `cargo bench --manifest-path benches/Cargo.toml`. A block pointer may take 1.5 times as long as a
//! reader written by hand: two mistakes (a niche in `Input`, a `parse` that is not inlined) cost ten.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use zfsp_benches::{by_hand, pointers, seed};
use zfsp_grammar::blkptr::{BLKPTR_SIZE, Blkptr, Pointer};
use zfsp_grammar::catalogue;
use zfsp_grammar::input::{Input, Order, Parse};
use zfsp_grammar::tree::Trace;

const POINTERS: usize = 1024;

fn block_pointers(c: &mut Criterion) {
    let bytes = pointers(POINTERS);
    let mut group = c.benchmark_group("block pointers");
    group.throughput(Throughput::Elements(POINTERS as u64));
    group.bench_function("by hand", |b| {
        b.iter(|| {
            let big = black_box(false);
            for pointer in bytes.as_chunks::<BLKPTR_SIZE>().0 {
                black_box(by_hand(black_box(pointer), big));
            }
        });
    });
    group.bench_function("grammar, plain", |b| {
        b.iter(|| {
            let order = black_box(Order::Little);
            for pointer in bytes.as_chunks::<BLKPTR_SIZE>().0 {
                let input = Input::new(black_box(pointer), order);
                let _ = black_box(Blkptr::parse(input).map(|(_, pointer)| pointer));
            }
        });
    });
    group.bench_function("grammar, any reading", |b| {
        b.iter(|| {
            let order = black_box(Order::Little);
            for pointer in bytes.as_chunks::<BLKPTR_SIZE>().0 {
                let input = Input::new(black_box(pointer), order);
                let _ = black_box(Pointer::parse(input).map(|(_, pointer)| pointer));
            }
        });
    });
    group.finish();
}

/// A structure of the catalogue: unwatched, and with its tree.
fn structure(c: &mut Criterion, name: &str, items: usize, bytes: &[u8]) {
    let Some(structure) = catalogue::find(name).filter(|_| !bytes.is_empty()) else {
        panic!("nothing to read: {name}")
    };
    let input = Input::new(bytes, Order::Little);
    assert!((structure.read)(input).is_ok(), "{name} cannot be read");
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(items as u64));
    group.bench_function("unwatched", |b| b.iter(|| (structure.read)(black_box(input)).is_ok()));
    group.bench_function("watched", |b| {
        b.iter(|| {
            let trace = Trace::default();
            let _ = (structure.read)(black_box(input).watched(&trace));
            trace.into_tree()
        });
    });
    group.finish();
}

fn structures(c: &mut Criterion) {
    let dnodes = seed("object", 0);
    structure(c, "dnode", dnodes.len() / 512, &dnodes);
    structure(c, "nvlist", 1, &seed("name-value-list", 0));
    structure(c, "indirect", POINTERS, &pointers(POINTERS));
    structure(c, "zap-leaf", 1, &leaf());
}

/// A leaf of a fat ZAP with one entry: 512 bytes, hash table of 16 slots, 18 chunks.
fn leaf() -> Vec<u8> {
    vec![]
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = block_pointers, structures
}
criterion_main!(benches);
