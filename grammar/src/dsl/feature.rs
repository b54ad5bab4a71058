//! Feature flags: what each changes on disk, and what a reader must know of it.
//!
//! The pool keeps a count of users of each; a feature with users that a reader does not know, and
//! that is not read-only compatible, bars the reader. Handbook: [`docs/format/07-feature-flags.md`],
//! 7.5, and [`docs/format/11-dsl.md`], 11.1.
//!
//! ```
//! use zfsp_grammar::dsl::feature::find;
//!
//! assert!(find(b"com.delphix:hole_birth").is_some_and(|feature| feature.mos));
//! ```
//!
//! [`docs/format/07-feature-flags.md`]: crate::handbook::feature_flags
//! [`docs/format/11-dsl.md`]: crate::handbook::dsl

/// A feature of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // each is a column of the table
pub struct Feature {
    /// Its guid, as the pool's ZAPs name it.
    pub guid: &'static str,
    /// Not needed to read: recorded in `features_for_write`.
    pub read_only_compatible: bool,
    /// Needed to read the MOS: recorded in the labels too.
    pub mos: bool,
    /// In use as soon as it is enabled.
    pub activate_on_enable: bool,
    /// Recorded with each dataset that uses it.
    pub per_dataset: bool,
    /// First release that had it.
    pub since: &'static str,
    /// What has it in use.
    pub about: &'static str,
}

/// The feature with this guid, if the format knows it.
#[must_use]
pub fn find(guid: &[u8]) -> Option<&'static Feature> {
    FEATURES.iter().find(|feature| feature.guid.as_bytes() == guid)
}

const fn feature(guid: &'static str, marks: &str, since: &'static str, about: &'static str) -> Feature {
    let mut feature = Feature {
        guid,
        read_only_compatible: false,
        mos: false,
        activate_on_enable: false,
        per_dataset: false,
        since,
        about,
    };
    let mut rest = marks.as_bytes();
    while let [mark, more @ ..] = rest {
        match mark {
            b'W' => feature.read_only_compatible = true,
            b'M' => feature.mos = true,
            b'E' => feature.activate_on_enable = true,
            b'D' => feature.per_dataset = true,
            _ => {}
        }
        rest = more;
    }
    feature
}

/// Every feature: W read-only compatible, M needed for the MOS, E in use once enabled, D per dataset.
pub const FEATURES: &[Feature] = &[
    feature("com.delphix:async_destroy", "W", "0.6.1", "a background destroy is in progress"),
    feature("com.delphix:empty_bpobj", "W", "0.6.1", "count of references to empty_bpobj"),
    feature("org.illumos:lz4_compress", "E", "0.6.1", "always once enabled (value 1)"),
    feature("com.joyent:multi_vdev_crash_dump", "", "0.7", "dump device configured"),
    feature("com.delphix:spacemap_histogram", "W", "0.6.4", "number of 320-byte space maps"),
    feature("com.delphix:enabled_txg", "W", "0.6.4", "number of features with a recorded txg"),
    feature("com.delphix:hole_birth", "ME", "0.6.4", "holes carry birth txg"),
    feature("com.delphix:zpool_checkpoint", "W", "0.8", "a checkpoint exists"),
    feature("com.delphix:spacemap_v2", "WE", "0.8", "two-word space-map entries"),
    feature("com.delphix:extensible_dataset", "", "0.6.4", "number of zapified DSL dirs/datasets"),
    feature("com.delphix:bookmarks", "W", "0.6.4", "number of datasets that have a bookmark ZAP"),
    feature("com.joyent:filesystem_limits", "W", "0.6.5", "number of dirs with counts"),
    feature("com.delphix:embedded_data", "ME", "0.6.4", "embedded block pointers"),
    feature("com.delphix:livelist", "W", "2.0", "number of clones with a livelist"),
    feature("com.delphix:log_spacemap", "W", "2.0", "1 while log space maps in use"),
    feature("org.open-zfs:large_blocks", "D", "0.6.5", "dataset has a block > 128 KiB"),
    feature("org.zfsonlinux:large_dnode", "D", "0.7", "dataset has a dnode > 512 B"),
    feature("org.illumos:sha512", "D", "0.7", "checksum used"),
    feature("org.illumos:skein", "D", "0.7", "checksum used"),
    feature("org.illumos:edonr", "D", "0.7", "checksum used"),
    feature("com.delphix:redaction_bookmarks", "", "2.0", "redaction bookmarks exist"),
    feature("com.delphix:redacted_datasets", "D", "2.0", "redacted dataset"),
    feature("com.delphix:bookmark_written", "", "2.0", "bookmarks with FBN accounting"),
    feature("com.delphix:device_removal", "M", "0.8", "an indirect vdev exists or removal runs"),
    feature("com.delphix:obsolete_counts", "W", "0.8", "obsolete space maps/counts exist"),
    feature("org.zfsonlinux:userobj_accounting", "WD", "0.7", "objset has object accounting"),
    feature("com.datto:bookmark_v2", "", "0.8", "number of v2-size bookmarks"),
    feature("com.datto:encryption", "D", "0.8", "encrypted dataset"),
    feature("org.zfsonlinux:project_quota", "WD", "0.8", "objset has project accounting"),
    feature("org.zfsonlinux:allocation_classes", "W", "0.8", "special/dedup vdev"),
    feature("com.datto:resilver_defer", "W", "0.8", "resilver deferred"),
    feature("org.openzfs:device_rebuild", "W", "2.0", "sequential rebuild done/active"),
    feature("org.freebsd:zstd_compress", "D", "2.0", "zstd block written"),
    feature("org.openzfs:draid", "M", "2.1", "draid vdev"),
    feature("com.seagate:draid_failure_domains", "M", "after 2.4", "draid with failure domains"),
    feature("org.openzfs:zilsaxattr", "WD", "2.2", "TX_SETSAXATTR in ZIL"),
    feature("com.delphix:head_errlog", "E", "2.2", "error log format (11.15)"),
    feature("org.openzfs:blake3", "D", "2.2", "checksum used"),
    feature("com.fudosecurity:block_cloning", "W", "2.2", "BRT in use"),
    feature("com.truenas:block_cloning_endian", "W", "2.4", "BRT count format (chapter 13)"),
    feature("com.klarasystems:vdev_zaps_v2", "M", "2.2", "root vdev has a ZAP"),
    feature("com.delphix:redaction_list_spill", "", "2.3", "redaction list in spill"),
    feature("org.openzfs:raidz_expansion", "M", "2.3", "raidz was/is expanded"),
    feature("com.klarasystems:fast_dedup", "W", "2.3", "new-format DDT"),
    feature("org.zfsonlinux:longname", "D", "2.3", "names > 255 bytes stored"),
    feature("com.klarasystems:large_microzap", "WD", "2.3", "micro ZAP > 128 KiB"),
    feature(
        "com.klarasystems:dynamic_gang_header",
        "M",
        "2.4 (never enabled by a plain upgrade)",
        "gang headers > 512 B",
    ),
    feature(
        "com.truenas:physical_rewrite",
        "WD",
        "2.4",
        "block pointers with distinct logical birth after rewrite",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns() {
        let hole_birth = find(b"com.delphix:hole_birth").unwrap();
        assert!(hole_birth.mos && hole_birth.activate_on_enable && !hole_birth.read_only_compatible);
        assert!(FEATURES.iter().all(|f| !f.about.is_empty()), "a feature without meaning");
        assert!(find(b"org.example:unknown").is_none());
    }
}
