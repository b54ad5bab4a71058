//! Blocks that could not be had, and why.

use std::fmt;

use crate::crypt::Mac;
use crate::error::Error;
use crate::vdev::{Fault, FaultKind};

/// A block that could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Lost {
    /// Why.
    pub why: Why,
    /// What was tried.
    pub faults: Vec<Fault>,
}

/// Why a block could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// No copy could be read, or none is what the checksum says.
    #[error("no copy is right")]
    NoCopy,
    /// The pointer, or the block, contradicts the format.
    #[error("{0}")]
    Corrupt(String),
    /// The format allows it, but it is not read yet.
    #[error("{0}")]
    Unsupported(String),
    /// It is encrypted, and there is no key.
    #[error("locked: it is encrypted, and its key was not given")]
    Locked,
    /// It is not what its writer, who had the key, has written, though its checksum is right.
    #[error("{0}: it was altered, or is of another key")]
    Unauthentic(Mac),
    /// There is no such object.
    #[error("no such object")]
    Missing,
    /// It was left out on purpose when the dataset was received.
    #[error("redacted")]
    Redacted,
}

impl Lost {
    /// True if a copy had the right checksum, but was not right all the same: another one may be.
    #[must_use]
    pub fn may_be_forged(&self) -> bool {
        matches!(self.why, Why::Unauthentic(_) | Why::Corrupt(_))
    }
}

impl From<Why> for Lost {
    fn from(why: Why) -> Self {
        Self { why, faults: Vec::new() }
    }
}

/// The faults that a message names.
const NAMED: usize = 4;

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)?;
        for (n, fault) in self.faults.iter().take(NAMED).enumerate() {
            write!(f, "{}{fault}", if n == 0 { " (" } else { "; " })?;
        }
        match self.faults.len() {
            0 => Ok(()),
            n if n > NAMED => write!(f, "; and {} more)", n.saturating_sub(NAMED)),
            _ => f.write_str(")"),
        }
    }
}

impl From<Lost> for Error {
    fn from(lost: Lost) -> Self {
        match lost.why {
            Why::Unsupported(_) => Error::unsupported(lost.to_string()),
            Why::Locked => Error::locked(lost.to_string()),
            Why::NoCopy
                if lost.faults.iter().all(|fault| is_absent(&fault.kind)) && !lost.faults.is_empty() =>
            {
                Error::from(std::io::Error::other(lost.to_string()))
            }
            _ => Error::corrupt(lost.to_string()),
        }
    }
}

/// The bytes could not be read, which says nothing about what they are.
fn is_absent(kind: &FaultKind) -> bool {
    matches!(kind, FaultKind::Missing | FaultKind::Unreadable(_))
}
