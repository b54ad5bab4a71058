//! Pools: devices -> labels -> configuration -> uberblock -> MOS.
//!
//! A pool opens with whatever devices there are, as long as one label can be read and one uberblock leads to a MOS.
//! Nothing is imported, nothing is written. Handbook: `docs/format/24-reader-recipes.md`, 24.1 and 24.2.
//!
//! ```
//! use zfsp::{device, pool::{Gathering, Options, Pool}};
//!
//! // one disk of a RAID-Z is missing
//! let found = device::find(&["fixtures/raidz1-3/d1.img.zst".into(), "fixtures/raidz1-3/d3.img.zst".into()]);
//! let pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
//! assert_eq!(pool.troubles.len(), 1);
//! assert!(pool.troubles[0].to_string().starts_with("missing: device "));
//! // and an older state
//! # let found = device::find(&["fixtures/raidz1-3".into()]);
//! let older = Pool::open(Gathering::of(found.devices), &Options { txg: Some(20), ..Options::default() })?;
//! assert!(older.uberblock.txg.0 <= 20);
//! # Ok::<(), zfsp::error::Error>(())
//! ```

mod assembly;
mod directory;
mod gather;
mod member;
mod open;
mod reference;
mod tables;

use std::sync::Arc;

use zfsp_grammar::config::Errata;
use zfsp_grammar::dsl::dataset::DslDataset;
use zfsp_grammar::nvlist::List;
use zfsp_grammar::uberblock::Uberblock;

use crate::block::Store;
use crate::error::{Error, Result};
use crate::keyring::Keyring;
use crate::object::Object;
use crate::objset::ObjectSet;
use crate::vdev::config::VdevConfig;
use crate::zap::Zap;

pub use assembly::leaves;
pub use gather::{Devices, Gathering};
pub use member::{LabelConfig, LabelCopy, Member, RingSlot, SlotContent};
pub use open::Options;
pub use reference::PoolRef;

/// A pool that is open for reading.
#[derive(Debug)]
pub struct Pool {
    /// Identity.
    pub guid: u64,
    /// What the newest label calls it.
    pub name: String,
    /// Its devices, as far as they were given.
    pub members: Arc<Vec<Member>>,
    /// Devices whose labels cannot be read, but whose uberblocks are of this pool.
    pub nameless: Arc<Vec<Member>>,
    /// What its blocks are read with.
    pub store: Arc<Store>,
    /// What opens its encrypted datasets.
    pub keyring: Keyring,
    /// The uberblock that is looked at.
    pub uberblock: Uberblock,
    /// The newest uberblock that there is.
    pub newest: Uberblock,
    /// The meta object set.
    pub mos: ObjectSet,
    /// All vdevs: as the MOS describes them, or as far as the labels do.
    pub config: VdevConfig,
    /// What is wrong with the pool as a whole, or stands in the way.
    pub troubles: Vec<Trouble>,
}

/// What is wrong with a pool as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A device is not there.
    DeviceMissing(String),
    /// The labels were written in a later txg than the newest uberblock that is right: newer ones are lost.
    UberblockLost {
        /// Of the newest label.
        label: u64,
        /// Of the newest uberblock.
        newest: u64,
    },
    /// A device is shorter than its vdev says.
    CutShort(String),
    /// A device of the pool has no readable label: it is taken for whichever is missing.
    NoLabel(String),
    /// The newest uberblock does not lead to a readable pool; an older one was taken.
    Rewound(String),
    /// Something that every pool has could not be read.
    Unreadable(String),
    /// A feature that is not known.
    Feature(String),
    /// The devices are not those that the uberblock counts.
    GuidSum,
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UberblockLost { label, newest } => {
                write!(
                    f,
                    "the labels are of txg {label}, but the newest uberblock that is right is of txg {newest}"
                )
            }
            Self::CutShort(device) => write!(f, "{device}: cut short: its vdev is larger"),
            Self::NoLabel(device) => {
                write!(
                    f,
                    "{device}: no label can be read; by its uberblocks it is one of the missing devices"
                )
            }
            Self::DeviceMissing(what) => write!(f, "missing: {what}"),
            Self::Rewound(what) | Self::Unreadable(what) => f.write_str(what),
            Self::Feature(guid) => {
                write!(f, "unknown feature {guid} is in use: some things may not be readable")
            }
            Self::GuidSum => {
                f.write_str("the vdevs are not all that the uberblock counts: their guids have another sum")
            }
        }
    }
}

impl Pool {
    /// The object set of the dataset that is object `id` of the MOS; of 0 the MOS itself.
    ///
    /// # Errors
    /// If `id` is no dataset, or its object set cannot be had.
    pub fn objset(&self, id: u64) -> Result<ObjectSet> {
        if id == 0 {
            return Ok(self.mos.clone());
        }
        let object = self.mos.object(id)?;
        let dnode = object.dnode();
        match dnode.map(|dnode| dnode.bonus) {
            Some(zfsp_grammar::bonus::Bonus::DslDataset(dataset)) => {
                Ok(ObjectSet::open(self.store_of(&dataset), id, dataset.bp)?)
            }
            _ => Err(Error::corrupt(format!("MOS object {id} is no dataset"))),
        }
    }

    /// What the blocks of a dataset are read with: with its key, if that is on the keyring.
    #[must_use]
    pub fn store_of(&self, dataset: &DslDataset) -> &Arc<Store> {
        self.keyring.store(dataset.dir_obj.0).unwrap_or(&self.store)
    }

    /// The pool directory: MOS object 1.
    ///
    /// # Errors
    /// If it cannot be had.
    pub fn directory(&self) -> Result<Object> {
        Ok(self.mos.object(directory::POOL_DIRECTORY)?)
    }

    /// Whether a feature has users; false also where that cannot be read.
    #[must_use]
    pub fn uses_feature(&self, guid: &str) -> bool {
        let Ok(directory) = self.directory() else { return false };
        Zap::of(&directory).is_ok_and(|directory| directory::is_active(&self.mos, &directory, guid))
    }

    /// What a top-level vdev is for, if not for usual blocks, nor for logs: `special`, `dedup`.
    #[must_use]
    pub fn allocation_bias(&self, top: &VdevConfig) -> Option<String> {
        let object = self.mos.object(top.top_zap?).ok()?;
        let value = Zap::of(&object).ok()?.get(b"org.zfsonlinux:allocation_bias").ok()??;
        Some(value.text()?.to_string())
    }

    /// The text that the configuration in the MOS has for `key`.
    ///
    /// # Errors
    /// If the configuration cannot be read.
    pub fn configured(&self, key: &str) -> Result<Option<String>> {
        let text = |list: &List<'_>| list.text(key).map(|text| text.to_string());
        let directory = self.directory()?;
        directory::with_config(&self.mos, &Zap::of(&directory)?, text)
    }

    /// The bug of a former release that the pool is known to suffer from; `None` where nothing says so.
    ///
    /// # Errors
    /// If neither the MOS nor a label tells it, and the configuration in the MOS cannot be read.
    pub fn errata(&self) -> Result<Option<Errata>> {
        let directory = self.directory()?;
        let told = directory::with_config(&self.mos, &Zap::of(&directory)?, |list| list.number("errata"));
        let labels = self.members.iter().filter_map(Member::config);
        let of_labels = labels.max_by_key(|config| config.txg).and_then(|config| config.errata);
        let number = match (told, of_labels) {
            (Ok(told), _) => told.or(of_labels),
            (Err(_), Some(errata)) => Some(errata),
            (Err(error), None) => return Err(error),
        };
        Ok(number.map(Errata).filter(|errata| *errata != Errata::NONE))
    }

    /// The number that the pool directory has for `key`.
    ///
    /// # Errors
    /// If the directory cannot be read there.
    pub fn directory_number(&self, key: &str) -> Result<Option<u64>> {
        let directory = self.directory()?;
        Ok(Zap::of(&directory)?.number(key)?)
    }
}
