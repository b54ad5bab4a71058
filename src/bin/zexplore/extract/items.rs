//! What is to be extracted, one after the other: each directory before what is in it.

use std::collections::VecDeque;
use std::sync::Arc;

use zfsp::block::Store;
use zfsp::dataset::Dataset;
use zfsp::file::File;
use zfsp::fs::{Inode, objection};
use zfsp::namespace::{Entry, Found, Location, Namespace, Place, Walk};
use zfsp::object::ObjectAt;
use zfsp::volume::Volume;
use zfsp_grammar::mode::FileType;

use super::note::Note;

/// Something to be extracted.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// From the place on.
    pub(super) path: Vec<u8>,
    /// Its last part; empty for the place itself.
    pub(super) name: Vec<u8>,
    /// Directories above it.
    pub(super) depth: usize,
    /// What it is.
    pub(super) what: What,
}

/// What can be extracted.
#[derive(Clone, Debug)]
pub(super) enum What {
    Inode(Box<Inode>),
    Volume(Box<Volume>),
    /// A directory of which nothing is known, but that there are datasets in it.
    Lost(Arc<Store>),
}

impl What {
    pub(super) fn kind(&self) -> FileType {
        match self {
            Self::Inode(inode) => inode.kind(),
            Self::Volume(_) => FileType::REGULAR,
            Self::Lost(_) => FileType::DIRECTORY,
        }
    }

    /// Its content.
    pub(super) fn open(&self) -> File {
        match self {
            Self::Inode(inode) => inode.open(),
            Self::Volume(volume) => volume.data(),
            Self::Lost(store) => File::unwritten(store.clone(), ObjectAt::default(), 0),
        }
    }

    /// The same for all names of a file: its object set, and its object.
    pub(super) fn key(&self) -> (u64, u64) {
        match self {
            Self::Inode(inode) => (inode.fs().set().id, inode.number),
            Self::Volume(volume) => (volume.set().id, 1),
            Self::Lost(_) => (0, 0),
        }
    }

    /// True if it may have other names.
    pub(super) fn is_linked(&self) -> bool {
        matches!(self, Self::Inode(inode) if inode.attributes.links > 1 && !inode.is_directory())
    }
}

/// What is met on the way.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Item(Item),
    /// Something is not there, or must not be.
    Note(Note),
}

/// All that is at and below a place.
#[derive(Debug)]
pub(super) struct Items<'n> {
    names: &'n Namespace<'n>,
    walk: Walk<'n>,
    /// What is still to be said of the last one.
    left: VecDeque<Event>,
}

impl<'n> Items<'n> {
    pub(super) fn of(names: &'n Namespace<'n>, location: &Location) -> Self {
        let mut left = VecDeque::new();
        let losses = match &location.place {
            Place::Inode(inode) => inode.fs().losses(),
            Place::Volume(volume) => &volume.losses,
            Place::Lost(_) => &[],
        };
        left.extend(losses.iter().map(|loss| Event::Note(Note::lost(b"", "dataset", loss))));
        Self { names, walk: names.walk(location, usize::MAX), left }
    }

    /// Leaves out what is in the directory that was given last.
    #[cfg(unix)]
    pub(super) fn leave_out(&mut self) {
        self.walk.leave_out();
    }
}

impl Iterator for Items<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.left.pop_front() {
            return Some(event);
        }
        let Entry { path, name, depth, dataset, found, losses, .. } = self.walk.next()?;
        if let Some(why) = objection(&name).filter(|_| depth > 0) {
            // the names in a directory may be lost even so
            if !matches!(found, Found::LostEntries(_)) {
                self.walk.leave_out();
                return Some(Event::Note(Note::refused(&path, "name", why)));
            }
        }
        let what = match found {
            Found::Inode(inode) => What::Inode(inode),
            Found::Volume(volume) if volume.is_locked() => {
                return Some(Event::Note(Note::of_dataset(&path, &self.names.locked(dataset))));
            }
            Found::Volume(volume) => What::Volume(volume),
            Found::Lost(_, loss) => return Some(Event::Note(Note::lost(&path, "file", loss))),
            Found::LostEntries(loss) => return Some(Event::Note(Note::lost(&path, "entries", loss))),
            Found::LostDataset(error) => {
                let what = What::Lost(self.names.pool().store.clone());
                let note = Event::Note(Note::of_dataset(&path, &error));
                self.left.push_back(Event::Item(Item { path, name, depth, what }));
                return Some(note);
            }
        };
        self.left.extend(losses.iter().map(|loss| Event::Note(Note::lost(&path, "dataset", loss))));
        Some(Event::Item(Item { path, name, depth, what }))
    }
}

/// What a file is called that is extracted alone.
pub(super) fn alone(location: &Location, dataset: &Dataset) -> Vec<u8> {
    // `/a/file/` and `/a/file/.` are the same
    let last =
        location.path.rsplit(|b| *b == b'/').find(|part| objection(part).is_none()).unwrap_or_default();
    match (&location.place, last) {
        (Place::Inode(inode), []) => format!("object-{}", inode.number).into_bytes(),
        (Place::Volume(_) | Place::Lost(_), _) => {
            dataset.name.rsplit('/').next().unwrap_or_default().replace(['/', '\0'], "_").into_bytes()
        }
        (Place::Inode(_), last) => last.to_vec(),
    }
}
