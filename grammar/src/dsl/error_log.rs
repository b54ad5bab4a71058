//! Error logs: which blocks are known to be damaged.
//!
//! ZAPs whose keys name blocks. In the old form a key holds the whole name; with the feature
//!
//! ```
//! use zfsp_grammar::dsl::error_log::{head_key, old_key};
//!
//! let block = head_key("2:0:1:a").expect("a key");
//! assert_eq!((block.object.0, block.blkid), (2, 1));
//! assert_eq!(old_key("57:2:0:1").and_then(|b| b.objset).map(|o| o.0), Some(0x57));
//! ```
//! `head_errlog` an outer ZAP maps each head dataset to an inner one. Handbook:
//! [`docs/format/11-dsl.md`], 11.15.
//!
//! [`docs/format/11-dsl.md`]: crate::handbook::dsl

use super::hex;
use crate::quantity::{ObjectId, Txg};

/// A block in an error log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DamagedBlock {
    /// MOS object of the dataset, 0 for the MOS; `None` where the outer key tells it.
    pub objset: Option<ObjectId>,
    /// Object in it.
    pub object: ObjectId,
    /// Level: 0 is data, -1 the object set's own block, -2 the intent log.
    pub level: i64,
    /// Block: -1 is the bonus, -2 the spill.
    pub blkid: u64,
    /// Txg in which the block was born, where it is told; 0 is unknown.
    pub birth: Option<Txg>,
}

/// A key of the old form, `objset:object:level:blkid`, in hex.
#[must_use]
pub fn old_key(key: &str) -> Option<DamagedBlock> {
    let [objset, object, level, blkid] = words(key)?;
    Some(DamagedBlock {
        objset: Some(ObjectId(objset)),
        object: ObjectId(object),
        level: level.cast_signed(),
        blkid,
        birth: None,
    })
}

/// An inner key of `head_errlog`, `object:level:blkid:birth`, in hex.
#[must_use]
pub fn head_key(key: &str) -> Option<DamagedBlock> {
    let [object, level, blkid, birth] = words(key)?;
    Some(DamagedBlock {
        objset: None,
        object: ObjectId(object),
        level: level.cast_signed(),
        blkid,
        birth: Some(Txg(birth)),
    })
}

/// An outer key of `head_errlog`: the head dataset in hex, 0 for the MOS. Its value is the inner ZAP.
#[must_use]
pub fn dataset(key: &str) -> Option<ObjectId> {
    hex(key).map(ObjectId)
}

/// Four hex numbers joined by colons.
fn words(key: &str) -> Option<[u64; 4]> {
    let mut parts = key.split(':');
    let mut words = [0; 4];
    for word in &mut words {
        *word = hex(parts.next()?)?;
    }
    parts.next().is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chapter 11, 11.15: the same damage in both forms.
    #[test]
    fn both_forms() {
        let old = old_key("57:2:0:1").unwrap();
        assert_eq!((old.objset, old.object, old.blkid), (Some(ObjectId(0x57)), ObjectId(2), 1));
        let head = head_key("2:0:1:a").unwrap();
        assert_eq!((head.object, head.blkid, head.birth), (ObjectId(2), 1, Some(Txg(10))));
        assert_eq!(dataset("50"), Some(ObjectId(0x50)));
        assert_eq!(old_key("0:0:ffffffffffffffff:0").unwrap().level, -1);
        assert!(old_key("57:2:0").is_none() && old_key("+1:2:0:1").is_none());
    }
}
