//! Who owns a file: 64-bit identities, and the domains of those that are no plain Unix ids.
//!
//! The upper half of a FUID is the number of a domain, 0 for a plain uid or gid. The domains stand in
//!
//! ```
//! use zfsp_grammar::fuid::Fuid;
//!
//! let fuid = Fuid(0x2_0000_01f4);
//! assert_eq!((fuid.domain(), fuid.rid()), (2, 500));
//! ```
//! the FUID table, an object that the master node names: a packed list of lists. Handbook:
//! [`docs/format/12-zpl.md`], 12.7.
//!
//! [`docs/format/12-zpl.md`]: crate::handbook::zpl

use core::fmt;

use crate::catalogue::{Structure, structure};
use crate::input::{Input, Parse, Parsed, Text};
use crate::nvlist::{List, Packed};
use crate::quantity::Bytes;
use crate::spec::{Describe, Parts};
use crate::tree::Value;

pub(crate) const STRUCTURES: &[Structure] = &[
    structure!("fuid", "identity of a user or group", "12-zpl.md 12.7", Fuid),
    structure!('a: "fuid-table", "domains of identities", "12-zpl.md 12.7", Packed<'a>),
    structure!("fuid-size", "bonus of the FUID table: bytes of its list", "12-zpl.md 12.7", Bytes),
];

bits! {
    /// The parts of a FUID.
    pub struct FuidParts(u64) {
        /// uid or gid, or the identity within the domain
        0..32  rid: u32,
        /// in the FUID table; 0: none
        32..64 domain: u32,
    }
}

/// The identity of a user or group.
///
/// Chapter 12, 12.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Fuid(pub u64);

impl Fuid {
    /// Its number in the FUID table; 0 for a plain uid or gid.
    #[must_use]
    pub fn domain(self) -> u32 {
        FuidParts(self.0).domain()
    }
    /// The uid or gid, or the identity within the domain.
    #[must_use]
    pub fn rid(self) -> u32 {
        FuidParts(self.0).rid()
    }
}

impl fmt::Display for Fuid {
    /// A plain id as a number, others as `domain-rid`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.domain() {
            0 => write!(f, "{}", self.0),
            domain => write!(f, "{domain}-{}", self.rid()),
        }
    }
}

impl Describe for Fuid {
    const SIZE: Option<usize> = Some(8);
    fn parts() -> Parts {
        FuidParts::parts()
    }
    fn value(&self) -> Value {
        match self.domain() {
            0 => Value::Number(self.0),
            _ => FuidParts(self.0).value(),
        }
    }
}

impl<'a> Parse<'a> for Fuid {
    #[inline(always)]
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        u64::parse(i).map(|(i, n)| (i, Fuid(n)))
    }
}

/// A domain of the FUID table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domain<'a> {
    /// Its number: the upper half of a FUID.
    pub index: u64,
    /// What it is called, for example the prefix of a Windows SID.
    pub name: Text<'a>,
}

/// The domains of a FUID table, as far as they are complete.
pub fn domains<'a>(table: &List<'a>) -> impl Iterator<Item = Domain<'a>> {
    table
        .lists("fuid_nvlist")
        .iter()
        .filter_map(|list| Some(Domain { index: list.number("fuid_idx")?, name: list.text("fuid_domain")? }))
}
