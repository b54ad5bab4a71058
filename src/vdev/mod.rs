//! Vdevs: from an offset on a top-level vdev to bytes on devices, and all other ways to get them.
//!
//! Every way is asked until one gives the bytes that the checksum proves; what failed or lied on the
//! way is named. Handbook: `docs/format/20-vdevs-raidz.md`, `docs/format/21-draid.md`.

pub mod config;
mod draid;
mod galois;
mod indirect;
mod layout;
mod node;
mod parity;
mod raidz;
mod side;
mod stretch;
mod striped;
mod tree;

pub use draid::{Draid, DraidConfig};
pub use indirect::Piece;
pub use layout::{Layout, Role, Spot};
pub use node::Missed;
pub use raidz::{Raidz, Reflow};
pub use side::{Fault, FaultKind, Leaf, Side};
pub use stretch::Stretch;
pub use tree::{Parts, Top, Vdevs};

/// Whether bytes are the block that is looked for: its checksum decides. A block without a checksum takes what comes.
pub type Judge<'j> = dyn Fn(&[u8]) -> bool + Sync + 'j;

/// What is to be read of a top-level vdev.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Bytes from the start of its allocatable area, as a DVA says it.
    pub offset: u64,
    /// Bytes of the block as it is stored, without parity: at most 16 MiB.
    pub size: usize,
    /// Transaction group in which it was written (its physical birth): tells the width of an expanded RAID-Z, and
    /// which devices missed it; [`Extent::ANY_BIRTH`] if that is not known.
    pub birth: u64,
}

impl Extent {
    /// Nothing is known of when it was written: devices that missed anything are asked last, RAID-Z has its newest
    /// width.
    pub const ANY_BIRTH: u64 = u64::MAX;
}

/// What of a block needs no second look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proven {
    /// All may be wrong.
    Nothing,
    /// What a read asks first gave the right bytes: one side of a mirror, the data columns of a striped vdev.
    First,
}

/// The devices below a striped vdev.
pub(crate) trait Children: Sync {
    /// Every way to the bytes at `offset` of child `n`, best first: one for a device, more for a spare in use or a
    /// replacement that is under way. A missing device is a side all the same.
    fn sides(&self, n: usize, offset: u64, area: Area) -> Vec<Side>;
}

/// Which part of a device an offset counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// The allocatable area, from 4 MiB on.
    Data,
    /// The boot area, from 512 KiB on, in which a RAID-Z expansion keeps its first rows.
    Scratch,
}
