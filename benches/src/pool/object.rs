//! Objects: trees of blocks, dnodes, object sets. Handbook: `docs/format/06-dnode-objset.md`.

use std::io;

use zfsp_grammar::object_type::ObjectType;

use super::space::{Block, Space};
use super::words;

/// Bytes of an indirect block.
const INDIRECT: usize = 128 << 10;

/// The blocks of an object, as they come.
pub(super) struct Tree {
    kind: ObjectType,
    /// Its data blocks are worth being compressed.
    is_packed: bool,
    block_size: usize,
    blocks: u64,
    start: Option<u64>,
    /// Of each level, pointers that are not in a block yet, and what is below them.
    levels: Vec<(Vec<u8>, u64)>,
}

/// What is written down of an object.
pub(super) struct Dnode {
    kind: ObjectType,
    block_size: usize,
    bonus: (ObjectType, Vec<u8>),
    levels: u8,
    blocks: u64,
    used: u64,
    pointer: [u8; 128],
    fill: u64,
}

impl Tree {
    pub(super) fn new(kind: ObjectType, block_size: usize) -> Self {
        let is_packed = kind != ObjectType::PLAIN_FILE_CONTENTS;
        Self { kind, is_packed, block_size, blocks: 0, start: None, levels: Vec::new() }
    }

    pub(super) fn packed(self, is_packed: bool) -> Self {
        Self { is_packed, ..self }
    }

    /// The next data block; zeros are added.
    pub(super) fn push(&mut self, space: &mut Space, bytes: Vec<u8>) -> io::Result<()> {
        self.push_filled(space, bytes, 1)
    }

    /// The same, when so many objects are in it.
    fn push_filled(&mut self, space: &mut Space, mut bytes: Vec<u8>, fill: u64) -> io::Result<()> {
        self.start.get_or_insert(space.next);
        bytes.resize(self.block_size, 0);
        self.blocks += 1;
        self.put(space, 0, &bytes, fill)
    }

    fn put(&mut self, space: &mut Space, level: usize, bytes: &[u8], fill: u64) -> io::Result<()> {
        let is_packed = level > 0 || self.is_packed;
        let block = Block { kind: self.kind, level: level as u8, fill, bytes, is_packed };
        let pointer = space.put(&block)?;
        if self.levels.len() <= level {
            self.levels.push((Vec::new(), 0));
        }
        let (pointers, below) = &mut self.levels[level];
        pointers.extend(pointer);
        *below += fill;
        if pointers.len() == INDIRECT { self.put_indirect(space, level) } else { Ok(()) }
    }

    /// Puts the pointers to blocks of `level` into a block.
    fn put_indirect(&mut self, space: &mut Space, level: usize) -> io::Result<()> {
        let (mut pointers, fill) = std::mem::take(&mut self.levels[level]);
        pointers.resize(INDIRECT, 0);
        self.put(space, level + 1, &pointers, fill)
    }

    pub(super) fn finish(mut self, space: &mut Space) -> io::Result<Dnode> {
        let mut level = 0;
        while level < self.levels.len() {
            let is_top = level + 1 == self.levels.len();
            match self.levels[level].0.len() {
                0 => {}
                128 if is_top => break,
                _ => self.put_indirect(space, level)?,
            }
            level += 1;
        }
        let (pointer, fill) = self.levels.pop().unwrap_or((vec![0; 128], 0));
        Ok(Dnode {
            kind: self.kind,
            block_size: self.block_size,
            bonus: (ObjectType::NONE, Vec::new()),
            levels: level as u8 + 1,
            blocks: self.blocks,
            used: space.next - self.start.unwrap_or(space.next),
            pointer: pointer.try_into().unwrap_or([0; 128]),
            fill,
        })
    }
}

impl Dnode {
    /// An object without blocks.
    pub(super) fn only(kind: ObjectType, bonus: Vec<u8>) -> Self {
        let (levels, blocks, used, fill) = (1, 0, 0, 0);
        let bonus = (kind, bonus);
        Self { kind, block_size: 512, bonus, levels, blocks, used, pointer: [0; 128], fill }
    }

    pub(super) fn with(self, kind: ObjectType, bonus: Vec<u8>) -> Self {
        Self { bonus: (kind, bonus), ..self }
    }

    fn bytes(&self) -> [u8; 512] {
        let (bonus_type, bonus) = &self.bonus;
        let bonus_len = (bonus.len() as u16).to_le_bytes();
        // as writers choose it, though one is used: system attributes may grow
        let pointers =
            if *bonus_type == ObjectType::SA { 1 } else { (1 + (512 - 64 - 128 - bonus.len()) / 128).min(3) };
        let mut bytes = vec![self.kind.0, 17, self.levels, pointers as u8, bonus_type.0, 0, 0, 0];
        bytes.extend(((self.block_size / 512) as u16).to_le_bytes());
        bytes.extend(bonus_len);
        bytes.extend([0; 4]);
        bytes.extend(words(&[self.blocks.saturating_sub(1), self.used / 512, 0, 0, 0, 0]));
        bytes.extend(self.pointer);
        bytes.resize(64 + 128 * pointers, 0);
        bytes.extend(bonus);
        bytes.resize(512, 0);
        bytes.try_into().unwrap_or([0; 512])
    }
}

/// The dnodes of an object set, by number.
pub(super) struct Dnodes {
    bytes: Vec<u8>,
    count: u64,
}

impl Dnodes {
    pub(super) fn new() -> Self {
        Self { bytes: Vec::new(), count: 0 }
    }

    pub(super) fn set(&mut self, number: u64, dnode: &Dnode) {
        let at = number as usize * 512;
        self.bytes.resize(self.bytes.len().max(at + 512), 0);
        self.bytes[at..at + 512].copy_from_slice(&dnode.bytes());
        self.count += 1;
    }
}

/// Writes an object set of that type, and returns the pointer to it.
pub(super) fn object_set(space: &mut Space, kind: u64, dnodes: Dnodes) -> io::Result<[u8; 128]> {
    let mut tree = Tree::new(ObjectType::DNODE, 16 << 10);
    for block in dnodes.bytes.chunks(16 << 10) {
        let used = block.chunks(512).filter(|dnode| dnode[0] != 0).count() as u64;
        tree.push_filled(space, block.to_vec(), used)?;
    }
    let meta = tree.finish(space)?;
    let mut bytes = meta.bytes().to_vec();
    bytes.resize(704, 0);
    bytes.extend(words(&[kind]));
    bytes.resize(1024, 0);
    let block = Block { kind: ObjectType::OBJSET, level: 0, fill: meta.fill, bytes: &bytes, is_packed: true };
    debug_assert_eq!(meta.fill, dnodes.count);
    space.put(&block)
}
