//! What a program reads: a line for each finding, and one with the sums.

use std::io::{self, BufWriter, Write};

use serde::Serialize;
use zfsp::pool::Pool;
use zfsp::stats::{self, Count, Kind};
use zfsp::vdev::Fault;
use zfsp::verify::{Finding, Outcome, Report};

use super::findings::Findings;
use super::names::Names;

/// A line for each finding, and one with the sums.
pub(super) fn json(pool: &Pool, names: &Names<'_>, findings: &Findings, report: &Report) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut line = |value: &dyn erased::Line| -> io::Result<()> {
        value.write(&mut out)?;
        out.write_all(b"\n")
    };
    for finding in findings.all() {
        line(&FindingLine::of(finding, names))?;
    }
    line(&Summary::of(pool, findings, report))?;
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
        let range = names.range(finding);
        let fault = |fault: &Fault| FaultLine {
            device: fault.leaf.to_string(),
            offset: fault.at,
            length: fault.len,
            fault: fault.kind.to_string(),
        };
        Self {
            kind: "finding",
            outcome,
            dataset: names.dataset(finding),
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
    /// Blocks whose MACs hold; of pools with encrypted blocks.
    #[serde(skip_serializing_if = "Option::is_none")]
    authenticated: Option<u64>,
    /// Blocks whose MACs were not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    locked: Option<u64>,
    errors: u64,
    repaired: u64,
    /// How many of these only for want of a device.
    degraded: u64,
    /// Findings that are not listed.
    not_listed: u64,
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
    r#type: &'static str,
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
    fn of(pool: &Pool, findings: &Findings, report: &Report) -> Self {
        let lines = |kind: Kind| {
            let name = kind.name;
            kind.levels.into_iter().map(move |(level, count)| TypeLine {
                r#type: name,
                level,
                count: (&count).into(),
            })
        };
        let has_macs = report.authenticated > 0 || report.locked > 0;
        Self {
            kind: "summary",
            pool: pool.name.clone(),
            guid: pool.guid,
            txg: pool.uberblock.txg.0,
            total: (&report.total).into(),
            checkpoint: (&report.checkpoint).into(),
            checked: report.checked,
            authenticated: has_macs.then_some(report.authenticated),
            locked: has_macs.then_some(report.locked),
            errors: report.errors,
            repaired: report.repaired,
            degraded: findings.degraded_count,
            not_listed: findings.dropped,
            interrupted: report.is_interrupted,
            types: stats::by_name(&report.rows).into_iter().flat_map(lines).collect(),
        }
    }
}
