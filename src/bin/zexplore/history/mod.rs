//! `zexplore history`: what was done to the pool.

mod text;

use std::io::{self, BufWriter, Write};

use serde_json::{Map, Value as Json};
use zfsp::history::{Event, History};
use zfsp_grammar::dsl::history::{Action, Record};
use zfsp_grammar::quantity::utc;

use crate::common::exit::{Exit, Failure};
use crate::common::moment::moment;
use crate::common::output::written;
use crate::nvlist;
use crate::session::Session;

/// The commands that were given, oldest first, as `zpool history` prints them. Times are in UTC.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Also what happened inside the pool: events with their txg, requests to the kernel with what they gave and got
    #[arg(short, long)]
    internal: bool,
    /// With user, host and zone
    #[arg(short, long)]
    long: bool,
    /// From this time on: 2026-11-22, 2026-11-22T13:01:30, or seconds since 1970; UTC
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<i64>,
    /// Up to this time, which does not count itself
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<i64>,
}

const EXAMPLES: &str = "\
Examples:
  zexplore history -p images/              the commands
  zexplore history -il -p images/          everything, and who did it
  zexplore history -i --since 2026-11-22 -p images/
                                           what happened since that day
  zexplore history --json -p images/       every field of every record, one a line";

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let pool = session.pool()?;
    let Some(history) = History::of(&pool)? else {
        return Err(Failure(Exit::Nothing, format!("{} has no history", pool.name)));
    };
    let is_json = session.global.json;
    let mut out = BufWriter::new(anstream::stdout().lock());
    let mut print = |session: &mut Session<'_>| -> io::Result<()> {
        if !is_json {
            writeln!(out, "{}", text::head(&pool.name))?;
        }
        for event in history.events() {
            match event {
                Ok(event) => write_event(&mut out, &event, options, is_json)?,
                Err(loss) => {
                    out.flush()?;
                    session.warn(format!("history: {loss}"));
                }
            }
        }
        if !is_json {
            writeln!(out)?;
        }
        out.flush()
    };
    let exit = written(print(session))?;
    Ok(exit.max(session.exit()))
}

fn write_event(out: &mut impl Write, event: &Event, options: &Options, is_json: bool) -> io::Result<()> {
    let Some(record) = event.record() else { return Ok(()) };
    let is_command = matches!(record.action(), Action::Command(_));
    let time = record.time().map_or(0, |time| time.0.cast_signed());
    let is_meant =
        options.since.is_none_or(|since| time >= since) && options.until.is_none_or(|until| time < until);
    if !is_meant || !(is_command || options.internal || is_json) {
        return Ok(());
    }
    if is_json {
        serde_json::to_writer(&mut *out, &json(event, &record))?;
        return writeln!(out);
    }
    out.write_all(text::event(&record, options.long).as_bytes())
}

/// Every field, under the names that the record has for them.
fn json(event: &Event, record: &Record<'_>) -> Json {
    let mut line = Map::new();
    line.insert("at".into(), event.at.into());
    if let Some(time) = record.time() {
        line.insert("time".into(), utc(time.0.cast_signed()).into());
    }
    if let Json::Object(fields) = nvlist::json(&record.nvlist.list) {
        line.extend(fields);
    }
    line.into()
}
