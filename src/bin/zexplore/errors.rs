//! `zexplore errors`: the blocks that the pool knows to be damaged.

use std::collections::HashMap;

use serde::Serialize;
use zfsp::dataset::Dataset;
use zfsp::error::Error;
use zfsp::error_log::{Entry, Log, entries};
use zfsp::namespace::escape::escaped;
use zfsp::namespace::{Namespace, Place};
use zfsp::object::{DNODE, Object, ObjectAt, SPILL};

use crate::common::exit::{Exit, Failure};
use crate::common::output::{print, print_line};
use crate::session::Session;
use crate::style::{DIM, TITLE, plain};
use crate::table::{Align, Cell, Table};

/// What scrubs and reads found damaged, as the error logs keep it: nothing is read to look for more, see verify.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {}

/// A block that is known to be damaged.
#[derive(Serialize)]
struct Fact {
    /// `errlog_last` or `errlog_scrub`.
    log: &'static str,
    /// As `zpool status -v` names it.
    file: String,
    dataset: Option<String>,
    objset: u64,
    object: i64,
    level: i64,
    blkid: u64,
    birth: Option<u64>,
    /// First byte of the object that the block holds.
    offset: Option<u64>,
    /// Bytes of the object that it holds.
    length: Option<u64>,
}

/// The logs, and how they are called.
const LOGS: [(Log, &str); 2] =
    [(Log::Last, "until the last finished scrub, and since"), (Log::Scrub, "of the running scrub")];

pub(crate) fn run(session: &mut Session<'_>, _options: &Options) -> Result<Exit, Failure> {
    let pool = session.pool()?;
    let names = session.names(&pool);
    let mut count = 0usize;
    let mut known: HashMap<_, Damaged> = HashMap::new();
    for (log, about) in LOGS {
        let mut facts = Vec::new();
        for entry in entries(&pool, log) {
            match entry {
                Ok(entry) => {
                    let at = entry.at.at;
                    let damaged =
                        known.entry((at.objset, at.object)).or_insert_with(|| Damaged::of(&names, at));
                    facts.push(Fact::of(damaged, log, &entry));
                }
                Err(error) => session.warn(format!("{}: {error}", log.key())),
            }
        }
        count = count.saturating_add(facts.len());
        if session.global.json {
            facts.iter().try_for_each(print_line)?;
        } else if !facts.is_empty() {
            let title = format!("{TITLE}{}{TITLE:#}  {DIM}{about}{DIM:#}\n", log.key());
            print(&format!("{title}{}\n", table(&facts)))?;
        }
    }
    if count == 0 && !session.global.json {
        print("no known errors\n")?;
    }
    if known.values().any(|damaged| damaged.is_locked) && !session.global.json {
        print(
            "files of locked datasets have no names without their keys: zexplore errors --keys FILE.json\n",
        )?;
    }
    Ok(session.exit())
}

/// An object with damaged blocks.
struct Damaged {
    file: String,
    dataset: Option<String>,
    /// Its dataset is locked: the key may tell the path.
    is_locked: bool,
    /// If it can still be had.
    object: Option<Object>,
}

impl Damaged {
    fn of(names: &Namespace<'_>, at: ObjectAt) -> Self {
        let ObjectAt { objset, object } = at;
        let dataset = names.datasets().all.iter().find(|dataset| dataset.object == objset);
        let path = dataset.and_then(|dataset| path(names, dataset, object));
        let is_locked = dataset.is_some_and(|dataset| {
            path.is_none() && matches!(names.root(dataset), Err(Error::Locked { .. }))
        });
        let dataset = dataset.map(|dataset| dataset.name.clone());
        let file = path.unwrap_or_else(|| file(objset, dataset.as_deref(), object));
        let number = u64::try_from(object).ok();
        let object = number.and_then(|number| names.pool().objset(objset).ok()?.object(number).ok());
        Self { file, dataset, is_locked, object }
    }
}

impl Fact {
    fn of(damaged: &Damaged, log: Log, entry: &Entry) -> Self {
        let Entry { at, birth } = entry;
        let range = damaged.object.as_ref().and_then(|object| object.range(at.level, at.blkid));
        Self {
            log: log.key(),
            file: damaged.file.clone(),
            dataset: damaged.dataset.clone(),
            objset: at.at.objset,
            object: at.at.object,
            level: at.level,
            blkid: at.blkid,
            birth: birth.map(|birth| birth.0),
            offset: range.as_ref().map(|range| range.start),
            length: range.map(|range| range.end.saturating_sub(range.start)),
        }
    }
}

/// The path of a damaged file in its dataset, or in the newest snapshot that still has it: `lab/fs:/file`.
fn path(names: &Namespace<'_>, dataset: &Dataset, object: i64) -> Option<String> {
    let number = u64::try_from(object).ok()?;
    let is_snapshot = |set: &&Dataset| {
        set.name.strip_prefix(&dataset.name).is_some_and(|rest| rest.starts_with('@'))
            && !dataset.is_snapshot()
    };
    let snapshots = names.datasets().all.iter().filter(is_snapshot).rev();
    std::iter::once(dataset).chain(snapshots).find_map(|set| match names.root(set).ok()? {
        Place::Inode(root) => Some(format!("{}:{}", set.name, escaped(&root.fs().path_of(number)?))),
        Place::Volume(_) | Place::Lost(_) => None,
    })
}

/// What `zpool status -v` calls a damaged object whose path is not known.
fn file(objset: u64, dataset: Option<&str>, object: i64) -> String {
    match (objset, dataset) {
        (0, _) => format!("<metadata>:<{object:#x}>"),
        (_, Some(name)) => format!("{name}:<{object:#x}>"),
        (_, None) => format!("<{objset:#x}>:<{object:#x}>"),
    }
}

fn table(facts: &[Fact]) -> Table {
    use Align::{Left, Right};
    let heads = [
        ("FILE", Left),
        ("OBJECT", Right),
        ("LEVEL", Right),
        ("BLOCK", Right),
        ("BIRTH", Right),
        ("BYTES", Left),
    ];
    let mut table = Table::new(&heads).indented(2);
    for fact in facts {
        let level = match fact.level {
            -1 => "object set".into(),
            -2 => "intent log".into(),
            level => level.to_string(),
        };
        let block = match fact.blkid {
            DNODE => "dnode".into(),
            SPILL => "spill".into(),
            blkid => blkid.to_string(),
        };
        let bytes = fact.offset.zip(fact.length);
        let bytes = bytes.map(|(at, len)| format!("{at:#x}..{:#x}", at.saturating_add(len)));
        let birth = fact.birth.map_or_else(|| "?".into(), |birth| birth.to_string());
        table.row([
            Cell::styled(TITLE, plain(&fact.file)),
            fact.object.into(),
            level.into(),
            block.into(),
            birth.into(),
            Cell::styled(DIM, bytes.unwrap_or_default()),
        ]);
    }
    table
}
