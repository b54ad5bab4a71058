//! Block statistics: the totals of every pool to the byte, and the table by type and level to the letter, as zdb has
//! them.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::as_conversions)] // of counts

mod common;

use common::pools::verify;
use common::{Fixture, each, fixtures};
use zfsp::stats::{self, Count};
use zfsp::verify::{Depth, Report};

#[test]
fn each_pool_has_the_blocks_that_zdb_counts() {
    let text = |fixture: &Fixture| fixture.text("zdb/pool.txt").filter(|text| text.contains("bp count:"));
    let pools: Vec<_> = fixtures().into_iter().filter_map(|f| Some((text(&f)?, f))).collect();
    assert!(pools.len() > 60, "statistics are missing: {}", pools.len());
    each(pools, |(text, fixture)| check(fixture, text));
}

fn check(fixture: &Fixture, text: &str) -> Result<(), String> {
    let name = &fixture.name;
    let (report, findings) = verify(&fixture.pool(), Depth::OneCopy);
    let mut failures: Vec<String> = Vec::new();
    if report.errors != fixture.damaged_blocks() {
        failures.push(format!("{} errors: {findings:?}", report.errors));
    }
    let Count { blocks, lsize, psize, asize, ganged, embedded } = report.total;
    let totals = [
        ("bp count:", blocks),
        ("ganged count:", ganged),
        ("bp logical:", lsize),
        ("bp physical:", psize),
        ("bp allocated:", asize),
        ("additional, non-pointer bps of type 0:", embedded),
    ];
    for (key, found) in totals {
        let wanted = number(text, key).unwrap_or_default();
        if found != wanted {
            failures.push(format!("{key} {found}, zdb has {wanted}"));
        }
    }
    let theirs = table(text);
    let ours = rows(&report);
    failures.extend(theirs.iter().filter(|row| !ours.contains(row)).map(|row| format!("zdb has {row}")));
    failures.extend(ours.iter().filter(|row| !theirs.contains(row)).map(|row| format!("    not {row}")));
    if failures.is_empty() { Ok(()) } else { Err(format!("{name}:\n{}", failures.join("\n"))) }
}

/// The number behind `key`.
fn number(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.trim_start().strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The lines of zdb's table that have blocks.
fn table(text: &str) -> Vec<String> {
    let lines = text.lines().skip_while(|line| !line.starts_with("Blocks\tLSIZE")).skip(1);
    let mut rows: Vec<String> = Vec::new();
    for line in lines.take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("     -")) {
        match rows.last_mut() {
            Some(row) if line.starts_with("\t number of ganged blocks") => *row += &format!("\n{line}"),
            _ => rows.push(line.into()),
        }
    }
    rows
}

/// The same lines from what was counted.
fn rows(report: &Report) -> Vec<String> {
    let total = report.total;
    let mut lines = Vec::new();
    // zdb leaves out what takes no space: types whose blocks are all in their pointers
    let kinds = || stats::by_name(&report.rows).into_iter().filter(|kind| kind.total().asize > 0);
    for kind in kinds() {
        if kind.levels.iter().any(|(level, _)| *level > 0) {
            let levels = kind.levels.iter().rev();
            lines.extend(
                levels.map(|(level, count)| line(count, &total, &format!("    L{level} {}", kind.name))),
            );
        }
        lines.push(line(&kind.total(), &total, kind.name));
    }
    let sum = |of: &dyn Fn(&&stats::Row) -> bool| {
        report.rows.iter().filter(of).fold(Count::default(), |sum, row| sum.plus(&row.count))
    };
    for level in (0..32).rev() {
        let count = sum(&|row| row.level == level);
        if count.blocks > 0 {
            lines.push(line(&count, &total, &format!("    L{level} Total")));
        }
    }
    lines.push(line(&total, &total, "Total"));
    // and counts what it has no name for as no metadata
    let named = |row: &stats::Row| {
        kinds().any(|kind| kind.name == row.name() && ![stats::OTHER, stats::DEFERRED].contains(&kind.name))
    };
    let metadata = sum(&|row| row.is_metadata() && named(row));
    lines.push(line(&metadata, &total, "Metadata Total"));
    lines
}

fn line(count: &Count, total: &Count, name: &str) -> String {
    let Count { blocks, lsize, psize, asize, .. } = *count;
    let sizes = [lsize, psize, asize, asize / blocks].map(|size| format!("{:>5}", rounded(size))).join("\t");
    let compression = lsize as f64 / psize as f64;
    let share = 100.0 * asize as f64 / total.asize as f64;
    let ganged = match count.ganged {
        0 => String::new(),
        n => format!("\n\t number of ganged blocks: {n}"),
    };
    format!("{:>6}\t{sizes}\t{compression:>5.2}\t{share:>6.2}\t{name}{ganged}", rounded(blocks))
}

/// Three digits at least, five characters at most.
fn rounded(n: u64) -> String {
    let unit = (0..6).rev().find(|unit| n >= 1 << (10 * unit)).unwrap_or(0);
    let letter = ["", "K", "M", "G", "T", "P"][unit];
    let one = 1u64 << (10 * unit);
    if n.is_multiple_of(one) {
        return format!("{}{letter}", n / one);
    }
    let with = |digits: usize| format!("{:.digits$}{letter}", n as f64 / one as f64);
    [2, 1].into_iter().map(with).find(|text| text.len() <= 5).unwrap_or_else(|| with(0))
}
