//! Where a block lies: every run of bytes on every device that holds some of it, parity included.
//!
//! Handbook: `docs/format/20-vdevs-raidz.md`, 20.3 to 20.5.

use std::sync::Arc;

use super::layout::{Role, Spot};
use super::side::Side;
use super::tree::Way;
use super::{Area, Children, Extent, Vdevs};
use crate::error::Result;

/// A run of bytes of a device that belongs to a block.
#[derive(Clone, Debug)]
pub struct Stretch {
    /// Top-level vdev that holds it; of a removed vdev the one that it was moved to.
    pub vdev: u32,
    /// Child of that vdev: side of a mirror, column of RAID-Z; 0 of a single device.
    pub child: usize,
    /// What it holds.
    pub role: Role,
    /// Bytes from the start of the block; for parity, where the rows begin that it protects together.
    pub block_offset: usize,
    /// Bytes; of striped vdevs in whole sectors.
    pub len: usize,
    /// The device, and where on it.
    pub side: Side,
}

impl Stretch {
    /// Its bytes.
    ///
    /// # Errors
    /// `Io` with the place, also for a device that is missing.
    pub fn read(&self) -> Result<Vec<u8>> {
        let mut bytes = vec![0; self.len];
        self.side.read_into(&mut bytes)?;
        Ok(bytes)
    }
}

impl Vdevs {
    /// Every stretch that a block takes: data and parity, in the order of the block, with all sides of each.
    ///
    /// # Errors
    /// Why the vdev cannot tell.
    pub fn stretches(&self, id: u32, extent: &Extent) -> Result<Vec<Stretch>, String> {
        if self.mapping(id).is_none() {
            return self.concrete_stretches(id, extent);
        }
        let mut all = Vec::new();
        let mut start: usize = 0;
        for piece in self.mapped(id, extent)? {
            let below = Extent { offset: piece.offset, size: piece.size, ..*extent };
            for stretch in self.concrete_stretches(piece.vdev, &below)? {
                let block_offset = start.saturating_add(stretch.block_offset);
                all.push(Stretch { block_offset, ..stretch });
            }
            start = start.saturating_add(piece.size);
        }
        Ok(all)
    }

    fn concrete_stretches(&self, id: u32, extent: &Extent) -> Result<Vec<Stretch>, String> {
        match self.way(id) {
            Some(Way::Plain(node)) => {
                let leaves = node.leaves();
                let sides = node.sides(extent.offset, Area::Data, extent.birth).into_iter();
                let whole = |side: Side| Stretch {
                    vdev: id,
                    child: leaves.iter().position(|leaf| Arc::ptr_eq(leaf, &side.leaf)).unwrap_or_default(),
                    role: Role::Data,
                    block_offset: 0,
                    len: extent.size,
                    side,
                };
                let mut all: Vec<Stretch> = sides.map(whole).collect();
                all.sort_by_key(|stretch| stretch.child);
                Ok(all)
            }
            Some(Way::Striped(stripes, nodes)) => {
                let layout = stripes.layout(extent).map_err(|error| error.reason())?;
                let below = stripes.below(nodes, extent);
                let of = |spot: Spot| {
                    let Spot { role, block_offset, child, offset, area, len } = spot;
                    let sides = below.sides(child, offset, area).into_iter();
                    sides.map(move |side| Stretch { vdev: id, child, role, block_offset, len, side })
                };
                Ok(layout.spots().flat_map(of).collect())
            }
            Some(Way::Indirect(_)) => Err(format!("vdev {id} was removed")),
            Some(Way::None(why)) => Err(format!("vdev {id}: {why}")),
            None => Err(format!("no vdev {id}")),
        }
    }
}
