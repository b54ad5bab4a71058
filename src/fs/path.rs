//! Paths in a file system.
//!
//! Handbook: `docs/format/12-zpl.md`, 12.9 and 12.12.

use std::collections::HashSet;

use zfsp_grammar::input::Text;
use zfsp_grammar::mode::FileType;

use super::{FileSystem, Inode};
use crate::error::{Error, Result};

/// Links that a path may lead through.
const MOST_LINKS: usize = 40;
/// Directories above each other that a path is put together of.
const DEEPEST: usize = 4096;

impl FileSystem {
    /// What a path leads to, from the root on. The last component may be a symbolic link; those on the way are
    /// followed.
    ///
    /// # Errors
    /// If there is no such path: the message says which component is missing, or lost.
    pub fn find(&self, path: &[u8]) -> Result<Inode> {
        self.walk(self.root()?, path, false)
    }

    /// The same; if it is a symbolic link, what that leads to.
    ///
    /// # Errors
    /// As [`FileSystem::find`]; also, if a link leads out of the file system, or in a circle.
    pub fn follow(&self, path: &[u8]) -> Result<Inode> {
        self.walk(self.root()?, path, true)
    }

    fn walk(&self, root: Inode, path: &[u8], follows: bool) -> Result<Inode> {
        let components = |path: &[u8]| -> Vec<Vec<u8>> {
            let parts = path.split(|b| *b == b'/').filter(|part| !part.is_empty() && *part != b".");
            parts.rev().map(<[u8]>::to_vec).collect()
        };
        let (mut left, mut links) = (components(path), 0usize);
        let mut way = vec![root];
        while let Some(name) = left.pop() {
            if name == b".." {
                if way.len() > 1 {
                    way.pop();
                }
                continue;
            }
            let Some(here) = way.last() else { break };
            let so_far = || Text(&name).to_string();
            if !here.is_directory() {
                return Err(Error::not_found(format!("'{}': what leads there is no directory", so_far())));
            }
            let entry = here.directory().get(&name)?;
            let entry = entry.ok_or_else(|| Error::not_found(format!("no such file: '{}'", so_far())))?;
            let inode = self.inode(entry.object)?;
            if inode.kind() == FileType::SYMLINK && (follows || !left.is_empty()) {
                let target = inode.target()?;
                links = links.saturating_add(1);
                if links > MOST_LINKS {
                    return Err(Error::not_found(format!("'{}': too many symbolic links", so_far())));
                }
                if target.starts_with(b"/") {
                    let what =
                        format!("'{}' is a link to {}: outside of the file system", so_far(), Text(&target));
                    return Err(Error::not_found(what));
                }
                left.extend(components(&target));
                continue;
            }
            way.push(inode);
        }
        way.pop().ok_or_else(|| Error::not_found("no such file".into()))
    }

    /// A path that leads to the object, from the root on, put together from its parents: `None` where they do not lead
    /// to the root, or do not know it.
    #[must_use]
    pub fn path_of(&self, number: u64) -> Option<Vec<u8>> {
        let root = self.root().ok()?.number;
        let (mut at, mut names, mut seen) = (number, Vec::new(), HashSet::new());
        while at != root {
            if names.len() > DEEPEST || !seen.insert(at) {
                return None;
            }
            let parent = self.inode(self.inode(at).ok()?.attributes.parent).ok()?;
            let entry = parent.directory().entries().flatten().find(|entry| entry.object == at)?;
            names.push(entry.bytes);
            at = parent.number;
        }
        let mut path = Vec::new();
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        Some(if path.is_empty() { b"/".to_vec() } else { path })
    }
}
