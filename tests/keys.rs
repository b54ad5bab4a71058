//! What pools say of their keys, what keys open, and why they do not.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of small numbers
#![allow(clippy::disallowed_methods)] // key files are written here

#[macro_use]
mod common;

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::sync::LazyLock;

use common::forge::{Forge, micro_zap};
use common::program::zexplore;
use common::transcript::transcript_in;
use common::{Fixture, each, fixture, fixtures};
use proptest::prelude::*;
use serde_json::Value as Json;
use zfsp::crypt::{Flaw, Refusal};
use zfsp::dataset::{Dsl, Encrypted, EncryptionRoots, Rootless};
use zfsp::keyring::{Attempt, Hint, Slip, UserKey};
use zfsp::pool::Pool;
use zfsp_grammar::config::Errata;
use zfsp_grammar::dsl::crypto_key::KeyFormat;

transcripts! {
    two_keys_from_standard_input: "zexplore keys -p fixtures/encryption-formats --key lab/raw=- --key lab/hex=-";
    keys_help: "zexplore keys --help";
    keys_of_all_formats: "zexplore keys -p fixtures/encryption-formats";
    keys_of_heirs_and_clones: "zexplore keys -p fixtures/encryption-mixed";
    keys_of_a_whole_pool: "zexplore keys -v -p fixtures/encryption-pool";
    keys_of_a_pool_in_clear: "zexplore keys -p fixtures/simple";
    keys_of_a_pool_without_features: "zexplore keys -p fixtures/pool-version-1";
    keys_of_a_dataset_in_clear: "zexplore keys lab -p fixtures/encryption-formats";
    keys_of_one_dataset: "zexplore keys lab/parent/own-key/clone lab/parent@s1 -v -p fixtures/encryption-mixed";
    keys_of_no_dataset: "zexplore keys lab/none -p fixtures/encryption-formats";
    keys_that_open: "zexplore keys --keys fixtures/encryption-mixed/keys.json -p fixtures/encryption-mixed";
    keys_of_another_pool: "zexplore keys --keys fixtures/encryption-pool/keys.json -p fixtures/encryption-mixed";
    keys_as_json: "zexplore keys lab/dedup lab --json --keys fixtures/encryption-mixed/keys.json -p fixtures/encryption-mixed";
    keys_of_a_pool_in_clear_as_json: "zexplore keys --json -p fixtures/simple";
}

/// The key of a dataset, as its JSON has it.
fn key(fixture: &str, dataset: &str) -> String {
    let keys: Json = serde_json::from_str(&common::fixture(fixture).text("keys.json").unwrap()).unwrap();
    keys[dataset]["key"].as_str().unwrap().to_owned()
}

fn bytes(digits: &str) -> Vec<u8> {
    (0..digits.len()).step_by(2).map(|n| u8::from_str_radix(&digits[n..n + 2], 16).unwrap()).collect()
}

/// Key files as people have them, right and wrong, next to the fixtures.
fn in_a_folder_of_keys(name: &str, lines: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    symlink(common::root(), folder.path().join("fixtures")).unwrap();
    let raw = key("encryption-formats", "lab/raw");
    let hex = key("encryption-formats", "lab/hex");
    let words = key("encryption-formats", "lab/passphrase");
    let files: [(&str, Vec<u8>); 12] = [
        ("raw", bytes(&raw)),
        ("raw-and-line-end", [&bytes(&raw)[..], b"\n"].concat()),
        ("raw-as-digits", format!("{raw}\n").into()),
        ("hex", format!("{hex}\n").into()),
        ("hex-as-bytes", bytes(&hex)),
        ("hex-with-0x", format!("0x{hex}\r\n").into()),
        ("hex-cut", hex[1..].into()),
        ("hex-with-a-slip", hex.replacen(&hex[3..4], "o", 1).into()),
        ("words", words.clone().into()),
        ("words-of-windows", format!("\u{feff}{words}\r\n").into()),
        ("words-and-blank", format!("{words} \n").into()),
        ("other-words", "some other words".into()),
    ];
    for (name, bytes) in &files {
        std::fs::write(folder.path().join(name), bytes).unwrap();
    }
    let all: Vec<String> = lines.iter().map(|line| transcript_in(folder.path(), line, None)).collect();
    let all = all.join("\n");
    // keys are never printed, in any form
    for secret in [&raw, &hex, &words] {
        assert!(!all.contains(secret.as_str()) && !all.contains(&secret[3..]));
    }
    insta::assert_snapshot!(name, all);
}

#[test]
fn wrong_keys() {
    in_a_folder_of_keys(
        "wrong_keys",
        &[
            "zexplore keys lab/raw -p fixtures/encryption-formats --key lab/raw=raw",
            "zexplore keys lab/hex -p fixtures/encryption-formats --key lab/raw=hex --key lab/hex=raw --key lab=raw --key lab/none=raw",
            "zexplore keys lab/hex -p fixtures/encryption-formats --key lab/hex=hex-cut --key lab/hex=hex-with-a-slip",
            "zexplore keys lab/changed -p fixtures/encryption-formats --key lab/changed=words --key lab/changed=other-words",
            "zexplore keys lab/raw -p fixtures/encryption-formats --key lab/raw=words --json",
            "zexplore keys -p fixtures/simple --key lab=raw",
            "zexplore ls lab/raw -p fixtures/encryption-formats --key lab/raw=hex",
            "zexplore ls -R / -p fixtures/encryption-formats --key lab/raw=hex",
            "zexplore keys lab/parent -p fixtures/encryption-mixed --key lab/parent/plain-compression=hex",
            "zexplore ls lab/parent -p fixtures/encryption-mixed --key lab/parent=hex",
        ],
    );
}

#[test]
fn slips() {
    in_a_folder_of_keys(
        "slips",
        &[
            "zexplore keys lab/raw -p fixtures/encryption-formats --key lab/raw=raw-and-line-end --key lab/raw=raw-as-digits",
            "zexplore keys lab/hex -p fixtures/encryption-formats --key lab/hex=hex-as-bytes --key lab/hex=hex-with-0x",
            "zexplore keys lab/passphrase -p fixtures/encryption-formats --key lab/passphrase=words-of-windows --key lab/passphrase=words-and-blank",
            "zexplore ls lab/raw -p fixtures/encryption-formats --key lab/raw=raw-and-line-end",
        ],
    );
}

/// What was given in place of a file may be the key itself.
#[test]
fn what_is_given_in_place_of_a_file_is_not_repeated() {
    let pool = "-p fixtures/encryption-formats";
    let json = r#"{"lab/raw":{"format":"raw","key":"SECRET"}}"#;
    let lines = [
        format!("zexplore keys {pool} --key lab/raw=SECRET"),
        format!("zexplore keys {pool} --key lab/raw=/SECRET/SECRET"),
        format!("zexplore keys {pool} --key 'SECRET horse'"),
        format!("zexplore keys {pool} --key -SECRET"),
        format!("zexplore keys {pool} --key SECRET="),
        format!("zexplore keys {pool} --key =SECRET"),
        format!("zexplore keys {pool} --keys '{json}'"),
        format!("zexplore keys {pool} --keys fixtures/encryption-formats/keys.json --keys '{json}'"),
        format!("zfsp-decode zap {pool} --object mos:#1 --key lab/raw=SECRET"),
        format!("zfsp-decode zap {pool} --object mos:#1 --key SECRET"),
    ];
    let all = lines.map(|line| common::transcript::transcript(&line, None));
    let said: Vec<&str> = all.iter().map(|told| told.split_once('\n').unwrap().1).collect();
    assert!(
        said.iter().all(|told| !told.contains("SECRET") && told.ends_with("--- exit code 2\n")),
        "{said:?}"
    );
    insta::assert_snapshot!("keys_in_place_of_files", said.join("\n"));
}

/// What became of one key.
fn attempt(fixture: &str, key: UserKey) -> Attempt {
    let mut all = common::fixture(fixture).pool().unlock(&[key]);
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[test]
fn a_key_of_another_format_than_was_said() {
    let text = format!(
        r#"{{"lab/passphrase": {{"format": "hex", "key": "{}"}}}}"#,
        key("encryption-formats", "lab/passphrase")
    );
    let mut keys = UserKey::of_json(text.as_bytes()).unwrap();
    let found = attempt("encryption-formats", keys.remove(0));
    assert_eq!(found.hint, Some(Hint::Slip(Slip::Format(KeyFormat::PASSPHRASE))));
    assert_eq!((found.opened.len(), found.refused.len()), (0, 1));
}

/// Facts of a key object, by their names in it; version 0 if it has none.
type KeyFacts = BTreeMap<String, u64>;

const NUMBERS: [&str; 8] = [
    "DSL_CRYPTO_GUID",
    "DSL_CRYPTO_SUITE",
    "DSL_CRYPTO_ROOT_DDOBJ",
    "DSL_CRYPTO_REFCOUNT",
    "DSL_CRYPTO_VERSION",
    "keyformat",
    "pbkdf2salt",
    "pbkdf2iters",
];

/// What zdb says of the key objects, and of the guids of the sets of IVs.
fn by_zdb(fixture: &Fixture) -> (Vec<KeyFacts>, Vec<u64>) {
    // it prints them signed
    let text = fixture.text("zdb/objects.txt").unwrap();
    let number = |line: &str, name: &str| {
        line.trim()
            .strip_prefix(name)?
            .strip_prefix(" = ")?
            .trim()
            .parse::<i64>()
            .ok()
            .map(i64::cast_unsigned)
    };
    let guids = text.lines().filter_map(|line| number(line, "com.datto:ivset_guid")).collect();
    let objects = text.split("    Object  lvl").filter(|object| object.contains("DSL_CRYPTO_GUID = "));
    let facts = objects.map(|object| {
        let found =
            object.lines().flat_map(|line| NUMBERS.map(|name| Some((name.to_owned(), number(line, name)?))));
        found.flatten().collect()
    });
    (facts.collect(), guids)
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort();
    all
}

/// The same, told by us.
fn told(roots: &EncryptionRoots) -> (Vec<KeyFacts>, Vec<u64>) {
    let mut objects = BTreeMap::new();
    for Encrypted { encryption, sharing, flaw, .. } in roots.datasets() {
        assert_eq!((*sharing, flaw), (encryption.refcount, &None));
        let values = [
            encryption.guid,
            encryption.suite.0,
            encryption.root,
            encryption.refcount,
            encryption.version.0,
            encryption.format.0,
            encryption.pbkdf2salt,
            encryption.pbkdf2iters,
        ];
        let facts = NUMBERS.into_iter().map(str::to_owned).zip(values).collect();
        objects.insert(encryption.key, facts);
    }
    let snapshots = roots.datasets().flat_map(|set| &set.snapshots);
    (objects.into_values().collect(), snapshots.filter_map(|set| set.ivset_guid).collect())
}

#[test]
fn key_objects_are_as_zdb_shows_them_and_roots_as_zfs_does() {
    let mut count = 0;
    for fixture in fixtures() {
        let Some(truth) = fixture.text("zfs.json").filter(|text| text.contains("\"aes-")) else { continue };
        let pool = fixture.pool();
        let roots = Dsl::of(&pool).encryption_roots();
        assert!(roots.without.is_empty() && roots.losses.is_empty() && roots.errata().is_empty());
        assert_eq!(pool.errata().unwrap(), None);
        let ((ours, our_guids), (theirs, their_guids)) = (told(&roots), by_zdb(&fixture));
        assert_eq!(sorted(ours), sorted(theirs), "{}", fixture.name);
        assert_eq!(sorted(our_guids), sorted(their_guids), "{}", fixture.name);

        let truth: Json = serde_json::from_str(&truth).unwrap();
        let mut ours = BTreeMap::new();
        for root in &roots.roots {
            for set in &root.datasets {
                let facts = [
                    root.name.clone(),
                    set.encryption.suite.to_string(),
                    set.encryption.format.to_string(),
                    set.encryption.pbkdf2iters.to_string(),
                    set.origin.clone().unwrap_or_default(),
                ];
                ours.insert(set.dir.name.clone(), facts);
                assert_eq!(set.snapshots.iter().filter(|set| set.is_raw_received).count(), 0);
            }
        }
        let mut theirs = BTreeMap::new();
        for (name, set) in truth["zfs_get"]["datasets"].as_object().unwrap() {
            let value = |name: &str| {
                let value = &set["properties"][name]["value"];
                value.as_str().map(str::to_owned).unwrap_or_default()
            };
            if !name.contains(['@', '#']) && value("encryption") != "off" {
                let facts = ["encryptionroot", "encryption", "keyformat", "pbkdf2iters", "origin"].map(value);
                theirs.insert(name.clone(), facts);
            }
        }
        assert_eq!(ours, theirs, "{}", fixture.name);
        count += ours.len();
    }
    assert!(count >= 28, "{count} datasets only");
}

/// The leaf of a key object.
struct Leaf<'l>(&'l mut [u8]);

impl Leaf<'_> {
    fn chunk(&self, n: u16) -> usize {
        48 + self.0.len() / 16 + usize::from(n) * 24
    }
    fn short(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.0[at], self.0[at + 1]])
    }
    /// Its entry chunk.
    fn entry(&self, name: &str) -> usize {
        let name = format!("{name}\0");
        let is_it = |at: &usize| {
            let key = self.chunk(self.short(at + 4)) + 1;
            self.0[*at] == 252 && self.0[key..].starts_with(&name.as_bytes()[..name.len().min(21)])
        };
        (self.chunk(0)..self.0.len() - 23).step_by(24).find(is_it).unwrap()
    }
    fn rename(&mut self, name: &str) {
        let key = self.chunk(self.short(self.entry(name) + 4)) + 1;
        self.0[key] = b'?';
    }
    /// Fewer integers.
    fn cut(&mut self, name: &str, count: u16) {
        let at = self.entry(name) + 10;
        self.0[at..at + 2].copy_from_slice(&count.to_le_bytes());
    }
    fn set(&mut self, name: &str, number: u64) {
        let value = self.chunk(self.short(self.entry(name) + 8)) + 1;
        self.0[value..value + 8].copy_from_slice(&number.to_be_bytes());
    }
    fn flip(&mut self, name: &str) {
        let value = self.chunk(self.short(self.entry(name) + 8)) + 1;
        self.0[value] ^= 1;
    }
}

/// A fixture whose key object of that dataset was altered, with checksums that hold.
fn altered(fixture: &str, dataset: &str, change: impl FnOnce(Leaf<'_>)) -> Forge {
    let mut forge = Forge::of(fixture);
    let object = found(&forge.pool, dataset).0.encryption.key;
    forge.plain_block(0, object, 1, |bytes| change(Leaf(bytes)));
    forge
}

/// What is told of a dataset, and why it has no root.
fn found(pool: &Pool, dataset: &str) -> (Encrypted, Option<Rootless>) {
    let roots = Dsl::of(pool).encryption_roots();
    let without = roots.without.into_iter().map(|(set, why)| (set, Some(why)));
    let with = roots.roots.into_iter().flat_map(|root| root.datasets).map(|set| (set, None));
    with.chain(without).find(|(set, _)| set.dir.name == dataset).unwrap()
}

/// What the program says of it, with these keys of the fixture; it must end so.
fn said(forge: &Forge, keys: Option<&str>, code: i32) -> String {
    let keys = keys.map(|name| common::root().join(name).join("keys.json").to_str().unwrap().to_owned());
    let mut args = vec!["keys", "-v"];
    if let Some(keys) = &keys {
        args.extend(["--keys", keys]);
    }
    let run = zexplore(&args, &forge.saved.paths).unwrap();
    assert_eq!(run.code, code, "{}{}", run.out, run.errors);
    run.out + &run.errors
}

#[test]
fn damaged_key_objects_are_named() {
    type Change = fn(Leaf<'_>);
    let cases: [(Change, &str); 6] = [
        (|mut leaf| leaf.rename("DSL_CRYPTO_IV"), "DSL_CRYPTO_IV is missing"),
        (|mut leaf| leaf.rename("DSL_CRYPTO_SUITE"), "DSL_CRYPTO_SUITE is missing"),
        (|mut leaf| leaf.cut("DSL_CRYPTO_MAC", 15), "DSL_CRYPTO_MAC is 15 bytes, not 16"),
        (|mut leaf| leaf.cut("DSL_CRYPTO_HMAC_KEY_1", 20), "DSL_CRYPTO_HMAC_KEY_1 is 20 bytes, not 64"),
        (|mut leaf| leaf.set("DSL_CRYPTO_SUITE", 99), "cipher suite 99 is not known"),
        (|mut leaf| leaf.set("DSL_CRYPTO_VERSION", 7), "version 7 is not known"),
    ];
    for (change, what) in cases {
        let forge = altered("encryption-formats", "lab/raw", change);
        let (set, rootless) = found(&forge.pool, "lab/raw");
        assert_eq!((set.flaw.unwrap().to_string().as_str(), rootless), (what, None));
        let said = said(&forge, None, 3);
        assert!(said.contains(&format!("key object {} is damaged: {what}", set.encryption.key)), "{said}");
        assert!(said.contains("1 key object is damaged"), "{said}");
    }
}

#[test]
fn a_key_object_that_cannot_be_read() {
    let forge = altered("encryption-formats", "lab/raw", |leaf| leaf.0[0x18..0x1c].fill(0));
    let roots = Dsl::of(&forge.pool).encryption_roots();
    let names: Vec<&str> = roots.unread.iter().map(|set| set.dir.name.as_str()).collect();
    assert_eq!((names, roots.losses.len(), roots.datasets().count()), (vec!["lab/raw"], 0, 3));
    let without = said(&forge, None, 3);
    assert!(without.contains("lab/raw          84\n    key object 84 is damaged: "), "{without}");
    assert!(without.contains("1 key object is damaged"), "{without}");
    let listed = zexplore(&["ls", "lab/raw"], &forge.saved.paths).unwrap();
    assert!(
        listed.errors.contains("lab/raw: locked for good: its key object 84 is damaged: "),
        "{}",
        listed.errors
    );
    let summary = zexplore(&["summary"], &forge.saved.paths).unwrap();
    assert!(summary.out.contains("its key object 84 is damaged: "), "{}", summary.out);
    let said = said(&forge, Some("encryption-formats"), 3);
    assert!(said.contains("its key object 84 is damaged: "), "{said}");
    assert!(said.contains("lab/passphrase: opens lab/passphrase"), "{said}");
}

/// What became of the key of a dataset, if its key object was altered.
fn refusal(fixture: &str, dataset: &str, altered_set: &str, change: impl FnOnce(Leaf<'_>)) -> Attempt {
    let mut forge = altered(fixture, altered_set, change);
    let keys = UserKey::of_json(common::fixture(fixture).text("keys.json").unwrap().as_bytes()).unwrap();
    let key = keys.into_iter().find(|key| key.dataset == dataset).unwrap();
    forge.pool.unlock(&[key]).remove(0)
}

#[test]
fn the_right_key_of_an_altered_key_object() {
    let of = |change: fn(Leaf<'_>)| {
        let attempt = refusal("encryption-formats", "lab/raw", "lab/raw", change);
        assert_eq!((attempt.opened.len(), attempt.hint), (0, None));
        attempt.refused[0].1.clone()
    };
    let entry = |entry: &str| Refusal::Entry { object: 84, entry: entry.into() };
    assert_eq!(of(|mut leaf| leaf.rename("DSL_CRYPTO_VERSION")), entry("DSL_CRYPTO_VERSION 1"));
    // of another mode, and of another length
    assert_eq!(of(|mut leaf| leaf.set("DSL_CRYPTO_SUITE", 5)), entry("DSL_CRYPTO_SUITE aes-256-gcm"));
    assert_eq!(of(|mut leaf| leaf.set("DSL_CRYPTO_SUITE", 6)), entry("DSL_CRYPTO_SUITE aes-256-gcm"));
    let both = of(|mut leaf| {
        leaf.set("DSL_CRYPTO_SUITE", 3);
        leaf.set("DSL_CRYPTO_VERSION", 0);
    });
    assert_eq!(both, entry("DSL_CRYPTO_SUITE aes-256-gcm and DSL_CRYPTO_VERSION 1"));
    // nothing tells these from a wrong key
    for name in ["DSL_CRYPTO_GUID", "DSL_CRYPTO_IV", "DSL_CRYPTO_MAC", "DSL_CRYPTO_HMAC_KEY_1"] {
        let attempt = refusal("encryption-formats", "lab/raw", "lab/raw", |mut leaf| leaf.flip(name));
        assert_eq!(attempt.refused[0].1, Refusal::Wrong(84), "{name}");
    }
    let damaged = of(|mut leaf| leaf.rename("DSL_CRYPTO_GUID"));
    assert_eq!(damaged, Refusal::Damaged { object: 84, flaw: Flaw::Missing("DSL_CRYPTO_GUID") });
}

#[test]
fn a_key_that_opens_others_of_its_root() {
    let heir = "lab/parent/plain-compression";
    let attempt = refusal("encryption-mixed", "lab/parent", heir, |mut leaf| leaf.flip("DSL_CRYPTO_IV"));
    assert_eq!((attempt.opened, attempt.hint), (vec!["lab/parent".to_owned()], None));
    let witness = "lab/parent".to_owned();
    assert_eq!(attempt.refused, [(heir.to_owned(), Refusal::Altered { object: 112, witness })]);
}

fn dir(fixture: &str, dataset: &str) -> u64 {
    let pool = common::fixture(fixture).pool();
    Dsl::of(&pool).datasets.find(dataset).unwrap().dir.object
}

#[test]
fn datasets_without_a_root() {
    let mixed = "encryption-mixed";
    let heir = "lab/parent/plain-compression";
    let of = |dataset: &str, root: Option<u64>| {
        let forge = altered(mixed, dataset, |mut leaf| match root {
            Some(root) => leaf.set("DSL_CRYPTO_ROOT_DDOBJ", root),
            None => leaf.rename("DSL_CRYPTO_ROOT_DDOBJ"),
        });
        let (set, why) = found(&forge.pool, dataset);
        assert_eq!(set.flaw, None);
        let why = why.unwrap();
        let said = said(&forge, None, 0);
        assert!(said.contains("without an encryption root") && said.contains(&why.to_string()), "{said}");
        why
    };
    assert_eq!(of(heir, None), Rootless::Unnamed(112));
    assert_eq!(of(heir, Some(0)), Rootless::Unnamed(112));
    assert!(matches!(of(heir, Some(1 << 40)), Rootless::Missing { root, .. } if root == 1 << 40));
    assert_eq!(of(heir, Some(1)), Rootless::NoDirectory(1));
    assert_eq!(of("lab/dedup", Some(dir(mixed, "lab"))), Rootless::InClear("lab".into()));
    let (named, root) = (heir.to_owned(), "lab/parent".to_owned());
    assert_eq!(of("lab/dedup", Some(dir(mixed, heir))), Rootless::Heir { named, root });
}

#[test]
fn a_root_of_which_nothing_remains() {
    let forge = altered("encryption-mixed", "lab/parent/plain-compression", |mut leaf| {
        leaf.set("DSL_CRYPTO_ROOT_DDOBJ", 1);
    });
    let said = said(&forge, Some("encryption-mixed"), 0);
    assert!(said.contains("lab/parent: opens lab/parent\n"), "{said}");
    // the key that it was made with opens it all the same
    let mut pool = forge.pool;
    let digits = key("encryption-mixed", "lab/parent");
    let key = UserKey::of_file("lab/parent/plain-compression", digits.into_bytes());
    assert_eq!(pool.unlock(&[key])[0].opened, ["lab/parent/plain-compression"]);
}

#[test]
fn a_root_that_is_not_above() {
    let root = dir("encryption-mixed", "lab/checksummed");
    let forge = altered("encryption-mixed", "lab/dedup", |mut leaf| leaf.set("DSL_CRYPTO_ROOT_DDOBJ", root));
    let (set, rootless) = found(&forge.pool, "lab/dedup");
    assert_eq!((set.is_below_root, rootless), (false, None));
    let said = said(&forge, None, 0);
    assert!(said.contains("not below its root"), "{said}");
}

#[test]
fn errata_of_key_objects_and_snapshots() {
    let forge = altered("encryption-mixed", "lab/dedup", |mut leaf| leaf.rename("DSL_CRYPTO_VERSION"));
    let told = said(&forge, None, 0);
    assert!(told.starts_with("erratum 3: key objects of version 0"), "{told}");
    assert!(told.contains("\n  lab/dedup\n"), "{told}");

    let mut forge = Forge::of("encryption-mixed");
    let snapshot = Dsl::of(&forge.pool).datasets.find("lab/dedup@s1").unwrap().object;
    forge.content(0, snapshot, &micro_zap(&[("org.openzfs:raw_received", 0)]));
    let (set, _) = found(&forge.pool, "lab/dedup");
    assert!(set.snapshots[0].is_raw_received && set.snapshots[0].ivset_guid.is_none());
    let told = said(&forge, None, 0);
    assert!(told.starts_with("erratum 4: encrypted snapshots without"), "{told}");
    assert!(told.contains("\n  lab/dedup@s1               none  received raw\n"), "{told}");
}

#[test]
fn errata_on_record() {
    let mut forge = Forge::of("encryption-formats");
    let config = forge.pool.directory_number("config").unwrap().unwrap();
    forge.plain_block(0, config, 0, |bytes| {
        let name = bytes.windows(6).position(|name| name == b"errata").unwrap();
        // name with its padding, type, count
        let value = name + 8 + 4 + 4;
        assert_eq!(bytes[value..value + 8], [0; 8]);
        bytes[value + 7] = 4;
    });
    assert_eq!(forge.pool.errata().unwrap(), Some(Errata::ENCRYPTION_2));
    let told = said(&forge, None, 0);
    assert!(told.starts_with("erratum 4, on record in the pool: encrypted snapshots"), "{told}");
}

/// Neither the text nor what programmers see says what the key is.
fn is_silent(attempts: &[Attempt], secret: &[u8]) -> Result<(), TestCaseError> {
    let mut all = format!("{attempts:?}");
    for Attempt { refused, hint, .. } in attempts {
        refused.iter().for_each(|(_, why)| all += &why.to_string());
        hint.iter().for_each(|hint| all += &hint.to_string());
    }
    let digits: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{secret:?}");
    let text = String::from_utf8_lossy(secret).into_owned();
    for form in [digits, list[1..list.len() - 1].to_owned(), text.trim().to_owned()] {
        prop_assert!(!all.to_lowercase().contains(&form.to_lowercase()), "{form} is in {all}");
    }
    Ok(())
}

/// Keys of every length, and texts, and digits, right in form or not.
fn secrets() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 12..70),
        proptest::collection::vec(any::<u8>(), 32..35)
    ];
    let text =
        prop_oneof!["[ -~]{12,40}\r?\n?", "(0x)?[0-9a-fA-F]{63,65}\r?\n?"].prop_map(String::into_bytes);
    prop_oneof![bytes, text].prop_filter("words", |secret| secret.trim_ascii().len() >= 8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn keys_are_never_told(secret in secrets(), format in prop_oneof![Just("raw"), Just("hex"), Just("passphrase")]) {
        static POOL: LazyLock<std::sync::Mutex<Pool>> =
            LazyLock::new(|| std::sync::Mutex::new(fixture("encryption-mixed").pool()));
        let mut keys: Vec<UserKey> = ["lab/dedup", "lab/parent", "lab", "lab/none"]
            .map(|dataset| UserKey::of_file(dataset, secret.clone()))
            .into();
        if let Ok(text) = std::str::from_utf8(&secret) {
            let json = serde_json::json!({ "lab/parent/own-key": { "format": format, "key": text } });
            keys.extend(UserKey::of_json(json.to_string().as_bytes()).unwrap());
        }
        let debug = format!("{keys:?}");
        prop_assert!(!debug.contains(&*String::from_utf8_lossy(&secret)));
        let attempts = POOL.lock().unwrap().unlock(&keys);
        prop_assert!(attempts.iter().all(|attempt| attempt.opened.is_empty()));
        is_silent(&attempts, &secret)?;
    }
}

/// The right keys as well.
#[test]
fn keys_that_open_are_never_told() {
    let fixtures = ["encryption-formats", "encryption-mixed", "encryption-pool", "encryption-suites"];
    each(fixtures.to_vec(), |name| {
        let text = fixture(name).text("keys.json").unwrap();
        let keys: Json = serde_json::from_str(&text).unwrap();
        let attempts = fixture(name).pool().unlock(&UserKey::of_json(text.as_bytes()).unwrap());
        for key in keys.as_object().unwrap().values() {
            let secret = key["key"].as_str().unwrap();
            is_silent(&attempts, secret.as_bytes()).map_err(|error| error.to_string())?;
            if key["format"] != "passphrase" {
                is_silent(&attempts, &bytes(secret)).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    });
}
