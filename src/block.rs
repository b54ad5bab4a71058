//! From a block pointer to the block: every copy, gang blocks, checksum, decompression.
//!
//! A block is tried every way before it is given up; what was tried is part of the error. Handbook:
//! `docs/format/03-blkptr.md`, 3.6 to 3.11, and `docs/format/24-reader-recipes.md`, 24.3.
//!
//! ```
//! # use zfsp::{device, pool::{Gathering, Options, Pool}};
//! # let found = device::find(&["fixtures/simple".into()]);
//! # let pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
//! let block = pool.store.read(&pool.uberblock.rootbp)?;
//! assert_eq!((block.bytes.len(), block.faults.len()), (4096, 0));
//! # Ok::<(), zfsp::error::Error>(())
//! ```

use std::fmt;
use std::sync::Arc;

use zfsp_grammar::algorithms::Compression;
use zfsp_grammar::blkptr::{Blkptr, Dva, EmbeddedType, LARGEST_BLOCK, Pointer};
use zfsp_grammar::gang::{self, GangHeader};
use zfsp_grammar::input::{Input, Order, Parse};
use zfsp_grammar::object_type::ObjectType;

use crate::cache::Cache;
use crate::checksum::{self, Checker, Verdict};
use crate::compress::decompress;
use crate::error::Error;
use crate::memory;
use crate::vdev::{Extent, Fault, FaultKind, Judge, Proven, Vdevs};

/// What the blocks of a pool are read with.
#[derive(Debug, Default)]
pub struct Store {
    /// Where they lie.
    pub vdevs: Vdevs,
    /// What proves them.
    pub checker: Checker,
    /// Feature `dynamic_gang_header`: gang headers are as large as the smallest allocation.
    pub has_large_gang_headers: bool,
    /// Indirect blocks and dnodes: read once.
    pub cache: Cache,
}

/// A block as it was before it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its bytes: as many as the logical size.
    pub bytes: Vec<u8>,
    /// Byte order of its writer.
    pub order: Order,
    /// What failed or lied before these bytes were had.
    pub faults: Vec<Fault>,
}

/// A block as it is stored: compressed, perhaps encrypted, but proven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Its bytes: as many as the physical size.
    pub bytes: Vec<u8>,
    /// What failed or lied before these bytes were had.
    pub faults: Vec<Fault>,
    /// Which of the copies gave them, from 0.
    pub copy: usize,
}

/// A block that could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Lost {
    /// Why.
    pub why: Why,
    /// What was tried.
    pub faults: Vec<Fault>,
}

/// Why a block could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// No copy could be read, or none is what the checksum says.
    #[error("no copy is right")]
    NoCopy,
    /// The pointer, or the block, contradicts the format.
    #[error("{0}")]
    Corrupt(String),
    /// The format allows it, but it is not read yet.
    #[error("{0}")]
    Unsupported(String),
    /// It is encrypted, and there is no key.
    #[error("encrypted")]
    Encrypted,
    /// It was left out on purpose when the dataset was received.
    #[error("redacted")]
    Redacted,
}

/// Gang blocks of gang blocks: each level is smaller than the one above.
const DEEPEST_GANG: usize = 16;

impl Store {
    /// The block that `pointer` leads to; of a hole the zeros.
    ///
    /// # Errors
    /// [`Lost`], with all that was tried.
    pub fn read(&self, pointer: &Pointer) -> Result<Block, Lost> {
        let order = pointer.order();
        let lsize = size(pointer.lsize())?;
        match pointer {
            Pointer::Hole(_) => Ok(Block { bytes: vec![0; lsize], order, faults: Vec::new() }),
            Pointer::Embedded(b) if b.prop.etype() == EmbeddedType::DATA => {
                let bytes = unpack(b.prop.compression(), b.payload(), lsize)?;
                Ok(Block { bytes, order, faults: Vec::new() })
            }
            Pointer::Embedded(b) if b.prop.etype() == EmbeddedType::REDACTED => Err(Why::Redacted.into()),
            Pointer::Embedded(b) => {
                Err(Why::Unsupported(format!("embedded block of type {}", b.prop.etype())).into())
            }
            Pointer::Block(_) | Pointer::Authenticated(_) | Pointer::Encrypted(_) => {
                let Stored { bytes, faults, .. } = self.stored(pointer)?;
                match self.unpack(pointer, bytes) {
                    Ok(block) => Ok(Block { faults, ..block }),
                    Err(lost) => Err(Lost { faults, ..lost }),
                }
            }
        }
    }

    /// The block of a pointer from its stored bytes.
    ///
    /// Of encrypted datasets dnodes can be had: only their bonus areas are encrypted.
    ///
    /// # Errors
    /// [`Lost`], if the bytes cannot be decompressed, or are encrypted.
    pub fn unpack(&self, pointer: &Pointer, stored: Vec<u8>) -> Result<Block, Lost> {
        if matches!(pointer, Pointer::Encrypted(_)) && pointer.r#type() != ObjectType::DNODE {
            return Err(Why::Encrypted.into());
        }
        let bytes = unpack(pointer.compression(), stored, size(pointer.lsize())?)?;
        Ok(Block { bytes, order: pointer.order(), faults: Vec::new() })
    }

    /// What is wrong with any copy of a block that was read: every DVA, every side, every column.
    #[must_use]
    pub fn faults(&self, b: &Blkptr, stored: &Stored) -> Vec<Fault> {
        let mut faults = Vec::new();
        let is_plain = stored.faults.is_empty() && stored.copy == 0;
        let proven = if is_plain { Proven::First } else { Proven::Nothing };
        self.scrub(b, &stored.bytes, proven, DEEPEST_GANG, &mut faults);
        faults
    }

    /// `proven` of the first copy.
    fn scrub(&self, b: &Blkptr, stored: &[u8], proven: Proven, depth: usize, faults: &mut Vec<Fault>) {
        let birth = b.written().0;
        let mut headers = b.copies().filter(|dva| dva.is_gang());
        let header = headers.find_map(|dva| self.gang_header(b, dva, &mut Vec::new()));
        for (copy, dva) in b.copies().enumerate() {
            let proven = if copy == 0 { proven } else { Proven::Nothing };
            let bytes = if dva.is_gang() { header.as_deref().unwrap_or_default() } else { stored };
            let extent = Extent { offset: dva.offset(), size: bytes.len(), birth };
            self.vdevs.scrub(dva.vdev(), &extent, bytes, proven, faults);
        }
        let Some((depth, header)) = depth.checked_sub(1).zip(header) else { return };
        let order = if b.prop.little_endian() { Order::Little } else { Order::Big };
        let Ok((_, header)) = GangHeader::parse(Input::new(&header, order)) else { return };
        let mut left = stored;
        for piece in header.pieces().filter_map(Pointer::stored) {
            let len = usize::try_from(piece.prop.psize().bytes()).unwrap_or(usize::MAX);
            let Some((bytes, rest)) = left.split_at_checked(len) else { return };
            self.scrub(&piece, bytes, proven, depth, faults);
            left = rest;
        }
    }

    /// The same for blocks that are asked for again and again: kept for a while.
    ///
    /// # Errors
    /// [`Lost`], with all that was tried.
    pub fn metadata(&self, pointer: &Pointer) -> Result<Arc<Block>, Lost> {
        self.cache.get_or(pointer, || self.read(pointer))
    }

    /// The block as it is stored, proven by its checksum; empty for what is not stored.
    ///
    /// # Errors
    /// [`Lost`], with all that was tried.
    pub fn stored(&self, pointer: &Pointer) -> Result<Stored, Lost> {
        match pointer.stored() {
            Some(b) => self.stored_block(&b),
            None => Ok(Stored::default()),
        }
    }

    /// The same in the plain reading of a pointer.
    ///
    /// # Errors
    /// [`Lost`], with all that was tried.
    pub fn stored_block(&self, b: &Blkptr) -> Result<Stored, Lost> {
        let mut faults = Vec::new();
        match self.gather(b, DEEPEST_GANG, &mut faults) {
            Ok((bytes, copy)) => Ok(Stored { bytes, faults, copy }),
            Err(why) => Err(Lost { why, faults }),
        }
    }

    fn gather(&self, b: &Blkptr, depth: usize, faults: &mut Vec<Fault>) -> Result<(Vec<u8>, usize), Why> {
        let psize = size(b.prop.psize().bytes())?;
        // an algorithm that cannot be computed is told before anything is read
        self.checker.supports(b).map_err(unchecked)?;
        let mut gang = None;
        for (copy, dva) in b.copies().enumerate() {
            if dva.is_gang() {
                match self.gang_header(b, dva, faults) {
                    Some(header) => {
                        let bytes = self.assemble(b, &header, psize, depth, faults)?;
                        return Ok((bytes, copy));
                    }
                    None => gang = Some(Why::NoCopy),
                }
                continue;
            }
            let extent = Extent { offset: dva.offset(), size: psize, birth: b.written().0 };
            let judge: &Judge<'_> = &|bytes| self.is_right(b, bytes);
            if let Some(bytes) = self.vdevs.read(dva.vdev(), &extent, judge, faults) {
                return Ok((bytes, copy));
            }
        }
        Err(gang.unwrap_or(Why::NoCopy))
    }

    /// Whether the bytes are the stored block: where nothing is checked, what comes is taken.
    #[must_use]
    pub fn is_right(&self, b: &Blkptr, bytes: &[u8]) -> bool {
        matches!(self.checker.verify(b, bytes), Ok(Verdict::Verified | Verdict::Unchecked))
    }

    /// The gang header at `dva`, proven.
    pub fn gang_header(&self, b: &Blkptr, dva: &Dva, faults: &mut Vec<Fault>) -> Option<Vec<u8>> {
        let size = self.gang_header_size(b);
        let extent = Extent { offset: dva.offset(), size, birth: b.written().0 };
        let small =
            |bytes: &[u8]| bytes.get(..gang::SMALLEST).is_some_and(|bytes| checksum::gang_header(b, bytes));
        let judge: &Judge<'_> = &|bytes| checksum::gang_header(b, bytes) || small(bytes);
        let mut header = self.vdevs.read(dva.vdev(), &extent, judge, faults)?;
        if !checksum::gang_header(b, &header) {
            // written before the feature was in use
            header.truncate(gang::SMALLEST);
        }
        Some(header)
    }

    /// The smallest allocation of the vdevs that the block is on.
    fn gang_header_size(&self, b: &Blkptr) -> usize {
        if !self.has_large_gang_headers {
            return gang::SMALLEST;
        }
        let smallest = |dva: &Dva| self.vdevs.top(dva.vdev()).map(|top| top.smallest_allocation());
        b.copies().filter_map(smallest).min().unwrap_or(gang::SMALLEST).max(gang::SMALLEST)
    }

    /// Joins the pieces of a gang block; each is proven by its own pointer.
    fn assemble(
        &self,
        b: &Blkptr,
        header: &[u8],
        psize: usize,
        depth: usize,
        faults: &mut Vec<Fault>,
    ) -> Result<Vec<u8>, Why> {
        let depth = depth.checked_sub(1).ok_or_else(|| Why::Corrupt("gang blocks nested too deep".into()))?;
        let order = if b.prop.little_endian() { Order::Little } else { Order::Big };
        let (_, header) = GangHeader::parse(Input::new(header, order))
            .map_err(|e| Why::Corrupt(format!("gang header: {e}")))?;
        let mut bytes = Vec::new();
        for piece in header.pieces() {
            let Some(plain) = piece.stored() else {
                return Err(Why::Corrupt("a piece of a gang block that is not stored".into()));
            };
            let left = psize.saturating_sub(bytes.len());
            let len = size(plain.prop.psize().bytes())?;
            if len > left || len >= psize {
                return Err(Why::Corrupt(format!("the pieces of a gang block exceed its {psize:#x} bytes")));
            }
            bytes.extend(self.gather(&plain, depth, faults)?.0);
        }
        if bytes.len() == psize {
            Ok(bytes)
        } else {
            let found = bytes.len();
            Err(Why::Corrupt(format!("the pieces of a gang block are {found:#x} of {psize:#x} bytes")))
        }
    }
}

/// The stored bytes of a block to its own.
fn unpack(compression: Compression, stored: Vec<u8>, lsize: usize) -> Result<Vec<u8>, Lost> {
    if compression == Compression::OFF && stored.len() == lsize {
        return Ok(stored);
    }
    let unpacked = decompress(compression, &stored, lsize);
    memory::recycle(stored);
    unpacked.map_err(|error| match error {
        crate::compress::Error::Unsupported(_) => Why::Unsupported(error.to_string()).into(),
        _ => Why::Corrupt(error.to_string()).into(),
    })
}

/// A size that memory is allocated for.
fn size(bytes: u64) -> Result<usize, Why> {
    match usize::try_from(bytes) {
        Ok(size) if bytes <= LARGEST_BLOCK => Ok(size),
        _ => Err(Why::Corrupt(format!("a block of {bytes:#x} bytes: 16 MiB is the most"))),
    }
}

fn unchecked(error: checksum::Error) -> Why {
    match error {
        checksum::Error::Corrupt(..) => Why::Corrupt(error.to_string()),
        checksum::Error::Unsupported(_) => Why::Unsupported(error.to_string()),
    }
}

impl From<Why> for Lost {
    fn from(why: Why) -> Self {
        Self { why, faults: Vec::new() }
    }
}

/// The faults that a message names.
const NAMED: usize = 4;

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)?;
        for (n, fault) in self.faults.iter().take(NAMED).enumerate() {
            write!(f, "{}{fault}", if n == 0 { " (" } else { "; " })?;
        }
        match self.faults.len() {
            0 => Ok(()),
            n if n > NAMED => write!(f, "; and {} more)", n.saturating_sub(NAMED)),
            _ => f.write_str(")"),
        }
    }
}

impl From<Lost> for Error {
    fn from(lost: Lost) -> Self {
        match lost.why {
            Why::Unsupported(_) | Why::Encrypted => Error::unsupported(lost.to_string()),
            Why::NoCopy
                if lost.faults.iter().all(|fault| is_absent(&fault.kind)) && !lost.faults.is_empty() =>
            {
                Error::from(std::io::Error::other(lost.to_string()))
            }
            _ => Error::corrupt(lost.to_string()),
        }
    }
}

/// The bytes could not be read, which says nothing about what they are.
fn is_absent(kind: &FaultKind) -> bool {
    matches!(kind, FaultKind::Missing | FaultKind::Unreadable(_))
}
