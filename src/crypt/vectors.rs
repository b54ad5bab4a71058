//! What is known to be right: the vectors of handbook 22.18, and others that were made with another implementation.

use aes_gcm::AeadInOut;
use aes_gcm::aead::inout::InOutBuf;
use hmac::Mac as _;
use zfsp_grammar::blkptr::{BLKPTR_SIZE, Encrypted};
use zfsp_grammar::dsl::crypto_key::{KeyFormat, KeyVersion, Suite};
use zfsp_grammar::input::{Input, Order, Parse};
use zfsp_grammar::zap::value::Integers;

use super::cipher::{Cipher, Seal};
use super::{CryptoKey, DataKey, Mac, Refusal, WrappingKey};

const WRAPPING_KEY: &str = "2d7c972909ef298174ec093b753d47851c29fe9c8d3592c71a72d1b3a824ed85";
const GUID: u64 = 0x1122_3344_5566_7788;
const SALT: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

/// What a suite makes of the keys and the block of 22.18.
struct Vector {
    suite: u64,
    master: &'static str,
    hmac: &'static str,
    /// Of the wrapping, of versions 0 and 1.
    macs: [&'static str; 2],
    block: &'static str,
    tag: &'static str,
}

/// Suites 3 and 8 in version 1 are those of the handbook, all others are what the Python package `cryptography`
/// makes of the same keys; it makes those two as well.
const VECTORS: [Vector; 6] = [
    Vector {
        suite: 3,
        master: "1d2c63fb7c634bc59c3d6ec169079efd",
        hmac: "b77d899d913750a73d651b45368395e915c862ae9f8c50373ea940db4bd2ef2b\
               1b0f499702e36f8332ebdea1c598a8be117aa69d40df80f0e384faccfb2ef061",
        macs: ["4a3f541f20bcae07e20cb56eb787163d", "2519e32aaec8248c698935097351310c"],
        block: "261fb53971a2d05498fc839981f5cd5692a6f4f1f52d8fbe1dcbc027cd4b4df4",
        tag: "084f89ef9cbf02f14ef0a68822b6892d",
    },
    Vector {
        suite: 4,
        master: "1d2c63fb7c634bc59c3d6ec169079efde72dd9cdc16700f7",
        hmac: "356d134d3e8b9de10dd07ab68794482f36a148d343dae723233771af3adb57bb\
               3ae3d6a9cd90a0b60962be8558c798e8eb8cf2c4f326f869d0f8b2bc3a7a7622",
        macs: ["d32dedd9c7c83c79f8c4e3138a925095", "1051a409e7381425a36d55c05bb5ef43"],
        block: "ee2e2ede7726fffab67cd668f730c5e9b1d54b5ce546bb431c30c390429bc74f",
        tag: "8528855ca030dbc25f4b45c0a43d03f4",
    },
    Vector {
        suite: 5,
        master: "1d2c63fb7c634bc59c3d6ec169079efde72dd9cdc16700f76d354b1566d3c5b9",
        hmac: "05d872be8f9c40272eb950cb5bc2ff3b2b3f79a732d35fb302dbee91f5a8988e\
               016ab68d50cf90e0f394eadceb3ee071d8f0bab432727e2a45815fdd6ce07c09",
        macs: ["23f40096bd478595c69685f5550d42fc", "230bc0fb70692a93e69edad046995c8a"],
        block: "8cee37cce0c4c9d3f811c409d62084a988c6a63c356b9a9b785af07b88323d3c",
        tag: "da1136be687039e776932901f6b264f7",
    },
    Vector {
        suite: 6,
        master: "6d9bfa3c2e011450055e887cac140864",
        hmac: "41c6cb927d2f97ba655127a024644ee04af253c0dfe10859a02e814544bc18e2\
               aa03957763b86293e386cfdca099a5ae57c2f8e06506a234d1c129590eb1e927",
        macs: ["688bfe28be85f95226e645eb28e24065", "4cf7278d4ec2c83aeb79857370c0a88c"],
        block: "f76dc796d85953bb489b6a7c42f2ba743a077495d72b8a4751dca66c04f888d8",
        tag: "b0604f6dce82cc6898b27c8596d94d12",
    },
    Vector {
        suite: 7,
        master: "6d9bfa3c2e011450055e887cac14086411969bc22d7fc7ea",
        hmac: "6d592fa82c6c46e852ea4bd8c7f91041a826894d4cb410ea923bad4f5b805aab\
               eb8ec7d4a891ada64fdae0f87d1eba2cd9c9215106b9e12f512b7b2c0113d024",
        macs: ["905b7ad23caa4d96f24f6382ce0e9fef", "28608054283571a5c5c39d056e805c83"],
        block: "7967c7a9ab9e19f7c777bb9617ad08481f8485207bbf91a35619cfc7452ef736",
        tag: "895c82bddaee2b5823aa7c0d692b79d3",
    },
    Vector {
        suite: 8,
        master: "6d9bfa3c2e011450055e887cac14086411969bc22d7fc7ea350177f074341eb0",
        hmac: "5ae243d0cff11849b03e915554ac08f29a33a547538852a3d3b6ffec90a9959e\
               47d2e8f07516b224c1d139491ea1f93759237324091bd82cff1dccca202d712e",
        macs: ["26464bae242df8dbc5bb518c7ee70d33", "89c1a34bf71638cf408125f939ca0158"],
        block: "3d8bf3a5e8d3b363c1772800a0676a77d82bae81216418053718a0c14077230a",
        tag: "a2a36d05a93460450d244e2b4d50dd02",
    },
];

fn hex(text: &str) -> Vec<u8> {
    crate::dump::hex(text).unwrap()
}

fn integers(bytes: Vec<u8>) -> Integers {
    Integers { width: 1, bytes }
}

impl Vector {
    fn wrapped(&self, version: u64) -> CryptoKey {
        let mut master = hex(self.master);
        // what is behind a shorter key means nothing
        master.resize(32, 0xee);
        let mac = self.macs[usize::try_from(version).unwrap()];
        let mut entries = vec![
            ("DSL_CRYPTO_SUITE", Integers::word(self.suite)),
            ("DSL_CRYPTO_GUID", Integers::word(GUID)),
            ("DSL_CRYPTO_IV", integers((0xa0..=0xab).collect())),
            ("DSL_CRYPTO_MAC", integers(hex(mac))),
            ("DSL_CRYPTO_MASTER_KEY_1", integers(master)),
            ("DSL_CRYPTO_HMAC_KEY_1", integers(hex(self.hmac))),
        ];
        if version > 0 {
            entries.push(("DSL_CRYPTO_VERSION", Integers::word(version)));
        }
        let entry = |name: &str| entries.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
        CryptoKey::of(7, |name| Ok(entry(name))).unwrap()
    }
}

fn wrapping_key() -> WrappingKey {
    WrappingKey::of(KeyFormat::HEX, WRAPPING_KEY.as_bytes(), None).unwrap()
}

fn plaintext() -> Vec<u8> {
    let mut block = b"The quick brown fox".to_vec();
    block.resize(512, 0);
    block
}

/// Encrypts `bytes` where they are; returns the tag.
fn seal(cipher: &Cipher, nonce: [u8; 12], aad: &[u8], bytes: &mut [u8]) -> Vec<u8> {
    let (nonce, buffer) = ((&nonce).into(), InOutBuf::from(bytes));
    let tag = match cipher {
        Cipher::Aes128Ccm(cipher) => cipher.encrypt_inout_detached(nonce, aad, buffer),
        Cipher::Aes192Ccm(cipher) => cipher.encrypt_inout_detached(nonce, aad, buffer),
        Cipher::Aes256Ccm(cipher) => cipher.encrypt_inout_detached(nonce, aad, buffer),
        Cipher::Aes128Gcm(cipher) => cipher.encrypt_inout_detached(nonce, aad, buffer),
        Cipher::Aes192Gcm(cipher) => cipher.encrypt_inout_detached(nonce, aad, buffer),
        Cipher::Aes256Gcm(cipher) => cipher.encrypt_inout_detached(nonce, aad, buffer),
    };
    tag.unwrap().to_vec()
}

/// A pointer to the block of 22.18.
fn pointer(tag: &[u8]) -> Encrypted {
    let mut raw = [0; BLKPTR_SIZE];
    raw[32..40].copy_from_slice(&SALT);
    raw[40..48].copy_from_slice(&[0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17]);
    // plain file contents, level 0, encrypted, little-endian
    raw[54..56].copy_from_slice(&[19, 0xa0]);
    raw[92..96].copy_from_slice(&[0x18, 0x19, 0x1a, 0x1b]);
    raw[112..].copy_from_slice(tag);
    Encrypted::parse(Input::new(&raw, Order::Little)).unwrap().1
}

#[test]
fn every_suite_unwraps_derives_and_opens() {
    for vector in &VECTORS {
        let suite = Suite(vector.suite);
        for version in [0, 1] {
            let key = vector.wrapped(version).unwrap(&wrapping_key()).unwrap();
            assert_eq!((key.suite, key.version), (suite, KeyVersion(version)));
            let mut block = plaintext();
            let tag = seal(&key.cipher(SALT).unwrap(), pointer(&[0; 16]).iv_bytes(), &[], &mut block);
            assert_eq!(
                (&block[..32], tag.as_slice()),
                (&hex(vector.block)[..], &hex(vector.tag)[..]),
                "{suite}"
            );
            key.open(&pointer(&tag), &mut block).unwrap();
            assert_eq!(block, plaintext(), "{suite}");
            assert_eq!(
                key.open(&pointer(&tag), &mut block),
                Err(Mac::Data),
                "what is in clear is no ciphertext"
            );
            check_hmac_key(&key);
        }
    }
}

/// Salt and IV of a block that is in the dedup table, which are made with the HMAC key.
fn check_hmac_key(key: &DataKey) {
    let mut hmac = key.hmac();
    hmac.update(&plaintext());
    let salt_and_iv = hex("ae0bfbc56d5aa5ddc1ba5df7a09c7a5c5fd3feda");
    assert!(hmac.finalize().into_bytes().starts_with(&salt_and_iv));
}

#[test]
fn what_does_not_unwrap() {
    for vector in &VECTORS {
        let wrong = WrappingKey::of(KeyFormat::RAW, &[0; 32], None).unwrap();
        assert_eq!(vector.wrapped(1).unwrap(&wrong).unwrap_err(), Refusal::Wrong(7));
        // the version is authenticated, and told if it alone was altered
        for (version, other) in [(0, KeyVersion::CURRENT), (1, KeyVersion::FIRST)] {
            let mut altered = vector.wrapped(version);
            altered.version = other;
            let entry = format!("DSL_CRYPTO_VERSION {}", KeyVersion(version));
            assert_eq!(altered.unwrap(&wrapping_key()).unwrap_err(), Refusal::Entry { object: 7, entry });
        }
        let mut altered = vector.wrapped(1);
        altered.guid ^= 1;
        assert_eq!(altered.unwrap(&wrapping_key()).unwrap_err(), Refusal::Wrong(7));
    }
}

/// Test cases 4, 10 and 16 of the specification of GCM; and what the Python package `cryptography` makes of them in
/// CCM, for which no standard gives vectors with this nonce and this tag.
#[test]
fn ciphers_with_associated_data() {
    let key = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    let aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    let nonce = *hex("cafebabefacedbaddecaf888").first_chunk().unwrap();
    let plaintext = hex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
         1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
    for (suite, ciphertext, tag) in [
        (
            Suite::AES_128_GCM,
            "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e\
             21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
            "5bc94fbc3221a5db94fae95ae7121a47",
        ),
        (
            Suite::AES_192_GCM,
            "3980ca0b3c00e841eb06fac4872a2757859e1ceaa6efd984628593b40ca1e19c\
             7d773d00c144c525ac619d18c84a3f4718e2448b2fe324d9ccda2710",
            "2519498e80f1478f37ba55bd6d27618c",
        ),
        (
            Suite::AES_256_GCM,
            "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
             8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
            "76fc6ece0f4e1768cddf8853bb2d551b",
        ),
        (
            Suite::AES_128_CCM,
            "0893e94b9148801af0f73426abb00e3ca49bf09d79a20127a7eb1926fa890537\
             87ff02d07d71813b885b85e7f96c4eedf420db126a0451ce13bd41ba",
            "0238c326b47b34f78f659e751096cd22",
        ),
        (
            Suite::AES_192_CCM,
            "928a07b18b0c0e78df4db7390636733005932b62c051ff75d697850add8f71f3\
             91f61cbc7174c01e7ab35b27d4f2d6368e1ba5595b048a388cf39cce",
            "131c50b012e4e0c8366899974644a726",
        ),
        (
            Suite::AES_256_CCM,
            "c5cccc57f32343875b5b95f98869ae19769c5e3a0dd458f949fd7701ee81615d\
             7bcb73207c692d816ff9ace558b8b6364376462bca63ea887c3ca82e",
            "626254613f2c9851cb2233929dbbd4b1",
        ),
    ] {
        let cipher = Cipher::new(suite, &key[..suite.key_length().unwrap()]).unwrap();
        let tag = *hex(tag).first_chunk().unwrap();
        let open = |seal: &Seal, aad: &[u8]| {
            let mut bytes = hex(ciphertext);
            cipher.open(seal, aad, &mut bytes).then_some(bytes)
        };
        assert_eq!(open(&Seal { nonce, tag }, &aad), Some(plaintext.clone()), "{suite}");
        assert_eq!(open(&Seal { nonce, tag }, &aad[1..]), None, "{suite}");
        assert_eq!(open(&Seal { nonce: [0; 12], tag }, &aad), None, "{suite}");
        assert_eq!(open(&Seal { nonce, tag: [0; 16] }, &aad), None, "{suite}");
        assert!(Cipher::new(suite, &key[..15]).is_none());
    }
    assert!(Cipher::new(Suite(2), &key).is_none() && Cipher::new(Suite(9), &key).is_none());
}
