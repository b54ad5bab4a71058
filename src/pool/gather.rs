//! Devices sorted by the pools that they belong to.
//!
//! Handbook: `docs/format/01-labels.md`, 1.8, and `docs/format/24-reader-recipes.md`, 24.1.

use std::collections::{BTreeMap, HashSet};

use super::member::Member;
use crate::device::Device;
use crate::error::{Error, Result};

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
    /// Devices without a readable configuration whose uberblocks are of this pool: which of its leaves they are is not
    /// known.
    pub nameless: Vec<Member>,
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
        let nameless = std::mem::take(&mut all.nameless);
        for member in nameless {
            let home = all.pools.iter_mut().find(|pool| pool.counts(&member));
            home.map_or(&mut all.nameless, |pool| &mut pool.nameless).push(member);
        }
        all
    }

    /// The devices of the pool called `wanted`, by name or guid; without one, of the only pool there is.
    ///
    /// # Errors
    /// If there is no such pool, or several.
    pub fn choose(self, wanted: Option<&str>) -> Result<Devices> {
        let names = |pools: &[Devices]| {
            let names: Vec<String> =
                pools.iter().map(|pool| format!("{} ({})", pool.name, pool.guid)).collect();
            names.join(", ")
        };
        let mut pools = self.pools;
        let all = names(&pools);
        if let Some(wanted) = wanted {
            pools.retain(|pool| pool.name == wanted || pool.guid.to_string() == wanted);
        }
        match (pools.len(), wanted) {
            (1, _) => {}
            (0, Some(wanted)) if !all.is_empty() => {
                return Err(Error::not_found(format!("no pool '{wanted}': there are {all}")));
            }
            (0, _) => {
                let seen = self.strangers.len().saturating_add(self.nameless.len());
                let aux = self.auxiliary.len();
                let aux = if aux == 0 { String::new() } else { format!(", {aux} spare or cache devices") };
                return Err(Error::not_found(format!(
                    "no pool found: {seen} devices without a readable label{aux}"
                )));
            }
            (_, _) => {
                let all = names(&pools);
                return Err(Error::not_found(format!(
                    "several pools: {all}; say which one with --pool NAME or GUID"
                )));
            }
        }
        pools.pop().ok_or_else(|| Error::not_found("no pool found".into()))
    }
}

/// The device itself or those of its partitions that have labels, whichever has more of them: at the end of a disk that
/// is partitioned now, labels may be left from a time when it was used whole.
fn members(device: Device) -> Vec<Member> {
    let parts = device.partitions();
    let parts: Vec<_> = parts.iter().filter_map(|part| Member::read(device.part(part))).collect();
    let good = |member: &Member| member.configs().count();
    let of_parts = parts.iter().map(good).max().unwrap_or_default();
    match Member::read(device) {
        Some(whole) if parts.is_empty() || good(&whole) > of_parts => vec![whole],
        _ => parts,
    }
}

impl Devices {
    fn new(guid: u64, members: Vec<Member>) -> Self {
        let newest = members.iter().flat_map(Member::configs).filter(|config| config.pool_guid == Some(guid));
        let name = newest.max_by_key(|config| config.txg).and_then(|config| config.name.clone());
        Self { guid, name: name.unwrap_or_default(), members, nameless: Vec::new() }
    }

    /// Whether the uberblocks of a device without configuration are of this pool: they sum up the same vdevs.
    fn counts(&self, stranger: &Member) -> bool {
        let sums: HashSet<u64> =
            self.members.iter().flat_map(Member::uberblocks).map(|u| u.guid_sum.0).collect();
        stranger.uberblocks().any(|uberblock| sums.contains(&uberblock.guid_sum.0))
    }
}
