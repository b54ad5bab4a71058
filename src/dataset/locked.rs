//! Datasets whose key was not given.

use super::{Dataset, Dir, Dsl};
use crate::error::{KeyState, NeededKey};

impl Dsl<'_> {
    /// The key that opens an encrypted dataset.
    #[must_use]
    pub fn needed_key(&self, set: &Dataset) -> NeededKey {
        let root = self.encryption(&set.dir).ok().flatten().map(|encryption| encryption.root);
        let dir = self.datasets.dirs.iter().find(|dir| Some(dir.object) == root).unwrap_or(&set.dir);
        NeededKey { dataset: set.name.clone(), root: dir.name.clone(), state: self.key_state(&set.dir) }
    }

    fn key_state(&self, dir: &Dir) -> KeyState {
        let key = self.key_object(dir.object).ok().flatten();
        match key.and_then(|key| Some((key, self.crypto_key(key).err()?))) {
            Some((key, flaw)) => KeyState::Damaged(format!("its key object {key} is damaged: {flaw}")),
            None if self.pool.keyring.is_refused(dir.object) => KeyState::Refused,
            None => KeyState::NotGiven,
        }
    }
}
