//! Paths of what changed: each directory above is read once for all that is wanted of it.
//!
//! Handbook: `docs/format/12-zpl.md`, 12.9 and 12.12.

use std::collections::hash_map::Entry::Vacant;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use rayon::prelude::*;
use zfsp_grammar::mode::FileType;

use crate::fs::{FileSystem, Inode};
use crate::object::{DNODE, Loss};

/// A name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    /// The directory.
    pub(super) parent: u64,
    pub(super) bytes: Vec<u8>,
}

/// The names of objects of a file system, as far as they were wanted.
#[derive(Debug)]
pub(super) struct Names<'f> {
    fs: &'f FileSystem,
    root: u64,
    known: HashMap<u64, Vec<Name>>,
    wanted: BTreeSet<u64>,
}

/// Directories above each other that a path is put together of.
const DEEPEST: usize = 4096;

/// What a look into a directory comes to: names of what was wanted, and what is lost.
type Found = (Vec<(u64, Name)>, Vec<Loss>);

/// The file of that number, if there is one. A number that is kept elsewhere than in a directory may be that of
/// something removed: a file with several links remembers the directory of one that is gone.
pub(super) fn present(fs: &FileSystem, number: u64) -> Result<Option<Inode>, Loss> {
    let is_its_own = |loss: &Loss| loss.at.blkid == DNODE && u64::try_from(loss.at.at.object) == Ok(number);
    match fs.inode(number) {
        Ok(inode) => Ok(Some(inode)),
        Err(loss) if is_its_own(&loss) => Ok(None),
        Err(loss) => Err(loss),
    }
}

impl<'f> Names<'f> {
    pub(super) fn of(fs: &'f FileSystem) -> Self {
        let root = fs.root().map_or(0, |root| root.number);
        Self { fs, root, known: HashMap::new(), wanted: BTreeSet::new() }
    }

    /// Names of an object that were met.
    pub(super) fn know(&mut self, number: u64, names: &[Name]) {
        self.wanted.extend(names.iter().map(|name| name.parent));
        if !names.is_empty() {
            self.known.entry(number).or_default().extend_from_slice(names);
        }
    }

    /// An object whose path will be asked for.
    pub(super) fn want(&mut self, number: u64) {
        self.wanted.insert(number);
    }

    /// Finds the names of all that is wanted, and of the directories above; returns what is lost of these.
    pub(super) fn find(&mut self) -> Vec<Loss> {
        let (mut losses, mut missed, mut tried) = (Vec::new(), HashSet::new(), HashSet::new());
        let mut wanted = std::mem::take(&mut self.wanted);
        while !wanted.is_empty() {
            let unknown: Vec<u64> = wanted
                .into_iter()
                .filter(|number| {
                    *number != self.root && !self.known.contains_key(number) && tried.insert(*number)
                })
                .collect();
            let parents: Vec<(u64, Result<_, Loss>)> = unknown
                .into_par_iter()
                .map(|number| {
                    let above = |inode: Inode| (inode.attributes.parent, inode.attributes.links);
                    (number, present(self.fs, number).map(|inode| inode.map(above)))
                })
                .collect();
            let mut by_parent: BTreeMap<u64, HashSet<u64>> = BTreeMap::new();
            let mut links: HashMap<u64, u64> = HashMap::new();
            for (number, found) in parents {
                let (parent, count) = match found {
                    Ok(Some(above)) => above,
                    Ok(None) => continue,
                    Err(loss) => {
                        losses.push(loss);
                        continue;
                    }
                };
                by_parent.entry(parent).or_default().insert(number);
                links.insert(number, count);
            }
            wanted = by_parent.keys().copied().collect();
            let all: Vec<(u64, HashSet<u64>)> = by_parent.into_iter().collect();
            let found: Vec<Found> =
                all.par_iter().map(|(parent, wanted)| self.look(*parent, wanted)).collect();
            for (names, lost) in found {
                losses.extend(lost);
                for (number, name) in names {
                    self.known.entry(number).or_default().push(name);
                }
            }
            let numbers = all.into_iter().flat_map(|(_, numbers)| numbers);
            missed.extend(numbers.filter(|number| {
                !self.known.contains_key(number) && links.get(number).is_some_and(|links| *links > 1)
            }));
        }
        self.search(missed, &mut losses);
        self.known.values_mut().for_each(|names| names.sort_unstable());
        losses
    }

    /// The names that a directory has for these objects.
    fn look(&self, parent: u64, wanted: &HashSet<u64>) -> Found {
        let (mut names, mut losses) = (Vec::new(), Vec::new());
        let directory = match present(self.fs, parent) {
            Ok(Some(directory)) => directory,
            Ok(None) => return (names, losses),
            Err(loss) => return (names, vec![loss]),
        };
        for entry in directory.directory().entries() {
            match entry {
                Ok(entry) if wanted.contains(&entry.object) => {
                    names.push((entry.object, Name { parent, bytes: entry.bytes }));
                }
                Ok(_) => {}
                Err(loss) => losses.push(loss),
            }
        }
        // what was found needs nothing of what is lost
        let found: HashSet<u64> = names.iter().map(|(number, _)| *number).collect();
        if found.len() == wanted.len() {
            losses.clear();
        }
        (names, losses)
    }

    /// Looks everywhere. A file with several links knows the directory of one of them; where that link is gone, only
    /// the whole tree tells where the others are.
    fn search(&mut self, missed: HashSet<u64>, losses: &mut Vec<Loss>) {
        let mut left = if missed.is_empty() { Vec::new() } else { vec![self.root] };
        let mut directories: HashMap<u64, Name> = HashMap::new();
        while let Some(parent) = left.pop() {
            let directory = match self.fs.inode(parent) {
                Ok(directory) => directory,
                Err(loss) => {
                    losses.push(loss);
                    continue;
                }
            };
            for entry in directory.directory().entries() {
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(loss) => {
                        losses.push(loss);
                        continue;
                    }
                };
                let name = Name { parent, bytes: entry.bytes };
                if missed.contains(&entry.object) {
                    self.above(parent, &directories);
                    self.known.entry(entry.object).or_default().push(name);
                } else if self.is_directory(entry.object, FileType(entry.kind), losses)
                    && entry.object != self.root
                {
                    // damage may lead in circles
                    if let Vacant(place) = directories.entry(entry.object) {
                        place.insert(name);
                        left.push(entry.object);
                    }
                }
            }
        }
    }

    fn is_directory(&self, number: u64, kind: FileType, losses: &mut Vec<Loss>) -> bool {
        match kind {
            FileType::NONE => match self.fs.inode(number) {
                Ok(inode) => inode.is_directory(),
                Err(loss) => {
                    losses.push(loss);
                    false
                }
            },
            kind => kind == FileType::DIRECTORY,
        }
    }

    /// Learns the names of a directory and of those above it.
    fn above(&mut self, mut number: u64, directories: &HashMap<u64, Name>) {
        while let Some(name) = directories.get(&number).filter(|_| !self.known.contains_key(&number)) {
            self.known.insert(number, vec![name.clone()]);
            number = name.parent;
        }
    }

    /// The names that are known of an object.
    pub(super) fn names(&self, number: u64) -> &[Name] {
        self.known.get(&number).map(Vec::as_slice).unwrap_or_default()
    }

    /// The paths that are known of an object, in order.
    pub(super) fn paths(&self, number: u64) -> Vec<Vec<u8>> {
        if number == self.root {
            return vec![b"/".to_vec()];
        }
        let mut all: Vec<_> =
            self.known.get(&number).into_iter().flatten().map(|name| self.path_of(name)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The path of a name.
    pub(super) fn path_of(&self, name: &Name) -> Vec<u8> {
        let (mut parts, mut at) = (vec![name.bytes.as_slice()], name.parent);
        while at != self.root {
            match self.known.get(&at).and_then(|names| names.first()).filter(|_| parts.len() < DEEPEST) {
                Some(name) => {
                    parts.push(&name.bytes);
                    at = name.parent;
                }
                None => break,
            }
        }
        let mut path = if at == self.root { Vec::new() } else { self.number(at) };
        for part in parts.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(part);
        }
        path
    }

    /// What stands for an object without a name.
    pub(super) fn number(&self, number: u64) -> Vec<u8> {
        format!("<object {number}>").into_bytes()
    }
}
