//! The native properties: which datasets have them, and how each is found.
//!
//! In the order in which `zfs get` lists them.

use super::computed as c;
use super::{Answer, written};
use crate::dataset::{Dataset, Dsl};

/// What properties are asked of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    FileSystem,
    Volume,
    SnapshotOfFileSystem,
    SnapshotOfVolume,
}

/// A native property.
pub(super) struct Shown {
    pub(super) name: &'static str,
    /// `f` file systems, `v` volumes, `s` snapshots of file systems, `w` snapshots of volumes.
    of: &'static str,
    pub(super) how: How,
    /// Listed only by its name.
    pub(super) is_on_request: bool,
}

/// How a property is found.
#[derive(Clone, Copy)]
pub(super) enum How {
    /// In the ZAPs of properties.
    Stored,
    /// From what is stored elsewhere.
    Computed(fn(&Dsl<'_>, &Dataset) -> Answer),
}

impl Shown {
    pub(super) fn is_of(&self, target: Target) -> bool {
        self.of.contains(match target {
            Target::FileSystem => 'f',
            Target::Volume => 'v',
            Target::SnapshotOfFileSystem => 's',
            Target::SnapshotOfVolume => 'w',
        })
    }
}

const fn stored(name: &'static str, of: &'static str) -> Shown {
    Shown { name, of, how: How::Stored, is_on_request: false }
}

const fn computed(name: &'static str, of: &'static str, answer: fn(&Dsl<'_>, &Dataset) -> Answer) -> Shown {
    Shown { name, of, how: How::Computed(answer), is_on_request: false }
}

const fn on_request(name: &'static str, of: &'static str, answer: fn(&Dsl<'_>, &Dataset) -> Answer) -> Shown {
    Shown { name, of, how: How::Computed(answer), is_on_request: true }
}

/// All of them.
pub(super) const SHOWN: &[Shown] = &[
    computed("type", "fvsw", c::kind),
    computed("creation", "fvsw", c::creation),
    computed("used", "fvsw", c::used),
    computed("referenced", "fvsw", c::referenced),
    computed("compressratio", "fvsw", c::compressratio),
    computed("origin", "fv", c::origin),
    computed("quota", "f", c::quota),
    computed("reservation", "fv", c::reservation),
    computed("volsize", "vw", c::volsize),
    computed("volblocksize", "v", c::volblocksize),
    stored("recordsize", "f"),
    computed("mountpoint", "f", |dsl, set| dsl.mountpoint(set)),
    stored("sharenfs", "f"),
    stored("checksum", "fv"),
    stored("compression", "fv"),
    stored("atime", "f"),
    stored("devices", "fs"),
    stored("exec", "fs"),
    stored("setuid", "fs"),
    stored("readonly", "fv"),
    stored("zoned", "f"),
    stored("snapdir", "f"),
    stored("aclmode", "f"),
    stored("aclinherit", "f"),
    computed("createtxg", "fvsw", c::createtxg),
    stored("canmount", "f"),
    stored("xattr", "fs"),
    stored("copies", "fv"),
    computed("version", "fs", c::version),
    computed("utf8only", "fs", c::utf8only),
    computed("normalization", "fs", c::normalization),
    computed("casesensitivity", "fs", c::casesensitivity),
    stored("vscan", "f"),
    stored("nbmand", "fs"),
    stored("sharesmb", "f"),
    stored("refquota", "f"),
    stored("refreservation", "fv"),
    computed("guid", "fvsw", c::guid),
    stored("primarycache", "fvsw"),
    stored("secondarycache", "fvsw"),
    computed("defer_destroy", "sw", c::defer_destroy),
    computed("userrefs", "sw", c::userrefs),
    computed("usedbysnapshots", "fv", c::usedbysnapshots),
    computed("usedbydataset", "fv", c::usedbydataset),
    computed("usedbychildren", "fv", c::usedbychildren),
    computed("usedbyrefreservation", "fv", c::usedbyrefreservation),
    stored("logbias", "fv"),
    computed("objsetid", "fvsw", c::objsetid),
    stored("dedup", "fv"),
    stored("mlslabel", "fvsw"),
    stored("sync", "fv"),
    stored("dnodesize", "f"),
    computed("refcompressratio", "fvsw", c::refcompressratio),
    computed("written", "fvsw", written::since_previous),
    computed("logicalused", "fv", c::logicalused),
    computed("clones", "sw", c::clones),
    computed("logicalreferenced", "fvsw", c::logicalreferenced),
    stored("volmode", "fv"),
    stored("filesystem_limit", "f"),
    stored("snapshot_limit", "fv"),
    computed("filesystem_count", "f", c::filesystem_count),
    computed("snapshot_count", "fv", c::snapshot_count),
    stored("snapdev", "fv"),
    stored("acltype", "fs"),
    stored("context", "fvsw"),
    stored("fscontext", "fvsw"),
    stored("defcontext", "fvsw"),
    stored("rootcontext", "fvsw"),
    stored("relatime", "f"),
    stored("redundant_metadata", "fv"),
    stored("overlay", "f"),
    computed("receive_resume_token", "fv", c::receive_resume_token),
    computed("encryption", "fvsw", c::encryption),
    stored("keylocation", "fv"),
    computed("keyformat", "fv", c::keyformat),
    computed("pbkdf2iters", "fv", c::pbkdf2iters),
    computed("encryptionroot", "fvsw", c::encryptionroot),
    stored("special_small_blocks", "fv"),
    computed("redact_snaps", "fvsw", c::redact_snaps),
    computed("snapshots_changed", "fv", c::snapshots_changed),
    stored("prefetch", "fvsw"),
    stored("volthreading", "v"),
    stored("direct", "f"),
    stored("longname", "f"),
    computed("defaultuserquota", "fs", |dsl, set| c::default_quota(dsl, set, "defaultuserquota")),
    computed("defaultgroupquota", "fs", |dsl, set| c::default_quota(dsl, set, "defaultgroupquota")),
    computed("defaultprojectquota", "fs", |dsl, set| c::default_quota(dsl, set, "defaultprojectquota")),
    computed("defaultuserobjquota", "fs", |dsl, set| c::default_objquota(dsl, set, "defaultuserobjquota")),
    computed("defaultgroupobjquota", "fs", |dsl, set| c::default_objquota(dsl, set, "defaultgroupobjquota")),
    computed("defaultprojectobjquota", "fs", |dsl, set| {
        c::default_objquota(dsl, set, "defaultprojectobjquota")
    }),
    on_request("inconsistent", "fvsw", c::inconsistent),
    on_request("unique", "fvsw", c::unique),
    on_request("prevsnap", "fvsw", c::prevsnap),
    on_request("ivsetguid", "sw", c::ivsetguid),
    on_request("keyguid", "fvsw", c::keyguid),
    on_request("raw_received", "fv", c::raw_received),
];
