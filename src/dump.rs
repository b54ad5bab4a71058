//! Dumps as text: what people paste when they ask what some bytes say.
//!
//! Recognised by their form, each strictly, so that raw bytes are never taken for text: `xxd`,
//! `hexdump -C`, the words of `zdb -R`, and bare hex.

use std::borrow::Cow;

/// The bytes of a dump, and the position that it states for the first of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dump<'b> {
    /// The bytes.
    pub bytes: Cow<'b, [u8]>,
    /// Position of the first.
    pub at: usize,
    /// The form that was recognised.
    pub form: Form,
}

/// The forms of a dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The bytes themselves.
    Raw,
    /// `00000000: 0102 0304  ....`
    Xxd,
    /// `00000000  01 02 03 04  |....|`
    Hexdump,
    /// `000000:  0807060504030201  100f0e0d0c0b0a09  ........`: two words a line, as little-endian
    /// hosts read them
    Zdb,
    /// Nothing but hex digits.
    Hex,
}

/// Text is looked at up to this size: a dump takes three to five characters a byte.
const LARGEST_TEXT: usize = 128 << 20;

/// The bytes that `input` means.
#[must_use]
pub fn read(input: &[u8]) -> Dump<'_> {
    let raw = Dump { bytes: Cow::Borrowed(input), at: 0, form: Form::Raw };
    let is_text =
        input.len() <= LARGEST_TEXT && input.iter().all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace());
    if !is_text {
        return raw;
    }
    let Ok(text) = std::str::from_utf8(input) else { return raw };
    let forms: [(Form, Recogniser); 3] = [(Form::Zdb, zdb), (Form::Xxd, xxd), (Form::Hexdump, hexdump)];
    for (form, recognise) in forms {
        if let Some(Lines { at, bytes }) = recognise(text) {
            return Dump { bytes: Cow::Owned(bytes), at, form };
        }
    }
    hex(text).map_or(raw, |bytes| Dump { bytes: Cow::Owned(bytes), at: 0, form: Form::Hex })
}

/// Bare hex: pairs of digits, with or without `0x`, blanks, colons, commas, line ends. `None` for
/// anything else, and for no digits at all.
#[must_use]
pub fn hex(text: &str) -> Option<Vec<u8>> {
    let mut digits = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, ':' | ',')) {
        let word = word.strip_prefix("0x").unwrap_or(word);
        for c in word.chars() {
            digits.push(u8::try_from(c.to_digit(16)?).ok()?);
        }
    }
    (!digits.is_empty()).then_some(())?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// Lines of a dump, put together.
struct Lines {
    at: usize,
    bytes: Vec<u8>,
}

/// Reads text in one form, if that is its form.
type Recogniser = fn(&str) -> Option<Lines>;

/// A line: its position and its bytes.
type Line = Option<(usize, Vec<u8>)>;

/// Puts lines together that follow each other without a gap; a `*` stands for repetitions of the
/// line before it.
fn lines(text: &str, line: impl Fn(&str) -> Line) -> Option<Lines> {
    let mut all: Option<Lines> = None;
    let (mut repeat, mut last): (bool, Vec<u8>) = (false, Vec::new());
    for text in text.lines().map(str::trim_end).filter(|text| !text.trim().is_empty()) {
        if text == "*" {
            repeat = all.is_some();
            continue;
        }
        let (at, bytes) = line(text)?;
        let all = all.get_or_insert(Lines { at, bytes: Vec::new() });
        let next = all.at.checked_add(all.bytes.len())?;
        if repeat && !last.is_empty() {
            let missing = at.checked_sub(next).filter(|n| *n <= LARGEST_TEXT)?;
            all.bytes.extend(last.iter().copied().cycle().take(missing));
        } else if at != next {
            return None;
        }
        repeat = false;
        all.bytes.extend_from_slice(&bytes);
        last = bytes;
    }
    all.filter(|all| !all.bytes.is_empty())
}

fn position(digits: &str) -> Option<usize> {
    (digits.len() >= 4).then(|| usize::from_str_radix(digits, 16).ok()).flatten()
}

/// `00000000: 0102 0304 ...  text`
fn xxd(text: &str) -> Option<Lines> {
    lines(text, |line| {
        let (at, rest) = line.split_once(": ")?;
        let digits = rest.split_once("  ").map_or(rest, |(digits, _)| digits);
        Some((position(at)?, hex(digits)?))
    })
}

/// `00000000  01 02 ... 08  09 ...  |text|`; the last line is a position alone.
fn hexdump(text: &str) -> Option<Lines> {
    let found = lines(text, |line| {
        let (at, rest) = line.split_once("  ").unwrap_or((line, ""));
        let digits = rest.split_once('|').map_or(rest, |(digits, _)| digits);
        let bytes = if digits.trim().is_empty() { Vec::new() } else { hex(digits)? };
        let bare = rest.is_empty() || digits.split_whitespace().all(|pair| pair.len() == 2);
        Some((position(at)?, bare.then_some(bytes)?))
    })?;
    Some(found)
}

/// `000000:  0807060504030201  100f0e0d0c0b0a09  text`, under headings and legends that zdb adds.
fn zdb(text: &str) -> Option<Lines> {
    let rows: Vec<&str> = text.lines().filter(|line| is_zdb_row(line)).collect();
    if rows.is_empty() {
        return None;
    }
    lines(&rows.join("\n"), |line| {
        let (at, rest) = line.split_once(':')?;
        let mut words = rest.split_whitespace();
        let mut bytes = Vec::new();
        for word in [words.next()?, words.next()?] {
            bytes.extend(u64::from_str_radix(word, 16).ok()?.to_le_bytes());
        }
        Some((usize::from_str_radix(at, 16).ok()?, bytes))
    })
}

fn is_zdb_row(line: &str) -> bool {
    let Some((at, rest)) = line.split_once(':') else { return false };
    let is_hex =
        |text: &str, digits: usize| text.len() == digits && text.chars().all(|c| c.is_ascii_hexdigit());
    let mut words = rest.split_whitespace();
    let two = words.next().is_some_and(|w| is_hex(w, 16)) && words.next().is_some_and(|w| is_hex(w, 16));
    two && at.len() >= 6 && at.chars().all(|c| c.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)] // of small numbers
    use super::*;
    use proptest::prelude::*;
    use std::fmt::Write;

    fn ascii(bytes: &[u8]) -> String {
        bytes.iter().map(|b| if b.is_ascii_graphic() { char::from(*b) } else { '.' }).collect()
    }
    fn as_xxd(bytes: &[u8], at: usize) -> String {
        let mut text = String::new();
        for (n, row) in bytes.chunks(16).enumerate() {
            let pairs: Vec<String> =
                row.chunks(2).map(|p| p.iter().map(|b| format!("{b:02x}")).collect()).collect();
            writeln!(text, "{:08x}: {:39}  {}", at + n * 16, pairs.join(" "), ascii(row)).unwrap();
        }
        text
    }
    fn as_hexdump(bytes: &[u8]) -> String {
        let mut text = String::new();
        let mut last: &[u8] = &[];
        for (n, row) in bytes.chunks(16).enumerate() {
            if row == last && row.len() == 16 {
                if !text.ends_with("*\n") {
                    text.push_str("*\n");
                }
                continue;
            }
            let (a, b) = row.split_at(row.len().min(8));
            let hex = |b: &[u8]| b.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ");
            writeln!(text, "{:08x}  {:23}  {:23}  |{}|", n * 16, hex(a), hex(b), ascii(row)).unwrap();
            last = row;
        }
        writeln!(text, "{:08x}", bytes.len()).unwrap();
        text
    }

    #[test]
    fn zdb_words() {
        let text = "Found vdev: /d1.img\n\n          0 1 2 3 4 5 6 7   8 9 a b c d e f  0123456789abcdef\n\
                    000000:  0807060504030201  100f0e0d0c0b0a09  ................\n";
        let dump = read(text.as_bytes());
        assert_eq!((dump.form, dump.bytes.into_owned()), (Form::Zdb, (1..=16).collect()));
    }
    #[test]
    fn a_stated_position_is_kept() {
        let dump = read(b"00020000: 0cb1 ba00  ....\n");
        assert_eq!((dump.form, dump.at), (Form::Xxd, 0x20000));
    }
    #[test]
    fn text_that_is_no_dump_stays_raw() {
        for text in ["hello", "12 34 5", "0000: zz", ""] {
            assert_eq!(read(text.as_bytes()).form, Form::Raw, "{text}");
        }
    }

    proptest! {
        #[test]
        fn xxd_there_and_back(bytes in proptest::collection::vec(any::<u8>(), 1..200), at in 0usize..0x10_0000) {
            let dump_text = as_xxd(&bytes, at);
            let dump = read(dump_text.as_bytes());
            prop_assert_eq!((dump.form, dump.at, dump.bytes.as_ref()), (Form::Xxd, at, bytes.as_slice()));
        }
        #[test]
        fn hexdump_there_and_back(bytes in proptest::collection::vec(0u8..2, 1..200)) {
            let text = as_hexdump(&bytes);
            let dump = read(text.as_bytes());
            prop_assert_eq!((dump.form, dump.bytes.as_ref()), (Form::Hexdump, bytes.as_slice()));
        }
        #[test]
        fn hex_there_and_back(bytes in proptest::collection::vec(any::<u8>(), 1..200), gap in "[ :\n]?") {
            let text: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
            prop_assert_eq!(hex(&text.join(&gap)), Some(bytes));
        }
        #[test]
        fn raw_bytes_stay_raw(mut bytes: Vec<u8>) {
            bytes.push(0);
            let dump = read(&bytes);
            prop_assert_eq!(dump.bytes.as_ref(), bytes.as_slice());
        }
    }
}
