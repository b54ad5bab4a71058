//! Short names of devices.

use std::collections::{BTreeSet, HashMap};

use zfsp::block::Store;
use zfsp::vdev::Top;

/// The file names of devices where they are unambiguous, else their whole names.
#[derive(Debug)]
pub(crate) struct Names {
    counts: HashMap<String, usize>,
}

impl Names {
    /// For these devices.
    pub(crate) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for name in names {
            let count = counts.entry(last(name).into()).or_default();
            *count = count.saturating_add(1);
        }
        Self { counts }
    }

    /// For the devices that blocks are read from.
    pub(crate) fn of_devices(store: &Store) -> Self {
        let leaves = store.vdevs.tops().flat_map(Top::leaves);
        let devices = leaves.filter_map(|leaf| leaf.device.as_ref());
        let names: BTreeSet<&str> = devices.map(|device| device.name()).collect();
        Self::of(names.into_iter())
    }

    /// What to call that device.
    pub(crate) fn short<'n>(&self, name: &'n str) -> &'n str {
        let short = last(name);
        if self.counts.get(short) == Some(&1) { short } else { name }
    }
}

/// The file name.
pub(crate) fn last(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
