//! Encryption roots: which key opens which datasets, as far as it is in clear.
//!
//! A key object names the directory whose user key wraps it. Mostly that is the directory itself or one above it; a clone
//! has the root of its origin wherever it stands; and what was received as raw blocks may have none. Handbook:
//! `docs/format/22-encryption.md`, 22.2 and 22.15.
//!
//! ```
//! use zfsp::dataset::Dsl;
//! # use zfsp::{device, pool::{Gathering, Options, Pool}};
//! # let found = device::find(&["fixtures/encryption-pool".into()]);
//! # let pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
//!
//! let roots = Dsl::of(&pool).encryption_roots();
//! let [root] = roots.roots.as_slice() else { panic!("one key opens all") };
//! assert_eq!((root.name.as_str(), root.datasets.len()), ("lab", 5));
//! # Ok::<(), zfsp::error::Error>(())
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use zfsp_grammar::config::Errata;
use zfsp_grammar::dsl::crypto_key::KeyVersion;
use zfsp_grammar::quantity::ObjectId;

use super::{Dataset, Dir, Dsl, Encryption, dir};
use crate::crypt::Flaw;
use crate::object::Loss;

/// The encrypted datasets of a pool, by the keys that open them.
#[derive(Clone, Debug, Default)]
pub struct EncryptionRoots {
    /// In the order of the directories.
    pub roots: Vec<EncryptionRoot>,
    /// Datasets without a root that could be theirs.
    pub without: Vec<(Encrypted, Rootless)>,
    /// Datasets whose key object cannot be read: which root is theirs is not known.
    pub unread: Vec<Unread>,
    /// Names of datasets, and why their key is not known, or something about them.
    pub losses: Vec<(String, Loss)>,
}

/// An encrypted dataset whose key object cannot be read.
#[derive(Clone, Debug)]
pub struct Unread {
    /// Where it is.
    pub dir: Arc<Dir>,
    /// MOS object of the wrapped key.
    pub key: u64,
    /// Why it cannot be read.
    pub loss: Loss,
}

/// A directory with a key of its user.
#[derive(Clone, Debug)]
pub struct EncryptionRoot {
    /// Its name, or the number of its MOS object if no name leads to it.
    pub name: String,
    /// MOS object of the directory.
    pub object: u64,
    /// How its own key is wrapped.
    pub encryption: Encryption,
    /// Property `keylocation`: where the user said that the key is. Hosts and paths are those of the system that had
    /// the pool.
    pub keylocation: Option<String>,
    /// The datasets that the same key opens, its own mostly first.
    pub datasets: Vec<Encrypted>,
}

/// An encrypted dataset.
#[derive(Clone, Debug)]
pub struct Encrypted {
    /// Where it is.
    pub dir: Arc<Dir>,
    /// How its key is wrapped.
    pub encryption: Encryption,
    /// What is wrong with its key object.
    pub flaw: Option<Flaw>,
    /// Snapshot that it is a clone of.
    pub origin: Option<String>,
    /// Directories that have this key object: as many as [`Encryption::refcount`] says, if all were found.
    pub sharing: u64,
    /// Whether the root is the directory itself, or one above it. Of clones it need not be.
    pub is_below_root: bool,
    /// Whether it says that the last receive into it was of raw blocks; where not, it is not known.
    pub is_raw_received: bool,
    /// By age.
    pub snapshots: Vec<EncryptedSnapshot>,
}

/// A snapshot of an encrypted dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncryptedSnapshot {
    /// `pool/a@s`.
    pub name: String,
    /// Identity of the IVs of its blocks; `None` in pools of former releases.
    pub ivset_guid: Option<u64>,
    /// Whether it says that it was received as raw blocks; where not, it is not known.
    pub is_raw_received: bool,
}

/// Why a dataset has no encryption root.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rootless {
    /// The entry is not there, or 0.
    #[error("its key object {0} names no encryption root")]
    Unnamed(u64),
    /// No such object, or it cannot be read.
    #[error("its encryption root should be object {root}, which cannot be had: {loss}")]
    Missing {
        /// MOS object that is named.
        root: u64,
        /// Why.
        loss: Loss,
    },
    /// An object of another kind.
    #[error("its encryption root should be object {0}, which is no directory of datasets")]
    NoDirectory(u64),
    /// A directory without a key.
    #[error("its encryption root should be {0}, which is not encrypted")]
    InClear(String),
    /// A directory that inherits its own key.
    #[error("its encryption root should be {named}, which itself has another one: {root}")]
    Heir {
        /// The directory that is named.
        named: String,
        /// That which this one names.
        root: String,
    },
}

/// A bug of former releases, and what it left here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erratum {
    /// As `zpool status` counts them.
    pub number: Errata,
    /// Datasets or snapshots that show it.
    pub found: Vec<String>,
}

impl EncryptionRoots {
    /// All encrypted datasets.
    pub fn datasets(&self) -> impl Iterator<Item = &Encrypted> {
        let of_roots = self.roots.iter().flat_map(|root| &root.datasets);
        of_roots.chain(self.without.iter().map(|(set, _)| set))
    }

    /// What shows of errata 3 and 4.
    #[must_use]
    pub fn errata(&self) -> Vec<Erratum> {
        let is_first = |set: &&Encrypted| set.encryption.version == KeyVersion::FIRST;
        let first = self.datasets().filter(is_first).map(|set| set.dir.name.clone());
        let snapshots = self.datasets().flat_map(|set| &set.snapshots);
        let without = snapshots.filter(|set| set.ivset_guid.is_none()).map(|set| set.name.clone());
        let all =
            [(Errata::ENCRYPTION, first.collect::<Vec<_>>()), (Errata::ENCRYPTION_2, without.collect())];
        let shown = all.into_iter().filter(|(_, found)| !found.is_empty());
        shown.map(|(number, found)| Erratum { number, found }).collect()
    }
}

impl Dsl<'_> {
    /// The encrypted datasets, by their encryption roots.
    #[must_use]
    pub fn encryption_roots(&self) -> EncryptionRoots {
        let mut all = EncryptionRoots::default();
        let mut found = Vec::new();
        let mut sharing: BTreeMap<u64, u64> = BTreeMap::new();
        for dir in &self.datasets.dirs {
            match self.encryption(dir) {
                Ok(None) => (),
                Ok(Some(encryption)) => {
                    let count = sharing.entry(encryption.key).or_default();
                    *count = count.saturating_add(1);
                    found.push((dir, encryption));
                }
                Err(loss) => match self.key_object(dir.object).ok().flatten() {
                    Some(key) => all.unread.push(Unread { dir: dir.clone(), key, loss }),
                    None => all.losses.push((dir.name.clone(), loss)),
                },
            }
        }
        let mut states: BTreeMap<u64, Vec<&Dataset>> = BTreeMap::new();
        for state in &self.datasets.all {
            states.entry(state.dir.object).or_default().push(state);
        }
        let states = |dir: u64| states.get(&dir).map(Vec::as_slice).unwrap_or_default();
        // whether an object can be a root, and which it is
        let mut known: BTreeMap<u64, Result<usize, Rootless>> = BTreeMap::new();
        for (dir, encryption) in found {
            let object = encryption.root;
            let root = known.entry(object).or_insert_with(|| {
                let root = EncryptionRoot {
                    encryption: self.root_of(&encryption)?,
                    name: self.called(object),
                    object,
                    keylocation: self.keylocation(states(object), &mut all.losses),
                    datasets: Vec::new(),
                };
                all.roots.push(root);
                Ok(all.roots.len().saturating_sub(1))
            });
            let sharing = sharing.get(&encryption.key).copied().unwrap_or_default();
            let key = encryption.key;
            let set = self.encrypted(dir, encryption, sharing, states(dir.object), &mut all.losses);
            match root {
                Ok(n) => all.roots.get_mut(*n).map(|root| root.datasets.push(set)).unwrap_or_default(),
                Err(Rootless::Unnamed(_)) => all.without.push((set, Rootless::Unnamed(key))),
                Err(why) => all.without.push((set, why.clone())),
            }
        }
        all
    }

    /// The encryption of the root that is named.
    fn root_of(&self, of: &Encryption) -> Result<Encryption, Rootless> {
        let root = of.root;
        if root == 0 {
            return Err(Rootless::Unnamed(of.key));
        }
        let missing = |loss| Rootless::Missing { root, loss };
        let object = self.pool.mos.object(root).map_err(missing)?;
        dir::phys(&object).map_err(|_| Rootless::NoDirectory(root))?;
        let found = self.encryption_of(root).map_err(missing)?;
        let found = found.ok_or_else(|| Rootless::InClear(self.called(root)))?;
        match found.root == root {
            true => Ok(found),
            false => Err(Rootless::Heir { named: self.called(root), root: self.called(found.root) }),
        }
    }

    fn called(&self, dir: u64) -> String {
        self.name(dir).map_or_else(|| format!("object {dir}"), str::to_owned)
    }

    fn keylocation(&self, states: &[&Dataset], losses: &mut Vec<(String, Loss)>) -> Option<String> {
        let head = states.iter().find(|state| !state.is_snapshot())?;
        let found = self.property(head, "keylocation").unwrap_or_else(|loss| {
            losses.push((head.name.clone(), loss));
            None
        });
        found.map(|setting| setting.value.to_string())
    }

    fn encrypted(
        &self,
        dir: &Arc<Dir>,
        encryption: Encryption,
        sharing: u64,
        states: &[&Dataset],
        losses: &mut Vec<(String, Loss)>,
    ) -> Encrypted {
        let mut set = Encrypted {
            dir: dir.clone(),
            flaw: self.crypto_key(encryption.key).err(),
            origin: self.origin(dir).map(|origin| self.called(origin)),
            sharing,
            is_below_root: dir.upwards().any(|above| above.object == encryption.root),
            is_raw_received: false,
            snapshots: Vec::new(),
            encryption,
        };
        for state in states {
            let mut lost = |loss| losses.push((state.name.clone(), loss));
            let is_raw_received = self.is_raw_received(state).unwrap_or_else(|loss| {
                lost(loss);
                false
            });
            if ObjectId(state.object) == dir.phys.head_dataset_obj {
                set.is_raw_received = is_raw_received;
                continue;
            }
            match self.ivset_guid(state) {
                Ok(ivset_guid) => {
                    let name = state.name.clone();
                    set.snapshots.push(EncryptedSnapshot { name, ivset_guid, is_raw_received });
                }
                Err(loss) => lost(loss),
            }
        }
        set
    }
}
