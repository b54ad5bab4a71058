//! Dnodes: one object each, of one or more 512-byte slots.
//!
//! 64 bytes of header, one to three block pointers, a *bonus* area that holds what the object's type
//!
//! ```
//! use zfsp_grammar::{dnode::Dnode, input::{Input, Order, Parse}};
//!
//! let mut bytes = [0; 512];
//! bytes[..12].copy_from_slice(&[0x13, 0x11, 2, 1, 0x2c, 0, 0, 0x0b, 0, 1, 0, 0]);
//! let (_, read) = Dnode::parse(Input::new(&bytes, Order::Little))?;
//! assert_eq!(read.datablkszsec.to_string(), "256"); // 128 KiB
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//! wants, and, at the very end of all slots, the pointer to a *spill* block. Handbook:
//! [`docs/format/06-dnode-objset.md`], 6.1 and 6.2.
//!
//! [`docs/format/06-dnode-objset.md`]: crate::handbook::dnode_objset

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use nom::combinator::cond;

use crate::algorithms::{Checksum, Compression};
use crate::blkptr::{BLKPTR_SIZE, Pointer};
use crate::bonus::Bonus;
use crate::catalogue::{Structure, structure};
use crate::input::{Input, Parse, Parsed, between, bytes, framed, list};
use crate::object_type::ObjectType;
use crate::quantity::{Pad, Reserved};
use crate::tree::Problem;

/// Bytes of a slot.
pub const SLOT_SIZE: usize = 512;
/// Slots of the largest dnode.
pub const MOST_SLOTS: usize = 32;

pub(crate) const STRUCTURES: &[Structure] = &[structure!(
    'a: "dnode",
    "dnodes of a block, free slots included",
    "06-dnode-objset.md 6.1",
    Vec<Slot<'a>> = dnodes
)];

bits! {
    /// `dn_flags`.
    ///
    /// Chapter 06, 6.1.
    pub struct DnodeFlags(u8) {
        /// `used` counts bytes, not sectors
        0..1 used_bytes: bool,
        /// its space is in the accounting of users and groups
        1..2 userused_accounted: bool,
        /// a spill pointer ends the dnode
        2..3 spill_blkptr: bool,
        /// it is in the accounting of objects
        3..4 userobjused_accounted: bool,
        4..8 reserved: Reserved,
    }
}

record! {
    /// `dnode_phys_t`.
    ///
    /// Chapter 06, 6.1.
    pub struct Dnode<'a> {
        /// 0: the slot is free
        0x00 r#type:         ObjectType,
        /// log2 of the size of indirect blocks
        0x01 indblkshift:  u8,
        /// 1: the pointers lead to data
        0x02 nlevels:      u8,
        /// pointers in the dnode
        0x03 nblkptr:      u8 = between(1, 3),
        /// what the bonus area holds
        0x04 bonustype:    ObjectType,
        /// a hint for writers
        0x05 checksum:     Checksum,
        /// a hint for writers
        0x06 compress:     Compression,
        0x07 flags:        DnodeFlags,
        /// size of data blocks in 512-byte units
        0x08 datablkszsec: u16,
        /// bytes of the bonus area that mean something
        0x0a bonuslen:     u16,
        /// slots beyond the first
        0x0c extra_slots:  u8 = between(0, 31),
        0x0d pad2:         Pad<3>,
        /// highest data block that may exist
        0x10 maxblkid:     u64,
        /// space of all blocks below, in bytes or sectors as the flag says
        0x18 used:         u64,
        0x20 pad3:         Pad<32>,
        0x40 blkptr:       Vec<Pointer>   = list(nblkptr, Pointer::parse),
             bonus:        Bonus<'a>      = framed(bonuslen, Bonus::of(bonustype)),
        /// between the bonus and the end, or the spill pointer
             slack:        &'a [u8]       = bytes(slack(extra_slots, nblkptr, bonuslen, flags)),
             spill:        Option<Pointer> = cond(flags.spill_blkptr(), Pointer::parse),
    }
    says Dnode::summary;
    judge Dnode::judge;
}

/// What is left of the slots between the bonus and the spill pointer.
fn slack(extra_slots: u8, nblkptr: u8, bonuslen: u16, flags: DnodeFlags) -> usize {
    let spill = if flags.spill_blkptr() { BLKPTR_SIZE } else { 0 };
    let pointers = BLKPTR_SIZE.saturating_mul(usize::from(nblkptr));
    let claimed =
        64usize.saturating_add(pointers).saturating_add(usize::from(bonuslen)).saturating_add(spill);
    size(extra_slots).saturating_sub(claimed)
}

fn size(extra_slots: u8) -> usize {
    usize::from(extra_slots).saturating_add(1).saturating_mul(SLOT_SIZE)
}

impl Dnode<'_> {
    /// Bytes that it takes.
    #[must_use]
    pub fn size(&self) -> usize {
        size(self.extra_slots)
    }
    /// Bytes of a data block.
    #[must_use]
    pub fn data_block_size(&self) -> u64 {
        u64::from(self.datablkszsec).saturating_mul(512)
    }
    fn summary(&self) -> String {
        format!("{}, {} level{}", self.r#type, self.nlevels, if self.nlevels == 1 { "" } else { "s" })
    }
    fn judge(&self) -> Option<Problem> {
        let multiple = self.maxblkid != 0;
        if usize::from(self.bonuslen) > self.bonus_room() {
            Some(Problem::corrupt("the bonus exceeds its room"))
        } else if self.nlevels > 31 {
            Some(Problem::corrupt("more than 31 levels"))
        } else if !(9..=24).contains(&self.indblkshift) {
            Some(Problem::corrupt("indirect blocks are 512 bytes to 16 MiB"))
        } else if !(1..=32_768).contains(&self.datablkszsec) {
            Some(Problem::corrupt("data blocks are 512 bytes to 16 MiB"))
        } else if multiple && !self.datablkszsec.is_power_of_two() {
            Some(Problem::corrupt("several blocks whose size is no power of two"))
        } else {
            None
        }
    }
    fn bonus_room(&self) -> usize {
        slack(self.extra_slots, self.nblkptr, 0, self.flags)
    }
}

record! {
    /// A slot that no object has: only its type byte means something.
    ///
    /// Chapter 06, 6.1.
    pub struct FreeSlot<'a> {
        0x0 r#type: ObjectType,
        0x1 rest: &'a [u8] = bytes(511usize),
    }
    says FreeSlot::summary;
}

impl FreeSlot<'_> {
    fn summary(&self) -> &'static str {
        "free"
    }
}

one_of! {
    /// What starts at a slot.
    pub enum Slot<'a> {
        /// No object.
        Free(FreeSlot<'a>),
        /// An object.
        Dnode(Dnode<'a>),
    }
}

impl<'a> Parse<'a> for Slot<'a> {
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        match i.bytes().first() {
            Some(0) => FreeSlot::parse(i).map(|(i, free)| (i, Slot::Free(free))),
            _ => Dnode::parse(i).map(|(i, dnode)| (i, Slot::Dnode(dnode))),
        }
    }
}

/// The dnodes of a block, numbered by their first slots. Larger dnodes skip numbers.
///
/// # Errors
/// Those of the first dnode that cannot be read: where the next one starts is then unknown.
pub fn dnodes<'a>(mut i: Input<'a>) -> Parsed<'a, Vec<Slot<'a>>> {
    let first = i.at();
    let mut all = Vec::new();
    while i.bytes().len() >= SLOT_SIZE {
        let number = i.at().wrapping_sub(first) / SLOT_SIZE;
        let slot;
        (i, slot) = match i.watch() {
            None => Slot::parse(i)?,
            Some(trace) => trace.item(i, number, Slot::parse)?,
        };
        all.push(slot);
    }
    Ok((i, all))
}
