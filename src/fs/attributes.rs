//! What a file system knows about a file: type, size, owner, times, and what stands beside them.
//!
//! System attributes (ZPL 5), in the bonus of the dnode and in its spill block, or the older znode. Handbook:
//! `docs/format/12-zpl.md`, 12.2 to 12.5.

use zfsp_grammar::device::Device;
use zfsp_grammar::fuid::Fuid;
use zfsp_grammar::input::{Input, Order, Parse, Text, fault};
use zfsp_grammar::layout::SaName;
use zfsp_grammar::mode::{FileType, Mode};
use zfsp_grammar::object_type::ObjectType;
use zfsp_grammar::quantity::Txg;
use zfsp_grammar::sa::{self, Sa, SaHeader, SaValue};
use zfsp_grammar::xattr;
use zfsp_grammar::znode::{Tail, Time, Znode, ZnodeFlags};

use super::acl::{self, Acl};
use super::layouts::Layouts;
use crate::block::Why;
use crate::object::{DNODE, Loss, Object, SPILL};

/// The attributes of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes {
    /// Type and permissions.
    pub mode: Mode,
    /// Bytes; of a directory: entries, and two.
    pub size: u64,
    /// Owner.
    pub uid: Fuid,
    /// Group.
    pub gid: Fuid,
    /// Names that it has; of a directory: subdirectories, and two.
    pub links: u64,
    /// Last access.
    pub atime: Time,
    /// Last change of the content.
    pub mtime: Time,
    /// Last change of the attributes.
    pub ctime: Time,
    /// Creation.
    pub crtime: Time,
    /// Txg of the creation.
    pub generation: Txg,
    /// The directory; of a file with several links: one of them. Of what belongs to extended attributes: their owner.
    pub parent: u64,
    /// What is special about it.
    pub flags: ZnodeFlags,
    /// Which device it is.
    pub rdev: Option<Device>,
    /// Project.
    pub projid: Option<u64>,
    /// Directory of its extended attributes; 0: none.
    pub xattr: u64,
    /// Extended attributes that stand here: names as stored, and values.
    pub dxattr: Vec<(Vec<u8>, Vec<u8>)>,
    /// Target, if it is a symbolic link that has it here.
    pub symlink: Option<Vec<u8>>,
    /// Its ACL.
    pub acl: Acl,
    /// Stamp of a virus scanner.
    pub scanstamp: Option<Vec<u8>>,
    /// Counts the changes.
    pub seq: Option<u64>,
    /// Number of the layout of its attributes; `None` in the older format.
    pub layout: Option<u16>,
    /// The layout is not known: a usual one that fits was taken.
    pub is_guessed: bool,
    /// What could not be read: a spill block, a list that is no list.
    pub losses: Vec<Loss>,
}

impl Attributes {
    /// The attributes of an object.
    ///
    /// # Errors
    /// [`Loss`], if it is no file, or if what it is cannot be read.
    pub fn of(object: &Object, layouts: &Layouts) -> Result<Self, Loss> {
        let mut found = Self::default();
        let (bonus, order) = object.bonus();
        match object.bonustype {
            ObjectType::SA => {
                found.layout = found.area(object, (bonus, order), layouts, DNODE)?;
                match object.spill_block() {
                    None => {}
                    Some(Ok(block)) => {
                        if let Err(loss) = found.area(object, (&block.bytes, block.order), layouts, SPILL) {
                            found.losses.push(loss);
                        }
                    }
                    Some(Err(loss)) => found.losses.push(loss),
                }
            }
            ObjectType::ZNODE => {
                let read = Znode::parse(Input::new(bonus, order));
                let (_, znode) =
                    read.map_err(|error| corrupt(object, DNODE, format!("znode: {}", fault(error))))?;
                found.take_znode(&znode);
            }
            other => return Err(corrupt(object, DNODE, format!("no file: its bonus is of type {other}"))),
        }
        if found.mode.kind() == FileType::NONE {
            return Err(corrupt(object, DNODE, "no file: it has no mode".into()));
        }
        Ok(found)
    }

    /// Takes the attributes of an area; returns the number of its layout.
    fn area(
        &mut self,
        object: &Object,
        (bytes, order): (&[u8], Order),
        layouts: &Layouts,
        blkid: u64,
    ) -> Result<Option<u16>, Loss> {
        let input = Input::new(bytes, order);
        let wrong = |error| corrupt(object, blkid, format!("attributes: {}", fault(error)));
        let (data, header) = SaHeader::parse(input).map_err(wrong)?;
        let number = header.layout_info.layout();
        let guessed;
        let layout = match layouts.get(number) {
            Some(layout) => layout,
            // layout 1 is empty, and 0 stands for it
            None if number <= 1 => return Ok(Some(number)),
            None => {
                guessed = sa::guess(&header, data);
                let what = format!("layout {number} of its attributes is not known");
                match &guessed {
                    Some(layout) => {
                        self.is_guessed = true;
                        // where all layouts are lost, that is told once
                        if !layouts.is_incomplete {
                            self.losses.push(corrupt(object, blkid, format!("{what}: guessed")));
                        }
                        layout
                    }
                    None => return Err(corrupt(object, blkid, what)),
                }
            }
        };
        let (_, area) = Sa::by(layout)(input).map_err(wrong)?;
        for attribute in &area.attributes.all {
            match &attribute.value {
                Some(value) => self.take(attribute.name, value),
                None => {
                    let name = attribute.name.name().unwrap_or("an attribute");
                    self.losses.push(corrupt(object, blkid, format!("{name} cannot be read")));
                }
            }
        }
        Ok(Some(number))
    }

    fn take(&mut self, name: SaName, value: &SaValue<'_>) {
        match (name, value) {
            (SaName::ATIME, SaValue::Time(time)) => self.atime = *time,
            (SaName::MTIME, SaValue::Time(time)) => self.mtime = *time,
            (SaName::CTIME, SaValue::Time(time)) => self.ctime = *time,
            (SaName::CRTIME, SaValue::Time(time)) => self.crtime = *time,
            (SaName::GEN, SaValue::Txg(txg)) => self.generation = *txg,
            (SaName::MODE, SaValue::Mode(mode)) => self.mode = *mode,
            (SaName::SIZE, SaValue::Number(size)) => self.size = *size,
            (SaName::LINKS, SaValue::Number(links)) => self.links = *links,
            (SaName::PROJID, SaValue::Number(projid)) => self.projid = Some(*projid),
            (SaName::SEQ, SaValue::Number(seq)) => self.seq = Some(*seq),
            (SaName::PARENT, SaValue::Object(parent)) => self.parent = parent.0,
            (SaName::XATTR, SaValue::Object(xattr)) => self.xattr = xattr.0,
            (SaName::RDEV, SaValue::Device(device)) => self.rdev = Some(*device),
            (SaName::FLAGS, SaValue::Flags(flags)) => self.flags = *flags,
            (SaName::UID, SaValue::Fuid(uid)) => self.uid = *uid,
            (SaName::GID, SaValue::Fuid(gid)) => self.gid = *gid,
            (SaName::SYMLINK, SaValue::Text(Text(target))) => self.symlink = Some(target.to_vec()),
            (SaName::DACL_ACES, SaValue::Aces(aces)) => {
                self.acl = Acl::Here(aces.iter().map(acl::Entry::from).collect())
            }
            (SaName::DXATTR, SaValue::Xattrs(list)) => {
                self.dxattr = xattr::entries(&list.list)
                    .map(|(Text(name), value)| (name.to_vec(), value.to_vec()))
                    .collect();
            }
            (SaName::ZNODE_ACL, SaValue::ZnodeAcl(acl)) if self.acl == Acl::default() => {
                self.acl = Acl::of_znode(acl);
            }
            (SaName::SCANSTAMP, SaValue::Bytes(stamp)) => self.scanstamp = Some(stamp.to_vec()),
            // DACL_COUNT says what DACL_ACES shows; PAD means nothing
            _ => {}
        }
    }

    fn take_znode(&mut self, znode: &Znode<'_>) {
        let Znode { atime, mtime, ctime, crtime, generation, mode, size, links, flags, uid, gid, .. } =
            *znode;
        let rdev = mode.kind().is_device().then_some(znode.rdev);
        let (parent, xattr) = (znode.parent.0, znode.xattr.0);
        let symlink = znode.symlink().map(|Text(target)| target.to_vec());
        let scanstamp = match znode.tail {
            Tail::Scanstamp(stamp) => Some(stamp.to_vec()),
            _ => None,
        };
        let acl = Acl::of_znode(&znode.acl);
        *self = Self {
            mode,
            size,
            uid,
            gid,
            links,
            atime,
            mtime,
            ctime,
            crtime,
            generation,
            parent,
            flags,
            rdev,
            xattr,
            symlink,
            acl,
            scanstamp,
            ..Self::default()
        };
    }
}

fn corrupt(object: &Object, blkid: u64, what: String) -> Loss {
    Loss::new(object.at.block(0, blkid), Why::Corrupt(what))
}
