//! Every block with a structure that a fixture pool has, for tests of what blocks say.

use zfsp::block::Block;
use zfsp::decode::content;
use zfsp::device;
use zfsp::object::{Loss, Object};
use zfsp::objset::ObjectSet;
use zfsp::pool::{Gathering, Options, Pool};
use zfsp_grammar::blkptr::Pointer;
use zfsp_grammar::bonus::Bonus;
use zfsp_grammar::input::Order;

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
const MOST_CONTENT: u64 = 4 << 20;

/// The pool of a fixture.
pub(crate) fn open(fixture: &Fixture) -> Pool {
    let images: Vec<_> = fixture.images().iter().map(|image| unpacked(image)).collect();
    Pool::open(Gathering::of(device::find(&images).devices), &Options::default()).unwrap()
}

/// Every block with a structure that the newest uberblock leads to, without what is encrypted.
pub(crate) fn walk(fixture: &Fixture) -> Vec<Found> {
    let pool = open(fixture);
    let mut found = Vec::new();
    objset(&format!("{}: MOS", fixture.name), &pool.mos, &mut found);
    for object in pool.mos.objects().map(Result::unwrap) {
        let number = object.at.object;
        if let Bonus::DslDataset(dataset) = object.dnode().unwrap().bonus
            && !dataset.bp.is_hole()
        {
            let set = pool.objset(number.unsigned_abs()).unwrap();
            objset(&format!("{}: dataset {number}", fixture.name), &set, &mut found);
        }
    }
    found
}

fn objset(place: &str, set: &ObjectSet, found: &mut Vec<Found>) {
    let mut push = |place: String, kind: &str, structure, block: Block| {
        found.push(Found { place, kind: kind.into(), structure, bytes: block.bytes, order: block.order });
    };
    push(place.into(), "DMU objset", "objset", set.block().clone());
    let store = set.meta_dnode.store();
    if let Some(log) = set.zil_header.log.stored()
        && let Ok(stored) = store.stored_block(&log)
    {
        let block = Block { bytes: stored.bytes, order: set.order(), faults: Vec::new() };
        push(format!("{place}, log"), "ZIL intent log", "zil-block", block);
    }
    let per_block = set.meta_dnode.block_size / 512;
    for (n, pointer) in set.meta_dnode.blocks(0).map(Result::unwrap) {
        if !matches!(pointer, Pointer::Encrypted(_)) {
            push(
                format!("{place}, dnodes {}", n * per_block),
                "DMU dnode",
                "dnode",
                store.read(&pointer).unwrap(),
            );
        }
    }
    for object in set.objects().map(Result::unwrap) {
        // the bonus of an encrypted object is encrypted
        let Some(dnode) = object.dnode() else { continue };
        let place = format!("{place}, object {}", object.at.object);
        if let Some(structure) = content::structure(object.r#type, &dnode.bonus)
            && let Some(block) = whole(&object, content::length(&dnode.bonus))
            && !block.bytes.is_empty()
        {
            push(place.clone(), &object.r#type.to_string(), structure, block);
        }
        if let Some(Ok(spill)) = object.spill_block() {
            push(format!("{place}, spill"), "System attributes", "sa", spill);
        }
    }
}

/// The content as far as it counts; `None` if it is locked.
fn whole(object: &Object, length: Option<usize>) -> Option<Block> {
    let content = object.content(MOST_CONTENT);
    let is_locked = |loss: &Loss| loss.lost.why == zfsp::block::Why::Locked;
    if content.losses.iter().any(is_locked) {
        return None;
    }
    assert_eq!(content.losses, [], "{:?}", object.at);
    let (mut bytes, order) = (content.bytes, content.order);
    bytes.truncate(length.unwrap_or(usize::MAX));
    Some(Block { bytes, order, faults: Vec::new() })
}
