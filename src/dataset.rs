//! Datasets by name: DSL directories, heads, snapshots.
//!
//! Handbook: `docs/format/11-dsl.md`, 11.11, and `docs/format/24-reader-recipes.md`, 24.7.

use std::collections::{BTreeMap, HashSet};

use zfsp_grammar::bonus::Bonus;
use zfsp_grammar::dsl::dataset::DslDataset;
use zfsp_grammar::dsl::dir::{DslDir, is_hidden};
use zfsp_grammar::object_type::ObjectType;

use crate::block::Why;
use crate::error::{Error, Result};
use crate::object::{DNODE, Loss, ObjectAt};
use crate::objset::ObjectSet;
use crate::pool::Pool;
use crate::zap::Zap;

/// A dataset: a file system or volume as it is now, or a snapshot of it.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// `pool/a/b` or `pool/a/b@snapshot`.
    pub name: String,
    /// MOS object.
    pub object: u64,
    /// What the MOS says of it.
    pub phys: DslDataset,
    /// The pool's own, or a receive that was not finished: no tool lists it.
    pub is_hidden: bool,
}

/// The datasets that names lead to, and what is lost of them.
#[derive(Clone, Debug, Default)]
pub struct Datasets {
    /// In the order of names; snapshots behind their dataset, by age.
    pub all: Vec<Dataset>,
    /// What could not be read.
    pub losses: Vec<Loss>,
}

impl Datasets {
    /// All datasets of the pool.
    #[must_use]
    pub fn of(pool: &Pool) -> Self {
        let mut search = Search { mos: &pool.mos, seen: HashSet::new(), found: Self::default() };
        match pool.directory_number("root_dataset") {
            Ok(Some(root)) => search.run(pool.name.clone(), root),
            Ok(None) => search.lose(1, "the pool directory has no root_dataset".into()),
            Err(error) => search.lose(1, error.to_string()),
        }
        search.found
    }
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
            Error::not_found(format!("no dataset '{name}': there are {}", few(&near)))
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
        ObjectSet::open(&pool.store, self.object, self.phys.bp)
    }
}

/// Names of datasets are at most 255 bytes long, each level of at least two.
const DEEPEST: usize = 128;

/// A search through the directories.
struct Search<'p> {
    mos: &'p ObjectSet,
    /// Directories and datasets that were met: damage may lead in circles.
    seen: HashSet<u64>,
    found: Datasets,
}

impl Search<'_> {
    fn run(&mut self, name: String, root: u64) {
        // depth first, in the order of names
        let mut left = vec![(name, root, false, 0usize)];
        while let Some((name, dir, hidden, depth)) = left.pop() {
            if depth > DEEPEST || !self.seen.insert(dir) {
                self.lose(dir, format!("directory {name} is met twice"));
                continue;
            }
            let Some(phys) = self.dir(dir) else { continue };
            if phys.head_dataset_obj.0 != 0 {
                self.head(&name, phys.head_dataset_obj.0, hidden);
            }
            let mut children = self.entries(phys.child_dir_zapobj.0);
            children.sort();
            let below = children.into_iter().rev().map(|(child, dir)| {
                let hidden = hidden || is_hidden(child.as_bytes());
                (format!("{name}/{child}"), dir, hidden, depth.saturating_add(1))
            });
            left.extend(below);
        }
    }

    fn dir(&mut self, number: u64) -> Option<DslDir> {
        let object = self.keep(self.mos.object(number))?;
        match object.dnode().map(|dnode| dnode.bonus) {
            Some(Bonus::DslDir(dir)) if object.bonustype == ObjectType::DSL_DIR => Some(dir),
            _ => {
                self.lose(number, "no DSL directory".into());
                None
            }
        }
    }

    fn dataset(&mut self, number: u64) -> Option<DslDataset> {
        let object = self.keep(self.mos.object(number))?;
        match object.dnode().map(|dnode| dnode.bonus) {
            Some(Bonus::DslDataset(dataset)) => Some(dataset),
            _ => {
                self.lose(number, "no dataset".into());
                None
            }
        }
    }

    fn head(&mut self, name: &str, object: u64, is_hidden: bool) {
        if !self.seen.insert(object) {
            return self.lose(object, format!("dataset {name} is met twice"));
        }
        let Some(phys) = self.dataset(object) else { return };
        self.found.all.push(Dataset { name: name.into(), object, phys, is_hidden });
        let mut snapshots = Vec::new();
        for (snapshot, object) in self.entries(phys.snapnames_zapobj.0) {
            if !self.seen.insert(object) {
                self.lose(object, format!("snapshot {name}@{snapshot} is met twice"));
            } else if let Some(phys) = self.dataset(object) {
                let is_hidden = is_hidden || zfsp_grammar::dsl::dir::is_hidden(snapshot.as_bytes());
                snapshots.push(Dataset { name: format!("{name}@{snapshot}"), object, phys, is_hidden });
            }
        }
        snapshots.sort_by(|a, b| (a.phys.creation_txg, &a.name).cmp(&(b.phys.creation_txg, &b.name)));
        self.found.all.extend(snapshots);
    }

    /// Names and objects of a ZAP; 0 stands for none.
    fn entries(&mut self, zap: u64) -> Vec<(String, u64)> {
        if zap == 0 {
            return Vec::new();
        }
        let Some(object) = self.keep(self.mos.object(zap)) else { return Vec::new() };
        let Some(zap) = self.keep(Zap::of(&object)) else { return Vec::new() };
        let mut found = Vec::new();
        for entry in zap.entries() {
            if let Some(entry) = self.keep(entry)
                && let Some(number) = entry.value.first()
            {
                found.push((entry.key.to_string(), number));
            }
        }
        found
    }

    fn keep<T>(&mut self, read: Result<T, Loss>) -> Option<T> {
        read.map_err(|loss| self.found.losses.push(loss)).ok()
    }

    fn lose(&mut self, object: u64, what: String) {
        let at = ObjectAt { objset: 0, object: i64::try_from(object).unwrap_or(i64::MAX) };
        self.found.losses.push(Loss::new(at.block(0, DNODE), Why::Corrupt(what)));
    }
}
