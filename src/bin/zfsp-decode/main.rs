//! `zfsp-decode`: what do these bytes say?
#![allow(clippy::print_stdout, clippy::print_stderr)] // a program prints

use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use zfsp::decode::{auto, extent};
use zfsp::view::spec;
use zfsp_grammar::catalogue::{self, FAMILIES};
use zfsp_grammar::input::Order;
use zfsp_grammar::notation::Notation;

mod args;
#[path = "../common/mod.rs"]
mod common;
mod follow;
mod source;

use args::Args;
use common::exit::{Exit, Failure, end};
use common::opener::Opener;
use common::output::{ERROR, print};
use common::seal;
use common::show::structure;
use source::Source;

fn main() -> ExitCode {
    end("zfsp-decode", run(&Args::parse()))
}

fn run(args: &Args) -> Result<Exit, Failure> {
    if args.list {
        return print(&list());
    }
    if let Some(name) = &args.spec {
        return print(&spec::page(structure(name)?));
    }
    if let Some(shell) = args.completions {
        clap_complete::generate(shell, &mut Args::command(), "zfsp-decode", &mut io::stdout());
        return Ok(Exit::Well);
    }
    let name = args.structure.as_deref().unwrap_or_default();
    let order = match (args.le, args.be) {
        (true, _) => Some(Order::Little),
        (_, true) => Some(Order::Big),
        _ => None,
    };
    let named = if name == "auto" { None } else { Some(structure(name)?) };
    let source = Source::read(args, name)?;
    let (at, bytes) = (source.at, source.bytes.as_slice());
    if bytes.is_empty() {
        return Err(Failure(Exit::Nothing, format!("{}: no bytes at {:#x}", source.name, args.at)));
    }
    let told = source.structure.and_then(catalogue::find);
    let order = order.or(source.order);
    let (structure, bytes) = if let Some(structure) = named.or(told) {
        let is_cut = source.pool.is_some() || args.length.is_some();
        (structure, if is_cut { bytes } else { extent::trim(name, bytes) })
    } else {
        let candidates = auto::candidates(bytes, at, order);
        let best = candidates.first().ok_or_else(|| unknown(&source))?;
        explain(args, &candidates)?;
        let best = best.structure;
        (best, if args.length.is_none() { extent::trim(best.name, bytes) } else { bytes })
    };
    let decoded = seal::decode(structure, bytes, at, order, args.count, source.is_sealed);
    if decoded.is_nothing() {
        let (path, place, problem) = decoded.first_problem().map_or_else(
            || (name.to_owned(), at, "no field could be read".into()),
            |(p, a, e)| (p, a, e.text),
        );
        let hint = source.hint(structure.name);
        return Err(Failure(Exit::Nothing, format!("{path} at {place:#x}: {problem}{hint}")));
    }
    let exit = match (&source.pool, args.origin.follow) {
        (Some(pool), Some(levels)) => follow::run(args, &Opener::of(pool), &decoded, levels)?,
        _ => args.look.show(args.json, &decoded, &source.name)?,
    };
    Ok(if source.is_damaged { exit.max(Exit::Damaged) } else { exit })
}

fn unknown(source: &Source) -> Failure {
    Failure(Exit::Nothing, format!("{}: nothing that ZFS writes is recognised here", source.name))
}

/// Names the candidates with their reasons, before the best one is shown.
fn explain(args: &Args, candidates: &[auto::Candidate]) -> Result<(), Failure> {
    if args.json || args.look.values {
        return Ok(());
    }
    let mut out = String::new();
    for (n, c) in candidates.iter().take(5).enumerate() {
        let mark = if n == 0 { "->" } else { "  " };
        out.push_str(&format!("{mark} {:22} {}, {}\n", c.structure.name, c.order, c.reasons.join("; ")));
    }
    print(&out).map(|_| ())
}

fn list() -> String {
    let mut out = String::new();
    for (family, members) in FAMILIES {
        out.push_str(&format!("{family}\n"));
        for s in *members {
            out.push_str(&format!("  {:24} {}\n", s.name, s.about));
        }
    }
    out
}

/// The words of a block pointer, if `text` is one: as zdb prints it, or sixteen hex numbers between colons.
fn blkptr_bytes(text: &str) -> Option<Vec<u8>> {
    // sixteen numbers between blanks may be sixteen bytes
    let words = text.parse::<Notation>().ok().filter(|_| text.contains(':'))?.words;
    Some(words.iter().flat_map(|word| word.to_le_bytes()).collect())
}

/// Shown in messages for standard input.
fn name_of(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".into() } else { path.display().to_string() }
}
