//! Every structure that can be read by its name.

use crate::input::{Input, Parsed};
use crate::spec::Parts;
use crate::tree::Trace;

/// A structure with a name: what `zfsp-decode NAME` reads and `--spec NAME` prints.
#[derive(Clone, Copy)]
pub struct Structure {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// Chapter and section of the handbook, `docs/format/`.
    pub chapter: &'static str,
    /// Its specification.
    pub parts: fn() -> Parts,
    /// Reads it from the front of the input; watched inputs get the tree.
    pub read: for<'a> fn(Input<'a>) -> Parsed<'a, ()>,
    /// True if watching changes nothing of what is read.
    pub agrees: for<'a> fn(Input<'a>, &'a Trace) -> bool,
}

impl core::fmt::Debug for Structure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name)
    }
}

/// `structure!("name", "what it is", "chapter", Type)`, or `Type = parser`; a type that borrows names
/// its lifetime first: `structure!('a: "name", …, Type<'a>)`.
macro_rules! structure {
    ($name:literal, $($rest:tt)*) => {
        structure!('a: $name, $($rest)*)
    };
    ($lt:lifetime: $name:literal, $about:literal, $chapter:literal, $ty:ty) => {
        structure!($lt: $name, $about, $chapter, $ty = <$ty as $crate::input::Parse>::parse)
    };
    ($lt:lifetime: $name:literal, $about:literal, $chapter:literal, $ty:ty = $parser:expr) => {{
        use nom::Parser;
        fn one<$lt>(i: $crate::input::Input<$lt>) -> $crate::input::Parsed<$lt, $ty> {
            // nothing else is tried: a combinator's refusal is final
            nom::combinator::cut($parser).parse_complete(i)
        }
        #[allow(clippy::extra_unused_lifetimes)] // only types that borrow use it
        fn parts<$lt>() -> $crate::spec::Parts {
            <$ty as $crate::spec::Describe>::parts()
        }
        fn read<$lt>(i: $crate::input::Input<$lt>) -> $crate::input::Parsed<$lt, ()> {
            let (i, _) = match i.watch() {
                None => one(i)?,
                Some(trace) => trace.named(i, $name, one)?,
            };
            Ok((i, ()))
        }
        fn agrees<$lt>(i: $crate::input::Input<$lt>, trace: &$lt $crate::tree::Trace) -> bool {
            let seen = |(rest, value): ($crate::input::Input<$lt>, $ty)| (rest.at(), value);
            one(i.unwatched()).map(seen) == one(i.watched(trace)).map(seen)
        }
        $crate::catalogue::Structure {
            name: $name,
            about: $about,
            chapter: $chapter,
            parts,
            read,
            agrees,
        }
    }};
}
pub(crate) use structure;

/// The families of structures, each with its members.
pub const FAMILIES: &[(&str, &[Structure])] = &[
    ("label", crate::label::STRUCTURES),
    ("uberblock", crate::uberblock::STRUCTURES),
    ("boot environment", crate::bootenv::STRUCTURES),
    ("name-value list", crate::nvlist::STRUCTURES),
    ("block pointer", crate::blkptr::STRUCTURES),
    ("gang block", crate::gang::STRUCTURES),
    ("object", crate::dnode::STRUCTURES),
    ("object set", crate::objset::STRUCTURES),
    ("datasets and snapshots", crate::dsl::STRUCTURES),
    ("space map", crate::space_map::STRUCTURES),
    ("removed vdev", crate::indirect_mapping::STRUCTURES),
    ("dedup table", crate::ddt::STRUCTURES),
    ("block reference table", crate::brt::STRUCTURES),
    ("checkpoint", crate::checkpoint::STRUCTURES),
    ("intent log", crate::zil::STRUCTURES),
    ("cache device", crate::l2arc::STRUCTURES),
    ("ZAP", crate::zap::STRUCTURES),
    ("directory", crate::dirent::STRUCTURES),
    ("system attributes", crate::sa::STRUCTURES),
    ("attribute layout", crate::layout::STRUCTURES),
    ("znode", crate::znode::STRUCTURES),
    ("ACL", crate::acl::STRUCTURES),
    ("POSIX ACL", crate::posix_acl::STRUCTURES),
    ("identity", crate::fuid::STRUCTURES),
    ("extended attributes", crate::xattr::STRUCTURES),
];

/// All structures, family by family.
pub fn structures() -> impl Iterator<Item = &'static Structure> {
    FAMILIES.iter().flat_map(|(_, members)| members.iter())
}

/// The structure called `name`.
#[must_use]
pub fn find(name: &str) -> Option<&'static Structure> {
    structures().find(|s| s.name == name)
}
