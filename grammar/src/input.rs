//! Bytes that know where they are, in which order they were written, how deep we are, and who is
//! watching; and the few parsers that nom does not have.
//!
//! Everything here composes with nom: [`Input`] is a [`nom::Input`], each parser a
//! [`nom::Parser`].
//!
//! ```
//! use zfsp_grammar::input::{Input, Order, Parse};
//!
//! let (rest, n) = u16::parse(Input::new(&[0x12, 0x34, 0x56], Order::Big))?;
//! assert_eq!((n, rest.at()), (0x1234, 2));
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```

use alloc::vec::Vec;
use core::fmt;

use nom::error::{ErrorKind, ParseError};
use nom::{IResult, Needed, Parser};

use crate::spec::Describe;
use crate::tree::Trace;

/// Levels of nesting that a reading may reach: real data nests about six deep, the reference
/// implementation stops at 20 (kernel) or 100 (user space). Hostile data nests without end.
pub const DEEPEST: usize = 32;

/// The byte order of the machine that wrote the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Order::Little => "little-endian",
            Order::Big => "big-endian",
        })
    }
}

/// Bytes under reading.
// No niche may appear in this struct (a `bool` or two-valued enum for `swap`): it costs a factor
// of ten on block pointers.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
    swap: usize,
    depth: usize,
    watch: Option<&'a Trace>,
}

impl<'a> Input<'a> {
    /// `bytes` written in `order`, of which the first is at position 0.
    #[must_use]
    pub fn new(bytes: &'a [u8], order: Order) -> Self {
        Input { bytes, at: 0, swap: swap(order), depth: 0, watch: None }
    }
    /// The same bytes, of which the first is at position `at`.
    #[must_use]
    pub fn placed(self, at: usize) -> Self {
        Input { at, ..self }
    }
    /// The same bytes; `trace` records what is read.
    #[must_use]
    pub fn watched(self, trace: &'a Trace) -> Self {
        Input { watch: Some(trace), ..self }
    }
    /// The same bytes, nobody watching.
    #[must_use]
    pub fn unwatched(self) -> Self {
        Input { watch: None, ..self }
    }
    /// The same bytes, in another order.
    #[must_use]
    pub fn with_order(self, order: Order) -> Self {
        Input { swap: swap(order), ..self }
    }
    /// What is left to read.
    #[inline(always)]
    #[must_use]
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }
    /// Position of the first byte.
    #[inline(always)]
    #[must_use]
    pub fn at(self) -> usize {
        self.at
    }
    /// Who watches.
    #[inline(always)]
    #[must_use]
    pub fn watch(self) -> Option<&'a Trace> {
        self.watch
    }
    /// Other bytes, read as these would be.
    #[must_use]
    pub fn over(self, bytes: &'a [u8]) -> Self {
        Input { bytes, ..self }
    }
    /// The same bytes, watched as `other` is.
    #[inline(always)]
    pub(crate) fn watched_as(self, other: Self) -> Self {
        Input { watch: other.watch, ..self }
    }
    /// The byte order of what is left.
    #[must_use]
    pub fn order(self) -> Order {
        if self.swap == 0 { Order::Little } else { Order::Big }
    }
    #[inline(always)]
    fn swapped(self) -> bool {
        self.swap != 0
    }
    #[inline(always)]
    fn advance(self, n: usize) -> Option<(Self, &'a [u8])> {
        let (head, rest) = self.bytes.split_at_checked(n)?;
        Some((Input { bytes: rest, at: self.at.wrapping_add(n), ..self }, head))
    }
    #[inline(always)]
    fn array<const N: usize>(self) -> Option<(Self, [u8; N])> {
        let (head, rest) = self.bytes.split_first_chunk::<N>()?;
        Some((Input { bytes: rest, at: self.at.wrapping_add(N), ..self }, *head))
    }
}

fn swap(order: Order) -> usize {
    match order {
        Order::Little => 0,
        Order::Big => 1,
    }
}

impl<'a> nom::Input for Input<'a> {
    type Item = u8;
    type Iter = core::iter::Copied<core::slice::Iter<'a, u8>>;
    type IterIndices = core::iter::Enumerate<Self::Iter>;
    fn input_len(&self) -> usize {
        self.bytes.len()
    }
    fn take(&self, n: usize) -> Self {
        Input { bytes: self.bytes.get(..n).unwrap_or(self.bytes), ..*self }
    }
    fn take_from(&self, n: usize) -> Self {
        let bytes = self.bytes.get(n..).unwrap_or_default();
        Input { bytes, at: self.at.wrapping_add(n), ..*self }
    }
    fn take_split(&self, n: usize) -> (Self, Self) {
        (self.take_from(n), self.take(n))
    }
    fn position<P: Fn(u8) -> bool>(&self, predicate: P) -> Option<usize> {
        self.bytes.iter().position(|b| predicate(*b))
    }
    fn iter_elements(&self) -> Self::Iter {
        self.bytes.iter().copied()
    }
    fn iter_indices(&self) -> Self::IterIndices {
        self.iter_elements().enumerate()
    }
    fn slice_index(&self, n: usize) -> Result<usize, Needed> {
        match n.checked_sub(self.bytes.len()) {
            None | Some(0) => Ok(n),
            Some(missing) => Err(Needed::new(missing)),
        }
    }
}

/// Why a reading ended, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Position of the fault.
    pub at: usize,
    /// The innermost field that was being read.
    pub field: &'static str,
    /// The fault.
    pub why: Why,
}

/// The faults that end a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The bytes end before the field does.
    Truncated {
        /// bytes the field takes
        wanted: usize,
        /// bytes there were
        had: usize,
    },
    /// A constant of the format is not there.
    Expected {
        /// what the format demands
        expected: u64,
        /// what was read
        found: u64,
    },
    /// A number lies outside what the format allows.
    OutOfRange {
        /// smallest legal value
        least: u64,
        /// largest legal value
        most: u64,
        /// what was read
        found: u64,
    },
    /// The bytes contradict the format.
    Invalid(&'static str),
    /// The format may allow it, but this grammar does not know it.
    Unsupported(&'static str, u64),
    /// A combinator of nom refused.
    Nom(ErrorKind),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Why::Truncated { wanted, had } => {
                write!(f, "cut short: {wanted} bytes wanted, {had} left")
            }
            Why::Expected { expected, found } => {
                write!(f, "expected {expected:#x}, found {found:#x}")
            }
            Why::OutOfRange { least, most, found } => {
                write!(f, "expected {least} to {most}, found {found}")
            }
            Why::Invalid(what) => f.write_str(what),
            Why::Unsupported(what, value) => write!(f, "unsupported {what} {value}"),
            Why::Nom(kind) => write!(f, "does not fit ({})", kind.description()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            "" => write!(f, "at {:#x}: {}", self.at, self.why),
            field => write!(f, "{field} at {:#x}: {}", self.at, self.why),
        }
    }
}

impl core::error::Error for Error {}

impl Error {
    #[cold]
    pub(crate) fn within(self, field: &'static str) -> Self {
        if self.field.is_empty() { Error { field, ..self } } else { self }
    }
}

/// Why a reading failed, without the wrapper that nom puts around it.
#[must_use]
pub fn fault(error: nom::Err<Error>) -> Error {
    match error {
        nom::Err::Error(error) | nom::Err::Failure(error) => error,
        // no reader here asks for more than there is
        nom::Err::Incomplete(_) => Error { at: 0, field: "", why: Why::Invalid("cut short") },
    }
}

impl ParseError<Input<'_>> for Error {
    fn from_error_kind(i: Input<'_>, kind: ErrorKind) -> Self {
        Error { at: i.at(), field: "", why: Why::Nom(kind) }
    }
    fn append(_: Input<'_>, _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// What a parser returns: the rest, and the value; or why not.
pub type Parsed<'a, T> = IResult<Input<'a>, T, Error>;

/// Ends the reading at `i`: no other reading is possible.
///
/// # Errors
/// Always: that is its purpose.
#[cold]
#[inline(never)]
pub fn fail<T>(i: Input<'_>, why: Why) -> Parsed<'_, T> {
    Err(nom::Err::Failure(Error { at: i.at(), field: "", why }))
}

#[cold]
#[inline(never)]
fn truncated<T>(i: Input<'_>, wanted: usize) -> Parsed<'_, T> {
    fail(i, Why::Truncated { wanted, had: i.bytes().len() })
}

/// A thing of the format that has one way to be read.
pub trait Parse<'a>: Sized + Describe {
    /// Reads it from the front of `i`.
    ///
    /// # Errors
    /// [`Error`] with the field and the place, where the bytes end or contradict the format.
    fn parse(i: Input<'a>) -> Parsed<'a, Self>;
}

macro_rules! integers {
    ($($t:ident)*) => { $(
        impl<'a> Parse<'a> for $t {
            #[inline(always)]
            fn parse(i: Input<'a>) -> Parsed<'a, $t> {
                match i.array() {
                    Some((rest, b)) => {
                        let n = $t::from_le_bytes(b);
                        Ok((rest, if i.swapped() { n.swap_bytes() } else { n }))
                    }
                    None => truncated(i, size_of::<$t>()),
                }
            }
        }
        impl Fixed for $t {
            #[inline(always)]
            fn read(bytes: &[u8], swapped: bool) -> $t {
                let n = bytes.first_chunk().map_or(0, |b| $t::from_le_bytes(*b));
                if swapped { n.swap_bytes() } else { n }
            }
        }
    )* };
}
integers! { u8 u16 u32 u64 i8 i16 i32 i64 }

impl<'a, T: Parse<'a> + Default + Copy, const N: usize> Parse<'a> for [T; N] {
    #[inline(always)]
    fn parse(mut i: Input<'a>) -> Parsed<'a, Self> {
        let mut all = [T::default(); N];
        for (n, slot) in all.iter_mut().enumerate() {
            (i, *slot) = match i.watch() {
                None => T::parse(i)?,
                Some(trace) => trace.item(i, n, T::parse)?,
            };
        }
        Ok((i, all))
    }
}

impl<T: Fixed, const N: usize> Fixed for [T; N] {
    #[inline(always)]
    fn read(mut bytes: &[u8], swapped: bool) -> Self {
        core::array::from_fn(|_| {
            let one;
            (bytes, one) = take_fixed(bytes, swapped);
            one
        })
    }
}

/// The next `n` bytes as they are.
///
/// # Errors
/// [`Why::Truncated`] where there are fewer.
pub fn bytes<'a>(n: impl Into<usize>) -> impl Fn(Input<'a>) -> Parsed<'a, &'a [u8]> {
    let n = n.into();
    move |i| match i.advance(n) {
        Some(ok) => Ok(ok),
        None => truncated(i, n),
    }
}

/// What is nothing but numbers: any bytes are one, if there are enough.
///
/// It is read without a check for each field; long lists of block pointers are several times as fast
/// for it.
pub(crate) trait Fixed: Describe + Sized {
    /// Reads it from the front of `bytes`, which are enough; what is missing is zero.
    fn read(bytes: &[u8], swapped: bool) -> Self;
}

/// Reads it if its bytes are there.
#[inline(always)]
pub(crate) fn fixed<T: Fixed>(i: Input<'_>) -> Option<(Input<'_>, T)> {
    let (rest, bytes) = i.advance(const { size_of_fixed::<T>() })?;
    // the order is asked once, not for each field
    let value = if i.swapped() { T::read(bytes, true) } else { T::read(bytes, false) };
    Some((rest, value))
}

/// Reads it from the front of `bytes`, and returns the rest.
#[inline(always)]
pub(crate) fn take_fixed<T: Fixed>(bytes: &[u8], swapped: bool) -> (&[u8], T) {
    let (head, rest) = bytes.split_at_checked(const { size_of_fixed::<T>() }).unwrap_or((bytes, &[]));
    (rest, T::read(head, swapped))
}

const fn size_of_fixed<T: Describe>() -> usize {
    match T::SIZE {
        Some(size) => size,
        None => panic_no_size(),
    }
}

#[allow(clippy::panic)] // at compile time only
const fn panic_no_size() -> usize {
    panic!("a fixed record has a size")
}

/// All that is left.
///
/// # Errors
/// Never.
pub fn rest(i: Input<'_>) -> Parsed<'_, &'_ [u8]> {
    bytes(i.bytes().len())(i)
}

/// `n` items.
///
/// # Errors
/// Those of the items.
pub fn list<'a, T: Describe>(
    n: impl Into<usize>,
    mut item: impl Parser<Input<'a>, Output = T, Error = Error>,
) -> impl FnMut(Input<'a>) -> Parsed<'a, Vec<T>> {
    let n = n.into();
    move |mut i| {
        // `n` may be a lie: no more room than the bytes can fill
        let room = i.bytes().len().checked_div(size_of::<T>()).unwrap_or_default();
        let mut all = Vec::with_capacity(n.min(room));
        for k in 0..n {
            let one;
            (i, one) = counted(i, k, &mut item)?;
            all.push(one);
        }
        Ok((i, all))
    }
}

/// Items until `stop` says so, or the bytes end.
///
/// # Errors
/// Those of the items; [`Why::Invalid`] for an item without length, which would never end.
pub fn until<'a, T: Describe>(
    stop: impl FnMut(Input<'a>) -> bool,
    item: impl Parser<Input<'a>, Output = T, Error = Error>,
) -> impl FnMut(Input<'a>) -> Parsed<'a, Vec<T>> {
    repeated(usize::MAX, stop, item)
}

/// Items of `size` bytes at least, as far as `stop` allows. Where that says how many there can be, their room is made at
/// once: growing would take up to twice as much.
fn repeated<'a, T: Describe>(
    size: usize,
    mut stop: impl FnMut(Input<'a>) -> bool,
    mut item: impl Parser<Input<'a>, Output = T, Error = Error>,
) -> impl FnMut(Input<'a>) -> Parsed<'a, Vec<T>> {
    move |mut i| {
        let len = i.bytes().len();
        let room = len.checked_div(size_of::<T>()).unwrap_or_default();
        let mut all = Vec::with_capacity(len.checked_div(size).unwrap_or_default().min(room));
        while !i.bytes().is_empty() && !stop(i) {
            let at = i.at();
            let one;
            (i, one) = counted(i, all.len(), &mut item)?;
            if i.at() == at {
                return fail(i, Why::Invalid("an item of no length"));
            }
            all.push(one);
        }
        Ok((i, all))
    }
}

/// Items as long as one more of `size` bytes fits.
///
/// # Errors
/// As [`until`].
pub fn filling<'a, T: Describe>(
    size: usize,
    item: impl Parser<Input<'a>, Output = T, Error = Error>,
) -> impl FnMut(Input<'a>) -> Parsed<'a, Vec<T>> {
    repeated(size, move |i| i.bytes().len() < size, item)
}

#[inline(always)]
fn counted<'a, T: Describe>(
    i: Input<'a>,
    n: usize,
    item: &mut impl Parser<Input<'a>, Output = T, Error = Error>,
) -> Parsed<'a, T> {
    match i.watch() {
        None => item.parse_complete(i),
        Some(trace) => trace.item(i, n, |i| item.parse_complete(i)),
    }
}

/// A magic number that tells the byte order of what follows.
///
/// # Errors
/// [`Why::Expected`] if it is there in neither order.
pub fn byte_order_mark<'a, T: From<u64>>(magic: u64) -> impl Fn(Input<'a>) -> Parsed<'a, T> {
    move |i| match i.array::<8>() {
        Some((rest, b)) if u64::from_le_bytes(b) == magic => {
            Ok((rest.with_order(Order::Little), magic.into()))
        }
        Some((rest, b)) if u64::from_be_bytes(b) == magic => Ok((rest.with_order(Order::Big), magic.into())),
        Some((_, b)) => {
            let found = match i.order() {
                Order::Little => u64::from_le_bytes(b),
                Order::Big => u64::from_be_bytes(b),
            };
            fail(i, Why::Expected { expected: magic, found })
        }
        None => truncated(i, 8),
    }
}

/// A number that must be `expected`.
///
/// # Errors
/// [`Why::Expected`] if it is another.
pub fn exactly<'a, T: Parse<'a> + Copy + Into<u64>>(expected: T) -> impl Fn(Input<'a>) -> Parsed<'a, T> {
    let expected: u64 = expected.into();
    move |i| match T::parse(i)? {
        (rest, n) if n.into() == expected => Ok((rest, n)),
        (_, n) => fail(i, Why::Expected { expected, found: n.into() }),
    }
}

/// A number from `least` to `most`, both legal.
///
/// # Errors
/// [`Why::OutOfRange`] for others.
pub fn between<'a, T: Parse<'a> + Copy + Into<u64>>(
    least: u64,
    most: u64,
) -> impl Fn(Input<'a>) -> Parsed<'a, T> {
    move |i| match T::parse(i)? {
        (rest, n) if (least..=most).contains(&n.into()) => Ok((rest, n)),
        (_, n) => fail(i, Why::OutOfRange { least, most, found: n.into() }),
    }
}

/// Looks at what stands `offset` bytes further on, and consumes nothing.
///
/// # Errors
/// Those of `p`.
pub fn ahead<'a, T>(
    offset: usize,
    mut p: impl Parser<Input<'a>, Output = T, Error = Error>,
) -> impl FnMut(Input<'a>) -> Parsed<'a, T> {
    move |i| {
        let (there, _) = bytes(offset)(i.unwatched())?;
        let (_, seen) = p.parse_complete(there)?;
        Ok((i, seen))
    }
}

/// Runs `p` one level further down.
///
/// # Errors
/// Those of `p`, and [`Why::Invalid`] below [`DEEPEST`].
pub fn nested<'a, T>(
    mut p: impl Parser<Input<'a>, Output = T, Error = Error>,
) -> impl FnMut(Input<'a>) -> Parsed<'a, T> {
    move |i| {
        if i.depth >= DEEPEST {
            return fail(i, Why::Invalid("nested too deeply"));
        }
        let below = Input { depth: i.depth.wrapping_add(1), ..i };
        let (rest, value) = p.parse_complete(below)?;
        Ok((Input { depth: i.depth, ..rest }, value))
    }
}

/// The same bytes, read in the given order.
///
/// # Errors
/// Those of `p`.
pub fn in_order<'a, T>(
    order: Order,
    mut p: impl Parser<Input<'a>, Output = T, Error = Error>,
) -> impl FnMut(Input<'a>) -> Parsed<'a, T> {
    move |i| {
        let (rest, value) = p.parse_complete(i.with_order(order))?;
        Ok((Input { swap: i.swap, ..rest }, value))
    }
}

/// Reads `p` inside exactly `len` bytes, and goes on behind them in the same byte order. What `p`
/// leaves of them shows as a gap.
///
/// # Errors
/// Those of `p`; [`Why::Truncated`] where there are fewer bytes than `len`.
pub fn framed<'a, T>(
    len: impl Into<usize>,
    mut p: impl Parser<Input<'a>, Output = T, Error = Error>,
) -> impl FnMut(Input<'a>) -> Parsed<'a, T> {
    let len = len.into();
    move |i| {
        let Ok((after, inside)) = bytes(len)(i) else {
            // what there is may still be seen
            p.parse_complete(i)?;
            return truncated(i, len);
        };
        let (_, value) = p.parse_complete(Input { bytes: inside, ..i })?;
        Ok((after, value))
    }
}

/// Like [`framed`], but a fault inside is kept as a problem of the tree and ends only this part:
/// the value is then `None`, and the reading goes on behind the frame.
///
/// # Errors
/// [`Why::Truncated`] where there are fewer bytes than `len`.
pub fn tolerated<'a, T>(
    len: impl Into<usize>,
    mut p: impl Parser<Input<'a>, Output = T, Error = Error>,
) -> impl FnMut(Input<'a>) -> Parsed<'a, Option<T>> {
    let len = len.into();
    move |i| {
        let Ok((after, inside)) = bytes(len)(i) else {
            let _ = p.parse_complete(i);
            return truncated(i, len);
        };
        Ok((after, p.parse_complete(Input { bytes: inside, ..i }).ok().map(|(_, value)| value)))
    }
}

/// `room` bytes that hold a name: those before the first NUL. What stands behind it means nothing.
///
/// # Errors
/// [`Why::Truncated`] where there are fewer bytes than `room`.
pub fn c_string<'a>(room: usize) -> impl Fn(Input<'a>) -> Parsed<'a, Text<'a>> {
    move |i| {
        let (i, all) = bytes(room)(i)?;
        Ok((i, Text(all.split(|b| *b == 0).next().unwrap_or_default())))
    }
}

/// A name that ends with its NUL; consumes both.
///
/// # Errors
/// [`Why::Invalid`] where no NUL is left.
pub fn nul_terminated(i: Input<'_>) -> Parsed<'_, Text<'_>> {
    match i.bytes().iter().position(|b| *b == 0) {
        Some(len) => {
            let (i, text) = bytes(len)(i)?;
            let (i, _) = bytes(1usize)(i)?;
            Ok((i, Text(text)))
        }
        None => fail(i, Why::Invalid("a name without its NUL")),
    }
}

/// Bytes that are meant as text. Names may hold any bytes: nothing promises UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Text<'a>(pub &'a [u8]);

impl fmt::Display for Text<'_> {
    /// What is UTF-8 and printable as it is, the rest as `\xNN`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\\' => f.write_str("\\\\")?,
                    c if c.is_control() => write!(f, "{}", c.escape_default())?,
                    c => f.write_char(c)?,
                }
            }
            for b in chunk.invalid() {
                write!(f, "\\x{b:02x}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}
