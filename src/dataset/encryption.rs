//! What is known of a dataset's encryption without its key.
//!
//! Handbook: `docs/format/11-dsl.md`, 11.13, and `docs/format/22-encryption.md`, 22.2.

use zfsp_grammar::dsl::crypto_key::{KeyFormat, Suite};

use super::{Dir, Dsl};
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
}

impl Dsl<'_> {
    /// The encryption of a directory and its snapshots; `None` if it is not encrypted.
    ///
    /// # Errors
    /// [`Loss`], if the key or the way to it cannot be had.
    pub fn encryption(&self, dir: &Dir) -> Result<Option<Encryption>, Loss> {
        let Some(key) = self.extension(dir.object).number("com.datto:crypto_key_obj")? else {
            return Ok(None);
        };
        let wrapped = self.zap(key);
        let number = |name: &str| wrapped.number(name).map(Option::unwrap_or_default);
        Ok(Some(Encryption {
            key,
            suite: Suite(number("DSL_CRYPTO_SUITE")?),
            guid: number("DSL_CRYPTO_GUID")?,
            root: number("DSL_CRYPTO_ROOT_DDOBJ")?,
            format: KeyFormat(number("keyformat")?),
            pbkdf2iters: number("pbkdf2iters")?,
        }))
    }
}
