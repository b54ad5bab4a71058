//! Objects: from a dnode to its blocks, holes and bytes.
//!
//! Handbook: `docs/format/06-dnode-objset.md`, 6.1 to 6.3.
//!
//! ```
//! use std::io::{Read, Seek, SeekFrom};
//! # use zfsp::{device, pool::{Gathering, Options, Pool}};
//! # let found = device::find(&["fixtures/simple".into()]);
//! # let pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
//!
//! let history = pool.mos.object(pool.directory_number("history")?.unwrap_or_default())?;
//! let mut reader = history.reader();
//! reader.seek(SeekFrom::Start(8))?;
//! let mut start = [0; 4];
//! reader.read_exact(&mut start)?;
//! assert_eq!(start, [0, 1, 0, 0]); // a packed list in the native encoding, behind the length of the first record
//! # Ok::<(), zfsp::error::Error>(())
//! ```

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use zfsp_grammar::algorithms::{Checksum, Compression};
use zfsp_grammar::blkptr::{BLKPTR_SIZE, Blkptr, LARGEST_BLOCK, Pointer};
use zfsp_grammar::dnode::{Dnode, DnodeFlags, SLOT_SIZE, Slot};
use zfsp_grammar::input::{Input, Order, Parse};
use zfsp_grammar::object_type::ObjectType;

use crate::block::{Block, Lost, Store, Why};
use crate::error::Error;

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

/// An object of an object set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectAt {
    /// MOS object of the dataset; 0: the MOS itself.
    pub objset: u64,
    /// Its number; 0: the meta dnode, below 0: accounting.
    pub object: i64,
}

/// Names a block, as zdb and the error log do: `<objset, object, level, blkid>`.
///
/// Chapter 06, 6.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bookmark {
    /// Whose block it is.
    pub at: ObjectAt,
    /// 0 for data, n for indirect blocks, -1 for the object set itself, -2 for log blocks.
    pub level: i64,
    /// Number of the block on its level; [`SPILL`] for the spill block, [`DNODE`] for the dnode.
    pub blkid: u64,
}

/// Number of the spill block in bookmarks.
pub const SPILL: u64 = u64::MAX - 1;
/// Stands for the dnode itself, with its bonus, in bookmarks.
pub const DNODE: u64 = u64::MAX;

/// A block of an object that could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {lost}")]
pub struct Loss {
    /// Which block.
    pub at: Bookmark,
    /// Why.
    pub lost: Lost,
}

impl Loss {
    pub(crate) fn new(at: Bookmark, why: impl Into<Lost>) -> Self {
        Self { at, lost: why.into() }
    }
}

impl From<Loss> for Error {
    fn from(loss: Loss) -> Self {
        let at = loss.at;
        Error::from(loss.lost).within(&at)
    }
}

impl ObjectAt {
    /// A block of it.
    #[must_use]
    pub fn block(self, level: i64, blkid: u64) -> Bookmark {
        Bookmark { at: self, level, blkid }
    }
}

impl fmt::Display for ObjectAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.objset {
            0 => write!(f, "MOS object {}", self.object),
            objset => write!(f, "dataset {objset} object {}", self.object),
        }
    }
}

impl fmt::Display for Bookmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, level, blkid } = self;
        match (level, *blkid) {
            (-1, _) if at.objset == 0 => f.write_str("MOS"),
            (-1, _) => write!(f, "dataset {}", at.objset),
            (-2, seq) => write!(f, "dataset {} log block {seq}", at.objset),
            (_, SPILL) => write!(f, "{at} spill block"),
            (_, DNODE) => write!(f, "{at}"),
            (0, blkid) => write!(f, "{at} block {blkid}"),
            (level, blkid) => write!(f, "{at} level {level} block {blkid}"),
        }
    }
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
            Ok((_, Slot::Free(_))) => return Err(corrupt("no such object".into())),
            Err(error) => return Err(corrupt(format!("dnode: {error}"))),
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
            pointers: dnode.blkptr.clone(),
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

    /// The bytes of the object that a block holds, or that lie below it; `None` for the spill block.
    #[must_use]
    pub fn range(&self, level: i64, blkid: u64) -> Option<std::ops::Range<u64>> {
        let level = u8::try_from(level).ok()?;
        let span = self.block_size.checked_mul(1u64.checked_shl(self.below(level))?)?;
        let start = blkid.checked_mul(span).filter(|_| blkid < SPILL)?;
        Some(start..start.checked_add(span)?)
    }

    /// log2 of the data blocks below one pointer of `level`.
    pub(crate) fn below(&self, level: u8) -> u32 {
        self.span.saturating_mul(level.into())
    }

    /// The data blocks from `first` on, in order, without the holes. A damaged indirect block is one error for all
    /// that is below it.
    #[must_use]
    pub fn blocks(&self, first: u64) -> Blocks<'_> {
        Blocks { object: self, first, next: 0, path: Vec::new(), seen: HashSet::new() }
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

    /// Its bytes as a file: reads zeros in holes, an error where a block is lost.
    #[must_use]
    pub fn reader(&self) -> Reader<'_> {
        Reader { object: self, size: self.size(), at: 0, block: None }
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

/// Byte of a dnode that says what its bonus holds.
const BONUSTYPE_AT: usize = 4;
/// Byte of a dnode that says how many more slots it takes.
pub(crate) const EXTRA_SLOTS_AT: usize = 12;
/// log2 of the bytes of a pointer.
const BLKPTR_SHIFT: u32 = 7;
/// Writers never exceed 12; the field of pointers ends at 31.
const MOST_LEVELS: u8 = 31;

/// Pointer `index` of an indirect block.
fn entry(block: &Block, index: u64) -> Option<Pointer> {
    let at = usize::try_from(index).ok()?.checked_mul(BLKPTR_SIZE)?;
    let bytes = block.bytes.get(at..)?;
    Pointer::parse(Input::new(bytes, block.order)).ok().map(|(_, pointer)| pointer)
}

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

/// The data blocks of an object: see [`Object::blocks`].
#[derive(Debug)]
pub struct Blocks<'o> {
    object: &'o Object,
    first: u64,
    /// Next pointer in the dnode.
    next: usize,
    /// The indirect blocks on the way to where it is.
    path: Vec<Step>,
    /// Indirect blocks that were met. Each stands in one place; those that name each other would give blocks for ever.
    seen: HashSet<[u64; 2]>,
}

/// An indirect block on the way.
#[derive(Debug)]
struct Step {
    block: Arc<Block>,
    /// Of the blocks that it points to.
    level: u8,
    next: u64,
    /// Data block that its first pointer leads to.
    first: u64,
}

impl Blocks<'_> {
    /// The next pointer, its level, and the first data block that it leads to.
    fn pointer(&mut self) -> Option<(Pointer, u8, u64)> {
        while let Some(step) = self.path.last_mut() {
            if let Some(pointer) = entry(&step.block, step.next) {
                let blkid = first_below(step.next, self.object.below(step.level))?.checked_add(step.first)?;
                step.next = step.next.saturating_add(1);
                return Some((pointer, step.level, blkid));
            }
            self.path.pop();
        }
        let (pointer, level) = (*self.object.pointers.get(self.next)?, self.object.levels.saturating_sub(1));
        let blkid = first_below(u64::try_from(self.next).ok()?, self.object.below(level))?;
        self.next = self.next.saturating_add(1);
        Some((pointer, level, blkid))
    }

    fn step(&mut self, pointer: &Pointer, level: u8, blkid: u64) -> Result<(), Loss> {
        let number = self.object.above(blkid, level);
        let at = self.object.at.block(level.into(), number);
        self.object.check(pointer, level, number)?;
        let Some(below) = level.checked_sub(1) else { return Ok(()) };
        let dva = pointer.stored().map(|b| b.dva).map(|[dva, ..]| [u64::from(dva.vdev()), dva.offset()]);
        if dva.is_some_and(|dva| !self.seen.insert(dva)) {
            return Err(Loss::new(
                at,
                Why::Corrupt("its pointer leads to a block of pointers that stands elsewhere".into()),
            ));
        }
        let block = self.object.store.metadata(pointer).map_err(|lost| Loss { at, lost })?;
        self.path.push(Step { block, level: below, next: 0, first: blkid });
        Ok(())
    }
}

/// The first data block below pointer `index` of a level; `None` if none has so high a number.
fn first_below(index: u64, shift: u32) -> Option<u64> {
    match index {
        0 => Some(0),
        _ => index.checked_shl(shift).filter(|blkid| blkid.unbounded_shr(shift) == index),
    }
}

impl Iterator for Blocks<'_> {
    type Item = Result<(u64, Pointer), Loss>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (pointer, level, blkid) = self.pointer()?;
            if blkid > self.object.maxblkid {
                // numbers only rise
                self.path.clear();
                self.next = usize::MAX;
                return None;
            }
            let last = blkid | !u64::MAX.unbounded_shl(self.object.below(level));
            if pointer.is_hole() || last < self.first {
                continue;
            }
            match self.step(&pointer, level, blkid) {
                Ok(()) if level == 0 => return Some(Ok((blkid, pointer))),
                Ok(()) => {}
                Err(loss) => return Some(Err(loss)),
            }
        }
    }
}

/// An object as a file: see [`Object::reader`].
#[derive(Debug)]
pub struct Reader<'o> {
    object: &'o Object,
    size: u64,
    at: u64,
    block: Option<(u64, Block)>,
}

impl Reader<'_> {
    /// Ends the file at `size` bytes: the length of the content is not in the dnode.
    #[must_use]
    pub fn ending_at(mut self, size: u64) -> Self {
        self.size = size;
        self
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let blkid = self.at.checked_div(self.object.block_size).unwrap_or_default();
        if left == 0 || buf.is_empty() {
            return Ok(0);
        }
        if self.block.as_ref().is_none_or(|(found, _)| *found != blkid) {
            let block = self.object.block(blkid).map_err(|loss| io::Error::other(Error::from(loss)))?;
            self.block = Some((blkid, block));
        }
        let bytes = self.block.as_ref().map(|(_, block)| block.bytes.as_slice()).unwrap_or_default();
        let skip = usize::try_from(self.at.checked_rem(self.object.block_size).unwrap_or_default())
            .unwrap_or_default();
        let found = bytes.get(skip..).unwrap_or_default();
        let count = found.len().min(left).min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), found.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at = self.at.saturating_add(u64::try_from(count).unwrap_or_default());
        Ok(count)
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek before the start"))?;
        Ok(self.at)
    }
}
