//! The keys of a dataset, and what they open.
//!
//! Handbook: `docs/format/22-encryption.md`, 22.5 to 22.8.

use std::fmt;
use std::sync::Arc;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac as _};
use quick_cache::sync::Cache;
use sha2::Sha512;
use zeroize::{Zeroize, Zeroizing};
use zfsp_grammar::blkptr::{Authenticated, Encrypted};
use zfsp_grammar::dsl::crypto_key::{KeyVersion, Suite};
use zfsp_grammar::object_type::ObjectType;

use super::cipher::{Cipher, Seal};
use super::{Mac, dnodes};

/// Bytes of the key that blocks in clear are authenticated with.
pub(super) const HMAC_KEY_SIZE: usize = 64;
/// A writer takes a new salt after some hundred million blocks: few are in use at a time.
const SALTS: usize = 64;

/// Master key and HMAC key of a dataset and its clones. Wiped at the end, and never printed.
pub struct DataKey {
    /// MOS object of the wrapped keys.
    pub object: u64,
    /// Identity of the key.
    pub guid: u64,
    /// Cipher, key length and mode.
    pub suite: Suite,
    /// What is authenticated.
    pub version: KeyVersion,
    key_length: usize,
    /// What the keys of blocks are made from, for each salt one.
    master: Hkdf<Sha512>,
    /// With the HMAC key, and no message yet.
    hmac: Hmac<Sha512>,
    /// By salt.
    ciphers: Cache<[u8; 8], Arc<Cipher>>,
}

impl DataKey {
    /// `None` if the suite is not known, or if its keys have another length.
    pub(super) fn new(
        (object, guid): (u64, u64),
        suite: Suite,
        version: KeyVersion,
        master: &[u8],
        hmac: &[u8],
    ) -> Option<Self> {
        let key_length = suite.key_length().filter(|length| *length == master.len())?;
        let (mut extracted, master) = Hkdf::extract(None, master);
        extracted.as_mut_slice().zeroize();
        let hmac = Hmac::new_from_slice(hmac).ok()?;
        Some(Self { object, guid, suite, version, key_length, master, hmac, ciphers: Cache::new(SALTS) })
    }

    /// The cipher for blocks with that salt.
    pub(super) fn cipher(&self, salt: [u8; 8]) -> Option<Arc<Cipher>> {
        let made = self.ciphers.get_or_insert_with(&salt, || {
            let mut key = Zeroizing::new(vec![0; self.key_length]);
            self.master.expand(&salt, &mut key).map_err(drop)?;
            Cipher::new(self.suite, &key).map(Arc::new).ok_or(())
        });
        made.ok()
    }

    /// An HMAC that was told nothing yet.
    pub(super) fn hmac(&self) -> Hmac<Sha512> {
        self.hmac.clone()
    }

    /// Decrypts a block where it is: all of it, but of dnodes only their bonuses.
    ///
    /// # Errors
    /// Which MAC is wrong: the bytes mean nothing then.
    pub fn open(&self, b: &Encrypted, stored: &mut [u8]) -> Result<(), Mac> {
        let seal = Seal { nonce: b.iv_bytes(), tag: b.mac_bytes() };
        let cipher = self.cipher(b.salt_bytes());
        let (mac, opened) = match b.prop.r#type() {
            ObjectType::DNODE => {
                let order = b.prop.order();
                let open = |cipher: Arc<Cipher>| dnodes::open(&cipher, &seal, self.version, order, stored);
                (Mac::Dnodes, cipher.is_some_and(open))
            }
            _ => (Mac::Data, cipher.is_some_and(|cipher| cipher.open(&seal, &[], stored))),
        };
        if opened { Ok(()) } else { Err(mac) }
    }

    /// Checks a block that is stored in clear.
    ///
    /// # Errors
    /// That its MAC is wrong.
    pub fn authenticate(&self, b: &Authenticated, stored: &[u8]) -> Result<(), Mac> {
        let mut hmac = self.hmac();
        hmac.update(stored);
        hmac.verify_truncated_left(&b.mac_bytes()).map_err(|_| Mac::Clear)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DataKey of object {}", self.object)
    }
}
