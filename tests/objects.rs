//! Every object of every pool: its content decodes without a problem or an unexplained byte,
//! and each type has a transcript.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly

mod common;

use std::collections::BTreeMap;
use std::sync::Mutex;

use common::walk::{Found, walk};
use common::{each, fixtures, unexplained};
use zfsp::decode::decode;
use zfsp::view::rows::Detail;
use zfsp::view::text;
use zfsp_grammar::catalogue;
use zfsp_grammar::input::Order;

/// What makes a transcript the better one: it says something, in few fields.
type Rank = (bool, usize, String);

/// Lines of a transcript.
const LONGEST: usize = 60;

#[test]
fn each_decodes_without_a_problem() {
    let seen: Mutex<BTreeMap<String, (Rank, Found)>> = Mutex::default();
    each(fixtures(), |fixture| {
        let mut failures = Vec::new();
        for found in walk(fixture) {
            let structure = catalogue::find(found.structure).ok_or("no such structure").unwrap();
            let decoded = decode(structure, &found.bytes, 0, Some(found.order), 1);
            let place = format!("{}, {} as {}", found.place, found.kind, found.structure);
            let problems = decoded.tree.problems().take(2);
            failures.extend(problems.map(|(k, p)| format!("{place}: {}: {}", decoded.tree.path(k), p.text)));
            failures.extend(unexplained(&decoded).map(|gap| format!("{place}: unexplained {gap}")));
            // the smallest one that says something makes the best transcript
            let order = if found.order == Order::Big { ", big-endian" } else { "" };
            let key = format!("{} as {}{order}", found.kind, found.structure);
            let says = decoded.tree.nodes.len();
            let rank = (says < 12, says, found.place.clone());
            let mut seen = seen.lock().unwrap();
            if seen.get(&key).is_none_or(|(best, _)| rank < *best) {
                seen.insert(key, (rank, found));
            }
        }
        failures.truncate(12);
        if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
    });
    let transcripts: Vec<String> =
        seen.into_inner().unwrap().iter().map(|(key, (_, found))| transcript(key, found)).collect();
    insta::assert_snapshot!("each_type_of_object", transcripts.join("\n"));
}

fn transcript(key: &str, found: &Found) -> String {
    let decoded = decode(catalogue::find(found.structure).unwrap(), &found.bytes, 0, Some(found.order), 1);
    let tree = anstream::adapter::strip_str(&text::tree(&decoded, Detail::Brief)).to_string();
    let lines: Vec<&str> = tree.lines().take(LONGEST).collect();
    format!("== {key}: {}\n{}\n", found.place, lines.join("\n"))
}

/// Structures that the same bytes may be called.
const ALIKE: &[(&str, &[&str])] = &[
    ("zap", &["microzap", "zap-header", "zap-leaf"]),
    ("space-map", &["log-space-map", "dtl"]),
    ("indirect", &["bpobj"]),
    ("bpobj", &["indirect", "blkptr"]),
    ("nvlist", &["fuid-table", "dxattr"]),
];

/// `auto` knows most blocks of real pools by themselves. Arrays of plain words it cannot know.
#[test]
fn auto_knows_what_blocks_are() {
    let unknowable =
        ["object-array", "brt-counts", "obsolete-counts", "indirect-births", "space-map", "redaction-list"];
    let counts: Mutex<BTreeMap<&'static str, (usize, usize)>> = Mutex::default();
    let missed: Mutex<Vec<String>> = Mutex::default();
    let some = [
        "simple",
        "bigendian-mirror",
        "pool-version-4",
        "pool-version-28",
        "removed",
        "dedup-fast",
        "unclean-zil",
    ];
    each(some.map(common::fixture).to_vec(), |fixture| {
        for found in walk(fixture).into_iter().filter(|f| !unknowable.contains(&f.structure)) {
            let best = zfsp::decode::auto::candidates(&found.bytes, 0, None);
            let best = best.first().map_or("nothing", |c| c.structure.name);
            let alike =
                ALIKE.iter().find(|(name, _)| *name == found.structure).map_or(&[][..], |(_, alike)| alike);
            let knows = best == found.structure || alike.contains(&best);
            let mut counts = counts.lock().unwrap();
            let (right, all) = counts.entry(found.structure).or_default();
            *right += usize::from(knows);
            *all += 1;
            if !knows {
                missed.lock().unwrap().push(format!("{}: {} taken for {best}", found.place, found.structure));
            }
        }
        Ok(())
    });
    let counts = counts.into_inner().unwrap();
    let missed = missed.into_inner().unwrap();
    let (right, all) = counts.values().fold((0, 0), |(r, a), (right, all)| (r + right, a + all));
    assert!(
        right * 100 >= all * 97,
        "{right} of {all}: {counts:?}\n{}",
        missed[..missed.len().min(30)].join("\n")
    );
}
