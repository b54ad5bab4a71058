//! Names as text: escaped where they are no printable UTF-8, and read back from that form.

use std::fmt;

use zfsp_grammar::input::Text;

/// A name as it is printed: what is no UTF-8 as `\xNN`, control characters and backslashes escaped.
#[must_use]
pub fn escaped(name: &[u8]) -> impl fmt::Display + '_ {
    Text(name)
}

/// The bytes of a name that was escaped. What is no escape stands for itself.
#[must_use]
pub fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text;
    while let [first, rest @ ..] = left {
        left = match (first, escape(rest)) {
            (b'\\', Some((escaped, behind))) => {
                bytes.extend_from_slice(&escaped);
                behind
            }
            _ => {
                bytes.push(*first);
                rest
            }
        };
    }
    bytes
}

/// What an escape stands for, behind its backslash, and what follows.
fn escape(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let number = |digits: &[u8]| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
    match text {
        [b'\\', rest @ ..] => Some((b"\\".to_vec(), rest)),
        [b'n', rest @ ..] => Some((b"\n".to_vec(), rest)),
        [b'r', rest @ ..] => Some((b"\r".to_vec(), rest)),
        [b't', rest @ ..] => Some((b"\t".to_vec(), rest)),
        [b'x', high, low, rest @ ..] => Some((vec![u8::try_from(number(&[*high, *low])?).ok()?], rest)),
        [b'u', b'{', rest @ ..] => {
            let end = rest.iter().take(7).position(|b| *b == b'}')?;
            let c = char::from_u32(number(rest.get(..end)?)?)?;
            Some((c.to_string().into_bytes(), rest.get(end.saturating_add(1)..)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_escaped_is_read_back(name: Vec<u8>) {
            prop_assert_eq!(unescaped(escaped(&name).to_string().as_bytes()), name);
        }
    }

    #[test]
    fn what_is_no_escape_stands_for_itself() {
        for text in ["a\\", "\\q", "\\x1", "\\u{110000}", "C:\\dir"] {
            assert_eq!(unescaped(text.as_bytes()), text.as_bytes());
        }
        assert_eq!(unescaped(b"\\xff\\u{7f}\\\\"), b"\xff\x7f\\");
    }
}
