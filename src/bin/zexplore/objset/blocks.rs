//! The tree of block pointers of an object, as `zdb -ddddd` has it.

use serde_json::{Value, json};
use zfsp::object::{Object, TreeBlock};
use zfsp_grammar::blkptr::Pointer;

use crate::style::DIM;

/// What stands above the rows.
pub(super) fn head() -> String {
    format!("{DIM}{:>12}  level  block{DIM:#}\n", "offset")
}

/// A row: where it stands in the object, where it lies, how it is stored.
pub(super) fn text(object: &Object, block: &TreeBlock) -> String {
    let TreeBlock { level, offset, pointer, .. } = block;
    let depth = usize::from(object.levels.saturating_sub(1).saturating_sub(*level));
    format!("{offset:>12x}  {:depth$}L{level}  {}\n", "", stored(pointer))
}

/// What is said of the block without what is the same for all of the object.
fn stored(pointer: &Pointer) -> String {
    let (lsize, birth) = (pointer.lsize(), pointer.logical_birth());
    let Some(b) = pointer.stored() else {
        return match pointer {
            Pointer::Embedded(b) => {
                format!(
                    "EMBEDDED et={} {lsize:x}L/{:x}P {} B={birth}",
                    b.prop.etype().0,
                    pointer.psize(),
                    pointer.compression()
                )
            }
            other => other.to_string(),
        };
    };
    let copies: Vec<String> =
        b.copies().map(|dva| dva.to_string().trim_matches(['<', '>']).to_owned()).collect();
    let flag = |is_set: bool, name: &'static str| if is_set { name } else { "" };
    let flags = [
        flag(b.copies().any(zfsp_grammar::blkptr::Dva::is_gang), " gang"),
        flag(b.prop.dedup(), " dedup"),
        flag(matches!(pointer, Pointer::Encrypted(_)), " encrypted"),
        flag(matches!(pointer, Pointer::Authenticated(_)), " authenticated"),
        flag(!b.prop.little_endian(), " BE"),
    ];
    format!(
        "{} {lsize:x}L/{:x}P {} {}{} F={} B={birth}/{} cksum={}",
        copies.join(" "),
        pointer.psize(),
        b.prop.checksum(),
        pointer.compression(),
        flags.concat(),
        b.fill,
        b.written(),
        b.cksum
    )
}

pub(super) fn json(block: &TreeBlock) -> Value {
    let TreeBlock { level, blkid, offset, pointer } = block;
    json!({ "level": level, "blkid": blkid, "offset": offset, "pointer": pointer.to_string() })
}
