//! What is damaged or locked is told once, on standard error, when somebody comes across it.

use std::collections::HashSet;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use zfsp::error::Error;
use zfsp::mount::{Node, Number, Tree};
use zfsp_grammar::input::Text;

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
    /// What was met: a node, and what is wrong with it.
    met: HashSet<(Number, String)>,
}

/// Losses that are told: of a pool that has more of them nobody wants to read each.
const MOST: usize = 10_000;

impl Log {
    /// Tells that something of a node is lost.
    pub(super) fn lose(&self, tree: &Tree<'_>, number: Number, error: &Error) {
        let reason = error.to_string();
        {
            let met = &mut self.told().met;
            if met.len() > MOST || !met.insert((number, reason.clone())) {
                return;
            }
            if met.len() > MOST {
                return tell("more is damaged, which is not told here: zexplore verify names all of it");
            }
        }
        // locked datasets were told when all was mounted
        if matches!(error, Error::Locked { needs: Some(_), .. }) {
            return;
        }
        // not while others wait: directories are read for it
        let path = path(tree, number);
        let dataset = path.split(':').next().unwrap_or_default();
        // a message of a whole dataset has its name already
        let reason = reason.strip_prefix(&format!("{dataset}: ")).unwrap_or(&reason);
        let line = self.told().said.once(&format!("{path}: {reason}"));
        if let Some(line) = line {
            tell(&line);
        }
    }

    /// Whether anything was damaged or locked.
    pub(super) fn has_lost(&self) -> bool {
        !self.told().met.is_empty()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Prints a line. A terminal that is gone, or a full disk, is no reason to end.
pub(super) fn tell(line: &str) {
    let _ = writeln!(anstream::stderr(), "{WARNING}zexplore:{WARNING:#} {}", plain(line));
}

/// `lab/home:/a/file`.
fn path(tree: &Tree<'_>, number: Number) -> String {
    let dataset = tree.dataset_of(number).map_or("", |dataset| dataset.name.as_str());
    match tree.node(number) {
        Ok(Node::Inode(inode)) => match inode.fs().path_of(inode.number) {
            Some(path) => format!("{dataset}:{}", Text(&path)),
            None => format!("{dataset}:#{}", inode.number),
        },
        Ok(Node::Made(_) | Node::Volume(_)) | Err(_) => dataset.to_owned(),
    }
}
