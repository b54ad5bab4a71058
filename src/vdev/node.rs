//! Vdevs whose every leaf holds the same bytes: a device, a mirror, a spare in use, a replacement under way.
//!
//! Handbook: `docs/format/20-vdevs-raidz.md`, 20.3, and `docs/format/21-draid.md`, 21.6.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use zfsp_grammar::label::DATA_AT;

use super::config::{VdevConfig, VdevKind};
use super::side::{Leaf, Side};
use super::tree::Parts;
use super::{Area, Children, Draid, Extent};

/// Where the scratch area of a RAID-Z expansion starts on a device: the boot region.
const SCRATCH_AT: u64 = 512 << 10;
/// Distributed spares on the way to one byte: a dRAID has no more of them.
const MOST_REDIRECTIONS: usize = 100;

/// A vdev whose every leaf holds the same bytes.
#[derive(Debug)]
pub(super) enum Node {
    /// A device.
    Leaf { leaf: Arc<Leaf>, missed: Missed },
    /// Any of these.
    AnyOf(Vec<Node>),
    /// Space on the other children of the dRAID.
    DistributedSpare(u64),
}

/// Transaction groups whose writes a device may lack.
#[derive(Clone, Debug, Default)]
pub struct Missed {
    /// As its dirty time log says, sorted.
    pub txgs: Vec<Range<u64>>,
    /// All that is older may be missing: a resilver was not finished.
    pub is_resilvering: bool,
    /// The device is no longer written to: what is newer is missing.
    pub is_away: bool,
}

impl Missed {
    fn contains(&self, txg: u64) -> bool {
        let is_any = txg == Extent::ANY_BIRTH && (self.is_away || !self.txgs.is_empty());
        is_any || self.is_resilvering || self.txgs.iter().any(|range| range.contains(&txg))
    }
}

impl Node {
    pub(super) fn new(config: &VdevConfig, parts: &dyn Parts) -> Self {
        match config.kind {
            VdevKind::Mirror | VdevKind::Replacing | VdevKind::Spare => {
                Self::AnyOf(config.children.iter().map(|child| Self::new(child, parts)).collect())
            }
            VdevKind::DistributedSpare => Self::DistributedSpare(config.spare_id.unwrap_or(u64::MAX)),
            _ => {
                let leaf = |leaf| Self::Leaf { leaf, missed: parts.missed(config) };
                Self::AnyOf(parts.leaves(config).into_iter().map(leaf).collect())
            }
        }
    }
    /// Every way to the byte at `offset`: first those that are known to have it.
    pub(super) fn sides(&self, offset: u64, area: Area, birth: u64) -> Vec<Side> {
        Below { nodes: &[], draid: None, birth }.of(self, offset, area)
    }
    /// Its devices, present or not.
    pub(super) fn leaves(&self) -> Vec<&Arc<Leaf>> {
        match self {
            Self::Leaf { leaf, .. } => vec![leaf],
            Self::AnyOf(nodes) => nodes.iter().flat_map(Node::leaves).collect(),
            Self::DistributedSpare(_) => Vec::new(),
        }
    }
}

/// The children of a striped vdev, for a block of some age.
pub(super) struct Below<'v> {
    pub(super) nodes: &'v [Node],
    /// Where distributed spares lead.
    pub(super) draid: Option<&'v Draid>,
    pub(super) birth: u64,
}

impl Below<'_> {
    fn of(&self, node: &Node, offset: u64, area: Area) -> Vec<Side> {
        let (mut sides, mut left) = (Vec::new(), MOST_REDIRECTIONS);
        self.collect(node, offset, area, &mut left, &mut sides);
        sides.sort_by_key(|side| !side.is_current);
        // a configuration may name a device as often as it likes: it is asked once
        if sides.len() > 1 {
            let mut asked = HashSet::new();
            sides.retain(|side| asked.insert((Arc::as_ptr(&side.leaf), side.at)));
        }
        sides
    }
    fn collect(&self, node: &Node, offset: u64, area: Area, left: &mut usize, sides: &mut Vec<Side>) {
        match node {
            Node::Leaf { leaf, missed } => {
                let start = match area {
                    Area::Data => DATA_AT,
                    Area::Scratch => SCRATCH_AT,
                };
                // an offset that leaves all devices is refused by the device
                let at = offset.saturating_add(start);
                // what has no label may be another one
                let is_current = leaf.guid != 0 && !missed.contains(self.birth);
                sides.push(Side { leaf: leaf.clone(), at, is_current });
            }
            Node::AnyOf(nodes) => nodes.iter().for_each(|node| self.collect(node, offset, area, left, sides)),
            Node::DistributedSpare(spare) => {
                let child = self.draid.and_then(|draid| draid.spare(*spare, offset));
                if let (Some(node), Some(rest)) =
                    (child.and_then(|child| self.nodes.get(child)), left.checked_sub(1))
                {
                    *left = rest;
                    self.collect(node, offset, area, left, sides);
                }
            }
        }
    }
}

impl Children for Below<'_> {
    fn sides(&self, n: usize, offset: u64, area: Area) -> Vec<Side> {
        self.nodes.get(n).map(|node| self.of(node, offset, area)).unwrap_or_default()
    }
}
