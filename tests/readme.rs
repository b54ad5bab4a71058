//! Every transcript of the README is what the programs say.
//!
//! A line `[...]` stands for any number of lines. `UPDATE_README=1 cargo test --test readme` writes
//! the outputs anew, long ones shortened.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly

mod common;

use common::transcript::transcript;

/// Lines that a transcript of the README has at most, and how many of them are from the end.
const LONGEST: usize = 24;
const TAIL: usize = 4;
/// A page is no wider.
const WIDEST: usize = 150;

#[test]
#[allow(clippy::disallowed_methods)] // the README is written on request only
fn transcripts_are_true() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let text = std::fs::read_to_string(path).unwrap();
    let update = std::env::var_os("UPDATE_README").is_some();
    let mut out = String::new();
    let mut rest = text.as_str();
    let mut checked = 0;
    while let Some((before, block)) = rest.split_once("```console\n$ ") {
        let (block, after) = block.split_once("```\n").unwrap();
        let (command, expected) = block.split_once('\n').unwrap();
        let found = shown(command);
        if !update {
            assert!(matches(expected, &found), "$ {command}\nREADME:\n{expected}\nfound:\n{found}");
        }
        out.push_str(&format!("{before}```console\n$ {command}\n{}```\n", shorten(&found)));
        rest = after;
        checked += 1;
    }
    out.push_str(rest);
    assert!(checked >= 5, "the README has lost its transcripts");
    if update {
        std::fs::write(path, out).unwrap();
    }
}

/// What a person sees: both streams, no exit code.
fn shown(command: &str) -> String {
    let whole = transcript(command, None);
    let lines = whole.lines().skip(1).filter(|line| !line.starts_with("--- "));
    lines.map(|line| format!("{}\n", line.chars().take(WIDEST).collect::<String>().trim_end())).collect()
}

fn shorten(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let shown: Vec<&str> = if lines.len() > LONGEST {
        let (head, tail) = (&lines[..LONGEST - TAIL], &lines[lines.len() - TAIL..]);
        [head, &["[...]"], tail].concat()
    } else {
        lines
    };
    shown.iter().map(|line| format!("{line}\n")).collect()
}

fn matches(expected: &str, found: &str) -> bool {
    let mut rest = found;
    for (n, part) in expected.split("[...]\n").enumerate() {
        let at = if n == 0 { rest.starts_with(part).then_some(0) } else { rest.find(part) };
        let Some(at) = at else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}
