//! Extended attributes in the inode: one packed list, each pair an attribute.
//!
//! The other kind are files of a hidden directory, which the attribute XATTR names. Both call them
//! with the prefix of their namespace, as Linux does; names without one are of illumos or FreeBSD.
//! Handbook: [`docs/format/12-zpl.md`], 12.10.
//!
//! ```
//! use zfsp_grammar::xattr::namespace;
//!
//! let (_, name) = namespace(b"user.colour");
//! assert_eq!(name, b"colour");
//! ```
//!
//! [`docs/format/12-zpl.md`]: crate::handbook::zpl

use crate::catalogue::{Structure, structure};
use crate::input::Text;
use crate::nvlist::{List, Packed, Value};

pub(crate) const STRUCTURES: &[Structure] = &[
    structure!('a: "dxattr", "extended attributes of a file: attribute DXATTR", "12-zpl.md 12.10", Packed<'a>),
];

/// Names and values of a list of extended attributes.
pub fn entries<'a>(list: &List<'a>) -> impl Iterator<Item = (Text<'a>, &'a [u8])> {
    list.pairs().iter().filter_map(|pair| match pair.value() {
        Value::Bytes(value) => Some((pair.name(), *value)),
        _ => None,
    })
}

/// Prefixes of names that say whose an attribute is.
const PREFIXES: &[(&str, Namespace)] = &[
    ("user.", Namespace::User),
    ("trusted.", Namespace::Trusted),
    ("security.", Namespace::Security),
    ("system.", Namespace::System),
    ("freebsd:system:", Namespace::FreebsdSystem),
];

/// Whose an extended attribute is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Namespace {
    /// Of users; also names without a prefix.
    User,
    /// Of processes with privileges.
    Trusted,
    /// Of security modules.
    Security,
    /// Of the system: ACLs.
    System,
    /// Of the system, on FreeBSD.
    FreebsdSystem,
}

/// The namespace of a stored name, and the name in it.
#[must_use]
pub fn namespace(stored: &[u8]) -> (Namespace, &[u8]) {
    let with = |(prefix, space): &(&str, Namespace)| Some((*space, stored.strip_prefix(prefix.as_bytes())?));
    PREFIXES.iter().find_map(with).unwrap_or((Namespace::User, stored))
}
