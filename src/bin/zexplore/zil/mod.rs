//! `zexplore zil`: what was promised to applications, but is not in the tree yet.

mod json;
mod words;

use std::fmt::Write;

use anstyle::Style;
use serde_json::json;
use zfsp::dataset::Datasets;
use zfsp::decode::{self, Decoded};
use zfsp::objset::ObjectSet;
use zfsp::pool::Pool;
use zfsp::view::rows::Detail;
use zfsp::view::text;
use zfsp::zil::{End, Fate, IntentLog, LogBlock, Sealing, Standing};

use crate::common::exit::{Exit, Failure};
use crate::common::output::{print, print_line};
use crate::common::pool::{Named, object_set};
use crate::common::show::structure;
use crate::session::Session;
use crate::style::{BAD, DIM, GOOD, ODD, TITLE, plain};

/// Intent logs of all file systems and volumes that have one, record by record, and what the next import will replay.
///
/// Nothing is replayed here. Other commands show the pool as it is without its logs, unless --replay is given.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Whose log: POOL/NAME, or #N for the dataset that is object N of the MOS
    dataset: Option<String>,
    /// Also the blocks of the log, with what leads to them
    #[arg(short, long)]
    blocks: bool,
    /// Also every field of header, blocks and records
    #[arg(short, long)]
    verbose: bool,
}

const EXAMPLES: &str = "\
Examples:
  zexplore zil -p images/             what is pending in all datasets
  zexplore zil lab/fs -b -p images/   of one of them, with the blocks of its log
  zexplore zil lab/fs -v -p images/   every field
  zexplore zil --json -p images/      header, records and end of each log, one a line";

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let pool = session.pool()?;
    let datasets = Datasets::of(&pool);
    let mut view = View { session, options };
    if let Some(name) = &options.dataset {
        let named = object_set(&pool, name)?;
        let dataset = datasets.all.iter().find(|dataset| dataset.object == named.set.id);
        if dataset.is_some_and(|dataset| dataset.is_snapshot()) {
            let what = format!("{name} is a snapshot: only file systems and volumes have intent logs");
            return Err(Failure(Exit::Usage, what));
        }
        if !view.log(&pool, &named)? {
            view.none(&format!("{} has no intent log", plain(&named.name)))?;
        }
        return Ok(view.session.exit());
    }
    datasets.losses.iter().for_each(|loss| view.session.warn(loss));
    let mut has_log = false;
    for dataset in datasets.all.iter().filter(|dataset| !dataset.is_snapshot() && !dataset.phys.bp.is_hole())
    {
        match Named::of(&pool, dataset) {
            Ok(named) => has_log |= view.log(&pool, &named)?,
            Err(loss) => view.session.warn(format!("{}: {loss}", plain(&dataset.name))),
        }
    }
    if !has_log {
        view.none("no dataset has an intent log")?;
    }
    Ok(view.session.exit())
}

struct View<'v, 's> {
    session: &'v mut Session<'s>,
    options: &'v Options,
}

/// Records by what a replay does with them.
#[derive(Default)]
struct Sums {
    blocks: u64,
    records: u64,
    pending: u64,
}

impl View<'_, '_> {
    fn none(&self, what: &str) -> Result<(), Failure> {
        if self.session.global.json { Ok(()) } else { print(&format!("{what}\n")).map(drop) }
    }

    /// A whole log; false if there is none.
    fn log(&mut self, pool: &Pool, named: &Named) -> Result<bool, Failure> {
        let Named { name, set, needs } = named;
        let Some(log) = IntentLog::of(pool, set) else { return Ok(false) };
        self.header(&log, name, set)?;
        let mut sums = Sums::default();
        let mut blocks = log.blocks();
        for block in &mut blocks {
            sums.blocks = sums.blocks.saturating_add(1);
            self.block(name, &block, &mut sums)?;
            if let Some(key) = needs.as_ref().filter(|_| block.sealing == Sealing::Locked) {
                self.session.lock(key);
            }
        }
        let end = blocks.end();
        if let Some(loss) = end.and_then(End::loss) {
            self.session.warn(format!("{}: {loss}: the log may go on behind it", plain(name)));
        }
        let end = end.map(ToString::to_string).unwrap_or_default();
        let Sums { blocks, records, pending } = sums;
        if self.session.global.json {
            print_line(&json!({
                "kind": "end", "dataset": name, "objset": log.objset,
                "blocks": blocks, "records": records, "pending": pending, "end": end,
            }))?;
        } else {
            print(&format!(
                "  {DIM}{} in {}, {pending} to be replayed; {end}{DIM:#}\n\n",
                count(records, "record"),
                count(blocks, "block")
            ))?;
        }
        Ok(true)
    }

    fn header(&self, log: &IntentLog, name: &str, set: &ObjectSet) -> Result<(), Failure> {
        // the header is a part of the object set
        let bytes = set.block().bytes.get(HEADER_AT..).and_then(|rest| rest.get(..HEADER_SIZE));
        let decoded = match bytes.filter(|_| self.options.verbose) {
            Some(bytes) => {
                Some(decode::decode(structure("zil-header")?, bytes, HEADER_AT, Some(set.order()), 1))
            }
            None => None,
        };
        if self.session.global.json {
            return print_line(&json::header(log, name, decoded.as_ref()));
        }
        let mut text = format!("{TITLE}{}{TITLE:#}  intent log of dataset {}\n", plain(name), log.objset);
        let state = match log.standing {
            Standing::Pending(first) => {
                format!("{ODD}open{ODD:#}: records of txg {first} and later are not in the tree yet")
            }
            Standing::Synced => format!("{GOOD}synced{GOOD:#}: an import replayed it"),
            Standing::Checkpointed => {
                "of the checkpoint: nothing of it counts, its blocks may have been used again".into()
            }
        };
        let header = &log.header;
        let claimed = match header.claim_txg.0 {
            0 => "never".into(),
            txg => {
                let record = header.last_seq().map(|seq| format!(" and record {seq}")).unwrap_or_default();
                format!("in txg {txg}, up to block {}{record}", header.claim_blk_seq)
            }
        };
        let replayed = format!("up to record {}", header.replay_seq);
        let lines = [
            ("state", Some(state)),
            ("claimed", Some(claimed)),
            ("replayed", Some(replayed).filter(|_| header.replay_seq > 0)),
            ("first block", Some(format!("{DIM}{}{DIM:#}", header.log))),
        ];
        for (what, value) in lines {
            // writing to a string cannot fail
            let _ = value.map(|value| writeln!(text, "  {what:<12} {value}"));
        }
        text.push_str(&tree(decoded.as_ref()));
        print(&text).map(drop)
    }

    fn block(&mut self, name: &str, block: &LogBlock, sums: &mut Sums) -> Result<(), Failure> {
        let decoded = match self.options.verbose {
            true => Some(decode::decode(structure("zil-block")?, block.bytes(), 0, None, 1)),
            false => None,
        };
        let is_json = self.session.global.json;
        if is_json && (self.options.blocks || self.options.verbose) {
            print_line(&json::block(name, block, decoded.as_ref()))?;
        } else if !is_json {
            // the heads stand before the first block
            let head = if sums.blocks == 1 { words::head() } else { String::new() };
            let line = if self.options.blocks { words::block(block) } else { String::new() };
            print(&format!("{head}{line}{}", tree(decoded.as_ref())))?;
        }
        let mut lines = String::new();
        for (record, fate) in block.records() {
            sums.records = sums.records.saturating_add(1);
            sums.pending = sums.pending.saturating_add((*fate == Fate::Pending).into());
            if is_json {
                print_line(&json::record(name, block, &record, fate))?;
            } else {
                lines.push_str(&words::record(block, &record, fate));
            }
            if let Fate::Ends(flaw) = fate {
                let what = format!("record {} ends the log: {flaw}", record.seq);
                self.session.warn(format!("{}: {what}", plain(name)));
            }
        }
        print(&lines)?;
        for fault in &block.faults {
            self.session.warn(format!(
                "{}: log block {}: {fault}; another copy is right",
                plain(name),
                block.seq
            ));
        }
        if let Some(damage) = &block.damage {
            let what = format!("log block {}: {damage}: written in part, or damaged", block.seq);
            self.session.warn(format!("{}: {what}; a replay ends here", plain(name)));
        }
        Ok(())
    }
}

/// Where the header stands in an object set, and its bytes.
const HEADER_AT: usize = 512;
const HEADER_SIZE: usize = 192;

/// All fields, below what they belong to.
fn tree(decoded: Option<&Decoded<'_>>) -> String {
    let text = decoded.map(|decoded| text::tree(decoded, Detail::Full)).unwrap_or_default();
    text.lines().map(|line| format!("    {line}\n")).collect()
}

fn count(n: u64, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// What a replay does with a record, in one or two words.
fn word(fate: &Fate) -> (Style, &'static str) {
    match fate {
        Fate::Pending => (GOOD, "replay"),
        Fate::Replayed => (DIM, "replayed"),
        Fate::Synced => (DIM, "in tree"),
        Fate::NotClaimed => (DIM, "not claimed"),
        Fate::Ends(_) => (BAD, "ends log"),
        Fate::BehindEnd => (DIM, "behind end"),
        Fate::Unproven => (BAD, "unproven"),
        Fate::Checkpointed => (DIM, "checkpoint"),
    }
}
