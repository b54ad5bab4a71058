//! Keyrings: from the keys that the user gives to the datasets that they open.
//!
//! | part | file |
//! |---|---|
//! | a key as the user gives it: [`UserKey`] | `user_key.rs` |
//! | which datasets it opens, and why not others: [`Attempt`] | `unlock.rs` |
//! | in which other form it would open them: [`Slip`] | `slip.rs` |
//! | what the blocks of these datasets are read with: [`Keyring`] | here |
//!
//! The key of an encryption root opens all datasets that inherit from it, with their snapshots and clones. Handbook:
//! `docs/format/22-encryption.md`, 22.2.
//!
//! ```
//! use zfsp::{keyring::UserKey, namespace::Namespace};
//! # use zfsp::{device, pool::{Gathering, Options, Pool}};
//! # let found = device::find(&["fixtures/encryption-formats".into()]);
//! # let mut pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
//! let key = UserKey::of_file("lab/passphrase", b"correct horse of lab/passphrase\n".to_vec());
//! let attempts = pool.unlock(&[key]);
//! assert_eq!(attempts[0].opened, ["lab/passphrase"]);
//!
//! let names = Namespace::of(&pool);
//! assert!(names.root(names.datasets().find("lab/passphrase")?).is_ok());
//! assert!(names.root(names.datasets().find("lab/raw")?).is_err()); // it has another key
//! # Ok::<(), zfsp::error::Error>(())
//! ```

mod slip;
mod unlock;
mod user_key;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::block::Store;
use crate::crypt::DataKey;
use crate::dataset::Dsl;
use crate::pool::Pool;

pub use slip::Slip;
pub use unlock::{Attempt, Hint};
pub use user_key::{Malformed, UserKey};

/// The datasets of a pool that are open, and what their blocks are read with.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    /// By the MOS objects of their directories.
    stores: HashMap<u64, Arc<Store>>,
    /// Directories that a key was given for, which did not open them.
    refused: HashSet<u64>,
}

impl Keyring {
    /// Of these keys, by the MOS objects of the directories that they open. Clones share the key of their origin.
    #[must_use]
    pub fn new(store: &Store, keys: impl IntoIterator<Item = (u64, Arc<DataKey>)>) -> Self {
        let mut shared: HashMap<u64, Arc<Store>> = HashMap::new();
        let stores = keys.into_iter().map(|(dir, key)| {
            let opened = shared.entry(key.object).or_insert_with(|| Arc::new(store.with_key(key)));
            (dir, opened.clone())
        });
        Self { stores: stores.collect(), refused: HashSet::new() }
    }

    /// The same keys for another state of the pool: those of the directories that have the same key objects there.
    #[must_use]
    pub fn over(&self, pool: &Pool) -> Self {
        let refused = self.refused.clone();
        if self.is_empty() {
            return Self { refused, ..Self::default() };
        }
        let dsl = Dsl::of(pool);
        let keys: HashMap<u64, &Arc<DataKey>> =
            self.stores().filter_map(|store| store.key.as_ref()).map(|key| (key.object, key)).collect();
        let opened = dsl.datasets.dirs.iter().filter_map(|dir| {
            let encryption = dsl.encryption(dir).ok()??;
            let key = keys.get(&encryption.key).filter(|key| key.guid == encryption.guid)?;
            Some((dir.object, Arc::clone(key)))
        });
        Self { refused, ..Self::new(&pool.store, opened) }
    }

    /// What the datasets of a directory are read with; `None` if they are in clear, or locked.
    #[must_use]
    pub fn store(&self, dir: u64) -> Option<&Arc<Store>> {
        self.stores.get(&dir)
    }

    /// Whether a key was given for a directory, but no key opens it.
    #[must_use]
    pub fn is_refused(&self, dir: u64) -> bool {
        self.refused.contains(&dir) && !self.stores.contains_key(&dir)
    }

    /// True if nothing is on it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stores.is_empty()
    }

    /// What is on it, each key once.
    pub fn stores(&self) -> impl Iterator<Item = &Arc<Store>> {
        let mut all: Vec<_> =
            self.stores.values().filter_map(|store| Some((store.key.as_ref()?.object, store))).collect();
        all.sort_by_key(|(object, _)| *object);
        all.dedup_by_key(|(object, _)| *object);
        all.into_iter().map(|(_, store)| store)
    }
}
