//! `zfsp-decode`: what do these bytes say?
#![allow(clippy::print_stdout, clippy::print_stderr)] // a program prints

use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use zfsp::decode::{self, Decoded, auto, extent};
use zfsp::view::html::{self, Page};
use zfsp::view::rows::Detail;
use zfsp::view::{json, spec, text};
use zfsp_grammar::catalogue::{self, FAMILIES, Structure};
use zfsp_grammar::input::Order;
use zfsp_grammar::notation;

mod args;
#[path = "../shared/mod.rs"]
mod shared;
mod source;

use args::Args;
use shared::exit::{Exit, Failure, end};
use shared::output::{ERROR, print, written};
use source::Source;

/// Problems that standard error names: who wants all of thousands asks for JSON.
const LISTED: usize = 20;

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
    let (structure, bytes) = if let Some(structure) = named {
        (structure, if args.length.is_none() { extent::trim(name, bytes) } else { bytes })
    } else {
        let candidates = auto::candidates(bytes, at, order);
        let best = candidates.first().ok_or_else(|| unknown(&source))?;
        explain(args, &candidates)?;
        let best = best.structure;
        (best, if args.length.is_none() { extent::trim(best.name, bytes) } else { bytes })
    };
    let decoded = decode::decode(structure, bytes, at, order, args.count);
    if decoded.is_nothing() {
        let (path, place, problem) = decoded.first_problem().map_or_else(
            || (name.to_owned(), at, "no field could be read".into()),
            |(p, a, e)| (p, a, e.text),
        );
        let hint = source.hint(structure.name);
        return Err(Failure(Exit::Nothing, format!("{path} at {place:#x}: {problem}{hint}")));
    }
    show(args, &decoded)?;
    if let Some(path) = &args.html {
        write_page(path, &Page { source: &source.name, ..Page::from(&decoded) })?;
    }
    Ok(if decoded.is_sound() && !source.is_damaged { Exit::Well } else { Exit::Damaged })
}

fn structure(name: &str) -> Result<&'static Structure, Failure> {
    catalogue::find(name)
        .ok_or_else(|| Failure(Exit::Usage, format!("no structure '{name}': --list names them all")))
}

fn unknown(source: &Source) -> Failure {
    Failure(Exit::Nothing, format!("{}: nothing that ZFS writes is recognised here", source.name))
}

/// Names the candidates with their reasons, before the best one is shown.
fn explain(args: &Args, candidates: &[auto::Candidate]) -> Result<(), Failure> {
    if args.json || args.values {
        return Ok(());
    }
    let mut out = String::new();
    for (n, c) in candidates.iter().take(5).enumerate() {
        let mark = if n == 0 { "->" } else { "  " };
        out.push_str(&format!("{mark} {:22} {}, {}\n", c.structure.name, c.order, c.reasons.join("; ")));
    }
    print(&out).map(|_| ())
}

fn show(args: &Args, decoded: &Decoded<'_>) -> Result<(), Failure> {
    if args.html.as_ref().is_some_and(|path| path.as_os_str() == "-") {
        // the page has standard output for itself
    } else if args.json {
        written(json::write(decoded, anstream::stdout().lock()))?;
    } else if args.values {
        print(&text::values(decoded))?;
    } else {
        print(&text::tree(decoded, if args.full { Detail::Full } else { Detail::Brief }))?;
    }
    let troubles = decoded.tree.troubles();
    for trouble in troubles.iter().take(LISTED) {
        anstream::eprintln!(
            "{ERROR}{}{ERROR:#} at {:#x}: {}",
            trouble.path,
            trouble.at,
            trouble.problem.text
        );
    }
    if let Some(more) = troubles.len().checked_sub(LISTED).filter(|more| *more > 0) {
        anstream::eprintln!("{more} more problems; --json lists them all");
    }
    Ok(())
}

/// The only thing that this program writes, and only where it is told to; `-` is standard output.
#[allow(clippy::disallowed_methods)] // an output, no evidence
fn write_page(path: &Path, page: &Page<'_>) -> Result<(), Failure> {
    let page = html::page(page);
    if path.as_os_str() == "-" {
        return print(&page).map(|_| ());
    }
    std::fs::write(path, page).map_err(|e| Failure(Exit::Nothing, format!("{}: {e}", path.display())))
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

/// The sixteen words of a block pointer, if that is what `text` is.
fn blkptr_words(text: &str) -> Option<Vec<u8>> {
    Some(notation::words(text)?.iter().flat_map(|word| word.to_le_bytes()).collect())
}

/// Shown in messages for standard input.
fn name_of(path: &Path) -> String {
    if path.as_os_str() == "-" { "standard input".into() } else { path.display().to_string() }
}
