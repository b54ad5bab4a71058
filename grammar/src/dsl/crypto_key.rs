//! Crypto keys: the wrapped keys of an encrypted dataset, a ZAP in the MOS.
//!
//! ```
//! use zfsp_grammar::dsl::crypto_key::Suite;
//!
//! assert_eq!(Suite(8).to_string(), "aes-256-gcm");
//! assert_eq!(Suite(8).key_length(), Some(32));
//! ```
//! Each encrypted directory names one; clones share that of their origin. Handbook:
//! [`docs/format/11-dsl.md`], 11.13, and [`docs/format/22-encryption.md`], 22.2.
//!
//! [`docs/format/11-dsl.md`]: crate::handbook::dsl
//! [`docs/format/22-encryption.md`]: crate::handbook::encryption

symbols! {
    /// `DSL_CRYPTO_SUITE`: cipher, key length, mode.
    pub struct Suite(u64) {
        AES_128_CCM = 3 "aes-128-ccm",
        AES_192_CCM = 4 "aes-192-ccm",
        AES_256_CCM = 5 "aes-256-ccm",
        AES_128_GCM = 6 "aes-128-gcm",
        AES_192_GCM = 7 "aes-192-gcm",
        AES_256_GCM = 8 "aes-256-gcm",
    }
}

impl Suite {
    /// Bytes of its keys.
    #[must_use]
    pub fn key_length(self) -> Option<usize> {
        match self {
            Suite::AES_128_CCM | Suite::AES_128_GCM => Some(16),
            Suite::AES_192_CCM | Suite::AES_192_GCM => Some(24),
            Suite::AES_256_CCM | Suite::AES_256_GCM => Some(32),
            _ => None,
        }
    }
}

symbols! {
    /// `DSL_CRYPTO_VERSION`: what is authenticated, of the key and below it.
    pub struct KeyVersion(u64) {
        /// from before the release; the entry is absent
        FIRST = 0 "0",
        CURRENT = 1 "1",
    }
}

symbols! {
    /// `keyformat`: what the user gives.
    pub struct KeyFormat(u64) {
        NONE = 0 "none",
        /// 32 bytes
        RAW = 1 "raw",
        /// 64 hex digits
        HEX = 2 "hex",
        /// 8 to 512 bytes, stretched by PBKDF2
        PASSPHRASE = 3 "passphrase",
    }
}

/// The shape of a value: bytes of an integer, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Key in the ZAP.
    pub key: &'static str,
    /// Bytes of one integer.
    pub width: usize,
    /// Integers.
    pub count: usize,
    /// What it means.
    pub about: &'static str,
}

const fn shape(key: &'static str, width: usize, count: usize, about: &'static str) -> Shape {
    Shape { key, width, count, about }
}

/// The shape of the value of `key`; `None` if the ZAP has no such key.
#[must_use]
pub fn shape_of(key: &str) -> Option<&'static Shape> {
    KEYS.iter().find(|shape| shape.key == key)
}

/// Every key of the ZAP.
pub const KEYS: &[Shape] = &[
    shape("DSL_CRYPTO_SUITE", 8, 1, "cipher suite"),
    shape("DSL_CRYPTO_GUID", 8, 1, "identity of the key"),
    shape("DSL_CRYPTO_IV", 1, 12, "IV of the wrapping"),
    shape("DSL_CRYPTO_MAC", 1, 16, "MAC of the wrapping"),
    shape(
        "DSL_CRYPTO_MASTER_KEY_1",
        1,
        32,
        "wrapped master key; as many bytes count as the suite's keys have",
    ),
    shape("DSL_CRYPTO_HMAC_KEY_1", 1, 64, "wrapped HMAC key"),
    shape("DSL_CRYPTO_ROOT_DDOBJ", 8, 1, "MOS object: directory of the encryption root"),
    shape("DSL_CRYPTO_REFCOUNT", 8, 1, "directories that share it"),
    shape("DSL_CRYPTO_VERSION", 8, 1, "version of the key's authentication; absent: 0"),
    shape("keyformat", 8, 1, "what the user gives"),
    shape("pbkdf2salt", 8, 1, "salt of a passphrase"),
    shape("pbkdf2iters", 8, 1, "rounds for a passphrase"),
];
