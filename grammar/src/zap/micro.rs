//! The small ZAP: one block, each key a name of at most 49 bytes, each value one word.
//!
//! No index, no order, no count: a reader looks at every slot. Free slots may lie anywhere. The
//!
//! ```
//! use zfsp_grammar::{input::{Input, Order, Parse}, zap::micro::MicroEntry};
//!
//! let mut bytes = [0; 64];
//! bytes[0] = 34;
//! bytes[14..18].copy_from_slice(b"ROOT");
//! let (_, read) = MicroEntry::parse(Input::new(&bytes, Order::Little))?;
//! assert_eq!(read.value, 34);
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//! block grows by 512 bytes; its size need not be a power of two. Handbook:
//! [`docs/format/10-zap.md`], 10.2.
//!
//! [`docs/format/10-zap.md`]: crate::handbook::zap

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::input::{Input, Parse, Parsed, Text, bytes, c_string};
use crate::quantity::{Hash, Pad};
use crate::spec::{Describe, Parts};
use crate::tree::{Problem, Value};
use crate::zap::BlockType;
use crate::zap::fat::ZapFlags;
use crate::zap::hash::Hashing;
use crate::zap::names::NormFlags;

/// Bytes of a slot, and of the header.
pub const SLOT_SIZE: usize = 64;
/// Bytes of a name with its NUL.
pub const NAME_ROOM: usize = 50;
/// The largest micro ZAP: the number of a slot takes 16 bits in memory.
pub const LARGEST: usize = 1 << 20;
/// More entries with the same hash than this would have made it a fat ZAP.
const MOST_CD: u32 = 65_535;

record! {
    /// `mzap_phys_t`.
    ///
    /// Chapter 10, 10.2.
    pub struct MicroZap<'a> {
        0x00 block_type: BlockType,
        /// start value of the hash, never even
        0x08 salt:       Hash,
        /// how names are prepared
        0x10 normflags:  NormFlags,
        0x18 pad:        Pad<40>,
        /// as many as fit
        0x40 chunk:      Slots<'a>,
    }
    says MicroZap::summary;
    judge MicroZap::judge;
}

record! {
    /// `mzap_ent_phys_t`: a name and its value.
    ///
    /// Chapter 10, 10.2.
    pub struct MicroEntry<'a> {
        0x0 value: u64,
        /// tells entries of the same hash apart
        0x8 cd:    u32,
        0xc pad:   Pad<2>,
        0xe name:  Text<'a> = c_string(NAME_ROOM),
    }
    value MicroEntry::shown;
    title MicroEntry::title;
    judge MicroEntry::judge;
}

impl MicroEntry<'_> {
    fn shown(&self) -> Value {
        Value::Number(self.value)
    }
    fn title(&self) -> Option<Box<str>> {
        Some(self.name.to_string().into())
    }
    fn judge(&self) -> Option<Problem> {
        if self.name.0.len() >= NAME_ROOM {
            Some(Problem::corrupt("a name without its NUL"))
        } else if self.cd > MOST_CD {
            Some(Problem::corrupt("collision differentiator exceeds 65535"))
        } else {
            None
        }
    }
}

/// Free slots, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeSlots {
    /// Number of the first.
    pub first: usize,
    /// How many.
    pub count: usize,
    /// A removed slot is zeroed: false if something is left.
    pub zeroed: bool,
}

impl Describe for FreeSlots {
    fn value(&self) -> Value {
        Value::says("free")
    }
    fn title(&self) -> Option<Box<str>> {
        Some(match self.count {
            1 => format!("[{}]", self.first).into(),
            n => format!("[{}..{}]", self.first, self.first.saturating_add(n)).into(),
        })
    }
    fn judge(&self) -> Option<Problem> {
        (!self.zeroed).then(|| Problem::corrupt("a free slot is not zero"))
    }
}

one_of! {
    /// What a slot holds.
    pub enum Slot<'a> {
        /// An attribute.
        Used(MicroEntry<'a>),
        /// Nothing: as many free slots as there are together.
        Free(FreeSlots),
    }
}

/// The slots of a micro ZAP.
#[derive(Clone, Debug, PartialEq)]
pub struct Slots<'a>(pub Vec<Slot<'a>>);

impl Describe for Slots<'_> {
    fn parts() -> Parts {
        Slot::parts()
    }
}

impl<'a> Parse<'a> for Slots<'a> {
    fn parse(mut i: Input<'a>) -> Parsed<'a, Self> {
        let start = i.at();
        let mut slots = Vec::new();
        while i.bytes().len() >= SLOT_SIZE {
            let number = i.at().wrapping_sub(start) / SLOT_SIZE;
            let read = |i| slot(i, number);
            let one;
            (i, one) = match i.watch() {
                None => read(i)?,
                Some(trace) => trace.item(i, number, read)?,
            };
            slots.push(one);
        }
        Ok((i, Slots(slots)))
    }
}

fn is_free(slot: &[u8]) -> bool {
    slot.get(0xe) == Some(&0)
}

fn slot(i: Input<'_>, number: usize) -> Parsed<'_, Slot<'_>> {
    let free = i.bytes().chunks_exact(SLOT_SIZE).take_while(|slot| is_free(slot)).count();
    if free == 0 {
        return MicroEntry::parse(i).map(|(i, entry)| (i, Slot::Used(entry)));
    }
    let (i, all) = bytes(free.saturating_mul(SLOT_SIZE))(i)?;
    Ok((i, Slot::Free(FreeSlots { first: number, count: free, zeroed: all.iter().all(|b| *b == 0) })))
}

impl<'a> MicroZap<'a> {
    /// The attributes in the order of their slots.
    pub fn entries(&self) -> impl Iterator<Item = &MicroEntry<'a>> {
        self.chunk.0.iter().filter_map(|slot| match slot {
            Slot::Used(entry) => Some(entry),
            Slot::Free(_) => None,
        })
    }
    /// The value of `name`, byte for byte.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<u64> {
        self.entries().find(|entry| entry.name.0 == name).map(|entry| entry.value)
    }
    /// How it hashes names.
    #[must_use]
    pub fn hashing(&self) -> Hashing {
        Hashing { salt: self.salt.0, normflags: self.normflags, flags: ZapFlags(0) }
    }
    /// The attributes with their hashes, in the order of both: that of directory reads.
    #[must_use]
    pub fn by_hash(&self) -> Vec<(u64, &MicroEntry<'a>)> {
        let hashing = self.hashing();
        let mut all: Vec<_> = self.entries().map(|entry| (hashing.of_name(entry.name.0), entry)).collect();
        all.sort_by_key(|(hash, entry)| (*hash, entry.cd));
        all
    }

    fn summary(&self) -> String {
        match self.entries().count() {
            1 => "micro ZAP, 1 entry".into(),
            n => format!("micro ZAP, {n} entries"),
        }
    }
    fn judge(&self) -> Option<Problem> {
        if self.salt.0 & 1 == 0 {
            return Some(Problem::corrupt("an even salt"));
        }
        let hashing = self.hashing();
        let all = self.by_hash();
        let twice = all.windows(2).find_map(|pair| match pair {
            [(h, a), (g, b)] if h == g && a.cd == b.cd && hashing.is_certain(a.name.0) => Some((a, b)),
            _ => None,
        });
        twice.map(|(a, b)| {
            Problem::corrupt(format!(
                "\"{}\" and \"{}\" have the same hash and differentiator",
                a.name, b.name
            ))
        })
    }
}
