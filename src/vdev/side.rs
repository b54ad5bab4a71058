//! One way to bytes: a place on a device, and what may be wrong with it.

use std::fmt;
use std::sync::Arc;

use crate::device::Device;
use crate::error::{Error, Result};

/// One way to the bytes of a vdev: a device that should hold them, and where.
///
/// A disk has one side, a mirror one for each of its disks. A side whose device is not there has its
/// name all the same, so that it can be said what is missing.
#[derive(Clone, Debug)]
pub struct Side {
    /// The device, or what is known of the one that is missing.
    pub leaf: Arc<Leaf>,
    /// Bytes from the start of the device (of the partition that ZFS was given).
    pub at: u64,
    /// False if the device may have missed what was written then: to be asked last.
    pub is_current: bool,
}

/// A leaf vdev as far as reading goes.
#[derive(Debug)]
pub struct Leaf {
    /// Identity; 0 if unknown.
    pub guid: u64,
    /// What messages call it: the name of the device, or guid and last path of a missing one.
    pub name: Arc<str>,
    /// Where its bytes are; `None` if it is missing.
    pub device: Option<Device>,
}

impl Side {
    /// Fills `buf` with the bytes that lie there.
    ///
    /// # Errors
    /// `Io` with the place, also for a device that is missing.
    pub fn read_into(&self, buf: &mut [u8]) -> Result<()> {
        match &self.leaf.device {
            Some(device) => device.read_at(self.at, buf),
            None => Err(Error::missing(&self.leaf.name)),
        }
    }
    /// Whether there is a device at all.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.leaf.device.is_some()
    }
}

/// A part of a block that a device did not give, or gave wrongly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Name of the device.
    pub leaf: Arc<str>,
    /// Bytes from the start of the device.
    pub at: u64,
    /// Bytes.
    pub len: u64,
    /// What is wrong there.
    pub kind: FaultKind,
}

/// What is wrong with a part of a block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// The device is not there.
    Missing,
    /// The device gives an error.
    Unreadable(String),
    /// The bytes are not those that the checksum proves.
    Wrong,
    /// Parity that does not fit the proven data.
    WrongParity,
}

impl Fault {
    /// `len` bytes from `side` on are faulty.
    #[must_use]
    pub fn new(side: &Side, len: u64, kind: FaultKind) -> Self {
        Self { leaf: side.leaf.name.clone(), at: side.at, len, kind }
    }
    /// Reading `len` bytes from `side` on ended with `error`.
    #[must_use]
    pub fn unreadable(side: &Side, len: u64, error: &Error) -> Self {
        let kind = if side.is_present() { FaultKind::Unreadable(error.reason()) } else { FaultKind::Missing };
        Self::new(side, len, kind)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { leaf, at, len, kind } = self;
        write!(f, "{leaf} at {at:#x}, {len:#x} bytes: {kind}")
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("device missing"),
            Self::Unreadable(why) => f.write_str(why),
            Self::Wrong => f.write_str("wrong data"),
            Self::WrongParity => f.write_str("wrong parity"),
        }
    }
}
