//! The words of the grammar: `record!`, `bits!`, `symbols!`, and `one_of!` for bytes with several
//! readings.

/// A sequence of named fields.
///
/// `name: Type` reads the type's own parser, `name: Type = parser` any nom parser, for which the
/// earlier fields are in scope. Offsets are checked. Behind the fields may stand `read fixed`, for a record
/// of nothing but numbers that is to be read fast, and then, in this order,
/// functions of `&Self`: `says` (its summary) or `value` (its [`Value`](crate::tree::Value)),
/// `title` (its name in a list), `remark` (what it means) and `judge` (what is wrong with it).
#[macro_export]
macro_rules! record {
    (@ $Name:ident { $($field:ident: $ty:ty),* }) => {};
    (@fixed $Name:ident { $($field:ident: $ty:ty),* }) => {
        impl $crate::input::Fixed for $Name {
            #[inline(always)]
            fn read(bytes: &[u8], swapped: bool) -> Self {
                $( let (bytes, $field) = $crate::input::take_fixed(bytes, swapped); )*
                let _ = bytes;
                Self { $($field),* }
            }
        }
    };
    (@at) => { None };
    (@at $at:literal) => { Some($at) };
    (@read $i:ident, $ty:ty) => { <$ty as $crate::input::Parse>::parse($i) };
    (@read $i:ident, $ty:ty, $parser:expr) => { nom::Parser::parse_complete(&mut $parser, $i) };
    (@parser $ty:ty) => { <$ty as $crate::input::Parse>::parse };
    (@parser $ty:ty, $parser:expr) => { $parser };
    ($(#[doc = $about:literal])* $vis:vis struct $Name:ident <$lt:lifetime> $($rest:tt)*) => {
        $crate::record! { @all [$lt] [<$lt>] [$($about)*] $vis struct $Name $($rest)* }
    };
    ($(#[doc = $about:literal])* $vis:vis struct $Name:ident $($rest:tt)*) => {
        $crate::record! { @all ['a] [] [$($about)*] $vis struct $Name $($rest)* }
    };
    (
        @all [$lt:lifetime] [$($generics:tt)*] [$($about:literal)*]
        $vis:vis struct $Name:ident $(: $($derive:ident)+)? {
            $( $(#[doc = $doc:literal])* $($at:literal)? $field:ident : $ty:ty $(= $parser:expr)? ),* $(,)?
        }
        $(read $fixed:ident;)?
        $(says $says:path;)?
        $(value $value:path;)?
        $(title $title:path;)?
        $(remark $remark:path;)?
        $(judge $judge:path;)?
    ) => {
        $(#[doc = $about])*
        ///
        /// | offset | name | type | meaning |
        /// |---|---|---|---|
        $(
            #[doc = concat!("| ", $(stringify!($at),)? " | `", stringify!($field), "` | `", stringify!($ty), "` |", $($doc,)* " |")]
        )*
        #[derive(Clone, Debug, PartialEq $($(, $derive)+)?)]
        $vis struct $Name $($generics)* {
            $(
                #[doc = concat!("`", stringify!($field), "`:")]
                $(#[doc = $doc])*
                pub $field: $ty
            ),*
        }

        impl $($generics)* $Name $($generics)* {
            const FIELDS: &'static [$crate::spec::FieldSpec] = &[ $(
                $crate::spec::FieldSpec {
                    name: $crate::spec::plain(stringify!($field)),
                    about: concat!("" $(, $doc)*),
                    kind: stringify!($ty),
                    at: $crate::record!(@at $($at)?),
                    size: <$ty as $crate::spec::Describe>::SIZE,
                    parts: <$ty as $crate::spec::Describe>::parts,
                }
            ),* ];
            const SPEC: &'static $crate::spec::Spec = &$crate::spec::Spec {
                name: stringify!($Name),
                about: concat!("" $(, $about, "\n")*),
                fields: Self::FIELDS,
                size: $crate::spec::total(Self::FIELDS),
            };
        }

        impl $($generics)* $crate::spec::Describe for $Name $($generics)* {
            const SIZE: Option<usize> = $crate::spec::total(Self::FIELDS);
            fn parts() -> $crate::spec::Parts {
                $crate::spec::Parts::Record(Self::SPEC)
            }
            $( fn value(&self) -> $crate::tree::Value {
                $crate::tree::Value::says($says(self))
            } )?
            $( fn value(&self) -> $crate::tree::Value {
                $value(self)
            } )?
            $( fn title(&self) -> Option<alloc::boxed::Box<str>> {
                $title(self)
            } )?
            $( fn remark(&self) -> Option<&'static &'static str> {
                $remark(self)
            } )?
            $( fn judge(&self) -> Option<$crate::tree::Problem> {
                $judge(self)
            } )?
        }

        $crate::record!(@$($fixed)? $Name { $($field: $ty),* });

        impl<$lt> $crate::input::Parse<$lt> for $Name $($generics)* {
            #[inline(always)]
            fn parse(i: $crate::input::Input<$lt>) -> $crate::input::Parsed<$lt, Self> {
                const { assert!($crate::spec::offsets_hold(Self::FIELDS), "a declared offset is wrong") };
                let Some(trace) = i.watch() else {
                    $(
                        // where all bytes are there, nothing can go wrong
                        if let Some(ok) = $crate::input::$fixed(i) {
                            return Ok(ok);
                        }
                    )?
                    $(
                        let (i, $field) = $crate::record!(@read i, $ty $(, $parser)?)
                            .map_err(|e| e.map(|e: $crate::input::Error| e.within(const { $crate::spec::plain(stringify!($field)) })))?;
                    )*
                    return Ok((i, Self { $($field),* }));
                };
                let start = i.at();
                let mut fields = Self::FIELDS.iter();
                $(
                    let Some(spec) = fields.next() else {
                        return $crate::input::fail(i, $crate::input::Why::Invalid("no such field"));
                    };
                    debug_assert!(
                        i.bytes().is_empty() || spec.at.is_none_or(|at| i.at().wrapping_sub(start) == at),
                        concat!("offset of ", stringify!($Name), ".", stringify!($field))
                    );
                    let (i, $field) = trace.field(i, spec, $crate::record!(@parser $ty $(, $parser)?))?;
                )*
                let _ = (start, fields);
                Ok((i, Self { $($field),* }))
            }
        }
    };
}

/// A machine word cut into bit ranges, lowest bit first, without a gap.
#[macro_export]
macro_rules! bits {
    (
        $(#[doc = $about:literal])*
        $vis:vis struct $Name:ident($word:ident) {
            $( $(#[doc = $doc:literal])* $lo:literal .. $hi:literal $field:ident : $ty:ty $(= $map:expr)? ),* $(,)?
        }
    ) => {
        $(#[doc = $about])*
        ///
        /// | bits, end excluded | name | type | meaning |
        /// |---|---|---|---|
        $(
            #[doc = concat!("| ", stringify!($lo), "..", stringify!($hi), " | `", stringify!($field), "` | `", stringify!($ty), "` |", $($doc,)* " |")]
        )*
        #[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
        $vis struct $Name(pub $word);

        impl $Name {
            const RANGES: &'static [$crate::spec::BitSpec] = &[ $(
                $crate::spec::BitSpec {
                    name: $crate::spec::plain(stringify!($field)),
                    about: concat!("" $(, $doc)*),
                    kind: stringify!($ty),
                    lo: $lo,
                    hi: $hi,
                    value: |word| {
                        let part: $ty = $crate::bits!(@part $crate::spec::cut(word, $lo, $hi), $ty $(, $map)?);
                        $crate::spec::Describe::value(&part)
                    },
                    judge: |word| {
                        let part: $ty = $crate::bits!(@part $crate::spec::cut(word, $lo, $hi), $ty $(, $map)?);
                        $crate::spec::Describe::judge(&part)
                    },
                    parts: <$ty as $crate::spec::Describe>::parts,
                }
            ),* ];
            $(
                #[doc = concat!("Bits ", stringify!($lo), " to ", stringify!($hi), " (exclusive).")]
                $(#[doc = $doc])*
                #[inline(always)]
                #[must_use]
                pub fn $field(self) -> $ty {
                    $crate::bits!(@part $crate::spec::cut(u64::from(self.0), $lo, $hi), $ty $(, $map)?)
                }
            )*
        }

        impl $crate::spec::Describe for $Name {
            const SIZE: Option<usize> = Some(size_of::<$word>());
            fn parts() -> $crate::spec::Parts {
                const { assert!($crate::spec::gapless(&[$(($lo, $hi)),*], $word::BITS), "bits left out") };
                $crate::spec::Parts::Bits(stringify!($Name), concat!("" $(, $about, "\n")*), Self::RANGES)
            }
            fn value(&self) -> $crate::tree::Value {
                $crate::tree::Value::Bits(u64::from(self.0), Self::RANGES)
            }
        }

        impl $crate::spec::FromBits for $Name {
            #[inline(always)]
            fn from_bits(bits: u64) -> Self {
                Self(<$word as $crate::spec::FromBits>::from_bits(bits))
            }
        }

        impl $crate::input::Fixed for $Name {
            #[inline(always)]
            fn read(bytes: &[u8], swapped: bool) -> Self {
                Self(<$word as $crate::input::Fixed>::read(bytes, swapped))
            }
        }

        impl<'a> $crate::input::Parse<'a> for $Name {
            #[inline(always)]
            fn parse(i: $crate::input::Input<'a>) -> $crate::input::Parsed<'a, Self> {
                let (i, word) = <$word as $crate::input::Parse>::parse(i)?;
                Ok((i, Self(word)))
            }
        }

        impl core::fmt::Debug for $Name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.debug_struct(stringify!($Name)) $( .field(stringify!($field), &self.$field()) )* .finish()
            }
        }
    };
    (@part $raw:expr, $ty:ty) => { <$ty as $crate::spec::FromBits>::from_bits($raw) };
    (@part $raw:expr, $ty:ty, $map:expr) => { $map($raw) };
}

/// An open enumeration: known values have names, unknown ones survive and are reported.
#[macro_export]
macro_rules! symbols {
    (
        $(#[doc = $about:literal])*
        $vis:vis struct $Name:ident($word:ident) {
            $( $(#[doc = $doc:literal])* $CONST:ident = $value:literal $text:literal ),* $(,)?
        }
    ) => {
        $(#[doc = $about])*
        ///
        /// | value | name | meaning |
        /// |---|---|---|
        $(
            #[doc = concat!("| ", stringify!($value), " | ", $text, " |", $($doc,)* " |")]
        )*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
        $vis struct $Name(pub $word);

        impl $Name {
            $(
                #[doc = concat!("`", $text, "`")]
                $(#[doc = $doc])*
                pub const $CONST: Self = Self($value);
            )*
            const NAMES: &'static [$crate::spec::SymbolSpec] = &[ $(
                $crate::spec::SymbolSpec { value: $value, name: $text, about: concat!("" $(, $doc)*) }
            ),* ];
            /// Its name, if the format knows it.
            #[must_use]
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $( Self::$CONST => Some($text), )*
                    _ => None,
                }
            }
        }

        impl core::fmt::Display for $Name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => write!(f, "unknown {}", self.0),
                }
            }
        }
        impl core::fmt::Debug for $Name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{self} ({})", self.0)
            }
        }

        impl $crate::spec::Describe for $Name {
            const SIZE: Option<usize> = Some(size_of::<$word>());
            fn parts() -> $crate::spec::Parts {
                $crate::spec::Parts::Symbols(stringify!($Name), concat!("" $(, $about, "\n")*), Self::NAMES)
            }
            fn value(&self) -> $crate::tree::Value {
                $crate::tree::Value::Symbol(u64::from(self.0), self.name())
            }
            fn judge(&self) -> Option<$crate::tree::Problem> {
                self.name().is_none().then(|| {
                    $crate::tree::Problem::unsupported(alloc::format!("unknown {} {}", stringify!($Name), self.0))
                })
            }
        }

        impl $crate::spec::FromBits for $Name {
            #[inline(always)]
            fn from_bits(bits: u64) -> Self {
                Self(<$word as $crate::spec::FromBits>::from_bits(bits))
            }
        }
        impl From<$Name> for u64 {
            fn from(symbol: $Name) -> u64 {
                u64::from(symbol.0)
            }
        }

        impl $crate::input::Fixed for $Name {
            #[inline(always)]
            fn read(bytes: &[u8], swapped: bool) -> Self {
                Self(<$word as $crate::input::Fixed>::read(bytes, swapped))
            }
        }

        impl<'a> $crate::input::Parse<'a> for $Name {
            #[inline(always)]
            fn parse(i: $crate::input::Input<'a>) -> $crate::input::Parsed<'a, Self> {
                let (i, word) = <$word as $crate::input::Parse>::parse(i)?;
                Ok((i, Self(word)))
            }
        }
    };
}

/// One of several readings of the same bytes. How to choose is written by hand, as its
/// [`Parse`](crate::input::Parse): a `match` on what was read before.
#[macro_export]
macro_rules! one_of {
    (
        $(#[doc = $about:literal])*
        $vis:vis enum $Name:ident $(<$lt:lifetime>)? $(: $($derive:ident)+)? {
            $( $(#[doc = $doc:literal])* $Variant:ident($ty:ty) ),* $(,)?
        }
        $(size $size:expr;)?
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq $($(, $derive)+)?)]
        #[allow(clippy::large_enum_variant)] // read once, from bytes of one size
        $vis enum $Name $(<$lt>)? {
            $( $(#[doc = $doc])* $Variant($ty) ),*
        }

        impl $(<$lt>)? $crate::spec::Describe for $Name $(<$lt>)? {
            $( const SIZE: Option<usize> = Some($size); )?
            fn parts() -> $crate::spec::Parts {
                $crate::spec::Parts::OneOf(stringify!($Name), concat!("" $(, $about, "\n")*), const { &[ $(
                    $crate::spec::ChoiceSpec {
                        name: stringify!($Variant),
                        about: concat!("" $(, $doc)*),
                        parts: <$ty as $crate::spec::Describe>::parts,
                    }
                ),* ] })
            }
            fn value(&self) -> $crate::tree::Value {
                match self { $( Self::$Variant(it) => $crate::spec::Describe::value(it) ),* }
            }
            fn judge(&self) -> Option<$crate::tree::Problem> {
                match self { $( Self::$Variant(it) => $crate::spec::Describe::judge(it) ),* }
            }
            fn title(&self) -> Option<alloc::boxed::Box<str>> {
                match self { $( Self::$Variant(it) => $crate::spec::Describe::title(it) ),* }
            }
            fn remark(&self) -> Option<&'static &'static str> {
                match self { $( Self::$Variant(it) => $crate::spec::Describe::remark(it) ),* }
            }
        }
    };
}
