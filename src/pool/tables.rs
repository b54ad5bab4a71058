//! Tables that reading takes: where the data of removed vdevs went, and what devices missed.
//!
//! Handbook: `docs/format/20-vdevs-raidz.md`, 20.4, and `docs/format/13-space.md`, 13.1.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use zfsp_grammar::bonus::Bonus;
use zfsp_grammar::indirect_mapping::MappingEntry;
use zfsp_grammar::input::{Input, Parse, fault, list};
use zfsp_grammar::space_map::{Entries, MapType};

use super::Trouble;
use super::assembly::Inventory;
use crate::error::{Error, Result};
use crate::object::Loss;
use crate::objset::ObjectSet;
use crate::vdev::Missed;
use crate::vdev::config::{VdevConfig, VdevKind};

/// Bytes of an entry of a mapping.
const ENTRY: u64 = 24;
/// Bytes of a mapping: of ten million pieces.
const MOST_MAPPING: u64 = 256 << 20;
/// Bytes of a dirty time log that are looked at: a few entries for each time that the device was away.
const MOST_LOG: u64 = 1 << 20;

/// Reads mappings of removed vdevs that can be read by now: one may lie on a vdev that was removed later. Returns how
/// many there were, and why others cannot be read yet.
pub(super) fn read_mappings(
    mos: &ObjectSet,
    config: &VdevConfig,
    inventory: &mut Inventory,
) -> (usize, Vec<Trouble>) {
    let (mut found, mut troubles) = (0usize, Vec::new());
    for vdev in config.children.iter().filter(|vdev| vdev.kind == VdevKind::Indirect) {
        if inventory.mappings.contains_key(&vdev.guid) {
            continue;
        }
        let read = match vdev.indirect_object {
            Some(object) => mapping(mos, object),
            None => Err(Error::corrupt("the configuration does not name it")),
        };
        match read {
            Ok(mapping) => {
                inventory.mappings.insert(vdev.guid, mapping);
                found = found.saturating_add(1);
            }
            Err(error) => {
                let what = format!("the mapping of removed vdev {} cannot be read: {error}", vdev.id);
                troubles.push(Trouble::Unreadable(what));
            }
        }
    }
    (found, troubles)
}

fn mapping(mos: &ObjectSet, object: u64) -> Result<Vec<MappingEntry>> {
    let object = mos.object(object)?;
    let count = match object.dnode().map(|dnode| dnode.bonus) {
        Some(Bonus::Mapping(header)) => header.num_entries,
        _ => return Err(Error::corrupt("no mapping")),
    };
    let length = count.checked_mul(ENTRY).filter(|length| *length <= MOST_MAPPING);
    let length = length.ok_or_else(|| Error::unsupported(format!("a mapping of {count} pieces")))?;
    let (bytes, order) = object.content(length).whole()?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let (_, entries) = list(count, MappingEntry::parse)(Input::new(&bytes, order))
        .map_err(|error| Error::corrupt(fault(error).to_string()))?;
    Ok(entries)
}

/// The dirty time logs of all devices, and why some cannot be read.
pub(super) fn missed(mos: &ObjectSet, config: &VdevConfig) -> (HashMap<u64, Missed>, Vec<Trouble>) {
    let (mut missed, mut troubles) = (HashMap::new(), Vec::new());
    for (vdev, object) in config.all().filter_map(|vdev| Some((vdev, vdev.dtl?))) {
        match dirty_txgs(mos, object) {
            Ok(txgs) => drop(missed.insert(vdev.guid, Missed { txgs, ..Missed::default() })),
            Err(loss) => {
                let what = format!("what device {} has missed cannot be read: {loss}", vdev.guid);
                troubles.push(Trouble::Unreadable(what));
            }
        }
    }
    (missed, troubles)
}

/// What a space map over transaction groups adds up to.
fn dirty_txgs(mos: &ObjectSet, object: u64) -> Result<Vec<Range<u64>>, Loss> {
    let object = mos.object(object)?;
    let length = match object.dnode().map(|dnode| dnode.bonus) {
        Some(Bonus::SpaceMap(header)) => header.length.0,
        _ => 0,
    };
    let (bytes, order) = object.content(length.min(MOST_LOG)).whole()?;
    let mut dirty = BTreeMap::new();
    for segment in Entries::new(Input::new(&bytes, order)).segments().flatten() {
        let Some(txgs) = segment.units() else { continue };
        match segment.maptype {
            MapType::ALLOC => drop(dirty.insert(txgs.start, txgs.end)),
            _ => remove(&mut dirty, &txgs),
        }
    }
    Ok(dirty.into_iter().map(|(start, end)| start..end).collect())
}

/// Takes `txgs` out of ranges that do not overlap.
fn remove(ranges: &mut BTreeMap<u64, u64>, txgs: &Range<u64>) {
    while let Some((&start, &end)) =
        ranges.range(..txgs.end).next_back().filter(|(_, end)| **end > txgs.start)
    {
        ranges.remove(&start);
        if end > txgs.end {
            ranges.insert(txgs.end, end);
        }
        if start < txgs.start {
            ranges.insert(start, txgs.start);
        }
    }
}
