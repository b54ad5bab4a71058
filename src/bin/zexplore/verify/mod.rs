//! `zexplore verify`: reads and checks every block.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use zfsp::pool::Pool;
use zfsp::verify::{Depth, Finding, Report, Verification};

use crate::common::exit::{Exit, Failure};
use crate::common::output::{print, written};
use crate::session::Session;

mod findings;
mod json;
mod names;
mod text;

use findings::Findings;
use names::Names;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Every copy, every side of mirrors and all parity, not only what is needed
    #[arg(long)]
    all_copies: bool,
    /// Only the sums, no table of types
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let pool = session.pool()?;
    let found = Mutex::new(Findings::default());
    let keep = |finding: &Finding| found.lock().unwrap_or_else(PoisonError::into_inner).add(finding);
    let depth = if options.all_copies { Depth::AllCopies } else { Depth::OneCopy };
    let verification = Verification::new(&pool, depth, &keep);
    let report = watched(&verification, allocated(&pool));
    let findings = found.into_inner().unwrap_or_else(PoisonError::into_inner).sorted();
    let is_of_checkpoint = findings.all().any(|finding| finding.is_of_checkpoint);
    let checkpoint = if is_of_checkpoint { pool.checkpoint().ok().flatten() } else { None };
    let names = Names::of(&pool, checkpoint.as_ref());
    if session.global.json {
        written(json::json(&pool, &names, &findings, &report))?;
    } else {
        print(&text::text(&pool, &names, &findings, &report, options))?;
    }
    if report.is_interrupted {
        session.warn("interrupted: what follows was not read");
    }
    if report.errors > 0 {
        session.warn(format_args!("{} lost", counted(report.errors, "block is", "blocks are")));
    }
    let repaired = report.repaired.saturating_sub(findings.degraded_count);
    if repaired > 0 {
        let blocks = counted(repaired, "block has", "blocks have");
        session.warn(format_args!("{blocks} a faulty copy, but could be read"));
    }
    if findings.dropped > 0 {
        session.warn(format_args!("{} findings more than can be listed", findings.dropped));
    }
    Ok(session.exit())
}

/// Bytes that are to be read, about.
fn allocated(pool: &Pool) -> u64 {
    use zfsp_grammar::bonus::Bonus;
    let root = pool.directory_number("root_dataset").ok().flatten();
    let object = root.and_then(|root| pool.mos.object(root).ok());
    match object.as_ref().and_then(|object| object.dnode()).map(|dnode| dnode.bonus) {
        Some(Bonus::DslDir(dir)) => dir.used_bytes.0,
        _ => 0,
    }
}

/// Runs it with a bar on standard error, where that is a terminal, until it ends or the user ends it.
fn watched(verification: &Verification<'_>, total: u64) -> Report {
    let bar = ProgressBar::new(total);
    let style = "{spinner} {bytes:>10} of {total_bytes} {wide_bar} {binary_bytes_per_sec}, {eta} left {msg}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    let is_done = std::sync::atomic::AtomicBool::new(false);
    let report = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            while !is_done.load(std::sync::atomic::Ordering::Relaxed) {
                if crate::interrupt::is_asked() {
                    verification.stop();
                }
                bar.set_position(verification.progress().min(total));
                match verification.errors() {
                    0 => {}
                    errors => bar.set_message(format!("{errors} lost")),
                }
                std::thread::park_timeout(TICK);
            }
        });
        crate::interrupt::watch();
        let report = verification.run();
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
        watcher.thread().unpark();
        report
    });
    bar.finish_and_clear();
    report
}

/// Between two looks at how far it is.
const TICK: Duration = Duration::from_millis(50);

/// `1 block is`, `2 blocks are`.
fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
