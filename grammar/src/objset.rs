//! Object sets: the root of a file system, a volume, or the pool's own objects.
//!
//! 1, 2 or 4 KiB: the dnode of all dnodes, the head of the intent log, the type, MACs, and in the
//! longer forms the dnodes of the accounting. Handbook: [`docs/format/06-dnode-objset.md`], 6.4.
//!
//! ```
//! use zfsp_grammar::objset::ObjsetFlags;
//!
//! let flags = ObjsetFlags(7);
//! assert!(flags.useraccounting_complete() && flags.projectquota_complete());
//! ```
//!
//! [`docs/format/06-dnode-objset.md`]: crate::handbook::dnode_objset

use alloc::string::String;

use nom::Parser;

use crate::catalogue::{Structure, structure};
use crate::dnode::Slot;
use crate::input::{Input, Parse, Parsed, framed};
use crate::quantity::{Pad, Reserved, Words};
use crate::zil::header::ZilHeader;

pub(crate) const STRUCTURES: &[Structure] =
    &[structure!('a: "objset", "object set of 1, 2 or 4 KiB", "06-dnode-objset.md 6.4", Objset<'a>)];

symbols! {
    /// `dmu_objset_type_t`.
    pub struct ObjsetType(u64) {
        NONE = 0 "none",
        /// the meta object set of the pool
        META = 1 "meta",
        /// file system
        ZFS = 2 "file system",
        ZVOL = 3 "volume",
        /// tests
        OTHER = 4 "other",
    }
}

bits! {
    /// `os_flags`: which accounting is complete.
    pub struct ObjsetFlags(u64) {
        0..1  useraccounting_complete: bool,
        1..2  userobjaccounting_complete: bool,
        2..3  projectquota_complete: bool,
        3..64 reserved: Reserved,
    }
}

record! {
    /// `objset_phys_t`.
    ///
    /// Chapter 06, 6.4.
    pub struct Objset<'a> {
        /// its blocks are the dnodes of all objects
        0x000 meta_dnode:         Slot<'a> = framed(512usize, Slot::parse),
        0x200 zil_header:         ZilHeader,
        0x2c0 r#type:               ObjsetType,
        0x2c8 flags:              ObjsetFlags,
        /// of an encrypted object set
        0x2d0 portable_mac:       Words<4>,
        /// of an encrypted object set
        0x2f0 local_mac:          Words<4>,
        0x310 pad:                Pad<240>,
        /// space used by each user; since pool version 15
        0x400 userused_dnode:     Option<Slot<'a>> = accounting,
        /// space used by each group
        0x600 groupused_dnode:    Option<Slot<'a>> = accounting,
        /// space used by each project; feature `project_quota`
        0x800 projectused_dnode:  Option<Slot<'a>> = accounting,
        0xa00 pad2: &'a [u8] = crate::input::rest,
    }
    says Objset::summary;
}

/// A dnode of the accounting, in the forms that are long enough to have it.
fn accounting(i: Input<'_>) -> Parsed<'_, Option<Slot<'_>>> {
    if i.bytes().is_empty() {
        Ok((i, None))
    } else {
        framed(512usize, Slot::parse.map(Some)).parse_complete(i)
    }
}

impl Objset<'_> {
    fn summary(&self) -> String {
        alloc::format!("{}", self.r#type)
    }
}
