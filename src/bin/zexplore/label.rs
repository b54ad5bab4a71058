//! `zexplore label`: what the four labels of each device say, and where they differ.

use std::fmt::Write;

use serde::Serialize;
use serde_json::Value as Json;
use zfsp::decode::decode;
use zfsp::device::Device;
use zfsp::pool::{Gathering, LabelConfig, LabelCopy, SlotContent};
use zfsp::vdev::config::VdevConfig;
use zfsp::view::rows::Detail;
use zfsp::view::text;
use zfsp_grammar::catalogue;
use zfsp_grammar::input::{Input, Order, Parse};
use zfsp_grammar::label::{VDEV_PHYS_AT, VDEV_PHYS_SIZE};
use zfsp_grammar::nvlist::Packed;

use crate::common::exit::{Exit, Failure};
use crate::nvlist;
use crate::session::Session;
use crate::style::{BAD, DIM, GOOD, TITLE, plain, size, styled};
use crate::table::{Align, Cell, Table};
use crate::vdevs;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Only this label of each device
    #[arg(value_parser = clap::value_parser!(u8).range(0..4))]
    number: Option<u8>,
    /// Every field of the configuration, with its bytes
    #[arg(short, long, visible_alias = "full")]
    verbose: bool,
}

/// Everything that labels say.
#[derive(Serialize)]
struct Facts {
    devices: Vec<DeviceFacts>,
}

#[derive(Serialize)]
struct DeviceFacts {
    device: String,
    size: u64,
    /// Bytes that it has at least, as its labels say.
    needed_size: Option<u64>,
    labels: Vec<LabelFacts>,
}

#[derive(Serialize)]
struct LabelFacts {
    label: u8,
    /// Byte of the device where it starts.
    offset: Option<u64>,
    is_valid: bool,
    problem: Option<String>,
    /// State of the pool in a word.
    state: Option<String>,
    /// The configuration as it is stored.
    config: Option<Json>,
    uberblocks: Uberblocks,
    #[serde(skip)]
    parsed: Option<LabelConfig>,
    #[serde(skip)]
    tree: Option<String>,
}

/// How the ring of a label is filled.
#[derive(Serialize, PartialEq)]
struct Uberblocks {
    slots: usize,
    slot_size: usize,
    valid: usize,
    invalid: usize,
    first_txg: Option<u64>,
    last_txg: Option<u64>,
}

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    if session.global.txg.is_some() || session.global.checkpoint {
        let what = "labels are those of the newest state: neither -T nor --checkpoint shows others";
        return Err(Failure(Exit::Usage, what.into()));
    }
    let gathering = session.gather()?;
    let devices = wanted(session, gathering)?;
    let facts = Facts { devices: devices.iter().map(|device| DeviceFacts::of(device, options)).collect() };
    for device in &facts.devices {
        if device.needed_size.is_some_and(|needed| device.size < needed) {
            session.warn(format_args!("{}: cut short", device.device));
        }
        if device.is_mixed() {
            session.warn(format_args!("{}: its labels are of several devices or pools", device.device));
        }
        for label in &device.labels {
            if let Some(problem) = &label.problem {
                let at = label.offset.map(|at| format!(" at {at:#x}")).unwrap_or_default();
                session.warn(format_args!("{}: label {}{at}: {problem}", device.device, label.label));
            }
        }
    }
    session.show(&facts, text)
}

/// The devices in the order of pools; of one pool, if one is asked for.
fn wanted(session: &Session<'_>, mut gathering: Gathering) -> Result<Vec<Device>, Failure> {
    let pools = session.choose(&mut gathering)?;
    let members = pools.into_iter().flat_map(|pool| pool.members).map(|member| member.device);
    if session.global.pool.is_some() {
        return Ok(members.collect());
    }
    let Gathering { auxiliary, nameless, strangers, .. } = gathering;
    let others = auxiliary.into_iter().chain(nameless).map(|member| member.device);
    Ok(members.chain(others).chain(strangers).collect())
}

impl DeviceFacts {
    fn of(device: &Device, options: &Options) -> Self {
        let labels = (0..).zip(LabelCopy::all(device));
        let labels = labels.filter(|(number, _)| options.number.is_none_or(|wanted| wanted == *number));
        let labels: Vec<_> =
            labels.map(|(number, label)| LabelFacts::of(device, number, label, options)).collect();
        let trees = labels.iter().filter_map(|label| label.parsed.as_ref()?.vdev_tree.as_ref());
        let needed_size = trees.filter_map(VdevConfig::leaf_size).max();
        Self { device: device.name().into(), size: device.len(), needed_size, labels }
    }
}

impl LabelFacts {
    fn of(device: &Device, number: u8, label: LabelCopy, options: &Options) -> Self {
        let uberblocks = Uberblocks::of(&label);
        let LabelCopy { at, config, .. } = label;
        let (parsed, problem) = match config {
            Ok(config) => (Some(config), None),
            Err(problem) => (None, Some(problem)),
        };
        let start = at.unwrap_or_default().saturating_add(offset(VDEV_PHYS_AT));
        let bytes = if parsed.is_some() { device.read(start, VDEV_PHYS_SIZE).ok() } else { None };
        let config = bytes.as_deref().and_then(|bytes| {
            let (_, packed) = Packed::parse(Input::new(bytes, Order::Big)).ok()?;
            Some(nvlist::json(&packed.list))
        });
        let tree = options.verbose.then_some(bytes.as_deref()).flatten().and_then(|bytes| {
            let structure = catalogue::find("vdev-phys")?;
            let decoded = decode(structure, bytes, usize::try_from(start).ok()?, None, 1);
            Some(text::tree(&decoded, Detail::Full))
        });
        Self {
            label: number,
            offset: at,
            is_valid: problem.is_none(),
            problem,
            state: parsed.as_ref().map(|config| config.state().to_string()),
            config,
            uberblocks,
            parsed,
            tree,
        }
    }
}

impl Uberblocks {
    fn of(label: &LabelCopy) -> Self {
        let count = |is: fn(&SlotContent) -> bool| label.ring.iter().filter(|slot| is(&slot.content)).count();
        let txgs = label.ring.iter().filter_map(|slot| match &slot.content {
            SlotContent::Valid(uberblock) => Some(uberblock.txg.0),
            _ => None,
        });
        Self {
            slots: label.ring.len(),
            slot_size: label.slot_size,
            valid: count(|content| matches!(content, SlotContent::Valid(_))),
            invalid: count(|content| matches!(content, SlotContent::Invalid(..))),
            first_txg: txgs.clone().min(),
            last_txg: txgs.max(),
        }
    }
}

fn text(facts: &Facts) -> String {
    let mut out = String::new();
    for (n, device) in facts.devices.iter().enumerate() {
        if n > 0 {
            out.push('\n');
        }
        device.write(&mut out);
    }
    out
}

/// Differences between labels that are named.
const NAMED: usize = 8;

impl DeviceFacts {
    fn write(&self, out: &mut String) {
        // labels that say the same are shown once
        let mut groups: Vec<Vec<&LabelFacts>> = Vec::new();
        for label in self.labels.iter().filter(|label| label.is_valid) {
            match groups.iter_mut().find(|group| group.first().is_some_and(|f| f.config == label.config)) {
                Some(group) => group.push(label),
                None => groups.push(vec![label]),
            }
        }
        let title = styled(TITLE, plain(&self.device));
        let _ = write!(out, "{title}  {}", size(self.size));
        match groups.as_slice() {
            [] => {}
            [one] => {
                let _ = write!(out, "  {}", styled(GOOD, format_args!("{} good", numbers(one))));
            }
            [..] => {
                let _ = write!(out, "  {}", styled(BAD, "labels disagree"));
            }
        }
        out.push('\n');
        if let Some(needed) = self.needed_size.filter(|needed| self.size < *needed) {
            let what = format_args!("cut short: its vdev needs {} or more", size(needed));
            let _ = writeln!(out, "  {}", styled(BAD, what));
        }
        for (problem, labels) in self.problems() {
            let _ = writeln!(out, "  {}", styled(BAD, format_args!("{}: {problem}", numbers(&labels))));
        }
        let configs: Vec<&Json> = groups.iter().filter_map(|group| group.first()?.config.as_ref()).collect();
        let differ = nvlist::differences(&configs);
        if !differ.is_empty() {
            let more = differ.len().checked_sub(NAMED).filter(|more| *more > 0);
            let more = more.map(|more| format!(" and {more} more")).unwrap_or_default();
            let named: Vec<&str> = differ.iter().take(NAMED).map(String::as_str).collect();
            let _ = writeln!(out, "  they differ in {}{more}", plain(&named.join(", ")));
        }
        for group in &groups {
            if groups.len() > 1 {
                let _ = writeln!(out, "  {}", styled(TITLE, numbers(group)));
            }
            if let Some(label) = group.first() {
                label.write(out);
            }
        }
    }

    /// Whether labels contradict each other; that one is older than another is usual.
    fn is_mixed(&self) -> bool {
        let configs = self.labels.iter().filter_map(|label| label.parsed.as_ref());
        is_mixed(configs)
    }

    /// The labels with the same problem.
    fn problems(&self) -> Vec<(&str, Vec<&LabelFacts>)> {
        let mut all: Vec<(&str, Vec<&LabelFacts>)> = Vec::new();
        for label in &self.labels {
            let Some(problem) = &label.problem else { continue };
            match all.iter_mut().find(|(known, _)| known == problem) {
                Some((_, labels)) => labels.push(label),
                None => all.push((problem, vec![label])),
            }
        }
        all
    }
}

/// Whether labels of one device are of several devices or pools.
pub(crate) fn is_mixed<'c>(configs: impl Iterator<Item = &'c LabelConfig>) -> bool {
    let mut identities = configs.map(|config| (config.pool_guid, config.guid));
    let first = identities.next();
    identities.any(|identity| Some(identity) != first)
}

/// `label 2`, `labels 0 1`.
fn numbers(labels: &[&LabelFacts]) -> String {
    let numbers: Vec<String> = labels.iter().map(|label| label.label.to_string()).collect();
    format!("label{} {}", if numbers.len() == 1 { "" } else { "s" }, numbers.join(" "))
}

impl LabelFacts {
    fn write(&self, out: &mut String) {
        if let Some(tree) = &self.tree {
            out.push_str(tree);
            return;
        }
        let Some(config) = &self.parsed else { return };
        let number = |key| self.config.as_ref().and_then(|list| list.get(key)?.as_u64());
        let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]).indented(2);
        let mut line = |key: &str, value: String| table.row([Cell::styled(DIM, key), value.into()]);
        if let Some(guid) = config.pool_guid {
            let name = config.name.as_deref().unwrap_or("without a name");
            line(
                "pool",
                format!(
                    "{name}  guid {guid}  version {}  {}  txg {}",
                    config.version,
                    config.state(),
                    config.txg
                ),
            );
        } else {
            line("use", format!("{}  version {}", config.state(), config.version));
            let path = self.config.as_ref().and_then(|list| list.get("path")?.as_str());
            line("seen as", path.unwrap_or("nothing").into());
        }
        if let Some(from) = number("split_guid") {
            line("split", format!("from pool {from}"));
        }
        if let Some(host) = &config.hostname {
            line("host", format!("{host} ({:#x})", number("hostid").unwrap_or_default()));
        }
        if !config.features_for_read.is_empty() {
            line("needs", config.features_for_read.join(" "));
        }
        line("device", format!("guid {}", config.guid));
        line("ring", self.uberblocks.to_string());
        let _ = write!(out, "{table}");
        if let Some(tree) = &config.vdev_tree {
            let _ = write!(out, "{}", vdev_table(config, tree));
        }
    }
}

fn vdev_table(config: &LabelConfig, tree: &VdevConfig) -> Table {
    let heads = ["vdev", "guid", "size", "ashift", "state", "last seen as", ""];
    let aligns =
        [Align::Left, Align::Right, Align::Right, Align::Right, Align::Left, Align::Left, Align::Left];
    let heads: Vec<_> = heads.into_iter().zip(aligns).collect();
    let mut table = Table::new(&heads).indented(2);
    for (depth, vdev) in vdevs::walk(tree, |vdev| &vdev.children) {
        let count = config.vdev_children.map(|count| format!(" of {count}")).unwrap_or_default();
        let name = match depth {
            0 => format!("{}{count}", vdevs::title(vdev)),
            _ => format!("{:indent$}{}", "", vdevs::title(vdev), indent = depth.saturating_mul(2)),
        };
        let is_own = vdev.guid == config.guid;
        table.row([
            name.into(),
            vdev.guid.into(),
            vdev.asize.map(size).unwrap_or_default().into(),
            vdev.ashift.map(|shift| shift.to_string()).unwrap_or_default().into(),
            vdevs::remarks(vdev).join(", ").into(),
            vdev.path.clone().unwrap_or_default().into(),
            Cell::styled(GOOD, if is_own { "<- this device" } else { "" }),
        ]);
    }
    table
}

impl std::fmt::Display for Uberblocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { slots, valid, invalid, .. } = self;
        write!(f, "{valid} of {slots} slots in use")?;
        match (self.first_txg, self.last_txg) {
            (Some(first), Some(last)) if first < last => write!(f, ", txg {first} to {last}")?,
            (Some(only), _) => write!(f, ", txg {only}")?,
            _ => {}
        }
        if *invalid > 0 {
            write!(f, ", {invalid} more damaged")?;
        }
        Ok(())
    }
}

fn offset(at: usize) -> u64 {
    u64::try_from(at).unwrap_or(u64::MAX)
}
