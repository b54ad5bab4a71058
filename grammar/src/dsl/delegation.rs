//! Delegated permissions: who may do what with a dataset.
//!
//!
//! ```
//! use zfsp_grammar::dsl::delegation::{Scope, Who, key};
//!
//! let real = key("ul$1000").expect("a key");
//! assert_eq!((real.who, real.scope, real.sets), (Who::User("1000"), Scope::Local, false));
//! ```
//! A ZAP whose keys say who, and whose values are ZAPs with the permissions. Handbook:
//! [`docs/format/11-dsl.md`], 11.14.
//!
//! [`docs/format/11-dsl.md`]: crate::handbook::dsl

/// Who a key is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who<'k> {
    /// A user, by decimal id.
    User(&'k str),
    /// A group, by decimal id.
    Group(&'k str),
    /// Everyone.
    Everyone,
    /// Whoever creates a dataset below.
    Create,
    /// Nobody: this defines a set of permissions, `@name`.
    Set(&'k str),
}

/// Where the permissions hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// This dataset.
    Local,
    /// The datasets below.
    Descendants,
    /// Does not apply: created datasets, sets.
    None,
}

/// A key of the ZAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelegationKey<'k> {
    /// Who.
    pub who: Who<'k>,
    /// Where.
    pub scope: Scope,
    /// The inner ZAP names sets of permissions, not permissions.
    pub sets: bool,
}

/// A key: `ul$1000`, `Gd$20`, `c-$`, `s-$@name`.
#[must_use]
pub fn key(key: &str) -> Option<DelegationKey<'_>> {
    let (kind, id) = key.split_once('$')?;
    let [who, scope] = *kind.as_bytes() else { return None };
    let scope = match scope {
        b'l' => Scope::Local,
        b'd' => Scope::Descendants,
        b'-' => Scope::None,
        _ => return None,
    };
    let sets = who.is_ascii_uppercase();
    let who = match who.to_ascii_lowercase() {
        b'u' => Who::User(id),
        b'g' => Who::Group(id),
        b'e' => Who::Everyone,
        b'c' => Who::Create,
        b's' => Who::Set(id),
        _ => return None,
    };
    Some(DelegationKey { who, scope, sets })
}

impl Who<'_> {
    /// The number of the user or group, if it is one.
    #[must_use]
    pub fn id(&self) -> Option<u64> {
        match self {
            Who::User(id) | Who::Group(id) => id.parse().ok(),
            Who::Everyone | Who::Create | Who::Set(_) => None,
        }
    }
}

/// Permissions that are not properties: each property is a permission too.
pub const PERMISSIONS: &[&str] = &[
    "create",
    "destroy",
    "snapshot",
    "rollback",
    "clone",
    "promote",
    "rename",
    "mount",
    "share",
    "send",
    "send:raw",
    "send:encrypted",
    "receive",
    "receive:append",
    "allow",
    "userprop",
    "vscan",
    "userquota",
    "groupquota",
    "userobjquota",
    "groupobjquota",
    "userused",
    "groupused",
    "userobjused",
    "groupobjused",
    "hold",
    "release",
    "diff",
    "bookmark",
    "load-key",
    "change-key",
    "projectused",
    "projectquota",
    "projectobjused",
    "projectobjquota",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Chapter 11, 11.14: keys of a real ZAP.
    #[test]
    fn real_keys() {
        let user = DelegationKey { who: Who::User("1000"), scope: Scope::Local, sets: false };
        assert_eq!(key("ul$1000"), Some(user));
        assert_eq!(user.who.id(), Some(1000));
        assert_eq!(key("Ud$1001").map(|k| (k.scope, k.sets)), Some((Scope::Descendants, true)));
        assert_eq!(key("s-$@myset").map(|k| k.who), Some(Who::Set("@myset")));
        assert_eq!(key("ed$").map(|k| k.who), Some(Who::Everyone));
        assert_eq!(key("xx$"), None);
        assert_eq!(key("ul"), None);
    }
}
