//! The manifest of a dataset: one line for each object, with all that a file system shows of it.
//!
//! Two states are the same for their users if their manifests are: it is what `stat`, `readlink`, `getfattr` and the
//! SHA-256 of the content say, without the system that would say it. Of a dataset that is locked it is what the dnodes
//! say of the objects: they are in clear. Handbook: `docs/format/12-zpl.md`, and `docs/format/22-encryption.md`, 22.16.
//!
//! | part | file |
//! |---|---|
//! | what a line says: [`Line`] | `line.rs` |
//! | what `stat` shows of an inode, and two ioctls | `stat.rs` |
//! | bytes as they print | `bytes.rs` |
//! | hashes of content | `hash.rs` |
//! | objects of locked datasets | `locked.rs` |

mod bytes;
mod hash;
mod line;
mod locked;
mod stat;

use std::io::{self, Write};

use rayon::prelude::*;

use crate::dataset::Dataset;
use crate::error::Error;
use crate::fs::{Found, Inode, Visit};
use crate::namespace::{Held, Namespace};

pub use bytes::{Base64, Hex, Pairs};
pub use line::Line;
pub use locked::Outline;
pub use stat::{Ioctls, Stat};

/// How much of a file a line tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// What stands in its dnode.
    Attributes,
    /// Also its extended attributes, and which stretches are no holes.
    Segments,
    /// Also the hash of its content.
    Hashes,
}

/// Lines that are made at once.
const AT_ONCE: usize = 512;
/// Files of more bytes are read one after the other, each by all threads.
const LARGE: u64 = 16 << 20;

/// Gives the lines of a dataset to `sink`, in the order of the paths. What is lost is in the lines.
///
/// # Errors
/// What `sink` returns.
pub fn dataset(
    names: &Namespace<'_>,
    dataset: &Dataset,
    depth: Depth,
    mut sink: impl FnMut(Line) -> io::Result<()>,
) -> io::Result<()> {
    let unreadable =
        |why: String| Line { dataset: dataset.name.clone(), mount_error: Some(why), ..Line::default() };
    let losses = match names.open(dataset) {
        Err(error @ Error::Locked { .. }) => {
            sink(Line { locked: true, ..unreadable(error.to_string()) })?;
            return locked::outlines(names, dataset, sink);
        }
        Err(error) => return sink(unreadable(error.to_string())),
        Ok(Held::Volume(volume)) => {
            sink(Line::of_volume(&dataset.name, &volume, depth))?;
            volume.losses.clone()
        }
        Ok(Held::FileSystem(fs)) => {
            match fs.root() {
                Ok(root) => of_tree(&dataset.name, root, depth, &mut sink)?,
                Err(loss) => sink(unreadable(format!("{}: {loss}", dataset.name)))?,
            }
            fs.losses().to_vec()
        }
    };
    // layouts, records of the intent log: no path is theirs
    losses.iter().try_for_each(|loss| sink(Line::of_loss(&dataset.name, b"", loss)))
}

fn of_tree(
    name: &str,
    root: Inode,
    depth: Depth,
    mut sink: impl FnMut(Line) -> io::Result<()>,
) -> io::Result<()> {
    let mut walk = root.walk();
    loop {
        let visits: Vec<Visit> = walk.by_ref().take(AT_ONCE).collect();
        if visits.is_empty() {
            return Ok(());
        }
        let is_large = |visit: &Visit| visit.inode().is_some_and(|inode| inode.attributes.size > LARGE);
        let lines: Vec<Line> = visits
            .par_iter()
            .map(|visit| line(name, visit, if is_large(visit) { depth.min(Depth::Segments) } else { depth }))
            .collect();
        for (visit, mut line) in visits.iter().zip(lines) {
            if let Some(inode) = visit.inode().filter(|_| depth == Depth::Hashes && is_large(visit)) {
                line.take_hash(inode);
            }
            sink(line)?;
        }
    }
}

fn line(dataset: &str, visit: &Visit, depth: Depth) -> Line {
    match &visit.found {
        Found::Inode(inode) => Line::of_inode(dataset, &visit.path, inode, depth),
        Found::Lost(loss) => {
            Line { r#type: line::word(visit.kind()), ..Line::of_loss(dataset, &visit.path, loss) }
        }
        Found::LostEntries(loss) => {
            Line::of_loss(dataset, &visit.path, &format!("entries are missing: {loss}"))
        }
    }
}

/// Writes a line as JSON.
///
/// # Errors
/// Those of `out`.
pub fn write(line: &Line, mut out: impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut out, line)?;
    out.write_all(b"\n")
}
