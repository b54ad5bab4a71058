//! What changed between any two states of a dataset: what two manifests of the kernel do not have in common.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of counts

#[macro_use]
mod common;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use common::{Fixture, each, fixtures};
use serde_json::Value;
use zfsp::dataset::{Dataset, Datasets};
use zfsp::diff::{self, Aspect, Change, ChangeState, Difference, Options, State};
use zfsp::pool::Pool;
use zfsp_grammar::objset::ObjsetType;

/// What tells files apart: number and time of creation. The kernel makes up the number of the root of a snapshot.
type Identity = (u64, String);

/// One state of a dataset, as the kernel shows it.
#[derive(Default)]
struct Manifest {
    files: BTreeMap<Identity, File>,
}

#[derive(Default)]
struct File {
    line: Value,
    /// Directory, and name in it.
    names: BTreeSet<(Identity, Vec<u8>)>,
    paths: BTreeMap<(Identity, Vec<u8>), Vec<u8>>,
    /// Names in it.
    entries: BTreeSet<(Vec<u8>, Identity)>,
}

fn path(line: &Value) -> Vec<u8> {
    match line["path"].as_str() {
        Some(path) => path.as_bytes().to_vec(),
        None => BASE64.decode(line["path_b64"].as_str().unwrap()).unwrap(),
    }
}

impl Manifest {
    /// `None` if the kernel could not look.
    fn of(lines: &[Value]) -> Option<Self> {
        if lines.iter().any(|line| line["mount_error"].is_string()) {
            return None;
        }
        let mut all = Self::default();
        let identity = |line: &Value, path: &[u8]| match path {
            b"" => (0, String::new()),
            _ => (line["ino"].as_u64().unwrap(), line["crtime"].to_string()),
        };
        let by_path: HashMap<Vec<u8>, Identity> =
            lines.iter().map(|line| (path(line), identity(line, &path(line)))).collect();
        for line in lines {
            let path = path(line);
            let own = by_path[&path].clone();
            all.files.entry(own.clone()).or_default().line = line.clone();
            if path.is_empty() {
                continue;
            }
            let (above, name) = match path.iter().rposition(|byte| *byte == b'/') {
                Some(at) => (&path[..at], &path[at + 1..]),
                None => (&path[..0], &path[..]),
            };
            let parent = by_path[above].clone();
            all.files.entry(parent.clone()).or_default().entries.insert((name.to_vec(), own.clone()));
            let file = all.files.get_mut(&own).unwrap();
            file.names.insert((parent.clone(), name.to_vec()));
            file.paths.insert((parent, name.to_vec()), [b"/", path.as_slice()].concat());
        }
        Some(all)
    }
}

/// A fact: what is said of which file.
type Facts = BTreeSet<String>;

fn fact(word: &str, path: &[u8]) -> String {
    format!("{word} {}", String::from_utf8_lossy(path))
}

/// What two manifests say changed. What the kernel could not read is in the second set: it may be said, or not.
fn expected(a: &Manifest, b: &Manifest) -> (Facts, Facts) {
    let (mut facts, mut unsure) = (Facts::new(), Facts::new());
    for (identity, old) in &a.files {
        let Some(new) = b.files.get(identity) else {
            facts.extend(old.paths.values().map(|path| fact("removed", path)));
            continue;
        };
        facts.extend(old.names.difference(&new.names).map(|name| fact("lost", &old.paths[name])));
        facts.extend(new.names.difference(&old.names).map(|name| fact("got", &new.paths[name])));
        let number = identity.0;
        let mut say = |aspect: Aspect, is_same: bool| {
            if !is_same {
                facts.insert(format!("{aspect} of {number}"));
            }
        };
        say(Aspect::Entries, old.entries == new.entries);
        let is_same = |field: &str| old.line[field] == new.line[field];
        say(Aspect::Mode, is_same("mode"));
        say(Aspect::Owner, is_same("uid") && is_same("gid"));
        say(Aspect::Links, is_same("nlink"));
        say(Aspect::Size, is_same("size"));
        say(Aspect::Atime, is_same("atime"));
        say(Aspect::Mtime, is_same("mtime"));
        say(Aspect::Ctime, is_same("ctime"));
        say(Aspect::Crtime, number == 0 || is_same("crtime"));
        say(Aspect::Target, is_same("target") && is_same("target_b64"));
        say(Aspect::Device, is_same("rdev"));
        say(
            Aspect::Project,
            old.line["projid"].as_u64().unwrap_or(0) == new.line["projid"].as_u64().unwrap_or(0),
        );
        let xattrs = |line: &Value, acls: bool| -> Vec<(String, Value)> {
            let all = line["xattrs"].as_object().cloned().unwrap_or_default();
            all.into_iter().filter(|(name, _)| name.starts_with("system.posix_acl_") == acls).collect()
        };
        say(Aspect::Xattrs, xattrs(&old.line, false) == xattrs(&new.line, false));
        say(Aspect::Acl, xattrs(&old.line, true) == xattrs(&new.line, true));
        let flags = |line: &Value| line["xflags"].as_u64().unwrap_or(0);
        say(Aspect::Flags, flags(&old.line) == flags(&new.line));
        let broken = |line: &Value| line["error"].is_string();
        if broken(&old.line) || broken(&new.line) {
            unsure.insert(format!("content of {number}"));
        } else {
            say(Aspect::Content, is_same("sha256") && is_same("sha256_of_data_segments"));
        }
        // what the kernel does not show
        unsure.insert(format!("storage of {number}"));
        unsure.insert(format!("acl of {number}"));
        unsure.insert(format!("flags of {number}"));
    }
    for (identity, new) in &b.files {
        if !a.files.contains_key(identity) {
            facts.extend(new.paths.values().map(|path| fact("added", path)));
        }
    }
    (facts, unsure)
}

/// The same of what was found.
fn found(difference: &Difference) -> Facts {
    let mut facts = Facts::new();
    for change in &difference.changes {
        let Change { number, state, path, renamed, linked, unlinked, aspects, .. } = change;
        match state {
            ChangeState::Added => {
                facts.extend([path].into_iter().chain(linked).map(|path| fact("added", path)));
                assert!(unlinked.is_empty());
            }
            ChangeState::Removed => {
                facts.extend([path].into_iter().chain(unlinked).map(|path| fact("removed", path)));
                assert!(linked.is_empty());
            }
            ChangeState::Changed => {
                facts.extend(renamed.iter().map(|(old, _)| fact("lost", old)));
                facts.extend(renamed.iter().map(|(_, new)| fact("got", new)));
                facts.extend(unlinked.iter().map(|path| fact("lost", path)));
                facts.extend(linked.iter().map(|path| fact("got", path)));
                assert!(linked.is_empty() || unlinked.is_empty());
                let number = if path == b"/" { 0 } else { *number };
                facts.extend(aspects.iter().map(|aspect| format!("{aspect} of {number}")));
            }
        }
    }
    facts
}

#[test]
fn what_changed_is_what_the_manifests_of_the_kernel_do_not_have_in_common() {
    let kinds: Mutex<BTreeMap<String, usize>> = Mutex::default();
    let pools: Vec<_> = fixtures().into_iter().filter_map(|f| Some((f.text("truth.jsonl")?, f))).collect();
    each(pools, |(truth, fixture)| {
        for fact in check(fixture, truth, &fixture.unlocked())? {
            *kinds.lock().unwrap().entry(fact.split(' ').next().unwrap().into()).or_default() += 1;
        }
        Ok(())
    });
    let kinds = kinds.into_inner().unwrap();
    for (kind, least) in
        [("added", 2000), ("got", 400), ("content", 800), ("entries", 700), ("xattrs", 250), ("volume", 40)]
    {
        assert!(kinds.get(kind).is_some_and(|count| *count >= least), "{kind}: {kinds:?}");
    }
}

fn check(fixture: &Fixture, truth: &str, pool: &Pool) -> Result<Vec<String>, String> {
    let mut lines: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in truth.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        lines.entry(line["dataset"].as_str().unwrap().into()).or_default().push(line);
    }
    let datasets = Datasets::of(pool);
    let sets = datasets.all.iter().filter(|set| !set.phys.bp.is_hole());
    let mut sets: Vec<(&Dataset, &Vec<Value>)> =
        sets.filter_map(|set| Some((set, lines.get(&set.name)?))).collect();
    let (mut seen, mut failures) = (Vec::new(), Vec::new());
    // what the kernel could not look at is nothing to be held against
    sets.retain(|(_, lines)| !lines.iter().any(|line| line["mount_error"].is_string()));
    for (a, lines_a) in &sets {
        for (b, lines_b) in &sets {
            let (state_a, state_b) = (State { pool, dataset: a }, State { pool, dataset: b });
            if !diff::are_related(state_a, state_b).unwrap() {
                let error = diff::compare(state_a, state_b, Options::default()).unwrap_err().to_string();
                assert!(error.contains("no history in common"), "{error}");
                continue;
            }
            let Ok(set_a) = a.objset(pool) else { continue };
            let difference = match diff::compare(state_a, state_b, Options::default()) {
                Ok(difference) => difference,
                Err(error) => {
                    failures.push(format!("{} -> {}: {error}", a.name, b.name));
                    continue;
                }
            };
            if set_a.r#type == ObjsetType::ZVOL {
                let (old, new) = (&lines_a[0], &lines_b[0]);
                let is_known = old["sha256"].is_string() && new["sha256"].is_string();
                let is_changed = old["sha256"] != new["sha256"];
                if is_known && difference.changes.is_empty() == is_changed {
                    failures.push(format!("{} -> {}: volume {difference:?}", a.name, b.name));
                }
                seen.push("volume".into());
                continue;
            }
            let (Some(manifest_a), Some(manifest_b)) = (Manifest::of(lines_a), Manifest::of(lines_b)) else {
                continue;
            };
            let ((facts, unsure), ours) = (expected(&manifest_a, &manifest_b), found(&difference));
            let name = |fact: &String| format!("{} -> {}: {fact}", a.name, b.name);
            let missing = facts.difference(&ours).filter(|fact| !unsure.contains(*fact));
            failures.extend(missing.map(|fact| format!("missing: {}", name(fact))));
            let more = ours.difference(&facts).filter(|fact| !unsure.contains(*fact));
            failures.extend(more.map(|fact| format!("too much: {}", name(fact))));
            seen.extend(facts);
        }
    }
    match failures.len() {
        0 => Ok(seen),
        n => Err(format!("{}: {n} differences:\n{}", fixture.name, failures[..n.min(12)].join("\n"))),
    }
}
