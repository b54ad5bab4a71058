//! Files, directories and all else that has attributes.

use std::sync::Arc;

use zfsp_grammar::input::{Input, Parse, Text};
use zfsp_grammar::mode::FileType;
use zfsp_grammar::nvlist::Packed;

use super::acl::{self, Acl};
use super::directory::Directory;
use super::replay::Change;
use super::xattr::Xattrs;
use super::{Attributes, FileSystem};
use crate::block::Why;
use crate::file::File;
use crate::object::{Loss, Object, ObjectAt};

/// What has a number in a file system: a file, a directory, a link, a device.
#[derive(Clone, Debug)]
pub struct Inode {
    pub(super) fs: FileSystem,
    /// Number of its object.
    pub number: u64,
    /// What is known of it.
    pub attributes: Attributes,
    pub(super) object: Option<Object>,
    /// What the intent log changes.
    pub(super) change: Option<Arc<Change>>,
}

/// Longest target: what an attribute has room for.
const LONGEST_TARGET: u64 = 65_535;

impl Inode {
    /// What will be of an object that the intent log changes.
    pub(super) fn changed(fs: FileSystem, number: u64, object: Option<Object>, change: &Arc<Change>) -> Self {
        let (attributes, change) = (change.attributes.clone(), Some(change.clone()));
        Self { fs, number, attributes, object, change }
    }

    /// True if the intent log changes it: what it will take, and the times of the changes, are not known then.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.change.is_some()
    }

    /// The file system that it is in.
    #[must_use]
    pub fn fs(&self) -> &FileSystem {
        &self.fs
    }

    /// Its object; `None` if only the intent log has it.
    #[must_use]
    pub fn object(&self) -> Option<&Object> {
        self.object.as_ref()
    }

    /// Its name in messages.
    #[must_use]
    pub fn at(&self) -> ObjectAt {
        ObjectAt { objset: self.fs.set().id, object: i64::try_from(self.number).unwrap_or(i64::MAX) }
    }

    /// What it is.
    #[must_use]
    pub fn kind(&self) -> FileType {
        self.attributes.mode.kind()
    }

    /// True for directories.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.kind() == FileType::DIRECTORY
    }

    /// Space that it takes with its dnode, in units of 512 bytes, rounded to the nearest: what `stat` calls blocks.
    /// `None` if the intent log changes it.
    #[must_use]
    pub fn blocks(&self) -> Option<u64> {
        let object = self.object.as_ref().filter(|_| self.change.is_none())?;
        Some((object.used.saturating_add(256) / 512).saturating_add(object.slots()))
    }

    /// Its content.
    #[must_use]
    pub fn open(&self) -> File {
        let size = self.attributes.size;
        let file = match &self.object {
            Some(object) => File::new(object.clone(), size),
            None => File::unwritten(self.fs.set().meta_dnode.store().clone(), self.at(), size),
        };
        match &self.change {
            Some(change) => file.patched(change.patches.clone(), self.fs.shared.record_size),
            None => file,
        }
    }

    /// The bytes of its object: of a regular file its content, of others all blocks, whatever they hold.
    #[must_use]
    pub fn content(&self) -> File {
        match (&self.object, self.kind()) {
            (Some(object), kind) if kind != FileType::REGULAR => File::new(object.clone(), object.size()),
            _ => self.open(),
        }
    }

    /// Its entries, if it is a directory.
    #[must_use]
    pub fn directory(&self) -> Directory<'_> {
        Directory::of(self)
    }

    /// Where it leads, if it is a symbolic link: any bytes.
    ///
    /// # Errors
    /// [`Loss`], if the target cannot be read.
    pub fn target(&self) -> Result<Vec<u8>, Loss> {
        match (&self.attributes.symlink, &self.object) {
            (Some(target), _) => Ok(target.clone()),
            (None, Some(object)) => {
                let (bytes, _) = object.content(self.attributes.size.min(LONGEST_TARGET)).whole()?;
                Ok(bytes)
            }
            (None, None) => Ok(Vec::new()),
        }
    }

    /// The entries of its native ACL.
    ///
    /// # Errors
    /// [`Loss`], if they are in an object that cannot be read.
    pub fn acl(&self) -> Result<Vec<acl::Entry>, Loss> {
        match &self.attributes.acl {
            Acl::Here(entries) => Ok(entries.clone()),
            Acl::There { object, version, size } => {
                Acl::read(&self.fs.set().object(*object)?, *version, *size)
            }
        }
    }

    /// Its extended attributes, of both kinds.
    #[must_use]
    pub fn xattrs(&self) -> Xattrs {
        Xattrs::of(self)
    }
}

impl FileSystem {
    /// The domains of identities, by the numbers in FUIDs.
    ///
    /// # Errors
    /// [`Loss`], if their table cannot be read.
    pub fn domains(&self) -> Result<Vec<(u64, String)>, Loss> {
        let mut all = self.shared.domains.get_or_init(|| self.read_domains()).clone()?;
        all.extend(self.shared.overlay.domains().iter().cloned());
        Ok(all)
    }

    fn read_domains(&self) -> Result<Vec<(u64, String)>, Loss> {
        let Some(table) = self.master().fuid else { return Ok(Vec::new()) };
        let object = self.set().object(table)?;
        let (bonus, order) = object.bonus();
        let size = u64::parse(Input::new(bonus, order)).map_or(0, |(_, size)| size);
        let (bytes, order) = object.content(size.min(LARGEST_TABLE)).whole()?;
        let broken =
            |_| Loss::new(object.at.block(0, 0), Why::Corrupt("the table of domains is no list".into()));
        let (_, packed) = Packed::parse(Input::new(&bytes, order)).map_err(broken)?;
        let domains = zfsp_grammar::fuid::domains(&packed.list);
        Ok(domains.map(|domain| (domain.index, Text(domain.name.0).to_string())).collect())
    }
}

/// Bytes of the table of domains.
const LARGEST_TABLE: u64 = 16 << 20;
