//! Files beside the tree: the sidecar, and archives.

use std::fs::File;
use std::io;
use std::path::Path;

#[cfg(unix)]
use crate::common::output::guard;

/// Makes a file where there is nothing, not even a link.
#[allow(clippy::disallowed_methods)] // an output, no evidence
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    File::options().create_new(true).append(true).open(path)
}

/// Opens what an earlier run has written, to read it and to go on at its end; no link is followed.
#[cfg(unix)]
pub(super) fn go_on(path: &Path) -> io::Result<File> {
    guard(path)?;
    use rustix::fs::{Mode, OFlags, open};
    // a pipe would wait for its other end
    let flags = OFlags::RDWR | OFlags::APPEND | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(open(path, flags, Mode::empty())?);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other(NO_FILE)) }
}

/// Removes what an earlier run has written, if there is anything.
#[cfg(unix)]
pub(super) fn remove(path: &Path) -> io::Result<()> {
    guard(path)?;
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => std::fs::remove_file(path),
        Ok(_) => Err(io::Error::other(NO_FILE)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Links, devices and pipes are left alone.
#[cfg(unix)]
const NO_FILE: &str = "it is no regular file";
