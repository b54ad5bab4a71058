//! Datasets by name: DSL directories, heads, snapshots; and all that the pool knows of them but their content.
//!
//! [`Datasets`] finds them. [`Dsl`] tells more: properties, bookmarks, holds, permissions, keys, space by user. Handbook:
//! `docs/format/11-dsl.md`, 11.11, and `docs/format/24-reader-recipes.md`, 24.7.
//!
//! ```
//! use zfsp::dataset::Dsl;
//! # use zfsp::{device, pool::{Gathering, Options, Pool}};
//! # let found = device::find(&["fixtures/simple".into()]);
//! # let pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
//!
//! let dsl = Dsl::of(&pool);
//! let below = dsl.datasets.find("lab/n1/n2")?;
//! let note = dsl.property(below, "org.example:note")?.expect("a user property");
//! assert_eq!((note.value.to_string(), note.source.to_string()), ("fixture simple".into(), "inherited from lab/n1".into()));
//! # Ok::<(), zfsp::error::Error>(())
//! ```

mod accounting;
mod attributes;
mod bookmark;
mod delegation;
pub(crate) mod dir;
mod dsl;
mod encryption;
mod encryption_root;
mod hold;
mod locked;
mod native_list;
pub mod property;
mod resume;
mod search;
mod space;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use zfsp_grammar::dsl::dataset::DslDataset;

use crate::error::{Error, Result};
use crate::object::Loss;
use crate::objset::ObjectSet;
use crate::pool::Pool;

pub use accounting::{Account, DefaultQuota, Holder, Usage};
pub use bookmark::DatasetBookmark;
pub use delegation::{Grant, Grants, Receiver};
pub use dir::Dir;
pub use dsl::Dsl;
pub use encryption::Encryption;
pub use encryption_root::{
    Encrypted, EncryptedSnapshot, EncryptionRoot, EncryptionRoots, Erratum, Rootless, Unread,
};
pub use hold::Hold;
pub use space::Space;

/// The pool directory, in the MOS.
const DIRECTORY: u64 = 1;

/// A dataset: a file system or volume as it is now, or a snapshot of it.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// `pool/a/b` or `pool/a/b@snapshot`.
    pub name: String,
    /// MOS object.
    pub object: u64,
    /// What the MOS says of it.
    pub phys: DslDataset,
    /// The directory that it shares with the other states of the same dataset.
    pub dir: Arc<Dir>,
    /// The pool's own, or a receive that was not finished: no tool lists it.
    pub is_hidden: bool,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A file system as it is now.
    FileSystem,
    /// A volume as it is now.
    Volume,
    /// Either of them as it was.
    Snapshot,
    /// What is remembered of a snapshot.
    Bookmark,
}

impl Kind {
    /// `filesystem`, `volume`, `snapshot` or `bookmark`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FileSystem => "filesystem",
            Self::Volume => "volume",
            Self::Snapshot => "snapshot",
            Self::Bookmark => "bookmark",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The datasets that names lead to, and what is lost of them.
#[derive(Clone, Debug, Default)]
pub struct Datasets {
    /// In the order of names; snapshots behind their dataset, by age.
    pub all: Vec<Dataset>,
    /// The directories, also those without a dataset, in the order in which they were found: above before below.
    pub dirs: Vec<Arc<Dir>>,
    /// What could not be read.
    pub losses: Vec<Loss>,
}

impl Datasets {
    /// The dataset called `name`: `pool/a`, `pool/a@snapshot`; or the number of its MOS object, `#54`.
    ///
    /// # Errors
    /// If there is none; the message says what there is.
    pub fn find(&self, name: &str) -> Result<&Dataset> {
        let number = name.strip_prefix('#').and_then(|number| number.parse::<u64>().ok());
        let found = self.all.iter().find(|set| Some(set.object) == number || set.name == name);
        found.ok_or_else(|| {
            let head = name.split('@').next().unwrap_or_default();
            let near =
                self.all.iter().filter(|set| !set.is_hidden && set.name.split('@').next() == Some(head));
            let near: Vec<&str> = near.map(|set| set.name.as_str()).collect();
            let visible = self.all.iter().filter(|set| !set.is_hidden && !set.is_snapshot());
            let near = if near.is_empty() { visible.map(|set| set.name.as_str()).collect() } else { near };
            Error::not_found(match near.is_empty() {
                true => format!("no dataset '{name}': none can be read"),
                false => format!("no dataset '{name}': there are {}", few(&near)),
            })
        })
    }
    /// Names by MOS object.
    #[must_use]
    pub fn names(&self) -> BTreeMap<u64, &str> {
        self.all.iter().map(|set| (set.object, set.name.as_str())).collect()
    }
}

/// Names that a message lists.
const LISTED: usize = 12;

fn few(names: &[&str]) -> String {
    let shown: Vec<&str> = names.iter().take(LISTED).copied().collect();
    match names.len().checked_sub(LISTED).filter(|more| *more > 0) {
        Some(more) => format!("{} and {more} more", shown.join(", ")),
        None => shown.join(", "),
    }
}

impl Dataset {
    /// True for snapshots.
    #[must_use]
    pub fn is_snapshot(&self) -> bool {
        self.phys.is_snapshot()
    }
    /// Its objects.
    ///
    /// # Errors
    /// [`Loss`], if its object set cannot be had.
    pub fn objset(&self, pool: &Pool) -> Result<ObjectSet, Loss> {
        let open = if self.phys.flags.inconsistent() { ObjectSet::open_unfinished } else { ObjectSet::open };
        open(pool.store_of(&self.phys), self.object, self.phys.bp)
    }
}
