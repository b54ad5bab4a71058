//! A writer of encrypted blocks, after the text of `docs/format/22-encryption.md` alone: it knows nothing of the reader.
//!
//! It makes structures from what they are to hold, and notes as it goes which of their bits are authenticated.

use std::ops::Range;

use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::{AeadInOut, AesGcm, KeyInit};
use ccm::Ccm;
use hmac::{Hmac, Mac as _};
use sha2::{Digest, Sha512};
use zfsp::crypt::{CryptoKey, DataKey, WrappingKey};
use zfsp_grammar::blkptr::BLKPTR_SIZE;
use zfsp_grammar::dsl::crypto_key::KeyFormat;
use zfsp_grammar::input::Order;
use zfsp_grammar::zap::value::Integers;

use super::image::Random;
use super::seal_parts::{Dnode, Record, form, proven_of};

/// The keys of a dataset, and how it uses them.
pub(crate) struct Writer {
    pub(crate) suite: u64,
    pub(crate) version: u64,
    pub(crate) master: Vec<u8>,
    pub(crate) hmac: Vec<u8>,
    pub(crate) wrapping: Vec<u8>,
}

/// Salt, IV and MAC, as the bytes that they are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Params {
    pub(crate) salt: [u8; 8],
    pub(crate) iv: [u8; 12],
    pub(crate) mac: [u8; 16],
}

/// A block, and which of its bits are authenticated: a mask for each byte.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sealed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) proven: Vec<u8>,
}

pub(crate) fn bytes(random: &mut Random, len: usize) -> Vec<u8> {
    (0..len).map(|_| random.byte()).collect()
}

/// A number as its bytes in that order.
pub(crate) fn word(order: Order, n: u64) -> [u8; 8] {
    if order == Order::Little { n.to_le_bytes() } else { n.to_be_bytes() }
}

/// The number whose bytes in that order these are.
pub(crate) fn number(order: Order, bytes: &[u8]) -> u64 {
    let bytes = bytes[..8].try_into().unwrap();
    if order == Order::Little { u64::from_le_bytes(bytes) } else { u64::from_be_bytes(bytes) }
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 64] {
    let mut hmac = <Hmac<Sha512> as hmac::KeyInit>::new_from_slice(key).unwrap();
    hmac.update(message);
    hmac.finalize().into_bytes().into()
}

/// 22.1: encrypts where it is; returns the tag.
fn aead(suite: u64, key: &[u8], iv: &[u8; 12], aad: &[u8], message: &mut [u8]) -> [u8; 16] {
    fn with<C: KeyInit + AeadInOut<NonceSize = U12, TagSize = U16>>(
        key: &[u8],
        iv: &[u8; 12],
        aad: &[u8],
        message: &mut [u8],
    ) -> [u8; 16] {
        let cipher = C::new_from_slice(key).unwrap();
        cipher.encrypt_inout_detached(iv.into(), aad, message.into()).unwrap().into()
    }
    match suite {
        3 => with::<Ccm<Aes128, U16, U12>>(key, iv, aad, message),
        4 => with::<Ccm<Aes192, U16, U12>>(key, iv, aad, message),
        5 => with::<Ccm<Aes256, U16, U12>>(key, iv, aad, message),
        6 => with::<AesGcm<Aes128, U12, U16>>(key, iv, aad, message),
        7 => with::<AesGcm<Aes192, U12, U16>>(key, iv, aad, message),
        8 => with::<AesGcm<Aes256, U12, U16>>(key, iv, aad, message),
        _ => panic!("no suite {suite}"),
    }
}

impl Writer {
    pub(crate) fn new(suite: u64, version: u64, random: &mut Random) -> Self {
        let key_length = [16, 24, 32][suite as usize % 3];
        let (master, hmac) = (bytes(random, key_length), bytes(random, 64));
        Self { suite, version, master, hmac, wrapping: bytes(random, 32) }
    }

    /// 22.2 and 22.4: the entries of its key object.
    pub(crate) fn key_object(&self, random: &mut Random) -> Vec<(&'static str, Integers)> {
        let guid = number(Order::Little, &bytes(random, 8));
        let iv: [u8; 12] = bytes(random, 12).try_into().unwrap();
        let mut aad = guid.to_le_bytes().to_vec();
        if self.version == 1 {
            aad.extend(self.suite.to_le_bytes());
            aad.extend(self.version.to_le_bytes());
        }
        let mut message = [&self.master[..], &self.hmac].concat();
        // always 256 bits, in the mode of the suite
        let tag = aead(if self.suite < 6 { 5 } else { 8 }, &self.wrapping, &iv, &aad, &mut message);
        let (master, hmac) = message.split_at(self.master.len());
        let mut master = master.to_vec();
        master.resize(32, 0x5a);
        let bytes = |bytes: &[u8]| Integers { width: 1, bytes: bytes.into() };
        let mut entries = vec![
            ("DSL_CRYPTO_SUITE", Integers::word(self.suite)),
            ("DSL_CRYPTO_GUID", Integers::word(guid)),
            ("DSL_CRYPTO_IV", bytes(&iv)),
            ("DSL_CRYPTO_MAC", bytes(&tag)),
            ("DSL_CRYPTO_MASTER_KEY_1", bytes(&master)),
            ("DSL_CRYPTO_HMAC_KEY_1", bytes(hmac)),
        ];
        if self.version > 0 {
            entries.push(("DSL_CRYPTO_VERSION", Integers::word(self.version)));
        }
        entries
    }

    /// What a reader has who knows the wrapping key.
    pub(crate) fn reader(&self, random: &mut Random) -> DataKey {
        let entries = self.key_object(random);
        let entry = |name: &str| entries.iter().find(|(key, _)| *key == name).map(|(_, value)| value);
        let wrapped = CryptoKey::of(1, |name| Ok(entry(name))).unwrap();
        wrapped.unwrap(&WrappingKey::of(KeyFormat::RAW, &self.wrapping, None).unwrap()).unwrap()
    }

    /// 22.5.
    fn block_key(&self, salt: &[u8; 8]) -> Vec<u8> {
        let prk = hmac(&[0; 64], &self.master);
        hmac(&prk, &[&salt[..], &[1]].concat())[..self.master.len()].into()
    }

    /// Encrypts `message` where it is; returns the parameters with its MAC.
    fn seal(&self, aad: &[u8], message: &mut [u8], random: &mut Random) -> Params {
        let (salt, iv) = (bytes(random, 8).try_into().unwrap(), bytes(random, 12).try_into().unwrap());
        let mac = aead(self.suite, &self.block_key(&salt), &iv, aad, message);
        Params { salt, iv, mac }
    }

    /// 22.8.
    pub(crate) fn data(&self, plain: &[u8], random: &mut Random) -> (Sealed, Params) {
        let mut bytes = plain.to_vec();
        let params = self.seal(&[], &mut bytes, random);
        (Sealed { proven: vec![0xff; bytes.len()], bytes }, params)
    }

    /// 22.6: a block in clear.
    pub(crate) fn authenticated(&self, plain: &[u8]) -> Params {
        Params { mac: hmac(&self.hmac, plain)[..16].try_into().unwrap(), ..Params::default() }
    }

    /// 22.9: returns the block in clear as well.
    pub(crate) fn dnodes(
        &self,
        order: Order,
        dnodes: &[Dnode],
        random: &mut Random,
    ) -> (Vec<u8>, Sealed, Params) {
        let (mut plain, mut proven) = (Vec::new(), Vec::new());
        let (mut aad, mut message, mut secrets) = (Vec::new(), Vec::new(), Vec::new());
        for dnode in dnodes {
            let start = plain.len();
            let core = dnode.core(order);
            let mut masked = core.clone();
            masked[7] &= 4;
            masked[24..32].fill(0);
            aad.extend_from_slice(&masked);
            let mut mask = vec![0xff; 64];
            mask[7] = 4;
            mask[24..32].fill(0);
            proven.extend(mask);
            plain.extend(core);
            for pointer in &dnode.pointers {
                aad.extend(form(pointer, order, self.version));
                proven.extend(proven_of(pointer, order, self.version));
                plain.extend_from_slice(pointer);
            }
            if let Some(spill) = &dnode.spill {
                aad.extend(form(spill, order, self.version));
            }
            if dnode.is_secret() {
                secrets.push(plain.len()..plain.len() + dnode.bonus.len());
                message.extend_from_slice(&dnode.bonus);
            } else {
                aad.extend_from_slice(&dnode.bonus);
            }
            proven.extend(vec![0xff; dnode.bonus.len()]);
            plain.extend_from_slice(&dnode.bonus);
            if let Some(spill) = &dnode.spill {
                proven.extend(proven_of(spill, order, self.version));
                plain.extend_from_slice(spill);
            }
            assert_eq!((plain.len() - start) % 512, 0);
        }
        let params = self.seal(&aad, &mut message, random);
        let bytes = with_parts(&plain, secrets, &message);
        (plain, Sealed { bytes, proven }, params)
    }

    /// 22.11.
    pub(crate) fn indirect(&self, order: Order, pointers: &[Vec<u8>]) -> (Sealed, Params) {
        let forms: Vec<u8> = pointers.iter().flat_map(|pointer| form(pointer, order, self.version)).collect();
        let proven = pointers.iter().flat_map(|pointer| proven_of(pointer, order, self.version)).collect();
        let mac = Sha512::digest(forms)[..16].try_into().unwrap();
        (Sealed { bytes: pointers.concat(), proven }, Params { mac, ..Params::default() })
    }

    /// 22.12: an object set of that many bytes, with its MACs; which bits of it the portable one proves, and which the
    /// local one. The dnodes are the meta dnode and those of the accounting, as many as there is room for.
    pub(crate) fn object_set(&self, order: Order, kind: u64, flags: u64, dnodes: &[Dnode]) -> [Sealed; 2] {
        let size = [1024, 1024, 2048, 2048, 4096][dnodes.len()];
        let mut bytes = vec![0; size];
        let (mut portable, mut local) = (vec![0; size], vec![0; size]);
        bytes[704..712].copy_from_slice(&word(order, kind));
        bytes[712..720].copy_from_slice(&word(order, flags));
        let dnode_form = |dnode: &Dnode, at: usize, bytes: &mut [u8], proven: &mut [u8]| {
            // all numbers in little-endian form
            let mut form_of = dnode.core(Order::Little);
            form_of[7] &= 4;
            form_of[24..32].fill(0);
            bytes[at..at + 64].copy_from_slice(&dnode.core(order));
            proven[at..at + 64].fill(0xff);
            proven[at + 7] = 4;
            proven[at + 24..at + 32].fill(0);
            let spill_at = at + 512 - BLKPTR_SIZE;
            let places = (0..).map(|n| at + 64 + n * BLKPTR_SIZE).zip(&dnode.pointers);
            for (at, pointer) in places.chain(dnode.spill.iter().map(|spill| (spill_at, spill))) {
                form_of.extend(form(pointer, order, self.version));
                bytes[at..at + BLKPTR_SIZE].copy_from_slice(pointer);
                proven[at..at + BLKPTR_SIZE].copy_from_slice(&proven_of(pointer, order, self.version));
            }
            let bonus = at + 64 + dnode.pointers.len() * BLKPTR_SIZE;
            bytes[bonus..bonus + dnode.bonus.len()].copy_from_slice(&dnode.bonus);
            form_of
        };
        let mut message = [kind.to_be_bytes(), [0; 8]].concat();
        message.extend(dnode_form(&dnodes[0], 0, &mut bytes, &mut portable));
        portable[704..712].fill(0xff);
        portable[720..752].fill(0xff);
        let mac = hmac(&self.hmac, &message);
        bytes[720..752].copy_from_slice(&mac[..32]);

        let mut message = flags.to_le_bytes().to_vec();
        for (dnode, at) in dnodes[1..].iter().zip([1024, 1536, 2048]) {
            let form_of = dnode_form(dnode, at, &mut bytes, &mut local);
            if dnode.kind != 0 {
                message.extend(form_of);
            } else {
                // as long as it stays free
                local[at..at + 512].fill(0);
                local[at] = 0xff;
            }
        }
        local[712..720].fill(0xff);
        // without this bit none is demanded
        local[if order == Order::Little { 712 } else { 719 }] &= !1;
        local[752..784].fill(0xff);
        let is_used = dnodes[1..].iter().take(2).any(|dnode| dnode.kind != 0);
        if is_used && flags & 1 == 1 {
            let mac = hmac(&self.hmac, &message);
            bytes[752..784].copy_from_slice(&mac[..32]);
        } else {
            local.fill(0);
            // with this bit one would be demanded
            local[if order == Order::Little { 712 } else { 719 }] = u8::from(is_used);
        }
        [Sealed { bytes: bytes.clone(), proven: portable }, Sealed { bytes, proven: local }]
    }

    /// 22.13: a log block of that many bytes; returns it in clear as well. The MAC is inside.
    pub(crate) fn log(
        &self,
        order: Order,
        records: &[Record],
        size: usize,
        random: &mut Random,
    ) -> (Vec<u8>, Sealed, Params) {
        let used = 184 + records.iter().map(|record| 32 + record.body.len()).sum::<usize>();
        let mut plain = bytes(random, size);
        plain[136..144].copy_from_slice(&word(order, used as u64));
        plain[144..152].copy_from_slice(&word(order, 0x0210_da7a_b10c_7a11));
        let mut proven = vec![0; size];
        proven[..144].fill(0xff);
        // the MAC
        proven[168..used].fill(0xff);
        let mut aad = plain[..144].to_vec();
        let (mut message, mut secrets, mut at) = (Vec::new(), Vec::new(), 184);
        for record in records {
            let len = 32 + record.body.len();
            plain[at..at + 8].copy_from_slice(&word(order, record.kind));
            plain[at + 8..at + 16].copy_from_slice(&word(order, len as u64));
            plain[at + 32..at + len].copy_from_slice(&record.body);
            aad.extend_from_slice(&plain[at..at + 32]);
            let clear = match record.kind {
                9 => at + 64..at + 192,
                24 => at + 64..at + len,
                _ => at + len..at + len,
            };
            for secret in [at + 32..clear.start, clear.end..at + len] {
                message.extend_from_slice(&plain[secret.clone()]);
                secrets.push(secret);
            }
            aad.extend_from_slice(&plain[clear]);
            at += len;
        }
        let params = self.seal(&aad, &mut message, random);
        plain[168..184].copy_from_slice(&params.mac);
        let bytes = with_parts(&plain, secrets, &message);
        (plain, Sealed { bytes, proven }, params)
    }
}

/// The block with the message in place of its parts.
fn with_parts(block: &[u8], parts: Vec<Range<usize>>, message: &[u8]) -> Vec<u8> {
    let (mut bytes, mut rest) = (block.to_vec(), message);
    for part in parts {
        let (of_part, behind) = rest.split_at(part.len());
        bytes[part].copy_from_slice(of_part);
        rest = behind;
    }
    bytes
}
