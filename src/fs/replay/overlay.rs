//! What the intent log changes, object by object.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::file::Patches;
use crate::fs::directory::DirEntry;
use crate::fs::{Attributes, FileSystem};
use crate::object::Loss;

/// Changes of a file system that are not in its tree yet.
#[derive(Clone, Debug, Default)]
pub(in crate::fs) struct Overlay {
    /// By number; `None` for those that are gone.
    changes: BTreeMap<u64, Option<Arc<Change>>>,
    /// Domains that the file system did not know.
    domains: Vec<(u64, String)>,
}

/// What an object will be.
#[derive(Clone, Debug, Default)]
pub(in crate::fs) struct Change {
    /// All of them, changed or not.
    pub(in crate::fs) attributes: Attributes,
    /// Names that a directory gets, and those that go.
    pub(in crate::fs) entries: BTreeMap<Vec<u8>, Option<DirEntry>>,
    /// What is written to a file.
    pub(in crate::fs) patches: Arc<Patches>,
    /// It is in the log only.
    pub(in crate::fs) is_new: bool,
}

impl Change {
    /// Of an object that is in the tree.
    pub(super) fn of(attributes: Attributes) -> Self {
        Self { attributes, ..Self::default() }
    }

    /// Gives a file that many bytes.
    pub(super) fn resize(&mut self, size: u64) {
        let patches = Arc::make_mut(&mut self.patches);
        match size.cmp(&self.attributes.size) {
            Ordering::Less => patches.truncate(size),
            Ordering::Equal => {}
            Ordering::Greater => patches.extend(),
        }
        self.attributes.size = size;
    }
}

impl Overlay {
    /// What will be of that object: `None` if it stays what it is, `Some(None)` if it goes.
    pub(in crate::fs) fn get(&self, number: u64) -> Option<Option<&Arc<Change>>> {
        self.changes.get(&number).map(Option::as_ref)
    }

    pub(super) fn take(&mut self, number: u64) -> Option<Option<Arc<Change>>> {
        self.changes.remove(&number)
    }

    pub(super) fn put(&mut self, number: u64, change: Option<Arc<Change>>) {
        self.changes.insert(number, change);
    }

    /// Domains that come with it.
    pub(in crate::fs) fn domains(&self) -> &[(u64, String)] {
        &self.domains
    }

    /// The number of a domain: that of the file system, or a new one.
    ///
    /// # Errors
    /// [`Loss`], if those of the file system cannot be read.
    pub(super) fn domain(&mut self, fs: &FileSystem, name: &str) -> Result<u64, Loss> {
        let mut all = fs.domains()?;
        all.extend(self.domains.iter().cloned());
        if let Some((number, _)) = all.iter().find(|(_, known)| known == name) {
            return Ok(*number);
        }
        let number = all.iter().map(|(number, _)| *number).max().unwrap_or_default().saturating_add(1);
        self.domains.push((number, name.into()));
        Ok(number)
    }
}
