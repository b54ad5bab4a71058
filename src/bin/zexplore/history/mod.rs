//! `zexplore history`: what was done to the pool.

mod text;

use std::io::{self, BufWriter, Write};

use serde_json::{Map, Value as Json};
use zfsp::history::{Event, History};
use zfsp_grammar::dsl::history::{Action, Record};
use zfsp_grammar::quantity::utc;

use crate::common::exit::{Exit, Failure};
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
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<u64>,
    /// Up to this time, which does not count itself
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<u64>,
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
    let time = record.time().map_or(0, |time| time.0);
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

/// Seconds since 1970 from a day, a day and a time, or a number.
fn time(text: &str) -> Result<u64, String> {
    let wrong = || "expected 2026-11-22, 2026-11-22T13:01:30, or seconds since 1970".to_owned();
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let text = text.trim_end_matches('Z');
    let (day, of_day) = text.split_once(['T', ' ', '.']).unwrap_or((text, "0"));
    let numbers =
        |text: &str, by: char| -> Option<Vec<u64>> { text.split(by).map(|n| n.parse().ok()).collect() };
    let ([year, month, day], of_day) = (
        numbers(day, '-').and_then(|all| <[u64; 3]>::try_from(all).ok()).ok_or_else(wrong)?,
        numbers(of_day, ':').filter(|all| all.len() <= 3).ok_or_else(wrong)?,
    );
    let seconds =
        of_day.iter().zip([3600, 60, 1]).map(|(n, unit)| n.saturating_mul(unit)).fold(0, u64::saturating_add);
    let is_day = (1970..10_000).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    // the one day whose text is this one
    let wanted = format!("{year:04}-{month:02}-{day:02}T00:00:00Z");
    let guess = year.saturating_sub(1970).saturating_mul(365);
    let days = (guess..guess.saturating_add(3000)).filter(|_| is_day);
    let midnight = days.map(|day| day.saturating_mul(86_400)).find(|day| utc(day.cast_signed()) == wanted);
    midnight.map(|midnight| midnight.saturating_add(seconds)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn times() {
        assert_eq!(time("1795356048"), Ok(1_795_356_048));
        assert_eq!(time("1970-01-01"), Ok(0));
        assert_eq!(time("2026-11-22T13:01:30"), Ok(1_795_352_490));
        assert_eq!(time("2024-02-29 01:00"), Ok(1_709_168_400));
        for wrong in ["", "yesterday", "2026-02-30", "2026-11-22T1:2:3:4", "2026-13-01"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
