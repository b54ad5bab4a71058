//! Damaged pools: with random bytes overwritten anywhere, with roots that lead nowhere. Nothing panics, nothing takes
//! long, and every object that can be reached still is.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers
#![allow(clippy::disallowed_methods)] // images are made here, to be damaged

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use common::image::{Image, Random, Saved};
use common::pools::open;
use common::program::{Run, zexplore};
use common::{each, fixture};
use zfsp::checksum::embedded::Piece;
use zfsp::object::Object;
use zfsp::objset::ObjectSet;
use zfsp::pool::{Gathering, Member, Options, Pool, SlotContent, Trouble};
use zfsp_grammar::blkptr::{BLKPTR_SIZE, Pointer};
use zfsp_grammar::input::{Input, Order, Parse};
use zfsp_grammar::object_type::ObjectType;

/// A pool, and what is true of it while nothing is damaged.
struct Whole {
    images: Vec<Image>,
    /// Blocks without which the pool as a whole cannot be made out.
    vital: Vec<Pointer>,
    /// What leads to each block of dnodes, and the objects in it.
    paths: Vec<Path>,
}

struct Path {
    objset: u64,
    pointers: Vec<Pointer>,
    objects: BTreeSet<i64>,
}

impl Whole {
    fn of(name: &str) -> Self {
        let fixture = fixture(name);
        let pool = fixture.pool();
        let mut paths = paths(&pool.mos, &[pool.uberblock.rootbp]);
        let mut vital: Vec<Pointer> =
            paths.iter().find(|path| path.objects.contains(&1)).unwrap().pointers.clone();
        for number in [Some(1), pool.directory_number("config").unwrap()].into_iter().flatten() {
            let path = paths.iter().find(|path| path.objects.contains(&(number as i64))).unwrap();
            vital.extend(&path.pointers);
            vital.extend(pool.mos.object(number).unwrap().blocks(0).map(|found| found.unwrap().1));
        }
        let root = pool.directory_number("root_dataset").unwrap().unwrap() as i64;
        vital.extend(&paths.iter().find(|path| path.objects.contains(&root)).unwrap().pointers);
        for object in
            pool.mos.objects().map(Result::unwrap).filter(|o| o.bonustype == ObjectType::DSL_DATASET)
        {
            let Ok(set) = pool.objset(object.at.object as u64) else { continue };
            let path = paths.iter().find(|path| path.objset == 0 && path.objects.contains(&object.at.object));
            let above: Vec<Pointer> = path.unwrap().pointers.iter().copied().chain([set.pointer]).collect();
            paths.extend(self::paths(&set, &above));
        }
        Self { images: fixture.copies(), vital, paths }
    }
}

/// The ways to all blocks of dnodes.
fn paths(set: &ObjectSet, above: &[Pointer]) -> Vec<Path> {
    let meta = &set.meta_dnode;
    let per_block = (meta.block_size / 512) as i64;
    let objects: BTreeSet<i64> = set.objects().map(|object| object.unwrap().at.object).collect();
    let way = |blkid: i64| {
        let objects = objects.range(blkid * per_block..(blkid + 1) * per_block).copied().collect();
        let pointers = above.iter().copied().chain(descent(meta, blkid as u64)).collect();
        Path { objset: set.id, pointers, objects }
    };
    let blocks: BTreeSet<i64> = objects.iter().map(|number| number / per_block).collect();
    blocks.into_iter().map(way).collect()
}

/// The pointers on the way down to a data block, with its own.
fn descent(object: &Object, blkid: u64) -> Vec<Pointer> {
    let span = (object.indirect_size() / BLKPTR_SIZE as u64).ilog2();
    let top = u32::from(object.levels) - 1;
    let mut found = vec![object.pointers[(blkid >> (span * top)) as usize]];
    for level in (0..top).rev() {
        let block = object.store().read(found.last().unwrap()).unwrap();
        let at = ((blkid >> (span * level)) % (1 << span)) as usize * BLKPTR_SIZE;
        found.push(Pointer::parse(Input::new(&block.bytes[at..], block.order)).unwrap().1);
    }
    found
}

/// Damage to one byte.
type Hit = (usize, u64, u8);

/// Copies with random bytes overwritten, all over the used parts: of every four bytes one in labels.
fn hits(whole: &Whole, seed: u64, count: usize) -> Vec<Hit> {
    let mut random = Random::new(seed);
    let used: Vec<Vec<u64>> = whole.images.iter().map(Image::used).collect();
    (0..count)
        .map(|_| {
            let n = random.below(used.len());
            let is_label = |at: &&u64| **at < 512 << 10 || **at >= whole.images[n].len - (512 << 10);
            let labels: Vec<u64> = used[n].iter().filter(is_label).copied().collect();
            let piece = if random.below(4) == 0 { random.of(&labels) } else { random.of(&used[n]) };
            (n, piece + random.below(4096) as u64, random.byte())
        })
        .collect()
}

/// Runs what there is of the program.
fn run(saved: &Saved) -> Result<Run, String> {
    zexplore(&["summary"], &saved.paths)?;
    zexplore(&["config"], &saved.paths)?;
    zexplore(&["objset", "--all"], &saved.paths)?;
    zexplore(&["datasets", "-t", "all"], &saved.paths)?;
    zexplore(&["get", "all", "--hidden"], &saved.paths)?;
    zexplore(&["verify", "--json"], &saved.paths)
}

/// The objects that are listed, by object set.
fn listed(pool: &Pool, objset: u64) -> BTreeSet<i64> {
    let Ok(set) = pool.objset(objset) else { return BTreeSet::new() };
    set.objects().filter_map(|object| Some(object.ok()?.at.object)).collect()
}

fn overwritten(name: &str, seeds: std::ops::Range<u64>) {
    let whole = Whole::of(name);
    let (checked, missed) = (AtomicU64::new(0), AtomicU64::new(0));
    each(seeds.clone().collect(), |seed| {
        let what = |why: String| format!("{name}, seed {seed}: {why}");
        let saved = Saved::new(&whole.images);
        // this one keeps the files open, and knows how to read them
        let before = open(saved.devices()).unwrap();
        for (n, at, byte) in hits(&whole, *seed, 8 << (seed % 6)) {
            saved.overwrite(n, at, byte);
        }
        let run = run(&saved).map_err(what)?;
        let is_intact = |pointers: &[Pointer]| pointers.iter().all(|p| before.store.stored(p).is_ok());
        let members: Vec<Option<Member>> = saved.devices().into_iter().map(Member::read).collect();
        let has_labels = members.iter().all(|m| m.as_ref().is_some_and(|m| m.config().is_some()));
        let newest = members
            .iter()
            .flatten()
            .flat_map(Member::uberblocks)
            .any(|u| u.rootbp == before.uberblock.rootbp);
        if !has_labels || !newest || !is_intact(&whole.vital) {
            missed.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let pool = open(saved.devices()).map_err(|error| what(error.to_string()))?;
        if pool.uberblock.rootbp != before.uberblock.rootbp {
            return Err(what(format!("another state was taken: {:?}", pool.troubles)));
        }
        let mut lost = 0;
        for path in &whole.paths {
            if is_intact(&path.pointers) {
                let listed = listed(&pool, path.objset);
                let gone: Vec<_> = path.objects.difference(&listed).collect();
                if !gone.is_empty() {
                    return Err(what(format!("dataset {} does not list {gone:?}", path.objset)));
                }
                checked.fetch_add(path.objects.len() as u64, Ordering::Relaxed);
            } else {
                lost += path.objects.len();
            }
        }
        if lost > 0 && run.code != 3 {
            return Err(what(format!("{lost} objects are lost, and the exit code is {}", run.code)));
        }
        Ok(())
    });
    assert!(checked.into_inner() > 10 * seeds.clone().count() as u64, "{name}: too little was to be listed");
    assert!(missed.into_inner() * 4 < seeds.count() as u64 * 3, "{name}: too few copies could be judged");
}

#[test]
fn a_plain_pool_is_overwritten() {
    overwritten("simple", 0..100);
}

#[test]
fn pools_of_every_kind_are_overwritten() {
    let kinds =
        ["mirror2", "raidz1-3", "raidz3-7", "draid1", "gang", "removed", "encryption-pool", "pool-version-9"];
    for (n, name) in kinds.into_iter().enumerate() {
        overwritten(name, n as u64 * 1000..n as u64 * 1000 + 13);
    }
}

#[test]
fn every_pool_is_overwritten() {
    for fixture in common::fixtures() {
        if let Ok(pool) = open(fixture.devices())
            && pool.directory_number("root_dataset").is_ok()
        {
            overwritten(&fixture.name, 100_000..100_004);
        }
    }
}

/// Writes a checksum that holds into the uberblock at `at`.
fn mend(image: &mut Image, at: u64, size: usize) {
    let bytes = image.read(at, size);
    let piece = Piece::ending(&bytes).unwrap();
    let order = piece.order;
    let sum = piece.sha256([at, 0, 0, 0]);
    let words =
        sum.0.map(|word| if order == Order::Little { word.to_le_bytes() } else { word.to_be_bytes() });
    image.write(at + size as u64 - 32, words.as_flattened());
}

/// The roots of the newest uberblocks are altered in all labels, and their checksums mended: an older state is shown.
fn altered_roots(name: &str, seeds: std::ops::Range<u64>) {
    let fixture = fixture(name);
    let images = fixture.copies();
    let members: Vec<Member> = fixture.devices().into_iter().map(|d| Member::read(d).unwrap()).collect();
    let txgs: BTreeSet<u64> = members.iter().flat_map(Member::uberblocks).map(|u| u.txg.0).collect();
    let txgs: Vec<u64> = txgs.into_iter().rev().collect();
    let rewound = AtomicU64::new(0);
    each(seeds.clone().collect(), |seed| {
        let what = |why: String| format!("{name}, seed {seed}: {why}");
        let mut random = Random::new(*seed);
        let count = 1 + random.below(3).min(txgs.len() - 2);
        // of a root everything but padding and the count of what is below
        let (at, noise): (Vec<usize>, Vec<u8>) = (0..1 << random.below(5))
            .map(|_| {
                let fields = [0..16, 48..56, 72..80, 96..128];
                let field = random.of(&fields).clone();
                (40 + field.start + random.below(field.len()), random.byte())
            })
            .unzip();
        let mut copies = images.clone();
        for (image, member) in copies.iter_mut().zip(&members) {
            for label in &member.labels {
                for slot in &label.ring {
                    let SlotContent::Valid(uberblock) = &slot.content else { continue };
                    if txgs[..count].contains(&uberblock.txg.0) {
                        for (at, noise) in at.iter().zip(&noise) {
                            image.write(slot.at + *at as u64, &[*noise]);
                        }
                        mend(image, slot.at, label.slot_size);
                    }
                }
            }
        }
        let saved = Saved::new(&copies);
        let run = run(&saved).map_err(what)?;
        let pool = open(saved.devices()).map_err(|error| what(error.to_string()))?;
        let is_rewound = pool.troubles.iter().any(|trouble| matches!(trouble, Trouble::Rewound(_)));
        if pool.uberblock.txg.0 == txgs[0] {
            // nothing that counts was altered, or another copy was taken
            return if is_rewound { Err(what("it is not an older state".into())) } else { Ok(()) };
        }
        rewound.fetch_add(1, Ordering::Relaxed);
        if !is_rewound || run.code != 3 {
            return Err(what(format!(
                "txg {}, exit code {}, nothing said: {:?}",
                pool.uberblock.txg, run.code, pool.troubles
            )));
        }
        let options = Options { txg: Some(pool.uberblock.txg.0), ..Options::default() };
        let wanted = Pool::open(Gathering::of(fixture.devices()), &options).unwrap();
        if wanted.uberblock != pool.uberblock {
            return Err(what(format!("txg {} is not what it was", pool.uberblock.txg)));
        }
        for objset in listed(&wanted, 0).into_iter().filter(|n| wanted.objset(*n as u64).is_ok()) {
            if listed(&wanted, objset as u64) != listed(&pool, objset as u64) {
                return Err(what(format!("dataset {objset} lists other objects")));
            }
        }
        Ok(())
    });
    assert!(rewound.into_inner() * 2 > seeds.count() as u64, "{name}: too few roots were altered");
}

#[test]
fn roots_are_altered() {
    altered_roots("simple", 0..60);
    altered_roots("mirror2", 100..120);
    altered_roots("raidz1-3", 200..220);
}
