//! The encryption of datasets, as far as it is in clear.
//!
//! Handbook: `docs/format/11-dsl.md`, 11.13, and `docs/format/22-encryption.md`, 22.2 and 22.15.

use zfsp_grammar::dsl::crypto_key::{KeyFormat, KeyVersion, Suite};

use super::{Dataset, Dir, Dsl};
use crate::crypt::{CryptoKey, Flaw, Stretching};
use crate::object::Loss;

/// The key of an encrypted dataset, and how it is wrapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encryption {
    /// MOS object of the wrapped key.
    pub key: u64,
    /// Cipher, key length and mode.
    pub suite: Suite,
    /// Identity of the key.
    pub guid: u64,
    /// Directory whose user key wraps it: the encryption root.
    pub root: u64,
    /// What the user gives.
    pub format: KeyFormat,
    /// Rounds for a passphrase; 0 for other formats.
    pub pbkdf2iters: u64,
    /// Salt of a passphrase; 0 for other formats.
    pub pbkdf2salt: u64,
    /// What is authenticated with it.
    pub version: KeyVersion,
    /// Directories that share it: the origin and its clones.
    pub refcount: u64,
}

impl Encryption {
    /// How a passphrase becomes the key; `None` if it does not.
    #[must_use]
    pub fn stretching(&self) -> Option<Stretching> {
        let Self { pbkdf2salt: salt, pbkdf2iters: iterations, .. } = *self;
        (iterations != 0).then_some(Stretching { salt, iterations })
    }
}

impl Dsl<'_> {
    /// The encryption of a directory and its snapshots; `None` if it is not encrypted.
    ///
    /// # Errors
    /// [`Loss`], if the key or the way to it cannot be had.
    pub fn encryption(&self, dir: &Dir) -> Result<Option<Encryption>, Loss> {
        self.encryption_of(dir.object)
    }

    /// The same of the directory that is this object of the MOS: an encryption root may have no name any more.
    ///
    /// # Errors
    /// As of [`Dsl::encryption`].
    pub fn encryption_of(&self, dir: u64) -> Result<Option<Encryption>, Loss> {
        let Some(key) = self.key_object(dir)? else { return Ok(None) };
        let wrapped = self.zap(key);
        let number = |name: &str| wrapped.number(name).map(Option::unwrap_or_default);
        Ok(Some(Encryption {
            key,
            suite: Suite(number("DSL_CRYPTO_SUITE")?),
            guid: number("DSL_CRYPTO_GUID")?,
            root: number("DSL_CRYPTO_ROOT_DDOBJ")?,
            format: KeyFormat(number("keyformat")?),
            pbkdf2iters: number("pbkdf2iters")?,
            pbkdf2salt: number("pbkdf2salt")?,
            version: KeyVersion(number("DSL_CRYPTO_VERSION")?),
            refcount: number("DSL_CRYPTO_REFCOUNT")?,
        }))
    }

    /// The MOS object that holds the wrapped keys of a directory; `None` if it is not encrypted.
    ///
    /// # Errors
    /// [`Loss`], if that cannot be read.
    pub fn key_object(&self, dir: u64) -> Result<Option<u64>, Loss> {
        self.extension(dir).number("com.datto:crypto_key_obj")
    }

    /// The wrapped keys in object `key` of the MOS.
    ///
    /// # Errors
    /// [`Flaw`], if it is no key object.
    pub fn crypto_key(&self, key: u64) -> Result<CryptoKey, Flaw> {
        let wrapped = self.zap(key);
        CryptoKey::of(key, |name| wrapped.get(name))
    }

    /// What an encrypted snapshot says of the IVs of its blocks, for incremental streams of raw blocks; `None` if it
    /// does not say it.
    ///
    /// # Errors
    /// [`Loss`], if that cannot be read.
    pub fn ivset_guid(&self, set: &Dataset) -> Result<Option<u64>, Loss> {
        self.extension(set.object).number("com.datto:ivset_guid")
    }

    /// Whether a snapshot, or what came last into a live dataset, was received as raw blocks. Only newer writers say so.
    ///
    /// # Errors
    /// [`Loss`], if that cannot be read.
    pub fn is_raw_received(&self, set: &Dataset) -> Result<bool, Loss> {
        // being there counts: the value is 0
        Ok(self.extension(set.object).get("org.openzfs:raw_received")?.is_some())
    }
}
