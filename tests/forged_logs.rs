//! Intent logs of encrypted datasets, altered by an enemy who has no key but mends every checksum: nothing of his is
//! replayed.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers

mod common;

use common::forge::{Raw, set_word};
use common::forge_encrypted::word;
use common::site::Site;
use zfsp::checksum::fletcher::fletcher4;
use zfsp::dataset::Datasets;
use zfsp::zil::{Fate, IntentLog, LogBlock, Sealing};
use zfsp_grammar::blkptr::BLKPTR_SIZE;
use zfsp_grammar::input::Order;

const FIXTURE: &str = "unclean-zil-encrypted";
/// The pointer to the first block of the log, in the block of an object set.
const LOG_AT: usize = 528;
const CHAIN_SIZE: usize = 184;

fn log(site: &Site) -> Vec<LogBlock> {
    let pool = site.unlocked();
    let set = Datasets::of(&pool).find("lab/fs").unwrap().objset(&pool).unwrap();
    IntentLog::of(&pool, &set).unwrap().blocks().collect()
}

/// As much of the pointer to a log block as it takes to find it.
fn place(block: &LogBlock) -> Raw {
    let mut raw = [0; BLKPTR_SIZE];
    set_word(&mut raw, 8, block.pointer.dva[0].offset() / 512);
    set_word(&mut raw, 48, block.pointer.prop.0);
    raw
}

fn names(site: &Site, args: &[&str]) -> Vec<String> {
    site.run(&[args, &["ls", "lab/fs:/"]].concat()).out.lines().map(str::to_owned).collect()
}

/// Records, and the ends of pointers and heads that are in clear: the whole block is given up, and all behind it.
#[test]
fn altered_blocks() {
    let count = log(&Site::of(FIXTURE, "lab/fs")).len();
    assert!(count > 2, "{count} blocks");
    for number in [0, 1, count - 1] {
        let site = Site::of(FIXTURE, "lab/fs");
        let before = log(&site);
        assert!(before.iter().all(|block| block.damage.is_none() && block.sealing == Sealing::Opened));
        let block = &before[number];
        // the body of its first record
        site.forge.collide(&place(block), 0, CHAIN_SIZE + 32);
        let after = log(&site);
        assert_eq!(after.len(), count, "the chain is in clear");
        let damage = after[number].damage.as_ref().unwrap().to_string();
        assert!(damage.starts_with("the MAC of the log block is wrong"), "{damage}");
        assert_eq!(after[number].sealing, Sealing::Locked);
        for (n, (before, after)) in before.iter().zip(&after).enumerate() {
            let pending = after.pending().count();
            assert_eq!(pending, if n < number { before.pending().count() } else { 0 }, "block {n}");
        }
        let run = site.run(&["zil"]);
        assert!(run.code == 3 && (run.out + &run.errors).contains("the MAC of the log block is wrong"));
        let replayed = names(&site, &["--replay"]);
        let is_replayed = replayed.iter().any(|line| line.contains("z-created"));
        assert_eq!(is_replayed, number > 0);
    }
}

/// Nothing authenticates where a log starts: one that is in clear is not of the owner.
#[test]
fn a_log_in_clear() {
    let mut site = Site::of(FIXTURE, "lab/fs");
    let root = site.number("/");
    let before = names(&site, &[]);
    assert!(before.iter().any(|line| line.contains("base-chmod")));
    let first = log(&site).remove(0);
    let (txg, seq) = first.records().next().map(|(record, _)| (record.txg.0, record.seq)).unwrap();
    let cksum = first.pointer.cksum.0;

    // one record: the removal of a file
    let mut block = vec![0; 4096];
    let record = [5, 56, txg, seq, root];
    for (n, number) in record.into_iter().enumerate() {
        set_word(&mut block, CHAIN_SIZE + n * 8, number);
    }
    block[CHAIN_SIZE + 40..][..11].copy_from_slice(b"base-chmod\0");
    let old = site.forge.pool.objset(site.set).unwrap().block().bytes[LOG_AT..LOG_AT + BLKPTR_SIZE].to_vec();
    let at = site.forge.put(&block);
    let mut raw: Raw = old.try_into().unwrap();
    let prop = word(&raw, 48) & !(1 << 61) & !0xffff_ffff | 7 << 16 | 7;
    for (n, number) in [(0, 8), (1, at / 512), (2, 0), (3, 0), (4, 0), (5, 0), (6, prop), (11, 0)] {
        set_word(&mut raw, n * 8, number);
    }
    let mut next = raw;
    set_word(&mut next, 8, (at + 8192) / 512);
    set_word(&mut next, 120, cksum[3] + 1);
    block[8..136].copy_from_slice(&next);
    set_word(&mut block, 136, (CHAIN_SIZE + 56) as u64);
    set_word(&mut block, 144, 0x0210_da7a_b10c_7a11);
    for (n, number) in cksum.into_iter().enumerate() {
        set_word(&mut block, 152 + n * 8, number);
    }
    let sum = fletcher4(&block, Order::Little).0;
    for (n, number) in sum.into_iter().enumerate() {
        set_word(&mut block, 152 + n * 8, number);
    }
    site.forge.rewrite(at, &block);
    site.forge.objset(site.set, |set| set[LOG_AT..LOG_AT + BLKPTR_SIZE].copy_from_slice(&raw));

    let after = log(&site);
    let [block] = &after[..] else { panic!("{after:?}") };
    let damage = block.damage.as_ref().unwrap().to_string();
    assert_eq!(damage, "it has no MAC, as all blocks of an encrypted dataset have");
    let fates: Vec<_> = block.records().map(|(_, fate)| fate.clone()).collect();
    assert_eq!(fates, [Fate::Unproven]);
    assert_eq!(names(&site, &["--replay"]), before);
    let run = site.run(&["manifest", "--replay"]);
    assert!(run.code == 3 && run.errors.contains(&damage), "{}", run.errors);
    let run = site.run(&["zil"]);
    assert!(run.code == 3 && (run.out + &run.errors).contains(&damage));
}
