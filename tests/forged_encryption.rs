//! Encrypted datasets, altered by an enemy who has no key but mends every checksum: each change is named by the MAC that
//! fails, and its place; everything else stays readable, and nothing else is shown as data.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers

mod common;

use common::each;
use common::forge::{DNODE_HEAD, Raw, set_word};
use common::forge_encrypted::{declare_clear, indirect_mac};
use common::site::Site;
use zfsp::verify::Depth;
use zfsp_grammar::blkptr::BLKPTR_SIZE;

const DATA: &str = "the MAC of the encrypted block is wrong";
const DNODES: &str = "the MAC of the dnodes is wrong";
const CLEAR: &str = "the MAC of the block in clear is wrong";
const POINTERS: &str = "the MAC of the pointers is wrong";
const PORTABLE: &str = "the portable MAC of the object set is wrong";
const LOCAL: &str = "the local MAC of the object set is wrong";
const UNCOVERED: &str = "no MAC covers the accounting: it is not complete";
const NONE: &str = "it has no MAC, as all blocks of an encrypted dataset have";
const MAC_AT: usize = 112;

/// Datasets that all hold the same files: `text` of two blocks, `tiny` of one.
const SITES: [(&str, &str); 5] = [
    ("encryption-suites", "lab/aes-128-ccm"),
    ("encryption-mixed", "lab/checksummed"),
    ("encryption-mixed", "lab/parent/own-key/clone"),
    ("encryption-formats", "lab/raw"),
    ("encryption-suites", "lab/aes-192-gcm"),
];

/// A file, by its name.
#[derive(Clone, Copy)]
struct File(&'static str);

impl File {
    fn number(self, site: &Site) -> u64 {
        site.number(&format!("/{}", self.0))
    }
    fn block(self, site: &mut Site, level: u8, blkid: u64, change: impl FnOnce(&mut Raw, &mut Vec<u8>)) {
        let number = self.number(site);
        site.forge.block(site.set, number, level, blkid, change);
    }
    fn dnode(self, site: &mut Site, change: impl FnOnce(&mut [u8])) {
        let number = self.number(site);
        site.forge.dnode(site.set, number, change);
    }
    /// Its only block of pointers; then the MAC of that, which takes no key, is mended.
    fn pointers(self, site: &mut Site, is_mended: bool, change: impl FnOnce(&mut [u8])) {
        self.block(site, 1, 0, |raw, block| {
            change(block);
            if is_mended {
                raw[MAC_AT..].copy_from_slice(&indirect_mac(block));
            }
        });
    }
}

const TEXT: File = File("text");
const TINY: File = File("tiny");

/// What an enemy does, and what is then found with the key, and without it.
struct Row {
    what: &'static str,
    alter: fn(&mut Site),
    /// Places and MACs: `SET`, `TEXT` are numbers.
    with_key: &'static [(&'static str, &'static str)],
    without: &'static [(&'static str, &'static str)],
    /// What then is asked for: `IT` is the dataset.
    ask: &'static [&'static str],
}

const DNODE_BLOCK: &str = "dataset SET object 0 block 0";
const TEXT_POINTERS: &str = "dataset SET object TEXT level 1 block 0";
const TEXT_DATA: &str = "dataset SET object TEXT block 1";

const ROWS: &[Row] = &[
    Row {
        what: "nothing",
        alter: |site| {
            TEXT.block(site, 0, 1, |_, _| ());
            TEXT.block(site, 1, 0, |_, _| ());
            TEXT.dnode(site, |_| ());
            site.forge.objset(site.set, |_| ());
            site.forge.block(site.set, 1, 0, 0, |_, _| ());
        },
        with_key: &[],
        without: &[],
        ask: &["cat", "IT:/text"],
    },
    Row {
        what: "what is not authenticated",
        alter: |site| {
            // that its space was counted for its owner
            TEXT.dnode(site, |dnode| dnode[7] ^= 2);
            // birth and checksum change with every block that is altered here; so does the dedup bit
            TEXT.block(site, 0, 1, |raw, _| raw[48 + 7] ^= 0x40);
        },
        with_key: &[],
        without: &[],
        ask: &["cat", "IT:/text"],
    },
    Row {
        what: "data",
        alter: |site| TEXT.block(site, 0, 1, |_, stored| stored[100] ^= 1),
        with_key: &[(TEXT_DATA, DATA)],
        without: &[],
        ask: &["cat", "IT:/text"],
    },
    Row {
        what: "the salt of data",
        alter: |site| TEXT.block(site, 0, 1, |raw, _| raw[32] ^= 1),
        with_key: &[(TEXT_DATA, DATA)],
        without: &[],
        ask: &["cat", "IT:/text"],
    },
    Row {
        what: "the end of the IV of data",
        alter: |site| TEXT.block(site, 0, 1, |raw, _| raw[95] ^= 1),
        with_key: &[(TEXT_DATA, DATA)],
        without: &[],
        ask: &["cat", "IT:/text"],
    },
    Row {
        what: "the MAC of data, in a block of pointers",
        alter: |site| TEXT.block(site, 0, 1, |raw, _| raw[MAC_AT] ^= 1),
        with_key: &[(TEXT_POINTERS, POINTERS)],
        without: &[(TEXT_POINTERS, POINTERS)],
        ask: &["cat", "IT:/text"],
    },
    Row {
        what: "the MAC of data, in a dnode",
        alter: |site| TINY.block(site, 0, 0, |raw, _| raw[MAC_AT] ^= 1),
        with_key: &[(DNODE_BLOCK, DNODES)],
        without: &[],
        ask: &["ls", "IT:/"],
    },
    Row {
        what: "pointers that change places",
        alter: |site| TEXT.pointers(site, false, swap),
        with_key: &[(TEXT_POINTERS, POINTERS)],
        without: &[(TEXT_POINTERS, POINTERS)],
        ask: &["cat", "IT:/text"],
    },
    Row {
        what: "pointers that change places, with a MAC for them",
        alter: |site| TEXT.pointers(site, true, swap),
        with_key: &[(DNODE_BLOCK, DNODES)],
        without: &[],
        ask: &["ls", "IT:/"],
    },
    Row {
        what: "a pointer that is dropped",
        alter: |site| TEXT.pointers(site, false, |block| block[..BLKPTR_SIZE].fill(0)),
        with_key: &[(TEXT_POINTERS, POINTERS)],
        without: &[(TEXT_POINTERS, POINTERS)],
        ask: &["cat", "IT:/text"],
    },
    Row {
        what: "a pointer that is dropped, with a MAC for the others",
        alter: |site| TEXT.pointers(site, true, |block| block[..BLKPTR_SIZE].fill(0)),
        with_key: &[(DNODE_BLOCK, DNODES)],
        without: &[],
        ask: &["ls", "IT:/"],
    },
    Row {
        what: "a bonus",
        alter: |site| TINY.dnode(site, |dnode| dnode[DNODE_HEAD + BLKPTR_SIZE + 9] ^= 1),
        with_key: &[(DNODE_BLOCK, DNODES)],
        without: &[],
        ask: &["ls", "IT:/"],
    },
    Row {
        what: "the number of blocks",
        alter: |site| TEXT.dnode(site, |dnode| dnode[16] ^= 1),
        with_key: &[(DNODE_BLOCK, DNODES)],
        without: &[],
        ask: &["ls", "IT:/"],
    },
    Row {
        what: "the type of a bonus, so that it is said to be in clear",
        alter: |site| TINY.dnode(site, |dnode| dnode[4] = 17),
        with_key: &[(DNODE_BLOCK, DNODES)],
        without: &[],
        ask: &["ls", "IT:/"],
    },
    Row {
        what: "a dnode that is dropped",
        alter: |site| TINY.dnode(site, |dnode| dnode[..512].fill(0)),
        with_key: &[(DNODE_BLOCK, DNODES)],
        without: &[],
        ask: &["ls", "IT:/"],
    },
    Row {
        what: "the master node, in clear",
        alter: |site| site.forge.block(site.set, 1, 0, 0, |_, stored| stored[8] ^= 1),
        with_key: &[("dataset SET object 1 block 0", CLEAR)],
        without: &[],
        ask: &["ls", "IT:/"],
    },
    Row {
        what: "the portable MAC",
        alter: |site| site.forge.objset(site.set, |set| set[720] ^= 1),
        with_key: &[("dataset SET", PORTABLE)],
        without: &[],
        ask: &["ls", "IT:/"],
    },
    Row {
        what: "the type of the object set",
        alter: |site| site.forge.objset(site.set, |set| set[704] = 3),
        with_key: &[("dataset SET", PORTABLE)],
        without: &[],
        ask: &["ls", "IT:/"],
    },
    Row {
        what: "the meta dnode",
        alter: |site| site.forge.objset(site.set, |set| set[16] ^= 1),
        with_key: &[("dataset SET", PORTABLE)],
        without: &[],
        ask: &["ls", "IT:/"],
    },
    Row {
        what: "the local MAC",
        alter: |site| site.forge.objset(site.set, |set| set[752] ^= 1),
        with_key: &[("dataset SET", LOCAL)],
        without: &[],
        ask: &["get", "--userspace", "all", "IT"],
    },
    Row {
        what: "the accounting, said to be incomplete, so that no MAC covers it",
        alter: |site| {
            site.forge.objset(site.set, |set| {
                set[712] &= !1;
                set[1024 + 16] ^= 1;
            });
        },
        with_key: &[("dataset SET", UNCOVERED)],
        without: &[],
        ask: &["get", "--userspace", "all", "IT"],
    },
    Row {
        what: "the accounting",
        alter: |site| site.forge.objset(site.set, |set| set[1024 + 16] ^= 1),
        with_key: &[("dataset SET", LOCAL)],
        without: &[],
        ask: &["get", "--userspace", "all", "IT"],
    },
    Row {
        what: "the encrypted bit of data",
        alter: |site| TEXT.block(site, 0, 1, |raw, stored| declare_clear(raw, stored)),
        with_key: &[(TEXT_POINTERS, POINTERS)],
        without: &[(TEXT_POINTERS, POINTERS)],
        ask: &["cat", "IT:/text"],
    },
    Row {
        what: "the encrypted bit of data, in a dnode",
        alter: |site| TINY.block(site, 0, 0, |raw, stored| declare_clear(raw, stored)),
        with_key: &[(DNODE_BLOCK, DNODES)],
        without: &[],
        ask: &["ls", "IT:/"],
    },
    Row {
        what: "the encrypted bit of the object set",
        alter: |site| site.forge.clear_root(site.set),
        with_key: &[("dataset SET", NONE)],
        without: &[],
        ask: &["ls", "IT:/"],
    },
    Row {
        what: "the encrypted bit of the dnodes",
        alter: |site| site.forge.block(site.set, 0, 0, 0, |raw, stored| declare_clear(raw, stored)),
        with_key: &[("dataset SET object 0 level 1 block 0", POINTERS)],
        without: &[("dataset SET object 0 level 1 block 0", POINTERS)],
        ask: &["ls", "IT:/"],
    },
    Row {
        what: "data in a pointer",
        alter: |site| {
            let number = TINY.number(site);
            let size = site.forge.object(site.set, number).block_size;
            site.forge.point(site.set, number, 0, 0, embedded(size));
        },
        with_key: &[(DNODE_BLOCK, DNODES)],
        without: &[],
        ask: &["ls", "IT:/"],
    },
];

fn swap(block: &mut [u8]) {
    let (first, rest) = block.split_at_mut(BLKPTR_SIZE);
    first.swap_with_slice(&mut rest[..BLKPTR_SIZE]);
}

/// A pointer that holds a block of plain file contents.
fn embedded(size: u64) -> Raw {
    let mut raw = [0; BLKPTR_SIZE];
    raw[..4].fill(0xff);
    let prop = (size - 1) | 3 << 25 | 14 << 32 | 1 << 39 | 19 << 48 | 1 << 63;
    set_word(&mut raw, 48, prop);
    set_word(&mut raw, 80, 20);
    raw
}

fn check(row: &Row, fixture: &str, dataset: &'static str) -> Result<(), String> {
    let Row { what, alter, with_key, without, ask } = row;
    let mut site = Site::of(fixture, dataset);
    let before = site.sound_lines();
    let numbers = [("SET", site.set), ("TEXT", TEXT.number(&site))];
    alter(&mut site);
    let tell = |(place, mac): &(&str, &str)| {
        let place =
            numbers.iter().fold((*place).to_owned(), |place, (name, n)| place.replace(name, &n.to_string()));
        format!("{place}: {mac}")
    };
    let expected = [with_key, without].map(|told| told.iter().map(tell).collect::<Vec<_>>());
    for depth in [Depth::OneCopy, Depth::AllCopies] {
        let found = site.findings(depth);
        if found != expected {
            return Err(format!("{dataset}: {what}: {found:#?}, not {expected:#?}"));
        }
    }
    let asked: Vec<String> = ask.iter().map(|word| word.replace("IT", dataset)).collect();
    let run = site.run(&asked.iter().map(String::as_str).collect::<Vec<_>>());
    let [said, _] = expected;
    if (run.code == 0) != said.is_empty() {
        return Err(format!("{dataset}: {what}: {asked:?}: exit code {}: {}", run.code, run.errors));
    }
    if let Some(unsaid) = said.iter().find(|told| !run.errors.contains(*told)) {
        return Err(format!("{dataset}: {what}: '{unsaid}' is not said by {asked:?}: {}", run.errors));
    }
    // what is not named as lost is as before
    let after = site.sound_lines();
    if let Some(other) = after.difference(&before).next() {
        return Err(format!("{dataset}: {what}: other data: {other}"));
    }
    let lost = before.len() - after.len();
    let of_dataset =
        before.iter().filter(|line| line.contains(&format!("\"dataset\":\"{dataset}\""))).count();
    let most = if expected_one(with_key) { 1 } else { of_dataset };
    // neither accounting nor the names of special objects are needed for files
    let is_harmless = with_key.iter().all(|(_, mac)| [LOCAL, UNCOVERED, CLEAR].contains(mac));
    if lost > most || (lost == 0) != is_harmless {
        return Err(format!("{dataset}: {what}: {lost} lines are lost, of {of_dataset}"));
    }
    Ok(())
}

/// Whether only one file is lost.
fn expected_one(found: &[(&str, &str)]) -> bool {
    found.iter().all(|(place, _)| place.contains("TEXT"))
}

#[test]
fn each_change_is_named() {
    // every row in two datasets: all of them in one, which are quite different
    let others = SITES[1..].iter().cycle();
    let all: Vec<_> =
        ROWS.iter().zip(others).flat_map(|(row, other)| [(row, SITES[0]), (row, *other)]).collect();
    each(all, |(row, (fixture, dataset))| check(row, fixture, dataset));
}
