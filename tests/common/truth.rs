//! What the kernel said of each object of a fixture, to be compared with what somebody else says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// A field in which the two differ.
pub(crate) struct Difference<'v> {
    pub(crate) field: &'v str,
    pub(crate) theirs: Option<&'v Value>,
    pub(crate) mine: Option<&'v Value>,
}

/// The name of an object in both.
pub(crate) fn key(line: &Value) -> String {
    let text = |name: &str| line[name].as_str().map(|text| format!(" {name} {text}"));
    let all = [text("dataset"), text("path"), text("path_b64")];
    all.into_iter().flatten().collect()
}

/// Compares all objects field by field; returns how many there were. What `is_meant` allows is no difference.
///
/// # Errors
/// The first differences.
pub(crate) fn compare(
    name: &str,
    truth: &str,
    mut ours: BTreeMap<String, Value>,
    is_meant: impl Fn(&Difference<'_>) -> bool,
) -> Result<usize, String> {
    let truth: Vec<Value> = truth.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (mut failures, mut checked) = (Vec::new(), 0);
    for line in &truth {
        let dataset = line["dataset"].as_str().unwrap();
        // what the kernel could not look at is nothing to be held against
        if line["mount_error"].is_string() || line["no_device"].is_boolean() {
            ours.retain(|_, ours| ours["dataset"] != line["dataset"]);
            continue;
        }
        let Some(mine) = ours.remove(&key(line)) else {
            failures.push(format!("missing: {line}"));
            continue;
        };
        checked += 1;
        let (object, mine) = (line.as_object().unwrap(), mine.as_object().unwrap());
        let fields: BTreeSet<&String> = object.keys().chain(mine.keys()).collect();
        for field in fields {
            let difference = Difference { field, theirs: object.get(field), mine: mine.get(field) };
            // the kernel makes one up for the root directory of a snapshot
            let is_made_up =
                field == "ino" && dataset.contains('@') && object.get("path").is_some_and(|path| path == "");
            if difference.theirs != difference.mine && !is_made_up && !is_meant(&difference) {
                let Difference { theirs, mine, .. } = difference;
                failures.push(format!("{}: {field} is {mine:?}, not {theirs:?}", key(line)));
            }
        }
    }
    failures.extend(ours.keys().map(|key| format!("too much: {key}")));
    match failures.len() {
        0 => Ok(checked),
        n => Err(format!("{name}: {n} differences:\n{}", failures[..n.min(12)].join("\n"))),
    }
}
