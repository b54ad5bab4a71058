//! `zexplore verify`: reads and checks every block.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::{self, BufWriter, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use zfsp::dataset::Datasets;
use zfsp::object::Bookmark;
use zfsp::pool::Pool;
use zfsp::stats::{Count, Row};
use zfsp::vdev::{Fault, FaultKind};
use zfsp::verify::{Depth, Finding, Outcome, Report, Verification};

use crate::session::Session;
use crate::shared::exit::{Exit, Failure};
use crate::shared::output::{print, written};
use crate::style::{BAD, DIM, GOOD, ODD, TITLE, size, styled};
use crate::table::Align::{Left, Right};
use crate::table::{Cell, Table};

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
/// Findings of a kind that the text lists; JSON has all that are kept.
const LISTED: usize = 50;

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
        written(json(&pool, &names, &findings, &report))?;
    } else {
        print(&text(&pool, &names, &findings, &report, options))?;
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

/// What blocks are called.
struct Names<'p> {
    pool: &'p Pool,
    datasets: BTreeMap<u64, String>,
}

impl<'p> Names<'p> {
    fn of(pool: &'p Pool) -> Self {
        let datasets = Datasets::of(pool);
        let names = datasets.names().into_iter().map(|(object, name)| (object, name.to_owned()));
        Self { pool, datasets: names.collect() }
    }
    fn dataset(&self, objset: u64) -> String {
        match (objset, self.datasets.get(&objset)) {
            (0, _) => "MOS".into(),
            (_, Some(name)) => name.clone(),
            (objset, None) => format!("#{objset}"),
        }
    }
    /// The bytes of its object that are lost with a block.
    fn range(&self, at: &Bookmark) -> Option<std::ops::Range<u64>> {
        let set = self.pool.objset(at.at.objset).ok()?;
        let number = u64::try_from(at.at.object).ok()?;
        let object = if number == 0 { set.meta_dnode } else { set.object(number).ok()? };
        object.range(at.level, at.blkid)
    }
    /// `lab/n1, object 7, level 1, block 0, bytes 0x0 to 0x20000`.
    fn place(&self, at: &Bookmark) -> String {
        let mut text = self.dataset(at.at.objset);
        let Bookmark { level, blkid, .. } = *at;
        let _ = match level {
            -1 => write!(text, ", object set"),
            -2 => write!(text, ", log block {blkid}"),
            _ => write!(text, ", object {}", at.at.object),
        };
        match (level, blkid) {
            (..0, _) | (_, zfsp::object::DNODE) => {}
            (_, zfsp::object::SPILL) => text.push_str(", spill block"),
            (0, _) => drop(write!(text, ", block {blkid}")),
            _ => drop(write!(text, ", level {level}, block {blkid}")),
        }
        if let Some(range) = self.range(at) {
            let _ = write!(text, ", bytes {:#x} to {:#x}", range.start, range.end);
        }
        text
    }
}

fn text(pool: &Pool, names: &Names<'_>, findings: &[Finding], report: &Report, options: &Options) -> String {
    let mut out =
        format!("{} txg {}\n", styled(TITLE, format_args!("pool {}", pool.name)), pool.uberblock.txg);
    let (lost, rest): (Vec<_>, Vec<_>) = findings.iter().partition(|f| matches!(f.outcome, Outcome::Lost(_)));
    let (degraded, repaired): (Vec<_>, Vec<_>) = rest.into_iter().partition(|f| is_degraded(f));
    list(&mut out, names, "lost", &lost);
    list(&mut out, names, "read in spite of faults", &repaired);
    if !degraded.is_empty() {
        let count = u64::try_from(degraded.len()).unwrap_or(u64::MAX);
        let _ = writeln!(
            out,
            "\n{}: only for want of a device",
            counted(count, "block was repaired", "blocks were repaired")
        );
    }
    if !findings.is_empty() {
        let _ = write!(out, "\n{}", devices(findings));
    }
    if !options.quiet {
        let _ = write!(out, "\n{}", types(&report.rows, &report.total));
    }
    let _ = write!(out, "\n{}", sums(report));
    out
}

/// A device that is not there is no news: it is said once, not for every block.
fn is_degraded(finding: &Finding) -> bool {
    finding.faults.iter().all(|fault| fault.kind == FaultKind::Missing)
}

fn list(out: &mut String, names: &Names<'_>, title: &str, findings: &[&Finding]) {
    if findings.is_empty() {
        return;
    }
    let style = if title == "lost" { BAD } else { ODD };
    let _ = writeln!(out, "\n{}", styled(style, title));
    for finding in findings.iter().take(LISTED) {
        let checkpoint = if finding.is_of_checkpoint { "checkpoint: " } else { "" };
        let _ = write!(out, "  {checkpoint}{}: ", names.place(&finding.at));
        let _ = match &finding.outcome {
            Outcome::Lost(why) => writeln!(out, "{why}"),
            Outcome::Repaired(remedy) => writeln!(out, "had from {remedy}"),
        };
        if let Some(pointer) = &finding.pointer {
            let _ = writeln!(out, "    {}", styled(DIM, pointer));
        }
        for fault in &finding.faults {
            let _ = writeln!(out, "    {fault}");
        }
    }
    if let Some(more) = findings.len().checked_sub(LISTED).filter(|more| *more > 0) {
        let _ = writeln!(out, "  and {more} more: --json lists them");
    }
}

/// What each device has done wrong.
fn devices(findings: &[Finding]) -> Table {
    let mut sums: BTreeMap<(&str, &FaultKind), (u64, u64)> = BTreeMap::new();
    for fault in findings.iter().flat_map(|finding| &finding.faults) {
        let (count, bytes) = sums.entry((&fault.leaf, &fault.kind)).or_default();
        *count = count.saturating_add(1);
        *bytes = bytes.saturating_add(fault.len);
    }
    let mut table = Table::new(&[("device", Left), ("fault", Left), ("places", Right), ("bytes", Right)]);
    for ((device, kind), (count, bytes)) in sums {
        table.row([device.into(), kind.into(), count.into(), size(bytes).into()]);
    }
    table
}

fn types(rows: &[Row], total: &Count) -> Table {
    let mut table = Table::new(&[
        ("blocks", Right),
        ("logical", Right),
        ("physical", Right),
        ("allocated", Right),
        ("average", Right),
        ("ratio", Right),
        ("share", Right),
        ("type", Left),
    ]);
    let mut add = |count: &Count, name: Cell| table.row(columns(count, total).into_iter().chain([name]));
    for rows in rows.chunk_by(|a, b| a.r#type == b.r#type) {
        let sum = rows.iter().fold(Count::default(), |sum, row| sum.plus(&row.count));
        let kind = rows.first().map(|row| row.r#type.to_string()).unwrap_or_default();
        add(&sum, Cell::new(kind));
        if rows.iter().any(|row| row.level > 0) {
            for row in rows.iter().rev() {
                add(&row.count, Cell::styled(DIM, format_args!("  level {}", row.level)));
            }
        }
    }
    add(total, Cell::styled(TITLE, "all"));
    table
}

fn columns(count: &Count, total: &Count) -> Vec<Cell> {
    let average = count.asize.checked_div(count.blocks).unwrap_or_default();
    let mut cells: Vec<Cell> = vec![count.blocks.into(), size(count.lsize).into()];
    if count.asize == 0 {
        // all of them are in their pointers
        cells.extend(std::iter::repeat_n(Cell::styled(DIM, "-"), 5));
    } else {
        cells.extend([count.psize, count.asize, average].map(|bytes| size(bytes).into()));
        cells.push(hundredths(count.lsize, count.psize).into());
        cells.push(format!("{}%", hundredths(count.asize.saturating_mul(100), total.asize)).into());
    }
    cells
}

/// `3.05`: the quotient with two digits behind the point.
fn hundredths(n: u64, of: u64) -> String {
    let hundredths = u128::from(n).saturating_mul(100).checked_div(of.into()).unwrap_or_default();
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

fn sums(report: &Report) -> Table {
    let Report { total, checkpoint, .. } = report;
    let mut table = Table::new(&[("", Left), ("", Right), ("", Left)]);
    let mut add = |name: &'static str, n: u64, note: String| table.row([name.into(), n.into(), note.into()]);
    let embedded = match total.embedded {
        0 => String::new(),
        n => format!("{n} of them in their pointers"),
    };
    add("blocks", total.blocks, embedded);
    add("logical", total.lsize, size(total.lsize));
    add(
        "physical",
        total.psize,
        format!("{}, ratio {}", size(total.psize), hundredths(total.lsize, total.psize)),
    );
    add(
        "allocated",
        total.asize,
        format!("{}, ratio {}", size(total.asize), hundredths(total.lsize, total.asize)),
    );
    if total.ganged > 0 {
        add("ganged", total.ganged, "copies in pieces".into());
    }
    if checkpoint.blocks > 0 {
        let note = format!("only the checkpoint needs them, {}", size(checkpoint.asize));
        add("of checkpoint", checkpoint.blocks, note);
    }
    let row =
        |name: &'static str, n: u64, style| [name.into(), Cell::styled(if n > 0 { style } else { GOOD }, n)];
    table.row(row("repaired", report.repaired, ODD));
    table.row(row("errors", report.errors, BAD));
    table
}

/// `1 block is`, `2 blocks are`.
fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}

/// A line for each finding, and one with the sums.
fn json(pool: &Pool, names: &Names<'_>, findings: &[Finding], report: &Report) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut line = |value: &dyn erased::Line| -> io::Result<()> {
        value.write(&mut out)?;
        out.write_all(b"\n")
    };
    for finding in findings {
        line(&FindingLine::of(finding, names))?;
    }
    line(&Summary::of(pool, report))?;
    out.flush()
}

mod erased {
    //! Lines of different kinds, written by one writer.
    use std::io;

    pub(super) trait Line {
        fn write(&self, out: &mut dyn io::Write) -> io::Result<()>;
    }
    impl<T: serde::Serialize> Line for T {
        fn write(&self, out: &mut dyn io::Write) -> io::Result<()> {
            serde_json::to_writer(out, self).map_err(io::Error::from)
        }
    }
}

#[derive(Serialize)]
struct FindingLine {
    kind: &'static str,
    outcome: &'static str,
    dataset: String,
    objset: u64,
    object: i64,
    level: i64,
    blkid: u64,
    /// First byte of the object that the block holds.
    offset: Option<u64>,
    /// Bytes of the object that it holds.
    length: Option<u64>,
    of_checkpoint: bool,
    reason: String,
    pointer: Option<String>,
    faults: Vec<FaultLine>,
}

#[derive(Serialize)]
struct FaultLine {
    device: String,
    offset: u64,
    length: u64,
    fault: String,
}

impl FindingLine {
    fn of(finding: &Finding, names: &Names<'_>) -> Self {
        let (outcome, reason) = match &finding.outcome {
            Outcome::Lost(why) => ("lost", why.to_string()),
            Outcome::Repaired(remedy) => ("repaired", remedy.to_string()),
        };
        let at = &finding.at;
        let range = names.range(at);
        let fault = |fault: &Fault| FaultLine {
            device: fault.leaf.to_string(),
            offset: fault.at,
            length: fault.len,
            fault: fault.kind.to_string(),
        };
        Self {
            kind: "finding",
            outcome,
            dataset: names.dataset(at.at.objset),
            objset: at.at.objset,
            object: at.at.object,
            level: at.level,
            blkid: at.blkid,
            offset: range.as_ref().map(|range| range.start),
            length: range.map(|range| range.end.saturating_sub(range.start)),
            of_checkpoint: finding.is_of_checkpoint,
            reason,
            pointer: finding.pointer.map(|pointer| pointer.to_string()),
            faults: finding.faults.iter().map(fault).collect(),
        }
    }
}

#[derive(Serialize)]
struct Summary {
    kind: &'static str,
    pool: String,
    guid: u64,
    txg: u64,
    #[serde(flatten)]
    total: Counts,
    checkpoint: Counts,
    checked: u64,
    errors: u64,
    repaired: u64,
    interrupted: bool,
    types: Vec<TypeLine>,
}

#[derive(Serialize)]
struct Counts {
    bp_count: u64,
    lsize: u64,
    psize: u64,
    asize: u64,
    ganged: u64,
    embedded: u64,
}

#[derive(Serialize)]
struct TypeLine {
    r#type: String,
    level: u8,
    #[serde(flatten)]
    count: Counts,
}

impl From<&Count> for Counts {
    fn from(count: &Count) -> Self {
        let Count { blocks, lsize, psize, asize, ganged, embedded } = *count;
        Self { bp_count: blocks, lsize, psize, asize, ganged, embedded }
    }
}

impl Summary {
    fn of(pool: &Pool, report: &Report) -> Self {
        let line = |row: &Row| TypeLine {
            r#type: row.r#type.to_string(),
            level: row.level,
            count: (&row.count).into(),
        };
        Self {
            kind: "summary",
            pool: pool.name.clone(),
            guid: pool.guid,
            txg: pool.uberblock.txg.0,
            total: (&report.total).into(),
            checkpoint: (&report.checkpoint).into(),
            checked: report.checked,
            errors: report.errors,
            repaired: report.repaired,
            interrupted: report.is_interrupted,
            types: report.rows.iter().map(line).collect(),
        }
    }
}
