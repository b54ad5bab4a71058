//! The features of a pool: who uses them, and what they mean.

use std::collections::BTreeMap;

use serde::Serialize;
use zfsp::error::Result;
use zfsp::pool::Pool;
use zfsp::zap::Zap;
use zfsp_grammar::dsl::feature::{self, Feature};

use crate::style::{BAD, DIM, GOOD};
use crate::table::{Align, Cell, Table};

/// A feature that the pool has enabled.
#[derive(Debug, Serialize)]
pub(crate) struct FeatureFacts {
    pub(crate) guid: String,
    /// `active` if something uses it, else `enabled`.
    pub(crate) state: &'static str,
    /// How many users it has; of most features 0 or 1.
    pub(crate) refcount: u64,
    pub(crate) enabled_txg: Option<u64>,
    /// Not needed to read the pool.
    pub(crate) is_read_only_compatible: bool,
    pub(crate) is_known: bool,
    /// What has it in use.
    pub(crate) about: Option<&'static str>,
    /// What it changes on disk.
    pub(crate) changes: Option<&'static str>,
}

/// The features of the pool: those in use first.
///
/// # Errors
/// If a list of them cannot be read.
pub(crate) fn of(pool: &Pool) -> Result<Vec<FeatureFacts>> {
    let since = counts(pool, "feature_enabled_txg").unwrap_or_default();
    let mut all = Vec::new();
    for (key, is_read_only_compatible) in [("features_for_read", false), ("features_for_write", true)] {
        for (guid, refcount) in counts(pool, key)? {
            let known: Option<&Feature> = feature::find(guid.as_bytes());
            all.push(FeatureFacts {
                state: if refcount > 0 { "active" } else { "enabled" },
                refcount,
                enabled_txg: since.get(&guid).copied(),
                is_read_only_compatible,
                is_known: known.is_some(),
                about: known.map(|feature| feature.about),
                changes: known.map(|feature| feature.changes),
                guid,
            });
        }
    }
    all.sort_by(|a, b| (a.state, name(a)).cmp(&(b.state, name(b))));
    Ok(all)
}

/// The numbers of a ZAP that the pool directory names.
fn counts(pool: &Pool, key: &str) -> Result<BTreeMap<String, u64>> {
    let mut all = BTreeMap::new();
    let Some(object) = pool.directory_number(key)?.filter(|object| *object != 0) else { return Ok(all) };
    let object = pool.mos.object(object)?;
    for entry in Zap::of(&object)?.entries() {
        let entry = entry?;
        all.insert(entry.key.to_string(), entry.value.first().unwrap_or_default());
    }
    Ok(all)
}

/// Without the domain of who defined it, if it is known.
fn name(feature: &FeatureFacts) -> &str {
    match feature.guid.split_once(':') {
        Some((_, name)) if feature.is_known => name,
        _ => &feature.guid,
    }
}

/// Those in use, a row each; the others by name, or a row each as well if `all` are wanted.
pub(crate) fn text(features: &[FeatureFacts], all: bool) -> String {
    let heads = [
        ("feature", Align::Left),
        ("state", Align::Left),
        ("users", Align::Right),
        ("needed to", Align::Left),
        ("what it changes", Align::Left),
    ];
    let mut table = Table::new(&heads).indented(2);
    let (shown, folded): (Vec<_>, Vec<_>) =
        features.iter().partition(|feature| all || feature.refcount > 0 || !feature.is_known);
    for feature in shown {
        let is_active = feature.refcount > 0;
        let changes = match (feature.changes, is_active) {
            (Some(changes), true) => Cell::new(changes),
            (Some(changes), false) => Cell::styled(DIM, changes),
            (None, _) => Cell::styled(BAD, "not known to zfsp"),
        };
        table.row([
            name(feature).into(),
            if is_active { Cell::styled(GOOD, feature.state) } else { Cell::styled(DIM, feature.state) },
            if is_active { feature.refcount.to_string() } else { String::new() }.into(),
            if feature.is_read_only_compatible { "write" } else { "read" }.into(),
            changes,
        ]);
    }
    let mut out = table.to_string();
    if !folded.is_empty() {
        let names: Vec<&str> = folded.into_iter().map(name).collect();
        let count = names.len();
        out.push_str(&format!("  {count} more are enabled, but not in use (-v says what they change):\n"));
        out.push_str(&paragraph(&names));
    }
    out
}

/// Columns of a line of names.
const WIDTH: usize = 96;

/// Names with commas between them, in indented lines.
fn paragraph(names: &[&str]) -> String {
    let (mut out, mut line) = (String::new(), String::new());
    let last = names.len().saturating_sub(1);
    for (n, name) in names.iter().enumerate() {
        if !line.is_empty() && line.len().saturating_add(name.len()) > WIDTH {
            out.push_str(&format!("    {}\n", line.trim_end()));
            line.clear();
        }
        line.push_str(name);
        line.push_str(if n == last { "" } else { ", " });
    }
    out + &format!("    {line}\n")
}
