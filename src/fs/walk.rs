//! A directory tree, from the top down: each directory before what is in it, in the order of names.
//!
//! The attributes of the entries of a directory are read in parallel, in the order of their dnodes, a part of it at a
//! time: however large the tree, little of it is in memory.

use std::collections::HashSet;

use rayon::prelude::*;
use zfsp_grammar::mode::FileType;

use super::directory::DirEntry;
use super::inode::Inode;
use crate::block::Why;
use crate::object::Loss;

/// What was met in a directory tree.
#[derive(Clone, Debug)]
pub struct Visit {
    /// From the top on, without a slash in front; empty for the top itself.
    pub path: Vec<u8>,
    /// Directories above it, from the top on: damage may put a slash into a name, which the path does not show.
    pub depth: usize,
    /// The entry that led there; `None` for the top.
    pub entry: Option<DirEntry>,
    /// True for the last one of its directory.
    pub is_last: bool,
    /// What is there, or why it cannot be read.
    pub found: Found,
}

/// What an entry leads to.
#[derive(Clone, Debug)]
pub enum Found {
    /// It could be read.
    Inode(Box<Inode>),
    /// It could not be read.
    Lost(Loss),
    /// A part of the directory at this path could not be read: names may be missing.
    LostEntries(Loss),
}

/// A walk through a directory tree.
#[derive(Debug)]
pub struct Walk {
    top: Option<Inode>,
    /// The directories on the way to where it is.
    way: Vec<Level>,
    /// Directories that were met: damage may lead in circles.
    seen: HashSet<u64>,
    /// The directory that was given last, if it is to be entered.
    enter: Option<(Vec<u8>, Box<Inode>)>,
    deepest: usize,
}

/// A directory that is being walked.
#[derive(Debug)]
struct Level {
    path: Vec<u8>,
    inode: Box<Inode>,
    losses: std::vec::IntoIter<Loss>,
    entries: std::vec::IntoIter<DirEntry>,
    ready: std::vec::IntoIter<(DirEntry, Result<Inode, Loss>)>,
}

/// Entries whose attributes are read at once.
const AT_ONCE: usize = 2048;
/// Entries that are read sooner than another thread would wake up.
const FEW: usize = 32;
/// Directories within each other: paths are put together of their names.
const DEEPEST: usize = 10_000;

impl Inode {
    /// The tree below it, itself first.
    #[must_use]
    pub fn walk(self) -> Walk {
        Walk { top: Some(self), way: Vec::new(), seen: HashSet::new(), enter: None, deepest: DEEPEST }
    }
}

impl Walk {
    /// Goes no more than so many levels down: 1 gives the top and its entries.
    #[must_use]
    pub fn to_depth(self, deepest: usize) -> Self {
        Self { deepest: deepest.min(DEEPEST), ..self }
    }

    /// True if nothing below the top was given yet.
    pub(crate) fn is_at_top(&self) -> bool {
        self.way.is_empty()
    }

    /// Leaves out what is in the directory that was given last.
    pub fn leave_out(&mut self) {
        self.enter = None;
    }

    fn enter(&mut self, path: Vec<u8>, inode: Box<Inode>) {
        let (entries, losses) = inode.directory().sorted();
        let (losses, entries, ready) = (losses.into_iter(), entries.into_iter(), Vec::new().into_iter());
        self.way.push(Level { path, inode, losses, entries, ready });
    }

    /// What is met; if it is a directory, it is the next one to be entered.
    fn met(&mut self, path: Vec<u8>, entry: Option<DirEntry>, read: Result<Inode, Loss>) -> Visit {
        let depth = self.way.len();
        let is_last = self.way.last().is_none_or(Level::is_over);
        let found = match read {
            Ok(inode) if inode.is_directory() && !self.seen.insert(inode.number) => {
                let what = "this directory stands elsewhere too: it is shown once";
                Found::Lost(Loss::new(inode.at().block(0, 0), Why::Corrupt(what.into())))
            }
            Ok(inode) => {
                if inode.is_directory() && self.way.len() < self.deepest {
                    self.enter = Some((path.clone(), Box::new(inode.clone())));
                }
                Found::Inode(Box::new(inode))
            }
            Err(loss) => Found::Lost(loss),
        };
        Visit { path, depth, entry, is_last, found }
    }
}

impl Level {
    /// True if all was given.
    fn is_over(&self) -> bool {
        self.losses.as_slice().is_empty()
            && self.ready.as_slice().is_empty()
            && self.entries.as_slice().is_empty()
    }

    /// The next entry, with what it leads to.
    fn next(&mut self) -> Option<(DirEntry, Result<Inode, Loss>)> {
        if self.ready.as_slice().is_empty() {
            self.ready = inodes(&self.inode, self.entries.by_ref().take(AT_ONCE).collect()).into_iter();
        }
        self.ready.next()
    }
}

/// What entries lead to: read in the order of the dnodes, given in that of the entries.
fn inodes(directory: &Inode, entries: Vec<DirEntry>) -> Vec<(DirEntry, Result<Inode, Loss>)> {
    let mut numbered: Vec<(usize, DirEntry)> = entries.into_iter().enumerate().collect();
    numbered.sort_by_key(|(_, entry)| entry.object);
    let fs = directory.fs();
    let read = |(n, entry): (usize, DirEntry)| {
        let inode = fs.inode(entry.object);
        (n, entry, inode)
    };
    let mut read: Vec<_> = match numbered.len() <= FEW {
        true => numbered.into_iter().map(read).collect(),
        false => numbered.into_par_iter().with_min_len(FEW).map(read).collect(),
    };
    read.sort_by_key(|(n, ..)| *n);
    read.into_iter().map(|(_, entry, inode)| (entry, inode)).collect()
}

impl Iterator for Walk {
    type Item = Visit;

    fn next(&mut self) -> Option<Visit> {
        if let Some(top) = self.top.take() {
            return Some(self.met(Vec::new(), None, Ok(top)));
        }
        if let Some((path, inode)) = self.enter.take() {
            self.enter(path, inode);
        }
        loop {
            let depth = self.way.len().saturating_sub(1);
            let level = self.way.last_mut()?;
            if let Some(loss) = level.losses.next() {
                let (path, is_last) = (level.path.clone(), level.is_over());
                return Some(Visit { path, depth, entry: None, is_last, found: Found::LostEntries(loss) });
            }
            match level.next() {
                Some((entry, read)) => {
                    let slash: &[u8] = if level.path.is_empty() { b"" } else { b"/" };
                    let path = [level.path.as_slice(), slash, &entry.bytes].concat();
                    return Some(self.met(path, Some(entry), read));
                }
                None => self.way.pop(),
            };
        }
    }
}

impl Visit {
    /// What it is, if it could be read.
    #[must_use]
    pub fn inode(&self) -> Option<&Inode> {
        match &self.found {
            Found::Inode(inode) => Some(inode),
            Found::Lost(_) | Found::LostEntries(_) => None,
        }
    }

    /// What it is: as its mode says, or its entry.
    #[must_use]
    pub fn kind(&self) -> FileType {
        match (&self.found, &self.entry) {
            (Found::Inode(inode), _) => inode.kind(),
            (_, Some(entry)) => entry.kind(),
            (_, None) => FileType::DIRECTORY,
        }
    }
}
