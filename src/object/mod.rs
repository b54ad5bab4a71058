//! Objects: from a dnode to its blocks, holes and bytes.
//!
//! Handbook: `docs/format/06-dnode-objset.md`, 6.1 to 6.3.
//!
//! ```
//! # use zfsp::{device, pool::{Gathering, Options, Pool}};
//! # let found = device::find(&["fixtures/simple".into()]);
//! # let pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
//! let history = pool.mos.object(pool.directory_number("history")?.unwrap_or_default())?;
//! let start = history.block(0)?;
//! assert_eq!(start.bytes[8..12], [0, 1, 0, 0]); // a packed list in the native encoding, behind its length
//! # Ok::<(), zfsp::error::Error>(())
//! ```

mod bookmark;
mod tree;

use std::sync::Arc;

use zfsp_grammar::algorithms::{Checksum, Compression};
use zfsp_grammar::blkptr::{BLKPTR_SIZE, Blkptr, LARGEST_BLOCK, Pointer};
use zfsp_grammar::dnode::{Dnode, DnodeFlags, SLOT_SIZE, Slot};
use zfsp_grammar::input::{Input, Order, Parse, fault};
use zfsp_grammar::object_type::ObjectType;

use crate::block::{Block, Store, Why};

pub use bookmark::{Bookmark, DNODE, Loss, ObjectAt, SPILL};
pub use tree::{Tree, TreeBlock};
pub(crate) use tree::{entry, first_below};

/// An object: a dnode and what is needed to read below it.
#[derive(Clone, Debug)]
pub struct Object {
    store: Arc<Store>,
    /// Which object it is.
    pub at: ObjectAt,
    /// What it holds.
    pub r#type: ObjectType,
    /// What its bonus holds.
    pub bonustype: ObjectType,
    /// Levels of its tree of blocks: 1 if the pointers lead to data.
    pub levels: u8,
    /// Bytes of a data block.
    pub block_size: u64,
    /// log2 of the pointers in an indirect block.
    span: u32,
    /// Highest data block that may exist.
    pub maxblkid: u64,
    /// The pointers in the dnode.
    pub pointers: Vec<Pointer>,
    /// Pointer to the spill block.
    pub spill: Option<Pointer>,
    /// Bytes that all its blocks take, copies and parity included.
    pub used: u64,
    /// Bytes of its bonus.
    pub bonuslen: u16,
    /// How its blocks are to be checked and compressed from now on, if that is said.
    pub hints: (Checksum, Compression),
    /// What is known of it.
    pub flags: DnodeFlags,
    dnode: Arc<[u8]>,
    order: Order,
}

impl Object {
    /// The object whose dnode is at the front of `bytes`.
    ///
    /// # Errors
    /// `Corrupt` if that is no dnode; a free slot is none.
    pub fn new(store: &Arc<Store>, at: ObjectAt, bytes: &[u8], order: Order) -> Result<Self, Loss> {
        let corrupt = |what: String| Loss::new(at.block(0, DNODE), Why::Corrupt(what));
        let slots = bytes.get(EXTRA_SLOTS_AT).map_or(0, |extra| usize::from(*extra)).saturating_add(1);
        let bytes = bytes.get(..slots.saturating_mul(SLOT_SIZE)).unwrap_or(bytes);
        let bonustype = bytes.get(BONUSTYPE_AT).map_or(ObjectType::NONE, |kind| ObjectType(*kind));
        // what is wrong with a bonus, or encrypted, does not keep from the data
        let mut opaque = bytes.to_vec();
        opaque.iter_mut().skip(BONUSTYPE_AT).take(1).for_each(|kind| *kind = 0);
        let dnode = match Slot::parse(Input::new(&opaque, order)) {
            Ok((_, Slot::Dnode(dnode))) => dnode,
            Ok((_, Slot::Free(_))) => return Err(Loss::new(at.block(0, DNODE), Why::Missing)),
            Err(error) => return Err(corrupt(format!("dnode: {}", fault(error)))),
        };
        if !(9..=24).contains(&dnode.indblkshift) {
            return Err(corrupt(format!("dnode: indirect blocks of 2^{} bytes", dnode.indblkshift)));
        }
        let block_size = dnode.data_block_size();
        if block_size == 0 || block_size > LARGEST_BLOCK {
            return Err(corrupt(format!("dnode: data blocks of {block_size:#x} bytes")));
        }
        if dnode.nlevels > MOST_LEVELS {
            return Err(corrupt(format!("dnode: {} levels", dnode.nlevels)));
        }
        Ok(Self {
            store: store.clone(),
            at,
            r#type: dnode.r#type,
            bonustype,
            levels: dnode.nlevels.max(1),
            block_size,
            span: u32::from(dnode.indblkshift).saturating_sub(BLKPTR_SHIFT),
            maxblkid: dnode.maxblkid,
            pointers: dnode.blkptr,
            spill: dnode.spill,
            used: if dnode.flags.used_bytes() { dnode.used } else { dnode.used.saturating_mul(512) },
            bonuslen: dnode.bonuslen,
            hints: (dnode.checksum, dnode.compress),
            flags: dnode.flags,
            dnode: bytes.into(),
            order,
        })
    }

    /// The whole dnode, with its bonus; `None` if that cannot be read.
    #[must_use]
    pub fn dnode(&self) -> Option<Dnode<'_>> {
        match Slot::parse(Input::new(&self.dnode, self.order)) {
            Ok((_, Slot::Dnode(dnode))) => Some(dnode),
            _ => None,
        }
    }

    /// The bytes of the dnode, all its slots.
    #[must_use]
    pub fn dnode_bytes(&self) -> (&[u8], Order) {
        (&self.dnode, self.order)
    }

    /// The bytes of its bonus.
    #[must_use]
    pub fn bonus(&self) -> (&[u8], Order) {
        let start = self.pointers.len().saturating_mul(BLKPTR_SIZE).saturating_add(POINTERS_AT);
        let end = start.saturating_add(self.bonuslen.into()).min(self.dnode.len());
        (self.dnode.get(start..end).unwrap_or_default(), self.order)
    }

    /// Slots of 512 bytes that its dnode takes.
    #[must_use]
    pub fn slots(&self) -> u64 {
        u64::try_from(self.dnode.len() / SLOT_SIZE).unwrap_or_default()
    }

    /// What its blocks are read with.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Bytes of all its blocks: what its content may come to, holes included.
    #[must_use]
    pub fn size(&self) -> u64 {
        let is_empty = self.pointers.iter().all(Pointer::is_hole) && self.maxblkid == 0;
        if is_empty { 0 } else { self.maxblkid.saturating_add(1).saturating_mul(self.block_size) }
    }

    /// Data block `blkid`: zeros where there is a hole, and behind the last one.
    ///
    /// # Errors
    /// [`Loss`] of this block, or of one on the way to it.
    pub fn block(&self, blkid: u64) -> Result<Block, Loss> {
        let pointer = self.pointer(blkid)?;
        if pointer.is_hole() {
            let size = usize::try_from(self.block_size).unwrap_or_default();
            return Ok(Block { bytes: vec![0; size], order: self.order, faults: Vec::new() });
        }
        self.store.read(&pointer).map_err(|lost| Loss { at: self.at.block(0, blkid), lost })
    }

    /// The pointer to data block `blkid`; a hole also for what lies below a hole, and behind the last block.
    ///
    /// # Errors
    /// [`Loss`] of a block on the way to it.
    pub fn pointer(&self, blkid: u64) -> Result<Pointer, Loss> {
        let hole = Pointer::Hole(Blkptr::default());
        let top = self.levels.saturating_sub(1);
        let first = usize::try_from(self.above(blkid, top)).ok().and_then(|n| self.pointers.get(n));
        let Some(mut pointer) = first.copied() else { return Ok(hole) };
        for level in (1..=top).rev() {
            let number = self.above(blkid, level);
            self.check(&pointer, level, number)?;
            if pointer.is_hole() {
                return Ok(hole);
            }
            let block = self.store.metadata(&pointer);
            let block = block.map_err(|lost| Loss { at: self.at.block(level.into(), number), lost })?;
            let index = self.above(blkid, level.saturating_sub(1)) & !u64::MAX.unbounded_shl(self.span);
            pointer = entry(&block, index).unwrap_or(hole);
        }
        self.check(&pointer, 0, blkid)?;
        Ok(pointer)
    }

    /// The number of the block of `level` that leads to data block `blkid`.
    fn above(&self, blkid: u64, level: u8) -> u64 {
        blkid.unbounded_shr(self.below(level))
    }

    /// Whether a pointer is what its place demands.
    pub(crate) fn check(&self, pointer: &Pointer, level: u8, blkid: u64) -> Result<(), Loss> {
        if pointer.is_hole() {
            return Ok(());
        }
        let wanted = if level == 0 { self.block_size } else { self.indirect_size() };
        let what = if pointer.level() != level {
            format!("its pointer is of level {}", pointer.level())
        } else if pointer.r#type() != self.r#type {
            format!("its pointer is of type {}, the object of type {}", pointer.r#type(), self.r#type)
        } else if matches!(pointer, Pointer::Embedded(_)) && (level > 0 || self.r#type == ObjectType::DNODE) {
            "its pointer is embedded, which such blocks never are".into()
        } else if pointer.lsize() != wanted {
            format!("its pointer is of {:#x} bytes, not of {wanted:#x}", pointer.lsize())
        } else {
            return Ok(());
        };
        Err(Loss::new(self.at.block(level.into(), blkid), Why::Corrupt(what)))
    }

    /// Bytes of an indirect block.
    #[must_use]
    pub fn indirect_size(&self) -> u64 {
        1u64.unbounded_shl(self.span.saturating_add(BLKPTR_SHIFT))
    }

    /// The bytes of the object that a block holds, or that lie below it, as far as there can be any; `None` for the
    /// spill block, and for what is no block.
    #[must_use]
    pub fn range(&self, level: i64, blkid: u64) -> Option<std::ops::Range<u64>> {
        let (level, size) = (u8::try_from(level).ok()?, u128::from(self.block_size));
        let blocks = 1u128.checked_shl(self.below(level)).filter(|_| blkid < SPILL);
        let span = size.saturating_mul(blocks?);
        let start = u64::try_from(span.saturating_mul(blkid.into())).ok()?;
        let end = u128::from(start).saturating_add(span);
        Some(start..u64::try_from(end).unwrap_or(u64::MAX))
    }

    /// log2 of the data blocks below one pointer of `level`.
    pub(crate) fn below(&self, level: u8) -> u32 {
        self.span.saturating_mul(level.into())
    }

    /// The bytes up to `most`, without the holes at the end, and what is lost of them: its place is zeros.
    #[must_use]
    pub fn content(&self, most: u64) -> Content {
        let size = self.size().min(most);
        let mut content = Content { bytes: Vec::new(), order: self.order, losses: Vec::new() };
        let mut first = true;
        for found in self.blocks(0) {
            let (blkid, pointer) = match found {
                Ok(found) => found,
                Err(loss) => {
                    content.losses.push(loss);
                    continue;
                }
            };
            let Some(at) = blkid.checked_mul(self.block_size).filter(|at| *at < size) else { break };
            match self.store.read(&pointer) {
                Ok(block) => {
                    if std::mem::take(&mut first) {
                        content.order = block.order;
                    }
                    let at = usize::try_from(at).unwrap_or(usize::MAX);
                    content.bytes.resize(at, 0);
                    content.bytes.extend_from_slice(&block.bytes);
                }
                Err(lost) => content.losses.push(Loss { at: self.at.block(0, blkid), lost }),
            }
        }
        content.bytes.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        content
    }

    /// The spill block, if it has one.
    ///
    /// # Errors
    /// [`Loss`] of it.
    pub fn spill_block(&self) -> Option<Result<Block, Loss>> {
        let pointer = self.spill.filter(|spill| !spill.is_hole())?;
        Some(self.store.read(&pointer).map_err(|lost| Loss { at: self.at.block(0, SPILL), lost }))
    }
}

/// Byte of a dnode where its pointers start.
const POINTERS_AT: usize = 64;
/// Byte of a dnode that says what its bonus holds.
const BONUSTYPE_AT: usize = 4;
/// Byte of a dnode that says how many more slots it takes.
pub(crate) const EXTRA_SLOTS_AT: usize = 12;
/// log2 of the bytes of a pointer.
const BLKPTR_SHIFT: u32 = 7;
/// Writers never exceed 12; the field of pointers ends at 31.
const MOST_LEVELS: u8 = 31;

/// What an object holds.
#[derive(Clone, Debug)]
pub struct Content {
    /// Its bytes; zeros where there are holes, and where something is lost.
    pub bytes: Vec<u8>,
    /// Byte order of its writer.
    pub order: Order,
    /// What is lost.
    pub losses: Vec<Loss>,
}

impl Content {
    /// The bytes, if nothing of them is lost.
    ///
    /// # Errors
    /// The first [`Loss`].
    pub fn whole(mut self) -> Result<(Vec<u8>, Order), Loss> {
        match self.losses.is_empty() {
            true => Ok((self.bytes, self.order)),
            false => Err(self.losses.swap_remove(0)),
        }
    }
}
