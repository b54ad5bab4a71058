//! Datasets whose key was not given.

use super::{Dataset, Dsl};
use crate::error::NeededKey;

impl Dsl<'_> {
    /// The key that opens an encrypted dataset.
    #[must_use]
    pub fn needed_key(&self, set: &Dataset) -> NeededKey {
        let root = self.encryption(&set.dir).ok().flatten().map(|encryption| encryption.root);
        let dir = self.datasets.dirs.iter().find(|dir| Some(dir.object) == root).unwrap_or(&set.dir);
        NeededKey { dataset: set.name.clone(), root: dir.name.clone() }
    }
}
