//! Every raw block that zdb dumped: decompressed, decoded without a problem or an unexplained byte.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly

mod common;

use std::collections::HashSet;

use common::{Fixture, fixtures, unexplained};
use zfsp::compress;
use zfsp::decode::{Decoded, decode};
use zfsp::device::Device;
use zfsp::view::rows::Detail;
use zfsp::view::text;
use zfsp_grammar::algorithms::Compression;
use zfsp_grammar::catalogue;

/// A line of `INDEX.txt`.
struct Raw {
    fixture: String,
    file: String,
    /// `DMU dnode`
    kind: String,
    level: u32,
    dataset: String,
    /// The block as it was before it was stored.
    block: Option<(Compression, Vec<u8>)>,
}

fn raws(fixture: &Fixture) -> Vec<Raw> {
    let Some(index) = fixture.text("zdb/raw/INDEX.txt") else { return Vec::new() };
    let parse = |line: &str| {
        let (file, rest) = line.split_once("  ").unwrap();
        let (what, rest) = rest.split_once("  vdev:offset:psize ").unwrap();
        let (_, lsize) = rest.split_once("  lsize ").unwrap();
        let (what, dataset) = what.rsplit_once(" of ").unwrap();
        let (kind, level) = what.rsplit_once(" L").unwrap();
        let path = fixture.folder.join("zdb/raw").join(file);
        let device = Device::open(&path).unwrap();
        let stored = device.read(0, usize::try_from(device.len()).unwrap()).unwrap();
        let lsize = usize::from_str_radix(lsize.trim(), 16).unwrap();
        Raw {
            fixture: fixture.name.clone(),
            file: file.into(),
            kind: kind.into(),
            level: level.parse().unwrap(),
            dataset: dataset.into(),
            block: unpack(&stored, lsize),
        }
    };
    index.lines().filter(|line| line.contains(".raw")).map(parse).collect()
}

/// What was stored, by the only algorithm that gives the logical size.
fn unpack(stored: &[u8], lsize: usize) -> Option<(Compression, Vec<u8>)> {
    let all = [Compression::LZ4, Compression::ZSTD, Compression::GZIP_6, Compression::ZLE, Compression::LZJB];
    let algorithms: &[Compression] = if stored.len() == lsize { &[Compression::OFF] } else { &all };
    algorithms.iter().find_map(|a| Some((*a, compress::decompress(*a, stored, lsize).ok()?)))
}

fn decoded(raw: &Raw) -> Option<Decoded<'_>> {
    let name = match (raw.level, raw.kind.as_str()) {
        (0, "DMU dnode") => "dnode",
        (0, _) => return None,
        _ => "indirect",
    };
    let (_, block) = raw.block.as_ref()?;
    Some(decode(catalogue::find(name).unwrap(), block, 0, None, 1))
}

#[test]
fn each_decodes_without_a_problem() {
    let mut table = Vec::new();
    let mut failures = Vec::new();
    for fixture in fixtures() {
        for raw in raws(&fixture) {
            let name =
                format!("{}/{}  {} L{} of {}", raw.fixture, raw.file, raw.kind, raw.level, raw.dataset);
            // contents of encrypted files are ciphertext: no algorithm fits
            let Some((algorithm, block)) = &raw.block else {
                table.push(format!("{name}: ciphertext"));
                continue;
            };
            let Some(decoded) = decoded(&raw) else {
                table.push(format!("{name}: {algorithm}, {} bytes of content", block.len()));
                continue;
            };
            for (k, problem) in decoded.tree.problems() {
                failures.push(format!("{name}: {}: {}", decoded.tree.path(k), problem.text));
            }
            failures.extend(unexplained(&decoded).map(|gap| format!("{name}: unexplained {gap}")));
            table.push(format!(
                "{name}: {algorithm}, {}, {} fields",
                decoded.order,
                decoded.tree.nodes.len()
            ));
        }
    }
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
    insta::assert_snapshot!("each_raw_block", table.join("\n"));
}

/// One of each kind in full, from every tenth fixture: what a reader sees.
#[test]
fn some_as_a_reader_sees_them() {
    let mut shown = HashSet::new();
    let mut out = String::new();
    for fixture in fixtures().iter().step_by(7) {
        for raw in raws(fixture) {
            let Some(decoded) = decoded(&raw) else { continue };
            if shown.insert((raw.kind.clone(), raw.level, decoded.order == zfsp_grammar::input::Order::Big)) {
                out.push_str(&format!("== {}/{} {} L{}\n", raw.fixture, raw.file, raw.kind, raw.level));
                let plain = anstream::adapter::strip_str(&text::tree(&decoded, Detail::Brief)).to_string();
                out.push_str(&plain);
            }
        }
    }
    insta::assert_snapshot!("some_raw_blocks", out);
}
