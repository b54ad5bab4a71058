//! Properties of the pool: those that are set, what its configuration says, and what it counts.
//!
//! What only a running system knows (`health`, `free`, `load_guid`) is not here. Handbook: `docs/format/11-dsl.md`, 11.1
//! and 11.17, and `docs/format/13-space.md`.

use std::collections::BTreeSet;

use zfsp_grammar::dsl::feature::FEATURES;
use zfsp_grammar::dsl::pool_property::{PROPERTIES, find};
use zfsp_grammar::zap::value::Integers;

use super::resolve;
use super::{Setting, Source, Value};
use crate::dataset::{DIRECTORY, Dsl, dir};
use crate::error::{Error, Result};
use crate::vdev::config::VdevConfig;

/// From here on features say what a pool has, not its version.
const WITH_FEATURES: u64 = 5000;

type Answer = Result<Option<(Value, Source)>>;

/// A property, and how it is found.
type Computed = (&'static str, fn(&Dsl<'_>) -> Answer);

/// What nobody sets.
const FACTS: &[Computed] = &[
    ("size", size),
    ("guid", |dsl| fact(Value::Number(dsl.pool.guid))),
    ("dedupratio", dedupratio),
    ("freeing", |dsl| charged(dsl, "$FREE")),
    ("leaked", |dsl| charged(dsl, "$LEAK")),
    ("checkpoint", checkpoint),
    ("bcloneused", |dsl| cloned(dsl, |used, _| Value::Bytes(used))),
    ("bclonesaved", |dsl| cloned(dsl, |_, saved| Value::Bytes(saved))),
    ("bcloneratio", |dsl| cloned(dsl, |used, saved| Value::Ratio(ratio(used.saturating_add(saved), used)))),
    ("dedup_table_size", dedup_table_size),
    ("last_scrubbed_txg", last_scrubbed_txg),
];

/// What is set, but stands elsewhere than the others, or means the number of something.
const SETTINGS: &[Computed] = &[
    ("version", version),
    ("bootfs", bootfs),
    ("comment", |dsl| configured(dsl, "comment", "-")),
    ("compatibility", |dsl| configured(dsl, "compatibility", "off")),
];

/// Properties as they are found, and what is lost.
#[derive(Default)]
struct Found {
    all: Vec<Setting>,
    losses: Vec<String>,
}

impl Found {
    fn add(&mut self, name: &str, answer: Answer) {
        match answer {
            Ok(Some((value, source))) => self.all.push(Setting { name: name.to_owned(), value, source }),
            Ok(None) => {}
            Err(error) => self.losses.push(format!("{name}: {error}")),
        }
    }
}

impl Dsl<'_> {
    /// All properties of the pool, those of features last, and what is lost of them.
    #[must_use]
    pub fn pool_properties(&self) -> (Vec<Setting>, Vec<String>) {
        let mut found = Found::default();
        FACTS.iter().for_each(|(name, answer)| found.add(name, answer(self)));
        let (settings, losses) = self.pool_settings();
        found.all.extend(settings);
        found.losses.extend(losses);
        for (name, state) in self.features(&mut found.losses) {
            found.all.push(Setting { name, value: Value::Text(state.into()), source: Source::Local });
        }
        (found.all, found.losses)
    }

    /// Those properties of the pool that can be set, and what is lost of them.
    #[must_use]
    pub fn pool_settings(&self) -> (Vec<Setting>, Vec<String>) {
        let mut found = Found::default();
        SETTINGS.iter().for_each(|(name, answer)| found.add(name, answer(self)));
        let list = match self.pool.directory_number("pool_props") {
            Ok(list) => self.zap(list.unwrap_or_default()),
            Err(error) => {
                found.losses.push(format!("pool_props: {error}"));
                return (found.all, found.losses);
            }
        };
        let native = PROPERTIES.iter().map(|property| property.name).filter(|name| !OBSOLETE.contains(name));
        let names: BTreeSet<&str> = native.chain(list.iter().map(|(name, _)| name)).collect();
        for name in names.into_iter().filter(|name| !SETTINGS.iter().any(|(elsewhere, _)| elsewhere == name))
        {
            found.add(name, list.get(name).map_err(Into::into).map(|stored| of_list(name, stored)));
        }
        (found.all, found.losses)
    }

    /// `feature@name` of those that the format knows, and whether they are in use; then the others.
    fn features(&self, losses: &mut Vec<String>) -> Vec<(String, &'static str)> {
        let counts = ["features_for_read", "features_for_write"].map(|key| {
            let read = self.pool.directory_number(key).unwrap_or_else(|error| {
                losses.push(format!("{key}: {error}"));
                None
            });
            let all = self.zap(read.unwrap_or_default());
            losses.extend(all.losses.iter().map(|loss| format!("{key}: {loss}")));
            all
        });
        let state = |count: Option<u64>| match count {
            Some(0) => "enabled",
            Some(_) => "active",
            None => "disabled",
        };
        let count = |guid: &str| counts.iter().find_map(|all| all.left(guid)).and_then(Integers::first);
        let known = FEATURES
            .iter()
            .map(|feature| (format!("feature@{}", feature.name()), state(count(feature.guid))));
        let unknown = counts.iter().flat_map(|all| all.iter());
        let unknown = unknown.filter(|(guid, _)| !FEATURES.iter().any(|feature| feature.guid == *guid));
        known.chain(unknown.map(|(guid, n)| (format!("unsupported@{guid}"), state(n.first())))).collect()
    }
}

/// Properties that are listed only where they are set.
const OBSOLETE: [&str; 1] = ["dedupditto"];

fn fact(value: Value) -> Answer {
    Ok(Some((value, Source::None)))
}

fn of_list(name: &str, stored: Option<&Integers>) -> Option<(Value, Source)> {
    match (stored, find(name)) {
        (Some(stored), Some(property)) => Some((resolve::value(property, stored), Source::Local)),
        (Some(stored), None) => Some((resolve::plain(stored), Source::Local)),
        (None, Some(property)) => Some((resolve::default(property), Source::Default)),
        (None, None) => None,
    }
}

/// Of what can be allocated, logs aside: whole metaslabs.
fn size(dsl: &Dsl<'_>) -> Answer {
    let counts = |vdev: &&VdevConfig| !vdev.is_log && vdev.is_allocatable();
    let sizes = dsl.pool.config.children.iter().filter(counts).filter_map(VdevConfig::metaslabs);
    fact(Value::Bytes(sizes.fold(0, u64::saturating_add)))
}

fn version(dsl: &Dsl<'_>) -> Answer {
    Ok(Some(match dsl.pool.uberblock.version {
        WITH_FEATURES => (Value::Text("-".into()), Source::Default),
        version => (Value::Number(version), Source::Local),
    }))
}

fn bootfs(dsl: &Dsl<'_>) -> Answer {
    let number = dsl.zap(dsl.pool.directory_number("pool_props")?.unwrap_or_default()).number("bootfs")?;
    Ok(Some(match number.filter(|number| *number != 0) {
        Some(object) => {
            let name = dsl.name(object).map_or_else(|| format!("#{object}"), str::to_owned);
            (Value::Text(name), Source::Local)
        }
        None => (Value::Text("-".into()), Source::Default),
    }))
}

fn configured(dsl: &Dsl<'_>, key: &str, default: &str) -> Answer {
    Ok(Some(match dsl.pool.configured(key)? {
        Some(text) => (Value::Text(text), Source::Local),
        None => (Value::Text(default.to_owned()), Source::Default),
    }))
}

/// Space that one of the pool's own directories has to answer for. Most pools do not have it.
fn charged(dsl: &Dsl<'_>, name: &str) -> Answer {
    let full = format!("{}/{name}", dsl.pool.name);
    if let Some(dir) = dsl.datasets.dirs.iter().find(|dir| dir.name == full) {
        return fact(Value::Bytes(dir.phys.used_bytes.0));
    }
    let Some(root) = dsl.pool.directory_number("root_dataset")? else {
        return Err(Error::not_found(format!("{full}: the pool directory has no root_dataset")));
    };
    let children = dir::phys(&dsl.pool.mos.object(root)?)?.child_dir_zapobj.0;
    match dsl.zap(children).number(name)? {
        None | Some(0) => fact(Value::Bytes(0)),
        Some(lost) => Err(dsl
            .pool
            .mos
            .object(lost)
            .and_then(|object| dir::phys(&object))
            .map_or_else(Error::from, |_| Error::corrupt(format!("{full}: was not reached")))),
    }
}

/// What only the checkpoint has still in use.
fn checkpoint(dsl: &Dsl<'_>) -> Answer {
    fact(dsl.checkpointed()?.map_or(Value::Text("-".into()), Value::Bytes))
}

/// Space of blocks with several references, and what is saved by them.
fn cloned(dsl: &Dsl<'_>, tell: fn(u64, u64) -> Value) -> Answer {
    let (used, saved) = dsl.cloned()?;
    fact(tell(used, saved))
}

/// In hundredths.
fn ratio(of: u64, to: u64) -> u64 {
    of.saturating_mul(100).checked_div(to).unwrap_or(100)
}

fn dedupratio(dsl: &Dsl<'_>) -> Answer {
    let (stored, referenced) = dsl.deduplicated()?;
    fact(Value::Ratio(ratio(referenced, stored)))
}

/// Of the tables themselves, without their logs.
fn dedup_table_size(dsl: &Dsl<'_>) -> Answer {
    let is_table = |key: &str| key.starts_with("DDT-") && key.contains("-zap-");
    let directory = dsl.zap(DIRECTORY);
    directory.whole()?;
    let mut tables = Vec::new();
    for (key, value) in directory.iter().filter(|(key, _)| key.starts_with("DDT-")) {
        let Some(object) = value.first() else { continue };
        if is_table(key) {
            tables.push(object);
        } else if key != "DDT-statistics" {
            let of_checksum = dsl.zap(object);
            of_checksum.whole()?;
            tables.extend(of_checksum.iter().filter(|(key, _)| is_table(key)).filter_map(|(_, n)| n.first()));
        }
    }
    let mut size = 0u64;
    for table in tables {
        size = size.saturating_add(dsl.pool.mos.object(table)?.used);
    }
    fact(Value::Bytes(size))
}

fn last_scrubbed_txg(dsl: &Dsl<'_>) -> Answer {
    let txg = dsl.zap(DIRECTORY).number("last_scrubbed_txg")?;
    fact(Value::Number(txg.unwrap_or_default()))
}
