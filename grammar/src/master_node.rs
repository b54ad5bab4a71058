//! The master node: object 1 of every file system, a ZAP that says where everything is.
//!
//! Handbook: [`docs/format/12-zpl.md`], 12.1.
//!
//! ```
//! use zfsp_grammar::master_node;
//!
//! assert!(master_node::about(b"ROOT").is_some());
//! ```
//!
//! [`docs/format/12-zpl.md`]: crate::handbook::zpl

/// Its number in every file system.
pub const MASTER_NODE: u64 = 1;

/// A key of the master node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MasterKey {
    /// Its name.
    pub name: &'static str,
    /// What its value, one word, means.
    pub about: &'static str,
}

const fn key(name: &'static str, about: &'static str) -> MasterKey {
    MasterKey { name, about }
}

/// The keys that the format knows; those that are missing stand for 0.
pub const KEYS: &[MasterKey] = &[
    key("VERSION", "ZPL version, 1 to 5"),
    key("ROOT", "root directory"),
    key("DELETE_QUEUE", "files without a name that are still open"),
    key("FUID", "domains of identities"),
    key("SHARES", "directory of share ACLs"),
    key("SA_ATTRS", "registry and layouts of attributes"),
    key("FSID", "historical"),
    key("normalization", "how names are normalised: 0 not, 0x10 D, 0x20 KD, 0x50 C, 0x60 KC"),
    key("utf8only", "names must be UTF-8"),
    key("casesensitivity", "0 sensitive, 1 insensitive, 2 mixed"),
    key("userquota@", "bytes allowed by uid"),
    key("groupquota@", "bytes allowed by gid"),
    key("projectquota@", "bytes allowed by project"),
    key("userobjquota@", "objects allowed by uid"),
    key("groupobjquota@", "objects allowed by gid"),
    key("projectobjquota@", "objects allowed by project"),
    key("defaultuserquota", "bytes allowed to users without a quota of their own; 0: no limit"),
    key("defaultgroupquota", "bytes allowed to groups without a quota of their own; 0: no limit"),
    key("defaultprojectquota", "bytes allowed to projects without a quota of their own; 0: no limit"),
    key("defaultuserobjquota", "objects allowed to users without a quota of their own; 0: no limit"),
    key("defaultgroupobjquota", "objects allowed to groups without a quota of their own; 0: no limit"),
    key("defaultprojectobjquota", "objects allowed to projects without a quota of their own; 0: no limit"),
];

/// What the value of a key means.
#[must_use]
pub fn about(name: &[u8]) -> Option<&'static str> {
    KEYS.iter().find(|key| key.name.as_bytes() == name).map(|key| key.about)
}
