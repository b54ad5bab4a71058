//! File systems: names, directories, files and all that a file has.
//!
//! A file system is an object set. Its master node names the root directory, and what the attributes of files look
//! like. What is damaged is an error where it is asked for; everything else is still there. Handbook:
//! `docs/format/12-zpl.md`, and `docs/format/24-reader-recipes.md`, 24.7.
//!
//! ```
//! # use zfsp::{dataset::Datasets, device, fs::FileSystem, pool::{Gathering, Options, Pool}};
//! # let found = device::find(&["fixtures/simple".into()]);
//! # let pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
//! let datasets = Datasets::of(&pool);
//! let files = FileSystem::open(datasets.find("lab@s1")?.objset(&pool)?)?;
//!
//! for entry in files.root()?.directory().entries() {
//!     let entry = entry?; // what is lost is an error, and the next one follows
//!     let inode = files.inode(entry.object)?;
//!     println!("{} {:8} {}", inode.attributes.mode, inode.attributes.size, entry.name());
//! }
//! # Ok::<(), zfsp::error::Error>(())
//! ```

pub mod acl;
pub mod attributes;
mod directory;
mod inode;
mod layouts;
mod linux_flags;
mod master_node;
mod path;
mod replay;
mod walk;
pub mod xattr;

use std::sync::{Arc, OnceLock};

use zfsp_grammar::object_type::ObjectType;
use zfsp_grammar::objset::ObjsetType;

use crate::block::Why;
use crate::file::RECORD_SIZE;
use crate::object::{DNODE, Loss, Object, ObjectAt};
use crate::objset::ObjectSet;
use crate::zap::Zap;

pub use attributes::Attributes;
pub use directory::{DirEntry, Directory, objection};
pub use inode::Inode;
pub use layouts::Layouts;
pub use linux_flags::LinuxFlags;
use master_node::NEWEST;
pub use master_node::{CaseSensitivity, MasterNode};
use replay::Overlay;
pub use walk::{Found, Visit, Walk};

/// A file system. A copy costs nothing: it is the same one.
#[derive(Clone, Debug)]
pub struct FileSystem {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    set: ObjectSet,
    master: MasterNode,
    layouts: Layouts,
    /// What the intent log changes, if it was applied.
    overlay: Overlay,
    /// Bytes of the largest block that a file may get.
    record_size: u64,
    domains: OnceLock<Result<Vec<(u64, String)>, Loss>>,
    losses: Vec<Loss>,
}

impl FileSystem {
    /// The file system in that object set.
    ///
    /// # Errors
    /// [`Loss`], if it is none, if it is locked, or of a version that is not known. What else is lost is in
    /// [`FileSystem::losses`].
    pub fn open(set: ObjectSet) -> Result<Self, Loss> {
        let place = ObjectAt { objset: set.id, object: 0 }.block(-1, 0);
        if set.r#type != ObjsetType::ZFS {
            return Err(Loss::new(place, Why::Corrupt(format!("no file system, but {}", set.r#type))));
        }
        if set.is_locked() {
            return Err(Loss::new(place, Why::Locked));
        }
        let mut losses = Vec::new();
        let mut master = MasterNode::of(&set, &mut losses).unwrap_or_else(|loss| {
            losses.push(loss);
            MasterNode { sa_attrs: number_of_type(&set, ObjectType::SA_MASTER_NODE), ..MasterNode::default() }
        });
        if master.version > NEWEST {
            return Err(Loss::new(place, Why::Unsupported(format!("ZPL version {}", master.version))));
        }
        let layouts = Layouts::of(&set, master.sa_attrs, &mut losses);
        if master.root.is_none() {
            master.root = top(&set, &layouts);
        }
        let overlay = Overlay::default();
        Ok(Self {
            shared: Arc::new(Shared {
                set,
                master,
                layouts,
                overlay,
                record_size: RECORD_SIZE,
                domains: OnceLock::new(),
                losses,
            }),
        })
    }

    /// The same with these changes.
    fn with(self, overlay: Overlay, record_size: u64, losses: Vec<Loss>) -> Self {
        let Shared { set, master, layouts, .. } = &*self.shared;
        let (set, layouts) = (set.clone(), layouts.clone());
        Self {
            shared: Arc::new(Shared {
                set,
                master: *master,
                layouts,
                overlay,
                record_size,
                domains: OnceLock::new(),
                losses,
            }),
        }
    }

    /// Its objects.
    #[must_use]
    pub fn set(&self) -> &ObjectSet {
        &self.shared.set
    }

    /// What its master node says.
    #[must_use]
    pub fn master(&self) -> &MasterNode {
        &self.shared.master
    }

    /// How the attributes of its files are laid out.
    #[must_use]
    pub fn layouts(&self) -> &Layouts {
        &self.shared.layouts
    }

    /// What could not be read of what it needs itself: it goes on without.
    #[must_use]
    pub fn losses(&self) -> &[Loss] {
        &self.shared.losses
    }

    /// The root directory. Where the master node does not tell, it is the directory that is its own parent.
    ///
    /// # Errors
    /// [`Loss`], if it cannot be read, or found.
    pub fn root(&self) -> Result<Inode, Loss> {
        let at = ObjectAt { objset: self.set().id, object: 1 }.block(0, 0);
        let unknown = || match self.losses().first() {
            Some(loss) => loss.clone(),
            None => Loss::new(at, Why::Corrupt("the master node names no root directory".into())),
        };
        self.inode(self.master().root.ok_or_else(unknown)?)
    }

    /// The file, directory or whatever it is of that number.
    ///
    /// # Errors
    /// [`Loss`], if there is none, or if it cannot be read.
    pub fn inode(&self, number: u64) -> Result<Inode, Loss> {
        match self.shared.overlay.get(number) {
            None => self.inode_of(self.set().object(number)?),
            Some(Some(change)) => {
                let object = if change.is_new { None } else { Some(self.set().object(number)?) };
                Ok(Inode::changed(self.clone(), number, object, change))
            }
            Some(None) => {
                let at =
                    ObjectAt { objset: self.set().id, object: i64::try_from(number).unwrap_or(i64::MAX) };
                Err(Loss::new(at.block(0, DNODE), Why::Missing))
            }
        }
    }

    /// The same of an object that was read already.
    ///
    /// # Errors
    /// [`Loss`], if its attributes cannot be read.
    pub fn inode_of(&self, object: Object) -> Result<Inode, Loss> {
        let attributes = Attributes::of(&object, self.layouts())?;
        let number = u64::try_from(object.at.object).unwrap_or_default();
        Ok(Inode { fs: self.clone(), number, attributes, object: Some(object), change: None })
    }

    /// The numbers of files without a name that were still open, or are about to be freed, and what is lost of the
    /// queue.
    ///
    /// # Errors
    /// [`Loss`], if nothing of the queue can be read.
    pub fn delete_queue(&self) -> Result<(Vec<u64>, Vec<Loss>), Loss> {
        let (mut numbers, mut losses) = (Vec::new(), Vec::new());
        let Some(queue) = self.master().delete_queue else { return Ok((numbers, losses)) };
        let queue = self.set().object(queue)?;
        for entry in Zap::of(&queue)?.entries() {
            match entry {
                Ok(entry) => numbers.extend(entry.value.first()),
                Err(loss) => losses.push(loss),
            }
        }
        numbers.sort_unstable();
        Ok((numbers, losses))
    }
}

/// The directory that is its own parent.
fn top(set: &ObjectSet, layouts: &Layouts) -> Option<u64> {
    let directories =
        set.objects().flatten().filter(|object| object.r#type == ObjectType::DIRECTORY_CONTENTS);
    let mut numbered = directories.filter_map(|object| {
        let attributes = Attributes::of(&object, layouts).ok()?;
        Some((u64::try_from(object.at.object).ok()?, attributes.parent))
    });
    numbered.find(|(number, parent)| number == parent).map(|(number, _)| number)
}

/// The first object of that type.
fn number_of_type(set: &ObjectSet, wanted: ObjectType) -> Option<u64> {
    let object = set.objects().flatten().find(|object| object.r#type == wanted)?;
    u64::try_from(object.at.object).ok()
}
