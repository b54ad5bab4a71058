//! Records as they lie on the device in encrypted datasets.
//!
//! The ciphertext of a block is one message over all its records; salt and IV stand in the pointer to the
//! block, the MAC takes the place of the last two words of its proof. Pointers in records stay in clear, for
//! they are needed to claim the blocks before the key is there. Handbook: [`docs/format/13-space.md`], 13.8,
//! "Encrypted datasets".
//!
//! ```
//! use zfsp_grammar::{input::{Input, Order, Parse}, zil::encrypted::Ciphertext};
//!
//! let (_, read) = Ciphertext::parse(Input::new(&[1, 2, 3], Order::Little))?;
//! assert_eq!(read.ciphertext, [1, 2, 3]);
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//!
//! [`docs/format/13-space.md`]: crate::handbook::space

use alloc::vec::Vec;

use crate::blkptr::Pointer;
use crate::input::{bytes, list, rest};

record! {
    /// The body of most types: nothing is in clear.
    ///
    /// Chapter 13, 13.8.
    pub struct Ciphertext<'a> {
        0x0 ciphertext: &'a [u8] = rest,
    }
    says Ciphertext::summary;
}

record! {
    /// The body of `TX_WRITE`.
    ///
    /// Chapter 13, 13.8.
    pub struct EncryptedWrite<'a> {
        /// object, offset and length
        0x00 ciphertext: &'a [u8] = bytes(32usize),
        /// block of the file that holds the data, where the data does not follow
        0x20 blkptr:     Pointer,
        /// ciphertext of the data; none where the pointer leads to it
        0xa0 data:       &'a [u8] = rest,
    }
    says EncryptedWrite::summary;
}

record! {
    /// The body of `TX_CLONE_RANGE`.
    ///
    /// Chapter 13, 13.8.
    pub struct EncryptedClone<'a> {
        /// object, offset, length and block size
        0x00 ciphertext: &'a [u8] = bytes(32usize),
        0x20 nbps:       u64,
        0x28 bps:        Vec<Pointer> = list(usize::try_from(nbps).unwrap_or(usize::MAX), Pointer::parse),
    }
    says EncryptedClone::summary;
}

impl Ciphertext<'_> {
    fn summary(&self) -> &'static str {
        "encrypted"
    }
}

impl EncryptedWrite<'_> {
    fn summary(&self) -> &'static str {
        if self.data.is_empty() { "encrypted, by pointer" } else { "encrypted, with data" }
    }
}

impl EncryptedClone<'_> {
    fn summary(&self) -> alloc::string::String {
        alloc::format!("encrypted, {} blocks", self.nbps)
    }
}
