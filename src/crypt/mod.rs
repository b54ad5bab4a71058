//! Native encryption: keys, ciphers and MACs.
//!
//! | part | file |
//! |---|---|
//! | what the user gives, to the key that wraps the keys of datasets: [`WrappingKey`] | `wrapping_key.rs` |
//! | the wrapped keys of a dataset, an object of the MOS: [`CryptoKey`] | `crypto_key.rs` |
//! | the keys of a dataset, and what they open: [`DataKey`] | `data_key.rs` |
//! | AES in two modes | `cipher.rs` |
//! | what is authenticated of a block pointer | `form.rs` |
//! | blocks of dnodes, of which only bonuses are encrypted | `dnodes.rs` |
//! | the MACs of an object set | `objset.rs` |
//! | blocks of intent logs | `log_block.rs` |
//!
//! A block was compressed, then encrypted, then checksummed: its checksum is verified without any key, and its MAC
//! proves that nobody without the key has made it. Handbook: `docs/format/22-encryption.md`.
//!
//! ```
//! use zfsp::crypt::WrappingKey;
//! use zfsp_grammar::dsl::crypto_key::KeyFormat;
//!
//! let digits = "00".repeat(32) + "\n"; // as it stands in a file
//! assert!(WrappingKey::of(KeyFormat::HEX, digits.as_bytes(), None).is_ok());
//! let error = WrappingKey::of(KeyFormat::RAW, digits.as_bytes(), None).unwrap_err();
//! assert_eq!(error.to_string(), "a raw key has 32 bytes, not 65");
//! ```

mod cipher;
mod crypto_key;
mod data_key;
mod dnodes;
mod form;
mod log_block;
mod objset;
#[cfg(test)]
mod vectors;
mod wrapping_key;

use std::fmt;

pub use crypto_key::{CryptoKey, Flaw, Refusal};
pub use data_key::DataKey;
pub use form::indirect_mac_holds;
pub use wrapping_key::{Stretching, Unfit, WrappingKey};

/// What is authenticated: each with a MAC of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mac {
    /// An encrypted block, by the tag in its pointer.
    Data,
    /// A block of dnodes: what is in clear of them as well.
    Dnodes,
    /// A block in clear, by the HMAC in its pointer.
    Clear,
    /// An indirect block: the MACs below it, by the hash in its pointer. It takes no key.
    Indirect,
    /// An object set: its meta dnode, with all below.
    Portable,
    /// An object set: the dnodes of its accounting, with all below.
    Local,
    /// A block of an intent log, by the tag that it holds.
    Log,
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Data => "the MAC of the encrypted block is wrong",
            Self::Dnodes => "the MAC of the dnodes is wrong",
            Self::Clear => "the MAC of the block in clear is wrong",
            Self::Indirect => "the MAC of the pointers is wrong",
            Self::Portable => "the portable MAC of the object set is wrong",
            Self::Local => "the local MAC of the object set is wrong",
            Self::Log => "the MAC of the log block is wrong",
        })
    }
}
