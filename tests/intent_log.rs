//! Intent logs of real pools, against what zdb prints, damaged ones, and as a reader sees them.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers

#[macro_use]
mod common;

use common::forge::{Forge, set_word};
use common::image::{Image, Saved};
use common::pools::open;
use common::program::zexplore;
use common::{Fixture, each, fixture, fixtures};
use zfsp::dataset::Datasets;
use zfsp::pool::Pool;
use zfsp::zil::{End, Fate, IntentLog, LogBlock, Standing};
use zfsp_grammar::label::DATA_AT;

/// The log of a dataset: its blocks, and where it ends.
fn log(pool: &Pool, name: &str) -> (IntentLog, Vec<LogBlock>, End) {
    let set = Datasets::of(pool).find(name).unwrap().objset(pool).unwrap();
    let log = IntentLog::of(pool, &set).unwrap();
    let mut blocks = log.blocks();
    let all: Vec<_> = blocks.by_ref().collect();
    let end = blocks.end().unwrap().clone();
    (log, all, end)
}

/// All records in zdb's words, and the numbers of their blocks.
fn told(blocks: &[LogBlock]) -> Vec<String> {
    let mut lines = Vec::new();
    for block in blocks {
        lines.push(format!("Block seqno {}", block.seq));
        for (record, _) in block.records() {
            // zdb has its own names for two types
            let name = match record.kind.txtype().to_string().as_str() {
                "TX_ACL" => "TX_ACL_ACL".into(),
                name => name.to_owned(),
            };
            let (len, txg, seq) = (record.reclen.0, record.txg.0, record.seq);
            lines.push(format!("{name:<19} len {len:>6}, txg {txg}, seq {seq}"));
        }
    }
    lines
}

/// What zdb says of the logs of a pool, one after the other.
fn zdb(text: &str) -> Vec<Vec<String>> {
    let mut logs: Vec<Vec<String>> = Vec::new();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("ZIL header:") {
            logs.push(Vec::new());
        } else if let Some(log) = logs.last_mut() {
            // values of attributes stand before some of them
            if let Some(at) = line.find("Block seqno ") {
                log.push(line[at..].split(',').next().unwrap().into());
            } else if line.starts_with("TX_") && line.contains(" len ") {
                log.push(line.into());
            }
        }
    }
    logs
}

fn check(fixture: &Fixture, text: &str) -> Result<(), String> {
    let name = &fixture.name;
    let pool = fixture.pool();
    let mut ours = Vec::new();
    for dataset in Datasets::of(&pool).all.iter().filter(|dataset| !dataset.is_snapshot()) {
        let Ok(set) = dataset.objset(&pool) else { continue };
        let Some(log) = IntentLog::of(&pool, &set) else { continue };
        let mut blocks = log.blocks();
        let all: Vec<_> = blocks.by_ref().collect();
        let mut lines = told(&all);
        match blocks.end() {
            // zdb names the block that was never written too
            Some(End::NotWritten(seq)) => lines.push(format!("Block seqno {seq}")),
            other => return Err(format!("{name}: {}: {other:?}", dataset.name)),
        }
        ours.push(lines);
    }
    let mut theirs = zdb(text);
    if name == "unclean-zil-encrypted" {
        // zdb breaks off at the first record that is a TX_TRUNCATE, which it does not expect to be encrypted
        ours.truncate(1);
        let cut = ours[0].iter().position(|line| line.starts_with("TX_TRUNCATE")).unwrap();
        ours[0].truncate(cut);
        assert!(theirs.len() == 1 && cut > 70, "{theirs:?}");
    }
    ours.sort();
    theirs.sort();
    if ours == theirs { Ok(()) } else { Err(format!("{name}:\n{ours:#?}\nis\n{theirs:#?}")) }
}

#[test]
fn each_log_has_the_records_that_zdb_prints() {
    let text = |f: &Fixture| f.text("zdb/intent-log.txt").or_else(|| f.text("zdb/pool.txt"));
    // without keys zdb shows no datasets of pools that are encrypted as a whole
    let pools = fixtures().into_iter().filter_map(|f| Some((text(&f)?, f)));
    let pools: Vec<_> = pools.filter(|(text, _)| text.contains("Dataset ")).collect();
    let records: usize = pools.iter().flat_map(|(text, _)| zdb(text)).flatten().count();
    assert!(pools.len() > 60 && records > 150, "{} pools, {records} records", pools.len());
    each(pools, |(text, fixture)| check(fixture, text));
}

/// What zdb says of foid, offset and length of each write of the unclean pool.
#[test]
fn writes_are_what_zdb_prints() {
    let fixture = fixture("unclean-zil");
    let text = fixture.text("zdb/intent-log.txt").unwrap();
    let theirs: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("foid ") && line.contains("length "))
        .collect();
    let out = zexplore(&["zil", "--json"], &fixture.images()).unwrap().out;
    let lines = out.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let ranges = lines.filter(|line| line["bytes"].is_u64());
    let ours: Vec<String> = ranges
        .map(|line| {
            let [object, offset, bytes] =
                ["object", "offset", "bytes"].map(|key| line[key].as_u64().unwrap());
            let x = if line["type"] == "TX_TRUNCATE" { "0x" } else { "" };
            format!("foid {object}, offset {x}{offset:x}, length {x}{bytes:x}")
        })
        .collect();
    assert!(ours.len() > 15);
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert!(theirs.starts_with(ours.as_str()), "{ours} is {theirs}");
    }
    assert_eq!(ours.len(), theirs.len());
}

/// A claimed log, as an import leaves it before it replays: made from one that was not.
fn claimed(words: &[(usize, u64)]) -> Forge {
    let mut forge = Forge::of("unclean-zil");
    let objset = Datasets::of(&forge.pool).find("lab/fs").unwrap().object;
    forge.objset(objset, |bytes| words.iter().for_each(|(at, word)| set_word(bytes, 512 + at * 8, *word)));
    forge
}

const CLAIM_TXG: usize = 0;
const REPLAY_SEQ: usize = 1;
const CLAIM_BLK_SEQ: usize = 18;
const FLAGS: usize = 19;
const CLAIM_LR_SEQ: usize = 20;
const REPLAY_NEEDED: u64 = 1;
const LR_SEQ_VALID: u64 = 2;

/// What a replay does with records, by their numbers.
fn fates(blocks: &[LogBlock]) -> Vec<(u64, Fate)> {
    let all = blocks.iter().flat_map(LogBlock::records);
    all.map(|(record, fate)| (record.seq, fate.clone())).collect()
}

#[test]
fn a_claim_says_which_records_count() {
    let forge = claimed(&[
        (CLAIM_TXG, 65),
        (REPLAY_SEQ, 6),
        (CLAIM_BLK_SEQ, 30),
        (FLAGS, REPLAY_NEEDED | LR_SEQ_VALID),
        (CLAIM_LR_SEQ, 20),
    ]);
    let (log, blocks, end) = log(&forge.pool, "lab/fs");
    assert!(matches!(log.standing, Standing::Pending(first) if first.0 == 65));
    assert_eq!(end, End::NotClaimed(31));
    assert!(blocks.iter().all(|block| block.was_claimed));
    for (seq, fate) in fates(&blocks) {
        let wanted = match seq {
            ..=6 => Fate::Replayed,
            7..=20 => Fate::Pending,
            _ => Fate::NotClaimed,
        };
        assert_eq!(fate, wanted, "record {seq}");
    }
}

/// A volume that was opened twice: its numbers begin anew. An import claims the log up to the number of the last record,
/// and a replay ends at the first one above it.
#[test]
fn the_first_record_that_is_not_claimed_is_the_end() {
    let pool = fixture("unclean-zil-restarted").unlocked();
    let (_, blocks, _) = log(&pool, "lab/vol");
    let fates = fates(&blocks);
    let last = fates.last().unwrap().0;
    let claimed = fates.iter().take_while(|(seq, _)| *seq <= last).count();
    assert!(fates[claimed..].iter().any(|(seq, _)| *seq <= last), "{fates:?}");
    for (n, (seq, fate)) in fates.iter().enumerate() {
        let wanted = if n < claimed { Fate::Pending } else { Fate::NotClaimed };
        assert_eq!(*fate, wanted, "record {seq}, which is number {n}");
    }
}

#[test]
fn records_of_older_txgs_are_in_the_tree() {
    let forge = claimed(&[(CLAIM_TXG, 70), (CLAIM_BLK_SEQ, 38), (FLAGS, REPLAY_NEEDED)]);
    let (_, blocks, end) = log(&forge.pool, "lab/fs");
    assert_eq!(end, End::NotClaimed(39));
    let txgs = blocks.iter().flat_map(LogBlock::records).map(|(record, fate)| (record.txg.0, fate.clone()));
    for (txg, fate) in txgs {
        assert_eq!(fate, if txg < 70 { Fate::Synced } else { Fate::Pending }, "txg {txg}");
    }
}

#[test]
fn a_log_that_was_replayed_is_empty() {
    let forge = claimed(&[(CLAIM_TXG, 65), (CLAIM_BLK_SEQ, 38)]);
    let (log, blocks, _) = log(&forge.pool, "lab/fs");
    assert_eq!(log.standing, Standing::Synced);
    assert!(fates(&blocks).iter().all(|(_, fate)| *fate == Fate::Synced));
}

/// A block that was claimed must be there.
#[test]
fn claimed_blocks_are_missed() {
    let forge = claimed(&[(CLAIM_TXG, 58), (CLAIM_BLK_SEQ, 45), (FLAGS, REPLAY_NEEDED)]);
    let (_, blocks, end) = log(&forge.pool, "lab/fs");
    assert_eq!((blocks.len(), end.loss().unwrap().at.blkid), (36, 39));
    let run = zexplore(&["zil", "lab/fs"], &forge.saved.paths).unwrap();
    assert_eq!(run.code, 3);
    assert!(run.errors.contains("log block 39"), "{}", run.errors);
}

/// Overwrites bytes of the n-th block of a log in a copy of the pool.
fn overwritten(n: usize, at: u64, bytes: &[u8]) -> (Saved, Pool) {
    let fixture = fixture("unclean-zil");
    let (_, blocks, _) = log(&fixture.pool(), "lab/fs");
    let mut images: Vec<Image> = fixture.copies();
    let dva = *blocks[n].pointer.copies().next().unwrap();
    images[0].write(DATA_AT + dva.offset() + at, bytes);
    let saved = Saved::new(&images);
    let pool = open(saved.devices()).unwrap();
    (saved, pool)
}

/// Records in the middle are overwritten: a replay ends there, but the chain goes on, and all is shown.
#[test]
fn a_damaged_block_ends_the_replay_not_the_list() {
    let (_, whole, _) = log(&fixture("unclean-zil").pool(), "lab/fs");
    let (saved, pool) = overwritten(10, 300, &[0xa5; 16]);
    let (_, blocks, end) = log(&pool, "lab/fs");
    assert_eq!((blocks.len(), end), (whole.len(), End::NotWritten(39)));
    for (n, block) in blocks.iter().enumerate() {
        assert_eq!(block.damage.is_some(), n == 10);
        for (_, fate) in block.records() {
            let wanted = match n {
                ..10 => Fate::Pending,
                10 => Fate::Unproven,
                _ => Fate::BehindEnd,
            };
            assert_eq!(*fate, wanted, "block {n}");
        }
    }
    let run = zexplore(&["zil", "lab/fs"], &saved.paths).unwrap();
    assert_eq!(run.code, 3);
    let seq = blocks[10].seq;
    assert!(run.errors.contains(&format!("lab/fs: log block {seq}: no copy is right")), "{}", run.errors);
}

/// With the pointer to the next block the rest is lost: nothing tells this from the end of the log.
#[test]
fn a_block_that_is_lost_whole_ends_the_log() {
    let (_saved, pool) = overwritten(10, 0, &[0xa5; 512]);
    let (_, blocks, end) = log(&pool, "lab/fs");
    assert_eq!((blocks.len(), end), (10, End::NotWritten(13)));
    assert!(fates(&blocks).iter().all(|(_, fate)| *fate == Fate::Pending));
}

/// The block of the file that a write is in is lost: the log was cut off before it was written.
#[test]
fn a_write_without_its_data_ends_the_log() {
    let fixture = fixture("unclean-zil");
    let whole = fixture.pool();
    let (_, blocks, _) = log(&whole, "lab/fs");
    let data = blocks.iter().flat_map(LogBlock::records).find_map(|(record, _)| match record.body {
        Some(zfsp_grammar::zil::record::Body::Write(write)) if !write.is_immediate() => {
            Some((record.seq, write.blkptr.stored()?))
        }
        _ => None,
    });
    let (seq, pointer) = data.unwrap();
    let mut images = fixture.copies();
    pointer.copies().for_each(|dva| images[0].write(DATA_AT + dva.offset(), &[0xa5; 512]));
    let saved = Saved::new(&images);
    let (_, blocks, _) = log(&open(saved.devices()).unwrap(), "lab/fs");
    for (found, fate) in fates(&blocks) {
        match found.cmp(&seq) {
            std::cmp::Ordering::Less => assert_eq!(fate, Fate::Pending),
            std::cmp::Ordering::Equal => assert!(matches!(fate, Fate::Ends(_)), "{fate:?}"),
            std::cmp::Ordering::Greater => assert_eq!(fate, Fate::BehindEnd),
        }
    }
    let run = zexplore(&["zil"], &saved.paths).unwrap();
    assert_eq!(run.code, 3);
    assert!(
        run.errors.contains(&format!("record {seq} ends the log: the block of its data")),
        "{}",
        run.errors
    );
}

/// A checkpoint that was rewound to, or is looked at: its logs count for nothing.
#[test]
fn logs_of_a_checkpoint_count_for_nothing() {
    let mut pool = fixture("unclean-zil").pool();
    pool.uberblock.checkpoint_txg = pool.uberblock.txg;
    let (log, blocks, _) = log(&pool, "lab/fs");
    assert_eq!(log.standing, Standing::Checkpointed);
    assert!(fates(&blocks).iter().all(|(_, fate)| *fate == Fate::Checkpointed));
}

/// Every field of each block, for readers and for programs.
#[test]
fn blocks_field_by_field() {
    let images = fixture("unclean-zil").images();
    let text = zexplore(&["zil", "lab/vol", "-v"], &images).unwrap().out;
    assert_eq!(text.matches(" txtype ").count(), 5);
    let json = zexplore(&["zil", "lab/vol", "-v", "--json"], &images).unwrap().out;
    let lines = json.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let blocks: Vec<_> = lines.filter(|line| line["kind"] == "block").collect();
    assert_eq!(blocks.len(), 3);
    assert!(blocks.iter().all(|block| block["fields"]["structure"] == "zil-block"));
}

transcripts! {
    logs_of_a_pool: "zexplore zil -p fixtures/unclean-zil";
    log_with_blocks: "zexplore zil lab/vol --blocks -p fixtures/unclean-zil";
    log_with_all_fields: "zexplore zil --verbose -p fixtures/copies";
    log_that_is_encrypted: "zexplore zil lab/fs -p fixtures/unclean-zil-encrypted";
    log_as_json: "zexplore zil lab/vol --json --blocks -p fixtures/unclean-zil";
    no_log: "zexplore zil -p fixtures/simple";
    no_log_of_a_snapshot: "zexplore zil lab@s1 -p fixtures/simple";
    log_help: "zexplore zil --help";
}
