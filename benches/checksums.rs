//! How fast blocks are checked: 128 KiB by each algorithm, by writers of both byte orders.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench checksums`. One core, vectors as the processor
//! has them; fletcher4, by which nearly all blocks are checked, must not fall below 10 GB/s with AVX2.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use zfsp::checksum::Checker;
use zfsp_grammar::algorithms::Checksum;
use zfsp_grammar::input::Order;

const BLOCK: usize = 128 << 10;

fn checksums(c: &mut Criterion) {
    let block: Vec<u8> = (0..=250).cycle().take(BLOCK).collect();
    let checker = Checker::new(Some([7; 32]));
    let mut group = c.benchmark_group("checksum of 128 KiB");
    group.throughput(Throughput::BytesDecimal(BLOCK as u64)).measurement_time(Duration::from_secs(2));
    for algorithm in [
        Checksum::FLETCHER2,
        Checksum::FLETCHER4,
        Checksum::SHA256,
        Checksum::SHA512,
        Checksum::SKEIN,
        Checksum::EDONR,
        Checksum::BLAKE3,
    ] {
        for order in [Order::Little, Order::Big] {
            assert!(checker.sum(algorithm, order, &block).is_ok_and(|sum| sum.is_some()), "{algorithm}");
            group.bench_function(format!("{algorithm}, {order}"), |b| {
                b.iter(|| checker.sum(algorithm, black_box(order), black_box(&block)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, checksums);
criterion_main!(benches);
