//! The namespace of a pool: names that lead across datasets, as if all were mounted.
//!
//! | name | leads to |
//! |---|---|
//! | `/a/b/file` | from the root dataset on: a dataset wins over a directory of the same name |
//! | `/a/.zfs/snapshot/s/file`, `/a@s/file` | into a snapshot |
//! | `pool/a@s:/b/file` | in this dataset and no other |
//! | `pool/a:#17` | an object of it |
//! | `pool/a` | its root directory, or the volume |
//!
//! ```
//! # use zfsp::{device, namespace::{Namespace, Place}, pool::{Gathering, Options, Pool}};
//! # let found = device::find(&["fixtures/simple".into()]);
//! # let pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
//! let names = Namespace::of(&pool);
//! let found = names.find(b"/n1/.zfs/snapshot/s1")?;
//! assert_eq!(found.dataset.name, "lab/n1@s1");
//! # Ok::<(), zfsp::error::Error>(())
//! ```

pub mod escape;
mod walk;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zfsp_grammar::input::Text;
use zfsp_grammar::objset::ObjsetType;

use crate::dataset::property::Value;
use crate::dataset::{Dataset, Datasets, Dsl};
use crate::error::{Error, Result};
use crate::file::{File, RECORD_SIZE};
use crate::fs::{FileSystem, Inode};
use crate::object::Loss;
use crate::pool::{Pool, PoolRef};
use crate::volume::Volume;

pub use walk::{Entry, Found, Walk};

/// Datasets that are kept open: there may be any number of snapshots.
const MOST_OPEN: usize = 1024;

/// The names of a pool.
#[derive(Debug)]
pub struct Namespace<'p> {
    dsl: Dsl<'p>,
    /// By their objects in the MOS.
    opened: Mutex<HashMap<u64, Held>>,
    /// Intent logs are applied.
    replays: bool,
}

/// What a name leads to.
#[derive(Clone, Debug)]
pub struct Location {
    /// The dataset that it is in.
    pub dataset: Dataset,
    /// Where in the dataset: from its root on, with a slash in front. Empty for volumes and objects.
    pub path: Vec<u8>,
    /// True if what is below may lead into other datasets.
    pub crosses: bool,
    /// What is there.
    pub place: Place,
}

/// What there is at the end of a name.
#[derive(Clone, Debug)]
pub enum Place {
    /// A file, a directory, or whatever a file system has.
    Inode(Box<Inode>),
    /// A volume.
    Volume(Box<Volume>),
    /// The root of a dataset that cannot be read, or is locked: others may be below.
    Lost(Arc<Error>),
}

/// What a dataset holds.
#[derive(Clone, Debug)]
pub enum Held {
    /// A file system.
    FileSystem(FileSystem),
    /// A volume.
    Volume(Box<Volume>),
}

impl Location {
    /// Its bytes: of a file or a volume; of others what their object holds. `None` if it is lost.
    #[must_use]
    pub fn content(&self) -> Option<File> {
        match &self.place {
            Place::Inode(inode) => Some(inode.content()),
            Place::Volume(volume) => Some(volume.data()),
            Place::Lost(_) => None,
        }
    }
}

/// Whether a symbolic link at the end of a name is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// What it leads to is meant.
    Follow,
    /// It is meant itself.
    Keep,
}

impl<'p> Namespace<'p> {
    /// The names of this pool.
    #[must_use]
    pub fn of(pool: impl Into<PoolRef<'p>>) -> Self {
        Self { dsl: Dsl::of(pool), opened: Mutex::default(), replays: false }
    }

    /// The same with intent logs applied: datasets as they will be after the next import.
    #[must_use]
    pub fn replayed(pool: impl Into<PoolRef<'p>>) -> Self {
        Self { replays: true, ..Self::of(pool) }
    }

    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.dsl.pool
    }

    /// What the pool knows of its datasets.
    #[must_use]
    pub fn dsl(&self) -> &Dsl<'p> {
        &self.dsl
    }

    /// All datasets, and what is lost of them.
    #[must_use]
    pub fn datasets(&self) -> &Datasets {
        &self.dsl.datasets
    }

    /// What a name leads to; a link at its end is not followed.
    ///
    /// # Errors
    /// If it leads nowhere: the message says where it ends.
    pub fn find(&self, name: &[u8]) -> Result<Location> {
        self.locate(name, Links::Keep)
    }

    /// What a name leads to.
    ///
    /// # Errors
    /// If it leads nowhere: the message says where it ends.
    pub fn locate(&self, name: &[u8], links: Links) -> Result<Location> {
        if name.starts_with(b"/") {
            return self.across(name, links);
        }
        for at in (0..name.len()).filter(|at| name.get(*at) == Some(&b':')) {
            let (Some(dataset), Some(rest)) = (name.get(..at), name.get(at.saturating_add(1)..)) else {
                continue;
            };
            let Some(dataset) = self.dataset(dataset) else { continue };
            if let Some(number) = rest.strip_prefix(b"#") {
                return self.object(dataset, number);
            }
            if rest.is_empty() || rest.starts_with(b"/") {
                return self.within(dataset, rest, false, links);
            }
        }
        let before = |text: &str| text.find(":/").or_else(|| text.find(":#")).unwrap_or(text.len());
        let text = Text(name).to_string();
        let dataset = self.datasets().find(text.get(..before(&text)).unwrap_or(&text))?;
        self.within(dataset, b"/", false, links)
    }

    /// The dataset of that name.
    fn dataset(&self, name: &[u8]) -> Option<&Dataset> {
        let name = std::str::from_utf8(name).ok()?;
        self.datasets().all.iter().find(|set| set.name == name)
    }

    /// A path from the root dataset on.
    fn across(&self, path: &[u8], links: Links) -> Result<Location> {
        let mut rest: Vec<&[u8]> = Vec::new();
        for part in path.split(|b| *b == b'/').filter(|part| !part.is_empty() && *part != b".") {
            match part {
                b".." => drop(rest.pop()),
                _ => rest.push(part),
            }
        }
        rest.reverse();
        let mut at = self.datasets().find(&self.pool().name)?;
        while let Some(part) = rest.last() {
            let snapshot = match rest.as_slice() {
                [.., name, b"snapshot", b".zfs"] => Some(([at.name.as_bytes(), b"@", name].concat(), 3)),
                [.., name] if name.starts_with(b"@") => Some(([at.name.as_bytes(), name].concat(), 1)),
                _ => None,
            };
            let below = [at.name.as_bytes(), b"/", part].concat();
            if let Some((snapshot, parts)) = snapshot {
                at = self.datasets().find(&Text(&snapshot).to_string())?;
                rest.truncate(rest.len().saturating_sub(parts));
            } else if let Some(below) = self.dataset(&below).filter(|_| !at.is_snapshot()) {
                at = below;
                rest.pop();
            } else {
                break;
            }
        }
        rest.reverse();
        let path = [b"/".as_slice(), &rest.join(&b'/')].concat();
        self.within(at, &path, !at.is_snapshot(), links)
    }

    fn within(&self, dataset: &Dataset, path: &[u8], crosses: bool, links: Links) -> Result<Location> {
        let named = |error: Error| error.within(&dataset.name);
        let is_root = path.iter().all(|b| *b == b'/');
        let (path, place) = match self.root(dataset) {
            Ok(Place::Volume(_)) if !is_root => {
                return Err(named(Error::not_found("a volume: it has no files".into())));
            }
            Ok(Place::Inode(_)) if is_root => (b"/".to_vec(), self.root(dataset)?),
            Ok(Place::Inode(root)) => {
                let found = match links {
                    Links::Follow => root.fs().follow(path),
                    Links::Keep => root.fs().find(path),
                };
                (path.to_vec(), Place::Inode(Box::new(found.map_err(named)?)))
            }
            Ok(place) => (Vec::new(), place),
            // what is below may be had all the same
            Err(error) if is_root && crosses && !self.children(dataset).is_empty() => {
                (b"/".to_vec(), Place::Lost(Arc::new(error)))
            }
            Err(error) => return Err(error),
        };
        Ok(Location { dataset: dataset.clone(), path, crosses, place })
    }

    fn object(&self, dataset: &Dataset, number: &[u8]) -> Result<Location> {
        let number = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok());
        let number =
            number.ok_or_else(|| Error::not_found("expected a number behind #, like lab:#17".into()))?;
        let Held::FileSystem(fs) = self.open(dataset)? else {
            return Err(Error::not_found(format!("{}: a volume: its objects are no files", dataset.name)));
        };
        let place = Place::Inode(Box::new(fs.inode(number)?));
        Ok(Location { dataset: dataset.clone(), path: Vec::new(), crosses: false, place })
    }

    /// What a dataset is: a volume, or the root directory of a file system.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn root(&self, dataset: &Dataset) -> Result<Place> {
        match self.open(dataset)? {
            Held::Volume(volume) => Ok(Place::Volume(volume)),
            Held::FileSystem(fs) => match fs.root() {
                Ok(root) => Ok(Place::Inode(Box::new(root))),
                Err(loss) => Err(Error::from(loss).within(&dataset.name)),
            },
        }
    }

    /// What a dataset holds, whether or not its root directory can be read. What was opened is kept for a while.
    ///
    /// # Errors
    /// If it cannot be read. A file system that is locked is an error; of a volume that is, the size is in clear.
    pub fn open(&self, dataset: &Dataset) -> Result<Held> {
        if let Some(held) = self.opened().get(&dataset.object) {
            return Ok(held.clone());
        }
        let held = self.open_anew(dataset)?;
        let mut opened = self.opened();
        if opened.len() >= MOST_OPEN {
            opened.clear();
        }
        opened.insert(dataset.object, held.clone());
        Ok(held)
    }

    fn open_anew(&self, dataset: &Dataset) -> Result<Held> {
        let named = |loss: Loss| Error::from(loss).within(&dataset.name);
        let set = dataset.objset(self.pool()).map_err(named)?;
        let has_key = || self.dsl.key_object(dataset.dir.object).is_ok_and(|key| key.is_some());
        if !set.is_encrypted() && has_key() {
            let what = "its directory has a key, but its blocks have no MAC: somebody else wrote them";
            return Err(Error::corrupt(what).within(&dataset.name));
        }
        let is_replayed = self.replays && !dataset.is_snapshot();
        if set.r#type == ObjsetType::ZVOL {
            let volume = Volume::open(set).map_err(named)?;
            let volume = if is_replayed { volume.replayed(self.pool()) } else { volume };
            return Ok(Held::Volume(Box::new(volume)));
        }
        if set.is_locked() {
            return Err(self.locked(dataset));
        }
        let fs = FileSystem::open(set).map_err(named)?;
        let fs = if is_replayed { fs.replayed(self.pool(), self.record_size(dataset)) } else { fs };
        Ok(Held::FileSystem(fs))
    }

    /// That a dataset is encrypted, and its key was not given.
    #[must_use]
    pub fn locked(&self, dataset: &Dataset) -> Error {
        Error::needs_key(self.dsl.needed_key(dataset))
    }

    fn record_size(&self, dataset: &Dataset) -> Result<u64, Loss> {
        let setting = self.dsl.property(dataset, "recordsize")?;
        Ok(match setting.map(|setting| setting.value) {
            Some(Value::Bytes(size)) => size,
            _ => RECORD_SIZE,
        })
    }

    /// The datasets that were opened.
    fn opened(&self) -> MutexGuard<'_, HashMap<u64, Held>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The datasets right below one, by the last part of their names.
    fn children(&self, of: &Dataset) -> Vec<(&[u8], &Dataset)> {
        let visible = self.datasets().all.iter().filter(|set| !set.is_hidden);
        let below = visible.filter_map(|set| {
            let last = set.name.strip_prefix(of.name.as_str())?.strip_prefix('/')?;
            (!last.contains(['/', '@'])).then_some((last.as_bytes(), set))
        });
        below.collect()
    }
}
