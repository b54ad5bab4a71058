//! The vdevs of a pool with their devices, and how a read goes down through them.
//!
//! Handbook: `docs/format/20-vdevs-raidz.md`, 20.3.

use std::collections::BTreeMap;
use std::sync::Arc;

use zfsp_grammar::indirect_mapping::MappingEntry;

use super::config::{VdevConfig, VdevKind};
use super::node::{Below, Missed, Node};
use super::side::{Fault, FaultKind, Leaf, Side};
use super::{Area, Draid, Extent, Judge, Layout, Piece, Proven, Raidz, Reflow, striped};
use crate::error::{Error, Result};
use crate::memory;

/// The top-level vdevs of a pool, by the number that DVAs call them.
#[derive(Debug, Default)]
pub struct Vdevs {
    tops: Vec<Top>,
}

/// A top-level vdev.
#[derive(Debug)]
pub struct Top {
    /// What the configuration says.
    pub config: VdevConfig,
    way: Way,
}

/// How a top-level vdev serves a read.
#[derive(Debug)]
pub(super) enum Way {
    /// Every side holds all.
    Plain(Node),
    /// In columns on its children.
    Striped(Stripes, Vec<Node>),
    /// Elsewhere.
    Indirect(Vec<MappingEntry>),
    /// Not at all, and why.
    None(String),
}

/// How a block is laid out over the children.
#[derive(Debug)]
pub(super) enum Stripes {
    Raidz(Raidz),
    Draid(Draid),
}

impl Stripes {
    pub(super) fn layout(&self, extent: &Extent) -> Result<Layout> {
        match self {
            Self::Raidz(raidz) => raidz.layout(extent),
            Self::Draid(draid) => draid.layout(extent),
        }
    }
    pub(super) fn below<'v>(&'v self, nodes: &'v [Node], extent: &Extent) -> Below<'v> {
        let draid = match self {
            Self::Raidz(_) => None,
            Self::Draid(draid) => Some(draid),
        };
        Below { nodes, draid, birth: extent.birth }
    }
}

/// What the tree is built of besides its configuration.
pub trait Parts {
    /// The device of that leaf; several if there are copies of it, one without bytes if it is missing.
    fn leaves(&self, config: &VdevConfig) -> Vec<Arc<Leaf>>;
    /// What that leaf may lack.
    fn missed(&self, config: &VdevConfig) -> Missed;
    /// How far the expansion of a RAID-Z has come, as the newest uberblock says it.
    fn reflow(&self) -> Reflow;
    /// The mapping of a removed vdev; `None` if it was not read.
    fn mapping(&self, config: &VdevConfig) -> Option<Vec<MappingEntry>>;
}

impl Vdevs {
    /// The tree of these top-level vdevs.
    #[must_use]
    pub fn new(tops: &BTreeMap<u32, VdevConfig>, parts: &dyn Parts) -> Self {
        let count = tops.keys().next_back().map_or(0, |last| last.saturating_add(1));
        let top = |id| match tops.get(&id) {
            Some(config) => Top::new(config.clone(), parts),
            None => Top {
                config: VdevConfig { id: id.into(), ..VdevConfig::default() },
                way: Way::None("missing".into()),
            },
        };
        Self { tops: (0..count).map(top).collect() }
    }
    /// All of them.
    pub fn tops(&self) -> impl Iterator<Item = &Top> {
        self.tops.iter()
    }
    /// Vdev `id`, if there is a place for it.
    #[must_use]
    pub fn top(&self, id: u32) -> Option<&Top> {
        self.tops.get(usize::try_from(id).ok()?)
    }
    /// How vdev `id` serves a read.
    pub(super) fn way(&self, id: u32) -> Option<&Way> {
        self.top(id).map(|top| &top.way)
    }
    /// Every way to a byte of a vdev whose leaves all hold the same, best first. None for striped vdevs.
    pub(super) fn sides(&self, id: u32, offset: u64, birth: u64) -> Vec<Side> {
        match self.top(id).map(|top| &top.way) {
            Some(Way::Plain(node)) => node.sides(offset, Area::Data, birth),
            _ => Vec::new(),
        }
    }
    /// The bytes of a block that `judge` takes. What failed or lied on the way is added to `faults`.
    pub fn read(
        &self,
        id: u32,
        extent: &Extent,
        judge: &Judge<'_>,
        faults: &mut Vec<Fault>,
    ) -> Option<Vec<u8>> {
        if self.mapping(id).is_none() {
            return self.read_concrete(id, extent, judge, faults);
        }
        match self.mapped(id, extent) {
            Ok(pieces) => self.read_pieces(extent, &pieces, judge, faults),
            Err(why) => {
                faults.push(fault(id, extent, why));
                None
            }
        }
    }
    /// Where an extent of a removed vdev lies now. Mappings count whole sectors.
    pub(super) fn mapped(&self, id: u32, extent: &Extent) -> Result<Vec<Piece>, String> {
        let sector = self.top(id).map_or(1, Top::sector);
        let size = extent.size.checked_next_multiple_of(sector).unwrap_or(extent.size);
        self.pieces(id, extent.offset, size)
    }
    /// What is wrong with any copy that the vdev holds of a block whose bytes are known.
    pub fn scrub(&self, id: u32, extent: &Extent, bytes: &[u8], proven: Proven, faults: &mut Vec<Fault>) {
        if self.mapping(id).is_none() {
            return self.scrub_concrete(id, extent, bytes, proven, faults);
        }
        match self.mapped(id, extent) {
            Ok(pieces) => self.scrub_pieces(extent.birth, &pieces, bytes, faults),
            Err(why) => faults.push(fault(id, extent, why)),
        }
    }
    /// The same for a vdev that was not removed.
    pub(super) fn scrub_concrete(
        &self,
        id: u32,
        extent: &Extent,
        bytes: &[u8],
        proven: Proven,
        faults: &mut Vec<Fault>,
    ) {
        match self.top(id).map(|top| &top.way) {
            Some(Way::Plain(node)) => {
                let sides = node.sides(extent.offset, Area::Data, extent.birth);
                let left = sides.get(usize::from(proven == Proven::First)..);
                all(left.unwrap_or_default(), bytes, faults);
            }
            Some(Way::Striped(stripes, nodes)) => match stripes.layout(extent) {
                Ok(layout) => {
                    striped::scrub(&layout, &stripes.below(nodes, extent), bytes, proven, faults);
                }
                Err(error) => faults.push(fault(id, extent, error.reason())),
            },
            Some(Way::Indirect(_)) => {}
            Some(Way::None(why)) => faults.push(fault(id, extent, why.clone())),
            None => faults.push(fault(id, extent, "no such vdev".into())),
        }
    }
    /// Reads from a vdev that was not removed.
    pub(super) fn read_concrete(
        &self,
        id: u32,
        extent: &Extent,
        judge: &Judge<'_>,
        faults: &mut Vec<Fault>,
    ) -> Option<Vec<u8>> {
        match self.top(id).map(|top| &top.way) {
            Some(Way::Plain(node)) => {
                any(&node.sides(extent.offset, Area::Data, extent.birth), extent, judge, faults)
            }
            Some(Way::Striped(stripes, nodes)) => match stripes.layout(extent) {
                Ok(layout) => {
                    let below = stripes.below(nodes, extent);
                    striped::read(&layout, &below, extent.size, judge, faults)
                }
                Err(error) => {
                    faults.push(fault(id, extent, error.reason()));
                    None
                }
            },
            Some(Way::Indirect(_)) => None,
            Some(Way::None(why)) => {
                faults.push(fault(id, extent, why.clone()));
                None
            }
            None => {
                faults.push(fault(id, extent, "no such vdev".into()));
                None
            }
        }
    }
}

/// How the blocks of a RAID-Z or dRAID lie.
fn stripes(config: &VdevConfig, parts: &dyn Parts) -> Result<Stripes> {
    if let Some(draid) = config.draid {
        return Draid::new(draid).map(Stripes::Draid);
    }
    let missing = |key| Error::corrupt(format!("{} without {key}", config.kind));
    let nparity = config.nparity.ok_or_else(|| missing("nparity"))?;
    let ashift = config.ashift.ok_or_else(|| missing("ashift"))?;
    if config.kind == VdevKind::Draid {
        return Err(missing("draid_ndata"));
    }
    let reflow = config.is_expanding.then(|| parts.reflow());
    let raidz = Raidz::new(config.children.len(), nparity, ashift, config.expand_txgs.clone(), reflow);
    raidz.map(Stripes::Raidz)
}

/// A vdev as a whole does not give an extent.
pub(super) fn fault(id: u32, extent: &Extent, why: String) -> Fault {
    let len = u64::try_from(extent.size).unwrap_or(u64::MAX);
    Fault { leaf: format!("vdev {id}").into(), at: extent.offset, len, kind: FaultKind::Unreadable(why) }
}

/// The first side whose bytes are right.
fn any(sides: &[Side], extent: &Extent, judge: &Judge<'_>, faults: &mut Vec<Fault>) -> Option<Vec<u8>> {
    let len = u64::try_from(extent.size).unwrap_or(u64::MAX);
    let mut bytes = memory::buffer(extent.size);
    // what is missing is known without asking: the block has that much less to fall back on
    let absent = sides.iter().filter(|side| !side.is_present());
    faults.extend(absent.map(|side| Fault::new(side, len, FaultKind::Missing)));
    for side in sides.iter().filter(|side| side.is_present()) {
        match side.read_into(&mut bytes) {
            Ok(()) if judge(&bytes) => return Some(bytes),
            Ok(()) => faults.push(Fault::new(side, len, FaultKind::Wrong)),
            Err(error) => faults.push(Fault::unreadable(side, len, &error)),
        }
    }
    memory::recycle(bytes);
    None
}

/// Compares every side with the right bytes.
fn all(sides: &[Side], bytes: &[u8], faults: &mut Vec<Fault>) {
    let len = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let mut found = memory::buffer(bytes.len());
    for side in sides {
        match side.read_into(&mut found) {
            Ok(()) if found == bytes => {}
            Ok(()) => faults.push(Fault::new(side, len, FaultKind::Wrong)),
            Err(error) => faults.push(Fault::unreadable(side, len, &error)),
        }
    }
    memory::recycle(found);
}

impl Top {
    fn new(config: VdevConfig, parts: &dyn Parts) -> Self {
        let way = match config.kind {
            VdevKind::Disk | VdevKind::File | VdevKind::Mirror | VdevKind::Replacing | VdevKind::Spare => {
                Way::Plain(Node::new(&config, parts))
            }
            VdevKind::Raidz | VdevKind::Draid => match stripes(&config, parts) {
                Ok(stripes) => Way::Striped(
                    stripes,
                    config.children.iter().map(|child| Node::new(child, parts)).collect(),
                ),
                Err(error) => Way::None(error.reason()),
            },
            VdevKind::Indirect => match parts.mapping(&config) {
                Some(mapping) => Way::Indirect(mapping),
                None => Way::None("its mapping could not be read".into()),
            },
            VdevKind::Hole => Way::None("a hole: nothing was ever to point here".into()),
            VdevKind::Missing => Way::None("missing".into()),
            ref other => Way::None(format!("unsupported vdev type {other}")),
        };
        Self { config, way }
    }
    /// Bytes of its smallest allocation.
    #[must_use]
    pub fn sector(&self) -> usize {
        let shift = self
            .config
            .ashift
            .and_then(|shift| u32::try_from(shift).ok())
            .filter(|shift| (9..=16).contains(shift));
        1usize.checked_shl(shift.unwrap_or(9)).unwrap_or(512)
    }
    /// Bytes of data that it allocates at least: of a dRAID a whole stripe.
    #[must_use]
    pub fn smallest_allocation(&self) -> usize {
        let columns = self.config.draid.and_then(|draid| usize::try_from(draid.ndata).ok()).unwrap_or(1);
        self.sector().saturating_mul(columns)
    }
    /// Whether blocks lie in columns with parity on it.
    #[must_use]
    pub fn is_striped(&self) -> bool {
        matches!(self.way, Way::Striped(..))
    }
    /// Where its data went, if it was removed.
    #[must_use]
    pub fn mapping(&self) -> Option<&[MappingEntry]> {
        match &self.way {
            Way::Indirect(mapping) => Some(mapping),
            _ => None,
        }
    }
    /// Its devices, present or not.
    #[must_use]
    pub fn leaves(&self) -> Vec<&Arc<Leaf>> {
        match &self.way {
            Way::Plain(node) => node.leaves(),
            Way::Striped(_, nodes) => nodes.iter().flat_map(Node::leaves).collect(),
            Way::Indirect(_) | Way::None(_) => Vec::new(),
        }
    }
}
