//! Files beside the tree: the sidecar, and archives.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes a file, or empties it.
#[allow(clippy::disallowed_methods)] // an output, no evidence
pub(super) fn create(path: &Path) -> io::Result<File> {
    File::create(path)
}

/// Makes a file, or goes on at its end.
#[allow(clippy::disallowed_methods)] // an output, no evidence
#[cfg(unix)]
pub(super) fn append(path: &Path) -> io::Result<File> {
    File::options().create(true).append(true).open(path)
}

/// What an earlier run has written.
#[allow(clippy::disallowed_methods)] // an output, no evidence
#[cfg(unix)]
pub(super) fn read(path: &Path) -> io::Result<File> {
    File::open(path)
}
