//! Properties of bookmarks.
//!
//! Handbook: `docs/format/11-dsl.md`, 11.6.

use super::computed::guid_list;
use super::{Setting, Source, Value};
use crate::dataset::{DatasetBookmark, Dsl, Kind};
use crate::object::Loss;

/// All of them, and what is lost.
pub(super) fn all(dsl: &Dsl<'_>, of: &DatasetBookmark) -> (Vec<Setting>, Vec<Loss>) {
    let phys = &of.phys;
    // short bookmarks do not have the space
    let space = |bytes: Option<zfsp_grammar::quantity::Bytes>| {
        bytes.filter(|_| phys.has_fbn()).map(|bytes| Value::Bytes(bytes.0))
    };
    let (snapshots, losses) = match dsl.redaction_snapshots(of) {
        Ok(guids) => (guids.map(|guids| Value::Text(guid_list(guids.into_iter()))), Vec::new()),
        Err(loss) => (None, vec![loss]),
    };
    let all = [
        ("type", Some(Value::Text(Kind::Bookmark.name().into()))),
        ("creation", Some(Value::Time(phys.creation_time.0))),
        ("referenced", space(phys.referenced_bytes_refd)),
        ("createtxg", Some(Value::Number(phys.creation_txg.0))),
        ("guid", Some(Value::Number(phys.guid.0))),
        ("logicalreferenced", space(phys.uncompressed_bytes_refd)),
        ("redact_snaps", snapshots),
    ];
    let setting = |(name, value): (&str, Option<Value>)| {
        Some(Setting { name: name.into(), value: value?, source: Source::None })
    };
    (all.into_iter().filter_map(setting).collect(), losses)
}
