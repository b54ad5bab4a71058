//! From what the user gives to the key that wraps the keys of datasets.
//!
//! Handbook: `docs/format/22-encryption.md`, 22.3.

use std::fmt;

use sha1::Sha1;
use zeroize::Zeroizing;
use zfsp_grammar::dsl::crypto_key::KeyFormat;

/// Bytes of a wrapping key, whatever the suite.
pub(super) const KEY_SIZE: usize = 32;

/// The key that wraps the keys of all datasets of one encryption root. Wiped at the end, and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappingKey(Zeroizing<Vec<u8>>);

/// How a passphrase becomes a key: PBKDF2 with HMAC-SHA-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stretching {
    /// So that equal passphrases give different keys.
    pub salt: u64,
    /// Rounds.
    pub iterations: u64,
}

impl Stretching {
    /// More rounds are never begun: an enemy may name as many as would take for ever. The usual 350 000 take a fraction
    /// of a second.
    pub const MOST_ITERATIONS: u64 = 50_000_000;
}

/// Why what the user gives is no key of that format. Says nothing of the key but its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Of a raw key.
    #[error("a raw key has 32 bytes, not {0}")]
    RawLength(usize),
    /// Of a key in hex.
    #[error("a key in hex has 64 digits, not {0}")]
    HexLength(usize),
    /// Of a key in hex.
    #[error("a key in hex has 64 digits: character {0} is no hex digit")]
    HexDigit(usize),
    /// Of a passphrase.
    #[error("the passphrase is empty")]
    Empty,
    /// Of a passphrase: the pool has no salt and no rounds.
    #[error("the pool does not say how a passphrase becomes its key: it is no passphrase that is wanted")]
    NoStretching,
    /// Of a passphrase.
    #[error(
        "the pool wants {0} rounds of PBKDF2 for its passphrase, which is more than {most}: no user asks for so many",
        most = Stretching::MOST_ITERATIONS
    )]
    Iterations(u64),
    /// A format that is not known.
    #[error("key format {0} is not known")]
    Format(u64),
}

impl WrappingKey {
    /// From the bytes of a key file, or what was typed. A line end behind digits and passphrases does not count.
    ///
    /// # Errors
    /// [`Unfit`], if that is no such key.
    pub fn of(format: KeyFormat, given: &[u8], stretching: Option<Stretching>) -> Result<Self, Unfit> {
        match format {
            KeyFormat::RAW => {
                if given.len() != KEY_SIZE {
                    return Err(Unfit::RawLength(given.len()));
                }
                Ok(Self(Zeroizing::new(given.to_vec())))
            }
            KeyFormat::HEX => Self::of_digits(line(given)),
            KeyFormat::PASSPHRASE => Self::of_passphrase(line(given), stretching.ok_or(Unfit::NoStretching)?),
            _ => Err(Unfit::Format(format.0)),
        }
    }

    fn of_digits(digits: &[u8]) -> Result<Self, Unfit> {
        if digits.len() != 2 * KEY_SIZE {
            return Err(Unfit::HexLength(digits.len()));
        }
        let value = |n: usize, digit: u8| {
            let value = char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
            value.ok_or_else(|| Unfit::HexDigit(n.saturating_add(1)))
        };
        let mut key = Zeroizing::new(vec![0; KEY_SIZE]);
        for (n, digit) in digits.iter().enumerate() {
            let value = value(n, *digit)?;
            if let Some(byte) = key.get_mut(n / 2) {
                *byte = (*byte << 4) | value;
            }
        }
        Ok(Self(key))
    }

    fn of_passphrase(passphrase: &[u8], stretching: Stretching) -> Result<Self, Unfit> {
        let Stretching { salt, iterations } = stretching;
        // what is behind a NUL was never seen by the program that took it
        let passphrase = passphrase.split(|byte| *byte == 0).next().unwrap_or_default();
        if passphrase.is_empty() {
            return Err(Unfit::Empty);
        }
        let rounds = match u32::try_from(iterations) {
            Ok(0) => return Err(Unfit::NoStretching),
            Ok(rounds) if iterations <= Stretching::MOST_ITERATIONS => rounds,
            _ => return Err(Unfit::Iterations(iterations)),
        };
        let mut key = Zeroizing::new(vec![0; KEY_SIZE]);
        pbkdf2::pbkdf2_hmac::<Sha1>(passphrase, &salt.to_le_bytes(), rounds, &mut key);
        Ok(Self(key))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Without the line end.
fn line(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\n").unwrap_or(bytes)
}

impl fmt::Debug for WrappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrappingKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONCE: Option<Stretching> = Some(Stretching { salt: 0x0123_4567_89ab_cdef, iterations: 1 });

    /// Chapter 22, 22.18.
    #[test]
    fn passphrase_of_the_handbook() {
        let stretching = Stretching { salt: 0x0123_4567_89ab_cdef, iterations: 350_000 };
        let key = WrappingKey::of(KeyFormat::PASSPHRASE, b"password1\n", Some(stretching)).unwrap();
        let digits = "2d7c972909ef298174ec093b753d47851c29fe9c8d3592c71a72d1b3a824ed85";
        assert!(key == WrappingKey::of(KeyFormat::HEX, digits.as_bytes(), None).unwrap());
    }
    #[test]
    fn line_ends_and_nuls_do_not_count() {
        let of = |given: &[u8]| WrappingKey::of(KeyFormat::PASSPHRASE, given, ONCE);
        for same in [b"secret words\n".as_slice(), b"secret words\0\n", b"secret words\0more"] {
            assert!(of(same) == of(b"secret words"));
        }
        assert!(of(b"secret words\n\n") != of(b"secret words"));
        let upper = WrappingKey::of(KeyFormat::HEX, &[b'A'; 64], None);
        assert!(upper == WrappingKey::of(KeyFormat::HEX, &[b'a'; 64], None));
        assert!(upper == WrappingKey::of(KeyFormat::RAW, &[0xaa; 32], None));
    }
    #[test]
    fn what_is_no_key() {
        let hex = |given: &[u8]| WrappingKey::of(KeyFormat::HEX, given, None);
        assert_eq!(hex(&[b'a'; 63]), Err(Unfit::HexLength(63)));
        assert_eq!(hex(b"g".repeat(64).as_slice()), Err(Unfit::HexDigit(1)));
        assert_eq!(WrappingKey::of(KeyFormat::RAW, &[b'\n'; 33], None), Err(Unfit::RawLength(33)));
        let of = |given: &[u8], how| WrappingKey::of(KeyFormat::PASSPHRASE, given, how);
        assert_eq!(of(b"\n", ONCE), Err(Unfit::Empty));
        assert_eq!(of(b"secret words", None), Err(Unfit::NoStretching));
        for (iterations, error) in [(0, Unfit::NoStretching), (u64::MAX, Unfit::Iterations(u64::MAX))] {
            assert_eq!(of(b"secret words", Some(Stretching { salt: 1, iterations })), Err(error));
        }
        assert_eq!(WrappingKey::of(KeyFormat(9), b"", None), Err(Unfit::Format(9)));
    }
}
