//! Object sets: from a pointer to the objects.
//!
//! Handbook: `docs/format/06-dnode-objset.md`, 6.2 and 6.4, and `docs/format/22-encryption.md`, 22.12.

use std::sync::Arc;

use zfsp_grammar::blkptr::Pointer;
use zfsp_grammar::dnode::SLOT_SIZE;
use zfsp_grammar::input::{Input, Order, Parse, fault};
use zfsp_grammar::object_type::ObjectType;
use zfsp_grammar::objset::{Objset, ObjsetType};
use zfsp_grammar::zil::header::ZilHeader;

use crate::block::{Block, Lost, Store, Why};
use crate::crypt::Mac;
use crate::object::{DNODE, EXTRA_SLOTS_AT, Loss, Object, ObjectAt};

/// The objects of a dataset, or of the MOS.
#[derive(Clone, Debug)]
pub struct ObjectSet {
    /// MOS object of the dataset; 0: the MOS itself.
    pub id: u64,
    /// Where its own block lies.
    pub pointer: Pointer,
    /// What it holds.
    pub r#type: ObjsetType,
    /// Start of its intent log; means nothing in snapshots.
    pub zil_header: ZilHeader,
    /// The object whose blocks are the dnodes of all others.
    pub meta_dnode: Object,
    /// Space used by users, groups and projects, as far as the set counts that.
    pub accounting: Vec<Object>,
    /// Dnodes of the accounting that cannot be read.
    pub losses: Vec<Loss>,
    block: Arc<Block>,
}

impl ObjectSet {
    /// The object set that `pointer` leads to; `id` is the MOS object of its dataset, 0 for the MOS.
    ///
    /// # Errors
    /// [`Loss`], if its block or its meta dnode cannot be had, or is not what the owner of its key has written.
    pub fn open(store: &Arc<Store>, id: u64, pointer: Pointer) -> Result<Self, Loss> {
        let place = ObjectAt { objset: id, object: 0 }.block(-1, 0);
        let block = store.metadata(&pointer).map_err(|lost| Loss { at: place, lost });
        Self::of(store, id, pointer, block)
    }

    /// The same of a dataset that is being received, or whose receive was not finished: the MAC of its object set is that
    /// of the whole. Each other block has its own.
    ///
    /// # Errors
    /// As of [`ObjectSet::open`].
    pub fn open_unfinished(store: &Arc<Store>, id: u64, pointer: Pointer) -> Result<Self, Loss> {
        let place = ObjectAt { objset: id, object: 0 }.block(-1, 0);
        let opened = Self::open(store, id, pointer);
        let Err(Loss { lost: Lost { why: Why::Unauthentic(Mac::Portable), .. }, .. }) = opened else {
            return opened;
        };
        let block = store.in_clear().metadata(&pointer).map_err(|lost| Loss { at: place, lost });
        let mut set = Self::of(store, id, pointer, block)?;
        let why = "its receive was not finished: no MAC says that what has come is all, or in its place";
        set.losses.push(Loss::new(place, Why::Corrupt(why.into())));
        Ok(set)
    }

    fn of(
        store: &Arc<Store>,
        id: u64,
        pointer: Pointer,
        block: Result<Arc<Block>, Loss>,
    ) -> Result<Self, Loss> {
        let place = ObjectAt { objset: id, object: 0 }.block(-1, 0);
        let corrupt = |what: String| Loss::new(place, Why::Corrupt(what));
        if pointer.is_hole() {
            return Err(corrupt("was never written".into()));
        }
        let is_embedded = matches!(pointer, Pointer::Embedded(_));
        if pointer.r#type() != ObjectType::OBJSET || pointer.level() != 0 || is_embedded {
            let found = format!("its pointer leads to level {} of {}", pointer.level(), pointer.r#type());
            return Err(corrupt(found));
        }
        let block = block?;
        let (order, bytes) = (block.order, block.bytes.as_slice());
        let (_, read) = Objset::parse(Input::new(bytes, order))
            .map_err(|e| corrupt(format!("object set: {}", fault(e))))?;
        let special = |number: i64, at: usize| {
            let bytes = bytes.get(at..)?.get(..SLOT_SIZE)?;
            let is_used = bytes.first().is_some_and(|kind| *kind != 0);
            is_used.then(|| Object::new(store, ObjectAt { objset: id, object: number }, bytes, order))
        };
        let meta_dnode = special(0, 0).ok_or_else(|| corrupt("no meta dnode".into()))??;
        if meta_dnode.r#type != ObjectType::DNODE {
            return Err(corrupt(format!("its meta dnode is of type {}", meta_dnode.r#type)));
        }
        let (mut accounting, mut losses) = (Vec::new(), Vec::new());
        // what no MAC covers may be anybody's
        let refused = match store.key.as_ref().map(|key| key.local(bytes, order)) {
            None | Some(Ok(true)) => None,
            Some(Ok(false)) => Some(Why::Corrupt("no MAC covers the accounting: it is not complete".into())),
            Some(Err(mac)) => Some(Why::Unauthentic(mac)),
        };
        let mut special = ACCOUNTING.into_iter().filter_map(|(number, at)| special(number, at));
        match refused {
            Some(why) => losses.extend(special.next().map(|_| Loss::new(place, why))),
            None => special.for_each(|object| match object {
                Ok(object) if object.r#type == ObjectType::USERGROUP_USED => accounting.push(object),
                Ok(object) => {
                    losses.push(Loss::new(object.at.block(0, DNODE), Why::Corrupt("no accounting".into())))
                }
                Err(loss) => losses.push(loss),
            }),
        }
        let (r#type, zil_header) = (read.r#type, read.zil_header);
        Ok(Self { id, pointer, r#type, zil_header, meta_dnode, accounting, losses, block })
    }

    /// True if it is of an encrypted dataset: its pointers carry MACs.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.pointer.is_under_mac() || self.meta_dnode.pointers.iter().any(Pointer::is_under_mac)
    }

    /// True if it is encrypted, and there is no key to read it with.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.is_encrypted() && self.meta_dnode.store().key.is_none()
    }

    /// The bytes of the set's own block.
    #[must_use]
    pub fn block(&self) -> &Block {
        &self.block
    }

    /// Object `number`.
    ///
    /// # Errors
    /// [`Loss`], if there is no such object, or if its dnode cannot be had.
    pub fn object(&self, number: u64) -> Result<Object, Loss> {
        let at = ObjectAt { objset: self.id, object: i64::try_from(number).unwrap_or(i64::MAX) };
        let none = || Loss::new(at.block(0, DNODE), Why::Missing);
        let per_block = self.per_block();
        if number == 0 {
            return Err(none());
        }
        let blkid = number.checked_div(per_block).ok_or_else(none)?;
        let slot = usize::try_from(number.checked_rem(per_block).unwrap_or_default()).unwrap_or_default();
        let Some(block) = self.dnodes(blkid)? else { return Err(none()) };
        let found =
            Slots::of(&block.bytes).find(|found| found.slot >= slot).filter(|found| found.slot == slot);
        let found = found.ok_or_else(none)?;
        Object::new(self.meta_dnode.store(), at, found.dnode, block.order)
    }

    /// All objects, by number. A block of dnodes that is lost, or a dnode that is none, is an error, and the next one
    /// follows.
    pub fn objects(&self) -> impl Iterator<Item = Result<Object, Loss>> + '_ {
        self.meta_dnode.blocks(0).flat_map(|found| match found {
            Ok((blkid, _)) => self.objects_of(blkid),
            Err(loss) => vec![Err(loss)],
        })
    }

    /// The objects whose dnodes are in block `blkid` of the meta dnode.
    fn objects_of(&self, blkid: u64) -> Vec<Result<Object, Loss>> {
        let block = match self.dnodes(blkid) {
            Ok(Some(block)) => block,
            Ok(None) => return Vec::new(),
            Err(loss) => return vec![Err(loss)],
        };
        self.objects_in(blkid, &block).collect()
    }

    /// The objects whose dnodes are in this block, which is number `blkid` of the meta dnode.
    pub(crate) fn objects_in(&self, blkid: u64, block: &Block) -> impl Iterator<Item = Result<Object, Loss>> {
        let first = blkid.saturating_mul(self.per_block());
        Slots::of(&block.bytes).map(move |found| {
            let number = first.saturating_add(u64::try_from(found.slot).unwrap_or(u64::MAX));
            let at = ObjectAt { objset: self.id, object: i64::try_from(number).unwrap_or(i64::MAX) };
            Object::new(self.meta_dnode.store(), at, found.dnode, block.order)
        })
    }

    fn per_block(&self) -> u64 {
        self.meta_dnode.block_size.checked_div(SLOT_BYTES).unwrap_or_default()
    }

    /// A block of dnodes; `None` for a hole.
    fn dnodes(&self, blkid: u64) -> Result<Option<Arc<Block>>, Loss> {
        let meta = &self.meta_dnode;
        let pointer = meta.pointer(blkid)?;
        if pointer.is_hole() {
            return Ok(None);
        }
        match meta.store().metadata(&pointer) {
            Ok(block) => Ok(Some(block)),
            Err(lost) => Err(Loss { at: meta.at.block(0, blkid), lost }),
        }
    }

    /// Byte order of the set's own block.
    #[must_use]
    pub fn order(&self) -> Order {
        self.block.order
    }
}

/// Numbers of the accounting dnodes in bookmarks, and their places in the block.
const ACCOUNTING: [(i64, usize); 3] = [(-1, 0x400), (-2, 0x600), (-3, 0x800)];
const SLOT_BYTES: u64 = 512;

/// The slots of a block of dnodes that hold something. The others are free, or the body of a larger dnode.
struct Slots<'b> {
    bytes: &'b [u8],
    next: usize,
}

/// A slot that holds something.
struct Found<'b> {
    slot: usize,
    /// From its first byte to the end of the block.
    dnode: &'b [u8],
}

impl<'b> Slots<'b> {
    fn of(bytes: &'b [u8]) -> Self {
        Self { bytes, next: 0 }
    }
}

impl<'b> Iterator for Slots<'b> {
    type Item = Found<'b>;

    fn next(&mut self) -> Option<Found<'b>> {
        loop {
            let slot = self.next;
            let dnode =
                self.bytes.get(slot.checked_mul(SLOT_SIZE)?..).filter(|rest| rest.len() >= SLOT_SIZE)?;
            let (kind, extra) = (*dnode.first()?, usize::from(*dnode.get(EXTRA_SLOTS_AT)?));
            let slots = dnode.len().checked_div(SLOT_SIZE).unwrap_or_default();
            // what claims more slots than there are is no dnode: the next one starts at the next slot
            let taken = if kind != 0 && extra < slots { extra } else { 0 };
            self.next = slot.saturating_add(taken).saturating_add(1);
            if kind != 0 {
                return Some(Found { slot, dnode });
            }
        }
    }
}
