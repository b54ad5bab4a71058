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
    /// The path of the last of them.
    path: Vec<u8>,
    /// Directories that were met: damage may lead in circles.
    seen: HashSet<u64>,
    /// The directory that was given last, if it is to be entered, and its name.
    enter: Option<(Vec<u8>, Box<Inode>)>,
    deepest: usize,
}

/// A directory that is being walked.
#[derive(Debug)]
struct Level {
    /// Bytes of its path.
    path: usize,
    inode: Box<Inode>,
    losses: std::vec::IntoIter<Loss>,
    entries: std::vec::IntoIter<DirEntry>,
    ready: std::vec::IntoIter<(DirEntry, Result<Inode, Loss>)>,
}

/// Entries whose attributes are read at once: at the top, and the fewer, the deeper.
const AT_ONCE: usize = 2048;
/// Entries whose attributes are read at once everywhere.
const LEAST: usize = 8;
/// Directories within each other. Each holds its entries until they are walked.
const DEEPEST: usize = 4096;
/// Bytes of a path: systems have 4096, but do not ask when names are made one below the other.
const LONGEST_PATH: usize = 64 << 10;
/// Entries that are read sooner than another thread would wake up.
const FEW: usize = 32;

impl Inode {
    /// The tree below it, itself first.
    #[must_use]
    pub fn walk(self) -> Walk {
        let (way, path, seen) = (Vec::new(), Vec::new(), HashSet::new());
        Walk { top: Some(self), way, path, seen, enter: None, deepest: usize::MAX }
    }
}

impl Walk {
    /// Goes no more than so many levels down: 1 gives the top and its entries.
    #[must_use]
    pub fn to_depth(self, deepest: usize) -> Self {
        Self { deepest, ..self }
    }

    /// Leaves out what is in the directory that was given last.
    pub fn leave_out(&mut self) {
        self.enter = None;
    }

    fn enter(&mut self, name: &[u8], inode: Box<Inode>) {
        if !self.path.is_empty() {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name);
        let is_too_deep = self.way.len() >= DEEPEST || self.path.len() > LONGEST_PATH;
        let (entries, losses) = match is_too_deep {
            true => {
                let what = "it is too deep in the tree: name it by its number";
                (Vec::new(), vec![Loss::new(inode.at().block(0, 0), Why::Unsupported(what.into()))])
            }
            false => inode.directory().sorted(),
        };
        let (losses, entries, ready) = (losses.into_iter(), entries.into_iter(), Vec::new().into_iter());
        self.way.push(Level { path: self.path.len(), inode, losses, entries, ready });
    }

    /// The path of an entry of the directory where it is.
    fn below(&self, name: &[u8]) -> Vec<u8> {
        let slash: &[u8] = if self.path.is_empty() || name.is_empty() { b"" } else { b"/" };
        [&self.path, slash, name].concat()
    }

    /// What is met; if it is a directory, it is the next one to be entered.
    fn met(&mut self, entry: Option<DirEntry>, read: Result<Inode, Loss>) -> Visit {
        let name = entry.as_ref().map(|entry| entry.bytes.clone()).unwrap_or_default();
        let path = self.below(&name);
        let depth = self.way.len();
        let is_last = self.way.last().is_none_or(Level::is_over);
        let found = match read {
            Ok(inode) if inode.is_directory() && !self.seen.insert(inode.number) => {
                let what = "this directory stands elsewhere too: it is shown once";
                Found::Lost(Loss::new(inode.at().block(0, 0), Why::Corrupt(what.into())))
            }
            Ok(inode) => {
                if inode.is_directory() && self.way.len() < self.deepest {
                    self.enter = Some((name, Box::new(inode.clone())));
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
    fn next(&mut self, depth: usize) -> Option<(DirEntry, Result<Inode, Loss>)> {
        if self.ready.as_slice().is_empty() {
            let count = AT_ONCE.checked_div(depth.saturating_add(1)).unwrap_or_default().max(LEAST);
            self.ready = inodes(&self.inode, self.entries.by_ref().take(count).collect()).into_iter();
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
            return Some(self.met(None, Ok(top)));
        }
        if let Some((name, inode)) = self.enter.take() {
            self.enter(&name, inode);
        }
        loop {
            let depth = self.way.len().saturating_sub(1);
            let level = self.way.last_mut()?;
            self.path.truncate(level.path);
            if let Some(loss) = level.losses.next() {
                let (path, is_last) = (self.path.clone(), level.is_over());
                return Some(Visit { path, depth, entry: None, is_last, found: Found::LostEntries(loss) });
            }
            match level.next(depth) {
                Some((entry, read)) => return Some(self.met(Some(entry), read)),
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
