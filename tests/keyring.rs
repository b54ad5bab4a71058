//! Keys of datasets that do not have the key of their root.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used)] // a test may fail loudly

mod common;

use common::fixture;
use zfsp::keyring::UserKey;
use zfsp::namespace::Namespace;

/// A child that took its parent's key, and got a raw stream then: it is wrapped with the key of the sender.
const STRAY: &str = "lab/stray/child";

#[test]
fn a_key_that_is_not_of_the_root_opens_what_it_wraps() {
    let mut pool = fixture("encryption-received").pool();
    let attempts = pool.unlock(&[UserKey::of_file(STRAY, b"changed at the source\n".to_vec())]);
    assert_eq!(attempts.len(), 1);
    assert!(attempts.iter().all(|key| key.opened == [STRAY] && key.refused.is_empty()), "{attempts:?}");
    assert!(attempts.iter().all(|key| key.alone == key.opened), "{attempts:?}");
    let names = Namespace::of(&pool);
    assert!(names.root(names.datasets().find(STRAY).unwrap()).is_ok());
    assert!(names.root(names.datasets().find("lab/stray").unwrap()).is_err());
}

#[test]
fn the_key_of_the_root_does_not_open_what_another_wraps() {
    let fixture = fixture("encryption-received");
    let keys = UserKey::of_json(fixture.text("keys.json").unwrap().as_bytes()).unwrap();
    let of_root: Vec<_> = keys.iter().filter(|key| key.dataset == "lab/stray").cloned().collect();
    let attempts = fixture.pool().unlock(&of_root);
    assert!(attempts.iter().all(|key| key.opened == ["lab/stray"] && key.refused.len() == 1), "{attempts:?}");
    // that is no fault where the other key was given as well
    assert!(fixture.pool().unlock(&keys).iter().all(|key| key.refused.is_empty()));
}

#[test]
fn a_wrong_key_is_refused_once_for_all_heirs() {
    let mut pool = fixture("encryption-mixed").pool();
    let key = UserKey::of_file("lab/parent", "0".repeat(64).into_bytes());
    let Some(attempt) = pool.unlock(&[key]).pop() else { unreachable!() };
    assert_eq!(attempt.refused.len(), 1, "{attempt:?}");
    assert!(attempt.refused.iter().all(|(name, _)| name == "lab/parent"), "{attempt:?}");
    assert!(attempt.heirs.iter().any(|name| name == "lab/parent/plain-compression"), "{attempt:?}");
    let names = Namespace::of(&pool);
    let set = names.datasets().find("lab/parent/plain-compression").unwrap();
    assert!(names.locked(set).to_string().contains("still locked"));
    let other = names.datasets().find("lab/dedup").unwrap();
    assert!(!names.locked(other).to_string().contains("still locked"));
}
