//! Slips: a key that is right, but not as it was given. Found by trying; what is told of it is never the key.

use std::fmt;

use zeroize::Zeroizing;
use zfsp_grammar::dsl::crypto_key::KeyFormat;

/// What is wrong with a key that would fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    /// A raw key with a line end behind it, of so many bytes.
    LineEnd(usize),
    /// Blanks, line ends or `0x` around it.
    Blanks,
    /// The bytes EF BB BF before it, as some editors write them.
    ByteOrderMark,
    /// The wanted 32 bytes, written as digits.
    Digits,
    /// The 32 bytes that the wanted digits stand for.
    Bytes,
    /// It was said to have another format than this one, which the pool wants.
    Format(KeyFormat),
}

impl fmt::Display for Slip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LineEnd(1) => f.write_str("but the key fits without its last byte, a line end"),
            Self::LineEnd(count) => write!(f, "but the key fits without its last {count} bytes, a line end"),
            Self::Blanks => f.write_str("but the key fits without what is around it: blanks, line ends or 0x"),
            Self::ByteOrderMark => f.write_str("but the key fits without the byte order mark before it"),
            Self::Digits => f.write_str(
                "but the key fits as 64 hex digits: the pool wants it raw, as the 32 bytes that they stand for",
            ),
            Self::Bytes => f.write_str("but the key fits as 32 raw bytes: the pool wants it as 64 hex digits"),
            Self::Format(format) => write!(f, "but the key fits as what the pool wants: {format}"),
        }
    }
}

/// What a key may have been meant to be.
pub(super) struct Variant {
    pub(super) slip: Slip,
    pub(super) format: KeyFormat,
    pub(super) secret: Zeroizing<Vec<u8>>,
}

/// What `secret`, which was `given` in that format if one was said, may have been meant to be where another is `wanted`;
/// the likely ones first.
pub(super) fn variants(secret: &[u8], given: Option<KeyFormat>, wanted: KeyFormat) -> Vec<Variant> {
    let mut all = Vec::new();
    let mut add = |slip, format, meant: &[u8]| {
        // a line end behind digits and passphrases did not count
        let is_tried =
            meant == secret || (format != KeyFormat::RAW && secret.strip_suffix(b"\n") == Some(meant));
        if !(is_tried && format == given.unwrap_or(wanted)) {
            all.push(Variant { slip, format, secret: Zeroizing::new(meant.to_vec()) });
        }
    };
    let without_line_end = secret.strip_suffix(b"\r\n").or_else(|| secret.strip_suffix(b"\n"));
    if given.is_some() {
        add(Slip::Format(wanted), wanted, secret);
    }
    let unmarked = secret.strip_prefix(b"\xef\xbb\xbf");
    if let Some(unmarked) = unmarked {
        add(Slip::ByteOrderMark, wanted, unmarked);
    }
    let bare = unmarked.unwrap_or(secret).trim_ascii();
    let digits = bare.strip_prefix(b"0x").unwrap_or(bare);
    match wanted {
        KeyFormat::RAW => {
            if let Some(key) = without_line_end {
                let count = secret.len().saturating_sub(key.len());
                add(Slip::LineEnd(count), KeyFormat::RAW, key);
            }
            add(Slip::Digits, KeyFormat::HEX, digits);
        }
        KeyFormat::HEX => {
            add(Slip::Blanks, KeyFormat::HEX, digits);
            add(Slip::Bytes, KeyFormat::RAW, secret);
            if let Some(key) = without_line_end {
                add(Slip::Bytes, KeyFormat::RAW, key);
            }
        }
        _ => {
            add(Slip::Blanks, wanted, secret.trim_ascii_end());
            add(Slip::Blanks, wanted, bare);
        }
    }
    all
}
