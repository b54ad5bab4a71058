//! The registry and the layouts of system attributes: what an area holds, and in which order.
//!
//! Two ZAPs of each file system. The registry maps the name of an attribute to a word: its number,
//! its length and how to swap its bytes. The layouts map a number, in decimal, to the numbers of the
//! attributes in the order of the bytes. Handbook: [`docs/format/12-zpl.md`], 12.3.
//!
//! ```
//! use zfsp_grammar::layout::Registration;
//!
//! let dacl_aces = Registration(0x4_0013);
//! assert_eq!(dacl_aces.number(), 19);
//! assert_eq!(dacl_aces.class().to_string(), "ACL");
//! ```
//!
//! [`docs/format/12-zpl.md`]: crate::handbook::zpl

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::catalogue::{Structure, structure};
use crate::input::{Input, Order, Parsed, in_order};
use crate::quantity::{Numbers, Reserved};

pub(crate) const STRUCTURES: &[Structure] = &[
    structure!(
        "sa-registration",
        "value of an entry of the registry of attributes",
        "12-zpl.md 12.3",
        Registration
    ),
    structure!('a: "sa-layout", "value of an entry of the layouts of attributes", "12-zpl.md 12.3", SaLayout<'a> = layout),
];

symbols! {
    /// The attributes that the format knows. Only the numbers 0 to 15 are always the same; the others
    /// are those of new file systems.
    ///
    /// Chapter 12, 12.3.
    pub struct SaName(u16) {
        /// last access
        ATIME = 0 "ZPL_ATIME",
        /// last change of the content
        MTIME = 1 "ZPL_MTIME",
        /// last change of the attributes
        CTIME = 2 "ZPL_CTIME",
        /// creation
        CRTIME = 3 "ZPL_CRTIME",
        /// txg of the creation
        GEN = 4 "ZPL_GEN",
        /// type and permissions
        MODE = 5 "ZPL_MODE",
        /// in bytes; of a directory: entries, and two
        SIZE = 6 "ZPL_SIZE",
        /// the directory; of a file with several links: one of them
        PARENT = 7 "ZPL_PARENT",
        /// names that it has; of a directory: subdirectories, and two
        LINKS = 8 "ZPL_LINKS",
        /// directory of its extended attributes
        XATTR = 9 "ZPL_XATTR",
        /// which device it is
        RDEV = 10 "ZPL_RDEV",
        /// what is special about it
        FLAGS = 11 "ZPL_FLAGS",
        /// owner
        UID = 12 "ZPL_UID",
        /// group
        GID = 13 "ZPL_GID",
        /// of the old format
        PAD = 14 "ZPL_PAD",
        /// of the old format
        ZNODE_ACL = 15 "ZPL_ZNODE_ACL",
        /// entries of its ACL
        DACL_COUNT = 16 "ZPL_DACL_COUNT",
        /// target of the symbolic link
        SYMLINK = 17 "ZPL_SYMLINK",
        /// stamp of a virus scanner
        SCANSTAMP = 18 "ZPL_SCANSTAMP",
        /// its ACL
        DACL_ACES = 19 "ZPL_DACL_ACES",
        /// its extended attributes
        DXATTR = 20 "ZPL_DXATTR",
        /// project
        PROJID = 21 "ZPL_PROJID",
        /// counts the changes
        SEQ = 22 "ZPL_SEQ",
    }
}

impl SaName {
    /// No attribute that the format knows.
    pub const OTHER: Self = SaName(u16::MAX);

    /// The attribute of that name.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        let known = Self::NAMES.iter().find(|known| known.name.as_bytes() == name);
        known.and_then(|known| u16::try_from(known.value).ok()).map_or(Self::OTHER, SaName)
    }
    /// What it means.
    #[must_use]
    pub fn about(self) -> Option<&'static str> {
        self.remark().map(|about| about.trim_ascii())
    }
    pub(crate) fn remark(self) -> Option<&'static &'static str> {
        Self::NAMES.iter().find(|known| known.value == u64::from(self.0)).map(|known| &known.about)
    }
}

symbols! {
    /// How to swap the bytes of an attribute.
    pub struct SaClass(u8) {
        UINT64_ARRAY = 0 "words",
        UINT32_ARRAY = 1 "32-bit integers",
        UINT16_ARRAY = 2 "16-bit integers",
        UINT8_ARRAY = 3 "bytes",
        ACL = 4 "ACL",
    }
}

bits! {
    /// What the registry says of an attribute.
    ///
    /// Chapter 12, 12.3.
    pub struct Registration(u64) {
        0..16  number: u16,
        16..24 class: SaClass,
        /// in bytes; 0: it varies
        24..40 length: u16,
        40..64 reserved: Reserved,
    }
}

record! {
    /// The numbers of the attributes of a layout.
    ///
    /// Chapter 12, 12.3.
    pub struct SaLayout<'a> {
        numbers: Numbers<'a, 2>,
    }
    says SaLayout::summary;
}

/// In a ZAP: most significant byte first.
fn layout(i: Input<'_>) -> Parsed<'_, SaLayout<'_>> {
    in_order(Order::Big, <SaLayout<'_> as crate::input::Parse>::parse)(i)
}

impl SaLayout<'_> {
    fn summary(&self) -> String {
        let mut text = String::from("if numbered as usual:");
        for number in self.numbers.iter() {
            if text.len() > LONGEST_SUMMARY {
                text.push_str(" ...");
                break;
            }
            match u16::try_from(number).ok().and_then(|number| SaName(number).name()) {
                Some(name) => text.push_str(&format!(" {}", name.trim_start_matches("ZPL_"))),
                None => text.push_str(&format!(" {number}")),
            }
        }
        text
    }
}

/// A usual layout names about fifteen attributes.
const LONGEST_SUMMARY: usize = 200;

/// An attribute as a file system has registered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Definition {
    /// What it is; [`SaName::OTHER`] if the format does not know it.
    pub name: SaName,
    /// Its number in the layouts of the file system.
    pub number: u16,
    /// Bytes that it takes; 0: it varies.
    pub length: u16,
    /// How to swap its bytes.
    pub class: SaClass,
}

impl Definition {
    /// From an entry of the registry.
    #[must_use]
    pub fn new(name: &[u8], registration: Registration) -> Self {
        Definition {
            name: SaName::of(name),
            number: registration.number(),
            length: registration.length(),
            class: registration.class(),
        }
    }
    /// As a new file system numbers it.
    #[must_use]
    pub fn usual(name: SaName) -> Self {
        let (length, class) = match name {
            SaName::ATIME | SaName::MTIME | SaName::CTIME | SaName::CRTIME => (16, SaClass::UINT64_ARRAY),
            SaName::PAD => (32, SaClass::UINT64_ARRAY),
            SaName::ZNODE_ACL => (88, SaClass::UINT8_ARRAY),
            SaName::SCANSTAMP => (32, SaClass::UINT8_ARRAY),
            SaName::SYMLINK | SaName::DXATTR => (0, SaClass::UINT8_ARRAY),
            SaName::DACL_ACES => (0, SaClass::ACL),
            _ => (8, SaClass::UINT64_ARRAY),
        };
        Definition { name, number: name.0, length, class }
    }
    /// True if its length stands in the header of the area.
    #[must_use]
    pub fn varies(&self) -> bool {
        self.length == 0
    }
}

/// What an area holds, in the order of the bytes.
pub type Layout = Vec<Definition>;

/// The layouts that writers make: of a file with its optional attributes, and of spill blocks.
pub fn usual() -> impl Iterator<Item = Layout> {
    const FIRST: [SaName; 12] = [
        SaName::MODE,
        SaName::SIZE,
        SaName::GEN,
        SaName::UID,
        SaName::GID,
        SaName::PARENT,
        SaName::FLAGS,
        SaName::ATIME,
        SaName::MTIME,
        SaName::CTIME,
        SaName::CRTIME,
        SaName::LINKS,
    ];
    let wanted =
        |set: u32, bit: u32, name| (set & 1u32.unbounded_shl(bit) != 0).then_some(Definition::usual(name));
    let file = move |set: u32| {
        let mut layout: Layout = FIRST.into_iter().map(Definition::usual).collect();
        layout.extend(wanted(set, 0, SaName::PROJID));
        layout.extend(wanted(set, 1, SaName::RDEV));
        layout.extend([SaName::DACL_COUNT, SaName::DACL_ACES].map(Definition::usual));
        layout.extend(wanted(set, 2, SaName::SYMLINK));
        layout.extend(wanted(set, 3, SaName::DXATTR));
        layout.extend(wanted(set, 4, SaName::XATTR));
        layout.extend(wanted(set, 5, SaName::SEQ));
        layout
    };
    let spill = move |set: u32| {
        let names = [(0, SaName::SYMLINK), (1, SaName::DXATTR)];
        names.into_iter().filter_map(|(bit, name)| wanted(set, bit, name)).collect()
    };
    (0..64).map(file).chain((1..4).map(spill))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may fail loudly
mod tests {
    use super::*;

    #[test]
    fn registrations_of_the_chapter() {
        for (name, word) in [("ZPL_ATIME", 0x1000_0000), ("ZPL_DACL_ACES", 0x4_0013)] {
            let read = Definition::new(name.as_bytes(), Registration(word));
            assert_eq!(read, Definition::usual(SaName::of(name.as_bytes())));
        }
        assert_eq!(SaName::of(b"ZPL_NEW"), SaName::OTHER);
    }

    #[test]
    fn layouts_are_big_endian() {
        let (_, read) = layout(Input::new(&[0, 5, 0, 20], Order::Little)).unwrap();
        assert_eq!(read.summary(), "if numbered as usual: MODE DXATTR");
    }
}
