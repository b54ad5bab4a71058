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

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use zfsp_grammar::blkptr::{BLKPTR_SIZE, Blkptr, LARGEST_BLOCK, Pointer};
use zfsp_grammar::dnode::{Dnode, Slot};
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
        // what is wrong with a bonus, or encrypted, does not keep from the data
        let opaque = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            bytes.iter_mut().skip(BONUSTYPE_AT).take(1).for_each(|kind| *kind = 0);
            bytes
        };
        let bonustype = bytes.get(BONUSTYPE_AT).map_or(ObjectType::NONE, |kind| ObjectType(*kind));
        let without_bonus;
        let slot = match Slot::parse(Input::new(bytes, order)) {
            Err(_) => {
                without_bonus = opaque(bytes);
                Slot::parse(Input::new(&without_bonus, order))
            }
            slot => slot,
        };
        let dnode = match slot {
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
            dnode: bytes.get(..dnode.size()).unwrap_or(bytes).into(),
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
        let blocks = self.maxblkid.saturating_add(1).min(self.room());
        if is_empty { 0 } else { blocks.saturating_mul(self.block_size) }
    }

    /// Data blocks that the tree has room for.
    fn room(&self) -> u64 {
        let shift = self.below(self.levels.saturating_sub(1));
        let pointers = u64::try_from(self.pointers.len()).unwrap_or(u64::MAX);
        if pointers.leading_zeros() >= shift { pointers.unbounded_shl(shift) } else { u64::MAX }
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
        self.descend(0, blkid, &mut |_, _| Ok(())).map(|(pointer, _)| pointer)
    }

    /// The pointer to block `blkid` of `level`, and from which level it comes if a hole above covers it. `pass` is asked
    /// about each indirect block on the way.
    fn descend(&self, level: u8, blkid: u64, pass: &mut Pass<'_>) -> Result<(Pointer, u8), Loss> {
        let top = self.levels.saturating_sub(1);
        let hole = |level| Ok((Pointer::Hole(Blkptr::default()), level));
        let Some(depth) = top.checked_sub(level) else { return hole(top) };
        let index = shifted(blkid, self.span, depth);
        let pointer = usize::try_from(index).ok().and_then(|index| self.pointers.get(index));
        let Some(mut pointer) = pointer.copied() else { return hole(top) };
        for below in (level..top).rev() {
            let above = below.saturating_add(1);
            let depth = below.saturating_sub(level);
            let number = shifted(blkid, self.span, depth.saturating_add(1));
            self.check(&pointer, above, number)?;
            if pointer.is_hole() {
                return hole(above);
            }
            pass(self.at.block(above.into(), number), &pointer)?;
            let block = self.store.metadata(&pointer);
            let block = block.map_err(|lost| Loss { at: self.at.block(above.into(), number), lost })?;
            let index = shifted(blkid, self.span, depth) & !u64::MAX.unbounded_shl(self.span);
            pointer = entry(&block, index).unwrap_or(Pointer::Hole(Blkptr::default()));
        }
        self.check(&pointer, level, blkid)?;
        Ok((pointer, level))
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
    pub fn blocks(&self, first: u64) -> Blocks<'_> {
        Blocks { object: self, next: Some(first), seen: HashMap::new() }
    }

    /// The bytes up to `most`, and what is lost of them: its place is zeros.
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
        content.bytes.resize(usize::try_from(size).unwrap_or_default(), 0);
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
/// log2 of the bytes of a pointer.
const BLKPTR_SHIFT: u32 = 7;
/// Writers never exceed 12; the field of pointers ends at 31.
const MOST_LEVELS: u8 = 31;

/// The number of the block `levels` above block `blkid`.
fn shifted(blkid: u64, span: u32, levels: u8) -> u64 {
    blkid.unbounded_shr(span.saturating_mul(levels.into()))
}

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

/// Whether the way may go on through an indirect block.
type Pass<'p> = dyn FnMut(Bookmark, &Pointer) -> Result<(), Loss> + 'p;

/// The data blocks of an object: see [`Object::blocks`].
#[derive(Debug)]
pub struct Blocks<'o> {
    object: &'o Object,
    next: Option<u64>,
    /// Indirect blocks that were met, by place and birth. A tree that has one of them in two places is damaged: a few
    /// such blocks would make data without end.
    seen: HashMap<[u64; 3], Bookmark>,
}

impl Iterator for Blocks<'_> {
    type Item = Result<(u64, Pointer), Loss>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let end = self.object.maxblkid.saturating_add(1).min(self.object.room());
            let blkid = self.next.filter(|blkid| *blkid < end)?;
            let mut pass = |at: Bookmark, pointer: &Pointer| {
                let Some(b) = pointer.stored() else { return Ok(()) };
                let [dva, ..] = b.dva;
                let first = *self.seen.entry([dva.extent.0, dva.place.0, b.written().0]).or_insert(at);
                let again = || Loss::new(at, Why::Corrupt(format!("is the same block as that of {first}")));
                if first == at { Ok(()) } else { Err(again()) }
            };
            let (found, level) = match self.object.descend(0, blkid, &mut pass) {
                Ok((pointer, level)) => (Ok(pointer), level),
                Err(loss) => {
                    let level = u8::try_from(loss.at.level).unwrap_or_default();
                    (Err(loss), level)
                }
            };
            // a hole or a loss above covers all that is below it
            let shift = self.object.below(level);
            let after = blkid.unbounded_shr(shift).checked_add(1);
            self.next = after
                .filter(|n| shift < u64::BITS && n.leading_zeros() >= shift)
                .map(|n| n.unbounded_shl(shift));
            match found {
                Ok(pointer) if pointer.is_hole() => {}
                Ok(pointer) => return Some(Ok((blkid, pointer))),
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
