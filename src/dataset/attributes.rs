//! The attributes of a ZAP that is asked many times: read once, with what is lost of it.

use std::collections::BTreeMap;

use zfsp_grammar::zap::value::Integers;

use crate::object::{Loss, Object};
use crate::zap::Zap;

/// Attributes by name.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    all: BTreeMap<String, Integers>,
    /// Why some may be missing.
    pub(super) losses: Vec<Loss>,
}

impl Attributes {
    /// Of the ZAP in that object.
    pub(super) fn of(object: Result<Object, Loss>) -> Self {
        let mut found = Self::default();
        let object = match object {
            Ok(object) => object,
            Err(loss) => return Self { losses: vec![loss], ..found },
        };
        match Zap::of(&object) {
            Ok(zap) => zap.entries().for_each(|entry| match entry {
                Ok(entry) => drop(found.all.insert(entry.key.to_string(), entry.value)),
                Err(loss) => found.losses.push(loss),
            }),
            Err(loss) => found.losses.push(loss),
        }
        found
    }

    /// Whether all of them are left.
    ///
    /// # Errors
    /// The first [`Loss`], if something is lost: it may have counted.
    pub(super) fn whole(&self) -> Result<(), Loss> {
        self.losses.first().map_or(Ok(()), |loss| Err(loss.clone()))
    }

    /// The value of a name; `None` if there is none.
    ///
    /// # Errors
    /// [`Loss`], if it is not among those that are left, but may have been among those that are lost.
    pub(super) fn get(&self, name: &str) -> Result<Option<&Integers>, Loss> {
        match (self.all.get(name), self.losses.first()) {
            (None, Some(loss)) => Err(loss.clone()),
            (found, _) => Ok(found),
        }
    }

    /// The value of a name, if it is among those that are left.
    pub(super) fn left(&self, name: &str) -> Option<&Integers> {
        self.all.get(name)
    }

    /// The first number of a name's value; `None` if there is no such name.
    ///
    /// # Errors
    /// As of [`Attributes::get`].
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Loss> {
        Ok(self.get(name)?.and_then(Integers::first))
    }

    /// Those that are left, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Integers)> {
        self.all.iter().map(|(name, value)| (name.as_str(), value))
    }
}
