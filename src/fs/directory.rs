//! Directories: names and what they lead to.
//!
//! Handbook: `docs/format/12-zpl.md`, 12.9, and `docs/format/10-zap.md`, 10.6 and 10.10.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use zfsp_grammar::dirent::Dirent;
use zfsp_grammar::input::Text;
use zfsp_grammar::mode::FileType;
use zfsp_grammar::zap::names::prepare;
use zfsp_grammar::zap::value::{Attribute, Key};

use super::inode::Inode;
use crate::object::Loss;
use crate::zap::Zap;

/// The entries of a directory.
///
/// ```
/// # use zfsp::{dataset::Datasets, device, fs::FileSystem, pool::{Gathering, Options, Pool}};
/// # let found = device::find(&["fixtures/simple".into()]);
/// # let pool = Pool::open(Gathering::of(found.devices), &Options::default())?;
/// let files = FileSystem::open(Datasets::of(&pool).find("lab")?.objset(&pool)?)?;
/// let root = files.root()?;
///
/// let (entries, losses) = root.directory().sorted();
/// assert_eq!((entries.len(), losses.len()), (33, 0));
/// let deep = root.directory().get(b"deep")?.expect("it is there");
/// assert!(files.inode(deep.object)?.is_directory());
/// # Ok::<(), zfsp::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Directory<'i> {
    inode: &'i Inode,
}

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// Any bytes but `/` and NUL.
    pub bytes: Vec<u8>,
    /// The object it leads to.
    pub object: u64,
    /// What that is, as the entry says; in ZPL 1 it does not. The mode of the object decides.
    pub kind: u8,
    /// Tells names apart that are compared as equal: the lowest is meant.
    pub cd: u32,
}

impl DirEntry {
    fn of(entry: Attribute) -> Option<Self> {
        let dirent = Dirent(entry.value.first()?);
        match entry.key {
            Key::Name(bytes) => {
                Some(Self { bytes, object: dirent.object().0, kind: dirent.kind().0, cd: entry.cd })
            }
            Key::Words(_) => None,
        }
    }

    /// What it leads to, as the entry says.
    #[must_use]
    pub fn kind(&self) -> FileType {
        FileType(self.kind)
    }

    /// Its name, escaped where it is no printable text.
    #[must_use]
    pub fn name(&self) -> impl fmt::Display + '_ {
        Text(&self.bytes)
    }
}

impl<'i> Directory<'i> {
    pub(super) fn of(inode: &'i Inode) -> Self {
        Self { inode }
    }

    /// All entries, in no order. A part of the directory that is lost is an error, and the rest follows.
    pub fn entries(&self) -> impl Iterator<Item = Result<DirEntry, Loss>> + use<> {
        let mut read = match &self.inode.object {
            Some(object) => match Zap::of(object) {
                Ok(zap) => zap.entries().filter_map(|entry| entry.map(DirEntry::of).transpose()).collect(),
                Err(loss) => vec![Err(loss)],
            },
            None => Vec::new(),
        };
        if let Some(pending) = self.pending() {
            read.retain(|entry| {
                entry.as_ref().is_ok_and(|entry| !pending.contains_key(&entry.bytes)) || entry.is_err()
            });
            read.extend(pending.values().flatten().cloned().map(Ok));
        }
        read.into_iter()
    }

    /// The entries in those of these blocks that are leaves; `None` if it has none, and all its entries are in one block.
    pub(crate) fn entries_in(&self, blocks: &BTreeSet<u64>) -> Option<Vec<Result<DirEntry, Loss>>> {
        let zap = Zap::of(self.inode.object.as_ref()?).ok()?;
        let found = zap.entries_in(blocks)?;
        Some(found.into_iter().filter_map(|entry| entry.map(DirEntry::of).transpose()).collect())
    }

    /// Names that the intent log changes.
    fn pending(&self) -> Option<&'i BTreeMap<Vec<u8>, Option<DirEntry>>> {
        self.inode.change.as_ref().map(|change| &change.entries)
    }

    /// The entries in the order of their names, and what is lost.
    #[must_use]
    pub fn sorted(&self) -> (Vec<DirEntry>, Vec<Loss>) {
        let (mut entries, mut losses) = (Vec::new(), Vec::new());
        for entry in self.entries() {
            match entry {
                Ok(entry) => entries.push(entry),
                Err(loss) => losses.push(loss),
            }
        }
        entries.sort();
        (entries, losses)
    }

    /// The entry of that name, as the file system compares names; `None` if there is none.
    ///
    /// # Errors
    /// [`Loss`] of the part that would have it.
    pub fn get(&self, name: &[u8]) -> Result<Option<DirEntry>, Loss> {
        if let Some(pending) =
            self.pending().and_then(|pending| pending.get(name)).filter(|entry| entry.is_some())
        {
            return Ok(pending.clone());
        }
        let flags = self.inode.fs.master().matching();
        let is_gone = self.pending().is_some_and(|pending| pending.contains_key(name));
        let exact = if is_gone { None } else { self.exact(name)? };
        if exact.is_some() || flags.0 == 0 {
            return Ok(exact);
        }
        // hashes of names that are not ASCII depend on Unicode: all are compared
        let wanted = prepare(name, flags);
        let mut found: Option<DirEntry> = None;
        for entry in self.entries() {
            let entry = entry?;
            let is_same = prepare(&entry.bytes, flags) == wanted;
            if is_same && found.as_ref().is_none_or(|found| entry.cd < found.cd) {
                found = Some(entry);
            }
        }
        Ok(found)
    }

    /// The entry of exactly that name in the tree.
    fn exact(&self, name: &[u8]) -> Result<Option<DirEntry>, Loss> {
        let Some(object) = &self.inode.object else { return Ok(None) };
        let value = Zap::of(object)?.get(name)?;
        Ok(value.and_then(|value| {
            DirEntry::of(Attribute { key: Key::Name(name.to_vec()), value, hash: 0, cd: 0 })
        }))
    }
}

/// Why no path of a system can have this name: damage, or malice, may have put it there.
#[must_use]
pub fn objection(name: &[u8]) -> Option<&'static str> {
    match name {
        [] => Some("there is none"),
        b"." | b".." => Some("it means another directory"),
        name if name.contains(&b'/') => Some("it has a slash"),
        name if name.contains(&0) => Some("it has a NUL"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::objection;

    #[test]
    fn names_that_lead_elsewhere_are_refused() {
        for name in [&b""[..], b".", b"..", b"a/b", b"/", b"../x", b"a\0b"] {
            assert!(objection(name).is_some(), "{name:?}");
        }
        for name in [&b"..."[..], b".a", b"-rf", b"a\\b", b"\xff\n"] {
            assert!(objection(name).is_none(), "{name:?}");
        }
    }
}
