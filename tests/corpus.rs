//! Every input of the fuzzers, replayed; and, run by hand, the seeds of their corpus.
#![allow(clippy::disallowed_methods)] // the corpus is read
#![allow(missing_docs, clippy::as_conversions, clippy::print_stdout)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly

mod common;
#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub)] // the fuzzers use it as a crate
mod fuzz;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use common::image::Random;
use common::seal::{Params, Writer};
use common::seal_parts::{Dnode, Record, pointer, prop};
use common::walk::walk;
use common::{each, fixture, fixtures, unpacked};
use fuzz::{members, run, selector, target, targets};
use zfsp::device::Device;
use zfsp_grammar::blkptr::{BLKPTR_SIZE, Encrypted};
use zfsp_grammar::catalogue::FAMILIES;
use zfsp_grammar::dnode::{SLOT_SIZE, Slot, dnodes};
use zfsp_grammar::eck::ECK_MAGIC;
use zfsp_grammar::input::{Input, Order, Parse};
use zfsp_grammar::label::{DATA_AT, LABEL_SIZE, VDEV_PHYS_AT, places};
use zfsp_grammar::object_type::ObjectType;
use zfsp_grammar::zap::Zap;
use zfsp_grammar::zap::value::Integers;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    all
}

#[test]
fn each_family_has_a_target_and_a_corpus() {
    let manifest = std::fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    for name in targets() {
        let code = std::fs::read_to_string(folder().join(format!("targets/{name}.rs"))).unwrap_or_default();
        assert!(code.contains(&format!("run(\"{name}\"")), "fuzz/targets/{name}.rs is missing");
        assert!(manifest.contains(&format!("{{ name = \"{name}\", path = \"targets/{name}.rs\"")), "{name}");
        assert!(folder().join("corpus").join(&name).is_dir(), "no corpus for {name}");
    }
}

#[test]
fn each_input_ends_well() {
    let inputs: Vec<(String, PathBuf)> = files(&folder().join("corpus"))
        .into_iter()
        .flat_map(|target| {
            let name = target.file_name().unwrap().to_str().unwrap().to_owned();
            files(&target).into_iter().map(move |file| (name.clone(), file))
        })
        .collect();
    assert!(inputs.len() > 150, "inputs are missing: {}", inputs.len());
    each(inputs, |(name, file)| {
        let input = std::fs::read(file).unwrap();
        std::panic::catch_unwind(|| run(name, &input)).map_err(|_| file.display().to_string())
    });
}

/// A fuzzer does not guess MACs, but it finds what is read before they are checked: so do changed seeds.
#[test]
fn altered_inputs_of_encrypted_blocks_end_well() {
    let names = ["crypto-key", "encrypted-dnodes", "encrypted-log"];
    let inputs: Vec<_> = names
        .into_iter()
        .flat_map(|name| files(&folder().join("corpus").join(name)).into_iter().map(move |file| (name, file)))
        .collect();
    assert!(inputs.len() > 20, "inputs are missing: {}", inputs.len());
    each(inputs, |(name, file)| {
        let seed = std::fs::read(file).unwrap();
        let mut random = Random::new(hash(&seed));
        for round in 0..200 {
            let mut input = seed.clone();
            for _ in 0..1 << (round % 6) {
                // heads more often than the rest
                let reach = if random.below(2) == 0 { input.len().min(512) } else { input.len() };
                let at = random.below(reach);
                input[at] = random.byte();
            }
            if round % 7 == 0 {
                input.truncate(random.below(input.len()));
            }
            let ended = std::panic::catch_unwind(|| run(name, &input));
            ended.map_err(|_| format!("{}: round {round}", file.display()))?;
        }
        Ok(())
    });
}

/// Seeds whose MACs hold, made with the keys that the fuzzers know; and real key objects.
///
/// `cargo test --test corpus -- --ignored encrypted_seeds`
#[test]
#[ignore = "writes into fuzz/corpus"]
fn encrypted_seeds() {
    let write = |name: &str, first: u8, bytes: &[u8]| {
        let folder = folder().join("corpus").join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let input = [&[first], bytes].concat();
        std::fs::write(folder.join(format!("{:016x}", hash(&input))), &input).unwrap();
    };
    let mut random = Random::new(22);
    let writer = Writer {
        suite: 8,
        version: 1,
        master: (0..32).collect(),
        hmac: (0x40..0x80).collect(),
        wrapping: zfsp::dump::hex("2d7c972909ef298174ec093b753d47851c29fe9c8d3592c71a72d1b3a824ed85")
            .unwrap(),
    };
    for (block, holder) in [
        (Order::Little, Order::Little),
        (Order::Big, Order::Big),
        (Order::Big, Order::Little),
        (Order::Little, Order::Big),
    ] {
        let first = selector(0, holder);
        let raw = |kind: u8, params: &Params, random: &mut Random| {
            let prop = prop(kind, 0, true, block, random);
            pointer(holder, prop, params, random)
        };
        for sizes in [&[1, 1][..], &[2, 1, 3]] {
            let dnodes: Vec<_> = sizes.iter().map(|slots| Dnode::any(*slots, block, &mut random)).collect();
            let (_, sealed, params) = writer.dnodes(block, &dnodes, &mut random);
            let input = [raw(10, &params, &mut random), sealed.bytes].concat();
            write("encrypted-dnodes", first, &input);
            fuzz::known_key().unwrap().open(&encrypted(&input, holder), &mut input[128..].to_vec()).unwrap();
        }
        let (sealed, params) = writer.data(&[7; 300], &mut random);
        write("encrypted-dnodes", first, &[raw(19, &params, &mut random), sealed.bytes].concat());
        for count in [1, 5] {
            let records: Vec<_> = (0..count).map(|_| Record::any(&mut random)).collect();
            let (_, sealed, params) = writer.log(block, &records, 2048, &mut random);
            let input = [raw(9, &params, &mut random), sealed.bytes].concat();
            write("encrypted-log", first, &input);
            let key = fuzz::known_key().unwrap();
            key.open_log(&encrypted(&input, holder), block, &mut input[128..].to_vec()).unwrap();
        }
    }
    for (name, dataset) in
        [("encryption-suites", "lab/aes-128-ccm"), ("encryption-formats", "lab/passphrase")]
    {
        let pool = fixture(name).pool();
        let dsl = zfsp::dataset::Dsl::of(&pool);
        let encryption = dsl.encryption(&dsl.datasets.find(dataset).unwrap().dir).unwrap().unwrap();
        let zap = pool.mos.object(encryption.key).unwrap().content(u64::MAX);
        write("crypto-key", selector(0, Order::Little), &zap.bytes);
        // wrapped with the key that is known
        let mut known = zap.bytes;
        replace(&mut known, &writer.key_object(&mut random));
        write("crypto-key", selector(0, Order::Little), &known);
    }
}

fn encrypted(input: &[u8], holder: Order) -> Encrypted {
    Encrypted::parse(Input::new(&input[..BLKPTR_SIZE], holder)).unwrap().1
}

/// Gives the attributes of a ZAP other values, of the same sizes: each of their chunks is found by what it holds.
fn replace(zap: &mut [u8], entries: &[(&'static str, Integers)]) {
    let read = Zap::parse(Input::new(zap, Order::Little)).unwrap().1;
    let old: Vec<Integers> = entries.iter().map(|(name, _)| read.get(name.as_bytes()).unwrap()).collect();
    for (old, (name, new)) in old.into_iter().zip(entries) {
        for (old, new) in old.bytes.chunks(21).zip(new.bytes.chunks(21)) {
            let chunks = (0..zap.len() - 23).filter(|at| zap[*at] == 251 && zap[at + 1..].starts_with(old));
            let at = chunks.max().unwrap_or_else(|| panic!("no value of {name}"));
            zap[at + 1..][..new.len()].copy_from_slice(new);
        }
    }
}

/// Bytes of a seed; longer ones only slow a fuzzer down.
const LONGEST: usize = 8 << 10;
/// Seeds of each structure in each order.
const MOST: usize = 6;

/// Takes seeds from the fixtures: a few different sizes of each structure.
///
/// `cargo test --test corpus -- --ignored seeds`
#[test]
#[ignore = "writes into fuzz/corpus"]
fn seeds() {
    let mut all: BTreeMap<(&str, bool), BTreeSet<Vec<u8>>> = BTreeMap::new();
    let mut add = |structure: &'static str, order: Order, bytes: &[u8]| {
        // leaves are blocks of 16 KiB, and make no sense in pieces
        let longest = if structure == "zap-leaf" { 2 * LONGEST } else { LONGEST };
        let cut = &bytes[..bytes.len().min(longest)];
        let zeros = cut.iter().rev().take_while(|b| **b == 0).count();
        if zeros < cut.len() {
            all.entry((structure, order == Order::Big)).or_default().insert(cut.into());
        }
    };
    for fixture in fixtures() {
        for found in walk(&fixture) {
            add(found.structure, found.order, &found.bytes);
            match found.structure {
                "dnode" => pieces(&found.bytes, found.order, &mut add),
                "zap" => {
                    let blocks = found.bytes.chunks(16 << 10).skip(1);
                    blocks.take(1).for_each(|leaf| add("zap-leaf", found.order, leaf));
                }
                _ => {}
            }
        }
        for image in fixture.images() {
            let device = Device::open(&unpacked(&image)).unwrap();
            let Some(at) = places(device.len()).into_iter().flatten().next() else { continue };
            let label = device.read(at, LABEL_SIZE).unwrap();
            let order = if fixture.name.starts_with("bigendian") { Order::Big } else { Order::Little };
            let config = &label[VDEV_PHYS_AT..][..LONGEST / 2];
            let ring = label[0x20000..].chunks(1024).filter(|s| s[..8].iter().any(|b| *b != 0));
            let ring: Vec<u8> = ring.take(4).flatten().copied().collect();
            add("nvlist", order, config);
            add("bootenv", order, &label[0x2000..0x4000]);
            add("uberblock", order, &ring[..ring.len().min(1024)]);
            add("label", order, &[config, &ring].concat());
            add("vdev-phys", order, config);
            if fixture.name.starts_with("gang") {
                gangs(&device, order, &mut add);
            }
            if fixture.name.starts_with("l2arc") {
                let start = device.read(DATA_AT, LONGEST).unwrap();
                if start[..8] == *b"EHCACSFZ" {
                    add("l2arc-header", order, &start[..4096]);
                }
            }
        }
    }
    // an entrance has no structure: the beginnings of some
    let uberblock = all[&("uberblock", false)].first().unwrap()[..256].to_vec();
    let nvlist = all[&("nvlist", false)].first().unwrap()[..1500].to_vec();
    let pairs = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>();
    let rows = |bytes: &[u8], gap: &str| -> String {
        let row = |(n, row): (usize, &[u8])| format!("{:08x}{gap}{}\n", n * 16, pairs(row).join(" "));
        bytes.chunks(16).enumerate().map(row).collect()
    };
    let zdb = "000000:  0807060504030201  100f0e0d0c0b0a09  ................\n";
    let dumps = [rows(&uberblock, ": "), rows(&uberblock, "  "), pairs(&uberblock).concat(), zdb.into()];
    let hex = |text: &str| zfsp::dump::hex(text).unwrap();
    // chapter 05, 5.8: blocks of 512 bytes
    let packed: [(u8, &str); 5] = [
        (3, "0e00fc01fc42fc4200616263e064656667685408fc63fc4203fc42fc42000000000000000000000000000000000000"),
        (10, "789c8b720b56c8cfd34dc92cce5648cb2fca4d2cd153881a151b316200100fac90"),
        (14, "ff471f6162636465666768616263646566676861626364656667686162636465666768ff97"),
        (15, "0000001f1f000100b48f61626364656667680800050fe700b40f020039500000000000"),
        (16, "0000001e030028a50000cd000050000061626364656667680400001308d186022b201f52000b"),
    ];

    let mut total = 0;
    let mut write = |target: &str, first: u8, bytes: &[u8]| {
        let input = [&[first], bytes].concat();
        let folder = folder().join("corpus").join(target);
        std::fs::create_dir_all(&folder).unwrap();
        total += input.len();
        std::fs::write(folder.join(format!("{:016x}", hash(&input))), input).unwrap();
    };
    for (family, structures) in FAMILIES {
        for (n, structure) in structures.iter().enumerate() {
            for big in [false, true] {
                let order = if big { Order::Big } else { Order::Little };
                let Some(seeds) = all.get(&(structure.name, big)) else { continue };
                // of different lengths, and different beginnings
                let mut seen = HashSet::new();
                let mut chosen: Vec<&Vec<u8>> =
                    seeds.iter().filter(|s| seen.insert((s.len(), s.first_chunk::<4>()))).collect();
                chosen.sort_by_key(|s| s.len());
                let step = chosen.len().div_ceil(MOST).max(1);
                for seed in chosen.into_iter().step_by(step) {
                    write(&target(family), selector(n, order), seed);
                }
            }
        }
        if !members(&target(family)).is_empty() {
            write(&target(family), 0, &[0; 64]);
        }
    }
    for dump in dumps {
        write("dump", dump.as_bytes()[0], &dump.as_bytes()[1..]);
    }
    for (algorithm, stored) in packed {
        write("decompress", algorithm, &[&128u16.to_le_bytes(), &hex(stored)[..]].concat());
    }
    for bytes in [uberblock, nvlist] {
        write("auto", 0, &bytes);
    }
    for text in ["metaslab_shift", "lz4", "gzip-9", "0:1:2:3:4:5:6:7:8:9:a:b:c:d:e:ffffffffffffffff"] {
        write("config", 0, text.as_bytes());
    }
    println!("{total} bytes of seeds");
}

/// What adds a seed.
type Add<'s> = dyn FnMut(&'static str, Order, &[u8]) + 's;

/// What dnodes hold, for the structures that do not stand alone: pointers and bonus areas.
fn pieces(block: &[u8], order: Order, add: &mut Add<'_>) {
    let (_, slots) = dnodes(Input::new(block, order)).unwrap();
    let (mut at, mut pointers) = (0, Vec::new());
    for slot in slots {
        let Slot::Dnode(dnode) = slot else {
            at += SLOT_SIZE;
            continue;
        };
        let bonus = at + 64 + usize::from(dnode.nblkptr) * BLKPTR_SIZE;
        pointers.extend_from_slice(&block[at + 64..bonus]);
        let bytes = &block[bonus..][..usize::from(dnode.bonuslen)];
        match dnode.bonustype {
            ObjectType::DSL_DIR => add("dsl-dir", order, bytes),
            ObjectType::DSL_DATASET => add("dsl-dataset", order, bytes),
            ObjectType::ZNODE => add("znode", order, bytes),
            ObjectType::SA => add("sa", order, bytes),
            _ => {}
        }
        at += dnode.size();
    }
    pointers.truncate(BLKPTR_SIZE * 16);
    add("indirect", order, &pointers);
    add("blkptr", order, &pointers[..pointers.len().min(BLKPTR_SIZE)]);
}

/// Sectors and larger pieces that end in a proof as gang headers do.
fn gangs(device: &Device, order: Order, add: &mut Add<'_>) {
    const STEP: usize = 1 << 20;
    let magic = match order {
        Order::Little => ECK_MAGIC.to_le_bytes(),
        Order::Big => ECK_MAGIC.to_be_bytes(),
    };
    let mut at = DATA_AT;
    while let Ok(bytes) = device.read(at, STEP) {
        for size in [512, 4096] {
            let mut headers = bytes.chunks_exact(size);
            if let Some(h) = headers.find(|h| h[size - 40..][..8] == magic && h[8] != 0) {
                add("gang", order, h);
            }
        }
        at += STEP as u64;
    }
}

/// FNV-1a: a name that follows from the content.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3))
}
