//! Block pointer objects: lists of blocks to be freed, or that died between snapshots.
//!
//! The bonus counts them; its length tells its version. The data are the pointers, trimmed: only what
//! accounting and freeing need is kept. Lists may contain lists. Handbook: [`docs/format/11-dsl.md`],
//! 11.9 and 11.10.
//!
//! ```
//! use zfsp_grammar::{dsl::bpobj::BpobjHeader, input::{Input, Order, Parse}};
//!
//! let bytes: Vec<u8> = [11, 90112, 58368, 92160].iter().flat_map(|w: &u64| w.to_le_bytes()).collect();
//! let (_, read) = BpobjHeader::parse(Input::new(&bytes, Order::Little))?;
//! assert_eq!(read.num_blkptrs, 11);
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//!
//! [`docs/format/11-dsl.md`]: crate::handbook::dsl

use alloc::string::String;

use nom::Parser;

use crate::blkptr::{BLKPTR_SIZE, Pointer};
use crate::input::{Input, Parse, Parsed};
use crate::quantity::{Bytes, ObjectId};
use crate::spec::{Describe, Parts};
use crate::tree::Value;

record! {
    /// `bpobj_phys_t`: 16 bytes at first, 32 since pool version 3, 48 since 26, 56 with livelists.
    ///
    /// Chapter 11, 11.9.
    pub struct BpobjHeader: Copy {
        /// entries of this object
        0x00 num_blkptrs: u64,
        /// space, with that of the lists inside
        0x08 bytes:       Bytes,
             comp:        Option<Bytes> = if_there,
             uncomp:      Option<Bytes> = if_there,
        /// array of the lists inside; 0: none
             subobjs:     Option<ObjectId> = if_there,
             num_subobjs: Option<u64> = if_there,
        /// of a livelist: entries that say free
             num_freed:   Option<u64> = if_there,
    }
}

/// A word that older versions do not have.
fn if_there<'a, T: Parse<'a>>(i: Input<'a>) -> Parsed<'a, Option<T>> {
    if i.bytes().len() < 8 { Ok((i, None)) } else { T::parse.map(Some).parse_complete(i) }
}

/// An entry: a trimmed pointer. In livelists bit 0 of the fill word tells that the block was freed.
///
/// Chapter 11, 11.9.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry {
    /// The block.
    pub blkptr: Pointer,
    /// In a livelist: freed, not allocated.
    pub freed: bool,
}

impl<'a> Parse<'a> for Entry {
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        let (i, blkptr) = Pointer::parse(i)?;
        let freed = match blkptr {
            Pointer::Hole(b) | Pointer::Block(b) => b.fill & 1 != 0,
            Pointer::Authenticated(b) => b.fill & 1 != 0,
            Pointer::Encrypted(b) => b.fill_iv.fill() & 1 != 0,
            Pointer::Embedded(b) => b.tail.0.first().is_some_and(|word| word & 1 != 0),
        };
        Ok((i, Entry { blkptr, freed }))
    }
}

impl Describe for Entry {
    const SIZE: Option<usize> = Some(BLKPTR_SIZE);
    fn parts() -> Parts {
        Pointer::parts()
    }
    fn value(&self) -> Value {
        let freed: String = if self.freed { "FREE ".into() } else { String::new() };
        Value::says(format_args!("{freed}{}", self.blkptr))
    }
}
