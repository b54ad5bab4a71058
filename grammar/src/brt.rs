//! The block reference table: how often blocks are shared by clones.
//!
//! Each top-level vdev has an object with the number of its entries in each region, whose bonus
//! ([`BrtVdev`]) names the ZAP of the entries: key the byte offset of the block on the vdev, value
//! how many references it has beyond the first. Handbook: [`docs/format/13-space.md`], 13.6.
//!
//! ```
//! use zfsp_grammar::{brt::BrtVdev, input::{Input, Order, Parse}};
//!
//! let bytes: Vec<u8> = [89, 3, 0, 7, 16_777_216, 79872, 113_152].iter().flat_map(|w: &u64| w.to_le_bytes()).collect();
//! let (_, read) = BrtVdev::parse(Input::new(&bytes, Order::Little))?;
//! assert_eq!((read.usedspace.0, read.savedspace.0), (79872, 113_152));
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//!
//! [`docs/format/13-space.md`]: crate::handbook::space

use alloc::format;
use alloc::string::String;

use crate::catalogue::{Structure, structure};
use crate::input::Order;
use crate::quantity::{Bytes, Numbers, ObjectId, integer};

pub(crate) const STRUCTURES: &[Structure] = &[
    structure!("brt-vdev", "bonus of a vdev's block reference table", "13-space.md 13.6", BrtVdev),
    structure!(
        'a: "brt-counts",
        "entries in each region of a vdev",
        "13-space.md 13.6",
        Numbers<'a, 2>
    ),
];

symbols! {
    /// `bv_byteorder`: of the host that wrote the counts.
    pub struct CountsOrder(u64) {
        LITTLE = 0 "little-endian",
        BIG = 1 "big-endian",
    }
}

record! {
    /// `brt_vdev_phys_t`.
    ///
    /// Chapter 13, 13.6.
    pub struct BrtVdev: Copy {
        /// ZAP of the entries
        0x00 mos_entries: ObjectId,
        /// regions: elements of the array of counts
        0x08 size:        u64,
        /// of the array of counts
        0x10 byteorder:   CountsOrder,
        /// entries
        0x18 totalcount:  u64,
        /// bytes of a region
        0x20 rangesize:   Bytes,
        /// of the shared blocks, each counted once
        0x28 usedspace:   Bytes,
        /// of the shared blocks, each counted as often as it is shared beyond that
        0x30 savedspace:  Bytes,
    }
    says BrtVdev::summary;
}

impl BrtVdev {
    /// Byte order of the array of counts, whatever that of the block around it.
    #[must_use]
    pub fn order(&self) -> Order {
        if self.byteorder == CountsOrder::BIG { Order::Big } else { Order::Little }
    }
    fn summary(&self) -> String {
        format!("{} entries save {:#x} bytes", self.totalcount, self.savedspace.0)
    }
}

/// References beyond the first, from the value of an entry: `value` as it stands in the ZAP, there
/// as integers of `width` bytes.
///
/// With the feature `block_cloning_endian` active it is one integer of eight bytes, big-endian as all
/// in ZAPs; before that eight integers of one byte, in the order of the host that wrote them, which
/// was `native`. `None` for other shapes.
#[must_use]
pub fn extra_references(width: u8, value: &[u8], native: Order) -> Option<u64> {
    let value: &[u8; 8] = value.try_into().ok()?;
    match width {
        1 => Some(integer(value, native)),
        8 => Some(integer(value, Order::Big)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_shapes_of_an_entry() {
        assert_eq!(extra_references(1, &[2, 0, 0, 0, 0, 0, 0, 0], Order::Little), Some(2));
        assert_eq!(extra_references(8, &[0, 0, 0, 0, 0, 0, 0, 2], Order::Little), Some(2));
        assert_eq!(extra_references(8, &[2], Order::Little), None);
    }
}
