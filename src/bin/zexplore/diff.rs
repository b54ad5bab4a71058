//! `zexplore diff`: what changed between two states of a dataset.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};
use zfsp::dataset::{Dataset, Datasets};
use zfsp::diff::{self, Change, ChangeState, Difference, Side, State};
use zfsp::namespace::escape::escaped;
use zfsp::pool::{self, Devices, Gathering, Pool};
use zfsp_grammar::mode::FileType;

use crate::args::Global;
use crate::common::exit::{Exit, Failure};
use crate::common::output::print;
use crate::session::Session;
use crate::style::{BAD, DIM, GOOD, ODD, plain, size, styled};

/// Both states must have history in common.
#[derive(Debug, clap::Args)]
#[command(after_help = STATES)]
pub(crate) struct Options {
    /// The first state
    #[arg(value_name = "A")]
    a: String,
    /// The second state
    #[arg(value_name = "B")]
    b: Option<String>,
    /// Also which bytes of files changed: reads all blocks that differ
    #[arg(short, long)]
    ranges: bool,
    /// Leave out what was only looked at: files of which nothing changed but the time of the last access, or how they
    /// are stored
    #[arg(short, long)]
    quiet: bool,
}

const STATES: &str = "\
Shows what it takes to come from A to B: + added, - removed, M changed, R renamed, each with its
type and what of it changed. Only what differs is read; what the intent log holds is left out.

States, which must be of one history (a dataset, its snapshots, its clones):
  pool/a@s       a snapshot
  pool/a         the dataset as it is
  pool/a%1234    either as of txg 1234: zexplore uberblocks tells which there are
Without B: from the snapshot before A to A; from A as of a txg to A as it is

Types: F file, / directory, @ symbolic link, B and C devices, | pipe, = socket, > door

Examples:
  zexplore diff lab@monday lab -p images/
  zexplore diff lab/home --ranges -p images/
  zexplore diff lab/home%1234 lab/home -p images/";

/// A state that is asked for.
struct Wanted {
    name: String,
    txg: Option<u64>,
}

impl Wanted {
    /// `%` is in no name that a user can give; the pool's own end with words.
    fn of(text: &str) -> Self {
        let parts = text.rsplit_once('%').filter(|(name, _)| !name.is_empty() && !name.ends_with('/'));
        match parts.and_then(|(name, txg)| Some((name, txg.parse().ok()?))) {
            Some((name, txg)) => Self { name: name.into(), txg: Some(txg) },
            None => Self { name: text.into(), txg: None },
        }
    }
}

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    if session.global.replay {
        let what = "states are compared without what their intent logs hold: leave out --replay";
        return Err(Failure(Exit::Usage, what.into()));
    }
    let a = Wanted::of(&options.a);
    let found = session.find()?;
    let present = session.open(&found.devices)?;
    let sets = Datasets::of(&present);
    sets.losses.iter().for_each(|loss| session.warn(loss));
    let b = options.b.as_deref().map(Wanted::of);
    let older = older(session, &found.devices, &a)?;
    let newer = b.as_ref().map(|b| self::older(session, &found.devices, b)).transpose()?.flatten();
    session.forget_keys();
    let of = |older: &Option<(Pool, Datasets)>, name: &str| -> Result<Dataset, Failure> {
        Ok(older.as_ref().map_or(&sets, |(_, sets)| sets).find(name)?.clone())
    };
    let first = of(&older, &a.name)?;
    let (first, second) = match &b {
        Some(b) => (first, of(&newer, &b.name)?),
        None if older.is_some() => (first, of(&None, &a.name)?),
        None => (before(&sets, &first)?, first),
    };
    let pool = |older| Option::as_ref(older).map_or(&present, |(pool, _): &(Pool, Datasets)| pool);
    // without B the older state is the first, or there is none
    let states =
        [State { pool: pool(&older), dataset: &first }, State { pool: pool(&newer), dataset: &second }];
    let [state_a, state_b] = states;
    let mut difference = diff::compare(state_a, state_b, diff::Options { ranges: options.ranges })?;
    for lost in &difference.losses {
        let name = match lost.side {
            Side::A => &options.a,
            Side::B => options.b.as_ref().unwrap_or(&second.name),
        };
        session.warn(format_args!("{name}: {}", lost.loss));
    }
    if options.quiet {
        difference.changes.retain(|change| !is_quiet(change));
    }
    show(session, &difference)
}

/// The pool as it was, if a txg is asked for.
fn older(
    session: &mut Session<'_>,
    devices: &Devices,
    wanted: &Wanted,
) -> Result<Option<(Pool, Datasets)>, Failure> {
    let Some(txg) = wanted.txg else { return Ok(None) };
    let alone = Gathering { pools: vec![devices.clone()], ..Gathering::default() };
    let mut pool = Pool::open(alone, &pool::Options { txg: Some(txg), ..pool::Options::default() })?;
    session.unlock_or_tell(&mut pool);
    for trouble in &pool.troubles {
        session.warn(format_args!("txg {txg}: {trouble}"));
    }
    let found = pool.uberblock.txg.0;
    if found != txg {
        anstream::eprintln!(
            "{DIM}{}%{txg}: the newest state up to there is of txg {found}{DIM:#}",
            plain(&wanted.name)
        );
    }
    let sets = Datasets::of(&pool);
    sets.losses.iter().for_each(|loss| session.warn(format_args!("txg {txg}: {loss}")));
    Ok(Some((pool, sets)))
}

/// The snapshot before a state.
fn before(sets: &Datasets, set: &Dataset) -> Result<Dataset, Failure> {
    let found = sets.all.iter().find(|older| older.object == set.phys.prev_snap_obj.0 && !older.is_hidden);
    let none =
        || Failure(Exit::Nothing, format!("{}: no snapshot is older: name another state", plain(&set.name)));
    found.cloned().ok_or_else(none)
}

fn is_quiet(change: &Change) -> bool {
    use diff::Aspect::{Atime, Storage};
    change.state == ChangeState::Changed
        && (change.renamed.len(), change.linked.len(), change.unlinked.len()) == (0, 0, 0)
        && change.aspects.iter().all(|aspect| matches!(aspect, Atime | Storage))
}

/// What is renamed.
const MOVED: Style = AnsiColor::Cyan.on_default();

/// A line of the output: a file may have several names.
struct Line<'c> {
    change: &'c Change,
    mark: char,
    from: Option<&'c [u8]>,
    path: &'c [u8],
}

impl<'c> Line<'c> {
    fn all(change: &'c Change) -> Vec<Self> {
        let line = |mark, from, path| Line { change, mark, from, path };
        let Change { path, renamed, linked, unlinked, .. } = change;
        match change.state {
            ChangeState::Added => {
                [path].into_iter().chain(linked).map(|path| line('+', None, path.as_slice())).collect()
            }
            ChangeState::Removed => {
                [path].into_iter().chain(unlinked).map(|path| line('-', None, path.as_slice())).collect()
            }
            ChangeState::Changed => {
                let renamed =
                    renamed.iter().map(|(from, to)| line('R', Some(from.as_slice()), to.as_slice()));
                let mut all: Vec<_> = renamed.collect();
                if all.is_empty() || !linked.is_empty() || !unlinked.is_empty() {
                    all.push(line('M', None, path));
                }
                all
            }
        }
    }

    fn text(&self) -> String {
        let Self { change, mark, from, path } = self;
        let style = match mark {
            '+' => GOOD,
            '-' => BAD,
            'R' => MOVED,
            _ => ODD,
        };
        let mut out = styled(style, format_args!("{mark}  {}  ", letter(change.kind)));
        if let Some(from) = from {
            let _ = write!(out, "{} -> ", escaped(from));
        }
        let _ =
            write!(out, "{}", if path.is_empty() { "the volume".into() } else { escaped(path).to_string() });
        let links = [('+', &change.linked), ('-', &change.unlinked)];
        if *mark == 'M' {
            for (sign, all) in links {
                for path in all {
                    let _ = write!(out, "  {}", styled(MOVED, format_args!("({sign}1: {})", escaped(path))));
                }
            }
        }
        let what: Vec<_> = change.aspects.iter().map(|aspect| aspect.name()).collect();
        if !what.is_empty() {
            let _ = write!(out, "  {}", styled(DIM, what.join(", ")));
        }
        out.push('\n');
        for range in &change.ranges {
            let length = size(range.end.saturating_sub(range.start));
            let _ = writeln!(
                out,
                "         {}",
                styled(DIM, format_args!("{:#x} to {:#x}: {length}", range.start, range.end))
            );
        }
        out
    }

    fn json(&self) -> Value {
        let Self { change, mark, from, path } = self;
        let word = match mark {
            '+' => "added",
            '-' => "removed",
            'R' => "renamed",
            _ => "changed",
        };
        let mut line = Map::new();
        line.insert("change".into(), word.into());
        line.insert("type".into(), change.kind.to_string().into());
        line.insert("object".into(), change.number.into());
        if let Some(from) = from {
            insert(&mut line, "from", from);
        }
        if !path.is_empty() {
            insert(&mut line, "path", path);
        }
        if change.state == ChangeState::Changed {
            let what: Vec<_> = change.aspects.iter().map(|aspect| aspect.name()).collect();
            line.insert("what".into(), what.into());
            if *mark == 'M' {
                for (key, all) in [("linked", &change.linked), ("unlinked", &change.unlinked)] {
                    if !all.is_empty() {
                        line.insert(key.into(), all.iter().map(|path| escaped(path).to_string()).collect());
                    }
                }
            }
            if !change.ranges.is_empty() {
                let length = |range: &std::ops::Range<u64>| range.end.saturating_sub(range.start);
                let ranges: Vec<_> =
                    change.ranges.iter().map(|range| json!([range.start, length(range)])).collect();
                line.insert("ranges".into(), ranges.into());
            }
        }
        Value::Object(line)
    }
}

/// A path as text, or as base64.
fn insert(line: &mut Map<String, Value>, key: &str, path: &[u8]) {
    match std::str::from_utf8(path) {
        Ok(text) => line.insert(key.into(), text.into()),
        Err(_) => line.insert(format!("{key}_b64"), BASE64.encode(path).into()),
    };
}

/// As `zfs diff -F` prints it.
fn letter(kind: FileType) -> char {
    match kind {
        FileType::REGULAR => 'F',
        FileType::DIRECTORY => '/',
        FileType::SYMLINK => '@',
        FileType::BLOCK => 'B',
        FileType::CHAR => 'C',
        FileType::FIFO => '|',
        FileType::SOCKET => '=',
        FileType::DOOR => '>',
        _ => '?',
    }
}

fn show(session: &Session<'_>, difference: &Difference) -> Result<Exit, Failure> {
    let Global { json, .. } = *session.global;
    let mut out = String::new();
    for line in difference.changes.iter().flat_map(Line::all) {
        match json {
            true => drop(writeln!(out, "{}", line.json())),
            false => out.push_str(&line.text()),
        }
    }
    Ok(print(&out)?.max(session.exit()))
}
