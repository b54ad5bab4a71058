//! Where a tree is made, and what is there already.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zfsp::namespace::{Location, Namespace, Place};

use super::super::items::alone;
use super::host::{self, Dir};
use crate::common::exit::{Exit, Failure};

/// Where a tree is made.
#[derive(Debug)]
pub(super) struct Aim {
    /// As the user is told.
    path: PathBuf,
    /// The directory that is filled, or that the file goes into.
    pub(super) dir: Arc<Dir>,
    /// Of the file; empty for a directory.
    pub(super) name: Vec<u8>,
    /// Where files are made.
    pub(super) staging: Dir,
    staging_name: Vec<u8>,
    pub(super) found: Found,
}

/// What is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// What an interrupted run of the same command has left.
    Partial,
    /// Anything: it may be written over.
    Others,
}

/// Name of the folder in which files are made.
pub(super) const PARTIAL: &[u8] = b".zexplore-partial";
/// Name of the file in it that says what is extracted.
const SOURCE: &[u8] = b"source";
/// Bytes of that file that are looked at.
const LONGEST: u64 = 1 << 20;

impl Aim {
    pub(super) fn at(
        dest: &Path,
        names: &Namespace<'_>,
        location: &Location,
        overwrites: bool,
    ) -> Result<Self, Failure> {
        let failure = |error: io::Error| Failure(Exit::Nothing, format!("{}: {error}", dest.display()));
        let is_tree = matches!(&location.place, Place::Inode(inode) if inode.is_directory());
        let (path, dir, name) = if is_tree {
            match std::fs::create_dir(dest) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failure(error)),
                _ => (dest.to_path_buf(), Dir::of_user(dest).map_err(failure)?, Vec::new()),
            }
        } else if dest.is_dir() {
            let name = alone(location, &location.dataset);
            let path = dest.join(host::name(name.clone()));
            (path, Dir::of_user(dest).map_err(failure)?, name)
        } else {
            let parent = dest.parent().filter(|parent| !parent.as_os_str().is_empty());
            let name = dest.file_name().ok_or_else(|| failure(io::ErrorKind::IsADirectory.into()))?;
            let dir = Dir::of_user(parent.unwrap_or(Path::new("."))).map_err(failure)?;
            (dest.to_path_buf(), dir, host::bytes(name).to_vec())
        };
        let staging_name = match name.as_slice() {
            [] => PARTIAL.to_vec(),
            name => [b".", name, PARTIAL].concat(),
        };
        let source = source(names, location);
        let mut found = found(&dir, &name, &staging_name, &source).map_err(failure)?;
        if found == Found::Others && !overwrites {
            return Err(Failure(Exit::Nothing, refusal(&path, &dir, &name, &staging_name)));
        }
        if overwrites {
            found = Found::Others;
        }
        let staging = stage(&dir, &staging_name, &source, found).map_err(failure)?;
        Ok(Self { path, dir: Arc::new(dir), name, staging, staging_name, found })
    }

    /// Where losses are listed, if the user does not say.
    pub(super) fn sidecar(&self) -> PathBuf {
        // `.` and `..` have names, too
        let path = match self.path.file_name() {
            Some(_) => self.path.clone(),
            None => std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone()),
        };
        let name = path.file_name().unwrap_or("root".as_ref());
        let mut sidecar = name.to_os_string();
        sidecar.push(".sidecar.jsonl");
        path.with_file_name(sidecar)
    }

    /// Removes what is only there for the next run.
    pub(super) fn clear(&self) -> io::Result<()> {
        for name in self.staging.names()? {
            self.staging.remove(&name)?;
        }
        self.dir.remove_dir(&self.staging_name)
    }
}

/// What is extracted: the same in each run.
fn source(names: &Namespace<'_>, location: &Location) -> Vec<u8> {
    let pool = names.pool();
    let text = format!(
        "{} txg {}\ndataset {} of {}\n",
        pool.guid, pool.uberblock.txg, location.dataset.object, location.dataset.name
    );
    let number = match &location.place {
        Place::Inode(inode) => inode.number,
        Place::Volume(_) => 1,
        Place::Lost(_) => 0,
    };
    [text.as_bytes(), format!("object {number}, across datasets: {}\n", location.crosses).as_bytes()].concat()
}

/// What is there.
fn found(dir: &Dir, name: &[u8], staging: &[u8], source: &[u8]) -> io::Result<Found> {
    if dir.has(staging) {
        let is_same = dir.open(staging).is_ok_and(|staging| staging.is_mine() && says(&staging, source));
        return Ok(if is_same { Found::Partial } else { Found::Others });
    }
    let is_free = if name.is_empty() { dir.names()?.is_empty() } else { !dir.has(name) };
    Ok(if is_free { Found::Nothing } else { Found::Others })
}

/// True if that folder is for this source.
fn says(staging: &Dir, source: &[u8]) -> bool {
    let mut bytes = Vec::new();
    let read = staging.read(SOURCE).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
    read.is_ok() && bytes == source
}

/// Opens the folder in which files are made, or makes it.
fn stage(dir: &Dir, name: &[u8], source: &[u8], found: Found) -> io::Result<Dir> {
    if found == Found::Partial {
        return dir.open(name);
    }
    if let Ok(old) = dir.open(name) {
        for name in old.names()? {
            old.remove(&name)?;
        }
        dir.remove_dir(name)?;
    }
    let staging = dir.make(name)?;
    staging.create(SOURCE)?.write_all(source)?;
    Ok(staging)
}

/// What to do next.
fn refusal(path: &Path, dir: &Dir, name: &[u8], staging: &[u8]) -> String {
    let path = path.display();
    if dir.has(staging) {
        return format!(
            "{path} has what an interrupted run has extracted from elsewhere: name another, or write over it with \
             --overwrite"
        );
    }
    let what = if name.is_empty() { "is not empty" } else { "exists" };
    format!("{path} {what}: name another, or write over files of the same name with --overwrite")
}
