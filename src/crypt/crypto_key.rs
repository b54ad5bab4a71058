//! DSL crypto keys: the keys of a dataset, wrapped with the key that the user has.
//!
//! Handbook: `docs/format/22-encryption.md`, 22.2 and 22.4.

use zeroize::Zeroizing;
use zfsp_grammar::dsl::crypto_key::{KeyVersion, Suite, shape_of};
use zfsp_grammar::zap::value::Integers;

use super::cipher::{Cipher, Seal};
use super::data_key::{DataKey, HMAC_KEY_SIZE};
use super::wrapping_key::{Unfit, WrappingKey};
use crate::object::Loss;

/// The object that holds the wrapped keys of a dataset: all its entries, well formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CryptoKey {
    /// MOS object; clones share that of their origin.
    pub object: u64,
    /// Cipher, key length and mode.
    pub suite: Suite,
    /// Identity of the key.
    pub guid: u64,
    /// What is authenticated.
    pub version: KeyVersion,
    iv: [u8; 12],
    mac: [u8; 16],
    /// As many bytes count as the suite's keys have.
    master: Vec<u8>,
    hmac: Vec<u8>,
}

/// Why a key object is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// An entry that every key object has.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// An entry of another shape.
    #[error("{name} is {found} bytes, not {wanted}")]
    Length {
        /// Its name.
        name: &'static str,
        /// Bytes that it should have.
        wanted: usize,
        /// Bytes that it has.
        found: usize,
    },
    /// A suite that is not known.
    #[error("cipher suite {0} is not known")]
    Suite(u64),
    /// A version that is not known.
    #[error("version {0} is not known")]
    Version(u64),
    /// The object cannot be read.
    #[error("{0}")]
    Lost(Loss),
}

/// Why a key does not open a dataset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What was given is no key.
    #[error("{0}")]
    Unfit(#[from] Unfit),
    /// There is no dataset of that name.
    #[error("{0}")]
    Unknown(String),
    /// It is in clear.
    #[error("is not encrypted: it takes no key")]
    InClear,
    /// The key object cannot be used.
    #[error("its key object {object} is damaged: {flaw}")]
    Damaged {
        /// MOS object.
        object: u64,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// The tag of the wrapped keys is not what this key makes.
    #[error(
        "the key is wrong: DSL_CRYPTO_MAC in its key object {0} does not hold with it; the object has all its entries, \
         well formed"
    )]
    Wrong(u64),
    /// The same, but the key opens others that it should open.
    #[error(
        "the key is right, for it opens {witness} of the same encryption root, but DSL_CRYPTO_MAC in key object {object} \
         does not hold: the object was altered, or is wrapped with an earlier key of the root, or by the sender \
         of a raw stream"
    )]
    Altered {
        /// MOS object.
        object: u64,
        /// Dataset that the key opens.
        witness: String,
    },
    /// The key is right, but not what says what is authenticated with it.
    #[error(
        "the key is right, but its key object {object} was altered: DSL_CRYPTO_MAC holds with {entry} only"
    )]
    Entry {
        /// MOS object.
        object: u64,
        /// What it takes.
        entry: String,
    },
}

impl CryptoKey {
    /// From the entries of key object `object`.
    ///
    /// # Errors
    /// [`Flaw`], if one is missing, or of another shape than its name demands.
    pub fn of<'i>(
        object: u64,
        entry: impl Fn(&str) -> Result<Option<&'i Integers>, Loss>,
    ) -> Result<Self, Flaw> {
        let optional = |name: &'static str| -> Result<Option<&[u8]>, Flaw> {
            let Some(value) = entry(name).map_err(Flaw::Lost)? else { return Ok(None) };
            let wanted = shape_of(name).map_or(0, |shape| shape.width.saturating_mul(shape.count));
            match value.bytes.len() {
                found if found == wanted => Ok(Some(&value.bytes)),
                found => Err(Flaw::Length { name, wanted, found }),
            }
        };
        let bytes = |name| optional(name)?.ok_or(Flaw::Missing(name));
        let number = |name| Ok(integer(bytes(name)?));
        let suite = Suite(number("DSL_CRYPTO_SUITE")?);
        suite.key_length().ok_or(Flaw::Suite(suite.0))?;
        let version = KeyVersion(optional("DSL_CRYPTO_VERSION")?.map_or(0, integer));
        if version > KeyVersion::CURRENT {
            return Err(Flaw::Version(version.0));
        }
        let (mut iv, mut mac) = ([0; 12], [0; 16]);
        iv.copy_from_slice(bytes("DSL_CRYPTO_IV")?);
        mac.copy_from_slice(bytes("DSL_CRYPTO_MAC")?);
        let (master, hmac) =
            (bytes("DSL_CRYPTO_MASTER_KEY_1")?.to_vec(), bytes("DSL_CRYPTO_HMAC_KEY_1")?.to_vec());
        Ok(Self { object, suite, guid: number("DSL_CRYPTO_GUID")?, version, iv, mac, master, hmac })
    }

    /// The keys, unwrapped.
    ///
    /// # Errors
    /// [`Refusal::Wrong`], if the key is not that which wraps them; [`Refusal::Entry`], if it is, but the entries that
    /// are authenticated with them were altered.
    pub fn unwrap(&self, key: &WrappingKey) -> Result<DataKey, Refusal> {
        if let Some(keys) = self.unwrap_as(self.suite, self.version, key) {
            return Ok(keys);
        }
        let object = self.object;
        let suites = std::iter::once(self.suite).chain(SUITES);
        let mut others =
            suites.flat_map(|suite| [KeyVersion::CURRENT, KeyVersion::FIRST].map(|version| (suite, version)));
        let fits = |(suite, version): &(Suite, KeyVersion)| self.unwrap_as(*suite, *version, key).is_some();
        let Some((suite, version)) = others.find(fits) else { return Err(Refusal::Wrong(object)) };
        let altered = [
            (suite != self.suite).then(|| format!("DSL_CRYPTO_SUITE {suite}")),
            (version != self.version).then(|| format!("DSL_CRYPTO_VERSION {version}")),
        ];
        Err(Refusal::Entry { object, entry: altered.into_iter().flatten().collect::<Vec<_>>().join(" and ") })
    }

    fn unwrap_as(&self, suite: Suite, version: KeyVersion, key: &WrappingKey) -> Option<DataKey> {
        let mut keys = Zeroizing::new(Vec::with_capacity(self.master.len().saturating_add(self.hmac.len())));
        keys.extend_from_slice(self.master.get(..suite.key_length()?)?);
        keys.extend_from_slice(&self.hmac);
        let aad = [self.guid, suite.0, version.0].map(u64::to_le_bytes);
        let aad = if version == KeyVersion::FIRST { aad.get(..1)? } else { &aad };
        let seal = Seal { nonce: self.iv, tag: self.mac };
        if !wrapping(suite, key)?.open(&seal, aad.as_flattened(), &mut keys) {
            return None;
        }
        let (master, hmac) = keys.split_at_checked(keys.len().checked_sub(HMAC_KEY_SIZE)?)?;
        DataKey::new((self.object, self.guid), suite, version, master, hmac)
    }
}

/// All that there are.
const SUITES: [Suite; 6] = [
    Suite::AES_128_CCM,
    Suite::AES_192_CCM,
    Suite::AES_256_CCM,
    Suite::AES_128_GCM,
    Suite::AES_192_GCM,
    Suite::AES_256_GCM,
];

/// Whatever the suite, keys are wrapped with 256 bits, in its mode.
fn wrapping(suite: Suite, key: &WrappingKey) -> Option<Cipher> {
    let suite = match suite {
        Suite::AES_128_CCM | Suite::AES_192_CCM | Suite::AES_256_CCM => Suite::AES_256_CCM,
        _ => Suite::AES_256_GCM,
    };
    Cipher::new(suite, key.bytes())
}

fn integer(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}
