//! Preparing names: case folding and Unicode normalisation before hashing and comparing.
//!
//! A ZAP keeps every name as it was given; only the hash and, if wanted, the comparison use the
//! prepared form. The data are those of Unicode 5.0 whatever the writer: a mapping from or to a
//!
//! ```
//! use zfsp_grammar::zap::names::{NormFlags, prepare};
//!
//! assert_eq!(prepare(b"Snap", NormFlags(2)), b"SNAP");
//! ```
//! later character does not exist, and later marks are no marks. Handbook:
//! [`docs/format/10-zap.md`], 10.6.
//!
//! [`docs/format/10-zap.md`]: crate::handbook::zap

use alloc::vec::Vec;

use unicode_normalization::char::{
    canonical_combining_class, compose, decompose_canonical, decompose_compatible,
};

use crate::quantity::Reserved;
use crate::zap::assigned::ASSIGNED;

bits! {
    /// `normflags`: how names are prepared; 0: not at all.
    ///
    /// Composition or compatibility come on top of decomposition: 0x50 is form C, 0x60 form KC.
    /// Chapter 10, 10.6.
    pub struct NormFlags(u64) {
        0..1   reserved: Reserved,
        /// fold to upper case
        1..2   upper: bool,
        2..4   reserved2: Reserved,
        /// canonical decomposition: form D
        4..5   canonical: bool,
        /// compatibility decomposition: form KD
        5..6   compatible: bool,
        /// then compose: form C or KC
        6..7   composed: bool,
        7..64  reserved3: Reserved,
    }
}

impl NormFlags {
    /// The same without folding: for a comparison that minds case.
    #[must_use]
    pub fn minding_case(self) -> Self {
        NormFlags(self.0 & !2)
    }
    fn decomposes(self) -> bool {
        self.canonical() || self.compatible()
    }
}

/// Characters of a sequence; where one would grow longer it is cut, and a joiner stands in.
const LONGEST_SEQUENCE: usize = 31;
const GRAPHEME_JOINER: char = '\u{34f}';

/// The prepared form of a name: what is hashed and compared. At most a small multiple of `name`.
#[must_use]
pub fn prepare(name: &[u8], flags: NormFlags) -> Vec<u8> {
    if flags.0 == 0 {
        return name.to_vec();
    }
    let mut out = Vec::with_capacity(name.len());
    if name.is_ascii() {
        out.extend_from_slice(name);
        if flags.upper() {
            out.make_ascii_uppercase();
        }
    } else if flags.decomposes() {
        normalise(name, flags, &mut out);
    } else {
        for unit in Units(name) {
            match unit {
                Unit::Char(c) => push(&mut out, if flags.upper() { upper(c) } else { c }),
                Unit::Opaque(bytes) => out.extend_from_slice(bytes),
            }
        }
    }
    out
}

fn push(out: &mut Vec<u8>, c: char) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

/// A character under preparation.
#[derive(Clone, Copy)]
struct Member {
    c: char,
    class: u8,
    /// never composed
    apart: bool,
}

/// Characters that may still be ordered and composed with those to come.
struct Pending<'o> {
    flags: NormFlags,
    members: Vec<Member>,
    /// characters since the last starter
    length: usize,
    out: &'o mut Vec<u8>,
}

fn normalise(name: &[u8], flags: NormFlags, out: &mut Vec<u8>) {
    let mut pending = Pending { flags, members: Vec::new(), length: 0, out };
    for unit in Units(name) {
        match unit {
            Unit::Char(c) => pending.take(c),
            Unit::Opaque(bytes) => {
                pending.flush();
                pending.out.extend_from_slice(bytes);
            }
        }
    }
    pending.flush();
}

impl Pending<'_> {
    fn take(&mut self, c: char) {
        let mark = is_mark(c);
        if mark && self.length >= LONGEST_SEQUENCE {
            self.add(GRAPHEME_JOINER, 0, true);
            self.length = 0;
        }
        let folded = match (self.flags.upper(), mark) {
            (true, false) => upper(c),
            // keeps the place of the mark that it was
            (true, true) if c == '\u{345}' => return self.add('\u{399}', class(c), false),
            _ => c,
        };
        let parts = decompose(folded, self.flags.compatible());
        if !mark {
            // what decomposes to marks begins anew, too
            if !self.flags.composed() || parts.first().is_some_and(|part| class(*part) != 0) {
                self.flush();
            }
            self.length = 0;
        }
        let by_compatibility = self.flags.compatible() && parts != decompose(folded, false);
        for part in parts {
            self.add(part, class(part), by_compatibility && is_jamo(part));
        }
    }
    fn add(&mut self, c: char, class: u8, apart: bool) {
        self.length = self.length.saturating_add(1);
        self.members.push(Member { c, class, apart });
    }
    fn flush(&mut self) {
        let mut members = core::mem::take(&mut self.members);
        for run in members.chunk_by_mut(|_, next| next.class != 0) {
            run.sort_by_key(|member| member.class);
        }
        if self.flags.composed() {
            members = composed(members);
        }
        for member in members {
            push(self.out, member.c);
        }
    }
}

/// Composition as the standard has it.
fn composed(members: Vec<Member>) -> Vec<Member> {
    let mut out: Vec<Member> = Vec::with_capacity(members.len());
    let mut starter: Option<usize> = None;
    for member in members {
        let first = starter.and_then(|s| out.get(s)).copied();
        // blocked if something of no lower class stands between
        let blocked = match (starter, out.last()) {
            (Some(s), Some(last)) if s.saturating_add(1) < out.len() => {
                last.class >= member.class || last.class == 0
            }
            _ => false,
        };
        let whole = first.filter(|first| !blocked && !first.apart && !member.apart).and_then(|first| {
            compose(first.c, member.c).filter(|whole| [first.c, member.c, *whole].into_iter().all(existed))
        });
        match (whole, starter.and_then(|s| out.get_mut(s))) {
            (Some(whole), Some(first)) => first.c = whole,
            _ => {
                if member.class == 0 {
                    starter = Some(out.len());
                }
                out.push(member);
            }
        }
    }
    out
}

/// True for a character that continues a sequence.
fn is_mark(c: char) -> bool {
    // this one decomposes to two marks, and begins anew like its relatives of class 0
    class(c) != 0 && c != '\u{344}'
}

fn is_jamo(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11ff}')
}

fn class(c: char) -> u8 {
    if existed(c) { canonical_combining_class(c) } else { 0 }
}

fn decompose(c: char, compatible: bool) -> Vec<char> {
    let mut parts = Vec::new();
    if compatible {
        decompose_compatible(c, |part| parts.push(part));
    } else {
        decompose_canonical(c, |part| parts.push(part));
    }
    if existed(c) && parts.iter().copied().all(existed) { parts } else { alloc::vec![c] }
}

/// The simple upper-case mapping of Unicode 5.0.
#[must_use]
pub fn upper(c: char) -> char {
    let mut mapping = c.to_uppercase();
    let one = match (mapping.next(), mapping.next()) {
        (Some(one), None) => one,
        // Greek letters with iota have a simple mapping, to title case
        _ => match u32::from(c) {
            n @ (0x1f80..=0x1f87 | 0x1f90..=0x1f97 | 0x1fa0..=0x1fa7) => char::from_u32(n | 8).unwrap_or(c),
            n @ (0x1fb3 | 0x1fc3 | 0x1ff3) => char::from_u32(n.saturating_add(9)).unwrap_or(c),
            _ => c,
        },
    };
    if existed(c) && existed(one) { one } else { c }
}

/// True if Unicode 5.0 had the character.
#[must_use]
pub fn existed(c: char) -> bool {
    let n = u32::from(c);
    let after = ASSIGNED.partition_point(|(first, _)| *first <= n);
    after.checked_sub(1).and_then(|k| ASSIGNED.get(k)).is_some_and(|(_, last)| n <= *last)
}

/// What a name consists of.
enum Unit<'a> {
    Char(char),
    /// Bytes that are no character: they pass unchanged.
    Opaque(&'a [u8]),
}

/// Cuts a name by its lead bytes.
struct Units<'a>(&'a [u8]);

impl<'a> Iterator for Units<'a> {
    type Item = Unit<'a>;
    fn next(&mut self) -> Option<Unit<'a>> {
        let len = match self.0.first()? {
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => 1,
        };
        let (unit, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        let mut chars = core::str::from_utf8(unit).unwrap_or_default().chars();
        Some(match (chars.next(), chars.next()) {
            (Some(c), None) => Unit::Char(c),
            _ => Unit::Opaque(unit),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn prepared(name: &str, flags: u64) -> String {
        String::from_utf8(prepare(name.as_bytes(), NormFlags(flags))).unwrap_or_default()
    }

    #[test]
    fn forms() {
        for (name, flags, expected) in [
            ("Caf\u{e9}", 0x10, "Cafe\u{301}"),
            ("cafe\u{301}", 0x50, "caf\u{e9}"),
            ("cafe\u{301}", 0x52, "CAF\u{c9}"),
            ("\u{fb01}\u{212b}", 0x20, "fiA\u{30a}"),
            ("\u{fb01}\u{212b}", 0x60, "fi\u{c5}"),
            ("\u{fb01}\u{212b}", 0x10, "\u{fb01}A\u{30a}"),
            ("stra\u{df}e", 2, "STRA\u{df}E"),
            // marks are ordered: dot below before acute
            ("a\u{301}\u{323}", 0x10, "a\u{323}\u{301}"),
            ("a\u{301}\u{323}", 0x50, "\u{1ea1}\u{301}"),
            // Hangul both ways
            ("\u{d55c}", 0x10, "\u{1112}\u{1161}\u{11ab}"),
            ("\u{1112}\u{1161}\u{11ab}", 0x50, "\u{d55c}"),
            // two starters that compose
            ("\u{9c7}\u{9be}", 0x50, "\u{9cb}"),
        ] {
            assert_eq!(prepared(name, flags), expected, "{name} {flags:#x}");
        }
    }

    #[test]
    fn unicode_5_0_only() {
        // Georgian capitals came with 11.0, U+1F100 with 5.2
        assert_eq!(upper('\u{10d0}'), '\u{10d0}');
        assert_eq!(prepared("\u{1f100}", 0x20), "\u{1f100}");
        assert_eq!(upper('\u{1f80}'), '\u{1f88}');
        assert_eq!(upper('\u{1fb3}'), '\u{1fbc}');
        assert_eq!(upper('\u{df}'), '\u{df}');
        assert!(existed('\u{10ffff}') && existed('\0') && !existed('\u{370}'));
    }

    #[test]
    fn deviations() {
        assert_eq!(prepared("a\u{344}", 0x50), "a\u{308}\u{301}");
        assert_eq!(prepared("\u{ff76}\u{ff9e}", 0x60), "\u{30ab}\u{3099}");
        assert_eq!(prepared("\u{ffa1}\u{1161}", 0x60), "\u{1100}\u{1161}");
        let long = prepared(&["a", &"\u{301}".repeat(40)].concat(), 0x10);
        assert_eq!(long.chars().position(|c| c == GRAPHEME_JOINER), Some(LONGEST_SEQUENCE));
    }

    #[test]
    fn no_characters_pass() {
        for bytes in [&b"\xff\x80a"[..], b"\xe2\x28\xa1b", b"x\xc3", b"\xed\xa0\x80"] {
            assert_eq!(prepare(bytes, NormFlags(0x50)), bytes);
        }
    }
}
