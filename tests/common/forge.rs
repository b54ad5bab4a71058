//! Pools whose every checksum holds, but whose structures were made by an enemy.
//!
//! A changed block is stored in free space, uncompressed; the pointers above it, up to the uberblock, are mended.

use std::fs::File;
use std::os::unix::fs::FileExt;

use zfsp::checksum::embedded::Piece;
use zfsp::checksum::fletcher::fletcher4;
use zfsp::object::Object;
use zfsp::pool::{Member, Pool, SlotContent};
use zfsp_grammar::blkptr::{BLKPTR_SIZE, Pointer};
use zfsp_grammar::input::{Input, Order, Parse};

use super::fixture;
use super::image::Saved;
use super::pools::open;

/// A little-endian pool on one disk, in the hands of an enemy.
pub(crate) struct Forge {
    pub(crate) saved: Saved,
    /// As it was when the last change had been made.
    pub(crate) pool: Pool,
    /// Where there is room for a block.
    free: u64,
}

/// Bytes of a pointer.
pub(crate) type Raw = [u8; BLKPTR_SIZE];

type Change<'c> = Box<dyn FnOnce(&mut [u8]) + 'c>;

/// Of a dnode, before its pointers.
pub(crate) const DNODE_HEAD: usize = 64;
const LITTLE: u64 = 1 << 63;
const DATA_AT: u64 = 4 << 20;

/// `checksum` of pointers.
pub(crate) const OFF: u64 = 2;
pub(crate) const FLETCHER4: u64 = 7;

pub(crate) fn set_word(bytes: &mut [u8], at: usize, word: u64) {
    bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
}

pub(crate) fn parsed(raw: &Raw) -> Pointer {
    Pointer::parse(Input::new(raw, Order::Little)).unwrap().1
}

impl Forge {
    pub(crate) fn of(name: &str) -> Self {
        let images = fixture(name).copies();
        let used = images[0].used();
        // 8 MiB of nothing
        let free = (DATA_AT..images[0].len - (16 << 20)).step_by(1 << 20);
        let mut free = free.filter(|at| !used.iter().any(|used| (*at..at + (8 << 20)).contains(used)));
        let free = free.next().unwrap() - DATA_AT;
        let saved = Saved::new(&images);
        let pool = open(saved.devices()).unwrap();
        Self { saved, pool, free }
    }

    #[allow(clippy::disallowed_methods)] // of its own copy
    fn file(&self) -> File {
        File::options().read(true).write(true).open(&self.saved.paths[0]).unwrap()
    }

    /// Writes `bytes` to free space; returns the offset on the vdev.
    pub(crate) fn put(&mut self, bytes: &[u8]) -> u64 {
        let at = self.free;
        self.free += bytes.len().next_multiple_of(4096) as u64;
        self.rewrite(at, bytes);
        at
    }

    /// Writes `bytes` where something was put before.
    pub(crate) fn rewrite(&self, at: u64, bytes: &[u8]) {
        self.file().write_all_at(bytes, DATA_AT + at).unwrap();
    }

    /// Stores a block; returns a pointer to it.
    pub(crate) fn store(&mut self, bytes: &[u8], kind: u8, level: u8) -> Raw {
        let at = self.put(bytes);
        self.pointer(at, bytes, kind, level, FLETCHER4)
    }

    /// A pointer to the block `bytes` at `at`.
    pub(crate) fn pointer(&self, at: u64, bytes: &[u8], kind: u8, level: u8, checksum: u64) -> Raw {
        let mut raw = [0; BLKPTR_SIZE];
        let sectors = bytes.len() as u64 / 512;
        let prop = (sectors - 1) | (sectors - 1) << 16 | 2 << 32 | checksum << 40;
        let prop = prop | u64::from(kind) << 48 | u64::from(level) << 56 | LITTLE;
        let txg = self.pool.uberblock.txg.0;
        for (n, word) in [(0, sectors), (1, at / 512), (6, prop), (10, txg), (11, 1)] {
            set_word(&mut raw, n * 8, word);
        }
        if checksum == FLETCHER4 {
            for (n, word) in fletcher4(bytes, Order::Little).0.into_iter().enumerate() {
                set_word(&mut raw, 96 + n * 8, word);
            }
        }
        raw
    }

    /// Changes the dnode of an object.
    pub(crate) fn dnode(&mut self, objset: u64, number: u64, change: impl FnOnce(&mut [u8])) {
        self.change_dnode(objset, number, Box::new(change));
    }

    fn change_dnode(&mut self, objset: u64, number: u64, change: Change<'_>) {
        let set = self.pool.objset(objset).unwrap();
        let per_block = set.meta_dnode.block_size / 512;
        let blkid = number / per_block;
        let mut block = set.meta_dnode.block(blkid).unwrap().bytes;
        change(&mut block[(number % per_block) as usize * 512..]);
        let old = self.raw(&set.meta_dnode, 0, blkid);
        let pointer = self.stored_like(&old, &block, 10, 0);
        let mut meta = set.meta_dnode.dnode_bytes().0.to_vec();
        self.replace(&set.meta_dnode, &mut meta, 0, blkid, pointer);
        self.objset(objset, |bytes| bytes[..512].copy_from_slice(&meta));
    }

    /// Changes the block of an object set.
    pub(crate) fn objset(&mut self, objset: u64, change: impl FnOnce(&mut [u8])) {
        self.change_objset(objset, Box::new(change));
    }

    fn change_objset(&mut self, objset: u64, change: Change<'_>) {
        let set = self.pool.objset(objset).unwrap();
        let mut bytes = set.block().bytes.clone();
        change(&mut bytes);
        if objset == 0 {
            let pointer = self.store(&bytes, 11, 0);
            return self.root(pointer);
        }
        let place = DNODE_HEAD + BLKPTR_SIZE + 128..DNODE_HEAD + BLKPTR_SIZE + 256;
        let dataset = self.pool.mos.object(objset).unwrap();
        let old = dataset.dnode_bytes().0[place.clone()].try_into().unwrap();
        let pointer = self.stored_like(&old, &bytes, 11, 0);
        self.dnode(0, objset, |dnode| dnode[place].copy_from_slice(&pointer));
    }

    /// Puts a pointer in its place in the tree below a dnode.
    pub(crate) fn replace(&mut self, object: &Object, dnode: &mut [u8], level: u8, blkid: u64, pointer: Raw) {
        let (number, at) = above(object, level, blkid);
        if level + 1 == object.levels {
            dnode[at..at + BLKPTR_SIZE].copy_from_slice(&pointer);
            return;
        }
        let old = self.raw(object, level + 1, number);
        let mut block = object.store().read(&parsed(&old)).unwrap().bytes;
        block[at..at + BLKPTR_SIZE].copy_from_slice(&pointer);
        let pointer = self.stored_like(&old, &block, object.r#type.0, level + 1);
        self.replace(object, dnode, level + 1, number, pointer);
    }

    /// The pointer to a block of an object.
    pub(crate) fn raw(&self, object: &Object, level: u8, blkid: u64) -> Raw {
        let (number, at) = above(object, level, blkid);
        if level + 1 == object.levels {
            return object.dnode_bytes().0[at..at + BLKPTR_SIZE].try_into().unwrap();
        }
        let block = object.store().read(&parsed(&self.raw(object, level + 1, number))).unwrap().bytes;
        block[at..at + BLKPTR_SIZE].try_into().unwrap()
    }

    /// Changes a data block of an object in clear.
    pub(crate) fn plain_block(
        &mut self,
        objset: u64,
        number: u64,
        blkid: u64,
        change: impl FnOnce(&mut [u8]),
    ) {
        let object = self.pool.objset(objset).unwrap().object(number).unwrap();
        let mut bytes = object.block(blkid).unwrap().bytes;
        change(&mut bytes);
        let pointer = self.store(&bytes, object.r#type.0, 0);
        let mut changed = object.dnode_bytes().0.to_vec();
        self.replace(&object, &mut changed, 0, blkid, pointer);
        self.dnode(objset, number, |dnode| dnode[..changed.len()].copy_from_slice(&changed));
    }

    /// Makes this the content of an object: one block.
    pub(crate) fn content(&mut self, objset: u64, number: u64, bytes: &[u8]) {
        let kind = self.pool.objset(objset).unwrap().object(number).unwrap().r#type.0;
        let pointer = self.store(bytes, kind, 0);
        let sectors = (bytes.len() / 512) as u16;
        self.dnode(objset, number, |dnode| {
            dnode[2] = 1;
            dnode[8..10].copy_from_slice(&sectors.to_le_bytes());
            set_word(dnode, 16, 0);
            let pointers = usize::from(dnode[3]) * BLKPTR_SIZE;
            dnode[DNODE_HEAD..DNODE_HEAD + pointers].fill(0);
            dnode[DNODE_HEAD..DNODE_HEAD + BLKPTR_SIZE].copy_from_slice(&pointer);
        });
    }

    /// Makes the object a tree of so many levels, each block of which holds nothing but pointers to the one block below:
    /// few blocks, and more data than there is in the world.
    pub(crate) fn laugh(&mut self, objset: u64, number: u64, levels: u8, data: &[u8]) {
        let kind =
            if number == 0 { 10 } else { self.pool.objset(objset).unwrap().object(number).unwrap().r#type.0 };
        let mut pointer = self.store(data, kind, 0);
        for level in 1..levels {
            let block = pointer.repeat(1 << (17 - 7));
            pointer = self.store(&block, kind, level);
        }
        let sectors = (data.len() / 512) as u16;
        let change = |dnode: &mut [u8]| {
            dnode[1] = 17;
            dnode[2] = levels;
            dnode[8..10].copy_from_slice(&sectors.to_le_bytes());
            set_word(dnode, 16, u64::MAX >> 1);
            let count = usize::from(dnode[3]);
            for n in 0..count {
                let at = DNODE_HEAD + n * BLKPTR_SIZE;
                dnode[at..at + BLKPTR_SIZE].copy_from_slice(&pointer);
            }
        };
        match number {
            0 => self.objset(objset, change),
            _ => self.dnode(objset, number, change),
        }
    }

    /// Makes this the root of all: the newest uberblock in all labels leads there.
    fn root(&mut self, pointer: Raw) {
        let member = Member::read(self.saved.devices().remove(0)).unwrap();
        let file = self.file();
        for label in &member.labels {
            for slot in &label.ring {
                let SlotContent::Valid(uberblock) = &slot.content else { continue };
                if uberblock.txg != self.pool.uberblock.txg {
                    continue;
                }
                let mut bytes = vec![0; label.slot_size];
                file.read_exact_at(&mut bytes, slot.at).unwrap();
                bytes[40..40 + BLKPTR_SIZE].copy_from_slice(&pointer);
                let sum = Piece::ending(&bytes).unwrap().sha256([slot.at, 0, 0, 0]).0.map(u64::to_le_bytes);
                let end = bytes.len();
                bytes[end - 32..].copy_from_slice(sum.as_flattened());
                file.write_all_at(&bytes, slot.at).unwrap();
            }
        }
        if let Ok(pool) = open(self.saved.devices()) {
            self.pool = pool;
        }
    }
}

/// The block that holds the pointer to block `blkid` of `level`, and where: of the topmost it is the dnode.
fn above(object: &Object, level: u8, blkid: u64) -> (u64, usize) {
    if level + 1 == object.levels {
        return (0, DNODE_HEAD + blkid as usize * BLKPTR_SIZE);
    }
    let span = (object.indirect_size() / BLKPTR_SIZE as u64).ilog2();
    (blkid >> span, (blkid % (1 << span)) as usize * BLKPTR_SIZE)
}

/// A micro ZAP.
pub(crate) fn micro_zap(entries: &[(&str, u64)]) -> Vec<u8> {
    let mut bytes = vec![0; (64 + entries.len() * 64).next_multiple_of(512)];
    set_word(&mut bytes, 0, 0x8000_0000_0000_0003);
    set_word(&mut bytes, 8, 1);
    for (n, (name, value)) in entries.iter().enumerate() {
        let at = 64 + n * 64;
        set_word(&mut bytes, at, *value);
        bytes[at + 14..at + 14 + name.len()].copy_from_slice(name.as_bytes());
    }
    bytes
}
