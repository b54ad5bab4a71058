//! A block of a pool by its pointer or by its object: verified and decompressed.

use zfsp::block::{Block, Lost, Store, Why};
use zfsp::decode::{Decoded, content};
use zfsp::error::Error;
use zfsp::object::{Loss, Object};
use zfsp::pool::Pool;
use zfsp::vdev::Extent;
use zfsp_grammar::algorithms::{Checksum, Compression};
use zfsp_grammar::blkptr::{BLKPTR_SIZE, Pointer};
use zfsp_grammar::bonus::Bonus;
use zfsp_grammar::catalogue::Structure;
use zfsp_grammar::input::Order;
use zfsp_grammar::notation::{Notation, Open};
use zfsp_grammar::object_type::ObjectType;

use crate::common::exit::{Exit, Failure};
use crate::common::locked::told_of_objects;
use crate::common::opener::Opener;
use crate::common::place::{Flags, Part, Place, Raw, TRIED, UNPROVEN, guess, pointer_bytes};
use crate::common::pool::{Named, object_set};
use crate::common::seal::{self, has_sealed_dnodes, is_under_mac};

/// Bytes, and what they are.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// What messages call them.
    pub(crate) name: String,
    /// The bytes: decompressed, as far as that could be done.
    pub(crate) bytes: Vec<u8>,
    /// Position of the first one.
    pub(crate) at: usize,
    /// Byte order of their writer.
    pub(crate) order: Option<Order>,
    /// Their structure, if the way to them tells it.
    pub(crate) structure: Option<&'static str>,
    /// What is lost of them, or was wrong on the way.
    pub(crate) doubts: Vec<String>,
    /// What was left out.
    pub(crate) note: Option<String>,
    /// They are dnodes of a dataset that is locked: bonuses may be ciphertext.
    pub(crate) is_sealed: bool,
}

impl Found {
    /// Read as `structure`.
    pub(crate) fn decoded(&self, structure: &Structure) -> Decoded<'_> {
        seal::decode(structure, &self.bytes, self.at, self.order, 1, self.is_sealed)
    }
}

/// Algorithms of checksums that are tried, the usual ones first.
const SUMS: [Checksum; 7] = [
    Checksum::FLETCHER4,
    Checksum::SHA256,
    Checksum::FLETCHER2,
    Checksum::SHA512,
    Checksum::SKEIN,
    Checksum::EDONR,
    Checksum::BLAKE3,
];

/// What a text that tells no algorithms leaves open, found by trying: the checksum decides. What cannot be found out
/// stays as it is.
pub(crate) fn settle(store: &Store, notation: Notation) -> Notation {
    let is_open =
        notation.is_partial && notation.pointer.stored().is_some_and(|b| b.prop.checksum() != Checksum::OFF);
    if !is_open {
        return notation;
    }
    let compression = notation.pointer.compression();
    let orders = [Order::Little, Order::Big];
    let mut ways = [false, true].into_iter().flat_map(|is_protected| {
        let order = move |order| SUMS.map(|checksum| (checksum, order));
        let ways = orders.into_iter().flat_map(order);
        ways.map(move |(checksum, order)| Open {
            r#type: ObjectType::NONE,
            checksum,
            compression,
            order,
            is_protected,
        })
    });
    let found = ways.find_map(|open| {
        let stored = store.stored(&notation.with(&open)?.pointer).ok()?;
        Some((open, stored.bytes))
    });
    let Some((open, stored)) = found else { return notation };
    let mut algorithms =
        if compression == Compression::OFF { vec![compression] } else { TRIED.to_vec() }.into_iter();
    let fits = |compression| {
        let notation = notation.with(&Open { compression, ..open })?;
        store.unpack(&notation.pointer, stored.clone()).is_ok().then_some(notation)
    };
    // what is under a MAC and makes no sense is ciphertext
    let ciphertext = Open { r#type: ObjectType::PLAIN_FILE_CONTENTS, ..open };
    let rest = if open.is_protected { ciphertext } else { open };
    algorithms.find_map(fits).or_else(|| notation.with(&rest)).unwrap_or(notation)
}

/// The block that `pointer` leads to.
pub(crate) fn of_pointer(store: &Store, pointer: &Pointer, name: String) -> Result<Found, Lost> {
    let Block { bytes, order, faults } = store.read(pointer)?;
    let doubts = faults.iter().map(|fault| format!("{fault}; another copy is right")).collect();
    Ok(Found {
        name,
        bytes,
        at: 0,
        order: Some(order),
        structure: content::of_pointer(pointer),
        doubts,
        note: None,
        is_sealed: is_under_mac(pointer) && pointer.r#type() == ObjectType::DNODE && store.key.is_none(),
    })
}

/// The block of a pointer that was given as text.
pub(crate) fn of_notation(opener: &Opener, notation: &Notation) -> Result<Found, Failure> {
    let Notation { pointer, is_partial, .. } = settle(opener.store(), *notation);
    let name = first_copy(&pointer);
    let (store, dataset) = opener.choose(&pointer);
    let mut found = of_pointer(store, &pointer, name.clone())
        .map_err(|lost| lost_block(opener, &name, lost, is_partial))?;
    found.note = dataset.map(|dataset| format!("{name}: opened by the key of {dataset}"));
    if is_partial && pointer.level() == 0 {
        // the text does not tell the type
        found.structure = None;
    }
    Ok(found)
}

/// Why a block that a text names is not there; if it is locked, what to do next.
pub(crate) fn lost_block(opener: &Opener, name: &str, lost: Lost, is_partial: bool) -> Failure {
    if lost.why == Why::Locked {
        return Failure(Exit::Damaged, locked_block(opener, name, is_partial));
    }
    Failure(Exit::Nothing, format!("{name}: {}", Error::from(lost)))
}

/// That a block is locked: its pointer does not say of which dataset it is.
pub(crate) fn locked_block(opener: &Opener, name: &str, is_partial: bool) -> String {
    if is_partial {
        return format!("{name}: locked: no key opens it without its salt and IV: give the whole pointer");
    }
    let keys = match opener.count() {
        0 => return format!("{name}: locked: give the key of its dataset: --key DATASET=FILE (or =prompt)"),
        1 => "the key that was given does not authenticate it".into(),
        n => format!("none of the {n} keys that were given authenticates it"),
    };
    format!("{name}: locked: {keys}: it was altered, or is of a dataset that is locked")
}

/// What to call a block: its first copy.
pub(crate) fn first_copy(pointer: &Pointer) -> String {
    let copy = pointer.stored().and_then(|b| b.copies().next().map(ToString::to_string));
    copy.unwrap_or_else(|| pointer.to_string())
}

/// The block at a place, as its flags want it: decompressed, a gang block joined.
pub(crate) fn of_place(store: &Store, place: &Place) -> Result<Found, Failure> {
    let Raw { bytes, mut doubts } = place.read(store, Extent::ANY_BIRTH, Part::Whole)?;
    doubts.extend(place.misfits(store));
    // the header of a gang block proves itself
    let note = (!place.flags.gang).then(|| format!("{place}: {UNPROVEN}"));
    let mut found = Found {
        name: place.to_string(),
        bytes,
        at: 0,
        order: None,
        structure: None,
        doubts,
        note,
        is_sealed: false,
    };
    let Flags { pointer_at, decompress, gang, indirect, raw: _ } = place.flags;
    if decompress || place.lsize.is_some_and(|lsize| lsize != place.psize) {
        let guessed = guess(&found.bytes, place.lsize);
        let (_, bytes) = guessed
            .ok_or_else(|| Failure(Exit::Nothing, format!("{place}: no algorithm decompresses it")))?;
        found.bytes = bytes;
    }
    if let Some(at) = pointer_at {
        let pointer = pointer_bytes(&found.bytes, at);
        let none = || {
            Failure(Exit::Nothing, format!("{place}: no block pointer at {at:#x}: the block is too short"))
        };
        (found.bytes, found.structure) = (pointer.ok_or_else(none)?.to_vec(), Some("blkptr"));
    } else if gang {
        (found.structure, found.at) = (Some("gang"), place.on_device());
    } else if indirect {
        found.structure = Some("indirect");
    }
    Ok(found)
}

/// `DATASET:#N`, `DATASET:#N:BLOCK`: an object of a pool, or a block of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) dataset: String,
    pub(crate) object: u64,
    pub(crate) block: Option<u64>,
}

impl std::str::FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let error =
            || format!("'{text}' is no object: DATASET:#NUMBER or DATASET:#NUMBER:BLOCK, or mos:#NUMBER");
        let (dataset, rest) = text.rsplit_once(":#").ok_or_else(error)?;
        let (object, block) = match rest.split_once(':') {
            Some((object, block)) => (object, Some(block.parse().map_err(|_| error())?)),
            None => (rest, None),
        };
        Ok(Self { dataset: dataset.into(), object: object.parse().map_err(|_| error())?, block })
    }
}

impl Target {
    /// The bytes that it names: the block, else the content of the object if it has a structure, else its dnode; the
    /// dnode also if that is what is asked for.
    pub(crate) fn read(&self, pool: &Pool, wanted: Option<&str>) -> Result<Found, Failure> {
        let Named { name, set, needs } = object_set(pool, &self.dataset)?;
        let locked = |why: Error| needs.clone().map_or(why, Error::needs_key);
        let object = if self.object == 0 {
            set.meta_dnode.clone()
        } else {
            set.object(self.object).map_err(failure)?
        };
        let name = format!("{name}:#{}", self.object);
        let is_sealed = has_sealed_dnodes(&set.meta_dnode);
        let is_locked = set.is_locked() && object.r#type.is_encrypted();
        match self.block {
            Some(blkid) => {
                if blkid > object.maxblkid || object.size() == 0 {
                    let has = match object.size() {
                        0 => "no blocks".into(),
                        _ => format!("blocks 0 to {}", object.maxblkid),
                    };
                    return Err(Failure(Exit::Nothing, format!("{name} has {has}")));
                }
                let pointer = object.pointer(blkid).map_err(failure)?;
                let block = object.block(blkid).map_err(|loss| match Error::from(loss) {
                    why @ Error::Locked { .. } => failure_of_objects(&locked(why)),
                    why => why.into(),
                })?;
                let doubts =
                    block.faults.iter().map(|fault| format!("{fault}; another copy is right")).collect();
                let (bytes, order) = (block.bytes, Some(block.order));
                let name = format!("{name}:{blkid}");
                let structure = if pointer.is_hole() { None } else { structure(&object) };
                let is_sealed = has_sealed_dnodes(&object);
                Ok(Found { name, bytes, at: 0, order, structure, doubts, note: None, is_sealed })
            }
            None if wanted == Some("dnode") => Ok(sealed_dnode(&object, name, is_sealed, &locked)),
            None => match (structure(&object), wanted) {
                (None, None) => Ok(sealed_dnode(&object, name, is_sealed, &locked)),
                (_, None) if is_locked => {
                    let note = Some(format!("{name}: its content is locked: this is its dnode"));
                    Ok(Found { note, ..sealed_dnode(&object, name, is_sealed, &locked) })
                }
                (told, Some(wanted)) if told != Some(wanted) && content::BONUSES.contains(&wanted) => {
                    bonus(&object, name, is_sealed, wanted, &locked)
                }
                (_, Some(_)) if is_locked => {
                    Err(failure_of_objects(&locked(Error::locked(format!("{name}: locked")))))
                }
                _ => {
                    let found = whole(&object, name.clone(), MOST_CONTENT);
                    match (found.bytes.is_empty() && found.doubts.is_empty(), wanted) {
                        (false, _) => Ok(found),
                        (true, Some(_)) => Err(Failure(Exit::Nothing, format!("{name} has no content"))),
                        (true, None) => {
                            let note = Some(format!("{name} has no content: this is its dnode"));
                            Ok(Found { note, ..dnode(&object, name, is_sealed) })
                        }
                    }
                }
            },
        }
    }
}

/// The dnode of an object; if its bonus is locked, that is a doubt.
fn sealed_dnode(object: &Object, name: String, is_sealed: bool, locked: &dyn Fn(Error) -> Error) -> Found {
    let mut found = dnode(object, name, is_sealed);
    if is_sealed && object.bonustype.is_encrypted() {
        let why = Error::locked(format!("{}: its bonus is locked", found.name));
        found.doubts.push(told_of_objects(&locked(why)));
    }
    found
}

/// Something of a locked dataset cannot be shown.
fn failure_of_objects(error: &Error) -> Failure {
    Failure(Exit::Damaged, told_of_objects(error))
}

fn failure(loss: Loss) -> Failure {
    Error::from(loss).into()
}

/// The structure of an object's content.
pub(crate) fn structure(object: &Object) -> Option<&'static str> {
    match object.dnode() {
        Some(dnode) => content::structure(object.r#type, &dnode.bonus),
        None => content::structure(object.r#type, &Bonus::Raw(&[])),
    }
}

/// The dnode of an object, with its bonus; of an encrypted dataset it is sealed.
pub(crate) fn dnode(object: &Object, name: String, is_sealed: bool) -> Found {
    let (bytes, order) = object.dnode_bytes();
    let structure = Some("dnode");
    Found {
        name,
        bytes: bytes.to_vec(),
        at: 0,
        order: Some(order),
        structure,
        doubts: Vec::new(),
        note: None,
        is_sealed,
    }
}

/// The bonus of an object, if it is what is wanted.
fn bonus(
    object: &Object,
    name: String,
    is_sealed: bool,
    wanted: &str,
    locked: &dyn Fn(Error) -> Error,
) -> Result<Found, Failure> {
    let nothing = |why: String| Failure(Exit::Nothing, format!("{name}: no {wanted}: {why}"));
    if object.bonuslen == 0 {
        return Err(nothing("it has no bonus".into()));
    }
    if is_sealed && object.bonustype.is_encrypted() {
        return Err(locked(Error::locked(format!("{name}: its bonus is locked"))).into());
    }
    let structure = object.dnode().and_then(|dnode| content::of_bonus(&dnode.bonus));
    if let Some(other) = structure.filter(|name| *name != wanted) {
        return Err(nothing(format!("its bonus is {other}")));
    }
    let (bytes, order) = object.dnode_bytes();
    let at = object.pointers.len().saturating_mul(BLKPTR_SIZE).saturating_add(POINTERS_AT);
    let bytes = bytes.iter().skip(at).take(object.bonuslen.into()).copied().collect();
    let doubts = Vec::new();
    Ok(Found { name, bytes, at, order: Some(order), structure, doubts, note: None, is_sealed: false })
}

/// Where the pointers of a dnode stand.
const POINTERS_AT: usize = 64;

/// Bytes of the content of one object that are decoded at once.
pub(crate) const MOST_CONTENT: u64 = 4 << 20;

/// The content of an object, as far as it counts and is not more than `most` bytes.
pub(crate) fn whole(object: &Object, name: String, most: u64) -> Found {
    let mut content = object.content(most);
    let doubts = content.losses.iter().map(ToString::to_string).collect();
    let length = object.dnode().and_then(|dnode| content::length(&dnode.bonus));
    let counts = length.map_or(object.size(), |length| u64::try_from(length).unwrap_or(u64::MAX));
    let note =
        (counts > most).then(|| format!("{name}: only the first {most:#x} of {counts:#x} bytes are decoded"));
    if let Some(length) = length {
        content.bytes.truncate(length);
    }
    Found {
        at: 0,
        name,
        bytes: content.bytes,
        order: Some(content.order),
        structure: structure(object),
        doubts,
        note,
        is_sealed: has_sealed_dnodes(object),
    }
}
