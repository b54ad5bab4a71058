//! Key objects of encrypted datasets, altered by an enemy who mends every checksum: each refusal says which entry it is,
//! or what to think of the key, and other datasets open as before.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers

mod common;

use common::each;
use common::pools::open;
use common::site::Site;
use zfsp::dataset::Dsl;
use zfsp::keyring::UserKey;

const ROOT: &str = "lab/aes-128-gcm";
const CHILD: &str = "lab/aes-128-gcm/child";

/// What is done to an entry.
#[derive(Clone, Copy, Debug)]
enum Change {
    Drop,
    /// One integer less, or half of the only one.
    Cut,
    /// The last byte of its value.
    To(u8),
    Flip,
}
use Change::{Cut, Drop, Flip, To};

/// Where an entry of a leaf stands.
fn entry(leaf: &[u8], name: &str) -> usize {
    let number = |at: usize| usize::from(u16::from_le_bytes(leaf[at..at + 2].try_into().unwrap()));
    let chunks = 48 + 2 * (leaf.len() / 32);
    let place = |chunk: usize| chunks + chunk * 24;
    let mut entries = (chunks..leaf.len() - 23).step_by(24).filter(|at| leaf[*at] == 252);
    let is_named = |at: &usize| {
        let start = &name.as_bytes()[..name.len().min(21)];
        number(at + 6) == name.len() + 1 && leaf[place(number(at + 4)) + 1..].starts_with(start)
    };
    entries.find(is_named).unwrap_or_else(|| panic!("no entry {name}"))
}

fn alter(site: &mut Site, object: u64, name: &str, change: Change) {
    let zap = site.forge.object(0, object);
    let mut leaf = zap.block(1).unwrap().bytes;
    let at = entry(&leaf, name);
    let chunk = |at: usize| {
        let number = usize::from(u16::from_le_bytes(leaf[at..at + 2].try_into().unwrap()));
        48 + 2 * (leaf.len() / 32) + number * 24
    };
    let (key, value) = (chunk(at + 4), chunk(at + 8));
    match change {
        // another name
        Drop => leaf[key + 1] ^= 1,
        Cut if leaf[at + 1] == 8 => leaf[at + 1] = 4,
        Cut => leaf[at + 10] -= 1,
        To(byte) => leaf[value + 8] = byte,
        Flip => leaf[value + 1] ^= 1,
    }
    let pointer = site.forge.store(&leaf, zap.r#type.0, 0);
    site.forge.point(0, object, 0, 1, pointer);
}

fn key_object(site: &Site, dataset: &str) -> u64 {
    let dsl = Dsl::of(&site.forge.pool);
    let dir = &dsl.datasets.find(dataset).unwrap().dir;
    dsl.encryption(dir).unwrap().unwrap().key
}

/// What is said of a dataset whose key object is changed so; nothing, if it opens.
const ROWS: &[(&str, Change, &str)] = &[
    ("DSL_CRYPTO_SUITE", Drop, "its key object KEY is damaged: DSL_CRYPTO_SUITE is missing"),
    ("DSL_CRYPTO_GUID", Drop, "its key object KEY is damaged: DSL_CRYPTO_GUID is missing"),
    ("DSL_CRYPTO_IV", Drop, "its key object KEY is damaged: DSL_CRYPTO_IV is missing"),
    ("DSL_CRYPTO_MAC", Drop, "its key object KEY is damaged: DSL_CRYPTO_MAC is missing"),
    ("DSL_CRYPTO_MASTER_KEY_1", Drop, "its key object KEY is damaged: DSL_CRYPTO_MASTER_KEY_1 is missing"),
    ("DSL_CRYPTO_HMAC_KEY_1", Drop, "its key object KEY is damaged: DSL_CRYPTO_HMAC_KEY_1 is missing"),
    (
        "DSL_CRYPTO_VERSION",
        Drop,
        "the key is right, but its key object KEY was altered: DSL_CRYPTO_MAC holds with DSL_CRYPTO_VERSION 1 only",
    ),
    ("DSL_CRYPTO_REFCOUNT", Drop, ""),
    ("keyformat", Drop, ""),
    ("DSL_CRYPTO_SUITE", Cut, "its key object KEY is damaged: DSL_CRYPTO_SUITE is 4 bytes, not 8"),
    ("DSL_CRYPTO_GUID", Cut, "its key object KEY is damaged: DSL_CRYPTO_GUID is 4 bytes, not 8"),
    ("DSL_CRYPTO_IV", Cut, "its key object KEY is damaged: DSL_CRYPTO_IV is 11 bytes, not 12"),
    ("DSL_CRYPTO_MAC", Cut, "its key object KEY is damaged: DSL_CRYPTO_MAC is 15 bytes, not 16"),
    (
        "DSL_CRYPTO_MASTER_KEY_1",
        Cut,
        "its key object KEY is damaged: DSL_CRYPTO_MASTER_KEY_1 is 31 bytes, not 32",
    ),
    (
        "DSL_CRYPTO_HMAC_KEY_1",
        Cut,
        "its key object KEY is damaged: DSL_CRYPTO_HMAC_KEY_1 is 63 bytes, not 64",
    ),
    ("DSL_CRYPTO_VERSION", Cut, "its key object KEY is damaged: DSL_CRYPTO_VERSION is 4 bytes, not 8"),
    ("DSL_CRYPTO_SUITE", To(0), "its key object KEY is damaged: cipher suite 0 is not known"),
    ("DSL_CRYPTO_SUITE", To(9), "its key object KEY is damaged: cipher suite 9 is not known"),
    ("DSL_CRYPTO_SUITE", To(8), OTHER_SUITE),
    ("DSL_CRYPTO_SUITE", To(3), OTHER_SUITE),
    ("DSL_CRYPTO_VERSION", To(2), "its key object KEY is damaged: version 2 is not known"),
    (
        "DSL_CRYPTO_VERSION",
        To(0),
        "the key is right, but its key object KEY was altered: DSL_CRYPTO_MAC holds with DSL_CRYPTO_VERSION 1 only",
    ),
    ("DSL_CRYPTO_GUID", Flip, ALTERED),
    ("DSL_CRYPTO_IV", Flip, ALTERED),
    ("DSL_CRYPTO_MAC", Flip, ALTERED),
    ("DSL_CRYPTO_MASTER_KEY_1", Flip, ALTERED),
    ("DSL_CRYPTO_HMAC_KEY_1", Flip, ALTERED),
];

const OTHER_SUITE: &str = "the key is right, but its key object KEY was altered: DSL_CRYPTO_MAC holds with \
                           DSL_CRYPTO_SUITE aes-128-gcm only";
const ALTERED: &str = "the key is right, for it opens OTHER of the same encryption root, but DSL_CRYPTO_MAC in key object \
                       KEY does not hold: the object was altered, or is wrapped with an earlier key of the root, or by \
                       the sender of a raw stream";

#[test]
fn each_entry() {
    let all: Vec<_> = ROWS.iter().flat_map(|row| [(row, ROOT, CHILD), (row, CHILD, ROOT)]).collect();
    each(all, |((name, change, expected), dataset, other)| {
        let mut site = Site::of("encryption-suites", ROOT);
        let object = key_object(&site, dataset);
        alter(&mut site, object, name, *change);
        let told = expected.replace("KEY", &object.to_string()).replace("OTHER", other);
        // an entry has such a name too
        let told = told
            .replace(&format!("MASTER_{object}"), "MASTER_KEY")
            .replace(&format!("HMAC_{object}"), "HMAC_KEY");
        let (_, attempts) = site.unlock();
        let attempt = attempts.iter().find(|attempt| attempt.dataset == ROOT).unwrap();
        let refused: Vec<_> =
            attempt.refused.iter().map(|(name, why)| (name.as_str(), why.to_string())).collect();
        let wanted = if told.is_empty() { Vec::new() } else { vec![(*dataset, told.clone())] };
        if refused != wanted {
            return Err(format!("{name} of {dataset}, {change:?}: {refused:?}, not {wanted:?}"));
        }
        if !attempt.opened.iter().any(|opened| opened == other) {
            return Err(format!("{name} of {dataset}, {change:?}: {other} does not open"));
        }
        let others = attempts.iter().filter(|attempt| attempt.dataset != ROOT);
        if others.clone().count() != 5 || others.clone().any(|attempt| attempt.opened.len() != 2) {
            return Err(format!("{name} of {dataset}, {change:?}: others do not open"));
        }
        let run = site.run(&["ls", &format!("{dataset}:/")]);
        if (run.code == 0) != told.is_empty() || !run.errors.contains(&told) {
            return Err(format!("{name} of {dataset}, {change:?}: {}: {}", run.code, run.errors));
        }
        Ok(())
    });
}

/// Where nothing else has the same encryption root, a wrong key cannot be told from altered keys.
#[test]
fn alone() {
    for name in ["DSL_CRYPTO_GUID", "DSL_CRYPTO_IV", "DSL_CRYPTO_MAC", "DSL_CRYPTO_HMAC_KEY_1"] {
        let mut site = Site::of("encryption-formats", "lab/hex");
        let object = key_object(&site, "lab/hex");
        alter(&mut site, object, name, Flip);
        let (pool, attempts) = site.unlock();
        let refused: Vec<_> = attempts.iter().flat_map(|attempt| &attempt.refused).collect();
        let [(dataset, why)] = &refused[..] else { panic!("{refused:?}") };
        let wanted = format!(
            "the key is wrong: DSL_CRYPTO_MAC in its key object {object} does not hold with it; the object has all its \
             entries, well formed"
        );
        assert_eq!((dataset.as_str(), why.to_string()), ("lab/hex", wanted));
        assert_eq!(pool.keyring.stores().count(), 3);
    }
}

/// The key of one encryption root, given for all others.
#[test]
fn keys_of_others() {
    let site = Site::of("encryption-suites", ROOT);
    let mut pool = open(site.forge.saved.devices()).unwrap();
    let key = "dde6a107f72b849fe6f866daf22a4064f43d8500f97ad626ed6e93ec880a85f4";
    for other in ["aes-128-ccm", "aes-192-ccm", "aes-192-gcm", "aes-256-ccm", "aes-256-gcm"] {
        let attempts = pool.unlock(&[UserKey::of_file(format!("lab/{other}"), key.as_bytes().to_vec())]);
        assert_eq!(attempts[0].opened, [""; 0]);
        let names: Vec<_> = attempts[0].refused.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(names, [format!("lab/{other}")]);
        assert_eq!(attempts[0].heirs, [format!("lab/{other}/child")]);
        assert!(attempts[0].refused.iter().all(|(_, why)| why.to_string().starts_with("the key is wrong: ")));
    }
    assert!(pool.keyring.is_empty());
}

/// A directory that names the key object of another: the keys are authentic, but not those of its blocks.
#[test]
fn the_key_object_of_another() {
    let mut site = Site::of("encryption-suites", ROOT);
    let (mine, other) = (key_object(&site, ROOT), key_object(&site, CHILD));
    // the wrapped keys of the child, in the place of those of its parent
    let leaf = site.forge.object(0, other).block(1).unwrap().bytes;
    let kind = site.forge.object(0, mine).r#type.0;
    let header = site.forge.object(0, other).block(0).unwrap().bytes;
    for (blkid, block) in [(0, header), (1, leaf)] {
        let pointer = site.forge.store(&block, kind, 0);
        site.forge.point(0, mine, 0, blkid, pointer);
    }
    let (_, attempts) = site.unlock();
    assert!(attempts.iter().all(|attempt| attempt.refused.is_empty()));
    let run = site.run(&["ls", &format!("{ROOT}:/")]);
    let said = "the portable MAC of the object set is wrong: it was altered, or is of another key";
    assert!(run.code != 0 && run.errors.contains(said), "{}", run.errors);
    let run = site.run(&["ls", &format!("{CHILD}:/")]);
    assert_eq!(run.code, 0, "{}", run.errors);
}
