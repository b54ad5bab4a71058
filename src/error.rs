//! What can go wrong, in three families: the machine's fault, the bytes' fault, and ours.

use std::io;
use std::path::PathBuf;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine could not read.
    #[error("{}: {source}", path.display())]
    Io {
        /// what was to be read
        path: PathBuf,
        /// why not
        source: io::Error,
    },
    /// The bytes contradict the format.
    #[error("{place}: {what}")]
    Corrupt {
        /// where
        place: String,
        /// expected and found
        what: String,
    },
    /// The format allows it, this crate does not read it.
    #[error("{place}: unsupported {what}")]
    Unsupported {
        /// where
        place: String,
        /// what it would take
        what: String,
    },
}

/// What this crate's functions return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The bytes contradict the format.
    pub(crate) fn corrupt(place: impl Into<String>, what: impl Into<String>) -> Self {
        Error::Corrupt { place: place.into(), what: what.into() }
    }
}
