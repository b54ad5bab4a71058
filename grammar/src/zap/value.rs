//! What a ZAP maps to what: keys, values, and the attributes they make.
//!
//! Handbook: [`docs/format/10-zap.md`], 10.4 and 10.9.
//!
//! ```
//! use zfsp_grammar::zap::value::Integers;
//!
//! assert_eq!(Integers::word(34).first(), Some(34));
//! ```
//!
//! [`docs/format/10-zap.md`]: crate::handbook::zap

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{self, Write};

use crate::input::{Order, Text};
use crate::quantity::integer;
use crate::tree;
use crate::zap::chunk::KeyKind;
use crate::zap::hash::Hashing;

/// An attribute of a ZAP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// What it is called.
    pub key: Key,
    /// What it is.
    pub value: Integers,
    /// Hash of the key, only its top bits.
    pub hash: u64,
    /// Tells attributes of the same hash apart.
    pub cd: u32,
}

/// The key of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A name, without its NUL.
    Name(Vec<u8>),
    /// Words.
    Words(Vec<u64>),
}

impl Key {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        match self {
            Key::Name(_) => KeyKind::Name,
            Key::Words(_) => KeyKind::Words,
        }
    }
    /// Its hash in a ZAP that hashes so.
    #[must_use]
    pub fn hash(&self, hashing: &Hashing) -> u64 {
        match self {
            Key::Name(name) => hashing.of_name(name),
            Key::Words(words) => hashing.of_words(words),
        }
    }
    /// Its name; empty if it is words.
    #[must_use]
    pub fn name(&self) -> Text<'_> {
        match self {
            Key::Name(name) => Text(name),
            Key::Words(_) => Text(&[]),
        }
    }
}

impl fmt::Display for Key {
    /// A name escaped, words in hex.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Name(name) => Text(name).fmt(f),
            Key::Words(words) => {
                for (n, word) in words.iter().enumerate() {
                    if n > 0 {
                        f.write_char(':')?;
                    }
                    write!(f, "{word:x}")?;
                }
                Ok(())
            }
        }
    }
}

/// The value of an attribute: unsigned integers, all of one width.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Integers {
    /// Bytes of each: 1, 2, 4 or 8.
    pub width: u8,
    /// The integers, most significant byte first.
    pub bytes: Vec<u8>,
}

impl Integers {
    /// A single word.
    #[must_use]
    pub fn word(n: u64) -> Self {
        Integers { width: 8, bytes: n.to_be_bytes().into() }
    }
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len().checked_div(usize::from(self.width)).unwrap_or_default()
    }
    /// True if there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.bytes.chunks(usize::from(self.width).max(1)).map(|one| integer(one, Order::Big))
    }
    /// The first one: what readers of a single number use.
    #[must_use]
    pub fn first(&self) -> Option<u64> {
        self.iter().next()
    }
    /// Text, if it is bytes that end with their only NUL.
    #[must_use]
    pub fn text(&self) -> Option<Text<'_>> {
        match self.bytes.split_last() {
            Some((0, text)) if self.width == 1 && !text.contains(&0) => Some(Text(text)),
            _ => None,
        }
    }
}

/// Integers that a summary shows; the chunks show all.
const SHOWN: usize = 32;

/// A value in the tree.
pub(crate) fn shown(value: &Integers) -> tree::Value {
    match (value.len(), value.first(), value.text()) {
        (0, ..) => tree::Value::says("nothing"),
        (1, Some(n), _) => tree::Value::Number(n),
        (_, _, Some(text)) => tree::Value::text(&text),
        (n, ..) => tree::Value::says(several(value, n)),
    }
}

fn several(value: &Integers, n: usize) -> String {
    let mut text = String::new();
    for (k, one) in value.iter().take(SHOWN).enumerate() {
        let separator = if k > 0 { " " } else { "" };
        // writing to a string cannot fail
        let _ = match value.width {
            1 => write!(text, "{separator}{one:02x}"),
            _ => write!(text, "{separator}{one}"),
        };
    }
    if n > SHOWN {
        let _ = write!(text, " ... {n} in all");
    }
    text
}
