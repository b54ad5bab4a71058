//! Every object of every plain pool: its content decodes without a problem or an unexplained byte,
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

/// Lines of a transcript.
const LONGEST: usize = 60;

#[test]
fn each_decodes_without_a_problem() {
    let seen: Mutex<BTreeMap<String, (usize, Found)>> = Mutex::default();
    let pools = std::sync::atomic::AtomicUsize::new(0);
    each(fixtures(), |fixture| {
        let Some(all) = walk(fixture) else { return Ok(()) };
        pools.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut failures = Vec::new();
        for found in all {
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
            match seen.get_mut(&key) {
                Some((n, best)) => {
                    *n += 1;
                    if rank < rank_of(best) {
                        *best = found;
                    }
                }
                None => {
                    seen.insert(key, (1, found));
                }
            }
        }
        failures.truncate(12);
        if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
    });
    assert!(pools.into_inner() > 45, "too few pools were walked");
    let transcripts: Vec<String> =
        seen.into_inner().unwrap().iter().map(|(key, (_, found))| transcript(key, found)).collect();
    insta::assert_snapshot!("each_type_of_object", transcripts.join("\n"));
}

fn rank_of(found: &Found) -> (bool, usize, String) {
    let decoded = decode(catalogue::find(found.structure).unwrap(), &found.bytes, 0, Some(found.order), 1);
    let says = decoded.tree.nodes.len();
    (says < 12, says, found.place.clone())
}

fn transcript(key: &str, found: &Found) -> String {
    let decoded = decode(catalogue::find(found.structure).unwrap(), &found.bytes, 0, Some(found.order), 1);
    let tree = anstream::adapter::strip_str(&text::tree(&decoded, Detail::Brief)).to_string();
    let lines: Vec<&str> = tree.lines().take(LONGEST).collect();
    format!("== {key}: {}\n{}\n", found.place, lines.join("\n"))
}
