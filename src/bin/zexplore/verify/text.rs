//! What a person reads: findings, devices, a table of types, sums.

use std::fmt::Write;

use zfsp::pool::Pool;
use zfsp::stats::{self, Count, Row};
use zfsp::verify::{Finding, Outcome, Report};

use super::findings::Findings;
use super::names::Names;
use super::{Options, counted};
use crate::common::output::plain;
use crate::style::{BAD, DIM, GOOD, ODD, TITLE, size, styled};
use crate::table::Align::{Left, Right};
use crate::table::{Cell, Table};

/// Findings of a kind that the text lists; JSON has all that are kept.
const LISTED: usize = 50;

pub(super) fn text(
    pool: &Pool,
    names: &Names<'_>,
    findings: &Findings,
    report: &Report,
    options: &Options,
) -> String {
    let mut out =
        format!("{} txg {}\n", styled(TITLE, plain(&format!("pool {}", pool.name))), pool.uberblock.txg);
    list(&mut out, names, &styled(BAD, "lost"), &findings.lost);
    if findings.lost.iter().any(|finding| finding.pointer.is_some()) {
        let _ = writeln!(out, "  each is named once: snapshots and clones may share it");
    }
    list(&mut out, names, &styled(ODD, "read in spite of faults"), &findings.repaired);
    if findings.degraded_count > 0 {
        let blocks = counted(findings.degraded_count, "block was repaired", "blocks were repaired");
        let _ = writeln!(out, "\n{blocks}: only for want of a device");
    }
    if !findings.devices.is_empty() {
        let _ = write!(out, "\n{}", devices(findings));
    }
    if !options.quiet {
        let _ = write!(out, "\n{}", types(&report.rows, &report.total));
    }
    let _ = write!(out, "\n{}", sums(report));
    out
}

fn list(out: &mut String, names: &Names<'_>, title: &str, findings: &[Finding]) {
    if findings.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}");
    for finding in findings.iter().take(LISTED) {
        let checkpoint = if finding.is_of_checkpoint { "checkpoint: " } else { "" };
        let _ = write!(out, "  {checkpoint}{}: ", plain(&names.place(finding)));
        let _ = match &finding.outcome {
            Outcome::Lost(why) => writeln!(out, "{}", plain(&why.to_string())),
            Outcome::Repaired(remedy) => writeln!(out, "had from {remedy}"),
        };
        if let Some(pointer) = &finding.pointer {
            let _ = writeln!(out, "    {}", styled(DIM, pointer));
        }
        for fault in &finding.faults {
            let _ = writeln!(out, "    {}", plain(&fault.to_string()));
        }
    }
    if let Some(more) = findings.len().checked_sub(LISTED).filter(|more| *more > 0) {
        let _ = writeln!(out, "  and {more} more: --json lists them");
    }
}

/// What each device has done wrong.
fn devices(findings: &Findings) -> Table {
    let mut table = Table::new(&[("device", Left), ("fault", Left), ("places", Right), ("bytes", Right)]);
    for ((device, kind), (count, bytes)) in &findings.devices {
        table.row([device.into(), kind.into(), count.into(), size(*bytes).into()]);
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
    for kind in stats::by_name(rows) {
        add(&kind.total(), Cell::new(kind.name));
        if kind.levels.iter().any(|(level, _)| *level > 0) {
            for (level, count) in kind.levels.iter().rev() {
                add(count, Cell::styled(DIM, format_args!("  level {level}")));
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
    if report.authenticated > 0 || report.locked > 0 {
        let note = if report.locked > 0 { "hold; those of indirect blocks take no key" } else { "hold" };
        add("MACs", report.authenticated, note.into());
        if report.locked > 0 {
            add("MACs locked", report.locked, "not checked: their key was not given".into());
        }
    }
    let row =
        |name: &'static str, n: u64, style| [name.into(), Cell::styled(if n > 0 { style } else { GOOD }, n)];
    table.row(row("repaired", report.repaired, ODD));
    table.row(row("errors", report.errors, BAD));
    table
}
