//! The report as one document.

use serde_json::{Value as Json, json};
use zfsp::dataset::{Encrypted, EncryptedSnapshot, EncryptionRoot, Unread};
use zfsp::keyring::Attempt;
use zfsp_grammar::config::Errata;

use super::{Report, meaning};

pub(super) fn of(report: &Report<'_>) -> Json {
    let of_errata = |(number, found): (Errata, Vec<String>)| {
        json!({
            "number": number.0,
            "meaning": meaning(number),
            "is_recorded": report.errata == Some(number),
            "found": found,
        })
    };
    let of_root = |root: &EncryptionRoot| {
        json!({
            "name": root.name,
            "directory": root.object,
            "keyformat": root.encryption.format.to_string(),
            "pbkdf2iters": root.encryption.pbkdf2iters,
            "pbkdf2salt": root.encryption.pbkdf2salt,
            "keylocation": root.keylocation,
            "datasets": root.datasets.iter().map(|set| dataset(report, set)).collect::<Vec<_>>(),
        })
    };
    let without = report.roots.without.iter().map(|(set, why)| {
        let mut facts = dataset(report, set);
        if let Json::Object(facts) = &mut facts {
            facts.insert("root".into(), set.encryption.root.into());
            facts.insert("why".into(), why.to_string().into());
        }
        facts
    });
    json!({
        "pool": report.pool.name,
        "errata": report.errata().into_iter().map(of_errata).collect::<Vec<_>>(),
        "roots": report.roots.roots.iter().map(of_root).collect::<Vec<_>>(),
        "without_root": without.collect::<Vec<_>>(),
        "unread": report.roots.unread.iter().map(unread).collect::<Vec<_>>(),
        "in_clear": report.in_clear,
        "keys": report.attempts.iter().map(key).collect::<Vec<_>>(),
    })
}

/// Only newer writers say it: where nothing says so, it is not known.
fn raw(is_said: bool) -> Option<bool> {
    is_said.then_some(true)
}

fn dataset(report: &Report<'_>, set: &Encrypted) -> Json {
    let of_snapshot = |snapshot: &EncryptedSnapshot| {
        json!({
            "name": snapshot.name,
            "ivset_guid": snapshot.ivset_guid,
            "is_raw_received": raw(snapshot.is_raw_received),
        })
    };
    json!({
        "name": set.dir.name,
        "object": set.dir.phys.head_dataset_obj.0,
        "directory": set.dir.object,
        "suite": set.encryption.suite.to_string(),
        "key_guid": set.encryption.guid,
        "key_object": set.encryption.key,
        "key_version": set.encryption.version.0,
        "refcount": set.encryption.refcount,
        "sharing": set.sharing,
        "origin": set.origin,
        "is_below_root": set.is_below_root,
        "is_raw_received": raw(set.is_raw_received),
        "is_open": report.is_open(set),
        "flaw": set.flaw.as_ref().map(ToString::to_string).or_else(|| report.stray(set)),
        "snapshots": set.snapshots.iter().map(of_snapshot).collect::<Vec<_>>(),
    })
}

fn unread(set: &Unread) -> Json {
    json!({
        "name": set.dir.name,
        "object": set.dir.phys.head_dataset_obj.0,
        "directory": set.dir.object,
        "key_object": set.key,
        "flaw": set.loss.to_string(),
    })
}

fn key(attempt: &Attempt) -> Json {
    let refused = attempt.refused.iter();
    json!({
        "dataset": attempt.dataset,
        "opened": attempt.opened,
        "alone": attempt.alone,
        "refused": refused.map(|(name, why)| json!({ "dataset": name, "why": why.to_string() })).collect::<Vec<_>>(),
        "heirs": attempt.heirs,
        "hint": attempt.hint.as_ref().map(ToString::to_string),
    })
}
