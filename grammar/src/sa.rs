//! System attributes: what a file system (ZPL 5) knows about a file.
//!
//! An *area*, the bonus of a dnode or a spill block, holds a header and then attributes without names
//! or lengths. The header names a *layout*, a list of attribute numbers, and has the lengths of those
//! that vary. Layouts and the *registry* of attributes are ZAPs of each file system, so an area alone
//!
//! ```
//! use zfsp_grammar::sa::LayoutInfo;
//!
//! let info = LayoutInfo(0x0809);
//! assert_eq!(info.layout(), 9);
//! ```
//! cannot be read for certain; but writers use few layouts, which [`guess`] tells apart. Handbook:
//! [`docs/format/12-zpl.md`], 12.2 and 12.3.
//!
//! [`docs/format/12-zpl.md`]: crate::handbook::zpl

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nom::Parser;

use crate::acl::{Ace, ZnodeAcl, all_aces};
use crate::catalogue::{Structure, structure};
use crate::device::Device;
use crate::fuid::Fuid;
use crate::input::{Input, Order, Parse, Parsed, Text, Why, bytes, fail, framed, rest, tolerated};
use crate::layout::{Definition, Layout, SaClass, SaName, usual};
use crate::mode::{FileType, Mode};
use crate::nvlist::Packed;
use crate::quantity::{Magic32, Numbers, ObjectId, Txg};
use crate::spec::{Describe, FromBits, Parts};
use crate::tree::{Problem, Value};
use crate::znode::{Time, ZnodeFlags, summary};

pub(crate) const STRUCTURES: &[Structure] = &[structure!(
    'a: "sa",
    "attributes of a file of ZPL 5: bonus of type 44, or spill block; the layout is guessed",
    "12-zpl.md 12.3",
    Sa<'a>
)];

/// `SA_MAGIC`.
pub const MAGIC: u32 = 0x002f_505a;
/// Attributes start at multiples of this.
const ALIGNMENT: usize = 8;

bits! {
    /// `sa_layout_info`: which layout, and where the attributes start.
    pub struct LayoutInfo(u16) {
        0..10  layout: u16,
        /// in bytes
        10..16 header_size: u16 = |raw| u16::from_bits(raw).saturating_mul(8),
    }
}

record! {
    /// `sa_hdr_phys_t`: the header of an area.
    ///
    /// Chapter 12, 12.3.
    pub struct SaHeader<'a> {
        /// tells the byte order of the rest
        0x0 magic:       Magic32 = magic,
        0x4 layout_info: LayoutInfo,
        /// of the attributes that vary, in the order of the layout
        0x6 lengths:     Numbers<'a, 2> = lengths(layout_info),
    }
}

/// The magic number, which tells the byte order of what follows.
fn magic(i: Input<'_>) -> Parsed<'_, Magic32> {
    let (rest, found) = bytes(4usize)(i)?;
    match found.try_into().map(u32::from_le_bytes) {
        Ok(MAGIC) => Ok((rest.with_order(Order::Little), Magic32(MAGIC))),
        Ok(n) if n.swap_bytes() == MAGIC => Ok((rest.with_order(Order::Big), Magic32(MAGIC))),
        Ok(n) => fail(i, Why::Expected { expected: u64::from(MAGIC), found: u64::from(n) }),
        Err(_) => fail(i, Why::Truncated { wanted: 4, had: 0 }),
    }
}

fn lengths<'a>(info: LayoutInfo) -> impl FnMut(Input<'a>) -> Parsed<'a, Numbers<'a, 2>> {
    let len = usize::from(info.header_size()).checked_sub(6);
    move |i| match len {
        Some(len) => framed(len, Numbers::parse)(i),
        None => fail(i, Why::Invalid("a header of no length")),
    }
}

record! {
    /// An area of attributes.
    ///
    /// Chapter 12, 12.3.
    pub struct Sa<'a> {
        header:     SaHeader<'a>,
        /// each at a multiple of eight bytes
        attributes: Attributes<'a> = guessed(&header),
        /// left over from a former layout, or the rest of the block
        slack:      &'a [u8] = rest,
    }
    says Sa::summary;
}

/// How an area's layout is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// From the file system.
    Given,
    /// It is a usual one that fits.
    Guessed,
    /// Not at all: no usual one fits.
    Not,
}

/// The attributes of an area.
#[derive(Clone, Debug, PartialEq)]
pub struct Attributes<'a> {
    /// In the order of the layout.
    pub all: Vec<Attribute<'a>>,
    /// How the layout is known.
    pub layout: Known,
}

impl Describe for Attributes<'_> {
    fn parts() -> Parts {
        SaValue::parts()
    }
    fn value(&self) -> Value {
        let n = self.all.len();
        let plural = if n == 1 { "" } else { "s" };
        Value::says(match self.layout {
            Known::Given => alloc::format!("{n} attribute{plural}"),
            Known::Guessed => alloc::format!("{n} attribute{plural}, layout guessed"),
            Known::Not => "layout unknown".into(),
        })
    }
    fn judge(&self) -> Option<Problem> {
        (self.layout == Known::Not)
            .then(|| Problem::unsupported("no usual layout fits: the file system would have to be asked"))
    }
}

/// An attribute of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute<'a> {
    /// What it is.
    pub name: SaName,
    /// Its number in the file system.
    pub number: u16,
    /// `None` if it cannot be read.
    pub value: Option<SaValue<'a>>,
}

impl Describe for Attribute<'_> {
    fn value(&self) -> Value {
        self.value.as_ref().map_or(Value::Group, SaValue::value)
    }
    fn title(&self) -> Option<Box<str>> {
        Some(match self.name.name() {
            Some(name) => name.trim_start_matches("ZPL_").to_ascii_lowercase().into(),
            None if self.number == 0 => "data".into(),
            None => alloc::format!("attribute {}", self.number).into(),
        })
    }
    fn remark(&self) -> Option<&'static &'static str> {
        self.name.remark()
    }
    fn judge(&self) -> Option<Problem> {
        self.value.as_ref().and_then(SaValue::judge)
    }
}

one_of! {
    /// The value of an attribute; its name tells which.
    ///
    /// Chapter 12, 12.3.
    pub enum SaValue<'a> {
        /// ATIME, MTIME, CTIME, CRTIME.
        Time(Time),
        /// GEN.
        Txg(Txg),
        /// MODE.
        Mode(Mode),
        /// SIZE, LINKS, DACL_COUNT, PROJID, SEQ.
        Number(u64),
        /// PARENT, XATTR.
        Object(ObjectId),
        /// RDEV.
        Device(Device),
        /// FLAGS.
        Flags(ZnodeFlags),
        /// UID, GID.
        Fuid(Fuid),
        /// ZNODE_ACL.
        ZnodeAcl(ZnodeAcl<'a>),
        /// SYMLINK.
        Text(Text<'a>),
        /// DACL_ACES.
        Aces(Vec<Ace<'a>>),
        /// DXATTR.
        Xattrs(Packed<'a>),
        /// Others, of words.
        Words(Numbers<'a, 8>),
        /// Others, of 32-bit integers.
        Integers(Numbers<'a, 4>),
        /// Others, of 16-bit integers.
        Shorts(Numbers<'a, 2>),
        /// SCANSTAMP, and others.
        Bytes(&'a [u8]),
    }
}

fn value<'a>(name: SaName, class: SaClass) -> impl FnMut(Input<'a>) -> Parsed<'a, SaValue<'a>> {
    move |i| match name {
        SaName::ATIME | SaName::MTIME | SaName::CTIME | SaName::CRTIME => {
            Time::parse.map(SaValue::Time).parse_complete(i)
        }
        SaName::GEN => Txg::parse.map(SaValue::Txg).parse_complete(i),
        SaName::MODE => Mode::parse.map(SaValue::Mode).parse_complete(i),
        SaName::SIZE | SaName::LINKS | SaName::DACL_COUNT | SaName::PROJID | SaName::SEQ => {
            u64::parse.map(SaValue::Number).parse_complete(i)
        }
        SaName::PARENT | SaName::XATTR => ObjectId::parse.map(SaValue::Object).parse_complete(i),
        SaName::RDEV => Device::parse.map(SaValue::Device).parse_complete(i),
        SaName::FLAGS => ZnodeFlags::parse.map(SaValue::Flags).parse_complete(i),
        SaName::UID | SaName::GID => Fuid::parse.map(SaValue::Fuid).parse_complete(i),
        SaName::ZNODE_ACL => ZnodeAcl::parse.map(SaValue::ZnodeAcl).parse_complete(i),
        SaName::SYMLINK => rest.map(|target| SaValue::Text(Text(target))).parse_complete(i),
        SaName::DACL_ACES => all_aces.map(SaValue::Aces).parse_complete(i),
        SaName::DXATTR => Packed::parse.map(SaValue::Xattrs).parse_complete(i),
        _ => match class {
            SaClass::UINT64_ARRAY => Numbers::parse.map(SaValue::Words).parse_complete(i),
            SaClass::UINT32_ARRAY => Numbers::parse.map(SaValue::Integers).parse_complete(i),
            SaClass::UINT16_ARRAY => Numbers::parse.map(SaValue::Shorts).parse_complete(i),
            _ => rest.map(SaValue::Bytes).parse_complete(i),
        },
    }
}

/// The attributes of a layout, whose varying lengths are given.
fn attributes<'a, 'l>(
    layout: &'l [Definition],
    known: Known,
    lengths: Numbers<'l, 2>,
) -> impl FnMut(Input<'a>) -> Parsed<'a, Attributes<'a>> + use<'a, 'l> {
    move |mut i| {
        let (start, mut lengths) = (i.at(), lengths.iter());
        let mut all = Vec::with_capacity(layout.len());
        for (n, definition) in layout.iter().enumerate() {
            let length =
                if definition.varies() { lengths.next() } else { Some(u64::from(definition.length)) };
            let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else {
                return fail(i, Why::Invalid("the header lacks a length"));
            };
            let Definition { name, number, class, .. } = *definition;
            let read = |i| {
                let (i, value) = tolerated(length, value(name, class))(i)?;
                Ok((i, Attribute { name, number, value }))
            };
            let one;
            (i, one) = match i.watch() {
                None => read(i)?,
                Some(trace) => trace.item(i, n, read)?,
            };
            all.push(one);
            // the last one may end the area without its padding
            let padding = i.at().wrapping_sub(start).wrapping_neg() % ALIGNMENT;
            (i, _) = bytes(padding.min(i.bytes().len()))(i)?;
        }
        Ok((i, Attributes { all, layout: known }))
    }
}

fn guessed<'a, 'h>(
    header: &'h SaHeader<'h>,
) -> impl FnMut(Input<'a>) -> Parsed<'a, Attributes<'a>> + use<'a, 'h> {
    move |i| match guess(header, i) {
        Some(layout) => attributes(&layout, Known::Guessed, header.lengths)(i),
        None => {
            let read = |i| {
                let (i, words) = Numbers::parse.map(SaValue::Words).parse_complete(i)?;
                Ok((i, Attribute { name: SaName::OTHER, number: 0, value: Some(words) }))
            };
            let (i, data) = match i.watch() {
                None => read(i)?,
                Some(trace) => trace.item(i, 0, read)?,
            };
            Ok((i, Attributes { all: alloc::vec![data], layout: Known::Not }))
        }
    }
}

/// The usual layout that fits an area, if one does: all values make sense, and its lengths lead to the
/// end of the data or, where none does, into it. `data` starts behind the header.
#[must_use]
pub fn guess(header: &SaHeader<'_>, data: Input<'_>) -> Option<Layout> {
    let data = data.unwatched();
    let exactly =
        |layout: &Layout| fits(header, layout, data).is_some_and(|left| left.iter().all(|b| *b == 0));
    // an attribute that was removed may leave its bytes
    usual().find(exactly).or_else(|| usual().find(|layout| fits(header, layout, data).is_some()))
}

/// What a layout leaves of the data; `None` if it does not fit.
fn fits<'a>(header: &SaHeader<'_>, layout: &Layout, data: Input<'a>) -> Option<&'a [u8]> {
    let varying = layout.iter().filter(|definition| definition.varies()).count();
    let size = varying.saturating_mul(2).saturating_add(6).next_multiple_of(ALIGNMENT);
    if usize::from(header.layout_info.header_size()) != size
        || header.lengths.iter().skip(varying).any(|unused| unused != 0)
    {
        return None;
    }
    let (behind, read) = attributes(layout, Known::Guessed, header.lengths)(data).ok()?;
    let sane = |attribute: &Attribute<'_>| match &attribute.value {
        None => false,
        Some(SaValue::Text(target)) => !target.0.is_empty() && !target.0.contains(&0),
        Some(SaValue::Object(object)) => (1..1 << 48).contains(&object.0),
        Some(value) => value.judge().is_none() && bits_are_sane(&value.value()),
    };
    (read.all.iter().all(sane) && read.agrees()).then_some(behind.bytes())
}

/// True if no bit range of the value is wrong.
fn bits_are_sane(value: &Value) -> bool {
    match value {
        Value::Bits(word, ranges) => ranges.iter().all(|range| (range.judge)(*word).is_none()),
        _ => true,
    }
}

impl<'a> Attributes<'a> {
    /// The attribute of that name.
    #[must_use]
    pub fn get(&self, name: SaName) -> Option<&SaValue<'a>> {
        self.all.iter().find(|attribute| attribute.name == name)?.value.as_ref()
    }
    /// Type and permissions.
    #[must_use]
    pub fn mode(&self) -> Option<Mode> {
        match self.get(SaName::MODE)? {
            SaValue::Mode(mode) => Some(*mode),
            _ => None,
        }
    }
    /// A number: SIZE, LINKS, DACL_COUNT, PROJID, SEQ.
    #[must_use]
    pub fn number(&self, name: SaName) -> Option<u64> {
        match self.get(name)? {
            SaValue::Number(n) => Some(*n),
            _ => None,
        }
    }
    /// An object: PARENT, XATTR.
    #[must_use]
    pub fn object(&self, name: SaName) -> Option<ObjectId> {
        match self.get(name)? {
            SaValue::Object(object) => Some(*object),
            _ => None,
        }
    }
    /// An identity: UID, GID.
    #[must_use]
    pub fn fuid(&self, name: SaName) -> Option<Fuid> {
        match self.get(name)? {
            SaValue::Fuid(fuid) => Some(*fuid),
            _ => None,
        }
    }
    /// A time: ATIME, MTIME, CTIME, CRTIME.
    #[must_use]
    pub fn time(&self, name: SaName) -> Option<Time> {
        match self.get(name)? {
            SaValue::Time(time) => Some(*time),
            _ => None,
        }
    }
    /// What is special about the file.
    #[must_use]
    pub fn flags(&self) -> Option<ZnodeFlags> {
        match self.get(SaName::FLAGS)? {
            SaValue::Flags(flags) => Some(*flags),
            _ => None,
        }
    }
    /// Which device it is.
    #[must_use]
    pub fn device(&self) -> Option<Device> {
        match self.get(SaName::RDEV)? {
            SaValue::Device(device) => Some(*device),
            _ => None,
        }
    }
    /// Target of the symbolic link.
    #[must_use]
    pub fn symlink(&self) -> Option<Text<'a>> {
        match self.get(SaName::SYMLINK)? {
            SaValue::Text(target) => Some(*target),
            _ => None,
        }
    }
    /// The entries of the ACL.
    #[must_use]
    pub fn aces(&self) -> Option<&[Ace<'a>]> {
        match self.get(SaName::DACL_ACES)? {
            SaValue::Aces(aces) => Some(aces),
            _ => None,
        }
    }
    /// The extended attributes that are in the inode.
    #[must_use]
    pub fn xattrs(&self) -> Option<&Packed<'a>> {
        match self.get(SaName::DXATTR)? {
            SaValue::Xattrs(list) => Some(list),
            _ => None,
        }
    }

    /// True if the values agree about which attributes there are.
    fn agrees(&self) -> bool {
        let has = |name| self.get(name).is_some();
        let Some(mode) = self.mode() else { return true };
        let projid = self.flags().is_some_and(|flags| flags.projid());
        let aces = self.aces().map(|aces| u64::try_from(aces.len()).unwrap_or(u64::MAX));
        let target = self.symlink().map(|target| u64::try_from(target.0.len()).unwrap_or(u64::MAX));
        mode.kind() != FileType::NONE
            && projid == has(SaName::PROJID)
            && mode.kind().is_device() == has(SaName::RDEV)
            && aces == self.number(SaName::DACL_COUNT)
            && target
                .is_none_or(|len| mode.kind() == FileType::SYMLINK && self.number(SaName::SIZE) == Some(len))
    }
    fn summary(&self) -> Option<String> {
        let (uid, gid) = (self.fuid(SaName::UID)?, self.fuid(SaName::GID)?);
        Some(summary(self.mode()?, uid, gid, self.number(SaName::SIZE)?))
    }
}

impl<'a> Sa<'a> {
    /// The reader of an area whose layout is known.
    pub fn by<'l>(layout: &'l [Definition]) -> impl FnMut(Input<'a>) -> Parsed<'a, Self> + use<'a, 'l> {
        move |i| {
            let (i, header) = match i.watch() {
                None => SaHeader::parse(i)?,
                Some(trace) => trace.named(i, "header", SaHeader::parse)?,
            };
            let mut read = attributes(layout, Known::Given, header.lengths);
            let (i, attributes) = match i.watch() {
                None => read(i)?,
                Some(trace) => trace.named(i, "attributes", read)?,
            };
            let (i, slack) = match i.watch() {
                None => rest(i)?,
                Some(trace) => trace.named(i, "slack", rest)?,
            };
            Ok((i, Sa { header, attributes, slack }))
        }
    }
    fn summary(&self) -> String {
        self.attributes.summary().unwrap_or_else(|| match self.attributes.all.as_slice() {
            [one] => one.title().map(|title| title.to_string()).unwrap_or_default(),
            many => alloc::format!("{} attributes", many.len()),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may fail loudly
mod tests {
    use super::*;

    /// A symbolic link with an extended attribute, as chapter 12 describes one.
    fn link(order: Order) -> Vec<u8> {
        let mut area = Vec::new();
        let wide = |n: u64| if order == Order::Little { n.to_le_bytes() } else { n.to_be_bytes() };
        let half = |n: u16| if order == Order::Little { n.to_le_bytes() } else { n.to_be_bytes() };
        area.extend(if order == Order::Little { MAGIC.to_le_bytes() } else { MAGIC.to_be_bytes() });
        for n in [0x0809, 24, 7, 56, 0] {
            area.extend(half(n));
        }
        area.extend([0; 2]);
        for n in [0xa1ff, 7, 9, 1000, 100, 34, 0x0408_0000_0104] {
            area.extend(wide(n));
        }
        for _ in 0..4 {
            area.extend([wide(1_700_000_000), wide(5)].concat());
        }
        area.extend([wide(1), wide(3)].concat());
        for (flags, mask) in [(0x1000, 0x1e_019f), (0x2040, 0x12_008f), (0x4000, 0x12_008fu32)] {
            area.extend([half(0), half(flags)].concat());
            area.extend(if order == Order::Little { mask.to_le_bytes() } else { mask.to_be_bytes() });
        }
        area.extend(b"target1\0");
        // an attribute "user.colour", 4 bytes, in XDR
        area.extend([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 36, 0, 0, 0, 36, 0, 0, 0, 11]);
        area.extend(b"user.colour\0\0\0\0\x0a\0\0\0\x04blue");
        area.extend([0; 8]);
        area
    }

    #[test]
    fn a_link_in_both_orders() {
        for order in [Order::Little, Order::Big] {
            let area = link(order);
            let (rest, sa) = Sa::parse(Input::new(&area, Order::Little)).unwrap();
            assert!(rest.bytes().is_empty() && sa.slack.is_empty());
            let read = &sa.attributes;
            assert_eq!(read.layout, Known::Guessed);
            assert_eq!(read.symlink(), Some(Text(b"target1")));
            assert_eq!(read.fuid(SaName::UID), Some(Fuid(1000)));
            assert_eq!(read.aces().unwrap().len(), 3);
            let xattrs: Vec<_> = crate::xattr::entries(&read.xattrs().unwrap().list).collect();
            assert_eq!(xattrs, [(Text(b"user.colour"), &b"blue"[..])]);
            assert_eq!(sa.summary(), "lrwxrwxrwx 1000:100, size 7");

            let layout = guess(&sa.header, Input::new(&area[16..], order)).unwrap();
            let (_, given) = Sa::by(&layout)(Input::new(&area, order)).unwrap();
            assert_eq!(given.attributes.all, read.all);
        }
    }

    #[test]
    fn what_no_layout_fits() {
        let mut area = link(Order::Little);
        area[8] = 25;
        let (_, sa) = Sa::parse(Input::new(&area, Order::Little)).unwrap();
        assert_eq!(sa.attributes.layout, Known::Not);
        assert!(sa.attributes.judge().is_some());
    }
}
