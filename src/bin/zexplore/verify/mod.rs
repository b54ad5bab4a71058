//! `zexplore verify`: reads and checks every block.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use zfsp::pool::Pool;
use zfsp::verify::{Depth, Finding, Report, Verification};

use crate::session::Session;
use crate::shared::exit::{Exit, Failure};
use crate::shared::output::{print, written};

mod json;
mod names;
mod text;

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

/// Findings that are kept: more of them are only counted.
const KEPT: usize = 100_000;

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let pool = session.pool()?;
    let found = Mutex::new(Vec::new());
    let keep = |finding: &Finding| {
        let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.len() < KEPT {
            found.push(finding.clone());
        }
    };
    let depth = if options.all_copies { Depth::AllCopies } else { Depth::OneCopy };
    let verification = Verification::new(&pool, depth, &keep);
    let report = watched(&verification, allocated(&pool));
    let mut findings = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    findings.sort_by_key(|finding| (finding.is_of_checkpoint, finding.at));
    let names = Names::of(&pool);
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
    if report.repaired > 0 {
        let blocks = counted(report.repaired, "block has", "blocks have");
        session.warn(format_args!("{blocks} a faulty copy, but could be read"));
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
