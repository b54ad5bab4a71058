//! How fast encrypted blocks are opened: 128 KiB by each suite, on all cores.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench decryption`. Held against what the crates themselves do on
//! one core: the cipher in its mode (`aes-gcm`, `ccm`), and AES on blocks alone, which authenticates nothing. All cores
//! together must reach at least half of the cipher in its mode.

use std::hint::black_box;
use std::time::Instant;

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Aes192, Aes256, Block};
use aes_gcm::aead::consts::{U12, U16};
use aes_gcm::{AeadInOut, AesGcm};
use ccm::Ccm;
use rayon::prelude::*;
use zfsp::crypt::{CryptoKey, DataKey, WrappingKey};
use zfsp_grammar::blkptr::{Encrypted, Pointer};
use zfsp_grammar::dsl::crypto_key::{KeyFormat, Suite};
use zfsp_grammar::input::{Input, Order, Parse};
use zfsp_grammar::zap::value::Integers;

const BLOCK: usize = 128 << 10;
/// Blocks of one round: 32 MiB, more than caches hold.
const BLOCKS: usize = 256;
const ROUNDS: usize = 7;
const NONCE: [u8; 12] = [7; 12];

/// Bytes a second, the best of some rounds.
fn speed(bytes: usize, mut prepare: impl FnMut(), mut run: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        prepare();
        let began = Instant::now();
        run();
        best = best.min(began.elapsed().as_secs_f64());
    }
    bytes as f64 / best
}

/// The keys of a dataset: an object that is wrapped with zeros.
fn data_key(suite: Suite) -> DataKey {
    let length = suite.key_length().unwrap();
    let mut wrapped = [vec![1; length], vec![2; 64]].concat();
    let aad = [9u64, suite.0, 1].map(u64::to_le_bytes).concat();
    let nonce = (&NONCE).into();
    let buffer = wrapped.as_mut_slice().into();
    let tag: [u8; 16] = if suite < Suite::AES_128_GCM {
        Ccm::<Aes256, U16, U12>::new(&[0; 32].into()).encrypt_inout_detached(nonce, &aad, buffer).unwrap().into()
    } else {
        AesGcm::<Aes256, U12>::new(&[0; 32].into()).encrypt_inout_detached(nonce, &aad, buffer).unwrap().into()
    };
    let (master, hmac) = wrapped.split_at(length);
    let bytes = |bytes: &[u8]| Integers { width: 1, bytes: bytes.to_vec() };
    let mut master = master.to_vec();
    master.resize(32, 0);
    let entries = [
        ("DSL_CRYPTO_SUITE", Integers::word(suite.0)),
        ("DSL_CRYPTO_GUID", Integers::word(9)),
        ("DSL_CRYPTO_VERSION", Integers::word(1)),
        ("DSL_CRYPTO_IV", bytes(&NONCE)),
        ("DSL_CRYPTO_MAC", bytes(&tag)),
        ("DSL_CRYPTO_MASTER_KEY_1", bytes(&master)),
        ("DSL_CRYPTO_HMAC_KEY_1", bytes(hmac)),
    ];
    let entry = |name: &str| Ok(entries.iter().find(|(key, _)| *key == name).map(|(_, value)| value));
    let wrapping = WrappingKey::of(KeyFormat::RAW, &[0; 32], None).unwrap();
    CryptoKey::of(1, entry).unwrap().unwrap(&wrapping).unwrap()
}

/// The key that `data_key` makes of salt 0, by the handbook's rule.
fn block_key(length: usize) -> Vec<u8> {
    use hmac::{Hmac, Mac};
    type H = Hmac<sha2::Sha512>;
    let of = |key: &[u8], message: &[u8]| {
        let mut mac = <H as hmac::KeyInit>::new_from_slice(key).unwrap();
        mac.update(message);
        mac.finalize().into_bytes().to_vec()
    };
    let prk = of(&[0; 64], &vec![1; length]);
    of(&prk, &[0, 0, 0, 0, 0, 0, 0, 0, 1])[..length].to_vec()
}

/// A pointer to a block of file contents with that tag.
fn pointer(tag: &[u8; 16]) -> Encrypted {
    let mut raw = [0; 128];
    let sectors = (BLOCK / 512 - 1) as u64;
    let prop = sectors | sectors << 16 | 2 << 32 | 7 << 40 | 19 << 48 | 1 << 61 | 1 << 63;
    raw[0..8].copy_from_slice(&1u64.to_le_bytes());
    raw[40..48].copy_from_slice(&NONCE[..8]);
    raw[48..56].copy_from_slice(&prop.to_le_bytes());
    raw[92..96].copy_from_slice(&NONCE[8..]);
    raw[112..].copy_from_slice(tag);
    match Pointer::parse(Input::new(&raw, Order::Little)).unwrap().1 {
        Pointer::Encrypted(b) => b,
        other => panic!("{other}"),
    }
}

fn bench<Aes: KeyInit + BlockCipherEncrypt + Sync, Mode: KeyInit + AeadInOut<NonceSize = U12, TagSize = U16>>(suite: Suite)
where
    Aes: aes::cipher::BlockSizeUser<BlockSize = U16>,
{
    let key = block_key(suite.key_length().unwrap());
    let mode = Mode::new_from_slice(&key).unwrap();
    let mut sealed: Vec<u8> = (0..=250).cycle().take(BLOCK).collect();
    let tag = mode.encrypt_inout_detached(&NONCE.into(), &[], sealed.as_mut_slice().into()).unwrap();
    let all = std::cell::RefCell::new(vec![sealed.clone(); BLOCKS]);
    let prepare = || all.borrow_mut().iter_mut().for_each(|block| block.copy_from_slice(&sealed));

    let crates = speed(BLOCK * BLOCKS, prepare, || {
        for block in all.borrow_mut().iter_mut() {
            mode.decrypt_inout_detached(&NONCE.into(), &[], block.as_mut_slice().into(), &tag).unwrap();
        }
    });
    let (data_key, pointer) = (data_key(suite), pointer(&tag.into()));
    let ours = speed(BLOCK * BLOCKS, prepare, || {
        all.borrow_mut().par_iter_mut().for_each(|block| data_key.open(&pointer, block).unwrap());
    });
    let aes = Aes::new_from_slice(&key).unwrap();
    let mut blocks: Vec<Block> = vec![Block::default(); 1024];
    let alone = speed(16 * 1024 * BLOCKS, || (), || {
        for _ in 0..BLOCKS {
            aes.encrypt_blocks(black_box(&mut blocks));
        }
    });
    println!(
        "{suite:<12} {:>5.2} GB/s on {} cores; its mode on one core {:>5.2} GB/s: {:.2} of it; AES alone {:>5.2} GB/s: {:.2}",
        ours / 1e9,
        rayon::current_num_threads(),
        crates / 1e9,
        ours / crates,
        alone / 1e9,
        ours / alone
    );
    assert!(ours >= crates / 2.0, "{suite}: slower than half of one core");
}

fn main() {
    bench::<Aes128, Ccm<Aes128, U16, U12>>(Suite::AES_128_CCM);
    bench::<Aes192, Ccm<Aes192, U16, U12>>(Suite::AES_192_CCM);
    bench::<Aes256, Ccm<Aes256, U16, U12>>(Suite::AES_256_CCM);
    bench::<Aes128, AesGcm<Aes128, U12>>(Suite::AES_128_GCM);
    bench::<Aes192, AesGcm<Aes192, U12>>(Suite::AES_192_GCM);
    bench::<Aes256, AesGcm<Aes256, U12>>(Suite::AES_256_GCM);
}
