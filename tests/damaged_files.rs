//! Every block of metadata of a file system overwritten, one after the other: everything else is still listed as it
//! was, and the loss is named.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers
#![allow(clippy::disallowed_methods)] // images are made here, to be damaged

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::image::Saved;
use common::pools::open;
use common::{each, fixture};
use zfsp::fs::{FileSystem, Found};
use zfsp::manifest::{self, Depth};
use zfsp::namespace::{Namespace, Place};
use zfsp::object::{Bookmark, SPILL};
use zfsp_grammar::blkptr::Pointer;
use zfsp_grammar::object_type::ObjectType;

/// Labels and boot block in front of what DVAs count from.
const DATA_AT: u64 = 4 << 20;

/// A block that is to be overwritten.
struct Victim {
    at: Bookmark,
    pointer: Pointer,
    /// Objects that may suffer: those whose block it is, or whose dnodes are in it.
    objects: BTreeSet<u64>,
}

/// What a file is, and what it needs beyond its directory.
struct Known {
    lines: BTreeMap<Vec<u8>, String>,
    /// Objects without which a path cannot be told in full: itself, its extended attributes.
    needs: BTreeMap<Vec<u8>, BTreeSet<u64>>,
}

impl Known {
    fn of(fs: &FileSystem, name: &str) -> Self {
        let (mut lines, mut needs) = (BTreeMap::new(), BTreeMap::new());
        for visit in fs.root().unwrap().walk() {
            let Found::Inode(inode) = &visit.found else { panic!("{:?}", visit.found) };
            let mut wanted = BTreeSet::from([inode.number]);
            if inode.attributes.xattr != 0 {
                wanted.insert(inode.attributes.xattr);
                let directory = fs.inode(inode.attributes.xattr).unwrap();
                wanted.extend(directory.directory().entries().map(|entry| entry.unwrap().object));
            }
            let line = manifest::Line::of_inode(name, &visit.path, inode, Depth::Segments);
            lines.insert(visit.path.clone(), serde_json::to_string(&line).unwrap());
            needs.insert(visit.path, wanted);
        }
        Self { lines, needs }
    }

    /// Whether the loss of these objects excuses that the line of `path` is another, or none.
    fn excuses(&self, path: &[u8], lost: &BTreeSet<u64>) -> bool {
        let ends = path.iter().enumerate().filter(|(_, b)| **b == b'/').map(|(n, _)| n);
        let mut above = [0].into_iter().chain(ends);
        !self.needs[path].is_disjoint(lost) || above.any(|end| !self.needs[&path[..end]].is_disjoint(lost))
    }
}

/// The blocks of dnodes, indirect blocks, directories, tables and spill blocks of a file system.
fn victims(fs: &FileSystem) -> Vec<Victim> {
    let set = fs.set();
    let per_block = set.meta_dnode.block_size / 512;
    let mut all = Vec::new();
    let mut add = |at: Bookmark, pointer: Pointer, objects: BTreeSet<u64>| {
        if pointer.stored().is_some() {
            all.push(Victim { at, pointer, objects });
        }
    };
    for (block, _) in set.meta_dnode.tree().filter(|(block, _)| block.level == 0) {
        let numbers = block.blkid * per_block..(block.blkid + 1) * per_block;
        add(set.meta_dnode.at.block(0, block.blkid), block.pointer, numbers.collect());
    }
    for object in set.objects().map(Result::unwrap) {
        let own = BTreeSet::from([object.at.object as u64]);
        for (block, _) in object.tree() {
            if block.level > 0 || object.r#type != ObjectType::PLAIN_FILE_CONTENTS {
                add(object.at.block(block.level.into(), block.blkid), block.pointer, own.clone());
            }
        }
        if let Some(spill) = object.spill {
            add(object.at.block(0, SPILL), spill, own);
        }
    }
    all
}

fn check(pool: &str, dataset: &str, least: usize, most: usize) -> Result<(), String> {
    let saved = Saved::new(&fixture(pool).copies());
    let device = saved.devices().swap_remove(0);
    let whole = open(saved.devices()).unwrap();
    let names = Namespace::of(&whole);
    let Ok(Place::Inode(root)) = names.root(names.datasets().find(dataset).unwrap()) else {
        panic!("{dataset}")
    };
    let (known, mut victims) = (Known::of(root.fs(), dataset), victims(root.fs()));
    if victims.len() < least {
        return Err(format!("{pool}: only {} blocks", victims.len()));
    }
    // of larger ones every n-th is enough
    let step = victims.len().div_ceil(most);
    victims = victims.into_iter().step_by(step).collect();
    let mut failures = Vec::new();
    for Victim { at, pointer, objects } in &victims {
        let b = pointer.stored().unwrap();
        let before: Vec<(u64, u8)> = b
            .copies()
            .map(|dva| dva.offset() + DATA_AT + 7)
            .map(|place| (place, device.read(place, 1).unwrap()[0]))
            .collect();
        before.iter().for_each(|(place, byte)| saved.overwrite(0, *place, !byte));
        let damaged = open(saved.devices()).unwrap();
        let names = Namespace::of(&damaged);
        let (mut lines, mut said) = (BTreeMap::new(), String::new());
        manifest::dataset(&names, names.datasets().find(dataset).unwrap(), Depth::Segments, |line| {
            said.extend(line.error.iter().chain(&line.mount_error).map(|why| format!("{why}\n")));
            let path = line.path.clone().map(String::into_bytes);
            let path = path.or(line.path_b64.as_ref().map(|path| path.0.clone())).unwrap_or_default();
            // what is lost of the dataset as a whole comes last
            lines.entry(path).or_insert_with(|| serde_json::to_string(&line).unwrap());
            Ok(())
        })
        .unwrap();
        let is_named = said.contains(&at.to_string());
        let mut harm = 0;
        for (path, line) in &known.lines {
            if lines.get(path) == Some(line) {
                continue;
            }
            harm += 1;
            if !known.excuses(path, objects) {
                failures.push(format!(
                    "{pool}: without {at}: {}: {:?}",
                    String::from_utf8_lossy(path),
                    lines.get(path)
                ));
            }
        }
        if harm > 0 && !is_named {
            failures.push(format!("{pool}: {at} is lost, and {harm} lines are, but it is not named: {said}"));
        }
        before.iter().for_each(|(place, byte)| saved.overwrite(0, *place, *byte));
    }
    match failures.len() {
        0 => Ok(()),
        n => Err(format!("{n} failures:\n{}", failures[..n.min(8)].join("\n"))),
    }
}

#[test]
fn what_is_not_lost_is_still_there() {
    let all = vec![
        ("simple", "lab", 30, 150),
        ("bigdir", "lab", 10, 12),
        ("bigfile", "lab", 10, 60),
        ("zpl-versions", "lab/v3", 10, 150),
        ("xattr", "lab/dir", 20, 150),
    ];
    each(all, |(pool, dataset, least, most)| check(pool, dataset, *least, *most));
}
