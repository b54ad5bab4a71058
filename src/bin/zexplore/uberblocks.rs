//! `zexplore uberblocks`: the states that a pool could be opened with.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;
use zfsp::pool::{Devices, LabelCopy, Member, RingSlot, SlotContent};
use zfsp_grammar::quantity::utc;
use zfsp_grammar::uberblock::{MMP_MAGIC, ReflowState, Uberblock};

use crate::common::exit::{Exit, Failure};
use crate::names::Names;
use crate::session::{Session, nothing};
use crate::style::{BAD, DIM, GOOD, ODD, TITLE, plain, styled};
use crate::table::{Align, Cell, Table};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Also slots that hold nothing
    #[arg(short, long)]
    all: bool,
    /// Also the pointer to the meta object set of each
    #[arg(short, long)]
    verbose: bool,
}

/// Everything that the rings hold.
#[derive(Serialize)]
struct Facts {
    pools: Vec<PoolFacts>,
    /// Of devices that are of no pool, or not known to be: spares, caches, and those without a configuration.
    others: Vec<DeviceFacts>,
}

#[derive(Serialize)]
struct PoolFacts {
    name: String,
    guid: u64,
    /// Of the newest uberblock.
    active_txg: Option<u64>,
    /// Of the uberblock that the pool is opened with here.
    opened_txg: Option<u64>,
    devices: Vec<DeviceFacts>,
}

#[derive(Serialize)]
struct DeviceFacts {
    device: String,
    labels: Vec<LabelFacts>,
}

#[derive(Serialize)]
struct LabelFacts {
    label: usize,
    /// Of the configuration beside the ring.
    pool_guid: Option<u64>,
    slot_size: usize,
    slots: Vec<SlotFacts>,
}

#[derive(Clone, Serialize)]
struct SlotFacts {
    slot: usize,
    offset: u64,
    /// `valid`, `invalid` or `empty`.
    content: &'static str,
    problem: Option<String>,
    is_active: bool,
    is_opened: bool,
    #[serde(flatten)]
    uberblock: Option<UberblockFacts>,
    #[serde(skip)]
    raw: Option<Uberblock>,
}

#[derive(Clone, Serialize)]
struct UberblockFacts {
    txg: u64,
    timestamp: u64,
    time: String,
    version: u64,
    software_version: u64,
    guid_sum: u64,
    rootbp: String,
    checkpoint_txg: Option<u64>,
    mmp: Option<MmpFacts>,
    raidz_reflow: Option<ReflowFacts>,
}

/// Heartbeats of the host that has the pool open.
#[derive(Clone, Serialize)]
struct MmpFacts {
    delay_ns: u64,
    interval_ms: Option<u32>,
    sequence: Option<u16>,
    fail_intervals: Option<u16>,
}

#[derive(Clone, Serialize)]
struct ReflowFacts {
    offset: u64,
    state: u16,
    state_text: String,
}

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let mut gathering = session.gather()?;
    let mut pools = Vec::new();
    for devices in session.choose(&mut gathering)? {
        let opened = match session.open(&devices) {
            Ok(pool) => Some(pool.uberblock),
            Err(error) => {
                session.warn(error);
                None
            }
        };
        pools.push(PoolFacts::of(&devices, opened));
    }
    let others = gathering.auxiliary.iter().chain(&gathering.nameless);
    let others: Vec<DeviceFacts> = others.map(|member| DeviceFacts::of(member, None, None)).collect();
    if pools.is_empty() && others.is_empty() {
        return Err(nothing(&gathering));
    }
    let facts = Facts { pools, others };
    for device in facts.pools.iter().flat_map(|pool| &pool.devices).chain(&facts.others) {
        let slots = device.labels.iter().flat_map(|label| &label.slots);
        let damaged = slots.filter(|slot| slot.problem.is_some()).count();
        if damaged > 0 {
            let slots = if damaged == 1 { "slot" } else { "slots" };
            session.warn(format_args!("{}: damaged {slots} in its rings: {damaged}", device.device));
        }
    }
    session.show(&facts, |facts| text(facts, options))
}

impl PoolFacts {
    fn of(devices: &Devices, opened: Option<Uberblock>) -> Self {
        let labels = devices.members.iter().flat_map(|member| &member.labels);
        let slots = labels.filter(|label| !is_foreign(label, devices.guid)).flat_map(|label| &label.ring);
        let uberblocks = slots.filter_map(|slot| match &slot.content {
            SlotContent::Valid(uberblock) => Some(**uberblock),
            _ => None,
        });
        let active = uberblocks.max_by_key(Uberblock::age);
        let members = devices.members.iter();
        Self {
            name: devices.name.clone(),
            guid: devices.guid,
            active_txg: active.map(|uberblock| uberblock.txg.0),
            opened_txg: opened.map(|uberblock| uberblock.txg.0),
            devices: members.map(|member| DeviceFacts::of(member, active, opened)).collect(),
        }
    }
}

/// A device may still have labels of a pool that it was part of before.
fn is_foreign(label: &LabelCopy, pool: u64) -> bool {
    label.config.as_ref().is_ok_and(|config| config.pool_guid.is_some_and(|guid| guid != pool))
}

impl DeviceFacts {
    fn of(member: &Member, active: Option<Uberblock>, opened: Option<Uberblock>) -> Self {
        let facts = |(label, copy): (usize, &LabelCopy)| {
            let slots = copy.ring.iter().map(|slot| SlotFacts::of(slot, active, opened)).collect();
            let pool_guid = copy.config.as_ref().ok().and_then(|config| config.pool_guid);
            LabelFacts { label, pool_guid, slot_size: copy.slot_size, slots }
        };
        let labels = member.labels.iter().enumerate().map(facts).collect();
        Self { device: member.device.name().into(), labels }
    }
}

impl SlotFacts {
    fn of(slot: &RingSlot, active: Option<Uberblock>, opened: Option<Uberblock>) -> Self {
        let (content, raw, problem) = match &slot.content {
            SlotContent::Empty => ("empty", None, None),
            SlotContent::Valid(uberblock) => ("valid", Some(**uberblock), None),
            SlotContent::Invalid(uberblock, why) => {
                ("invalid", uberblock.as_deref().copied(), Some(why.clone()))
            }
        };
        let is = |other: Option<Uberblock>| content == "valid" && other.is_some() && raw == other;
        Self {
            slot: slot.number,
            offset: slot.at,
            content,
            is_active: is(active),
            is_opened: is(opened),
            uberblock: raw.as_ref().map(UberblockFacts::of),
            problem,
            raw,
        }
    }
}

impl UberblockFacts {
    fn of(uberblock: &Uberblock) -> Self {
        let has_mmp = uberblock.mmp_magic.0 == MMP_MAGIC && uberblock.mmp_delay.0 != 0;
        let config = uberblock.mmp_config;
        let mmp = has_mmp.then(|| MmpFacts {
            delay_ns: uberblock.mmp_delay.0,
            interval_ms: config.interval_valid().then(|| config.interval()),
            sequence: config.sequence_valid().then(|| config.sequence()),
            fail_intervals: config.fail_intervals_valid().then(|| config.fail_intervals()),
        });
        let reflow = uberblock.raidz_reflow_info;
        let is_used = reflow.state() != ReflowState::NONE || reflow.offset().0 != 0;
        Self {
            txg: uberblock.txg.0,
            timestamp: uberblock.timestamp.0,
            time: utc(uberblock.timestamp.0.cast_signed()),
            version: uberblock.version,
            software_version: uberblock.software_version,
            guid_sum: uberblock.guid_sum.0,
            rootbp: uberblock.rootbp.to_string(),
            checkpoint_txg: Some(uberblock.checkpoint_txg.0).filter(|txg| *txg != 0),
            mmp,
            raidz_reflow: is_used.then(|| ReflowFacts {
                offset: reflow.offset().bytes(),
                state: reflow.state().0,
                state_text: reflow.state().to_string(),
            }),
        }
    }

    /// What is not usual.
    fn remarks(&self) -> Vec<String> {
        let mut all = Vec::new();
        if let Some(txg) = self.checkpoint_txg {
            all.push(format!("checkpoint of txg {txg}"));
        }
        if let Some(mmp) = &self.mmp {
            all.push(match mmp.sequence.filter(|sequence| *sequence > 0) {
                Some(sequence) => format!("heartbeat {sequence}"),
                None => "multihost".into(),
            });
        }
        if let Some(reflow) = &self.raidz_reflow {
            all.push(format!("expansion up to {:#x}, {}", reflow.offset, reflow.state_text));
        }
        all
    }
}

fn text(facts: &Facts, options: &Options) -> String {
    let mut out = String::new();
    for pool in &facts.pools {
        let title = styled(TITLE, format_args!("pool {} ({})", plain(&pool.name), pool.guid));
        let _ = writeln!(out, "{title}");
        write_rings(&pool.devices, Some(pool.guid), options, &mut out);
    }
    if !facts.others.is_empty() {
        let _ = writeln!(out, "{}", styled(TITLE, "devices of no known pool"));
        write_rings(&facts.others, None, options, &mut out);
    }
    out
}

/// The same content in several slots.
struct Same<'f> {
    first: &'f SlotFacts,
    /// Pool of the label, if it is another one.
    foreign: Option<u64>,
    /// Device, label, slot.
    places: Vec<(&'f str, usize, usize)>,
}

fn write_rings(devices: &[DeviceFacts], pool: Option<u64>, options: &Options, out: &mut String) {
    let names = Names::of(devices.iter().map(|device| device.device.as_str()));
    let mut empty = Vec::new();
    let mut all: Vec<Same<'_>> = Vec::new();
    // a ring has up to 128 slots, and all four labels of a device hold about the same
    let mut known: BTreeMap<(u64, &str), Vec<usize>> = BTreeMap::new();
    for device in devices {
        for label in &device.labels {
            let foreign = label.pool_guid.filter(|guid| pool.is_some_and(|pool| pool != *guid));
            for slot in &label.slots {
                let place = (names.short(&device.device), label.label, slot.slot);
                if slot.content == "empty" {
                    empty.push(place);
                    continue;
                }
                let key = (slot.raw.map_or(0, |raw| raw.txg.0), slot.content);
                let same = known.entry(key).or_default();
                let is_same = |n: &&usize| {
                    all.get(**n).is_some_and(|same| {
                        same.first.raw == slot.raw
                            && same.first.problem == slot.problem
                            && same.foreign == foreign
                    })
                };
                if let Some(same) = same.iter().find(is_same).and_then(|n| all.get_mut(*n)) {
                    same.places.push(place);
                } else {
                    same.push(all.len());
                    all.push(Same { first: slot, foreign, places: vec![place] });
                }
            }
        }
    }
    all.sort_by_key(|same| std::cmp::Reverse(same.first.raw.map(|raw| raw.age())));
    let heads = [
        ("txg", Align::Right),
        ("time", Align::Left),
        ("where", Align::Left),
        ("", Align::Left),
        ("", Align::Left),
    ];
    let mut table = Table::new(&heads).indented(2);
    for Same { first, foreign, places } in &all {
        let facts = first.uberblock.as_ref();
        let mark = match (first.is_active, first.is_opened) {
            (true, true) => Cell::styled(GOOD, "<- active"),
            (true, false) => Cell::styled(ODD, "<- active, but not the one opened"),
            (false, true) => Cell::styled(GOOD, "<- opened"),
            (false, false) => Cell::default(),
        };
        let remarks = match (&first.problem, foreign) {
            (Some(problem), _) => Cell::styled(BAD, problem),
            (None, Some(guid)) => Cell::styled(ODD, format_args!("of pool {guid}")),
            (None, None) => Cell::new(facts.map(UberblockFacts::remarks).unwrap_or_default().join(", ")),
        };
        table.row([
            facts.map(|facts| facts.txg.to_string()).unwrap_or_default().into(),
            facts.map(|facts| facts.time.clone()).unwrap_or_default().into(),
            whereabouts(places, devices.len()).into(),
            remarks,
            mark,
        ]);
        if let (true, Some(facts)) = (options.verbose, facts) {
            table.note(Cell::styled(DIM, &facts.rootbp));
        }
    }
    if table.is_empty() {
        let _ = writeln!(out, "  {}", styled(BAD, "no uberblock"));
    }
    let _ = write!(out, "{table}");
    if options.all {
        for place in whereabouts(&empty, devices.len()).split("; ").filter(|place| !place.is_empty()) {
            let _ = writeln!(out, "  empty: {}", plain(place));
        }
    }
}

/// Labels of a device, and the slots that they have in common.
type LabelsAndSlots = (Vec<usize>, Vec<usize>);

/// From so many devices on they are not named where all are meant.
const MANY: usize = 4;

/// `d1.img d2.img L0-L3 slot 17`: devices with the same labels and slots together. There are `count` devices.
fn whereabouts(places: &[(&str, usize, usize)], count: usize) -> String {
    let mut slots: Vec<((&str, usize), Vec<usize>)> = Vec::new();
    for (device, label, slot) in places {
        match slots.last_mut().filter(|(last, _)| *last == (*device, *label)) {
            Some((_, slots)) => slots.push(*slot),
            None => slots.push(((device, *label), vec![*slot])),
        }
    }
    let mut labels: Vec<(&str, Vec<LabelsAndSlots>)> = Vec::new();
    for ((device, label), slots) in slots {
        if labels.last().is_none_or(|(last, _)| *last != device) {
            labels.push((device, Vec::new()));
        }
        let Some((_, of_device)) = labels.last_mut() else { continue };
        match of_device.iter_mut().find(|(_, other)| *other == slots) {
            Some((labels, _)) => labels.push(label),
            None => of_device.push((vec![label], slots)),
        }
    }
    let mut devices: Vec<(Vec<&str>, Vec<LabelsAndSlots>)> = Vec::new();
    for (device, places) in labels {
        match devices.iter_mut().find(|(_, other)| *other == places) {
            Some((devices, _)) => devices.push(device),
            None => devices.push((vec![device], places)),
        }
    }
    let place = |(labels, slots): &LabelsAndSlots| {
        let plural = if slots.len() > 1 { "s" } else { "" };
        format!("{} slot{plural} {}", ranges(labels, "L"), ranges(slots, ""))
    };
    let device = |(devices, places): &(Vec<&str>, Vec<LabelsAndSlots>)| {
        let places: Vec<String> = places.iter().map(place).collect();
        let devices = match devices.len() {
            len if len == count && len >= MANY => format!("all {count} devices"),
            _ => devices.join(" "),
        };
        format!("{devices} {}", places.join(", "))
    };
    devices.iter().map(device).collect::<Vec<_>>().join("; ")
}

/// `L0-L3`, `4 6-9`.
fn ranges(numbers: &[usize], prefix: &str) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for number in numbers {
        match ranges.last_mut().filter(|(_, last)| last.saturating_add(1) == *number) {
            Some((_, last)) => *last = *number,
            None => ranges.push((*number, *number)),
        }
    }
    let range = |(first, last): &(usize, usize)| match first == last {
        true => format!("{prefix}{first}"),
        false => format!("{prefix}{first}-{prefix}{last}"),
    };
    ranges.iter().map(range).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_put_together() {
        let of = |device, label| [3, 4, 5, 9].map(move |slot| (device, label, slot));
        let places: Vec<_> = (0..4).flat_map(|label| of("a", label)).collect();
        assert_eq!(whereabouts(&places, 3), "a L0-L3 slots 3-5 9");
        let places = [("a", 0, 1), ("a", 1, 1), ("b", 0, 1), ("b", 1, 1), ("c", 3, 2)];
        assert_eq!(whereabouts(&places, 3), "a b L0-L1 slot 1; c L3 slot 2");
    }
}
