//! All that is below a place, across datasets: a dataset stands in the place of the directory of its name, as if it
//! were mounted there.

use std::sync::Arc;

use super::{Location, Namespace, Place};
use crate::dataset::Dataset;
use crate::error::Error;
use crate::fs::{self, DirEntry, Inode};
use crate::object::Loss;
use crate::volume::Volume;

/// What was met below a place.
#[derive(Clone, Debug)]
pub struct Entry<'n> {
    /// From the place on, without a slash in front; empty for the place itself.
    pub path: Vec<u8>,
    /// The last part of the path, as it is stored: damage may put a slash into it. Empty for the place itself.
    pub name: Vec<u8>,
    /// Directories above it, from the place on.
    pub depth: usize,
    /// The dataset that it is in.
    pub dataset: &'n Dataset,
    /// True for the root of a dataset, and for volumes.
    pub is_dataset: bool,
    /// True for the last one of its directory.
    pub is_last: bool,
    /// What is lost of the dataset as a whole, where it starts: layouts, records of its intent log.
    pub losses: Vec<Loss>,
    /// What is there.
    pub found: Found,
}

/// What there is.
#[derive(Clone, Debug)]
pub enum Found {
    /// A file, a directory, or whatever a file system has.
    Inode(Box<Inode>),
    /// A volume.
    Volume(Box<Volume>),
    /// An entry of a directory whose object cannot be read.
    Lost(DirEntry, Loss),
    /// Entries of the directory of this path are lost.
    LostEntries(Loss),
    /// A dataset that cannot be read, or is locked.
    LostDataset(Arc<Error>),
}

/// A walk across datasets: see [`Namespace::walk`].
#[derive(Debug)]
pub struct Walk<'n> {
    names: &'n Namespace<'n>,
    /// The datasets on the way to where it is.
    way: Vec<Level<'n>>,
    /// What was asked for, if it is a volume, or lost.
    first: Option<Entry<'n>>,
    deepest: usize,
}

/// A dataset that is being walked.
#[derive(Debug)]
struct Level<'n> {
    dataset: &'n Dataset,
    prefix: Vec<u8>,
    /// Directories above its root.
    depth: usize,
    /// `None` if the root is lost: only datasets are below.
    walk: Option<fs::Walk>,
    /// Something below the root was given.
    has_started: bool,
    /// True if it starts at the root of the dataset.
    is_whole: bool,
    /// Datasets below that were not met yet.
    children: Vec<(&'n [u8], &'n Dataset)>,
}

impl<'n> Namespace<'n> {
    /// All that is at and below `location`, each directory before what is in it; `deepest` levels down.
    pub fn walk(&'n self, location: &Location, deepest: usize) -> Walk<'n> {
        let mut walk = Walk { names: self, way: Vec::new(), first: None, deepest };
        let Some(dataset) = self.datasets().all.iter().find(|set| set.object == location.dataset.object)
        else {
            return walk;
        };
        let is_root = location.path == b"/";
        let crosses = location.crosses && is_root && deepest > 0;
        let children = if crosses { self.children(dataset) } else { Vec::new() };
        let (found, walked) = match &location.place {
            Place::Inode(inode) => (None, Some(inode.as_ref().clone().walk().to_depth(deepest))),
            Place::Volume(volume) => (Some(Found::Volume(volume.clone())), None),
            Place::Lost(why) => (Some(Found::LostDataset(why.clone())), None),
        };
        walk.first = found.map(|found| Entry {
            path: Vec::new(),
            name: Vec::new(),
            depth: 0,
            dataset,
            is_dataset: true,
            is_last: true,
            // who asks for a place is told when it is found
            losses: Vec::new(),
            found,
        });
        let (prefix, has_started) = (Vec::new(), false);
        walk.way.push(Level {
            dataset,
            prefix,
            depth: 0,
            walk: walked,
            has_started,
            is_whole: is_root,
            children,
        });
        walk
    }
}

impl<'n> Walk<'n> {
    /// Leaves out what is in the directory that was given last.
    pub fn leave_out(&mut self) {
        if let Some(level) = self.way.last_mut() {
            if let Some(walk) = &mut level.walk {
                walk.leave_out();
            }
            if !level.has_started {
                level.children.clear();
            }
        }
    }

    /// Goes into a dataset; gives it itself.
    fn enter(&mut self, path: Vec<u8>, dataset: &'n Dataset, is_last: bool) -> Entry<'n> {
        let depth = self.way.last().map_or(0, |level| level.depth).saturating_add(1);
        let left = self.deepest.saturating_sub(depth);
        let mut level = |walk| {
            let children = if left > 0 { self.names.children(dataset) } else { Vec::new() };
            let (prefix, has_started) = (path.clone(), false);
            self.way.push(Level { dataset, prefix, depth, walk, has_started, is_whole: true, children });
        };
        let (losses, found) = match self.names.root(dataset) {
            Err(error) => {
                level(None);
                (Vec::new(), Found::LostDataset(Arc::new(error)))
            }
            Ok(Place::Lost(why)) => (Vec::new(), Found::LostDataset(why)),
            Ok(Place::Volume(volume)) => (volume.losses.clone(), Found::Volume(volume)),
            Ok(Place::Inode(inode)) => {
                let mut walk = inode.as_ref().clone().walk().to_depth(left);
                // the root itself is given from here
                walk.next();
                level(Some(walk));
                (inode.fs().losses().to_vec(), Found::Inode(inode))
            }
        };
        let name = dataset.name.rsplit('/').next().unwrap_or_default().as_bytes().to_vec();
        Entry { path, name, depth, dataset, is_dataset: true, is_last, losses, found }
    }
}

impl Level<'_> {
    fn path(&self, below: &[u8]) -> Vec<u8> {
        let slash: &[u8] = if self.prefix.is_empty() || below.is_empty() { b"" } else { b"/" };
        [&self.prefix, slash, below].concat()
    }
}

impl<'n> Iterator for Walk<'n> {
    type Item = Entry<'n>;

    fn next(&mut self) -> Option<Entry<'n>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            let level = self.way.last_mut()?;
            let Some(visit) = level.walk.as_mut().and_then(fs::Walk::next) else {
                level.has_started = true;
                // datasets without a directory to be mounted on
                match level.children.is_empty() {
                    false => {
                        let (name, child) = level.children.remove(0);
                        let (path, is_last) = (level.path(name), level.children.is_empty());
                        return Some(self.enter(path, child, is_last));
                    }
                    true => self.way.pop(),
                };
                continue;
            };
            level.has_started |= !visit.path.is_empty();
            let path = level.path(&visit.path);
            let shadow = level.children.iter().position(|(name, _)| *name == visit.path);
            if let Some(child) = shadow {
                let (_, child) = level.children.remove(child);
                if let Some(walk) = &mut level.walk {
                    walk.leave_out();
                }
                let is_last = visit.is_last && level.children.is_empty();
                return Some(self.enter(path, child, is_last));
            }
            let is_top = visit.entry.is_none() || visit.path.contains(&b'/');
            let is_last = visit.is_last && (is_top || level.children.is_empty());
            let is_dataset = level.is_whole && visit.entry.is_none() && visit.inode().is_some();
            let name = visit.entry.as_ref().map(|entry| entry.bytes.clone()).unwrap_or_default();
            let depth = level.depth.saturating_add(visit.depth);
            let found = match (visit.found, visit.entry) {
                (fs::Found::Inode(inode), _) => Found::Inode(inode),
                (fs::Found::Lost(loss), Some(entry)) => Found::Lost(entry, loss),
                (fs::Found::Lost(loss) | fs::Found::LostEntries(loss), _) => Found::LostEntries(loss),
            };
            let (dataset, losses) = (level.dataset, Vec::new());
            return Some(Entry { path, name, depth, dataset, is_dataset, is_last, losses, found });
        }
    }
}
