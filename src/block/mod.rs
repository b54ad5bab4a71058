//! From a block pointer to the block: every copy, gang blocks, checksum, decryption and MAC, decompression.
//!
//! A block is tried every way before it is given up; what was tried is part of the error. Handbook:
//! `docs/format/03-blkptr.md`, 3.6 to 3.11, `docs/format/22-encryption.md`, 22.6 to 22.11, and
//! `docs/format/24-reader-recipes.md`, 24.3.
//!
//! ```
//! # use zfsp::{device, pool::{Gathering, Options, Pool}};
//! # let found = device::find(&["fixtures/simple".into()]);
//! # let pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
//! let block = pool.store.read(&pool.uberblock.rootbp)?;
//! assert_eq!((block.bytes.len(), block.faults.len()), (4096, 0));
//! # Ok::<(), zfsp::error::Error>(())
//! ```

mod cache;
mod gang;
mod lost;
mod scrub;

use std::sync::{Arc, Mutex, PoisonError};

use zfsp_grammar::algorithms::Compression;
use zfsp_grammar::blkptr::{Blkptr, EmbeddedType, LARGEST_BLOCK, Pointer};
use zfsp_grammar::input::Order;
use zfsp_grammar::object_type::ObjectType;

use crate::checksum::{self, Checker, Verdict};
use crate::compress::decompress;
use crate::crypt::{DataKey, Mac, indirect_mac_holds};
use crate::memory;
use crate::vdev::{Extent, Fault, Judge, Vdevs};

pub use cache::Cache;
use gang::DEEPEST_GANG;
pub use lost::{Lost, Why};

/// What the blocks of a pool, or of an encrypted dataset of it, are read with.
#[derive(Clone, Debug, Default)]
pub struct Store {
    /// Where they lie.
    pub vdevs: Arc<Vdevs>,
    /// What proves them.
    pub checker: Checker,
    /// Feature `dynamic_gang_header`: gang headers are as large as the smallest allocation.
    pub has_large_gang_headers: bool,
    /// Indirect blocks and dnodes: read once.
    pub cache: Arc<Cache>,
    /// What opens them, and proves that nobody else wrote them; `None` in clear, and where there is no key.
    pub key: Option<Arc<DataKey>>,
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

impl Store {
    /// The same for the blocks of a dataset with that key.
    #[must_use]
    pub fn with_key(&self, key: Arc<DataKey>) -> Self {
        Self { key: Some(key), ..self.clone() }
    }

    /// The same without a key.
    #[must_use]
    pub fn in_clear(&self) -> Self {
        Self { key: None, ..self.clone() }
    }

    /// The block that `pointer` leads to; of a hole the zeros.
    ///
    /// # Errors
    /// [`Lost`], with all that was tried.
    pub fn read(&self, pointer: &Pointer) -> Result<Block, Lost> {
        let order = pointer.order();
        let lsize = size(pointer.lsize())?;
        match pointer {
            Pointer::Hole(_) => Ok(Block { bytes: vec![0; lsize], order, faults: Vec::new() }),
            Pointer::Embedded(b) if b.prop.etype() == EmbeddedType::REDACTED => Err(Why::Redacted.into()),
            Pointer::Embedded(b) if b.prop.etype() == EmbeddedType::DATA => {
                self.demand_mac(pointer.is_under_mac())?;
                let bytes = unpack(b.prop.compression(), b.payload(), lsize)?;
                Ok(Block { bytes, order, faults: Vec::new() })
            }
            Pointer::Embedded(b) => {
                Err(Why::Unsupported(format!("embedded block of type {}", b.prop.etype())).into())
            }
            Pointer::Block(_) | Pointer::Authenticated(_) | Pointer::Encrypted(_) => {
                let Stored { bytes, faults, .. } = self.stored(pointer)?;
                match self.unpack(pointer, bytes) {
                    Ok(block) => Ok(Block { faults, ..block }),
                    Err(lost) if pointer.is_under_mac() && lost.may_be_forged() => {
                        let Stored { bytes, faults, .. } = self.authentic(pointer)?;
                        self.unpack(pointer, bytes).map(|block| Block { faults, ..block })
                    }
                    Err(lost) => Err(Lost { faults, ..lost }),
                }
            }
        }
    }

    /// The block of a pointer from its stored bytes.
    ///
    /// Without the key only dnodes can be had of what is encrypted: they are in clear, but for their bonus areas.
    ///
    /// # Errors
    /// [`Lost`], if the bytes cannot be decompressed, are encrypted, or are not what the owner of the key wrote.
    pub fn unpack(&self, pointer: &Pointer, mut stored: Vec<u8>) -> Result<Block, Lost> {
        self.open(pointer, &mut stored)?;
        if matches!(pointer, Pointer::Encrypted(_))
            && self.key.is_none()
            && pointer.r#type() != ObjectType::DNODE
        {
            return Err(Why::Locked.into());
        }
        let order = pointer.order();
        let bytes = unpack(pointer.compression(), stored, size(pointer.lsize())?)?;
        if let Pointer::Authenticated(b) = pointer
            && b.prop.level() > 0
        {
            let version = self.key.as_ref().map(|key| key.version);
            if !indirect_mac_holds(&bytes, order, version, &b.mac_bytes()) {
                return Err(Why::Unauthentic(Mac::Indirect).into());
            }
        }
        if let (Some(key), Pointer::Block(_)) = (&self.key, pointer) {
            // of an object set: it holds its own MACs
            key.portable(&bytes, order).map_err(Why::Unauthentic)?;
        }
        Ok(Block { bytes, order, faults: Vec::new() })
    }

    /// Decrypts the stored bytes of a data block where they are, and checks its MAC, if there is the key. Nothing is done
    /// with other blocks.
    ///
    /// # Errors
    /// [`Why::Unauthentic`]: the bytes mean nothing then. `Corrupt`, if they should have a MAC, but have none.
    pub fn open(&self, pointer: &Pointer, stored: &mut [u8]) -> Result<(), Why> {
        self.demand_mac(pointer.is_under_mac())?;
        let Some(key) = &self.key else { return Ok(()) };
        let opened = match pointer {
            Pointer::Encrypted(b) => key.open(b, stored),
            Pointer::Authenticated(b) if b.prop.level() == 0 => key.authenticate(b, stored),
            _ => Ok(()),
        };
        opened.map_err(Why::Unauthentic)
    }

    /// In an encrypted dataset every block is under a MAC: what is not was put there by somebody else.
    pub(crate) fn demand_mac(&self, is_under_mac: bool) -> Result<(), Why> {
        if self.key.is_some() && !is_under_mac {
            return Err(Why::Corrupt("it has no MAC, as all blocks of an encrypted dataset have".into()));
        }
        Ok(())
    }

    /// The stored bytes from the first copy that is what the owner of the key has written. Checksums of encrypted blocks
    /// are short, and are none against who alters on purpose: a copy may have the right one, and not be right.
    ///
    /// # Errors
    /// [`Lost`], with all that was tried, if there is no such copy.
    pub fn authentic(&self, pointer: &Pointer) -> Result<Stored, Lost> {
        let Some(b) = pointer.stored() else { return Ok(Stored::default()) };
        let why = Mutex::new(None);
        let proof = |bytes: &[u8]| match self.unpack(pointer, bytes.to_vec()) {
            Ok(_) => true,
            Err(lost) => {
                why.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(lost.why);
                false
            }
        };
        let mut faults = Vec::new();
        let read = self.gather(&b, DEEPEST_GANG, &proof, &mut faults);
        let forged = why.into_inner().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok((bytes, copy)) => Ok(Stored { bytes, faults, copy }),
            Err(why) => Err(Lost { why: forged.unwrap_or(why), faults }),
        }
    }

    /// The same for blocks that are asked for again and again: kept for a while.
    ///
    /// # Errors
    /// [`Lost`], with all that was tried.
    pub fn metadata(&self, pointer: &Pointer) -> Result<Arc<Block>, Lost> {
        self.through(&self.cache, pointer)
    }

    /// The same with another cache.
    ///
    /// # Errors
    /// [`Lost`], with all that was tried.
    pub fn through(&self, cache: &Cache, pointer: &Pointer) -> Result<Arc<Block>, Lost> {
        cache.get_or(pointer, self.opened_by(), || self.read(pointer))
    }

    /// Takes a block that nobody will ask for soon out of a cache.
    pub fn forget(&self, cache: &Cache, pointer: &Pointer) {
        cache.forget(pointer, self.opened_by());
    }

    /// MOS object of the key; 0: none.
    fn opened_by(&self) -> u64 {
        self.key.as_ref().map_or(0, |key| key.object)
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
        match self.gather(b, DEEPEST_GANG, &|_| true, &mut faults) {
            Ok((bytes, copy)) => Ok(Stored { bytes, faults, copy }),
            Err(why) => Err(Lost { why, faults }),
        }
    }

    /// The stored bytes and the copy that gave them: the first that the checksum and `proof` allow.
    fn gather(
        &self,
        b: &Blkptr,
        depth: usize,
        proof: &Judge<'_>,
        faults: &mut Vec<Fault>,
    ) -> Result<(Vec<u8>, usize), Why> {
        let psize = size(b.prop.psize().bytes())?;
        // an algorithm that cannot be computed is told before anything is read
        self.checker.supports(b).map_err(unchecked)?;
        let mut why = Why::NoCopy;
        for (copy, dva) in b.copies().enumerate() {
            if dva.is_gang() {
                let header = self.gang_header(b, dva, faults);
                match header.map(|header| self.assemble(b, &header, psize, depth, faults)) {
                    Some(Ok(bytes)) if proof(&bytes) => return Ok((bytes, copy)),
                    Some(Err(other)) => why = other,
                    Some(Ok(_)) | None => {}
                }
                continue;
            }
            let extent = Extent { offset: dva.offset(), size: psize, birth: b.written().0 };
            let judge: &Judge<'_> = &|bytes| self.is_right(b, bytes) && proof(bytes);
            if let Some(bytes) = self.vdevs.read(dva.vdev(), &extent, judge, faults) {
                return Ok((bytes, copy));
            }
        }
        Err(why)
    }

    /// Whether the bytes are the stored block: where nothing is checked, what comes is taken.
    #[must_use]
    pub fn is_right(&self, b: &Blkptr, bytes: &[u8]) -> bool {
        matches!(self.checker.verify(b, bytes), Ok(Verdict::Verified | Verdict::Unchecked))
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
