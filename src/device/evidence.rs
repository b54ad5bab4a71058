//! What was opened as a device is evidence: programs ask before they write anywhere.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Files that were opened as devices in this process: file system and number.
static OPENED: Mutex<BTreeSet<(u64, u64)>> = Mutex::new(BTreeSet::new());

fn opened() -> MutexGuard<'static, BTreeSet<(u64, u64)>> {
    OPENED.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn remember(file: &File) {
    if let Some(identity) = file.metadata().ok().as_ref().and_then(identity) {
        opened().insert(identity);
    }
}

/// True if the path leads to something that was opened as a device, or to a block device: nothing must be written there.
#[must_use]
pub fn is_evidence(path: &Path) -> bool {
    let Ok(metadata) = std::fs::metadata(path) else { return false };
    is_block_device(&metadata) || identity(&metadata).is_some_and(|(dev, ino)| is_opened(dev, ino))
}

/// True if the file of that number was opened as a device.
#[must_use]
pub fn is_opened(dev: u64, ino: u64) -> bool {
    opened().contains(&(dev, ino))
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(unix)]
fn is_block_device(metadata: &Metadata) -> bool {
    use std::os::unix::fs::FileTypeExt;
    metadata.file_type().is_block_device()
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Option<(u64, u64)> {
    None
}

#[cfg(not(unix))]
fn is_block_device(_: &Metadata) -> bool {
    false
}
