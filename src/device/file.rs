//! Regular files and block devices.
#![allow(clippy::disallowed_methods)] // here, and only here, things are opened

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};

pub(super) struct File {
    path: PathBuf,
    file: Mutex<fs::File>,
    len: u64,
    stream: bool,
}

impl File {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let error = |source| Error::Io { path: path.to_owned(), source };
        let mut file = fs::File::open(path).map_err(error)?;
        let kind = file.metadata().map_err(error)?.file_type();
        if kind.is_dir() {
            return Err(error(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        // block devices tell their size by seeking only; what cannot seek is a stream
        let len = file.seek(SeekFrom::End(0)).ok();
        let stream = len.is_none();
        Ok(File { path: path.to_owned(), file: Mutex::new(file), len: len.unwrap_or_default(), stream })
    }
    pub(super) fn is_stream(&self) -> bool {
        self.stream
    }
    pub(super) fn len(&self) -> u64 {
        self.len
    }
    /// All of it, from the start.
    pub(super) fn into_reader(self) -> impl Read {
        let mut file = self.file.into_inner().unwrap_or_else(PoisonError::into_inner);
        // a stream cannot seek, and stands at its start anyway
        let _ = file.seek(SeekFrom::Start(0));
        file
    }
    pub(super) fn read_at(&self, at: u64, bytes: &mut [u8]) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let placed = file.seek(SeekFrom::Start(at));
        placed
            .and_then(|_| file.read_exact(bytes))
            .map_err(|source| Error::Io { path: self.path.clone(), source })
    }
}
