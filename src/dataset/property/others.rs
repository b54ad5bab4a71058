//! Properties of bookmarks, and of directories that have no dataset.
//!
//! Handbook: `docs/format/11-dsl.md`, 11.2 and 11.6.

use super::computed::guid_list;
use super::{Setting, Source, Value};
use crate::dataset::{DatasetBookmark, Dir, Dsl, Kind};
use crate::object::Loss;

/// Those of a bookmark, and what is lost.
pub(super) fn of_bookmark(dsl: &Dsl<'_>, of: &DatasetBookmark) -> (Vec<Setting>, Vec<Loss>) {
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
    (all.into_iter().filter_map(|(name, value)| Some(fact(name, value?))).collect(), losses)
}

/// Those of a directory that has no dataset: `$MOS`, `$FREE`, `$LEAK`.
#[must_use]
pub fn of_dir(dir: &Dir) -> Vec<Setting> {
    let phys = &dir.phys;
    vec![
        fact("type", Value::Text("directory".into())),
        fact("creation", Value::Time(phys.creation_time.0)),
        fact("used", Value::Bytes(phys.used_bytes.0)),
        fact("compressratio", Value::Ratio(phys.compressratio())),
        fact("logicalused", Value::Bytes(phys.uncompressed_bytes.0)),
    ]
}

fn fact(name: &str, value: Value) -> Setting {
    Setting { name: name.into(), value, source: Source::None }
}
