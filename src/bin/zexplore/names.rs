//! Short names of devices.

use std::collections::HashMap;

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
