//! Slips: a key that is right, but not as it was given. Found by trying; what is told of it is never the key.

use std::fmt;

use zeroize::Zeroizing;
use zfsp_grammar::dsl::crypto_key::KeyFormat;

/// What is wrong with a key that would fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slip {
    /// A raw key with a line end behind it, of so many bytes.
    LineEnd(usize),
    /// Blanks or line ends around it.
    Blanks,
    /// `0x` before the digits.
    Prefix,
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
            Self::Blanks => f.write_str("but the key fits without the blanks and line ends around it"),
            Self::Prefix => f.write_str("but the key fits without the 0x before it"),
            Self::ByteOrderMark => f.write_str(
                "but the key fits without the byte order mark before it, and blanks and line ends around it",
            ),
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
    let bare = unmarked.unwrap_or(secret).trim_ascii();
    let around = if unmarked.is_some() { Slip::ByteOrderMark } else { Slip::Blanks };
    let (digits, about_digits) = match bare.strip_prefix(b"0x") {
        Some(digits) => (digits, Slip::Prefix),
        None => (bare, around),
    };
    match wanted {
        KeyFormat::RAW => {
            if let Some(key) = without_line_end {
                let count = secret.len().saturating_sub(key.len());
                add(Slip::LineEnd(count), KeyFormat::RAW, key);
            }
            add(Slip::Digits, KeyFormat::HEX, digits);
        }
        KeyFormat::HEX => {
            add(about_digits, KeyFormat::HEX, digits);
            add(Slip::Bytes, KeyFormat::RAW, secret);
            if let Some(key) = without_line_end {
                add(Slip::Bytes, KeyFormat::RAW, key);
            }
        }
        _ => {
            add(around, wanted, unmarked.unwrap_or(secret).trim_ascii_end());
            add(around, wanted, bare);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Slips and what is tried for them.
    fn tried(secret: &[u8], given: Option<KeyFormat>, wanted: KeyFormat) -> Vec<(Slip, KeyFormat, Vec<u8>)> {
        let all = variants(secret, given, wanted).into_iter();
        all.map(|Variant { slip, format, secret }| (slip, format, secret.to_vec())).collect()
    }

    #[test]
    fn what_was_tried_already_is_no_variant() {
        assert_eq!(tried(b"some words\n", None, KeyFormat::PASSPHRASE), []);
        assert_eq!(tried(&[b'a'; 64], None, KeyFormat::HEX).len(), 1);
        assert_eq!(tried(b"words", Some(KeyFormat::PASSPHRASE), KeyFormat::PASSPHRASE), []);
    }
    #[test]
    fn what_a_key_may_have_been_meant_to_be() {
        let (raw, hex, words) = (KeyFormat::RAW, KeyFormat::HEX, KeyFormat::PASSPHRASE);
        let first = |secret, given, wanted| tried(secret, given, wanted).remove(0);
        assert_eq!(first(b"key\r\n", None, raw), (Slip::LineEnd(2), raw, b"key".to_vec()));
        assert_eq!(first(b"0xab\n", None, raw), (Slip::LineEnd(1), raw, b"0xab".to_vec()));
        assert_eq!(first(b"0xab\n", None, hex), (Slip::Prefix, hex, b"ab".to_vec()));
        assert_eq!(first(b" ab \n", None, hex), (Slip::Blanks, hex, b"ab".to_vec()));
        assert_eq!(first(b"a b\r\n", None, words), (Slip::Blanks, words, b"a b".to_vec()));
        assert_eq!(first(b"\xef\xbb\xbfa b\r\n", None, words), (Slip::ByteOrderMark, words, b"a b".to_vec()));
        assert_eq!(first(b"a b", Some(hex), words), (Slip::Format(words), words, b"a b".to_vec()));
    }
}
