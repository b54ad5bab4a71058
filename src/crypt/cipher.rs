//! AES of three key lengths in two modes, with nonces of 12 bytes and tags of 16.
//!
//! Handbook: `docs/format/22-encryption.md`, 22.1.

use std::ops::Range;

use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AeadInOut, AesGcm, KeyInit};
use ccm::Ccm;
use zfsp_grammar::dsl::crypto_key::Suite;

type BoxedGcm<Aes> = Box<AesGcm<Aes, U12, U16>>;
type BoxedCcm<Aes> = Box<Ccm<Aes, U16, U12>>;

/// A cipher with its key, which is wiped at the end.
pub(super) enum Cipher {
    Aes128Ccm(BoxedCcm<Aes128>),
    Aes192Ccm(BoxedCcm<Aes192>),
    Aes256Ccm(BoxedCcm<Aes256>),
    Aes128Gcm(BoxedGcm<Aes128>),
    Aes192Gcm(BoxedGcm<Aes192>),
    Aes256Gcm(BoxedGcm<Aes256>),
}

/// What salt, IV and tag are to a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seal {
    pub(super) nonce: [u8; 12],
    pub(super) tag: [u8; 16],
}

impl Cipher {
    /// Of a suite; `None` if there is no such suite, or if its keys have another length.
    pub(super) fn new(suite: Suite, key: &[u8]) -> Option<Self> {
        fn with<C: KeyInit>(key: &[u8]) -> Option<Box<C>> {
            C::new_from_slice(key).ok().map(Box::new)
        }
        match suite {
            Suite::AES_128_CCM => with(key).map(Self::Aes128Ccm),
            Suite::AES_192_CCM => with(key).map(Self::Aes192Ccm),
            Suite::AES_256_CCM => with(key).map(Self::Aes256Ccm),
            Suite::AES_128_GCM => with(key).map(Self::Aes128Gcm),
            Suite::AES_192_GCM => with(key).map(Self::Aes192Gcm),
            Suite::AES_256_GCM => with(key).map(Self::Aes256Gcm),
            _ => None,
        }
    }

    /// Decrypts `bytes` where they are; false if the tag is not that of `aad` and `bytes`: they mean nothing then.
    #[must_use]
    pub(super) fn open(&self, seal: &Seal, aad: &[u8], bytes: &mut [u8]) -> bool {
        let Seal { nonce, tag } = seal;
        let buffer = InOutBuf::from(bytes);
        let (nonce, tag) = (nonce.into(), tag.into());
        let opened = match self {
            Self::Aes128Ccm(cipher) => cipher.decrypt_inout_detached(nonce, aad, buffer, tag),
            Self::Aes192Ccm(cipher) => cipher.decrypt_inout_detached(nonce, aad, buffer, tag),
            Self::Aes256Ccm(cipher) => cipher.decrypt_inout_detached(nonce, aad, buffer, tag),
            Self::Aes128Gcm(cipher) => cipher.decrypt_inout_detached(nonce, aad, buffer, tag),
            Self::Aes192Gcm(cipher) => cipher.decrypt_inout_detached(nonce, aad, buffer, tag),
            Self::Aes256Gcm(cipher) => cipher.decrypt_inout_detached(nonce, aad, buffer, tag),
        };
        opened.is_ok()
    }

    /// Decrypts parts of a block where they are: together they are one message. False if the tag is not theirs: then the
    /// block is as before.
    #[must_use]
    pub(super) fn open_parts(
        &self,
        seal: &Seal,
        aad: &[u8],
        block: &mut [u8],
        parts: &[Range<usize>],
    ) -> bool {
        let mut message = Vec::with_capacity(block.len());
        for part in parts {
            let Some(bytes) = block.get(part.clone()) else { return false };
            message.extend_from_slice(bytes);
        }
        if !self.open(seal, aad, &mut message) {
            return false;
        }
        let mut rest = message.as_slice();
        for part in parts {
            if let (Some((bytes, behind)), Some(place)) =
                (rest.split_at_checked(part.len()), block.get_mut(part.clone()))
            {
                place.copy_from_slice(bytes);
                rest = behind;
            }
        }
        true
    }
}
