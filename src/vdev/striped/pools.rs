//! Blocks of real pools: all that zdb names with a checksum, and those of which it gives the bytes.
#![allow(clippy::arithmetic_side_effects)] // of small numbers

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zfsp_grammar::input::{Input, Order, Parse};
use zfsp_grammar::label::{DATA_AT, LABEL_SIZE, Label};
use zfsp_grammar::nvlist::List;
use zfsp_grammar::uberblock::Uberblock;

use super::super::{Area, Draid, DraidConfig, Extent, Leaf, Raidz, Reflow, Side};
use super::*;
use crate::checksum::fletcher::fletcher4;
use crate::device::Device;

/// A pool of one striped vdev.
struct Pool {
    folder: PathBuf,
    vdev: Vdev,
    children: Vec<Child>,
    /// The child that is taken away.
    away: Vec<usize>,
}

enum Vdev {
    Raidz(Raidz),
    Draid(Draid),
}

#[derive(Clone)]
enum Child {
    Disk(Arc<Leaf>),
    /// A disk, and the distributed spare that took its place.
    Spare(Arc<Leaf>, u64),
}

/// A block: where it lies, and what it is.
struct Block {
    extent: Extent,
    asize: Option<u64>,
    truth: Truth,
}

enum Truth {
    Checksum(String),
    Bytes(Vec<u8>),
}

impl Children for Pool {
    fn sides(&self, n: usize, offset: u64, area: Area) -> Vec<Side> {
        let at = offset + if area == Area::Data { DATA_AT } else { 512 << 10 };
        let side = |leaf: &Arc<Leaf>, is_current| {
            let gone = Arc::new(Leaf { guid: leaf.guid, name: leaf.name.clone(), device: None });
            Side { leaf: if self.away.contains(&n) { gone } else { leaf.clone() }, at, is_current }
        };
        match (&self.children[n], &self.vdev) {
            (Child::Spare(disk, spare), Vdev::Draid(draid)) => {
                let mut sides = self.sides(draid.spare(*spare, offset).unwrap(), offset, area);
                sides.push(side(disk, false));
                sides
            }
            (Child::Disk(disk) | Child::Spare(disk, _), _) => vec![side(disk, true)],
        }
    }
}

fn open(name: &str) -> Pool {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    let images = (1..).map(|n| folder.join(format!("d{n}.img.zst"))).take_while(|path| path.exists());
    let devices: Vec<Device> = images.map(|image| Device::open(&image).unwrap()).collect();
    let labels: Vec<Vec<u8>> = devices.iter().map(|device| device.read_vec(0, LABEL_SIZE).unwrap()).collect();
    let labels: Vec<Label<'_>> =
        labels.iter().map(|label| Label::parse(Input::new(label, Order::Little)).unwrap().1).collect();
    let configs = labels.iter().map(|label| &label.vdev_phys.as_ref().unwrap().nvlist.as_ref().unwrap().list);
    let guids: Vec<u64> = configs.clone().map(|config| config.number("guid").unwrap()).collect();
    let newest = configs.max_by_key(|config| config.number("txg")).unwrap();
    let uberblocks = labels.iter().flat_map(|label| label.ring.uberblocks().map(|slot| slot.uberblock));
    let uberblock = uberblocks.max_by_key(|uberblock| (uberblock.txg, uberblock.timestamp.0)).unwrap();
    let mut leaves: BTreeMap<u64, Arc<Leaf>> = guids
        .into_iter()
        .zip(devices)
        .map(|(guid, device)| {
            (guid, Arc::new(Leaf { guid, name: format!("{guid}").into(), device: Some(device) }))
        })
        .collect();
    let tree = newest.list("vdev_tree").unwrap();
    let mut leaf = |list: &List<'_>| leaves.remove(&list.number("guid").unwrap()).unwrap();
    let child = |list: &List<'_>| match list.lists("children") {
        [] => Child::Disk(leaf(list)),
        sides => Child::Spare(leaf(&sides[0]), sides[1].number("spareid").unwrap_or(0)),
    };
    let children: Vec<Child> = tree.lists("children").iter().map(child).collect();
    let vdev = vdev(tree, children.len(), &uberblock);
    Pool { folder, vdev, children, away: Vec::new() }
}

fn vdev(tree: &List<'_>, width: usize, uberblock: &Uberblock) -> Vdev {
    let [nparity, ashift] = ["nparity", "ashift"].map(|name| tree.number(name).unwrap());
    if let Some(ndata) = tree.number("draid_ndata") {
        let [nspares, ngroups] = ["draid_nspares", "draid_ngroups"].map(|name| tree.number(name).unwrap());
        let config = DraidConfig { width, nparity, ndata, nspares, ngroups, nchildren: None, ashift };
        return Vdev::Draid(Draid::new(config).unwrap());
    }
    let info = uberblock.raidz_reflow_info;
    let reflow = Reflow { offset: info.offset().0 * 512, state: info.state() };
    let reflow = tree.get("raidz_expanding").map(|_| reflow);
    let txgs = tree.numbers("raidz_expand_txgs").to_vec();
    Vdev::Raidz(Raidz::new(width, nparity, ashift, txgs, reflow).unwrap())
}

impl Pool {
    fn text(&self, name: &str) -> String {
        let device = Device::open(&self.folder.join(name)).unwrap();
        String::from_utf8_lossy(&device.read_vec(0, usize::try_from(device.len()).unwrap()).unwrap())
            .into_owned()
    }

    /// Lines as `0 L0 0:1ae000:400 4000L/200P F=1 B=64/64 cksum=...`: vdev, offset, asize; sizes; births.
    fn blocks(&self) -> Vec<Block> {
        let text = self.text("zdb/pool.txt.zst");
        let mut blocks = Vec::new();
        for line in text.lines().filter(|line| line.contains("cksum=") && !line.contains("DVA[0]")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let Some(level) = words.iter().position(|word| word.starts_with('L')) else { continue };
            let (Some(dva), Some(sizes)) = (words.get(level + 1), words.get(level + 2)) else { continue };
            let dva: Vec<u64> =
                dva.split(':').filter_map(|word| u64::from_str_radix(word, 16).ok()).collect();
            let [0, offset, asize] = dva[..] else { continue };
            let size = sizes.split('/').nth(1).unwrap().trim_end_matches('P');
            let size = usize::from_str_radix(size, 16).unwrap();
            let birth = words.iter().find(|word| word.starts_with("B=")).unwrap();
            let birth = birth.split('/').nth(1).unwrap().parse().unwrap();
            let sum = line.split("cksum=").nth(1).unwrap().trim().to_string();
            let extent = Extent { offset, size, birth };
            blocks.push(Block { extent, asize: Some(asize), truth: Truth::Checksum(sum) });
        }
        for line in self.text("zdb/raw/INDEX.txt").lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let at = words.iter().position(|word| *word == "vdev:offset:psize").unwrap();
            let dva: Vec<u64> =
                words[at + 1].split(':').map(|n| u64::from_str_radix(n, 16).unwrap()).collect();
            let known = blocks.iter().find(|block| block.extent.offset == dva[1]);
            let birth = known.map_or(0, |block| block.extent.birth);
            let extent = Extent { offset: dva[1], size: usize::try_from(dva[2]).unwrap(), birth };
            let bytes = std::fs::read(self.folder.join("zdb/raw").join(words[0])).unwrap();
            blocks.push(Block { extent, asize: None, truth: Truth::Bytes(bytes) });
        }
        blocks
    }

    /// Reads a block by its layout, and returns what was wrong.
    fn check(&self, block: &Block) -> Vec<Fault> {
        let layout = match &self.vdev {
            Vdev::Raidz(raidz) => raidz.layout(&block.extent),
            Vdev::Draid(draid) => draid.layout(&block.extent),
        };
        let judge = |bytes: &[u8]| match &block.truth {
            Truth::Bytes(truth) => bytes == truth,
            Truth::Checksum(sum) => fletcher4(bytes, Order::Little).to_string() == *sum,
        };
        let mut faults = Vec::new();
        let bytes = read(&layout.unwrap(), self, block.extent.size, &judge, &mut faults);
        assert!(bytes.is_some_and(|bytes| judge(&bytes)), "{:x?} without {:?}", block.extent, self.away);
        faults
    }

    fn scrub(&self, block: &Block) -> Vec<Fault> {
        let layout = match &self.vdev {
            Vdev::Raidz(raidz) => raidz.layout(&block.extent),
            Vdev::Draid(draid) => draid.layout(&block.extent),
        };
        let layout = layout.unwrap();
        let mut faults = Vec::new();
        let bytes = read(&layout, self, block.extent.size, &|_| true, &mut Vec::new()).unwrap();
        scrub(&layout, self, &bytes, Proven::Nothing, &mut faults);
        faults
    }

    /// Reads every block with all devices, and without any `away` of them; `is_sound`: no device is stale.
    fn check_all(mut self, away: usize, is_sound: bool) {
        let blocks = self.blocks();
        assert!(blocks.len() > 200, "{}", blocks.len());
        for block in &blocks {
            let Extent { size, birth, .. } = block.extent;
            let size = u64::try_from(size).unwrap();
            let asize = match &self.vdev {
                Vdev::Raidz(raidz) => raidz.asize(size, birth),
                Vdev::Draid(draid) => draid.asize(size),
            };
            assert_eq!(block.asize.unwrap_or(asize), asize, "{:x?}", block.extent);
            let faults = self.check(block);
            assert_eq!(faults, [], "{:x?}", block.extent);
            if is_sound {
                assert_eq!(self.scrub(block), [], "{:x?}", block.extent);
            }
        }
        for first in 0..self.children.len() {
            self.away = (0..away).map(|n| (first + n * n) % self.children.len()).collect();
            blocks.iter().for_each(|block| drop(self.check(block)));
        }
    }
}

#[test]
fn raidz1() {
    open("raidz1-3").check_all(1, true);
}

#[test]
fn raidz2() {
    open("raidz2-6-ashift12").check_all(2, true);
}

#[test]
fn raidz3() {
    open("raidz3-7").check_all(3, true);
}

/// The stale device is found out, block by block.
#[test]
fn a_stale_child() {
    let pool = open("raidz1-stale");
    let blocks = pool.blocks();
    let faults: Vec<Fault> = blocks.iter().flat_map(|block| pool.check(block)).collect();
    let Child::Disk(stale) = &pool.children[2] else { panic!("a disk") };
    assert!(!faults.is_empty() && faults.iter().all(|fault| fault.leaf == stale.name), "{faults:?}");
}

#[test]
fn an_expanded_vdev() {
    open("raidz-expanded").check_all(1, true);
}

#[test]
fn a_vdev_that_is_being_expanded() {
    open("raidz-expanding").check_all(1, true);
}

#[test]
fn draid() {
    open("draid1").check_all(1, true);
}

/// The failed disk comes last; it is stale, the spare has it all.
#[test]
fn a_distributed_spare_in_use() {
    open("draid-spare-active").check_all(1, false);
}
