//! From paths to a pool.

use std::path::PathBuf;

use zfsp::dataset::Datasets;
use zfsp::device;
use zfsp::objset::ObjectSet;
use zfsp::pool::{Gathering, Options, Pool};

use crate::common::exit::{Exit, Failure};

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
    warn: &mut dyn FnMut(String),
) -> Result<Pool, Failure> {
    let pool = Pool::open(gather(paths, warn)?, options)?;
    for trouble in &pool.troubles {
        warn(trouble.to_string());
    }
    Ok(pool)
}

/// An object set, and what it is called.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) set: ObjectSet,
}

/// What the meta object set is called.
pub(crate) const MOS: &str = "mos";

/// The object set of that name: `pool/a@snapshot`, `#54`, or `mos`.
pub(crate) fn object_set(pool: &Pool, name: &str) -> Result<Named, Failure> {
    if name.eq_ignore_ascii_case(MOS) {
        return Ok(Named { name: MOS.into(), set: pool.mos.clone() });
    }
    let datasets = Datasets::of(pool);
    match datasets.find(name) {
        Ok(dataset) => {
            let set = dataset.objset(pool).map_err(zfsp::error::Error::from)?;
            Ok(Named { name: dataset.name.clone(), set })
        }
        // names may be lost where the dataset is not
        Err(error) => match name.strip_prefix('#').and_then(|number| number.parse().ok()) {
            Some(number) => Ok(Named { name: name.into(), set: pool.objset(number)? }),
            None => Err(error.into()),
        },
    }
}
