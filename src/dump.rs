//! Dumps as text: what people paste when they ask what some bytes say.
//!
//! Recognised by their first row, strictly, so that raw bytes are never taken for text: `xxd`,
//! `hexdump -C`, the words of `zdb -R`, and bare hex (`xxd -p`). Once the form is known, a row that
//! breaks it is an error that names its line, not a reason to take the text for bytes.

use std::borrow::Cow;

use crate::error::{Error, Result};

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
    /// `000000:  0807060504030201  100f0e0d0c0b0a09  ........`: two words a line, as the host that
    /// ran zdb reads them
    Zdb,
    /// Nothing but hex digits.
    Hex,
}

/// Text is looked at up to this size, and repeated rows may come to as much: a dump takes three to
/// five characters a byte.
const LARGEST_TEXT: usize = 128 << 20;
/// Bytes that `*` rows may stand for: as many as the largest block has. Forty characters could ask for more.
const MOST_REPEATED: usize = 16 << 20;

/// zdb says a few things before the first row.
const ZDB_HEADING: usize = 16;

/// The bytes that `input` means.
///
/// # Errors
/// `Corrupt`, naming the line, if `input` begins as a dump and does not go on as one.
pub fn read(input: &[u8]) -> Result<Dump<'_>> {
    let raw = Dump { bytes: Cow::Borrowed(input), at: 0, form: Form::Raw };
    let Some(text) = text(input) else { return Ok(raw) };
    let form = recognise(text);
    let Rows { at, bytes } = match form {
        Form::Raw => return Ok(raw),
        Form::Xxd => rows(lines(text), as_shown(text, [xxd, xxd_swapped]))?,
        Form::Hexdump => rows(lines(text), hexdump)?,
        Form::Zdb => {
            let lines = lines(text).filter(|(_, line)| is_zdb(line));
            rows(lines, as_shown(text, [zdb, zdb_big]))?
        }
        Form::Hex => Rows { at: 0, bytes: bare(text)? },
    };
    Ok(Dump { bytes: Cow::Owned(bytes), at, form })
}

/// Bare hex: pairs of digits, with or without `0x`, blanks, colons, commas, line ends. `None` for
/// anything else, for half a byte, and for no digits at all.
#[must_use]
pub fn hex(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, ':' | ',')) {
        let word = word.strip_prefix("0x").unwrap_or(word);
        let (pairs, []) = word.as_bytes().as_chunks::<2>() else { return None };
        for pair in pairs {
            let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
            bytes.push(u8::try_from(high? << 4 | low?).ok()?);
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

/// Dumps are ASCII without control characters; a block of a pool hardly ever is.
fn text(input: &[u8]) -> Option<&str> {
    let is_text = |b: &u8| b.is_ascii_graphic() || b.is_ascii_whitespace();
    (input.len() <= LARGEST_TEXT && input.iter().all(is_text)).then_some(())?;
    std::str::from_utf8(input).ok()
}

fn recognise(text: &str) -> Form {
    let is_row = |row: Row| row.is_ok_and(|(_, bytes)| !bytes.is_empty());
    let Some((_, first)) = lines(text).next() else { return Form::Raw };
    if lines(text).take(ZDB_HEADING).any(|(_, line)| is_zdb(line) && is_row(zdb(line))) {
        Form::Zdb
    } else if is_row(xxd(first)) {
        Form::Xxd
    } else if is_row(hexdump(first)) {
        Form::Hexdump
    } else if hex(first).is_some() {
        Form::Hex
    } else {
        Form::Raw
    }
}

/// Lines with something on them, and their numbers.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines().map(str::trim_end)).filter(|(_, line)| !line.is_empty())
}

/// Rows of a dump, put together.
struct Rows {
    at: usize,
    bytes: Vec<u8>,
}

/// A row: its position and its bytes, or what is wrong with it.
type Row = Result<(usize, Vec<u8>), String>;

/// Puts rows together that follow each other without a gap; a `*` stands for repetitions of the row
/// before it.
fn rows<'t>(lines: impl Iterator<Item = (usize, &'t str)>, row: fn(&str) -> Row) -> Result<Rows> {
    let mut all: Option<Rows> = None;
    let (mut star, mut last): (Option<usize>, Vec<u8>) = (None, Vec::new());
    let mut room = MOST_REPEATED;
    for (number, line) in lines {
        if line == "*" && !last.is_empty() {
            star = Some(number);
            continue;
        }
        let (at, bytes) = row(line).map_err(|what| wrong(number, &what))?;
        let all = all.get_or_insert(Rows { at, bytes: Vec::new() });
        let next = all.at.saturating_add(all.bytes.len());
        let skipped = at.checked_sub(next).filter(|skipped| *skipped == 0 || star.is_some());
        let skipped = skipped
            .ok_or_else(|| wrong(number, &format!("position {at:#x} where {next:#x} should follow")))?;
        room = room
            .checked_sub(skipped)
            .ok_or_else(|| wrong(number, "* stands for more than 16 MiB: convert it to bytes first"))?;
        all.bytes.extend(last.iter().copied().cycle().take(skipped));
        all.bytes.extend_from_slice(&bytes);
        (star, last) = (None, bytes);
    }
    if let Some(number) = star {
        return Err(wrong(number, "nothing follows the *: how often the row repeats is not said"));
    }
    all.ok_or_else(|| Error::corrupt("a dump without rows"))
}

fn wrong(line: usize, what: &str) -> Error {
    Error::corrupt(format!("line {line} of the dump: {what}"))
}

/// Hex digits alone; each line has whole bytes.
fn bare(text: &str) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for (number, line) in lines(text) {
        all.extend(hex(line).ok_or_else(|| wrong(number, "no pairs of hex digits"))?);
    }
    Ok(all)
}

fn position(digits: &str) -> Result<usize, String> {
    let is_hex = digits.len() >= 4 && digits.chars().all(|c| c.is_ascii_hexdigit());
    let parsed = usize::from_str_radix(digits, 16).ok().filter(|_| is_hex);
    parsed.ok_or_else(|| format!("'{digits}' is no position"))
}

fn digits(text: &str) -> Result<Vec<u8>, String> {
    hex(text).ok_or_else(|| format!("no pairs of hex digits: '{}'", text.trim()))
}

/// Of two readings the one that the text beside the digits does not contradict; the usual one if it
/// contradicts both, as in a dump that was edited, or neither.
fn as_shown(text: &str, [usual, other]: [fn(&str) -> Row; 2]) -> fn(&str) -> Row {
    let contradicts = |row: fn(&str) -> Row| {
        lines(text).any(|(_, line)| row(line).is_ok_and(|(_, bytes)| !is_shown(line, &bytes)))
    };
    if contradicts(usual) && !contradicts(other) { other } else { usual }
}

/// Whether the line ends in the text that dumps print for these bytes.
fn is_shown(line: &str, bytes: &[u8]) -> bool {
    let shown = bytes.iter().map(|b| if matches!(b, b' '..=b'~') { *b } else { b'.' });
    line.as_bytes().iter().rev().take(bytes.len()).copied().eq(shown.rev())
}

/// `00000000: 0102 0304 ...  text`
fn xxd(line: &str) -> Row {
    let (at, groups) = xxd_groups(line)?;
    Ok((at, digits(groups)?))
}

/// `00000000: 04030201 ...  text`, as `xxd -e` has it: groups as little-endian numbers.
fn xxd_swapped(line: &str) -> Row {
    let (at, groups) = xxd_groups(line)?;
    let groups = groups.split(' ').map(digits).collect::<Result<Vec<_>, _>>()?;
    Ok((at, groups.into_iter().flat_map(|group| group.into_iter().rev()).collect()))
}

fn xxd_groups(line: &str) -> Result<(usize, &str), String> {
    let (at, rest) = line.split_once(": ").ok_or("no row of xxd")?;
    Ok((position(at)?, rest.split_once("  ").map_or(rest, |(groups, _)| groups)))
}

/// `00000000  01 02 ... 08  09 ...  |text|`; the last line is a position alone.
fn hexdump(line: &str) -> Row {
    let (at, rest) = line.split_once("  ").unwrap_or((line, ""));
    let pairs = rest.split_once('|').map_or(rest, |(pairs, _)| pairs);
    let at = position(at)?;
    if pairs.trim().is_empty() {
        return Ok((at, Vec::new()));
    }
    match pairs.split_whitespace().find(|pair| pair.len() != 2) {
        Some(word) => Err(format!("'{word}' is no byte")),
        None => Ok((at, digits(pairs)?)),
    }
}

/// Whether the line stands where zdb has rows: all else is heading or legend.
fn is_zdb(line: &str) -> bool {
    let at = line.split_once(":  ").map_or("", |(at, _)| at);
    at.len() >= 6 && at.chars().all(|c| c.is_ascii_hexdigit())
}

/// `000000:  0807060504030201  100f0e0d0c0b0a09  text`: zdb on a little-endian host.
fn zdb(line: &str) -> Row {
    let (at, words) = zdb_words(line)?;
    Ok((at, words.map(u64::to_le_bytes).concat()))
}

/// `000000:  0102030405060708  090a0b0c0d0e0f10  text`: zdb on a big-endian host.
fn zdb_big(line: &str) -> Row {
    let (at, words) = zdb_words(line)?;
    Ok((at, words.map(u64::to_be_bytes).concat()))
}

fn zdb_words(line: &str) -> Result<(usize, [u64; 2]), String> {
    let (at, rest) = line.split_once(":  ").ok_or("no row of zdb")?;
    let mut words = rest.split_whitespace();
    let mut word = || {
        let digits = words.next().filter(|digits| digits.len() == 16).ok_or("no two words of 16 digits")?;
        u64::from_str_radix(digits, 16).map_err(|_| format!("'{digits}' is no word"))
    };
    Ok((position(at)?, [word()?, word()?]))
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
        let dump = read(text.as_bytes()).unwrap();
        assert_eq!((dump.form, dump.bytes.into_owned()), (Form::Zdb, (1..=16).collect()));
    }
    #[test]
    fn a_stated_position_is_kept() {
        let dump = read(b"00020000: 0cb1 ba00  ....\n").unwrap();
        assert_eq!((dump.form, dump.at), (Form::Xxd, 0x20000));
    }
    #[test]
    fn text_that_is_no_dump_stays_raw() {
        for text in ["hello", "12 34 5", "1 2 3 4", "0000: zz", "", "*\n", "uberblock: 12"] {
            assert_eq!(read(text.as_bytes()).unwrap().form, Form::Raw, "{text}");
        }
    }

    #[test]
    fn zdb_words_of_a_big_endian_host() {
        let dump = read(b"000000:  4142434445464748  494a4b4c4d4e4f50  ABCDEFGHIJKLMNOP\n").unwrap();
        assert_eq!(dump.bytes.as_ref(), b"ABCDEFGHIJKLMNOP");
    }
    #[test]
    fn plain_xxd() {
        let dump = read(b"0cb1ba00\n00000000\n01\n").unwrap();
        assert_eq!((dump.form, dump.bytes.len()), (Form::Hex, 9));
    }
    #[test]
    fn swapped_groups_of_xxd() {
        let dump =
            read(b"00000000: 03020100 07060504  ........\n00000008: 44434241 48474645  ABCDEFGH\n").unwrap();
        assert_eq!(dump.bytes.as_ref(), b"\0\x01\x02\x03\x04\x05\x06\x07ABCDEFGH");
    }
    #[test]
    fn a_broken_row_is_named() {
        let first = "00000000: 4142 4344  ABCD\n";
        let zdb = "000000:  4142434445464748  494a4b4c4d4e4f50  HGFEDCBAPONMLKJI\n";
        for (text, says) in [
            (format!("{first}00000004: 41x2\n"), "line 2 of the dump: no pairs of hex digits: '41x2'"),
            (
                format!("{first}\n00000006: 4142\n"),
                "line 3 of the dump: position 0x6 where 0x4 should follow",
            ),
            (
                format!("{first}*\n"),
                "line 2 of the dump: nothing follows the *: how often the row repeats is not said",
            ),
            (
                format!("{first}*\nffffffff: 41\n"),
                "line 3 of the dump: * stands for more than 16 MiB: convert it to bytes first",
            ),
            ("00000000  41 42  |AB|\n00000002  413\n".into(), "line 2 of the dump: '413' is no byte"),
            (format!("\n{zdb}000010:  41\n"), "line 3 of the dump: no two words of 16 digits"),
            ("4142\n414\n".into(), "line 2 of the dump: no pairs of hex digits"),
        ] {
            assert_eq!(read(text.as_bytes()).unwrap_err().to_string(), says);
        }
    }

    /// Found by fuzzing: few characters that ask for 128 MiB.
    #[test]
    fn stars_stand_for_no_more_than_a_block() {
        let text = b"00000200001:  1610 02  \n*  \n800000000:  02 \n";
        assert!(read(text).is_err());
    }

    proptest! {
        #[test]
        fn xxd_there_and_back(bytes in proptest::collection::vec(any::<u8>(), 1..200), at in 0usize..0x10_0000) {
            let dump_text = as_xxd(&bytes, at);
            let dump = read(dump_text.as_bytes()).unwrap();
            prop_assert_eq!((dump.form, dump.at, dump.bytes.as_ref()), (Form::Xxd, at, bytes.as_slice()));
        }
        #[test]
        fn hexdump_there_and_back(bytes in proptest::collection::vec(0u8..2, 1..200)) {
            let text = as_hexdump(&bytes);
            let dump = read(text.as_bytes()).unwrap();
            prop_assert_eq!((dump.form, dump.bytes.as_ref()), (Form::Hexdump, bytes.as_slice()));
        }
        #[test]
        fn hex_there_and_back(bytes in proptest::collection::vec(any::<u8>(), 1..200), gap in "[ :\n]?") {
            let text: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
            prop_assert_eq!(hex(&text.join(&gap)), Some(bytes));
        }
        #[test]
        fn zdb_there_and_back(rows in proptest::collection::vec(any::<[u64; 2]>(), 1..20)) {
            let mut text = String::from("Found vdev type: file\n\n          7 6 5 4 3 2 1 0\n");
            for (n, [a, b]) in rows.iter().enumerate() {
                let shown = ascii(&[a.to_le_bytes(), b.to_le_bytes()].concat());
                writeln!(text, "{:06x}:  {a:016x}  {b:016x}  {shown}", n * 16).unwrap();
            }
            let bytes: Vec<u8> = rows.concat().iter().flat_map(|word| word.to_le_bytes()).collect();
            let dump = read(text.as_bytes()).unwrap();
            prop_assert_eq!((dump.form, dump.bytes.as_ref()), (Form::Zdb, bytes.as_slice()));
        }
        #[test]
        fn any_text_ends_well(text in "([0-9a-f]{4,8}:? {1,2}|[0-9a-f]{2,4}[ \n]|\\*\n|[|.]|\n){0,40}") {
            let _ = read(text.as_bytes());
        }
        #[test]
        fn raw_bytes_stay_raw(mut bytes: Vec<u8>) {
            bytes.push(0);
            let dump = read(&bytes).unwrap();
            prop_assert_eq!(dump.bytes.as_ref(), bytes.as_slice());
        }
    }
}
