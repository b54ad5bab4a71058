//! A file system: directories of files, and what a file knows about itself. Handbook: `docs/format/12-zpl.md`.

use std::io;

use zfsp_grammar::layout::{Definition, SaName};
use zfsp_grammar::object_type::ObjectType;

use super::object::{Dnode, Dnodes, Tree, object_set};
use super::space::Space;
use super::zap::{Attribute, fat, named, zap};
use super::{Attributes, Plan, TIME, TXG, words};

/// What the MOS says of a file system.
pub(super) struct FileSystem {
    pub(super) pointer: [u8; 128],
    pub(super) used: u64,
}

/// Numbers of its first objects.
const MASTER: u64 = 1;
const QUEUE: u64 = 2;
const ROOT: u64 = 3;
const SA_ATTRS: u64 = 4;
const REGISTRY: u64 = 5;
const LAYOUTS: u64 = 6;

/// Types in directory entries; in modes they stand 12 bits up.
const DIRECTORY: u64 = 4;
const FILE: u64 = 8;

/// Files of noise, in directories that are all in the root.
pub(super) fn write(space: &mut Space, plan: &Plan) -> io::Result<FileSystem> {
    let start = space.next;
    let (mut dnodes, mut next) = (Dnodes::new(), LAYOUTS + 1);
    let (mut left, mut directories, mut noise) = (plan.data, Vec::new(), Noise(1));
    while left > 0 {
        let directory = next;
        let mut names = Vec::new();
        for n in 0..plan.in_a_directory {
            let size = plan.file.min(left);
            if size == 0 {
                break;
            }
            left -= size;
            let number = directory + 1 + n;
            let mut tree = Tree::new(ObjectType::PLAIN_FILE_CONTENTS, plan.record).packed(plan.is_packed);
            let noise_len = if plan.is_packed { plan.record / 2 } else { plan.record };
            for _ in 0..size.div_ceil(plan.record as u64) {
                tree.push(space, noise.block(noise_len))?;
            }
            let file = Inode { kind: FILE, permissions: 0o644, size, parent: directory };
            dnodes.set(number, &file.onto(tree.finish(space)?, plan.attributes));
            names.push((format!("f{n}"), number | FILE << 60));
        }
        next += 1 + names.len() as u64;
        dnodes.set(directory, &of_directory(space, plan, &names)?);
        directories.push((format!("d{}", directories.len()), directory | DIRECTORY << 60));
    }
    let mut master = named(&[("ROOT", ROOT), ("DELETE_QUEUE", QUEUE)]);
    match plan.attributes {
        Attributes::Znode => master.extend(named(&[("VERSION", 1)])),
        Attributes::System => {
            master.extend(named(&[("VERSION", 5), ("SA_ATTRS", SA_ATTRS)]));
            layouts(space, &mut dnodes)?;
        }
    }
    dnodes.set(MASTER, &zap(space, ObjectType::MASTER_NODE, &master)?);
    dnodes.set(QUEUE, &zap(space, ObjectType::UNLINKED_SET, &[])?);
    dnodes.set(ROOT, &of_directory(space, plan, &directories)?);
    let pointer = object_set(space, 2, dnodes)?;
    Ok(FileSystem { pointer, used: space.next - start })
}

/// A directory in the root, or the root itself.
fn of_directory(space: &mut Space, plan: &Plan, entries: &[(String, u64)]) -> io::Result<Dnode> {
    let size = entries.len() as u64 + 2;
    let inode = Inode { kind: DIRECTORY, permissions: 0o755, size, parent: ROOT };
    Ok(inode.onto(zap(space, ObjectType::DIRECTORY_CONTENTS, entries)?, plan.attributes))
}

/// What a file knows about itself.
struct Inode {
    kind: u64,
    permissions: u64,
    size: u64,
    parent: u64,
}

/// `ARCHIVE`, `AV_MODIFIED` and `ACL_TRIVIAL`.
const FLAGS: u64 = 0x0408_0000_0004;

impl Inode {
    fn onto(&self, object: Dnode, attributes: Attributes) -> Dnode {
        match attributes {
            Attributes::Znode => object.with(ObjectType::ZNODE, self.znode()),
            Attributes::System => object.with(ObjectType::SA, self.area()),
        }
    }

    fn mode(&self) -> u64 {
        self.kind << 12 | self.permissions
    }

    fn links(&self) -> u64 {
        if self.kind == DIRECTORY { 2 } else { 1 }
    }

    /// `znode_phys_t`.
    fn znode(&self) -> Vec<u8> {
        let times = [TIME, 0].repeat(4);
        let rest = [TXG, self.mode(), self.size, self.parent, self.links()];
        let mut bytes = words(&[&times[..], &rest].concat());
        bytes.resize(264, 0);
        bytes
    }

    /// An area of system attributes, in the order of [`LAYOUT`].
    fn area(&self) -> Vec<u8> {
        const MAGIC: u32 = 0x002f_505a;
        const HEADER_SIZE: u16 = 8;
        let aces = self.aces();
        let header = [LAYOUT_NUMBER | HEADER_SIZE / 8 << 10, aces.len() as u16];
        let times = [TIME, 123_456_789].repeat(4);
        let fixed = [
            &[self.mode(), self.size, TXG, 1000, 1000, self.parent, FLAGS][..],
            &times,
            &[self.links(), aces.len() as u64 / 8],
        ];
        let mut bytes = MAGIC.to_le_bytes().to_vec();
        bytes.extend(header.into_iter().flat_map(u16::to_le_bytes));
        bytes.extend(words(&fixed.concat()));
        bytes.extend(aces);
        bytes
    }

    /// What the mode says, as an ACL: owner@, group@, everyone@ are allowed that.
    fn aces(&self) -> Vec<u8> {
        let (own, others): (u32, u32) =
            if self.kind == DIRECTORY { (0x1e_01bf, 0x12_00af) } else { (0x1e_019f, 0x12_008f) };
        let ace = |flags: u16, mask: u32| [&[0, 0][..], &flags.to_le_bytes(), &mask.to_le_bytes()].concat();
        [ace(0x1000, own), ace(0x2040, others), ace(0x4000, others)].concat()
    }
}

/// Number of the only layout.
const LAYOUT_NUMBER: u16 = 2;
/// The attributes of a file, in the order of their values.
const LAYOUT: [SaName; 14] = [
    SaName::MODE,
    SaName::SIZE,
    SaName::GEN,
    SaName::UID,
    SaName::GID,
    SaName::PARENT,
    SaName::FLAGS,
    SaName::ATIME,
    SaName::MTIME,
    SaName::CTIME,
    SaName::CRTIME,
    SaName::LINKS,
    SaName::DACL_COUNT,
    SaName::DACL_ACES,
];

/// Which attributes there are, and how they are laid out.
fn layouts(space: &mut Space, dnodes: &mut Dnodes) -> io::Result<()> {
    let names = (SaName::ATIME.0..=SaName::PROJID.0).map(SaName);
    let registry: Vec<(String, u64)> = names
        .map(|name| {
            let Definition { number, length, class, .. } = Definition::usual(name);
            let word = u64::from(number) | u64::from(class.0) << 16 | u64::from(length) << 24;
            (name.name().unwrap_or_default().into(), word)
        })
        .collect();
    dnodes.set(REGISTRY, &zap(space, ObjectType::SA_ATTR_REGISTRATION, &registry)?);
    let numbers = LAYOUT.map(|name| name.0.to_be_bytes()).concat();
    let layout = Attribute { name: LAYOUT_NUMBER.to_string(), width: 2, value: numbers };
    dnodes.set(LAYOUTS, &fat(space, ObjectType::SA_ATTR_LAYOUTS, vec![layout])?);
    let master = named(&[("REGISTRY", REGISTRY), ("LAYOUTS", LAYOUTS)]);
    dnodes.set(SA_ATTRS, &zap(space, ObjectType::SA_MASTER_NODE, &master)?);
    Ok(())
}

/// Bytes that nothing compresses.
struct Noise(u64);

impl Noise {
    fn block(&mut self, size: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(size);
        while bytes.len() < size {
            // splitmix64
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = self.0;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
        }
        bytes
    }
}
