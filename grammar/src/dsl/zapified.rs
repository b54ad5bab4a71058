//! What directories and datasets remember beyond their fixed structures.
//!
//! With the feature `extensible_dataset` the object of a directory or dataset may itself be a ZAP: its
//! type is then 0xc4, while bonus and type of the bonus stay. Handbook: `docs/format/11-dsl.md`, 11.4.

use super::feature;
use super::pool_directory::Kind::{self, Number, Object, Text, Words};

/// A key of such a ZAP, or of a vdev's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// What it means.
    pub about: &'static str,
}

pub(super) const fn entry(key: &'static str, kind: Kind, about: &'static str) -> Entry {
    Entry { key, kind, about }
}

/// Keys of a directory.
pub const DIR_KEYS: &[Entry] = &[
    entry("com.joyent:filesystem_count", Number, "file systems and volumes below"),
    entry("com.joyent:snapshot_count", Number, "snapshots here and below"),
    entry("com.datto:crypto_key_obj", Object, "crypto key"),
    entry("com.delphix:livelist", Object, "livelist of a clone"),
    entry(
        "com.ixsystems:snapshots_changed",
        Words(2),
        "when a snapshot last came or went: seconds, nanoseconds",
    ),
];

/// Keys of a dataset, beside those of the features that it uses.
pub const DATASET_KEYS: &[Entry] = &[
    entry("com.delphix:bookmarks", Object, "bookmarks"),
    entry("com.delphix:resume_fromguid", Number, "unfinished receive: guid of the snapshot it builds on"),
    entry("com.delphix:resume_toguid", Number, "unfinished receive: guid of the snapshot being received"),
    entry("com.delphix:resume_toname", Text, "unfinished receive: its name at the sender"),
    entry("com.delphix:resume_object", Number, "unfinished receive: object reached"),
    entry("com.delphix:resume_offset", Number, "unfinished receive: offset reached in it"),
    entry("com.delphix:resume_bytes", Number, "unfinished receive: bytes received"),
    entry("com.delphix:resume_largeblockok", Number, "unfinished receive: large blocks allowed"),
    entry("com.delphix:resume_embedok", Number, "unfinished receive: embedded blocks allowed"),
    entry("com.delphix:resume_compressok", Number, "unfinished receive: compressed blocks allowed"),
    entry("com.datto:resume_rawok", Number, "unfinished receive: raw blocks allowed"),
    entry(
        "com.delphix:resume_redact_book_snaps",
        Words(0),
        "unfinished receive: guids of the redaction snapshots",
    ),
    entry("com.delphix:remap_deadlist", Object, "deadlist of blocks that were moved off a removed vdev"),
    entry("com.datto:ivset_guid", Number, "identity of the IVs of an encrypted snapshot"),
    entry("org.openzfs:raw_received", Number, "present: the last receive was raw"),
    entry("com.delphix:redacted_datasets", Words(0), "guids of the snapshots that it was redacted for"),
];

/// What a key of a directory means.
#[must_use]
pub fn of_dir(key: &str) -> Option<&'static Entry> {
    DIR_KEYS.iter().find(|entry| entry.key == key)
}

/// What a key of a dataset means. Others are guids of features that it uses, see [`uses`].
#[must_use]
pub fn of_dataset(key: &str) -> Option<&'static Entry> {
    DATASET_KEYS.iter().find(|entry| entry.key == key)
}

/// The feature that a dataset uses, if that is what the key says.
#[must_use]
pub fn uses(key: &str) -> Option<&'static feature::Feature> {
    feature::find(key.as_bytes()).filter(|feature| feature.per_dataset)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chapter 11, 11.4: the head of a file system.
    #[test]
    fn real_keys() {
        assert_eq!(of_dataset("com.delphix:bookmarks").map(|e| e.kind), Some(Object));
        assert!(uses("org.zfsonlinux:userobj_accounting").is_some());
        // the pool counts users of this one, datasets do not record it
        assert!(uses("com.delphix:livelist").is_none());
        assert_eq!(of_dir("com.delphix:livelist").map(|e| e.kind), Some(Object));
        assert!(of_dataset("org.example:later").is_none());
    }
}
