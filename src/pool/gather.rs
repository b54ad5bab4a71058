//! Devices sorted by the pools that they belong to.
//!
//! Handbook: `docs/format/01-labels.md`, 1.8, and `docs/format/24-reader-recipes.md`, 24.1.

use std::collections::BTreeMap;

use super::member::Member;
use crate::device::Device;

/// What devices are found to be.
#[derive(Clone, Debug, Default)]
pub struct Gathering {
    /// Pools, by guid.
    pub pools: Vec<Devices>,
    /// Unused spares and cache devices: their labels do not say to which pool they belong.
    pub auxiliary: Vec<Member>,
    /// Devices with uberblocks, but without a readable configuration.
    pub nameless: Vec<Member>,
    /// Devices without any label.
    pub strangers: Vec<Device>,
}

/// The devices of one pool.
#[derive(Clone, Debug)]
pub struct Devices {
    /// Identity of the pool.
    pub guid: u64,
    /// What the newest label calls it.
    pub name: String,
    /// Its devices, in the order in which they were given.
    pub members: Vec<Member>,
}

impl Gathering {
    /// Reads the labels of all these devices.
    #[must_use]
    pub fn of(devices: Vec<Device>) -> Self {
        let mut all = Self::default();
        let mut pools: BTreeMap<u64, Vec<Member>> = BTreeMap::new();
        for device in devices {
            let members = members(device.clone());
            if members.is_empty() {
                all.strangers.push(device);
            }
            for member in members {
                match member.config() {
                    Some(config) if config.is_of_pool() => {
                        pools.entry(config.pool_guid.unwrap_or_default()).or_default().push(member);
                    }
                    Some(_) => all.auxiliary.push(member),
                    None => all.nameless.push(member),
                }
            }
        }
        all.pools = pools.into_iter().map(|(guid, members)| Devices::new(guid, members)).collect();
        all
    }
}

/// The device itself if it has labels, else those of its partitions that have.
fn members(device: Device) -> Vec<Member> {
    match Member::read(device.clone()) {
        Some(member) if member.config().is_some() => vec![member],
        whole => {
            let parts = device.partitions();
            let parts: Vec<_> = parts.iter().filter_map(|part| Member::read(device.part(part))).collect();
            if parts.is_empty() { whole.into_iter().collect() } else { parts }
        }
    }
}

impl Devices {
    fn new(guid: u64, members: Vec<Member>) -> Self {
        let newest = members.iter().flat_map(Member::configs).filter(|config| config.pool_guid == Some(guid));
        let name = newest.max_by_key(|config| config.txg).and_then(|config| config.name.clone());
        Self { guid, name: name.unwrap_or_default(), members }
    }
}
