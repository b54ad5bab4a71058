//! Quantities: numbers that print themselves and cannot be mixed up.
//!
//! ```
//! use zfsp_grammar::quantity::{ObjectId, utc};
//!
//! assert_eq!(utc(0), "1970-01-01T00:00:00Z");
//! assert_eq!(ObjectId(34).to_string(), "34");
//! ```

use alloc::format;
use alloc::string::String;
use core::fmt;

use crate::input::{Fixed, Input, Order, Parse, Parsed, bytes};
use crate::spec::{Describe, FromBits};
use crate::tree::{Problem, Value};

macro_rules! quantities {
    ($( $(#[$meta:meta])* $Name:ident = $value:expr; )*) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        pub struct $Name(pub u64);
        impl Describe for $Name {
            const SIZE: Option<usize> = Some(8);
            fn value(&self) -> Value {
                let value: fn(u64) -> Value = $value;
                value(self.0)
            }
        }
        impl<'a> Parse<'a> for $Name {
            #[inline(always)]
            fn parse(i: Input<'a>) -> Parsed<'a, Self> {
                let (i, n) = u64::parse(i)?;
                Ok((i, Self(n)))
            }
        }
        impl Fixed for $Name {
            #[inline(always)]
            fn read(bytes: &[u8], swapped: bool) -> Self {
                Self(u64::read(bytes, swapped))
            }
        }
        impl FromBits for $Name {
            #[inline(always)]
            fn from_bits(bits: u64) -> Self {
                Self(bits)
            }
        }
        impl From<u64> for $Name {
            fn from(n: u64) -> Self {
                Self(n)
            }
        }
        impl From<$Name> for u64 {
            fn from(n: $Name) -> u64 {
                n.0
            }
        }
        impl fmt::Display for $Name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.value().fmt(f)
            }
        }
    )* };
}

quantities! {
    /// A transaction group: the pool's clock.
    Txg = Value::Number;
    /// A random 64-bit identity.
    Guid = Value::Number;
    /// The number of an object in its object set; 0 is none.
    ObjectId = Value::Number;
    /// A number of bytes.
    Bytes = Value::Hex;
    /// A place, in bytes, on a device, a vdev or in a file.
    Offset = Value::Hex;
    /// A constant that says what the bytes are.
    Magic = Value::Hex;
    /// A hash, or a random number.
    Hash = Value::Hex;
    /// A length or position in 512-byte sectors; shown in bytes.
    Sectors = |n| Value::Hex(n.wrapping_mul(Sectors::SIZE));
    /// Seconds since 1970, before it negative.
    Timestamp = |n| Value::Quantity(n.cast_signed(), utc);
    /// Nanoseconds.
    Nanoseconds = |n| Value::Quantity(n.cast_signed(), duration);
    /// File type and permissions, as `stat` shows them.
    Mode = |n| Value::Quantity(n.cast_signed(), permissions);
}

impl Sectors {
    /// Bytes in a sector, whatever the device's are.
    pub const SIZE: u64 = 512;
    /// The same in bytes; wraps where the sum passes 2^64.
    #[inline(always)]
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0.wrapping_mul(Self::SIZE)
    }
}

/// `2026-11-22T13:01:41Z`, in the proleptic Gregorian calendar.
#[must_use]
pub fn utc(seconds: i64) -> String {
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Year, month and day, `days` after 1970-01-01.
// Counted in years that begin in March, so that the leap day comes last; eras of 400 years repeat.
#[allow(clippy::arithmetic_side_effects)] // |days| < 2^63 / 86400: no sum comes near the limits
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let (era, of_era) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

fn duration(ns: i64) -> String {
    match ns {
        0..1_000_000 => String::new(),
        1_000_000..10_000_000_000 => format!("{} ms", ns / 1_000_000),
        _ => format!("{} s", ns / 1_000_000_000),
    }
}

fn permissions(mode: i64) -> String {
    let kind = match mode >> 12 {
        0x1 => "fifo ",
        0x2 => "character device ",
        0x4 => "directory ",
        0x6 => "block device ",
        0x8 => "file ",
        0xa => "symbolic link ",
        0xc => "socket ",
        _ => "",
    };
    format!("{kind}{:04o}", mode & 0o7777)
}

/// 256 bits of checksum: four words, as zdb prints them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Cksum(pub [u64; 4]);

impl fmt::Display for Cksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        write!(f, "{a:016x}:{b:016x}:{c:016x}:{d:016x}")
    }
}
impl Describe for Cksum {
    const SIZE: Option<usize> = Some(32);
    fn value(&self) -> Value {
        Value::says(self)
    }
}
impl Fixed for Cksum {
    #[inline(always)]
    fn read(bytes: &[u8], swapped: bool) -> Self {
        Cksum(<[u64; 4]>::read(bytes, swapped))
    }
}
impl<'a> Parse<'a> for Cksum {
    #[inline(always)]
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        // one field, not four: its words mean nothing alone
        let (rest, words) = <[u64; 4]>::parse(i.unwatched())?;
        Ok((rest.watched_as(i), Cksum(words)))
    }
}

/// `N` bytes that the format leaves zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pad<const N: usize>(pub bool);

impl<const N: usize> Describe for Pad<N> {
    const SIZE: Option<usize> = Some(N);
    fn value(&self) -> Value {
        Value::Bytes
    }
    fn judge(&self) -> Option<Problem> {
        self.0.then(|| Problem::corrupt("padding is not zero"))
    }
}
impl<'a, const N: usize> Parse<'a> for Pad<N> {
    #[inline(always)]
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        let (i, bytes) = bytes(N)(i)?;
        Ok((i, Pad(bytes.iter().any(|b| *b != 0))))
    }
}

/// Bytes up to the end that the format leaves zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zeros<'a>(pub &'a [u8]);

impl Describe for Zeros<'_> {
    fn value(&self) -> Value {
        Value::Bytes
    }
    fn judge(&self) -> Option<Problem> {
        self.0.iter().any(|b| *b != 0).then(|| Problem::corrupt("padding is not zero"))
    }
}

/// A word that the format leaves zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Zero(pub u64);

impl Describe for Zero {
    const SIZE: Option<usize> = Some(8);
    fn value(&self) -> Value {
        Value::Hex(self.0)
    }
    fn judge(&self) -> Option<Problem> {
        (self.0 != 0).then(|| Problem::corrupt("padding is not zero"))
    }
}
impl Fixed for Zero {
    #[inline(always)]
    fn read(bytes: &[u8], swapped: bool) -> Self {
        Zero(u64::read(bytes, swapped))
    }
}
impl<'a> Parse<'a> for Zero {
    #[inline(always)]
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        let (i, word) = u64::parse(i)?;
        Ok((i, Zero(word)))
    }
}

/// `N` words that are one thing: payload, a key, a MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words<const N: usize>(pub [u64; N]);

impl<const N: usize> Describe for Words<N> {
    const SIZE: Option<usize> = N.checked_mul(8);
    fn value(&self) -> Value {
        Value::Bytes
    }
}
impl<const N: usize> Fixed for Words<N> {
    #[inline(always)]
    fn read(bytes: &[u8], swapped: bool) -> Self {
        Words(<[u64; N]>::read(bytes, swapped))
    }
}
impl<'a, const N: usize> Parse<'a> for Words<N> {
    #[inline(always)]
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        let (rest, words) = <[u64; N]>::parse(i.unwatched())?;
        Ok((rest.watched_as(i), Words(words)))
    }
}

/// Bits that the format leaves zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reserved(pub u64);

impl Describe for Reserved {
    fn value(&self) -> Value {
        Value::Bytes
    }
    fn judge(&self) -> Option<Problem> {
        (self.0 != 0).then(|| Problem::corrupt(format!("reserved bits are not zero: {:#x}", self.0)))
    }
}
impl FromBits for Reserved {
    fn from_bits(bits: u64) -> Self {
        Reserved(bits)
    }
}

/// Flags that have no meaning yet: readers ignore them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unassigned(pub u64);

impl Describe for Unassigned {
    fn value(&self) -> Value {
        Value::Bytes
    }
    fn judge(&self) -> Option<Problem> {
        (self.0 != 0).then(|| Problem::unsupported(format!("unknown flags: {:#x}", self.0)))
    }
}
impl FromBits for Unassigned {
    fn from_bits(bits: u64) -> Self {
        Unassigned(bits)
    }
}

/// A constant of 32 bits that says what the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Magic32(pub u32);

impl Describe for Magic32 {
    const SIZE: Option<usize> = Some(4);
    fn value(&self) -> Value {
        Value::Hex(u64::from(self.0))
    }
}
impl<'a> Parse<'a> for Magic32 {
    #[inline(always)]
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        u32::parse(i).map(|(i, n)| (i, Magic32(n)))
    }
}
impl From<Magic32> for u64 {
    fn from(magic: Magic32) -> u64 {
        u64::from(magic.0)
    }
}

/// Unsigned integers of `WIDTH` bytes, up to the end of what is read: one thing in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers<'a, const WIDTH: usize> {
    /// The integers as they are on disk.
    pub bytes: &'a [u8],
    /// Their byte order.
    pub order: Order,
}

impl<const WIDTH: usize> Describe for Numbers<'_, WIDTH> {
    fn value(&self) -> Value {
        Value::Integers(u8::try_from(WIDTH).unwrap_or_default(), self.order)
    }
}
impl<'a, const WIDTH: usize> Parse<'a> for Numbers<'a, WIDTH> {
    fn parse(i: Input<'a>) -> Parsed<'a, Self> {
        let (order, len) = (i.order(), i.bytes().len());
        let odd = len.checked_rem(WIDTH).unwrap_or_default();
        bytes(len.saturating_sub(odd))(i).map(|(i, bytes)| (i, Numbers { bytes, order }))
    }
}
impl<'a, const WIDTH: usize> Numbers<'a, WIDTH> {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len().checked_div(WIDTH).unwrap_or_default()
    }
    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Number `n`.
    #[must_use]
    pub fn get(&self, n: usize) -> Option<u64> {
        let at = n.checked_mul(WIDTH)?;
        self.bytes.get(at..at.checked_add(WIDTH)?).map(|one| integer(one, self.order))
    }
    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = u64> + use<'a, WIDTH> {
        let order = self.order;
        self.bytes.as_chunks::<WIDTH>().0.iter().map(move |one| integer(one, order))
    }
}

/// The number that up to eight bytes are.
#[must_use]
pub fn integer(bytes: &[u8], order: Order) -> u64 {
    let add = |n: u64, b: &u8| n << 8 | u64::from(*b);
    match order {
        Order::Big => bytes.iter().fold(0, add),
        Order::Little => bytes.iter().rev().fold(0, add),
    }
}
