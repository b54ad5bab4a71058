//! What is open: files and directories by the numbers that the kernel has for them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use fuser::FileHandle;

/// Things that are open.
#[derive(Debug)]
pub(super) struct Handles<T> {
    all: RwLock<HashMap<u64, Arc<T>>>,
    last: AtomicU64,
}

impl<T> Default for Handles<T> {
    fn default() -> Self {
        Self { all: RwLock::default(), last: AtomicU64::default() }
    }
}

impl<T> Handles<T> {
    pub(super) fn add(&self, thing: Arc<T>) -> FileHandle {
        let handle = self.last.fetch_add(1, Ordering::Relaxed);
        self.all.write().unwrap_or_else(PoisonError::into_inner).insert(handle, thing);
        FileHandle(handle)
    }

    pub(super) fn get(&self, handle: FileHandle) -> Option<Arc<T>> {
        self.all.read().unwrap_or_else(PoisonError::into_inner).get(&handle.0).cloned()
    }

    pub(super) fn remove(&self, handle: FileHandle) {
        self.all.write().unwrap_or_else(PoisonError::into_inner).remove(&handle.0);
    }
}
