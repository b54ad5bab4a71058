//! What is damaged or locked is told once, on standard error, when somebody comes across it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use zfsp::error::Error;
use zfsp::mount::{Node, Number, Tree};
use zfsp_grammar::input::Text;

use crate::common::locked::told;
use crate::common::output::{WARNING, plain};
use crate::said::Said;

/// What was told.
#[derive(Debug, Default)]
pub(super) struct Log {
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    said: Said,
    /// Datasets that were told to be locked.
    locked: BTreeSet<String>,
    /// Nodes that something was told of: their paths are put together once.
    paths: Vec<(Number, String)>,
    has_lost: bool,
}

/// Paths that are remembered.
const MOST_PATHS: usize = 64;

impl Log {
    /// Tells that something of a node is lost.
    pub(super) fn lose(&self, tree: &Tree<'_>, number: Number, error: &Error) {
        let mut told_so_far = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told_so_far.has_lost = true;
        let line = match error {
            Error::Locked { needs: Some(key), .. } => {
                let head = key.dataset.split('@').next().unwrap_or_default();
                told_so_far.locked.insert(head.into()).then(|| told(error))
            }
            _ => {
                let path = told_so_far.path(tree, number);
                // a message of a whole dataset has its name already
                let text = error.to_string();
                let dataset = path.split(':').next().unwrap_or_default();
                let text = text.strip_prefix(&format!("{dataset}: ")).unwrap_or(&text).to_owned();
                told_so_far.said.once(&format!("{path}: {text}"))
            }
        };
        if let Some(line) = line {
            anstream::eprintln!("{WARNING}zexplore:{WARNING:#} {}", plain(&line));
        }
    }

    /// Whether anything was damaged or locked.
    pub(super) fn has_lost(&self) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).has_lost
    }
}

impl Told {
    /// `lab/home:/a/file`.
    fn path(&mut self, tree: &Tree<'_>, number: Number) -> String {
        if let Some((_, path)) = self.paths.iter().find(|(known, _)| *known == number) {
            return path.clone();
        }
        let dataset = tree.dataset_of(number).map_or("", |dataset| dataset.name.as_str());
        let path = match tree.node(number) {
            Ok(Node::Inode(inode)) => inode
                .fs()
                .path_of(inode.number)
                .map_or_else(|| format!("#{}", inode.number), |path| Text(&path).to_string()),
            Ok(Node::Made(_) | Node::Volume(_)) | Err(_) => String::new(),
        };
        let path = if path.is_empty() { dataset.to_owned() } else { format!("{dataset}:{path}") };
        if self.paths.len() >= MOST_PATHS {
            self.paths.clear();
        }
        self.paths.push((number, path.clone()));
        path
    }
}
