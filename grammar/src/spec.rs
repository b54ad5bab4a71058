//! What a structure says of itself: the table of its fields, from the same declaration that reads
//! it.
//!
//! ```
//! use zfsp_grammar::{blkptr::Dva, spec::{Describe, Parts}};
//!
//! let Parts::Record(spec) = Dva::parts() else { panic!("a record") };
//! assert_eq!(spec.size, Some(16));
//! assert_eq!(spec.place(1), Some(8));
//! ```

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::input::Text;
use crate::tree::{Problem, Value};

/// A thing that can stand in the field tree and in a table of the specification.
pub trait Describe {
    /// Bytes it takes, if always the same.
    const SIZE: Option<usize> = None;

    /// What it consists of.
    #[must_use]
    fn parts() -> Parts {
        Parts::None
    }
    /// Its value in the tree.
    fn value(&self) -> Value {
        Value::Group
    }
    /// What is wrong with it, though it could be read.
    fn judge(&self) -> Option<Problem> {
        None
    }
    /// A better name than its number in a list. Its parts then say nothing new.
    fn title(&self) -> Option<Box<str>> {
        None
    }
    /// What it means, where its declaration cannot know.
    fn remark(&self) -> Option<&'static &'static str> {
        None
    }
}

/// What a thing of the format consists of.
#[derive(Clone, Copy, Debug)]
pub enum Parts {
    /// Nothing smaller.
    None,
    /// Fields, one after the other.
    Record(&'static Spec),
    /// Ranges of bits in one word, lowest first.
    Bits(&'static str, &'static str, &'static [BitSpec]),
    /// One of several readings; what was read before decides.
    OneOf(&'static str, &'static str, &'static [ChoiceSpec]),
    /// Named values.
    Symbols(&'static str, &'static str, &'static [SymbolSpec]),
}

/// The table of a record.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Its name in the grammar.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Its fields in the order of the bytes.
    pub fields: &'static [FieldSpec],
    /// Bytes it takes, if always the same.
    pub size: Option<usize>,
}

/// One row of the table of a record.
#[derive(Clone, Copy, Debug)]
pub struct FieldSpec {
    /// Its name: that of ZFS, without the structure's prefix.
    pub name: &'static str,
    /// What it means.
    pub about: &'static str,
    /// Its type in the grammar.
    pub kind: &'static str,
    /// Bytes from the start of the record, where that is always the same.
    pub at: Option<usize>,
    /// Bytes it takes, if always the same.
    pub size: Option<usize>,
    /// What it consists of.
    pub parts: fn() -> Parts,
}

/// One row of the table of a word of bits.
#[derive(Clone, Copy, Debug)]
pub struct BitSpec {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub about: &'static str,
    /// Its type in the grammar.
    pub kind: &'static str,
    /// Lowest bit.
    pub lo: u32,
    /// Bit above the highest.
    pub hi: u32,
    /// Its value, cut from the word.
    pub value: fn(u64) -> Value,
    /// What is wrong with it in the word.
    pub judge: fn(u64) -> Option<Problem>,
    /// What it consists of.
    pub parts: fn() -> Parts,
}

/// One of several readings.
#[derive(Clone, Copy, Debug)]
pub struct ChoiceSpec {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// What it consists of.
    pub parts: fn() -> Parts,
}

/// One named value.
#[derive(Clone, Copy, Debug)]
pub struct SymbolSpec {
    /// The number on disk.
    pub value: u64,
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub about: &'static str,
}

impl Spec {
    /// Where the field `n` starts: as declared, or counted from the sizes before it.
    #[must_use]
    pub fn place(&self, n: usize) -> Option<usize> {
        let mut at = Some(0usize);
        for (k, field) in self.fields.iter().enumerate() {
            at = field.at.or(at);
            if k == n {
                return at;
            }
            at = at.zip(field.size).and_then(|(at, size)| at.checked_add(size));
        }
        None
    }
    /// Bytes that the field `n` takes, by its type or by where the next one starts.
    #[must_use]
    pub fn size_of(&self, n: usize) -> Option<usize> {
        let field = self.fields.get(n)?;
        field.size.or_else(|| {
            let next = self.fields.get(n.checked_add(1)?)?;
            next.at?.checked_sub(self.place(n)?)
        })
    }
}

/// A name as ZFS has it: Rust writes `r#type` for `type`.
#[must_use]
pub const fn plain(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}

/// True if every offset that `fields` declare is where the sizes before it lead.
#[must_use]
pub const fn offsets_hold(fields: &[FieldSpec]) -> bool {
    let mut at = Some(0usize);
    let mut rest = fields;
    while let [field, tail @ ..] = rest {
        if let (Some(declared), Some(counted)) = (field.at, at)
            && declared != counted
        {
            return false;
        }
        at = match (field.at, at) {
            (Some(declared), _) => Some(declared),
            (None, counted) => counted,
        };
        at = match (at, field.size) {
            (Some(at), Some(size)) => at.checked_add(size),
            _ => None,
        };
        rest = tail;
    }
    true
}

/// Bytes of all `fields`, if each has a size.
#[must_use]
pub const fn total(fields: &[FieldSpec]) -> Option<usize> {
    let mut sum = 0usize;
    let mut rest = fields;
    while let [field, tail @ ..] = rest {
        match field.size {
            Some(size) => match sum.checked_add(size) {
                Some(more) => sum = more,
                None => return None,
            },
            None => return None,
        }
        rest = tail;
    }
    Some(sum)
}

/// True if `ranges` cover the bits 0 to `bits` without gap or overlap.
#[must_use]
pub const fn gapless(ranges: &[(u32, u32)], bits: u32) -> bool {
    let mut next = 0;
    let mut rest = ranges;
    while let [(lo, hi), tail @ ..] = rest {
        if *lo != next || *hi <= *lo {
            return false;
        }
        next = *hi;
        rest = tail;
    }
    next == bits
}

/// A value that can be cut out of a word.
pub trait FromBits {
    /// From the bits, moved down to bit 0.
    fn from_bits(bits: u64) -> Self;
}

/// The bits `lo` to `hi` (exclusive) of `word`, moved down to bit 0.
#[inline(always)]
#[must_use]
pub const fn cut(word: u64, lo: u32, hi: u32) -> u64 {
    word.unbounded_shr(lo) & u64::MAX.unbounded_shr(64u32.saturating_sub(hi.saturating_sub(lo)))
}

impl FromBits for bool {
    #[inline(always)]
    fn from_bits(bits: u64) -> bool {
        bits != 0
    }
}

macro_rules! numbers {
    ($($t:ident)*) => { $(
        impl Describe for $t {
            const SIZE: Option<usize> = Some(size_of::<$t>());
            fn value(&self) -> Value {
                Value::Number(u64::from(*self))
            }
        }
        impl FromBits for $t {
            #[inline(always)]
            fn from_bits(bits: u64) -> $t {
                $t::try_from(bits & u64::from($t::MAX)).unwrap_or($t::MAX)
            }
        }
    )* };
}
numbers! { u8 u16 u32 u64 }

macro_rules! signed {
    ($($t:ident)*) => { $(
        impl Describe for $t {
            const SIZE: Option<usize> = Some(size_of::<$t>());
            fn value(&self) -> Value {
                Value::Signed(i64::from(*self))
            }
        }
    )* };
}
signed! { i8 i16 i32 i64 }

impl Describe for bool {
    fn value(&self) -> Value {
        Value::Flag(*self)
    }
}

impl Describe for () {}

impl Describe for &[u8] {
    fn value(&self) -> Value {
        Value::Bytes
    }
}

impl Describe for Text<'_> {
    fn value(&self) -> Value {
        Value::text(self)
    }
}

impl<T: Describe, const N: usize> Describe for [T; N] {
    const SIZE: Option<usize> = match T::SIZE {
        Some(size) => size.checked_mul(N),
        None => None,
    };
    fn parts() -> Parts {
        T::parts()
    }
}

impl<T: Describe> Describe for Vec<T> {
    fn parts() -> Parts {
        T::parts()
    }
}

impl<T: Describe> Describe for Box<T> {
    const SIZE: Option<usize> = T::SIZE;
    fn parts() -> Parts {
        T::parts()
    }
    fn value(&self) -> Value {
        T::value(self)
    }
    fn judge(&self) -> Option<Problem> {
        T::judge(self)
    }
    fn title(&self) -> Option<Box<str>> {
        T::title(self)
    }
    fn remark(&self) -> Option<&'static &'static str> {
        T::remark(self)
    }
}

impl<T: Describe> Describe for Option<T> {
    fn parts() -> Parts {
        T::parts()
    }
    fn value(&self) -> Value {
        self.as_ref().map_or(Value::Absent, T::value)
    }
    fn judge(&self) -> Option<Problem> {
        self.as_ref().and_then(T::judge)
    }
    fn title(&self) -> Option<Box<str>> {
        self.as_ref().and_then(T::title)
    }
    fn remark(&self) -> Option<&'static &'static str> {
        self.as_ref().and_then(T::remark)
    }
}
