//! Unlocking: which datasets a key opens, and why it does not open others.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use rayon::prelude::*;
use zfsp_grammar::dsl::crypto_key::KeyFormat;

use super::slip::{Slip, Variant, variants};
use super::{Keyring, UserKey};
use crate::crypt::{DataKey, Flaw, Refusal, Stretching, Unfit, WrappingKey};
use crate::dataset::{Dir, Dsl, Encryption};
use crate::pool::Pool;

/// What became of a key that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The dataset that it was given for.
    pub dataset: String,
    /// The datasets that it opens, by the names of their directories.
    pub opened: Vec<String>,
    /// Those of them that it opens although it is not the key of their encryption root. The kernel loads keys for roots:
    /// it cannot open them.
    pub alone: Vec<String>,
    /// Those that it should open, for it is the key of their encryption root, but neither it does nor another that was
    /// given. If it is no key at all, the one that it was given for.
    pub refused: Vec<(String, Refusal)>,
    /// Others of the same encryption root that a wrong key does not open either.
    pub heirs: Vec<String>,
    /// What it would have been good for, if it opens nothing.
    pub hint: Option<Hint>,
}

/// What is found out about a key that opens nothing of what it was given for. Says nothing of what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// Something is before, behind or around it, or it has another form.
    Slip(Slip),
    /// It is the key of these encryption roots.
    Elsewhere(Vec<String>),
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slip(slip) => slip.fmt(f),
            Self::Elsewhere(names) => write!(f, "but the key opens {}", names.join(", ")),
        }
    }
}

impl Pool {
    /// Opens the encrypted datasets whose keys these are, in addition to those that are open.
    pub fn unlock(&mut self, keys: &[UserKey]) -> Vec<Attempt> {
        let dsl = Dsl::of(&*self);
        let locks = Lock::all(&dsl);
        // stretching a passphrase takes its time
        let (mut attempts, found): (Vec<_>, Vec<_>) =
            keys.par_iter().map(|key| Trial { dsl: &dsl, locks: &locks, key }.run()).unzip();
        let keyring = Keyring::new(&self.store, found.into_iter().flatten());
        let opened: HashSet<String> = attempts.iter().flat_map(|attempt| attempt.opened.clone()).collect();
        for Attempt { dataset, refused, heirs, .. } in &mut attempts {
            refused.retain(|(name, _)| *name == *dataset || !opened.contains(name));
            heirs.retain(|name| !opened.contains(name));
        }
        let refused: HashSet<u64> = attempts.iter().flat_map(|attempt| attempt.dirs(&dsl)).collect();
        self.keyring.stores.extend(keyring.stores);
        self.keyring.refused.extend(refused);
        attempts
    }
}

impl Attempt {
    /// The directories that it should have opened, and did not.
    fn dirs(&self, dsl: &Dsl<'_>) -> Vec<u64> {
        let names = self.refused.iter().map(|(name, _)| name).chain(&self.heirs);
        names.filter_map(|name| Some(dsl.datasets.find(name).ok()?.dir.object)).collect()
    }
}

/// An encrypted directory.
struct Lock<'d> {
    dir: &'d Dir,
    encryption: Encryption,
}

impl<'d> Lock<'d> {
    fn all(dsl: &'d Dsl<'_>) -> Vec<Self> {
        let dirs = dsl.datasets.dirs.iter();
        dirs.filter_map(|dir| Some(Self { dir, encryption: dsl.encryption(dir).ok()?? })).collect()
    }
}

/// A key that is tried.
struct Trial<'t> {
    dsl: &'t Dsl<'t>,
    locks: &'t [Lock<'t>],
    key: &'t UserKey,
}

/// Keys by the MOS objects of the directories that they open.
type Opened = Vec<(u64, Arc<DataKey>)>;

impl Trial<'_> {
    fn run(&self) -> (Attempt, Opened) {
        let dataset = self.key.dataset.clone();
        let mut attempt = Attempt {
            dataset,
            opened: Vec::new(),
            alone: Vec::new(),
            refused: Vec::new(),
            heirs: Vec::new(),
            hint: None,
        };
        let opened = self.open(&mut attempt).unwrap_or_else(|refusal| {
            attempt.refused.push((self.key.dataset.clone(), refusal));
            Vec::new()
        });
        if opened.is_empty() {
            attempt.hint = self.hint();
        }
        (attempt, opened)
    }

    fn open(&self, attempt: &mut Attempt) -> Result<Opened, Refusal> {
        let set = self.dsl.datasets.find(&self.key.dataset);
        let dir = &set.map_err(|error| Refusal::Unknown(error.reason()))?.dir;
        let Some(named) = self.locks.iter().find(|lock| lock.dir.object == dir.object) else {
            return Err(match self.dsl.encryption(dir) {
                Ok(_) => Refusal::InClear,
                Err(loss) => {
                    let object = self.dsl.key_object(dir.object).ok().flatten().unwrap_or(dir.object);
                    Refusal::Damaged { object, flaw: Flaw::Lost(loss) }
                }
            });
        };
        let root = named.encryption.root;
        // what inherits a key does not always say how it is made
        let of_root = self.dsl.encryption_of(root).ok().flatten().unwrap_or_else(|| named.encryption.clone());
        let key = match self.wrapping(&of_root) {
            Ok(key) => key,
            Err(unfit) => {
                let keys = self.own(named, &of_root, unfit.into())?;
                let sharing = self.locks.iter().filter(|lock| lock.encryption.key == named.encryption.key);
                let opened = sharing.map(|lock| {
                    attempt.opened.push(lock.dir.name.clone());
                    (lock.dir.object, keys.clone())
                });
                let opened = opened.collect();
                attempt.alone.clone_from(&attempt.opened);
                return Ok(opened);
            }
        };
        let mut unwrapped: HashMap<u64, Result<Arc<DataKey>, Refusal>> = HashMap::new();
        let (mut opened, mut refused): (Opened, Vec<_>) = (Vec::new(), Vec::new());
        for lock in self.locks.iter().filter(|lock| lock.encryption.root == root) {
            let object = lock.encryption.key;
            let unwrap = || match self.dsl.crypto_key(object) {
                Ok(wrapped) => wrapped.unwrap(&key).map(Arc::new),
                Err(flaw) => Err(Refusal::Damaged { object, flaw }),
            };
            let found = unwrapped.entry(object).or_insert_with(unwrap).clone();
            // a key that was given for a dataset itself may be another than that of its root; clones share it
            let found = match found {
                Err(why) if object == named.encryption.key => {
                    let keys = self.own(lock, &of_root, why);
                    if keys.is_ok() {
                        attempt.alone.push(lock.dir.name.clone());
                    }
                    keys
                }
                found => found,
            };
            match found {
                Ok(keys) => {
                    attempt.opened.push(lock.dir.name.clone());
                    opened.push((lock.dir.object, keys));
                }
                Err(refusal) => refused.push((lock.dir.name.clone(), refusal)),
            }
        }
        let opens = |object| opened.iter().any(|(dir, _)| *dir == object);
        // if it is not of the root, it says nothing of the others
        if opens(dir.object) && !opens(root) {
            refused.retain(|(_, refusal)| !matches!(refusal, Refusal::Wrong(_)));
        }
        if opened.is_empty() {
            // all that is known of the others is that they inherit
            let is_wrong = |(_, refusal): &(String, Refusal)| matches!(refusal, Refusal::Wrong(_));
            let wrong = || refused.iter().filter(|one| is_wrong(one)).map(|(name, _)| name);
            let told = wrong().find(|name| **name == dir.name).or(wrong().next()).cloned();
            attempt.heirs = wrong().filter(|name| Some(*name) != told.as_ref()).cloned().collect();
            refused.retain(|one| !is_wrong(one) || Some(&one.0) == told.as_ref());
        }
        let witness = attempt.opened.first();
        attempt.refused = refused.into_iter().map(|(name, refusal)| (name, told(refusal, witness))).collect();
        Ok(opened)
    }

    /// Tries the key as the key object of the dataset itself says how it is made. A raw stream brings its sender's
    /// wrapping to a dataset that inherits another key by now: the kernel cannot open it any more.
    fn own(&self, lock: &Lock<'_>, of_root: &Encryption, why: Refusal) -> Result<Arc<DataKey>, Refusal> {
        let own = &lock.encryption;
        let is_other = own.format != KeyFormat::NONE
            && (own.format, own.stretching()) != (of_root.format, of_root.stretching());
        let Some(key) = is_other.then(|| self.wrapping(own).ok()).flatten() else { return Err(why) };
        let wrapped = self.dsl.crypto_key(own.key).ok();
        wrapped.and_then(|wrapped| wrapped.unwrap(&key).ok()).map(Arc::new).ok_or(why)
    }

    /// What the key is good for, other than what it was given for.
    fn hint(&self) -> Option<Hint> {
        let mut rounds = MOST_TRIED;
        let named = self.dsl.datasets.find(&self.key.dataset).ok().map(|set| set.dir.object);
        let named = self.locks.iter().find(|lock| Some(lock.dir.object) == named);
        let own = named.map(|named| named.encryption.root);
        if let Some(named) = named {
            let of_root = self.dsl.encryption_of(named.encryption.root).ok().flatten();
            let of_root = of_root.as_ref().unwrap_or(&named.encryption);
            let wrapped = self.dsl.crypto_key(named.encryption.key).ok()?;
            let mut opens = |Variant { format, secret, .. }: &Variant| {
                let stretching = affordable(*format, of_root, &mut rounds)?;
                wrapped.unwrap(&WrappingKey::of(*format, secret, stretching).ok()?).ok()
            };
            let all = variants(&self.key.secret, self.key.format, of_root.format);
            if let Some(fitting) = all.into_iter().find(|variant| opens(variant).is_some()) {
                return Some(Hint::Slip(fitting.slip));
            }
        }
        let mut roots: BTreeMap<u64, &Lock<'_>> = BTreeMap::new();
        for lock in self.locks.iter().filter(|lock| Some(lock.encryption.root) != own) {
            let of_root = roots.entry(lock.encryption.root).or_insert(lock);
            if lock.dir.object == lock.encryption.root {
                *of_root = lock;
            }
        }
        let opened = roots.into_values().filter(|lock| self.opens(lock, &mut rounds));
        let opened: Vec<String> = opened.map(|lock| lock.dir.name.clone()).collect();
        (!opened.is_empty()).then_some(Hint::Elsewhere(opened))
    }

    /// Whether the key is that of a dataset, as long as there are rounds left to try it.
    fn opens(&self, lock: &Lock<'_>, rounds: &mut u64) -> bool {
        let mut unwrapped = || {
            affordable(self.format(&lock.encryption), &lock.encryption, rounds)?;
            let key = self.wrapping(&lock.encryption).ok()?;
            self.dsl.crypto_key(lock.encryption.key).ok()?.unwrap(&key).ok()
        };
        unwrapped().is_some()
    }

    /// The wrapping key that the user's is, by what the key object of an encryption root says of it.
    fn wrapping(&self, root: &Encryption) -> Result<WrappingKey, Unfit> {
        WrappingKey::of(self.format(root), &self.key.secret, root.stretching())
    }

    fn format(&self, root: &Encryption) -> KeyFormat {
        match (self.key.format, root.format) {
            (Some(format), _) => format,
            (None, KeyFormat::NONE) => likely(&self.key.secret, root.stretching()),
            (None, format) => format,
        }
    }
}

/// Rounds of PBKDF2 that are spent on a key that was refused, to say what it is good for: some seconds.
const MOST_TRIED: u64 = 10_000_000;

/// How a key of that format is stretched, if there are rounds left for it.
fn affordable(format: KeyFormat, root: &Encryption, rounds: &mut u64) -> Option<Option<Stretching>> {
    let stretching = root.stretching();
    if let (KeyFormat::PASSPHRASE, Some(Stretching { iterations, .. })) = (format, stretching) {
        *rounds = rounds.checked_sub(iterations)?;
    }
    Some(stretching)
}

/// The format of a key where the pool does not say it.
fn likely(secret: &[u8], stretching: Option<Stretching>) -> KeyFormat {
    match (stretching, secret.len()) {
        (Some(_), _) => KeyFormat::PASSPHRASE,
        (None, 32) => KeyFormat::RAW,
        (None, _) => KeyFormat::HEX,
    }
}

/// A key that opens one dataset of a root is its key: then the others are to blame.
fn told(refusal: Refusal, witness: Option<&String>) -> Refusal {
    match (refusal, witness) {
        (Refusal::Wrong(object), Some(witness)) => Refusal::Altered { object, witness: witness.clone() },
        (refusal, _) => refusal,
    }
}
