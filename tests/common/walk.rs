//! A walk through a plain pool, only as good as tests need it: blocks on single disks and mirrors,
//! every object of every data set.

use std::collections::BTreeMap;

use zfsp::checksum::embedded::Piece;
use zfsp::checksum::fletcher::fletcher4;
use zfsp::checksum::sha256::sha256;
use zfsp::compress::decompress;
use zfsp::decode::content;
use zfsp::device::Device;
use zfsp_grammar::algorithms::Checksum;
use zfsp_grammar::blkptr::{BLKPTR_SIZE, Blkptr, Pointer};
use zfsp_grammar::bonus::Bonus;
use zfsp_grammar::dnode::{Dnode, SLOT_SIZE, Slot, dnodes};
use zfsp_grammar::input::{Input, Order, Parse, filling};
use zfsp_grammar::label::{DATA_AT, LABEL_SIZE, Label, places};
use zfsp_grammar::objset::Objset;
use zfsp_grammar::uberblock::Uberblock;

use super::{Fixture, unpacked};

/// A block that was reached.
pub(crate) struct Found {
    /// `simple: dataset 54, object 7, DSL props`
    pub(crate) place: String,
    /// Type of the object.
    pub(crate) kind: String,
    /// Structure of the bytes.
    pub(crate) structure: &'static str,
    /// The bytes, decompressed.
    pub(crate) bytes: Vec<u8>,
    /// Order of the writer.
    pub(crate) order: Order,
}

/// Content of objects is looked at up to this size.
const MOST_CONTENT: usize = 4 << 20;
/// Blocks of one object.
const MOST_BLOCKS: u64 = 4096;

struct Pool {
    /// Devices of each top-level vdev.
    vdevs: BTreeMap<u64, Vec<Device>>,
}

/// Every block with a structure that the newest uberblock leads to; `None` for pools that are not
/// plain: RAID-Z, dRAID, removed vdevs.
pub(crate) fn walk(fixture: &Fixture) -> Option<Vec<Found>> {
    let (pool, uberblock) = open(fixture)?;
    let mut found = Vec::new();
    let mos = pool.read(&uberblock.rootbp)?;
    let datasets = pool.objset(&fixture.name, "MOS", &mos, &mut found);
    for (number, bp) in datasets {
        if let Some(block) = pool.read(&bp) {
            pool.objset(&fixture.name, &format!("dataset {number}"), &block, &mut found);
        }
    }
    Some(found)
}

fn open(fixture: &Fixture) -> Option<(Pool, Uberblock)> {
    let mut pool = Pool { vdevs: BTreeMap::new() };
    let mut best: Option<Uberblock> = None;
    for image in fixture.images() {
        let device = Device::open(&unpacked(&image)).unwrap();
        let mut id = None;
        for at in places(device.len()).into_iter().flatten() {
            let bytes = device.read(at, LABEL_SIZE).unwrap();
            let (_, label) = Label::parse(Input::new(&bytes, Order::Little)).unwrap();
            let Some(config) = label.vdev_phys.as_ref().and_then(|v| v.nvlist.as_ref()) else { continue };
            let Some(tree) = config.list.list("vdev_tree") else { continue };
            match tree.text("type")?.0 {
                b"disk" | b"file" | b"mirror" | b"replacing" | b"spare" => id = tree.number("id"),
                _ => return None,
            }
            for slot in label.ring.uberblocks() {
                let newer = |b: &Uberblock| {
                    (slot.uberblock.txg.0, slot.uberblock.timestamp.0) > (b.txg.0, b.timestamp.0)
                };
                if best.as_ref().is_none_or(newer) {
                    best = Some(slot.uberblock);
                }
            }
        }
        if let Some(id) = id {
            pool.vdevs.entry(id).or_default().push(device);
        }
    }
    Some((pool, best?))
}

/// A block as it was before it was stored, and the order of its writer.
struct Block {
    bytes: Vec<u8>,
    order: Order,
}

/// The last block of a log is allocated ahead: most often nobody has written it yet, and it holds
/// what was there before.
fn is_written(log: &[u8], pointer: &Blkptr) -> bool {
    let words = pointer.cksum.0;
    let Some(nused) = log[136..].first_chunk() else { return false };
    let used = usize::try_from(u64::from_le_bytes(*nused)).unwrap_or(usize::MAX);
    let slim = used.checked_next_multiple_of(4096).and_then(|used| Piece::at(log.get(..used)?, 144));
    let old = Piece::ending(log);
    slim.is_some_and(|p| p.fletcher4(words) == p.stored)
        || old.is_some_and(|p| p.fletcher2(words) == p.stored)
}

impl Pool {
    fn read(&self, pointer: &Pointer) -> Option<Block> {
        let order = |little| if little { Order::Little } else { Order::Big };
        match pointer {
            Pointer::Hole(_) | Pointer::Encrypted(_) => None,
            Pointer::Embedded(b) => {
                let lsize = usize::try_from(b.prop.lsize()).unwrap();
                let bytes = decompress(b.prop.compression(), &b.payload(), lsize).ok()?;
                Some(Block { bytes, order: order(b.prop.little_endian()) })
            }
            Pointer::Block(b) => self.stored(b, order(b.prop.little_endian())),
            Pointer::Authenticated(b) => self.stored(&b.plain(), order(b.prop.little_endian())),
        }
    }
    fn stored(&self, b: &Blkptr, order: Order) -> Option<Block> {
        let psize = usize::try_from(b.prop.psize().bytes()).unwrap();
        let lsize = usize::try_from(b.prop.lsize().bytes()).unwrap();
        for dva in b.copies().filter(|dva| !dva.is_gang()) {
            for device in self.vdevs.get(&u64::from(dva.vdev())).into_iter().flatten() {
                let Ok(stored) = device.read(dva.offset() + DATA_AT, psize) else { continue };
                let sum = match b.prop.checksum() {
                    Checksum::FLETCHER4 => fletcher4(&stored, order),
                    Checksum::SHA256 => sha256(&[&stored]),
                    _ => b.cksum,
                };
                if (sum == b.cksum || b.prop.encrypted())
                    && let Ok(bytes) = decompress(b.prop.compression(), &stored, lsize)
                {
                    return Some(Block { bytes, order });
                }
            }
        }
        None
    }

    /// All objects of an object set; returns the datasets among them.
    fn objset(&self, pool: &str, name: &str, block: &Block, found: &mut Vec<Found>) -> Vec<(usize, Pointer)> {
        let place = format!("{pool}: {name}");
        let mut push = |place: String, kind: String, structure, bytes, order| {
            found.push(Found { place, kind, structure, bytes, order });
        };
        push(place.clone(), "DMU objset".into(), "objset", block.bytes.clone(), block.order);
        let (_, objset) = Objset::parse(Input::new(&block.bytes, block.order)).unwrap();
        if let Pointer::Block(pointer) = objset.zil_header.log
            && let Some(log) = self.stored(&pointer, block.order)
            && is_written(&log.bytes, &pointer)
        {
            push(format!("{place}, log"), "ZIL intent log".into(), "zil-block", log.bytes, log.order);
        }
        let mut datasets = Vec::new();
        let Slot::Dnode(meta) = objset.meta_dnode else { return datasets };
        for (n, block) in self.blocks(&meta) {
            let per_block = usize::try_from(meta.data_block_size()).unwrap() / SLOT_SIZE;
            push(
                format!("{place}, dnodes {}", n * per_block as u64),
                "DMU dnode".into(),
                "dnode",
                block.bytes.clone(),
                block.order,
            );
            let (_, slots) = dnodes(Input::new(&block.bytes, block.order)).unwrap();
            let mut number = usize::try_from(n).unwrap() * per_block;
            for slot in slots {
                let Slot::Dnode(dnode) = slot else {
                    number += 1;
                    continue;
                };
                if let Bonus::DslDataset(dataset) = &dnode.bonus {
                    datasets.push((number, dataset.bp));
                }
                let place = format!("{place}, object {number}");
                let kind = dnode.r#type.to_string();
                if let Some(structure) = content::structure(dnode.r#type, &dnode.bonus) {
                    let (bytes, order) = self.content(&dnode, block.order);
                    if !bytes.is_empty() {
                        push(place.clone(), kind, structure, bytes, order);
                    }
                }
                if let Some(spill) = dnode.spill.and_then(|spill| self.read(&spill)) {
                    push(
                        format!("{place}, spill"),
                        "System attributes".into(),
                        "sa",
                        spill.bytes,
                        spill.order,
                    );
                }
                number += dnode.size() / SLOT_SIZE;
            }
        }
        datasets
    }

    /// The content as far as it counts.
    fn content(&self, dnode: &Dnode<'_>, order: Order) -> (Vec<u8>, Order) {
        let (mut bytes, mut found) = (Vec::new(), order);
        let size = usize::try_from(dnode.data_block_size()).unwrap();
        for (n, block) in self.blocks(dnode) {
            let at = usize::try_from(n).unwrap() * size;
            if at > MOST_CONTENT {
                break;
            }
            bytes.resize(at, 0);
            bytes.extend_from_slice(&block.bytes);
            found = block.order;
        }
        if let Some(length) = content::length(&dnode.bonus) {
            bytes.truncate(length);
        }
        (bytes, found)
    }

    /// The level-0 blocks that are no holes.
    fn blocks(&self, dnode: &Dnode<'_>) -> Vec<(u64, Block)> {
        let mut all = Vec::new();
        let span = u32::from(dnode.indblkshift) - 7;
        let top = u32::from(dnode.nlevels.max(1)) - 1;
        for (n, pointer) in dnode.blkptr.iter().enumerate() {
            let first = (n as u64).checked_shl(span * top).unwrap_or(0);
            self.below(pointer, top, first, span, &mut all);
        }
        all
    }
    fn below(&self, pointer: &Pointer, level: u32, first: u64, span: u32, all: &mut Vec<(u64, Block)>) {
        if all.len() as u64 > MOST_BLOCKS {
            return;
        }
        let Some(block) = self.read(pointer) else { return };
        if level == 0 {
            all.push((first, block));
            return;
        }
        let input = Input::new(&block.bytes, block.order);
        let (_, pointers) = filling(BLKPTR_SIZE, Pointer::parse)(input).unwrap();
        for (n, pointer) in pointers.iter().enumerate() {
            let first = first + (n as u64).checked_shl(span * (level - 1)).unwrap_or(0);
            self.below(pointer, level - 1, first, span, all);
        }
    }
}
