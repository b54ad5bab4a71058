//! Delegated permissions: who may do what with a dataset and those below.
//!
//! Handbook: `docs/format/11-dsl.md`, 11.14.

use std::fmt;

use zfsp_grammar::dsl::delegation::{Scope, Who, key};

use super::{Dir, Dsl};
use crate::object::Loss;

/// Who may do what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who.
    pub receiver: Receiver,
    /// Where: here, below, or where that does not apply.
    pub scope: Scope,
    /// Names of permissions, and of sets of them, which start with `@`.
    pub permissions: Vec<String>,
}

/// Who is granted permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receiver {
    /// A user, by decimal id.
    User(String),
    /// A group, by decimal id.
    Group(String),
    /// Everyone.
    Everyone,
    /// Whoever creates a dataset below.
    Creator,
    /// Nobody: this defines the set `@name`.
    Set(String),
}

impl fmt::Display for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "user {id}"),
            Self::Group(id) => write!(f, "group {id}"),
            Self::Everyone => f.write_str("everyone"),
            Self::Creator => f.write_str("creator"),
            Self::Set(name) => write!(f, "set {name}"),
        }
    }
}

impl From<Who<'_>> for Receiver {
    fn from(who: Who<'_>) -> Self {
        match who {
            Who::User(id) => Self::User(id.to_owned()),
            Who::Group(id) => Self::Group(id.to_owned()),
            Who::Everyone => Self::Everyone,
            Who::Create => Self::Creator,
            Who::Set(name) => Self::Set(name.to_owned()),
        }
    }
}

/// What is granted at a directory.
pub type Grants = (Vec<Grant>, Vec<Loss>);

impl Dsl<'_> {
    /// What is granted at a directory, and what is lost of that. Keys that the format does not know are left out.
    #[must_use]
    pub fn grants(&self, dir: &Dir) -> Grants {
        let keys = self.zap(dir.phys.deleg_zapobj.0);
        let (mut all, mut losses) = (Vec::<Grant>::new(), keys.losses.clone());
        for (name, value) in keys.iter() {
            let Some(found) = key(name) else { continue };
            let permissions = self.zap(value.first().unwrap_or_default());
            losses.extend(permissions.losses.iter().cloned());
            let names = permissions.iter().map(|(name, _)| name.to_owned());
            let receiver = Receiver::from(found.who);
            // permissions and sets of them are kept apart, but mean the same
            match all.iter_mut().find(|grant| grant.receiver == receiver && grant.scope == found.scope) {
                Some(grant) => grant.permissions.extend(names),
                None => all.push(Grant { receiver, scope: found.scope, permissions: names.collect() }),
            }
        }
        all.iter_mut().for_each(|grant| grant.permissions.sort());
        (all, losses)
    }
}
