//! Name-value lists: the self-describing lists that hold configurations, history and attributes.
//!
//! A packed list starts with four bytes that tell one of two encodings. *XDR* (RFC 4506) is
//! big-endian whatever the host, in units of four bytes; *native* is the memory image of the writer,
//! in units of eight. A value may itself be a list: XDR nests it in the pair, native appends it
//! behind the pair. Handbook: [`docs/format/02-nvlist.md`].
//!
//! ```
//! use zfsp_grammar::{input::{Input, Order, Parse}, nvlist::Packed};
//!
//! // an empty list in XDR
//! let bytes = [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
//! let (rest, read) = Packed::parse(Input::new(&bytes, Order::Little))?;
//! assert_eq!(read.encoding.to_string(), "xdr");
//! assert!(rest.bytes().is_empty());
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//!
//! [`docs/format/02-nvlist.md`]: crate::handbook::nvlist

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nom::Parser;

use crate::catalogue::{Structure, structure};
use crate::config;
use crate::input::{
    Input, Order, Parse, Parsed, Text, Why, between, bytes, c_string, exactly, fail, framed, in_order, list,
    nested, until,
};
use crate::quantity::{Pad, Reserved};
use crate::spec::{Describe, Parts};
use crate::tree;

pub(crate) const STRUCTURES: &[Structure] =
    &[structure!('a: "nvlist", "packed name-value list, XDR or native", "02-nvlist.md 2.2", Packed<'a>)];

/// Names are shorter than this (chapter 02, 2.6).
const LONGEST_NAME: u64 = 32_766;

symbols! {
    /// How a packed list is encoded.
    pub struct Encoding(u8) {
        /// the memory image of the writer
        NATIVE = 0 "native",
        /// big-endian, in units of four bytes
        XDR = 1 "xdr",
    }
}

symbols! {
    /// Byte order of the writer; it counts for native lists only.
    pub struct Endian(u8) {
        BIG = 0 "big-endian",
        LITTLE = 1 "little-endian",
    }
}

record! {
    /// A packed list: how it is encoded, then the list.
    ///
    /// Chapter 02, 2.2.
    pub struct Packed<'a> {
        0x0 encoding: Encoding,
        /// byte order of the writer
        0x1 endian:   Endian,
        0x2 reserved: Pad<2>,
        0x4 list:     List<'a> = body(encoding, endian),
    }
}

fn body<'a>(encoding: Encoding, endian: Endian) -> impl FnMut(Input<'a>) -> Parsed<'a, List<'a>> {
    move |i| match (encoding, endian) {
        (Encoding::XDR, _) => in_order(Order::Big, XdrList::parse.map(List::Xdr)).parse_complete(i),
        (Encoding::NATIVE, Endian::BIG) => {
            in_order(Order::Big, NativeList::parse.map(List::Native)).parse_complete(i)
        }
        (Encoding::NATIVE, Endian::LITTLE) => {
            in_order(Order::Little, NativeList::parse.map(List::Native)).parse_complete(i)
        }
        (Encoding::NATIVE, Endian(other)) => fail(i, Why::Unsupported("byte order", u64::from(other))),
        (Encoding(other), _) => fail(i, Why::Unsupported("encoding", u64::from(other))),
    }
}

one_of! {
    /// A list in one of its encodings.
    pub enum List<'a> {
        /// In XDR.
        Xdr(XdrList<'a>),
        /// In the native encoding.
        Native(NativeList<'a>),
        /// In the native encoding, inside another list.
        NativeInner(NativeInner<'a>),
    }
}

bits! {
    /// What the names of a list promise.
    pub struct NvFlags(u32) {
        0..1 unique_name: bool,
        1..2 unique_name_type: bool,
        2..32 reserved: Reserved,
    }
}

record! {
    /// A list in XDR, outermost or nested.
    ///
    /// Chapter 02, 2.4.
    pub struct XdrList<'a> {
        0x0 version: u32 = exactly(0u32),
        0x4 nvflag:  NvFlags,
        0x8 pairs:   Vec<Pair<'a>> = until(ends_xdr, XdrPair::parse.map(Pair::Xdr)),
        /// eight zero bytes
            end:     Pad<8>,
    }
    says XdrList::summary;
}

/// The reference looks at the second word only.
fn ends_xdr(i: Input<'_>) -> bool {
    i.bytes().get(4..8) == Some(&[0; 4])
}

record! {
    /// A list in the native encoding.
    ///
    /// Chapter 02, 2.5.
    pub struct NativeList<'a> {
        0x0 version: u32 = exactly(0u32),
        0x4 nvflag:  NvFlags,
        0x8 pairs:   Vec<Pair<'a>> = until(ends_native, NativePair::parse.map(Pair::Native)),
        /// four zero bytes
            end:     Pad<4>,
    }
    says NativeList::summary;
}

record! {
    /// A list inside a native one: its version and flags stand in the pair before it.
    ///
    /// Chapter 02, 2.5.
    pub struct NativeInner<'a> {
        0x0 pairs: Vec<Pair<'a>> = until(ends_native, NativePair::parse.map(Pair::Native)),
        /// four zero bytes
            end:   Pad<4>,
    }
    says NativeInner::summary;
}

fn ends_native(i: Input<'_>) -> bool {
    i.bytes().get(..4) == Some(&[0; 4])
}

fn count(pairs: &[Pair<'_>]) -> String {
    format!("{} pair{}", pairs.len(), if pairs.len() == 1 { "" } else { "s" })
}

impl XdrList<'_> {
    fn summary(&self) -> String {
        count(&self.pairs)
    }
}
impl NativeList<'_> {
    fn summary(&self) -> String {
        count(&self.pairs)
    }
}
impl NativeInner<'_> {
    fn summary(&self) -> String {
        count(&self.pairs)
    }
}

symbols! {
    /// `data_type_t`.
    ///
    /// Chapter 02, 2.3.
    pub struct DataType(u32) {
        /// present or not: no value
        BOOLEAN = 1 "boolean",
        BYTE = 2 "byte",
        INT16 = 3 "int16",
        UINT16 = 4 "uint16",
        INT32 = 5 "int32",
        UINT32 = 6 "uint32",
        INT64 = 7 "int64",
        UINT64 = 8 "uint64",
        STRING = 9 "string",
        BYTE_ARRAY = 10 "byte array",
        INT16_ARRAY = 11 "int16 array",
        UINT16_ARRAY = 12 "uint16 array",
        INT32_ARRAY = 13 "int32 array",
        UINT32_ARRAY = 14 "uint32 array",
        INT64_ARRAY = 15 "int64 array",
        UINT64_ARRAY = 16 "uint64 array",
        STRING_ARRAY = 17 "string array",
        /// nanoseconds
        HRTIME = 18 "hrtime",
        NVLIST = 19 "nvlist",
        NVLIST_ARRAY = 20 "nvlist array",
        BOOLEAN_VALUE = 21 "boolean value",
        INT8 = 22 "int8",
        UINT8 = 23 "uint8",
        BOOLEAN_ARRAY = 24 "boolean array",
        INT8_ARRAY = 25 "int8 array",
        UINT8_ARRAY = 26 "uint8 array",
        DOUBLE = 27 "double",
    }
}

impl DataType {
    /// Bytes of one element in the native encoding, and whether it is signed; `None` for what is
    /// no number.
    fn number(self) -> Option<(usize, bool)> {
        Some(match self {
            Self::BYTE | Self::UINT8 | Self::UINT8_ARRAY => (1, false),
            Self::INT8 | Self::INT8_ARRAY => (1, true),
            Self::UINT16 | Self::UINT16_ARRAY => (2, false),
            Self::INT16 | Self::INT16_ARRAY => (2, true),
            Self::UINT32 | Self::UINT32_ARRAY | Self::BOOLEAN_VALUE | Self::BOOLEAN_ARRAY => (4, false),
            Self::INT32 | Self::INT32_ARRAY => (4, true),
            Self::UINT64 | Self::UINT64_ARRAY | Self::DOUBLE => (8, false),
            Self::INT64 | Self::INT64_ARRAY | Self::HRTIME => (8, true),
            _ => return None,
        })
    }
    /// True for numbers of which there are as many as the pair says.
    fn is_array(self) -> bool {
        matches!(
            self,
            Self::INT16_ARRAY
                | Self::UINT16_ARRAY
                | Self::INT32_ARRAY
                | Self::UINT32_ARRAY
                | Self::INT64_ARRAY
                | Self::UINT64_ARRAY
                | Self::BOOLEAN_ARRAY
                | Self::INT8_ARRAY
                | Self::UINT8_ARRAY
        )
    }
}

one_of! {
    /// A name and its value, in one of the encodings.
    pub enum Pair<'a> {
        /// In XDR.
        Xdr(XdrPair<'a>),
        /// In the native encoding.
        Native(NativePair<'a>),
    }
}

record! {
    /// A pair in XDR.
    ///
    /// Chapter 02, 2.4.
    pub struct XdrPair<'a> {
        /// bytes of the pair, with this word
        0x0 encoded_size: u32,
        /// bytes that it takes in the native encoding
        0x4 decoded_size: u32,
        0x8 name:         Text<'a> = pair_name,
            r#type:         DataType,
            nelem:        u32,
            value:        Value<'a> = xdr_value(r#type, nelem),
    }
    value XdrPair::shown;
    title XdrPair::title;
    remark XdrPair::remark;
}

record! {
    /// A pair in the native encoding. The lists that are its value follow it.
    ///
    /// Chapter 02, 2.5.
    pub struct NativePair<'a> {
        /// bytes of the pair, with this word, without the lists that follow
        0x00 size:      u32 = between(24, 0x7fff_ffff),
        /// with its NUL
        0x04 name_size: u16 = between(1, LONGEST_NAME),
        0x06 reserve:   u16,
        0x08 nelem:     u32,
        0x0c r#type:      DataType,
        0x10 name:      Text<'a> = c_string(usize::from(name_size)),
        /// up to a multiple of eight
             padding:   &'a [u8] = bytes(native_header(name_size).saturating_sub(16).saturating_sub(usize::from(name_size))),
             value:     Value<'a> = framed(native_room(size, name_size), native_value(r#type, nelem)),
             lists:     Vec<List<'a>> = native_lists(r#type, nelem),
    }
    value NativePair::shown;
    title NativePair::title;
    remark NativePair::remark;
}

/// Bytes before the value.
fn native_header(name_size: u16) -> usize {
    usize::from(name_size).saturating_add(16).next_multiple_of(8)
}
/// Bytes of the value, with its padding.
fn native_room(size: u32, name_size: u16) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX).saturating_sub(native_header(name_size))
}

fn native_lists<'a>(kind: DataType, nelem: u32) -> impl FnMut(Input<'a>) -> Parsed<'a, Vec<List<'a>>> {
    let n = match kind {
        DataType::NVLIST => 1,
        DataType::NVLIST_ARRAY => wide(nelem),
        _ => 0,
    };
    list(n, nested(NativeInner::parse.map(List::NativeInner)))
}

fn wide(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// The value of a pair.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// No value: the name is what counts.
    Flag,
    /// True or false.
    Bool(bool),
    /// An unsigned number of any width.
    Number(u64),
    /// A signed number of any width.
    Signed(i64),
    /// The bits of an IEEE 754 number.
    Double(u64),
    /// Text.
    Text(Text<'a>),
    /// Bytes.
    Bytes(&'a [u8]),
    /// Unsigned numbers, their width on disk and their order.
    Numbers(Vec<u64>, u8, Order),
    /// Signed numbers, their width on disk and their order.
    Signeds(Vec<i64>, u8, Order),
    /// Texts.
    Texts(Vec<Text<'a>>),
    /// Lists, nested here.
    Lists(Vec<List<'a>>),
    /// Lists that follow the pair: their version and flags.
    Heads(&'a [u8]),
}

impl Describe for Value<'_> {
    fn parts() -> Parts {
        Parts::None
    }
    fn value(&self) -> tree::Value {
        match self {
            Value::Flag => tree::Value::says("set"),
            Value::Bool(b) => tree::Value::Flag(*b),
            Value::Number(n) => tree::Value::Number(*n),
            Value::Signed(n) => tree::Value::Signed(*n),
            Value::Double(bits) => tree::Value::says(f64::from_bits(*bits)),
            Value::Text(text) => text.value(),
            Value::Bytes(_) | Value::Heads(_) => tree::Value::Bytes,
            Value::Numbers(n, ..) => says_list(n),
            Value::Signeds(n, ..) => says_list(n),
            Value::Texts(texts) => says_list(texts),
            Value::Lists(lists) => match lists.as_slice() {
                [one] => one.value(),
                many => tree::Value::says(format_args!("{} lists", many.len())),
            },
        }
    }
}

/// Items that a summary shows; the parts show all.
const SHOWN: usize = 8;

fn says_list<T: core::fmt::Debug>(all: &[T]) -> tree::Value {
    let shown = all.get(..SHOWN).unwrap_or(all);
    let mut text = format!("{shown:?}");
    if shown.len() < all.len() {
        text = format!("{}, ...] {} in all", text.trim_end_matches(']'), all.len());
    }
    tree::Value::says(text)
}

fn xdr_value<'a>(kind: DataType, nelem: u32) -> impl FnMut(Input<'a>) -> Parsed<'a, Value<'a>> {
    let n = wide(nelem);
    move |i| match kind {
        DataType::BOOLEAN => Ok((i, Value::Flag)),
        DataType::STRING => xdr_string(u64::from(u32::MAX)).map(Value::Text).parse_complete(i),
        DataType::BYTE_ARRAY => {
            let (i, all) = bytes(n)(i)?;
            let (i, _) = bytes(padding4(n))(i)?;
            Ok((i, Value::Bytes(all)))
        }
        DataType::STRING_ARRAY => {
            list(n, xdr_string(u64::from(u32::MAX))).map(Value::Texts).parse_complete(i)
        }
        DataType::NVLIST => {
            list(1usize, nested(XdrList::parse.map(List::Xdr))).map(Value::Lists).parse_complete(i)
        }
        DataType::NVLIST_ARRAY => {
            list(n, nested(XdrList::parse.map(List::Xdr))).map(Value::Lists).parse_complete(i)
        }
        _ => match kind.number() {
            // an array says again how many, but an empty one does not
            Some((width, signed)) if kind.is_array() => {
                let (i, ()) = if n == 0 { (i, ()) } else { exactly(nelem).map(|_| ()).parse_complete(i)? };
                numbers(i, n, width.max(4), width, signed)
            }
            Some((width, signed)) => scalar(i, kind, width.max(4), width, signed),
            None => fail(i, Why::Unsupported("data type", u64::from(kind))),
        },
    }
}

fn native_value<'a>(kind: DataType, nelem: u32) -> impl FnMut(Input<'a>) -> Parsed<'a, Value<'a>> {
    let n = wide(nelem);
    move |i| match kind {
        DataType::BOOLEAN => Ok((i, Value::Flag)),
        DataType::STRING => crate::input::nul_terminated.map(Value::Text).parse_complete(i),
        DataType::BYTE_ARRAY => bytes(n).map(Value::Bytes).parse_complete(i),
        DataType::STRING_ARRAY => {
            let (i, _pointers) = bytes(n.saturating_mul(8))(i)?;
            list(n, crate::input::nul_terminated).map(Value::Texts).parse_complete(i)
        }
        DataType::NVLIST => bytes(24usize).map(Value::Heads).parse_complete(i),
        DataType::NVLIST_ARRAY => bytes(n.saturating_mul(32)).map(Value::Heads).parse_complete(i),
        _ => match kind.number() {
            Some((width, signed)) if kind.is_array() => numbers(i, n, width, width, signed),
            Some((width, signed)) => scalar(i, kind, width, width, signed),
            None => fail(i, Why::Unsupported("data type", u64::from(kind))),
        },
    }
}

/// A number that takes `unit` bytes, of which the lowest `width` count: writers differ in how they
/// fill the rest.
fn integer<'a>(unit: usize, width: usize) -> impl Fn(Input<'a>) -> Parsed<'a, u64> {
    move |i| {
        let (i, n) = match unit {
            1 => u8::parse.map(u64::from).parse_complete(i.unwatched())?,
            2 => u16::parse.map(u64::from).parse_complete(i.unwatched())?,
            4 => u32::parse.map(u64::from).parse_complete(i.unwatched())?,
            _ => u64::parse(i.unwatched())?,
        };
        Ok((i, n & u64::MAX.unbounded_shr(bits_above(width))))
    }
}

/// Bits of a word above the lowest `width` bytes.
fn bits_above(width: usize) -> u32 {
    u32::try_from(width).map_or(0, |width| 64u32.saturating_sub(width.saturating_mul(8)))
}

fn sign(n: u64, width: usize) -> i64 {
    let above = bits_above(width);
    n.unbounded_shl(above).cast_signed().checked_shr(above).unwrap_or_default()
}

fn scalar<'a>(
    i: Input<'a>,
    kind: DataType,
    unit: usize,
    width: usize,
    signed: bool,
) -> Parsed<'a, Value<'a>> {
    let (rest, n) = integer(unit, width)(i)?;
    let value = match kind {
        DataType::BOOLEAN_VALUE if n > 1 => return fail(i, Why::OutOfRange { least: 0, most: 1, found: n }),
        DataType::BOOLEAN_VALUE => Value::Bool(n == 1),
        DataType::DOUBLE => Value::Double(n),
        _ if signed => Value::Signed(sign(n, width)),
        _ => Value::Number(n),
    };
    Ok((rest.watched_as(i), value))
}

fn numbers<'a>(i: Input<'a>, n: usize, unit: usize, width: usize, signed: bool) -> Parsed<'a, Value<'a>> {
    let shown = u8::try_from(unit).unwrap_or_default();
    let (rest, all) = list(n, integer(unit, width))(i.unwatched())?;
    let value = if signed {
        Value::Signeds(all.into_iter().map(|n| sign(n, width)).collect(), shown, i.order())
    } else {
        Value::Numbers(all, shown, i.order())
    };
    Ok((rest.watched_as(i), value))
}

/// An XDR string: its length, its bytes, and zeros up to a multiple of four.
fn xdr_string<'a>(longest: u64) -> impl Fn(Input<'a>) -> Parsed<'a, Text<'a>> {
    move |i| {
        let (rest, len) = between::<u32>(0, longest)(i.unwatched())?;
        let (rest, text) = bytes(wide(len))(rest)?;
        let (rest, _) = bytes(padding4(text.len()))(rest)?;
        Ok((rest.watched_as(i), Text(text)))
    }
}

/// An XDR string without a NUL.
fn pair_name(i: Input<'_>) -> Parsed<'_, Text<'_>> {
    match xdr_string(LONGEST_NAME)(i)? {
        (_, name) if name.0.contains(&0) => fail(i, Why::Invalid("a NUL in a name")),
        named => Ok(named),
    }
}

fn padding4(len: usize) -> usize {
    len.wrapping_neg() % 4
}

impl<'a> XdrPair<'a> {
    fn shown(&self) -> tree::Value {
        config::value(self.name, &self.value)
    }
    fn title(&self) -> Option<Box<str>> {
        Some(self.name.to_string().into())
    }
    fn remark(&self) -> Option<&'static &'static str> {
        config::remark(self.name.0)
    }
}

impl<'a> NativePair<'a> {
    fn shown(&self) -> tree::Value {
        match self.lists.as_slice() {
            [] => config::value(self.name, &self.value),
            [one] => one.value(),
            many => tree::Value::says(format_args!("{} lists", many.len())),
        }
    }
    fn title(&self) -> Option<Box<str>> {
        Some(self.name.to_string().into())
    }
    fn remark(&self) -> Option<&'static &'static str> {
        config::remark(self.name.0)
    }
}

impl<'a> Pair<'a> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> Text<'a> {
        match self {
            Pair::Xdr(pair) => pair.name,
            Pair::Native(pair) => pair.name,
        }
    }
    /// Its value, but for lists.
    #[must_use]
    pub fn value(&self) -> &Value<'a> {
        match self {
            Pair::Xdr(pair) => &pair.value,
            Pair::Native(pair) => &pair.value,
        }
    }
    /// The lists that are its value.
    #[must_use]
    pub fn lists(&self) -> &[List<'a>] {
        match self {
            Pair::Xdr(XdrPair { value: Value::Lists(lists), .. }) => lists,
            Pair::Xdr(_) => &[],
            Pair::Native(pair) => &pair.lists,
        }
    }
}

impl<'a> List<'a> {
    /// Its pairs, in the order of the bytes.
    #[must_use]
    pub fn pairs(&self) -> &[Pair<'a>] {
        match self {
            List::Xdr(list) => &list.pairs,
            List::Native(list) => &list.pairs,
            List::NativeInner(list) => &list.pairs,
        }
    }
    /// The pair called `name`: the last one, where there are several.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Pair<'a>> {
        self.pairs().iter().rev().find(|pair| pair.name().0 == name.as_bytes())
    }
    /// The number called `name`.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.get(name)?.value() {
            Value::Number(n) => Some(*n),
            _ => None,
        }
    }
    /// The text called `name`.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Text<'a>> {
        match self.get(name)?.value() {
            Value::Text(text) => Some(*text),
            _ => None,
        }
    }
    /// The numbers called `name`; none if there is no such pair.
    #[must_use]
    pub fn numbers(&self, name: &str) -> &[u64] {
        match self.get(name).map(Pair::value) {
            Some(Value::Numbers(all, ..)) => all,
            _ => &[],
        }
    }
    /// The lists called `name`; none if there is no such pair.
    #[must_use]
    pub fn lists(&self, name: &str) -> &[List<'a>] {
        self.get(name).map(Pair::lists).unwrap_or_default()
    }
    /// The one list called `name`.
    #[must_use]
    pub fn list(&self, name: &str) -> Option<&List<'a>> {
        self.lists(name).first()
    }
}
