//! Comparing reads what differs, and no more; what is lost of that is named, and the rest compared.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers

#[macro_use]
mod common;

use std::collections::HashSet;

use common::fixture;
use common::forge::{DNODE_HEAD, Forge, set_word};
use common::image::{Image, Saved};
use zfsp::dataset::Datasets;
use zfsp::diff::{self, Aspect, Change, ChangeState, Difference, Options, Side, State};
use zfsp::fs::FileSystem;
use zfsp::object::Object;
use zfsp::objset::ObjectSet;
use zfsp::pool::{self, Gathering, Pool};
use zfsp_grammar::blkptr::{BLKPTR_SIZE, Pointer};
use zfsp_grammar::label::DATA_AT;
use zfsp_grammar::object_type::ObjectType;

/// A pool with a state of a dataset in another txg, or another dataset.
struct Case {
    fixture: &'static str,
    a: &'static str,
    txg: Option<u64>,
    b: &'static str,
}

const CASES: [Case; 4] = [
    Case { fixture: "simple", a: "lab@s1", txg: None, b: "lab" },
    Case { fixture: "simple", a: "lab", txg: None, b: "lab/clone" },
    Case { fixture: "simple", a: "lab", txg: Some(28), b: "lab" },
    // fat directories
    Case { fixture: "bigdir", a: "lab", txg: Some(1480), b: "lab" },
];

/// Both states, opened.
struct Opened {
    pools: [Pool; 2],
    names: [&'static str; 2],
}

impl Case {
    fn open(&self, images: &[Image]) -> Opened {
        let saved = Saved::new(images);
        let open = |txg| {
            let options = pool::Options { txg, ..pool::Options::default() };
            Pool::open(Gathering::of(saved.devices()), &options).unwrap()
        };
        Opened { pools: [open(self.txg), open(None)], names: [self.a, self.b] }
    }
}

impl Opened {
    fn sets(&self) -> [ObjectSet; 2] {
        [0, 1].map(|n| {
            Datasets::of(&self.pools[n]).find(self.names[n]).unwrap().objset(&self.pools[n]).unwrap()
        })
    }
    fn compare(&self, ranges: bool) -> Difference {
        let sets = [0, 1].map(|n| Datasets::of(&self.pools[n]));
        let state = |n: usize| State { pool: &self.pools[n], dataset: sets[n].find(self.names[n]).unwrap() };
        diff::compare(state(0), state(1), Options { ranges }).unwrap()
    }
}

/// Overwrites every copy of a block on a single disk.
fn lose(image: &mut Image, pointer: &Pointer) {
    for dva in pointer.stored().unwrap().copies() {
        image.write(DATA_AT + dva.offset(), &[0xa5; 512]);
    }
}

fn key(pointer: &Pointer) -> [u64; 2] {
    let b = pointer.stored().unwrap();
    [b.dva[0].offset(), b.written().0]
}

/// Blocks that no difference can be in, if both states have them: of files, leaves of directories, and dnodes of files.
fn parts(set: &ObjectSet) -> Vec<Pointer> {
    let objects: Vec<Object> = set.objects().map(Result::unwrap).collect();
    let mut all = Vec::new();
    for object in &objects {
        let is_part = |level: u8, blkid: u64| match object.r#type {
            ObjectType::PLAIN_FILE_CONTENTS => true,
            ObjectType::DIRECTORY_CONTENTS => level == 0 && blkid > 0,
            _ => false,
        };
        let blocks = object.tree().filter(|(block, _)| is_part(block.level, block.blkid));
        all.extend(blocks.map(|(block, _)| block.pointer));
    }
    for (blkid, pointer) in set.meta_dnode.blocks(0).map(Result::unwrap) {
        let mut inside = objects.iter().filter(|object| object.at.object as u64 / 32 == blkid);
        if inside.all(|object| object.r#type == ObjectType::PLAIN_FILE_CONTENTS) {
            all.push(pointer);
        }
    }
    all.retain(|pointer| pointer.stored().is_some());
    all
}

#[test]
fn equal_parts_are_not_read() {
    let mut overwritten = 0;
    for case in CASES {
        let mut images = fixture(case.fixture).copies();
        let whole = case.open(&images);
        let expected = whole.compare(true);
        assert!(expected.losses.is_empty() && expected.changes.len() > 3, "{:?}", expected.losses);
        let [a, b] = whole.sets().map(|set| parts(&set));
        let in_a: HashSet<[u64; 2]> = a.iter().map(key).collect();
        for pointer in b.iter().filter(|pointer| in_a.contains(&key(pointer))) {
            lose(&mut images[0], pointer);
            overwritten += 1;
        }
        let found = case.open(&images).compare(true);
        assert_eq!(found.losses, []);
        assert_eq!(found.changes, expected.changes);
    }
    assert!(overwritten > 150, "only {overwritten} blocks");
}

#[test]
fn what_differs_is_read() {
    // the other way round: a block of which each state has its own
    let case = &CASES[0];
    let mut images = fixture(case.fixture).copies();
    let whole = case.open(&images);
    let expected = whole.compare(true);
    let [a, b] = whole.sets().map(|set| parts(&set));
    let in_a: HashSet<[u64; 2]> = a.iter().map(key).collect();
    b.iter()
        .filter(|pointer| !in_a.contains(&key(pointer)))
        .for_each(|pointer| lose(&mut images[0], pointer));
    let found = case.open(&images).compare(true);
    assert!(!found.losses.is_empty() && found.losses.iter().all(|lost| lost.side == Side::B));
    assert_ne!(found.changes, expected.changes);
}

/// The same is said of it; where its name is lost, its number stands for that.
fn is_one_of(change: &Change, all: &[Change]) -> bool {
    let is_path =
        |path: &[u8]| change.path == path || change.path == format!("<object {}>", change.number).as_bytes();
    let is_same = |other: &&Change| (other.number, other.state) == (change.number, change.state);
    all.iter().find(is_same).is_some_and(|other| is_path(&other.path))
}

/// Leaves that only one state has, each lost once.
#[test]
fn names_beside_a_lost_leaf_are_still_compared() {
    let case = &CASES[3];
    let images = fixture(case.fixture).copies();
    let whole = case.open(&images);
    let expected = whole.compare(false);
    let [a, b] = whole.sets().map(|set| set.object(2).unwrap());
    let (mut lost, mut nameless) = (0, 0);
    for (side, object, other) in [(Side::A, &a, &b), (Side::B, &b, &a)] {
        let leaves = object.blocks(1).map(Result::unwrap);
        let own = leaves.filter(|(blkid, pointer)| key(pointer) != key(&other.pointer(*blkid).unwrap()));
        for (blkid, pointer) in own.step_by(20).take(6) {
            let mut images = images.clone();
            lose(&mut images[0], &pointer);
            let found = case.open(&images).compare(false);
            assert!(
                found
                    .losses
                    .iter()
                    .any(|found| found.side == side && found.loss.at == object.at.block(0, blkid))
            );
            // nothing is told that is not so, and most of what is
            let wrong = found.changes.iter().find(|change| !is_one_of(change, &expected.changes));
            assert!(wrong.is_none(), "leaf {blkid} of {side:?}: {wrong:?}");
            assert!(found.changes.len() * 10 > expected.changes.len() * 9, "{}", found.changes.len());
            lost += 1;
            nameless += found.changes.iter().filter(|change| change.path.starts_with(b"<")).count();
        }
    }
    assert!(lost > 6 && nameless > 0, "{lost} leaves, {nameless} names");
}

#[test]
fn objects_beside_lost_dnodes_are_still_compared() {
    let case = &CASES[0];
    let images = fixture(case.fixture).copies();
    let whole = case.open(&images);
    let expected = whole.compare(false);
    let [a, b] = whole.sets();
    let mut lost = 0;
    for (side, set, other) in [(Side::A, &a, &b), (Side::B, &b, &a)] {
        for (blkid, pointer) in set.meta_dnode.blocks(2).map(Result::unwrap) {
            if key(&pointer)
                == other.meta_dnode.pointer(blkid).ok().filter(|p| !p.is_hole()).map_or([0; 2], |p| key(&p))
            {
                continue;
            }
            let mut images = images.clone();
            lose(&mut images[0], &pointer);
            let found = case.open(&images).compare(false);
            let at = set.meta_dnode.at.block(0, blkid);
            assert!(
                found.losses.iter().any(|found| found.side == side && found.loss.at == at),
                "{:?}",
                found.losses
            );
            let of_others = |all: &[Change]| -> Vec<(u64, ChangeState)> {
                let others = all.iter().filter(|change| change.number / 32 != blkid);
                let mut others: Vec<_> = others.map(|change| (change.number, change.state)).collect();
                others.sort_by_key(|(number, state)| (*number, *state == ChangeState::Added));
                others
            };
            assert_eq!(of_others(&found.changes), of_others(&expected.changes));
            lost += 1;
        }
    }
    assert!(lost > 2, "{lost}");
}

/// A file with two links that knows a directory in which none of them is any more.
#[test]
fn links_are_found_wherever_they_are() {
    let whole = fixture("simple").pool();
    let mut forge = Forge::of("simple");
    let head = Datasets::of(&whole).find("lab").unwrap().object;
    let set = whole.objset(head).unwrap();
    let files = FileSystem::open(set).unwrap();
    let (linked, elsewhere) = (files.find(b"/empty").unwrap(), files.find(b"/new-dir").unwrap());
    assert_eq!(linked.attributes.links, 2);
    // bonus, header of the attributes, and the five before PARENT
    let parent = DNODE_HEAD + BLKPTR_SIZE + 8 + 5 * 8;
    forge.dnode(head, linked.number, |dnode| {
        assert_eq!(dnode[parent..parent + 8], linked.attributes.parent.to_le_bytes());
        set_word(dnode, parent, elsewhere.number);
    });
    let (sets_a, sets_b) = (Datasets::of(&whole), Datasets::of(&forge.pool));
    let a = State { pool: &whole, dataset: sets_a.find("lab").unwrap() };
    let b = State { pool: &forge.pool, dataset: sets_b.find("lab").unwrap() };
    let found = diff::compare(a, b, Options::default()).unwrap();
    let paths: Vec<_> =
        found.changes.iter().map(|change| (change.path.as_slice(), &change.aspects[..])).collect();
    assert_eq!(paths, [(&b"/empty"[..], &[Aspect::Storage][..])]);
}

/// Trees of few blocks that seem to hold more than there is in the world.
#[test]
fn trees_without_end_are_compared_to_their_end() {
    for (number, levels) in [(0, 8), (0, 31), (5, 8), (5, 31)] {
        let mut forge = Forge::of("simple");
        let head = Datasets::of(&forge.pool).find("lab").unwrap().object;
        let set = forge.pool.objset(head).unwrap();
        let data = match number {
            0 => set.meta_dnode.block(1).unwrap().bytes,
            _ => vec![7; 512],
        };
        forge.laugh(head, number, levels, &data);
        let pool = &forge.pool;
        let sets = Datasets::of(pool);
        let state = |name| State { pool, dataset: sets.find(name).unwrap() };
        for [a, b] in [["lab@s1", "lab"], ["lab", "lab@s1"], ["lab/clone", "lab"]] {
            let started = std::time::Instant::now();
            let found = diff::compare(state(a), state(b), Options { ranges: true });
            // the root may be gone
            if let Ok(found) = found {
                assert!(!found.losses.is_empty() || !found.changes.is_empty());
            }
            assert!(started.elapsed().as_secs() < 10, "{number} {levels} {a} {b}");
        }
    }
}

transcripts! {
    diff_help: "zexplore diff --help";
    diff_of_snapshots: "zexplore diff lab@s2 lab -p fixtures/simple";
    diff_to_the_snapshot_before: "zexplore diff lab --ranges -p fixtures/simple";
    diff_of_a_clone_as_json: "zexplore diff lab@s2 lab/clone --json -p fixtures/simple";
    diff_of_txgs: "zexplore diff lab%29 -p fixtures/simple";
    diff_of_a_volume: "zexplore diff lab/v16K -p fixtures/zvol";
    diff_of_strangers: "zexplore diff lab lab/n1 -p fixtures/simple";
    diff_of_what_is_encrypted: "zexplore diff lab@s1 lab -p fixtures/encryption-pool";
    diff_without_a_snapshot: "zexplore diff lab@s1 -p fixtures/simple";
}
