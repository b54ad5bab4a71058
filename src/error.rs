//! One error type, four families, so that damage, gaps in this library, missing keys and trouble with the machine are
//! never mistaken for each other.

use std::{fmt, io, sync::Arc};

/// What a fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why bytes could not be had or understood, and where.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system did not give the bytes.
    #[error("{place}{source}")]
    Io {
        /// what was being read
        place: Place,
        /// what the operating system said
        source: io::Error,
    },
    /// The bytes contradict the format or their checksum.
    #[error("{place}{what}")]
    Corrupt {
        /// where the bytes lie
        place: Place,
        /// field, what was expected, what was found
        what: String,
    },
    /// The format allows it, but it is not read yet.
    #[error("{place}{what}")]
    Unsupported {
        /// where it was met
        place: Place,
        /// what it is
        what: String,
    },
    /// It is encrypted, and its key was not given.
    #[error("{place}{what}")]
    Locked {
        /// where it was met
        place: Place,
        /// what it is
        what: String,
        /// whose key opens it, if it is a whole dataset
        needs: Option<Box<NeededKey>>,
    },
}

/// The key that opens a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededKey {
    /// What is locked.
    pub dataset: String,
    /// The dataset whose key it is: the encryption root. If that has no name any more, the dataset itself, without its
    /// snapshot.
    pub root: String,
    /// What is known of the key.
    pub state: KeyState,
}

/// Why a dataset is locked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Its key was not given.
    NotGiven,
    /// A key was given, but does not open it.
    Refused,
    /// No key can open it: what is wrong with its key object.
    Damaged(String),
}

impl fmt::Display for NeededKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dataset, root, state } = self;
        match state {
            KeyState::NotGiven => {
                write!(f, "{dataset}: locked: it is encrypted, and the key of {root} was not given")
            }
            KeyState::Refused => {
                write!(f, "{dataset}: still locked: the key that was given does not open it")
            }
            KeyState::Damaged(what) => write!(f, "{dataset}: locked for good: {what}"),
        }
    }
}

/// Where something happened: what is known of it, and nothing else, is printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// name of the device or image
    pub device: Option<Arc<str>>,
    /// bytes from the start of the device
    pub offset: Option<u64>,
}

impl Error {
    /// The bytes are wrong, at a place the caller knows: see [`Error::at`].
    pub fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { place: Place::default(), what: what.into() }
    }

    /// The bytes may be right, but are not understood, at a place the caller knows: see [`Error::at`].
    pub fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { place: Place::default(), what: what.into() }
    }

    /// It is encrypted, and its key was not given.
    pub fn locked(what: impl Into<String>) -> Self {
        Self::Locked { place: Place::default(), what: what.into(), needs: None }
    }

    /// A whole dataset is encrypted, and its key was not given.
    #[must_use]
    pub fn needs_key(key: NeededKey) -> Self {
        Self::Locked { place: Place::default(), what: key.to_string(), needs: Some(Box::new(key)) }
    }

    /// A device that is needed is not there.
    #[must_use]
    pub fn missing(device: &Arc<str>) -> Self {
        let source = io::Error::new(io::ErrorKind::NotFound, "device missing");
        Self::Io { place: Place { device: Some(device.clone()), offset: None }, source }
    }

    /// There is no such thing: pool, state of it, dataset, file.
    #[must_use]
    pub fn not_found(what: String) -> Self {
        Self::Io { place: Place::default(), source: io::Error::new(io::ErrorKind::NotFound, what) }
    }

    /// What happened, without where.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Io { source, .. } => source.to_string(),
            Self::Corrupt { what, .. } | Self::Unsupported { what, .. } | Self::Locked { what, .. } => {
                what.clone()
            }
        }
    }

    /// The same error with the name of what it happened to in front of the reason.
    #[must_use]
    pub fn within(self, outer: &dyn fmt::Display) -> Self {
        match self {
            Self::Io { place, source } => {
                Self::Io { place, source: io::Error::new(source.kind(), format!("{outer}: {source}")) }
            }
            Self::Corrupt { place, what } => Self::Corrupt { place, what: format!("{outer}: {what}") },
            Self::Unsupported { place, what } => {
                Self::Unsupported { place, what: format!("{outer}: {what}") }
            }
            Self::Locked { place, what, needs } => {
                Self::Locked { place, what: format!("{outer}: {what}"), needs }
            }
        }
    }

    /// The same error with the parts of its place filled in that were not known further down.
    #[must_use]
    pub fn at(mut self, outer: Place) -> Self {
        let (Self::Io { place, .. }
        | Self::Corrupt { place, .. }
        | Self::Unsupported { place, .. }
        | Self::Locked { place, .. }) = &mut self;
        place.device = place.device.take().or(outer.device);
        place.offset = place.offset.or(outer.offset);
        self
    }

    /// Where it happened.
    #[must_use]
    pub fn place(&self) -> &Place {
        let (Self::Io { place, .. }
        | Self::Corrupt { place, .. }
        | Self::Unsupported { place, .. }
        | Self::Locked { place, .. }) = self;
        place
    }
}

impl From<io::Error> for Error {
    fn from(source: io::Error) -> Self {
        Self::Io { place: Place::default(), source }
    }
}

/// `d1.img at 0x4000: `, ready to stand before a message.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.device, self.offset) {
            (None, None) => Ok(()),
            (None, Some(offset)) => write!(f, "at {offset:#x}: "),
            (Some(device), None) => write!(f, "{device}: "),
            (Some(device), Some(offset)) => write!(f, "{device} at {offset:#x}: "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inner_place_wins_and_gaps_are_filled() {
        let inner = Place { device: None, offset: Some(0x4000) };
        let outer = Place { device: Some("d1.img".into()), offset: Some(0) };
        let error = Error::corrupt("magic is 0").at(inner).at(outer);
        assert_eq!(error.to_string(), "d1.img at 0x4000: magic is 0");
    }
}
