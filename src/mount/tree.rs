//! The tree: from numbers to nodes, from names to numbers.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use zfsp_grammar::input::Text;
use zfsp_grammar::mode::FileType;

use super::node::{Node, Stat};
use super::number::{MOST_DATASETS, Made, Named, Number};
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::fs::{DirEntry, Inode, objection};
use crate::namespace::{Held, Namespace};
use crate::object::Loss;
use crate::pool::Pool;

/// A pool, or a part of it, as a tree.
#[derive(Debug)]
pub struct Tree<'p> {
    names: Namespace<'p>,
    /// The dataset at the top, by its place among all.
    top: usize,
    /// Its node.
    root: OnceLock<Number>,
    /// Children and snapshots of each dataset: by the last part of their names, their places.
    below: HashMap<usize, Below>,
    /// Datasets whose names no path can have.
    refused: Vec<Error>,
}

/// What is right below a dataset.
#[derive(Debug, Default)]
struct Below {
    children: BTreeMap<Vec<u8>, usize>,
    snapshots: BTreeMap<Vec<u8>, usize>,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// A name that a path may have: no slash, not `.` nor `..`.
    pub name: Vec<u8>,
    /// What it leads to.
    pub number: Number,
    /// What that is.
    pub kind: FileType,
}

/// The entries of a directory that can be had, and what is lost of it.
#[derive(Debug, Default)]
pub struct Listing {
    /// In no order.
    pub entries: Vec<Entry>,
    /// Why there may be others.
    pub losses: Vec<Error>,
}

/// Bytes of the longest name that a file can be given.
const LONGEST_NAME: usize = 1023;
/// The name of the directory that leads to snapshots and volumes.
const CONTROL: &[u8] = b".zfs";
/// What is in it.
const WAYS: [(&[u8], Made); 2] = [(b"snapshot", Made::Snapshots), (b"volumes", Made::Volumes)];

impl<'p> Tree<'p> {
    /// The tree below `dataset`, or the whole pool. Below a snapshot are no other datasets.
    ///
    /// # Errors
    /// If there is no such dataset.
    pub fn of(names: Namespace<'p>, dataset: Option<&str>) -> Result<Self> {
        let all = &names.datasets().all;
        let object = match dataset {
            Some(dataset) => names.datasets().find(dataset)?.object,
            None => names.datasets().find(&names.pool().name)?.object,
        };
        if all.len() > MOST_DATASETS {
            let what = format!("{} datasets: numbers of files have room for {MOST_DATASETS}", all.len());
            return Err(Error::unsupported(what));
        }
        let top = all.iter().position(|set| set.object == object).unwrap_or_default();
        let places: HashMap<&str, usize> =
            all.iter().zip(0..).map(|(set, place)| (set.name.as_str(), place)).collect();
        let mut below: HashMap<usize, Below> = HashMap::new();
        let mut refused = Vec::new();
        for (set, place) in all.iter().zip(0..).filter(|(set, _)| !set.is_hidden) {
            let Some((above, last)) = set.name.rsplit_once(['/', '@']) else { continue };
            let why = objection(last.as_bytes());
            match places.get(above).filter(|_| why.is_none()) {
                Some(above) => {
                    let below = below.entry(*above).or_default();
                    let names = if set.is_snapshot() { &mut below.snapshots } else { &mut below.children };
                    names.insert(last.as_bytes().to_vec(), place);
                }
                None => {
                    let why = why.unwrap_or("what is above it is lost, or its name has a slash; it can be the top of a tree itself");
                    refused.push(Error::corrupt(format!("{}: has no place in the tree: {why}", set.name)));
                }
            }
        }
        Ok(Self { names, top, root: OnceLock::new(), below, refused })
    }

    /// Why datasets have no place in the tree.
    #[must_use]
    pub fn losses(&self) -> &[Error] {
        &self.refused
    }

    /// What it is a tree of.
    #[must_use]
    pub fn names(&self) -> &Namespace<'p> {
        &self.names
    }

    fn pool(&self) -> &Pool {
        self.names.pool()
    }

    /// The dataset at the top.
    #[must_use]
    pub fn top(&self) -> Option<&Dataset> {
        self.dataset(self.top)
    }

    /// The number of the node at the top. Of a volume that is a directory with the volume in it.
    #[must_use]
    pub fn root(&self) -> Number {
        *self.root.get_or_init(|| self.root_of(self.top))
    }

    fn dataset(&self, place: usize) -> Option<&Dataset> {
        self.names.datasets().all.get(place)
    }

    /// The number that a dataset has in the numbers of nodes.
    fn ordinal(&self, place: usize) -> usize {
        let count = self.names.datasets().all.len().max(1);
        place.saturating_add(count).saturating_sub(self.top).checked_rem(count).unwrap_or_default()
    }

    /// The same the other way round.
    fn place(&self, ordinal: usize) -> usize {
        let count = self.names.datasets().all.len().max(1);
        ordinal.saturating_add(self.top).checked_rem(count).unwrap_or_default()
    }

    /// What a number is of.
    fn parts(&self, number: Number) -> Result<(usize, &Dataset, Named)> {
        let parts = number.parts().filter(|(ordinal, _)| *ordinal < self.names.datasets().all.len());
        let (ordinal, named) = parts.ok_or_else(|| Error::not_found("no such node".into()))?;
        let place = self.place(ordinal);
        let dataset = self.dataset(place).ok_or_else(|| Error::not_found("no such dataset".into()))?;
        Ok((place, dataset, named))
    }

    /// The dataset that a node is of.
    ///
    /// # Errors
    /// If no node has that number.
    pub fn dataset_of(&self, number: Number) -> Result<&Dataset> {
        self.parts(number).map(|(_, dataset, _)| dataset)
    }

    /// What a number stands for.
    ///
    /// # Errors
    /// If it cannot be read; not found, if there is no such node.
    pub fn node(&self, number: Number) -> Result<Node> {
        let (_, dataset, named) = self.parts(number)?;
        Ok(match named {
            Named::Made(Made::Volume) => match self.names.open(dataset)? {
                Held::Volume(volume) => Node::Volume(volume),
                Held::FileSystem(_) => return Err(Error::not_found("no volume".into())),
            },
            Named::Made(made) => Node::Made(made),
            Named::Object(object) => Node::Inode(Box::new(self.inode(dataset, object)?)),
        })
    }

    fn inode(&self, dataset: &Dataset, object: u64) -> Result<Inode> {
        match self.names.open(dataset)? {
            Held::FileSystem(fs) => fs.inode(object).map_err(|loss| Error::from(loss).within(&dataset.name)),
            Held::Volume(_) => Err(Error::not_found(format!("{}: a volume: it has no files", dataset.name))),
        }
    }

    /// What `stat` shows of a node.
    ///
    /// # Errors
    /// As [`Tree::node`].
    pub fn stat(&self, number: Number) -> Result<Stat> {
        let stat = self.node(number)?.stat(number, self.pool().uberblock.timestamp);
        match i64::try_from(stat.size) {
            Ok(_) => Ok(stat),
            Err(_) => {
                let dataset = self.dataset_of(number)?;
                let what = format!("{} bytes are more than any system can show", stat.size);
                Err(Error::unsupported(what).within(&dataset.name))
            }
        }
    }

    /// The directory above a directory: the root is above itself.
    #[must_use]
    pub fn above(&self, directory: Number) -> Number {
        let above = || {
            let (place, dataset, named) = self.parts(directory).ok()?;
            match named {
                _ if directory == self.root() => None,
                Named::Made(Made::Snapshots | Made::Volumes) if !self.is_volume(place) => {
                    Some(Number::of_made(self.ordinal(place), Made::Control))
                }
                Named::Made(Made::Control) => Some(self.root_of(place)),
                Named::Object(object) if !self.is_root(dataset, Some(object)) => {
                    self.number(place, self.inode(dataset, object).ok()?.attributes.parent).ok()
                }
                _ => {
                    let (above, _) = dataset.name.rsplit_once(['/', '@'])?;
                    let above = self.names.datasets().all.iter().position(|set| set.name == above)?;
                    Some(match dataset.is_snapshot() {
                        true => Number::of_made(self.ordinal(above), Made::Snapshots),
                        false => self.root_of(above),
                    })
                }
            }
        };
        above().unwrap_or(directory)
    }

    /// What a name in a directory leads to.
    ///
    /// # Errors
    /// Not found, if there is no such name; others, if the directory cannot be read where it would be.
    pub fn lookup(&self, directory: Number, name: &[u8]) -> Result<Number> {
        let (place, dataset, named) = self.parts(directory)?;
        let missing = || Error::not_found(format!("no such file: '{}'", Text(name)));
        let of = |made| Number::of_made(self.ordinal(place), made);
        let object = match named {
            Named::Made(Made::Control) => {
                let way = WAYS.iter().find(|(way, _)| *way == name);
                return way.map(|(_, made)| of(*made)).ok_or_else(missing);
            }
            Named::Made(Made::Snapshots) => {
                let snapshot = self.below(place).and_then(|below| below.snapshots.get(name));
                return snapshot.map(|place| self.root_of(*place)).ok_or_else(missing);
            }
            Named::Made(Made::Volumes) => {
                let volume = self.volume(place, name).ok_or_else(missing)?;
                return Ok(Number::of_made(self.ordinal(volume), Made::Volume));
            }
            Named::Made(Made::Root) => None,
            Named::Made(Made::Volume) => return Err(missing()),
            Named::Object(object) => Some(object),
        };
        if object.is_none() || self.is_root(dataset, object) {
            if name == CONTROL && !dataset.is_snapshot() {
                return Ok(of(Made::Control));
            }
            let child = self.below(place).and_then(|below| below.children.get(name));
            if let Some(child) = child.filter(|child| !self.is_volume(**child)) {
                return Ok(self.root_of(*child));
            }
        }
        let Some(object) = object else { return Err(self.lost_root(dataset).unwrap_or_else(missing)) };
        let inode = self.inode(dataset, object)?;
        let found = inode.directory().get(name).map_err(|loss| Error::from(loss).within(&dataset.name))?;
        self.number(place, found.ok_or_else(missing)?.object)
    }

    /// What is in a directory. `.zfs` is not shown.
    ///
    /// # Errors
    /// If it is no directory that can be read.
    pub fn list(&self, directory: Number) -> Result<Listing> {
        let (place, dataset, named) = self.parts(directory)?;
        let entry = |name: &[u8], number, kind| Entry { name: name.to_vec(), number, kind };
        let of = |made| Number::of_made(self.ordinal(place), made);
        let mut listing = Listing::default();
        match named {
            Named::Made(Made::Control) => {
                listing.entries =
                    WAYS.iter().map(|(name, made)| entry(name, of(*made), FileType::DIRECTORY)).collect();
            }
            Named::Made(Made::Snapshots) => {
                let snapshots = self.below(place).into_iter().flat_map(|below| &below.snapshots);
                let snapshots = snapshots.filter(|(_, place)| !self.is_volume(**place));
                listing.entries = snapshots
                    .map(|(name, place)| entry(name, self.root_of(*place), FileType::DIRECTORY))
                    .collect();
            }
            Named::Made(Made::Volumes) => {
                let number = |place| Number::of_made(self.ordinal(place), Made::Volume);
                let volumes = self.volumes(place).into_iter();
                listing.entries = volumes
                    .map(|(name, place)| Entry { name, number: number(place), kind: FileType::REGULAR })
                    .collect();
            }
            Named::Made(Made::Root) => {
                listing.losses.extend(self.lost_root(dataset));
                self.mount_on(&mut listing, place);
            }
            Named::Made(Made::Volume) => return Err(Error::corrupt("a volume: it has no files")),
            Named::Object(object) => {
                let inode = self.inode(dataset, object)?;
                for found in inode.directory().entries() {
                    match found {
                        Ok(found) => self.add(&mut listing, place, &inode, found),
                        Err(loss) => listing.losses.push(Error::from(loss).within(&dataset.name)),
                    }
                }
                if self.is_root(dataset, Some(object)) {
                    self.mount_on(&mut listing, place);
                    let mut entries = listing.entries.iter();
                    let hidden = entries.position(|entry| entry.name == CONTROL && !dataset.is_snapshot());
                    if let Some(hidden) = hidden {
                        listing.entries.swap_remove(hidden);
                        let what = "an entry called .zfs: the way to the snapshots hides it";
                        listing.losses.push(Error::corrupt(what).within(&dataset.name));
                    }
                }
            }
        }
        Ok(listing)
    }

    /// Adds what a file system has in a directory.
    fn add(&self, listing: &mut Listing, place: usize, directory: &Inode, found: DirEntry) {
        let lost = |what: String| Error::corrupt(format!("{}: '{}': {what}", directory.at(), found.name()));
        let too_long = Some("it is too long").filter(|_| found.bytes.len() > LONGEST_NAME);
        match (objection(&found.bytes).or(too_long), self.number(place, found.object)) {
            (Some(objection), _) => listing.losses.push(lost(format!("no name of a file: {objection}"))),
            (None, Err(error)) => listing.losses.push(lost(error.reason())),
            (None, Ok(number)) => {
                let kind = match found.kind() {
                    // in the first version of the format entries do not say it
                    FileType::NONE => {
                        let inode = directory.fs().inode(found.object);
                        inode.map_or(FileType::REGULAR, |inode| inode.kind())
                    }
                    kind => kind,
                };
                listing.entries.push(Entry { name: found.bytes, number, kind });
            }
        }
    }

    /// Puts the datasets below in the places of the entries of their names.
    fn mount_on(&self, listing: &mut Listing, place: usize) {
        let children = self.below(place).into_iter().flat_map(|below| &below.children);
        let roots = children.map(|(name, child)| (name, self.root_of(*child)));
        let is_volume = |root: &Number| matches!(root.parts(), Some((_, Named::Made(Made::Volumes))));
        let mounted: BTreeMap<&Vec<u8>, Number> = roots.filter(|(_, root)| !is_volume(root)).collect();
        listing.entries.retain(|entry| !mounted.contains_key(&entry.name));
        listing.entries.extend(mounted.into_iter().map(|(name, number)| Entry {
            name: name.clone(),
            number,
            kind: FileType::DIRECTORY,
        }));
    }

    fn number(&self, place: usize, object: u64) -> Result<Number> {
        let number = Number::of_object(self.ordinal(place), object).filter(|_| object != 0);
        number.ok_or_else(|| Error::corrupt(format!("it leads to object {object}: no file has that number")))
    }

    fn below(&self, place: usize) -> Option<&Below> {
        self.below.get(&place)
    }

    /// The volumes right below a dataset, with their snapshots: `NAME`, `NAME@SNAPSHOT`. Below a volume it is the volume
    /// itself.
    fn volumes(&self, place: usize) -> Vec<(Vec<u8>, usize)> {
        let itself = self.dataset(place).filter(|_| self.is_volume(place)).map(|set| {
            let last = set.name.rsplit('/').next().unwrap_or_default();
            (last.as_bytes().to_vec(), place)
        });
        let children = self.below(place).into_iter().flat_map(|below| &below.children);
        let children = children.filter(|(_, child)| self.is_volume(**child));
        let mut all: Vec<(Vec<u8>, usize)> =
            itself.into_iter().chain(children.map(|(name, child)| (name.clone(), *child))).collect();
        let mut snapshots = Vec::new();
        for (name, volume) in &all {
            let below = self.below(*volume).into_iter().flat_map(|below| &below.snapshots);
            snapshots.extend(below.map(|(snapshot, place)| ([name, &b"@"[..], snapshot].concat(), *place)));
        }
        all.append(&mut snapshots);
        all
    }

    /// One of them.
    fn volume(&self, place: usize, name: &[u8]) -> Option<usize> {
        if self.is_volume(place) {
            return self
                .volumes(place)
                .into_iter()
                .find(|(volume, _)| volume == name)
                .map(|(_, volume)| volume);
        }
        let mut parts = name.splitn(2, |byte| *byte == b'@');
        let (volume, snapshot) = (parts.next()?, parts.next());
        let volume = *self.below(place)?.children.get(volume)?;
        let found = match snapshot {
            Some(snapshot) => *self.below(volume)?.snapshots.get(snapshot)?,
            None => volume,
        };
        self.is_volume(volume).then_some(found)
    }

    /// Whether a dataset is a volume, as far as that can be read.
    fn is_volume(&self, place: usize) -> bool {
        self.dataset(place).is_some_and(|set| matches!(self.names.open(set), Ok(Held::Volume(_))))
    }

    /// The number of the root of a dataset.
    fn root_of(&self, place: usize) -> Number {
        let root = self.dataset(place).and_then(|set| match self.names.open(set) {
            Ok(Held::FileSystem(fs)) => Number::of_object(self.ordinal(place), fs.root().ok()?.number),
            Ok(Held::Volume(_)) => Some(Number::of_made(self.ordinal(place), Made::Volumes)),
            Err(_) => None,
        });
        root.unwrap_or_else(|| Number::of_made(self.ordinal(place), Made::Root))
    }

    /// Whether an object is the root directory of its dataset.
    fn is_root(&self, dataset: &Dataset, object: Option<u64>) -> bool {
        matches!(self.names.open(dataset), Ok(Held::FileSystem(fs)) if fs.master().root == object)
    }

    /// Why a dataset has no root directory.
    fn lost_root(&self, dataset: &Dataset) -> Option<Error> {
        let lost = |loss: Loss| Error::from(loss).within(&dataset.name);
        match self.names.open(dataset) {
            Ok(Held::FileSystem(fs)) => fs.root().err().map(lost),
            Ok(Held::Volume(_)) => None,
            Err(error) => Some(error),
        }
    }
}
