//! Labels: what a device says of itself and of its pool.
//!
//! Each device carries four, two at its start and two at its end, 256 KiB each: a blank, the boot
//! environment, the configuration, and a ring of uberblocks. Handbook: `docs/format/01-labels.md`,
//! 1.1 and 1.2.

use alloc::vec::Vec;

use nom::Parser;

use crate::bootenv::BootEnv;
use crate::catalogue::{Structure, structure};
use crate::eck::{ECK_SIZE, ZioEck};
use crate::input::{Input, Parse, Parsed, bytes, framed, rest, tolerated};
use crate::nvlist::Packed;
use crate::spec::{Describe, Parts};
use crate::tree::Value;
use crate::uberblock::{SLOT_SIZES, Slot, Uberblock, slot_size};

/// Bytes of a label.
pub const LABEL_SIZE: usize = 256 << 10;
/// Where the boot environment starts in a label.
pub const BOOTENV_AT: usize = 0x2000;
/// Where the configuration starts in a label.
pub const VDEV_PHYS_AT: usize = 0x4000;
/// Bytes of the configuration, with its proof.
pub const VDEV_PHYS_SIZE: usize = 112 << 10;
/// Where the ring starts in a label.
pub const RING_AT: usize = 0x20000;
/// Bytes of the ring.
pub const RING_SIZE: usize = 128 << 10;
/// Where the allocatable area of a device starts: behind two labels and the boot region.
pub const DATA_AT: u64 = 4 << 20;

pub(crate) const STRUCTURES: &[Structure] = &[
    structure!('a: "label", "vdev label: configuration and uberblock ring", "01-labels.md 1.2", Label<'a>),
    structure!('a: "vdev-phys", "configuration part of a label", "01-labels.md 1.2", VdevPhys<'a>),
];

/// Places of the four labels on a device of `size` bytes; of those at its end, if it has room.
#[must_use]
pub fn places(size: u64) -> [Option<u64>; 4] {
    let label = 256 << 10;
    let aligned = size & !0x3_ffff;
    [
        Some(0),
        Some(label),
        aligned.checked_sub(label * 2).filter(|at| *at >= label * 2),
        aligned.checked_sub(label).filter(|at| *at >= label * 3),
    ]
}

record! {
    /// `vdev_label_t`.
    ///
    /// Chapter 01, 1.2.
    pub struct Label<'a> {
        /// left for other formats' disk labels
        0x00000 blank:     &'a [u8] = bytes(BOOTENV_AT),
        0x02000 bootenv:   Option<BootEnv<'a>> = tolerated(VDEV_PHYS_AT - BOOTENV_AT, BootEnv::parse),
        0x04000 vdev_phys: Option<VdevPhys<'a>> = tolerated(VDEV_PHYS_SIZE, VdevPhys::parse),
        /// slot n holds the uberblock of a txg that is n modulo the number of slots
        0x20000 ring:      Ring<'a> = framed(RING_SIZE, ring(vdev_phys.as_ref().and_then(VdevPhys::ashift))),
    }
}

record! {
    /// `vdev_phys_t`: the configuration, and its proof.
    ///
    /// Chapter 01, 1.2 and 1.4.
    pub struct VdevPhys<'a> {
        0x00000 nvlist: Option<Packed<'a>> = tolerated(VDEV_PHYS_SIZE - ECK_SIZE, Packed::parse),
        0x1bfd8 eck:    ZioEck,
    }
}

impl VdevPhys<'_> {
    /// log2 of the smallest allocation of the top-level vdev: it decides the size of the slots.
    #[must_use]
    pub fn ashift(&self) -> Option<u64> {
        let config = &self.nvlist.as_ref()?.list;
        config.number("ashift").or_else(|| config.list("vdev_tree")?.number("ashift"))
    }
}

/// The ring of uberblocks.
#[derive(Clone, Debug, PartialEq)]
pub struct Ring<'a> {
    /// Bytes of each slot.
    pub slot_size: usize,
    /// The slots in the order of the bytes; `None` where one is damaged.
    pub slots: Vec<Option<RingSlot<'a>>>,
}

one_of! {
    /// What a slot of the ring holds.
    pub enum RingSlot<'a> {
        /// An uberblock.
        Uberblock(Slot<'a>),
        /// One of txg 0, from when the device was labelled.
        Template(Template<'a>),
        /// None: never used, or left from when the device was labelled.
        Empty(EmptySlot<'a>),
    }
}

record! {
    /// An uberblock that is none: labelling a device writes the whole ring at once, with this in
    /// front and one proof at the very end.
    ///
    /// Chapter 01, 1.3.
    pub struct Template<'a> {
        0x0  uberblock: Uberblock,
             rest:      &'a [u8] = rest,
    }
    says Template::summary;
}

impl Template<'_> {
    fn summary(&self) -> &'static str {
        "template, from when the device was labelled"
    }
}

record! {
    /// A slot without an uberblock. Some still hold a piece of the [`Template`]; when a device has
    /// grown, slots may be zeros with a proof.
    ///
    /// Chapter 01, 1.3.
    pub struct EmptySlot<'a> {
        0x0 content: &'a [u8] = before_proof,
        /// of the slot, or the end of the proof of the whole ring
            proof:   &'a [u8] = rest,
    }
    says EmptySlot::summary;
}

impl EmptySlot<'_> {
    fn summary(&self) -> &'static str {
        if self.content.iter().all(|b| *b == 0) {
            "empty"
        } else {
            "template, from when the device was labelled"
        }
    }
}

fn before_proof(i: Input<'_>) -> Parsed<'_, &'_ [u8]> {
    bytes(i.bytes().len().saturating_sub(ECK_SIZE))(i)
}

impl Ring<'_> {
    /// The uberblocks there are.
    pub fn uberblocks(&self) -> impl Iterator<Item = &Slot<'_>> {
        self.slots.iter().flatten().filter_map(|slot| match slot {
            RingSlot::Uberblock(slot) => Some(slot),
            RingSlot::Template(_) | RingSlot::Empty(_) => None,
        })
    }
}

impl Describe for Ring<'_> {
    const SIZE: Option<usize> = Some(RING_SIZE);
    fn parts() -> Parts {
        RingSlot::parts()
    }
    fn value(&self) -> Value {
        let used = self.uberblocks().count();
        Value::says(format_args!(
            "{used} of {} slots in use, {} bytes each",
            self.slots.len(),
            self.slot_size
        ))
    }
}

fn ring<'a>(ashift: Option<u64>) -> impl FnMut(Input<'a>) -> Parsed<'a, Ring<'a>> {
    move |mut i| {
        let slot_size = ashift.map_or_else(|| guess_slot_size(i), slot_size);
        let mut slots = Vec::new();
        while i.bytes().len() >= slot_size {
            let number = slots.len();
            let read = |i: Input<'a>| match i.watch() {
                None => RingSlot::parse(i),
                Some(trace) => trace.item(i, number, RingSlot::parse),
            };
            let slot;
            (i, slot) = tolerated(slot_size, read).parse_complete(i)?;
            slots.push(slot);
        }
        Ok((i, Ring { slot_size, slots }))
    }
}

impl<'a> Parse<'a> for RingSlot<'a> {
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        let is_zero =
            |word: core::ops::Range<usize>| i.bytes().get(word).is_some_and(|b| b.iter().all(|b| *b == 0));
        let end = i.bytes().len();
        let content = ..end.saturating_sub(ECK_SIZE);
        let is_empty = i.bytes().get(content).is_none_or(|b| b.iter().all(|b| *b == 0));
        let has_proof = !is_zero(end.saturating_sub(ECK_SIZE)..end.saturating_sub(ECK_SIZE - 8));
        // neither the magic nor the txg of an uberblock is ever 0; what has a proof of its own was one
        if has_proof && !is_empty {
            Slot::parse.map(RingSlot::Uberblock).parse_complete(i)
        } else if is_zero(0..8) {
            EmptySlot::parse.map(RingSlot::Empty).parse_complete(i)
        } else if is_zero(16..24) {
            Template::parse.map(RingSlot::Template).parse_complete(i)
        } else {
            Slot::parse.map(RingSlot::Uberblock).parse_complete(i)
        }
    }
}

/// The slot size with which most uberblocks of a ring end in their proof.
fn guess_slot_size(i: Input<'_>) -> usize {
    let proofs = |size: &usize| {
        let slots =
            i.bytes().chunks_exact(*size).filter(|slot| Slot::parse(i.unwatched().over(slot)).is_ok());
        slots.count().saturating_mul(*size)
    };
    SLOT_SIZES.into_iter().max_by_key(proofs).unwrap_or(1024)
}
