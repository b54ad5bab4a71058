//! Makes pools to be read: real bytes of any amount, in labels, trees and checksums that hold.
//!
//! One top-level vdev, one file system, pool version 1: the oldest has the fewest objects that a pool cannot be
//! without. `zexplore` and `zdb` both read it.

mod files;
mod label;
mod nvlist;
mod object;
mod space;
mod zap;

use std::io;
use std::path::{Path, PathBuf};

use files::FileSystem;
use nvlist::List;
use object::{Dnode, Dnodes, Tree, object_set};
use space::Space;
use zap::{named, zap};
use zfsp_grammar::object_type::ObjectType;

/// What is to be made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the pool.
    pub name: String,
    /// How its devices are put together.
    pub shape: Shape,
    /// log2 of the smallest allocation.
    pub ashift: u32,
    /// Bytes of data, without parity and second sides.
    pub data: u64,
    /// Bytes of a file.
    pub file: u64,
    /// Bytes of a block of a file.
    pub record: usize,
    /// Half of each block of a file is zeros, so that it is worth being compressed.
    pub is_packed: bool,
    /// Files in a directory.
    pub in_a_directory: u64,
    /// What a file knows about itself.
    pub attributes: Attributes,
}

impl Default for Plan {
    /// 1 GiB in files of 256 MiB, in blocks of 128 KiB on one disk.
    fn default() -> Self {
        Self {
            name: "big".into(),
            shape: Shape::Disk,
            ashift: 12,
            data: 1 << 30,
            file: 256 << 20,
            record: 128 << 10,
            is_packed: false,
            in_a_directory: 1000,
            attributes: Attributes::Znode,
        }
    }
}

/// The form of what a file knows about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attributes {
    /// A structure of old: ZPL 1.
    Znode,
    /// System attributes: ZPL 5.
    System,
}

/// How devices are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One.
    Disk,
    /// So many with the same bytes.
    Mirror(usize),
    /// So many with one parity.
    Raidz1(usize),
}

impl Shape {
    /// Devices.
    #[must_use]
    pub fn devices(self) -> usize {
        match self {
            Self::Disk => 1,
            Self::Mirror(n) | Self::Raidz1(n) => n,
        }
    }
}

/// The state that is made, and the only one.
const TXG: u64 = 100;
/// 2026-01-01.
const TIME: u64 = 1_767_225_600;
const POOL_GUID: u64 = 0x5eed_0000_0000_0001;
const TOP_GUID: u64 = 0x5eed_0000_0000_0002;
/// Leaves are numbered from here on.
const LEAF_GUID: u64 = 0x5eed_0000_0000_0100;
/// log2 of the bytes of a metaslab.
const METASLAB_SHIFT: u32 = 26;

/// Makes the images in `folder`, and says which.
///
/// # Errors
/// What the file system says.
pub fn make(folder: &Path, plan: &Plan) -> io::Result<Vec<PathBuf>> {
    let paths: Vec<PathBuf> = (0..plan.shape.devices()).map(|n| folder.join(format!("d{n}.img"))).collect();
    let mut space = Space::create(&paths, plan.shape, plan.ashift)?;
    let files = files::write(&mut space, plan)?;
    // what is allocated is written down in what is allocated: until the end is where it was thought to be
    let (before, mut end) = (space.next, space.next);
    let rootbp = loop {
        space.next = before;
        let rootbp = mos(&mut space, plan, &paths, &files, end)?;
        if space.next == end {
            break rootbp;
        }
        end = space.next;
    };
    label::write(&mut space, plan, &paths, &rootbp)?;
    Ok(paths)
}

/// The object set of the pool, when `end` bytes are allocated.
fn mos(
    space: &mut Space,
    plan: &Plan,
    paths: &[PathBuf],
    files: &FileSystem,
    end: u64,
) -> io::Result<[u8; 128]> {
    use mos_object::*;
    let mut dnodes = Dnodes::new();
    let directory = named(&[("root_dataset", ROOT_DIR), ("config", CONFIG), ("sync_bplist", FREES)]);
    dnodes.set(DIRECTORY, &zap(space, ObjectType::OBJECT_DIRECTORY, &directory)?);
    let dir = |head: u64, parent: u64, children: u64, props: u64| {
        let used = [files.used; 3];
        let fields = [&[TIME, head, parent, 0, children][..], &used, &[0, 0, props]].concat();
        Dnode::only(ObjectType::DSL_DIR, padded(&fields, 256))
    };
    dnodes.set(ROOT_DIR, &dir(ROOT_DATASET, 0, ROOT_CHILDREN, ROOT_PROPS));
    dnodes.set(MOS_DIR, &dir(0, ROOT_DIR, MOS_CHILDREN, MOS_PROPS));
    for props in [ROOT_PROPS, MOS_PROPS] {
        dnodes.set(props, &zap(space, ObjectType::DSL_PROPS, &[])?);
    }
    let children = named(&[("$MOS", MOS_DIR)]);
    dnodes.set(ROOT_CHILDREN, &zap(space, ObjectType::DSL_DIR_CHILD_MAP, &children)?);
    dnodes.set(MOS_CHILDREN, &zap(space, ObjectType::DSL_DIR_CHILD_MAP, &[])?);
    dnodes.set(SNAPSHOTS, &zap(space, ObjectType::DSL_DS_SNAP_MAP, &[])?);
    let dataset =
        [&[ROOT_DIR, 0, 0, 0, SNAPSHOTS, 0, TIME, 1, DEADLIST][..], &[files.used; 4], &[0x1234, 0x5678, 0]];
    let dataset = [words(&dataset.concat()), files.pointer.to_vec(), vec![0; 64]].concat();
    dnodes.set(ROOT_DATASET, &Dnode::only(ObjectType::DSL_DATASET, dataset));
    for list in [DEADLIST, FREES] {
        let empty = Tree::new(ObjectType::BPOBJ, 128 << 10).finish(space)?;
        dnodes.set(list, &empty.with(ObjectType::BPOBJ_HDR, vec![0; 16]));
    }
    let mut maps = Vec::new();
    for (n, start) in (0..end).step_by(1 << METASLAB_SHIFT).enumerate() {
        let used = (end - start).min(1 << METASLAB_SHIFT);
        let number = SPACE_MAPS + n as u64;
        dnodes.set(number, &space_map(space, plan, number, used)?);
        maps.push(number);
    }
    let mut array = Tree::new(ObjectType::OBJECT_ARRAY, (maps.len() * 8).next_multiple_of(512));
    array.push(space, words(&maps))?;
    dnodes.set(METASLABS, &array.finish(space)?);
    let root = vec![
        ("type", "root".into()),
        ("id", 0.into()),
        ("guid", POOL_GUID.into()),
        ("create_txg", 4.into()),
        ("children", vec![label::vdev(plan, paths, end)].into()),
    ];
    let config = label::config(plan, vec![("vdev_tree", List(root).into())]).pack();
    let mut tree = Tree::new(ObjectType::PACKED_NVLIST, 16 << 10);
    let size = words(&[config.len() as u64]);
    tree.push(space, config)?;
    dnodes.set(CONFIG, &tree.finish(space)?.with(ObjectType::PACKED_NVLIST_SIZE, size));
    object_set(space, 1, dnodes)
}

/// Numbers of the objects of the MOS.
mod mos_object {
    pub(super) const DIRECTORY: u64 = 1;
    pub(super) const ROOT_DIR: u64 = 2;
    pub(super) const ROOT_PROPS: u64 = 3;
    pub(super) const ROOT_CHILDREN: u64 = 4;
    pub(super) const ROOT_DATASET: u64 = 5;
    pub(super) const SNAPSHOTS: u64 = 6;
    pub(super) const DEADLIST: u64 = 7;
    pub(super) const MOS_DIR: u64 = 8;
    pub(super) const MOS_PROPS: u64 = 9;
    pub(super) const MOS_CHILDREN: u64 = 10;
    pub(super) const CONFIG: u64 = 11;
    pub(super) const FREES: u64 = 12;
    pub(super) const METASLABS: u64 = 13;
    /// Space maps from here on.
    pub(super) const SPACE_MAPS: u64 = 14;
}

/// The first `used` bytes of a metaslab are allocated.
fn space_map(space: &mut Space, plan: &Plan, number: u64, used: u64) -> io::Result<Dnode> {
    const LONGEST: u64 = 1 << 15;
    let units = used >> plan.ashift;
    let runs = (0..units).step_by(LONGEST as usize);
    let entries: Vec<u64> = runs.map(|start| start << 16 | ((units - start).min(LONGEST) - 1)).collect();
    let header = words(&[number, entries.len() as u64 * 8, used]);
    let mut tree = Tree::new(ObjectType::SPACE_MAP, 4096);
    tree.push(space, words(&entries))?;
    Ok(tree.finish(space)?.with(ObjectType::SPACE_MAP_HEADER, header))
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn padded(fields: &[u64], size: usize) -> Vec<u8> {
    let mut bytes = words(fields);
    bytes.resize(size, 0);
    bytes
}
