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
    /// What it changes on disk.
    pub changes: &'static str,
    /// Guids of the features that must be enabled before it.
    pub depends_on: &'static [&'static str],
}

impl Feature {
    /// Its name: the guid without the domain of who defined it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.guid.split_once(':').map_or(self.guid, |(_, name)| name)
    }
}

/// The feature with this guid, if the format knows it.
#[must_use]
pub fn find(guid: &[u8]) -> Option<&'static Feature> {
    FEATURES.iter().find(|feature| feature.guid.as_bytes() == guid)
}

const fn feature(
    guid: &'static str,
    marks: &str,
    since: &'static str,
    about: &'static str,
    changes: &'static str,
    depends_on: &'static [&'static str],
) -> Feature {
    let mut feature = Feature {
        guid,
        read_only_compatible: false,
        mos: false,
        activate_on_enable: false,
        per_dataset: false,
        since,
        about,
        changes,
        depends_on,
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
    feature(
        "com.delphix:async_destroy",
        "W",
        "0.6.1",
        "a background destroy is in progress",
        "key bptree_obj of the pool directory, and its object",
        &[],
    ),
    feature(
        "com.delphix:empty_bpobj",
        "W",
        "0.6.1",
        "count of references to empty_bpobj",
        "deadlists may name the shared empty list",
        &[],
    ),
    feature(
        "org.illumos:lz4_compress",
        "E",
        "0.6.1",
        "always once enabled",
        "compression 15, of data and metadata",
        &[],
    ),
    feature(
        "com.joyent:multi_vdev_crash_dump",
        "",
        "0.7",
        "dump device configured",
        "dump volumes of illumos: checksum noparity, parity not valid",
        &[],
    ),
    feature(
        "com.delphix:spacemap_histogram",
        "W",
        "0.6.4",
        "number of 320-byte space maps",
        "bonus of space maps: 320 bytes, not 24",
        &[],
    ),
    feature(
        "com.delphix:enabled_txg",
        "W",
        "0.6.4",
        "number of features with a recorded txg",
        "key feature_enabled_txg of the pool directory",
        &[],
    ),
    feature(
        "com.delphix:hole_birth",
        "ME",
        "0.6.4",
        "holes carry birth txg",
        "holes have size, type, level and birth",
        &["com.delphix:enabled_txg"],
    ),
    feature(
        "com.delphix:zpool_checkpoint",
        "W",
        "0.8",
        "a checkpoint exists",
        "key com.delphix:zpool_checkpoint of the pool directory; a space map of each vdev",
        &[],
    ),
    feature(
        "com.delphix:spacemap_v2",
        "WE",
        "0.8",
        "two-word space-map entries",
        "entries of two words in space maps",
        &[],
    ),
    feature(
        "com.delphix:extensible_dataset",
        "",
        "0.6.4",
        "number of zapified DSL dirs/datasets",
        "objects of type 0xc4 with bonus 12 or 16: directories and datasets that are ZAPs",
        &[],
    ),
    feature(
        "com.delphix:bookmarks",
        "W",
        "0.6.4",
        "number of datasets that have a bookmark ZAP",
        "key com.delphix:bookmarks of datasets",
        &["com.delphix:extensible_dataset"],
    ),
    feature(
        "com.joyent:filesystem_limits",
        "W",
        "0.6.5",
        "number of dirs with counts",
        "counts in the ZAPs of directories",
        &["com.delphix:extensible_dataset"],
    ),
    feature(
        "com.delphix:embedded_data",
        "ME",
        "0.6.4",
        "embedded block pointers",
        "embedded block pointers",
        &[],
    ),
    feature(
        "com.delphix:livelist",
        "W",
        "2.0",
        "number of clones with a livelist",
        "key com.delphix:livelist of directories; freed entries, counted, in lists of block pointers",
        &["com.delphix:extensible_dataset"],
    ),
    feature(
        "com.delphix:log_spacemap",
        "W",
        "2.0",
        "1 while log space maps in use",
        "log space maps, without which those of metaslabs are stale",
        &["com.delphix:spacemap_v2"],
    ),
    feature(
        "org.open-zfs:large_blocks",
        "D",
        "0.6.5",
        "dataset has a block > 128 KiB",
        "blocks of up to 16 MiB",
        &["com.delphix:extensible_dataset"],
    ),
    feature(
        "org.zfsonlinux:large_dnode",
        "D",
        "0.7",
        "dataset has a dnode > 512 B",
        "dnodes of several slots",
        &["com.delphix:extensible_dataset"],
    ),
    feature(
        "org.illumos:sha512",
        "D",
        "0.7",
        "a block was written with it",
        "checksum 11",
        &["com.delphix:extensible_dataset"],
    ),
    feature(
        "org.illumos:skein",
        "D",
        "0.7",
        "a block was written with it",
        "checksum 12; key org.illumos:checksum_salt of the pool directory",
        &["com.delphix:extensible_dataset"],
    ),
    feature(
        "org.illumos:edonr",
        "D",
        "0.7",
        "a block was written with it",
        "checksum 13; key org.illumos:checksum_salt of the pool directory",
        &["com.delphix:extensible_dataset"],
    ),
    feature(
        "com.delphix:redaction_bookmarks",
        "",
        "2.0",
        "redaction bookmarks exist",
        "fourth word of bookmarks; redaction lists",
        &["com.datto:bookmark_v2", "com.delphix:extensible_dataset", "com.delphix:bookmarks"],
    ),
    feature(
        "com.delphix:redacted_datasets",
        "D",
        "2.0",
        "redacted dataset",
        "key of datasets, with the guids of snapshots; redacted blocks read as holes",
        &["com.delphix:extensible_dataset"],
    ),
    feature(
        "com.delphix:bookmark_written",
        "",
        "2.0",
        "bookmarks with FBN accounting",
        "bookmarks of twelve words; keys at their txgs in deadlists",
        &["com.datto:bookmark_v2", "com.delphix:extensible_dataset", "com.delphix:bookmarks"],
    ),
    feature(
        "com.delphix:device_removal",
        "M",
        "0.8",
        "an indirect vdev exists or removal runs",
        "vdevs of type indirect, their mappings and births; keys of the pool directory",
        &[],
    ),
    feature(
        "com.delphix:obsolete_counts",
        "W",
        "0.8",
        "obsolete space maps/counts exist",
        "counts, space maps and lists of what is obsolete on removed vdevs",
        &["com.delphix:extensible_dataset", "com.delphix:device_removal"],
    ),
    feature(
        "org.zfsonlinux:userobj_accounting",
        "WD",
        "0.7",
        "objset has object accounting",
        "keys obj- in the accounting ZAPs; flags of object sets and dnodes",
        &["com.delphix:extensible_dataset"],
    ),
    feature(
        "com.datto:bookmark_v2",
        "",
        "0.8",
        "number of v2-size bookmarks",
        "bookmarks of more than three words",
        &["com.delphix:extensible_dataset", "com.delphix:bookmarks"],
    ),
    feature(
        "com.datto:encryption",
        "D",
        "0.8",
        "encrypted dataset",
        "encrypted and authenticated block pointers; crypto keys",
        &["com.delphix:extensible_dataset", "com.datto:bookmark_v2"],
    ),
    feature(
        "org.zfsonlinux:project_quota",
        "WD",
        "0.8",
        "objset has project accounting",
        "object sets of 4096 bytes, with one more accounting dnode; an attribute of files",
        &["com.delphix:extensible_dataset"],
    ),
    feature(
        "org.zfsonlinux:allocation_classes",
        "W",
        "0.8",
        "special/dedup vdev",
        "key org.zfsonlinux:allocation_bias of top-level vdevs",
        &[],
    ),
    feature(
        "com.datto:resilver_defer",
        "W",
        "0.8",
        "resilver deferred",
        "key com.datto:resilver_defer in the configuration of leaves",
        &[],
    ),
    feature(
        "org.openzfs:device_rebuild",
        "W",
        "2.0",
        "sequential rebuild done/active",
        "key org.openzfs:vdev_rebuild of top-level vdevs",
        &[],
    ),
    feature(
        "org.freebsd:zstd_compress",
        "D",
        "2.0",
        "zstd block written",
        "compression 16",
        &["com.delphix:extensible_dataset"],
    ),
    feature("org.openzfs:draid", "M", "2.1", "draid vdev", "vdevs of types draid and dspare", &[]),
    feature(
        "com.seagate:draid_failure_domains",
        "M",
        "after 2.4",
        "draid with failure domains",
        "more keys in the configuration of dRAID vdevs",
        &["org.openzfs:draid"],
    ),
    feature(
        "org.openzfs:zilsaxattr",
        "WD",
        "2.2",
        "TX_SETSAXATTR in ZIL",
        "record 21 of intent logs",
        &["com.delphix:extensible_dataset"],
    ),
    feature("com.delphix:head_errlog", "E", "2.2", "error log format", "keys of the error logs", &[]),
    feature(
        "org.openzfs:blake3",
        "D",
        "2.2",
        "a block was written with it",
        "checksum 14; key org.illumos:checksum_salt of the pool directory",
        &["com.delphix:extensible_dataset"],
    ),
    feature(
        "com.fudosecurity:block_cloning",
        "W",
        "2.2",
        "BRT in use",
        "block reference tables; several pointers to one block, with different births",
        &[],
    ),
    feature(
        "com.truenas:block_cloning_endian",
        "W",
        "2.4",
        "BRT count format",
        "values of block reference tables: one word, not eight bytes",
        &[],
    ),
    feature(
        "com.klarasystems:vdev_zaps_v2",
        "M",
        "2.2",
        "root vdev has a ZAP",
        "key com.klarasystems:vdev_zap_root in the configuration",
        &[],
    ),
    feature(
        "com.delphix:redaction_list_spill",
        "",
        "2.3",
        "redaction list in spill",
        "header of redaction lists in the spill block",
        &["com.delphix:redaction_bookmarks"],
    ),
    feature(
        "org.openzfs:raidz_expansion",
        "M",
        "2.3",
        "raidz was/is expanded",
        "last word of uberblocks; RAID-Z of two widths, by birth",
        &[],
    ),
    feature(
        "com.klarasystems:fast_dedup",
        "W",
        "2.3",
        "new-format DDT",
        "dedup tables with a directory, flat entries and logs",
        &[],
    ),
    feature(
        "org.zfsonlinux:longname",
        "D",
        "2.3",
        "names > 255 bytes stored",
        "names of up to 1023 bytes in directories",
        &["com.delphix:extensible_dataset"],
    ),
    feature(
        "com.klarasystems:large_microzap",
        "WD",
        "2.3",
        "micro ZAP > 128 KiB",
        "micro ZAPs of up to 1 MiB",
        &["com.delphix:extensible_dataset", "org.open-zfs:large_blocks"],
    ),
    feature(
        "com.klarasystems:dynamic_gang_header",
        "M",
        "2.4 (never enabled by a plain upgrade)",
        "gang headers > 512 B",
        "gang headers as large as the sectors of their vdev",
        &[],
    ),
    feature(
        "com.truenas:physical_rewrite",
        "WD",
        "2.4",
        "block pointers with distinct logical birth after rewrite",
        "top bit of the second property word of block pointers",
        &["com.delphix:extensible_dataset"],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns() {
        let hole_birth = find(b"com.delphix:hole_birth").unwrap();
        assert!(hole_birth.mos && hole_birth.activate_on_enable && !hole_birth.read_only_compatible);
        assert_eq!(hole_birth.name(), "hole_birth");
        let known = |guid: &&str| find(guid.as_bytes()).is_some();
        assert!(FEATURES.iter().all(|f| f.depends_on.iter().all(known)), "depends on nothing known");
        assert!(find(b"org.example:unknown").is_none());
    }
}
