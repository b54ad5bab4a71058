//! Keys as the user gives them: in a file of its own, typed, or several in one file.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use zeroize::Zeroizing;
use zfsp_grammar::dsl::crypto_key::KeyFormat;

/// A key as the user gives it, for the encryption root of a dataset. Wiped at the end, and never printed.
#[derive(Clone)]
pub struct UserKey {
    /// Which dataset it is said to open.
    pub dataset: String,
    /// `None`: as the pool says.
    pub(super) format: Option<KeyFormat>,
    pub(super) secret: Zeroizing<Vec<u8>>,
}

/// Why a file of keys is none. Says nothing of what they are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// No JSON, or of another shape.
    #[error(
        "no file of keys: line {line}, column {column}: it should be \
         {{\"DATASET\": {{\"format\": \"raw\" or \"hex\" or \"passphrase\", \"key\": \"...\"}}}}"
    )]
    Shape {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A format that there is not.
    #[error("the key of {0}: its format is none of raw, hex, passphrase")]
    Format(String),
}

impl UserKey {
    /// From the bytes of a key file, or from what was typed: as the pool says, 32 bytes, 64 hex digits, or a
    /// passphrase.
    #[must_use]
    pub fn of_file(dataset: impl Into<String>, bytes: impl Into<Zeroizing<Vec<u8>>>) -> Self {
        Self { dataset: dataset.into(), format: None, secret: bytes.into() }
    }

    /// Several keys in JSON, `{"pool/a": {"format": "hex", "key": "01ef..."}}`. Raw keys are written in hex as well.
    ///
    /// # Errors
    /// [`Malformed`], if it is no such text.
    pub fn of_json(text: &[u8]) -> Result<Vec<Self>, Malformed> {
        let read: Entries = serde_json::from_slice(text)
            .map_err(|error| Malformed::Shape { line: error.line(), column: error.column() })?;
        let key = |(dataset, Entry { format, key }): (String, Entry)| match format.as_str() {
            "raw" | "hex" => Ok(Self { dataset, format: Some(KeyFormat::HEX), secret: key.0 }),
            "passphrase" => Ok(Self { dataset, format: Some(KeyFormat::PASSPHRASE), secret: key.0 }),
            _ => Err(Malformed::Format(dataset)),
        };
        read.0.into_iter().map(key).collect()
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserKey of {}", self.dataset)
    }
}

/// In the order of the file.
struct Entries(Vec<(String, Entry)>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    format: String,
    key: Secret,
}

/// Text that is wiped at the end.
struct Secret(Zeroizing<Vec<u8>>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of;
        impl<'de> Visitor<'de> for Of {
            type Value = Entries;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("keys by dataset")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    all.push(entry);
                }
                Ok(Entries(all))
            }
        }
        deserializer.deserialize_map(Of)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Of;
        impl Visitor<'_> for Of {
            type Value = Secret;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            // borrowed from the file, unless it has escapes: no copy is left behind
            fn visit_str<E>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret(Zeroizing::new(text.as_bytes().to_vec())))
            }
        }
        deserializer.deserialize_str(Of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_in_a_file() {
        let text = br#"{"a/b": {"format": "raw", "key": "00ff"}, "a": {"key": "two words", "format": "passphrase"}}"#;
        let keys = UserKey::of_json(text).unwrap();
        let read: Vec<_> =
            keys.iter().map(|key| (key.dataset.as_str(), key.format, key.secret.as_slice())).collect();
        let raw = ("a/b", Some(KeyFormat::HEX), b"00ff".as_slice());
        assert_eq!(read, [raw, ("a", Some(KeyFormat::PASSPHRASE), b"two words")]);
        assert_eq!(format!("{keys:?}"), "[UserKey of a/b, UserKey of a]");
    }
    #[test]
    fn errors_say_where_but_not_what() {
        for (text, error) in [
            (r#"{"a": {"format": "raw", "key": "se cret"}"#, "no file of keys: line 1, column 41"),
            ("{\"a\":\n \"se cret\"}", "no file of keys: line 2, column 10"),
            (r#"{"a": {"format": "se cret", "key": "00"}}"#, "the key of a: its format is none of"),
            (r#"{"a": {"format": "raw", "key": "00", "se cret": 1}}"#, "no file of keys: line 1, column 46"),
            ("se cret", "no file of keys: line 1, column 1"),
        ] {
            let found = UserKey::of_json(text.as_bytes()).unwrap_err().to_string();
            assert!(found.starts_with(error) && !found.contains("se cret"), "{found}");
        }
    }
}
