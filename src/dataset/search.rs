//! The search for datasets: from the root directory down, through the ZAPs of children and snapshots.
//!
//! What cannot be read is a loss, and the search goes on beside it. Handbook: `docs/format/11-dsl.md`, 11.11.

use std::collections::HashSet;
use std::sync::Arc;

use zfsp_grammar::dsl::dataset::DslDataset;
use zfsp_grammar::dsl::dir::is_hidden;

use super::{DIRECTORY, Dataset, Datasets, Dir, dir};
use crate::block::Why;
use crate::object::{DNODE, Loss, ObjectAt};
use crate::objset::ObjectSet;
use crate::pool::Pool;
use crate::zap::Zap;

impl Datasets {
    /// All datasets of the pool.
    #[must_use]
    pub fn of(pool: &Pool) -> Self {
        let mut search = Search { mos: &pool.mos, seen: HashSet::new(), found: Self::default() };
        match pool.directory_number("root_dataset") {
            Ok(Some(root)) => search.run(pool.name.clone(), root),
            Ok(None) => search.lose(DIRECTORY, "the pool directory has no root_dataset".into()),
            Err(error) => search.lose(DIRECTORY, error.to_string()),
        }
        search.found
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

/// A directory that a name leads to.
struct Found {
    name: String,
    object: u64,
    parent: Option<Arc<Dir>>,
    is_hidden: bool,
    depth: usize,
}

fn dir_is_hidden(name: &str) -> bool {
    is_hidden(name.as_bytes())
}

impl Search<'_> {
    fn run(&mut self, name: String, root: u64) {
        // depth first, in the order of names
        let mut left = vec![Found { name, object: root, parent: None, is_hidden: false, depth: 0 }];
        while let Some(Found { name, object, parent, is_hidden, depth }) = left.pop() {
            if depth > DEEPEST {
                self.lose(object, format!("directory {name} is below more than {DEEPEST} others"));
                continue;
            }
            if !self.seen.insert(object) {
                self.lose(object, format!("directory {name} is met twice"));
                continue;
            }
            let read = self.mos.object(object).and_then(|object| dir::phys(&object));
            let Some(phys) = self.keep(read) else { continue };
            let dir = Arc::new(Dir { name, object, phys, parent, is_hidden });
            if phys.head_dataset_obj.0 != 0 {
                self.head(&dir);
            }
            let mut children = self.entries(phys.child_dir_zapobj.0);
            children.sort();
            left.extend(children.into_iter().rev().map(|(child, object)| Found {
                name: format!("{}/{child}", dir.name),
                object,
                is_hidden: is_hidden || dir_is_hidden(&child),
                parent: Some(dir.clone()),
                depth: depth.saturating_add(1),
            }));
            self.found.dirs.push(dir);
        }
    }

    fn dataset(&mut self, number: u64) -> Option<DslDataset> {
        let read = self.mos.object(number).and_then(|object| dir::dataset(&object));
        self.keep(read)
    }

    fn head(&mut self, dir: &Arc<Dir>) {
        let (name, object) = (&dir.name, dir.phys.head_dataset_obj.0);
        if !self.seen.insert(object) {
            return self.lose(object, format!("dataset {name} is met twice"));
        }
        let Some(phys) = self.dataset(object) else { return };
        let found = |name: String, object, phys, is_hidden| Dataset {
            name,
            object,
            phys,
            dir: dir.clone(),
            is_hidden,
        };
        self.found.all.push(found(name.clone(), object, phys, dir.is_hidden));
        let mut snapshots = Vec::new();
        for (snapshot, object) in self.entries(phys.snapnames_zapobj.0) {
            if !self.seen.insert(object) {
                self.lose(object, format!("snapshot {name}@{snapshot} is met twice"));
            } else if let Some(phys) = self.dataset(object) {
                let is_hidden = dir.is_hidden || dir_is_hidden(&snapshot);
                snapshots.push(found(format!("{name}@{snapshot}"), object, phys, is_hidden));
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
