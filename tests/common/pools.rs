//! Fixture pools, opened and verified by the library.

use std::sync::Mutex;

use zfsp::device::Device;
use zfsp::keyring::UserKey;
use zfsp::pool::{Gathering, Options, Pool};
use zfsp::verify::{Depth, Finding, Report, Verification};

use super::{Fixture, unpacked};

impl Fixture {
    /// Its devices, by name.
    pub(crate) fn devices(&self) -> Vec<Device> {
        self.images().iter().map(|image| Device::open(&unpacked(image)).unwrap()).collect()
    }
    /// Its pool, from all of its devices.
    pub(crate) fn pool(&self) -> Pool {
        open(self.devices()).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
    /// With every encrypted dataset open.
    pub(crate) fn unlocked(&self) -> Pool {
        let mut pool = self.pool();
        if let Some(keys) = self.text("keys.json") {
            for attempt in pool.unlock(&UserKey::of_json(keys.as_bytes()).unwrap()) {
                assert!(attempt.refused.is_empty() && !attempt.opened.is_empty(), "{attempt:?}");
            }
        }
        pool
    }
    /// Blocks that are lost for ever, as NOTES says.
    pub(crate) fn damaged_blocks(&self) -> u64 {
        let notes = self.text("NOTES").unwrap();
        u64::from(notes.contains("One damaged data block"))
    }
}

/// The one pool on these devices, in its newest state.
pub(crate) fn open(devices: Vec<Device>) -> zfsp::error::Result<Pool> {
    Pool::open(Gathering::of(devices), &Options::default())
}

/// What verification came to, and all that it found.
pub(crate) fn verify(pool: &Pool, depth: Depth) -> (Report, Vec<Finding>) {
    let findings = Mutex::default();
    let found = |finding: &Finding| {
        let mut findings: std::sync::MutexGuard<'_, Vec<Finding>> = findings.lock().unwrap();
        findings.push(finding.clone());
    };
    let report = Verification::new(pool, depth, &found).run();
    (report, findings.into_inner().unwrap())
}
