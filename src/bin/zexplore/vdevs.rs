//! Vdevs as people call them, with their devices.

use serde::Serialize;
use zfsp::device::Device;
use zfsp::pool::{self, Member, Pool};
use zfsp::vdev::config::{VdevConfig, VdevKind};

use crate::names::Names;
use crate::style::{BAD, size};
use crate::table::{Align, Cell, Table};

/// A vdev, and what of it is there.
#[derive(Debug, Serialize)]
pub(crate) struct VdevFacts {
    /// `mirror-0`
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) id: u64,
    pub(crate) guid: u64,
    /// Where the device was last seen.
    pub(crate) path: Option<String>,
    pub(crate) asize: Option<u64>,
    pub(crate) ashift: Option<u64>,
    /// Parity columns of a striped vdev.
    pub(crate) nparity: Option<u64>,
    /// Data columns of a striped vdev.
    pub(crate) ndata: Option<u64>,
    /// What a top-level vdev is for: `normal`, `log`, `special`, `dedup`.
    pub(crate) class: Option<String>,
    pub(crate) states: Vec<String>,
    /// Devices that were given for it: more than one if there are copies.
    pub(crate) devices: Vec<DeviceFacts>,
    pub(crate) is_missing: bool,
    /// Bytes that a device has at least.
    pub(crate) needed_size: Option<u64>,
    /// Devices that may still be lost before data are; below 0: too many are.
    pub(crate) redundancy: Option<i64>,
    pub(crate) children: Vec<VdevFacts>,
}

/// A device that was given.
#[derive(Debug, Serialize)]
pub(crate) struct DeviceFacts {
    pub(crate) name: String,
    pub(crate) size: u64,
    /// In which its newest label was written.
    pub(crate) label_txg: Option<u64>,
    pub(crate) is_cut_short: bool,
}

/// Devices with labels, and those that are known by their uberblocks only.
type Given<'g> = (&'g [Member], &'g [Member]);

impl VdevFacts {
    /// The root with all below, as `config` describes them; the pool tells what each is for.
    pub(crate) fn of(config: &VdevConfig, (members, nameless): Given<'_>, pool: Option<&Pool>) -> Self {
        let mut root = Self::nested(config, (members, nameless), None);
        for (facts, top) in root.children.iter_mut().zip(&config.children) {
            facts.class = class(top, pool);
            facts.mark_stale(facts.newest_label());
            facts.count_redundancy(top);
        }
        root
    }

    fn nested(config: &VdevConfig, (members, nameless): Given<'_>, needed: Option<u64>) -> Self {
        let is_leaf = matches!(config.kind, VdevKind::Disk | VdevKind::File);
        let leaves = if is_leaf { pool::leaves(members, nameless, config) } else { Vec::new() };
        let needed = config.leaf_size().or(needed);
        let given = (members, nameless);
        let children = config.children.iter().map(|child| Self::nested(child, given, needed)).collect();
        let device = |device: &Device| {
            let labels = members.iter().find(|member| member.device.name() == device.name());
            DeviceFacts {
                name: device.name().into(),
                size: device.len(),
                label_txg: labels.and_then(|labels| Some(labels.config()?.txg)),
                is_cut_short: needed.is_some_and(|needed| device.len() < needed) || device.loss().is_some(),
            }
        };
        let devices: Vec<DeviceFacts> =
            leaves.iter().filter_map(|leaf| leaf.device.as_ref()).map(device).collect();
        let mut states: Vec<String> = remarks(config).into_iter().map(str::to_owned).collect();
        if devices.iter().any(|device| device.is_cut_short) {
            states.push("cut short".into());
        }
        if leaves.iter().any(|leaf| leaf.device.is_some() && leaf.guid == 0) {
            states.push("no label: taken for it".into());
        }
        let is_missing = is_leaf && devices.is_empty() || config.kind == VdevKind::Missing;
        Self {
            name: title(config),
            kind: config.kind.to_string(),
            id: config.id,
            guid: config.guid,
            path: config.path.clone(),
            asize: config.asize,
            ashift: config.ashift,
            nparity: config.nparity.filter(|_| is_striped(config)),
            ndata: data_columns(config),
            class: None,
            states,
            devices,
            is_missing,
            needed_size: if is_leaf || is_missing { needed } else { None },
            redundancy: None,
            children,
        }
    }

    fn newest_label(&self) -> Option<u64> {
        let devices = self.walk().into_iter().flat_map(|(_, vdev)| &vdev.devices);
        devices.filter_map(|device| device.label_txg).max()
    }

    /// Devices that were away when the others got their labels.
    fn mark_stale(&mut self, newest: Option<u64>) {
        for device in &self.devices {
            if let Some(txg) = device.label_txg.filter(|txg| Some(*txg) < newest) {
                self.states.push(format!("stale: its labels are of txg {txg}"));
            }
        }
        self.children.iter_mut().for_each(|child| child.mark_stale(newest));
    }

    fn count_redundancy(&mut self, config: &VdevConfig) {
        for (child, config) in self.children.iter_mut().zip(&config.children) {
            child.count_redundancy(config);
        }
        self.redundancy = self.redundancy(&config.kind);
    }

    fn redundancy(&self, kind: &VdevKind) -> Option<i64> {
        let present = || self.children.iter().filter(|child| child.redundancy.is_some_and(|left| left >= 0));
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        match kind {
            VdevKind::Disk | VdevKind::File => Some(if self.is_missing { -1 } else { 0 }),
            VdevKind::Missing => Some(-1),
            VdevKind::Mirror | VdevKind::Replacing | VdevKind::Spare => {
                let left: i64 = present().filter(|child| !child.is_weak()).fold(0, |sum: i64, child| {
                    sum.saturating_add(child.redundancy.unwrap_or_default()).saturating_add(1)
                });
                // the last resort is still one
                Some(left.max(count(present().count()).min(1)).saturating_sub(1))
            }
            VdevKind::Raidz | VdevKind::Draid => {
                let lost = self.children.len().saturating_sub(present().count());
                let parity = i64::try_from(self.nparity.unwrap_or(1)).unwrap_or_default();
                let left = parity.saturating_sub(count(lost));
                let weak = count(present().filter(|child| child.is_weak()).count());
                Some(if left < 0 { left } else { left.saturating_sub(weak).max(0) })
            }
            VdevKind::DistributedSpare => Some(0),
            _ => None,
        }
    }

    /// True for what is being filled, or was set aside: it may lack something.
    pub(crate) fn is_weak(&self) -> bool {
        self.states.iter().any(|state| state != "is_spare")
    }

    /// This one and all below, with how deep each is.
    pub(crate) fn walk(&self) -> Vec<(usize, &Self)> {
        walk(self, |vdev| &vdev.children)
    }

    /// Its devices that have lost their end, in words.
    pub(crate) fn cut_short(&self) -> impl Iterator<Item = String> {
        self.devices.iter().filter(|device| device.is_cut_short).map(|device| {
            let needed = self.needed_size.map(|needed| format!(" of {} or more", size(needed)));
            format!("{} is cut short: {}{}", device.name, size(device.size), needed.unwrap_or_default())
        })
    }

    /// What is missing, in words: what to look for.
    pub(crate) fn wanted(&self) -> String {
        let mut text = String::from("missing");
        if let Some(path) = &self.path {
            text.push_str(&format!(": last {path}"));
        }
        if let Some(needed) = self.needed_size {
            text.push_str(&format!(", {} or more", size(needed)));
        }
        text
    }
}

/// A vdev and all below, with how deep each is.
pub(crate) fn walk<V>(root: &V, children: fn(&V) -> &[V]) -> Vec<(usize, &V)> {
    let mut all = Vec::new();
    let mut stack = vec![(0usize, root)];
    while let Some((depth, vdev)) = stack.pop() {
        all.push((depth, vdev));
        stack.extend(children(vdev).iter().rev().map(|child| (depth.saturating_add(1), child)));
    }
    all
}

/// The vdevs below the root, a row each.
pub(crate) fn table(root: &VdevFacts) -> Table {
    let walk = root.walk();
    let names = Names::of(walk.iter().flat_map(|(_, vdev)| &vdev.devices).map(|device| device.name.as_str()));
    let heads = [
        ("vdev", Align::Left),
        ("guid", Align::Right),
        ("size", Align::Right),
        ("ashift", Align::Right),
        ("class", Align::Left),
        ("state", Align::Left),
        ("device", Align::Left),
    ];
    let mut table = Table::new(&heads).indented(2);
    for (depth, vdev) in walk.into_iter().filter(|(depth, _)| *depth > 0) {
        let devices: Vec<&str> = vdev.devices.iter().map(|device| names.short(&device.name)).collect();
        let indent = depth.saturating_sub(1).saturating_mul(2);
        table.row([
            format!("{:indent$}{}", "", vdev.name).into(),
            if vdev.guid == 0 { String::new() } else { vdev.guid.to_string() }.into(),
            vdev.asize.filter(|asize| *asize > 0).map(size).unwrap_or_default().into(),
            vdev.ashift.filter(|shift| *shift > 0).map(|shift| shift.to_string()).unwrap_or_default().into(),
            vdev.class.as_deref().filter(|class| *class != "normal").unwrap_or_default().into(),
            vdev.states.join(", ").into(),
            if vdev.is_missing { Cell::styled(BAD, vdev.wanted()) } else { devices.join(", ").into() },
        ]);
    }
    table
}

/// `mirror-0`, `raidz2-1`, `draid1:4d:8c:1s-0`, `file-0`.
pub(crate) fn title(vdev: &VdevConfig) -> String {
    let VdevConfig { kind, id, .. } = vdev;
    let parity = vdev.nparity.unwrap_or_default();
    match (kind, &vdev.draid) {
        (VdevKind::Root, _) => "root".into(),
        (VdevKind::Raidz, _) => format!("raidz{parity}-{id}"),
        (VdevKind::Draid, Some(draid)) => {
            let (data, spares) = (draid.ndata, draid.nspares);
            format!("draid{parity}:{data}d:{}c:{spares}s-{id}", vdev.children.len())
        }
        _ => format!("{kind}-{id}"),
    }
}

fn is_striped(vdev: &VdevConfig) -> bool {
    matches!(vdev.kind, VdevKind::Raidz | VdevKind::Draid)
}

fn data_columns(vdev: &VdevConfig) -> Option<u64> {
    let children = u64::try_from(vdev.children.len()).unwrap_or(u64::MAX);
    match (&vdev.kind, vdev.draid) {
        (VdevKind::Draid, Some(draid)) => Some(draid.ndata),
        (VdevKind::Raidz, _) => children.checked_sub(vdev.nparity.unwrap_or(1)),
        _ => None,
    }
}

/// What is going on with a vdev, and what is held against it.
pub(crate) fn remarks(vdev: &VdevConfig) -> Vec<&'static str> {
    let flags = [
        (vdev.is_removing, "removing"),
        (vdev.is_expanding, "expanding"),
        (vdev.is_resilvering, "resilvering"),
    ];
    let flags = flags.into_iter().filter_map(|(is_set, flag)| is_set.then_some(flag));
    flags.chain(vdev.states.iter().copied()).collect()
}

/// What a top-level vdev is for.
fn class(top: &VdevConfig, pool: Option<&Pool>) -> Option<String> {
    if top.is_log {
        return Some("log".into());
    }
    match top.kind {
        VdevKind::Hole | VdevKind::Missing | VdevKind::Indirect => None,
        _ => Some(pool?.allocation_bias(top).unwrap_or_else(|| "normal".into())),
    }
}
