//! Labels: the configuration and the uberblock, four times on each device. Handbook: `docs/format/01-labels.md`.

use std::io;
use std::path::PathBuf;

use zfsp::checksum::sha256::sha256;
use zfsp_grammar::eck::{ECK_MAGIC, ECK_SIZE};
use zfsp_grammar::label::{DATA_AT, LABEL_SIZE, RING_AT, VDEV_PHYS_AT, VDEV_PHYS_SIZE, places};
use zfsp_grammar::uberblock::{UBERBLOCK_MAGIC, slot_size};

use super::mos_object::METASLABS;
use super::nvlist::{List, Value};
use super::space::Space;
use super::{LEAF_GUID, METASLAB_SHIFT, POOL_GUID, Plan, Shape, TIME, TOP_GUID, TXG, words};

/// Bytes of a device that are not data: labels and boot region.
const OVERHEAD: u64 = DATA_AT + 2 * LABEL_SIZE as u64;

pub(super) fn write(space: &mut Space, plan: &Plan, paths: &[PathBuf], rootbp: &[u8; 128]) -> io::Result<()> {
    let size = leaf_asize(plan, space.next) + OVERHEAD;
    for (n, device) in space.devices.iter().enumerate() {
        device.set_len(size)?;
        let more = vec![
            ("top_guid", TOP_GUID.into()),
            ("guid", leaf_guid(plan, n).into()),
            ("vdev_tree", vdev(plan, paths, space.next).into()),
        ];
        let phys = config(plan, more).pack();
        let uberblock = [
            words(&[UBERBLOCK_MAGIC, 1, TXG, guid_sum(plan), TIME]),
            rootbp.to_vec(),
            words(&[5000, 0, 0, 0, 0, 0]),
        ];
        let slot = slot_size(plan.ashift.into());
        let slot_at = RING_AT + TXG as usize * slot % (128 << 10);
        for label in places(size).into_iter().flatten() {
            let put = |at: usize, bytes: &[u8], size: usize| {
                let at = label + at as u64;
                super::space::write_at(device, &proven(bytes, size, at), at)
            };
            put(VDEV_PHYS_AT, &phys, VDEV_PHYS_SIZE)?;
            put(slot_at, &uberblock.concat(), slot)?;
        }
    }
    Ok(())
}

/// The bytes, zeros, and what proves them at this place of the device.
fn proven(bytes: &[u8], size: usize, at: u64) -> Vec<u8> {
    let mut piece = bytes.to_vec();
    piece.resize(size - ECK_SIZE, 0);
    let sum = sha256(&[&piece, &words(&[ECK_MAGIC, at, 0, 0, 0])]);
    piece.extend(words(&[ECK_MAGIC]));
    piece.extend(words(&sum.0));
    piece
}

/// What labels and the MOS say of the pool.
pub(super) fn config(plan: &Plan, more: Vec<(&'static str, Value)>) -> List {
    let mut pairs = vec![
        ("version", 1.into()),
        ("name", plan.name.as_str().into()),
        ("state", 1.into()),
        ("txg", TXG.into()),
        ("pool_guid", POOL_GUID.into()),
        ("errata", 0.into()),
        ("hostname", "bench".into()),
        ("vdev_children", 1.into()),
    ];
    pairs.extend(more);
    pairs.push(("features_for_read", List(Vec::new()).into()));
    List(pairs)
}

/// The top-level vdev, when `end` bytes of it are allocated.
pub(super) fn vdev(plan: &Plan, paths: &[PathBuf], end: u64) -> List {
    let (shape, leaf_asize) = (plan.shape, leaf_asize(plan, end));
    let asize = if let Shape::Raidz1(n) = shape { leaf_asize * n as u64 } else { leaf_asize };
    let path = |n: usize| paths.get(n).map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    let allocation = vec![
        ("metaslab_array", METASLABS.into()),
        ("metaslab_shift", u64::from(METASLAB_SHIFT).into()),
        ("ashift", u64::from(plan.ashift).into()),
        ("asize", asize.into()),
        ("is_log", 0.into()),
        ("create_txg", 4.into()),
    ];
    let mut pairs = match shape {
        Shape::Disk => vec![("type", "file".into()), ("id", 0.into()), ("guid", TOP_GUID.into())],
        Shape::Mirror(_) => vec![("type", "mirror".into()), ("id", 0.into()), ("guid", TOP_GUID.into())],
        Shape::Raidz1(_) => {
            vec![("type", "raidz".into()), ("id", 0.into()), ("guid", TOP_GUID.into()), ("nparity", 1.into())]
        }
    };
    if shape == Shape::Disk {
        pairs.push(("path", path(0).as_str().into()));
    }
    pairs.extend(allocation);
    if shape != Shape::Disk {
        let child = |n: usize| {
            List(vec![
                ("type", "file".into()),
                ("id", (n as u64).into()),
                ("guid", leaf_guid(plan, n).into()),
                ("path", path(n).as_str().into()),
                ("create_txg", 4.into()),
            ])
        };
        pairs.push(("children", (0..shape.devices()).map(child).collect::<Vec<_>>().into()));
    }
    List(pairs)
}

/// Devices are no smaller.
const SMALLEST: u64 = 64 << 20;

/// Whole metaslabs, one of them free.
fn leaf_asize(plan: &Plan, end: u64) -> u64 {
    let asize = (end >> METASLAB_SHIFT).saturating_add(2) << METASLAB_SHIFT;
    match plan.shape {
        Shape::Raidz1(n) => asize.div_ceil(n as u64).next_multiple_of(LABEL_SIZE as u64).max(SMALLEST),
        _ => asize,
    }
}

fn leaf_guid(plan: &Plan, n: usize) -> u64 {
    if plan.shape == Shape::Disk { TOP_GUID } else { LEAF_GUID + n as u64 }
}

fn guid_sum(plan: &Plan) -> u64 {
    let leaves = (0..plan.shape.devices()).filter(|_| plan.shape != Shape::Disk);
    leaves.map(|n| leaf_guid(plan, n)).fold(POOL_GUID.wrapping_add(TOP_GUID), u64::wrapping_add)
}
