//! From paths to a pool.

use std::path::PathBuf;

use zfsp::dataset::{Dataset, Datasets, Dsl};
use zfsp::device;
use zfsp::error::NeededKey;
use zfsp::keyring::{Attempt, UserKey};
use zfsp::object::Loss;
use zfsp::objset::ObjectSet;
use zfsp::pool::{Gathering, Options, Pool};

use crate::common::exit::{Exit, Failure};
use crate::common::output::plain;

/// The devices that the paths lead to, sorted by pools.
pub(crate) fn gather(paths: &[PathBuf], warn: &mut dyn FnMut(String)) -> Result<Gathering, Failure> {
    if paths.is_empty() {
        let what = "no devices: name images, disks or folders of them with -p PATH";
        return Err(Failure(Exit::Usage, what.into()));
    }
    let found = device::find(paths);
    for error in &found.errors {
        warn(error.to_string());
    }
    if found.devices.is_empty() {
        return Err(Failure(Exit::Nothing, "no image and no disk could be opened".into()));
    }
    for loss in found.devices.iter().filter_map(device::Device::loss) {
        warn(loss.to_string());
    }
    Ok(Gathering::of(found.devices))
}

/// The pool that is meant, in the state that is meant. Its troubles are warnings.
pub(crate) fn open(
    paths: &[PathBuf],
    options: &Options,
    keys: &[UserKey],
    warn: &mut dyn FnMut(String),
) -> Result<Pool, Failure> {
    let mut pool = Pool::open(gather(paths, warn)?, options)?;
    for trouble in &pool.troubles {
        warn(trouble.to_string());
    }
    for attempt in unlock(&mut pool, keys, warn) {
        refusals(&attempt).for_each(&mut *warn);
    }
    Ok(pool)
}

/// Feature of pools with encrypted datasets.
const ENCRYPTION: &str = "com.datto:encryption";

/// Opens the datasets of that pool whose keys were given. What became of each key is told.
pub(crate) fn unlock(pool: &mut Pool, keys: &[UserKey], warn: &mut dyn FnMut(String)) -> Vec<Attempt> {
    // a file may hold the keys of several pools; #N is a dataset of any
    let is_meant = |key: &&UserKey| {
        key.dataset.starts_with('#') || key.dataset.split(['/', '@']).next() == Some(&pool.name)
    };
    let meant: Vec<UserKey> = keys.iter().filter(is_meant).cloned().collect();
    if meant.is_empty() && !keys.is_empty() && pool.uses_feature(ENCRYPTION) {
        let name = plain(&pool.name);
        warn(format!("no key was given for pool {name}: keys are for datasets, by their whole names"));
    }
    if meant.is_empty() { Vec::new() } else { pool.unlock(&meant) }
}

/// What a key does not open, and why; what else it may be good for.
pub(crate) fn refusals(attempt: &Attempt) -> impl Iterator<Item = String> {
    let refused = attempt.refused.iter().map(|(name, refusal)| format!("{name}: {refusal}"));
    let heirs = heirs(attempt).into_iter().map(|heirs| format!("{}: {heirs}", attempt.dataset));
    let refused = refused.chain(heirs);
    refused.chain(attempt.hint.iter().map(|hint| format!("{}: {hint}", attempt.dataset)))
}

/// How many others a wrong key does not open.
pub(crate) fn heirs(attempt: &Attempt) -> Option<String> {
    match attempt.heirs.len() {
        0 => None,
        1 => Some("another dataset has the same encryption root, and stays locked as well".into()),
        n => Some(format!("{n} other datasets have the same encryption root, and stay locked as well")),
    }
}

/// An object set, and what it is called.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) set: ObjectSet,
    /// Whose key opens it, if it is locked.
    pub(crate) needs: Option<NeededKey>,
}

impl Named {
    /// The meta object set.
    pub(crate) fn mos(pool: &Pool) -> Self {
        Self { name: MOS.into(), set: pool.mos.clone(), needs: None }
    }

    /// That of a dataset.
    pub(crate) fn of(pool: &Pool, dataset: &Dataset) -> Result<Self, Loss> {
        let set = dataset.objset(pool)?;
        let needs = set.is_locked().then(|| Dsl::of(pool).needed_key(dataset));
        Ok(Self { name: dataset.name.clone(), set, needs })
    }
}

/// What the meta object set is called.
pub(crate) const MOS: &str = "mos";

/// The object set of that name: `pool/a@snapshot`, `#54`, or `mos`.
pub(crate) fn object_set(pool: &Pool, name: &str) -> Result<Named, Failure> {
    if name.eq_ignore_ascii_case(MOS) {
        return Ok(Named::mos(pool));
    }
    let datasets = Datasets::of(pool);
    match datasets.find(name) {
        Ok(dataset) => Ok(Named::of(pool, dataset).map_err(zfsp::error::Error::from)?),
        // names may be lost where the dataset is not
        Err(error) => match name.strip_prefix('#').and_then(|number| number.parse().ok()) {
            Some(number) => Ok(Named { name: name.into(), set: pool.objset(number)?, needs: None }),
            None => Err(error.into()),
        },
    }
}
