//! The files of two file systems that are not the same: what is different about each, put together by object.
//!
//! Handbook: `docs/format/12-zpl.md`, 12.9, 12.10 and 12.12.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use zfsp_grammar::mode::FileType;
use zfsp_grammar::object_type::ObjectType;
use zfsp_grammar::quantity::Txg;

use super::aspects::Differences;
use super::change::{Aspect, Change, Lost, Side, State};
use super::entries::{self, Entry};
use super::names::{self, Name, Names};
use super::objects::{self, Changed};
use super::{Difference, Options};
use crate::fs::{FileSystem, Inode};
use crate::object::{Loss, Object};

/// What is known of an object whose dnode is not the same.
#[derive(Debug, Default)]
struct Touched {
    number: u64,
    a: Option<Known>,
    b: Option<Known>,
    differences: Differences,
    entries: Vec<Entry>,
}

/// One state of a file, as far as others need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    kind: FileType,
    generation: Txg,
    parent: u64,
    /// It is an extended attribute, or their directory.
    is_xattr: bool,
}

/// A change whose paths are not known yet.
#[derive(Debug)]
struct Draft {
    number: u64,
    kind: FileType,
    state: State,
    removed: Vec<Name>,
    added: Vec<Name>,
    differences: Differences,
}

/// What changed from one state of a file system to another.
pub(super) fn compare(a: &FileSystem, b: &FileSystem, options: Options) -> Difference {
    let (touched, mut losses) = objects::changed(a.set(), b.set(), |changed| look(a, b, changed, options));
    for (side, fs) in [(Side::A, a), (Side::B, b)] {
        losses.extend(fs.losses().iter().map(|loss| side.lost(loss.clone())));
    }
    let mut touched: BTreeMap<u64, Touched> =
        touched.into_iter().map(|found| (found.number, found)).collect();
    add_owners(a, b, &mut touched, &mut losses);
    let mut moved: BTreeMap<u64, Moved> = BTreeMap::new();
    for found in touched.values_mut() {
        for entry in std::mem::take(&mut found.entries) {
            moved.entry(entry.object).or_default().add(entry);
        }
        losses.append(&mut found.differences.losses);
    }
    let mut drafts = Vec::new();
    for number in touched.keys().chain(moved.keys()).copied().collect::<BTreeSet<u64>>() {
        let moved = moved.remove(&number).unwrap_or_default();
        let found = touched.remove(&number).unwrap_or_else(|| unchanged(a, b, number, &mut losses));
        drafts.extend(found.drafts(moved));
    }
    let changes = with_paths(a, b, drafts, &mut losses);
    losses.sort_by_key(|lost| (lost.side, lost.loss.at));
    losses.dedup();
    Difference { changes, losses }
}

/// Names that an object has lost and got.
#[derive(Debug, Default)]
struct Moved {
    removed: Vec<Name>,
    added: Vec<Name>,
    /// What the entries say it is.
    kind: FileType,
}

impl Moved {
    fn add(&mut self, entry: Entry) {
        self.kind = entry.kind;
        let names = match entry.side {
            Side::A => &mut self.removed,
            Side::B => &mut self.added,
        };
        names.push(Name { parent: entry.parent, bytes: entry.name });
    }
}

/// Looks at both states of an object; `None` if it is no file in either.
fn look(a: &FileSystem, b: &FileSystem, changed: Changed, options: Options) -> Option<Touched> {
    let Changed { number, a: object_a, b: object_b } = changed;
    let mut touched = Touched { number, ..Touched::default() };
    let mut is_lost = false;
    let mut read = |side: Side, fs: &FileSystem, object: Option<Object>| match inode(fs, object?) {
        Ok(inode) => inode,
        Err(loss) => {
            is_lost = true;
            touched.differences.losses.push(side.lost(loss));
            None
        }
    };
    let (inode_a, inode_b) = (read(Side::A, a, object_a), read(Side::B, b, object_b));
    if is_lost {
        return Some(touched);
    }
    let known = |inode: &Inode| Known::of(inode);
    (touched.a, touched.b) = (inode_a.as_ref().map(known), inode_b.as_ref().map(known));
    let mut directories = (None, None);
    match (&inode_a, &inode_b) {
        (None, None) => return None,
        (Some(a), Some(b)) if a.attributes.generation == b.attributes.generation => {
            touched.differences = Differences::of(a, b, options);
            if a.is_directory() && b.is_directory() && !a.attributes.flags.xattr() {
                let (entries, losses) = entries::compare(a, b);
                if !entries.is_empty() {
                    touched.differences.aspects.push(Aspect::Entries);
                    touched.differences.aspects.sort_unstable();
                }
                touched.entries = entries;
                touched.differences.losses.extend(losses);
            }
        }
        (a, b) => directories = (a.as_ref(), b.as_ref()),
    }
    for (side, directory) in [(Side::A, directories.0), (Side::B, directories.1)] {
        if let Some(directory) =
            directory.filter(|inode| inode.is_directory() && !inode.attributes.flags.xattr())
        {
            let (entries, losses) = entries::all(side, directory);
            touched.entries.extend(entries);
            touched.differences.losses.extend(losses);
        }
    }
    Some(touched)
}

/// The file that an object is; `None` if it is something else, or has no name any more and waits to be freed.
fn inode(fs: &FileSystem, object: Object) -> Result<Option<Inode>, Loss> {
    let number = u64::try_from(object.at.object).ok();
    if !matches!(object.bonustype, ObjectType::SA | ObjectType::ZNODE) || number == fs.master().shares {
        return Ok(None);
    }
    Ok(Some(fs.inode_of(object)?).filter(|inode| inode.attributes.links > 0))
}

impl Known {
    fn of(inode: &Inode) -> Self {
        let attributes = &inode.attributes;
        let (generation, parent) = (attributes.generation, attributes.parent);
        Self { kind: inode.kind(), generation, parent, is_xattr: attributes.flags.xattr() }
    }
}

/// An object whose dnode is the same, or lost.
fn unchanged(a: &FileSystem, b: &FileSystem, number: u64, losses: &mut Vec<Lost>) -> Touched {
    let mut known = |side: Side, fs: &FileSystem| {
        let inode = side.keep(names::present(fs, number), losses)?;
        Some(inode).filter(|inode| inode.attributes.links > 0).map(|inode| Known::of(&inode))
    };
    Touched { number, a: known(Side::A, a), b: known(Side::B, b), ..Touched::default() }
}

/// Files of which nothing changed but extended attributes that are files.
fn add_owners(a: &FileSystem, b: &FileSystem, touched: &mut BTreeMap<u64, Touched>, losses: &mut Vec<Lost>) {
    let mut owner = |side: Side, fs: &FileSystem, known: Option<Known>| {
        let parent = known.filter(|known| known.is_xattr)?.parent;
        let directory = side.keep(names::present(fs, parent), losses)?;
        let is_owner = !directory.attributes.flags.xattr();
        Some(if is_owner { parent } else { directory.attributes.parent })
    };
    let owners = touched.values().flat_map(|found| [owner(Side::A, a, found.a), owner(Side::B, b, found.b)]);
    let owners: BTreeSet<u64> = owners.flatten().collect();
    let found: Vec<(Option<Touched>, Vec<Lost>)> = owners
        .into_par_iter()
        .map(|number| {
            let mut losses = Vec::new();
            (owner_of_changed(a, b, number, &mut losses), losses)
        })
        .collect();
    for (found, lost) in found {
        losses.extend(lost);
        let Some(found) = found.filter(|found| !found.differences.is_empty()) else { continue };
        match touched.get_mut(&found.number) {
            Some(known) => known.differences.join(found.differences),
            None => drop(touched.insert(found.number, found)),
        }
    }
}

/// What is different about the extended attributes of a file that is in both states.
fn owner_of_changed(a: &FileSystem, b: &FileSystem, number: u64, losses: &mut Vec<Lost>) -> Option<Touched> {
    let inode_a = Side::A.keep(names::present(a, number), losses);
    let inode_b = Side::B.keep(names::present(b, number), losses);
    let (inode_a, inode_b) = (inode_a?, inode_b?);
    let (known_a, known_b) = (Known::of(&inode_a), Known::of(&inode_b));
    if known_a.generation != known_b.generation {
        return None;
    }
    let mut differences = Differences::default();
    differences.xattrs(&inode_a, &inode_b);
    Some(Touched { number, a: Some(known_a), b: Some(known_b), differences, entries: Vec::new() })
}

impl Touched {
    /// What to report of it.
    fn drafts(self, moved: Moved) -> Vec<Draft> {
        let Self { number, a, b, mut differences, .. } = self;
        let Moved { removed, added, kind } = moved;
        let draft = |kind, state, removed, added, differences| Draft {
            number,
            kind,
            state,
            removed,
            added,
            differences,
        };
        // extended attributes are told with their owners
        let (a, b) = (a.filter(|known| !known.is_xattr), b.filter(|known| !known.is_xattr));
        let nothing = Differences::default;
        match (a, b) {
            (Some(a), Some(b)) if a.generation == b.generation => {
                if differences.aspects.is_empty() && removed.is_empty() && added.is_empty() {
                    differences.aspects.push(Aspect::Storage);
                }
                vec![draft(b.kind, State::Changed, removed, added, differences)]
            }
            (Some(a), Some(b)) => vec![
                draft(a.kind, State::Removed, removed, Vec::new(), nothing()),
                draft(b.kind, State::Added, Vec::new(), added, nothing()),
            ],
            (Some(a), None) => vec![draft(a.kind, State::Removed, removed, Vec::new(), nothing())],
            (None, Some(b)) => vec![draft(b.kind, State::Added, Vec::new(), added, nothing())],
            // its dnode is lost: the names alone tell
            (None, None) => match (removed.is_empty(), added.is_empty()) {
                (true, true) => Vec::new(),
                (false, true) => vec![draft(kind, State::Removed, removed, added, nothing())],
                (true, false) => vec![draft(kind, State::Added, removed, added, nothing())],
                (false, false) => vec![draft(kind, State::Changed, removed, added, nothing())],
            },
        }
    }
}

/// Finds the paths of all that changed.
fn with_paths(a: &FileSystem, b: &FileSystem, drafts: Vec<Draft>, losses: &mut Vec<Lost>) -> Vec<Change> {
    let (mut names_a, mut names_b) = (Names::of(a), Names::of(b));
    // what has one name more is called by one that it had
    let is_linked =
        |draft: &&Draft| draft.state == State::Changed && draft.removed.is_empty() && !draft.added.is_empty();
    for draft in &drafts {
        names_a.know(draft.number, &draft.removed);
        if draft.state == State::Removed || is_linked(&draft) {
            names_a.want(draft.number);
        }
    }
    losses.extend(names_a.find().into_iter().map(|loss| Side::A.lost(loss)));
    for draft in &drafts {
        names_b.know(draft.number, &draft.added);
        if is_linked(&draft) {
            names_b.know(draft.number, names_a.names(draft.number));
        }
        if draft.state != State::Removed {
            names_b.want(draft.number);
        }
    }
    losses.extend(names_b.find().into_iter().map(|loss| Side::B.lost(loss)));
    let mut changes: Vec<Change> = drafts.into_iter().map(|draft| draft.change(&names_a, &names_b)).collect();
    changes.sort_by(|a, b| (&a.path, a.state == State::Added).cmp(&(&b.path, b.state == State::Added)));
    changes
}

impl Draft {
    fn change(self, names_a: &Names<'_>, names_b: &Names<'_>) -> Change {
        let Self { number, kind, state, removed, added, differences } = self;
        let is_changed = state == State::Changed;
        let here = if state == State::Removed { names_a } else { names_b };
        let all = |names: &Names<'_>, of: &[Name]| -> Vec<Vec<u8>> {
            let mut all: Vec<_> = of.iter().map(|name| names.path_of(name)).collect();
            all.sort_unstable();
            all
        };
        let (mut unlinked, mut linked) = (all(names_a, &removed), all(names_b, &added));
        let mut paths = here.paths(number);
        let old = paths.iter().position(|path| is_changed && !linked.contains(path)).unwrap_or_default();
        let path = if paths.is_empty() { here.number(number) } else { paths.remove(old) };
        match state {
            State::Changed => {}
            State::Removed => unlinked = paths,
            State::Added => linked = paths,
        }
        let count = if is_changed { unlinked.len().min(linked.len()) } else { 0 };
        let renamed = unlinked.drain(..count).zip(linked.drain(..count)).collect();
        let Differences { aspects, ranges, .. } = differences;
        Change { number, kind, state, path, renamed, linked, unlinked, aspects, ranges }
    }
}
