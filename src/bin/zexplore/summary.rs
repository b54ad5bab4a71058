//! `zexplore summary`: what there is, what is wrong, and what to try next.

use std::fmt::Write;
use std::io::{self, IsTerminal};

use serde::Serialize;
use zfsp::error::Error;
use zfsp::pool::{Devices, Gathering, LabelCopy, Pool, Trouble};
use zfsp_grammar::quantity::utc;

use crate::auxiliary::{Auxiliary, AuxiliaryFacts};
use crate::common::exit::{Exit, Failure};
use crate::config::newest;
use crate::label::is_mixed;
use crate::names::last;
use crate::overview::{Overview, Space};
use crate::said::Said;
use crate::session::Session;
use crate::style::{BAD, DIM, GOOD, ODD, TITLE, plain, size, styled};
use crate::table::{Align, Cell, Table};
use crate::vdevs::VdevFacts;

/// Everything that the summary says.
#[derive(Serialize)]
struct Facts {
    pools: Vec<PoolFacts>,
    /// Devices that are of no pool, or not known to be.
    others: Vec<OtherFacts>,
}

#[derive(Serialize)]
struct PoolFacts {
    name: String,
    guid: u64,
    version: Option<u64>,
    /// Of the newest label.
    state: Option<String>,
    hostname: Option<String>,
    is_open: bool,
    /// Of the uberblock that is looked at.
    txg: Option<u64>,
    time: Option<String>,
    newest_txg: Option<u64>,
    devices_found: usize,
    devices_missing: usize,
    /// Devices that may still be lost, wherever they are, before data are; below 0: too many are.
    redundancy: Option<i64>,
    vdevs: VdevFacts,
    #[serde(flatten)]
    auxiliary: Auxiliary,
    overview: Option<Overview>,
    troubles: Vec<String>,
    next: Vec<Advice>,
}

/// A device beside the pools.
#[derive(Serialize)]
struct OtherFacts {
    device: String,
    size: u64,
    what: String,
}

/// What to try next.
#[derive(Serialize)]
struct Advice {
    /// Options and command; `null` for what is no command.
    command: Option<String>,
    why: String,
}

pub(crate) fn run(session: &mut Session<'_>) -> Result<Exit, Failure> {
    let mut gathering = session.gather()?;
    let pools = session.choose(&mut gathering)?;
    let several = pools.len() > 1;
    let mut facts = Facts { pools: Vec::new(), others: Vec::new() };
    for devices in &pools {
        let pool = match session.open_silently(devices) {
            // that is no damage
            Err(error) if is_absent(&error) && !several => return Err(error.into()),
            Err(error) if is_absent(&error) => {
                anstream::eprintln!("{}", plain(&error.to_string()));
                continue;
            }
            Ok(mut pool) => {
                session.unlock_or_tell(&mut pool);
                Ok(pool)
            }
            failed => failed,
        };
        let mut all = PoolFacts::of(devices, pool, &gathering);
        all.advise(session, &gathering, several);
        match all.troubles.len() {
            0 => {}
            1 => session.warn(format_args!("pool {}: something is wrong with it", plain(&all.name))),
            n => session.warn(format_args!("pool {}: {n} things are wrong with it", plain(&all.name))),
        }
        facts.pools.push(all);
    }
    session.forget_keys();
    let of_pools =
        |guid: u64| facts.pools.iter().flat_map(|pool| pool.auxiliary.all()).any(|vdev| vdev.guid == guid);
    gathering.auxiliary.retain(|member| !member.config().is_some_and(|config| of_pools(config.guid)));
    facts.others = others(&gathering);
    let exit = session.show(&facts, text)?;
    if facts.pools.is_empty() {
        let what = if several { "no pool has such a state" } else { "no pool found" };
        return Err(Failure(Exit::Nothing, what.into()));
    }
    Ok(exit)
}

/// Whether it is a state that does not exist.
fn is_absent(error: &Error) -> bool {
    matches!(error, Error::Io { place, source }
        if place.device.is_none() && source.kind() == io::ErrorKind::NotFound)
}

impl PoolFacts {
    fn of(devices: &Devices, pool: zfsp::error::Result<Pool>, others: &Gathering) -> Self {
        let label = newest(&devices.members);
        let (pool, failure) = match pool {
            Ok(pool) => (Some(pool), None),
            Err(error) => (None, Some(error)),
        };
        let vdevs = match &pool {
            Some(pool) => VdevFacts::of(&pool.config, (&pool.members, &pool.nameless), Some(pool)),
            None => VdevFacts::of(&devices.config(), (&devices.members, &devices.nameless), None),
        };
        let count = |is: fn(&VdevFacts) -> bool| vdevs.walk().into_iter().filter(|(_, v)| is(v)).count();
        let overview = pool.as_ref().map(|pool| Overview::of(pool, &vdevs));
        let auxiliary = pool.as_ref().map(|pool| Auxiliary::of(pool, others)).unwrap_or_default();
        let mut troubles = lacking(&vdevs);
        troubles.extend(damage(devices));
        troubles.extend(failure.iter().map(ToString::to_string));
        let of_pool = pool.iter().flat_map(|pool| &pool.troubles);
        // what is missing was said, with what to look for
        let of_pool =
            of_pool.filter(|trouble| !matches!(trouble, Trouble::DeviceMissing(_) | Trouble::CutShort(_)));
        troubles.extend(of_pool.map(ToString::to_string));
        troubles.extend(auxiliary.losses.iter().cloned());
        troubles.extend(overview.iter().flat_map(|overview| overview.losses.iter().cloned()));
        let mut said = Said::default();
        let troubles = troubles.iter().filter_map(|trouble| said.once(trouble)).collect();
        Self {
            name: devices.name.clone(),
            guid: devices.guid,
            version: pool.as_ref().map(|pool| pool.uberblock.version).or_else(|| Some(label?.version)),
            state: label.map(|label| label.state().to_string()),
            hostname: label.and_then(|label| label.hostname.clone()),
            is_open: pool.is_some(),
            txg: pool.as_ref().map(|pool| pool.uberblock.txg.0),
            time: pool.as_ref().map(|pool| utc(pool.uberblock.timestamp.0.cast_signed())),
            newest_txg: pool.as_ref().map(|pool| pool.newest.txg.0),
            devices_found: count(|vdev| !vdev.devices.is_empty()),
            devices_missing: count(|vdev| vdev.is_missing),
            redundancy: vdevs.children.iter().filter_map(|top| top.redundancy).min(),
            vdevs,
            auxiliary,
            overview,
            troubles,
            next: Vec::new(),
        }
    }

    fn advise(&mut self, session: &Session<'_>, gathering: &Gathering, several: bool) {
        let paths: Vec<String> =
            session.global.paths.iter().map(|path| quoted(&path.to_string_lossy())).collect();
        let pool = if several || session.global.pool.is_some() {
            format!(" --pool {}", self.guid)
        } else {
            String::new()
        };
        let state = match (session.global.txg, session.global.checkpoint) {
            (Some(txg), _) => format!(" -T {txg}"),
            (None, true) => " --checkpoint".into(),
            (None, false) => String::new(),
        };
        let rest = format!("-p {}{pool}", paths.join(" "));
        let mut advise = |command: Option<&str>, why: String| {
            let command = command.map(|command| format!("zexplore {command} {rest}"));
            self.next.push(Advice { command, why });
        };
        if self.devices_missing > 0 && !gathering.strangers.is_empty() {
            let why = match gathering.strangers.len() {
                1 => "a device without labels was given: it may be the missing one".into(),
                n => format!("{n} devices without labels were given: the missing ones may be among them"),
            };
            advise(Some("label"), why);
        } else if self.devices_missing > 0 {
            let why = if self.redundancy.is_some_and(|left| left >= 0) {
                "everything can be read without the missing devices; name them as well for full redundancy"
            } else {
                "name the missing devices as well: without them a part of the data cannot be read"
            };
            advise(None, why.into());
        }
        // who asks for no state has had all tried
        let is_choice =
            if self.is_open { self.txg != self.newest_txg && state.is_empty() } else { !state.is_empty() };
        if is_choice {
            advise(Some("uberblocks"), "other states of the pool, for -T TXG".into());
        }
        if self.is_open {
            advise(Some(&format!("verify{state}")), "reads every block and checks it".into());
        } else {
            advise(Some("label"), "what the labels say, and why not more".into());
        }
        let overview = self.overview.as_ref();
        if overview.is_some_and(|overview| overview.checkpoint.is_some()) && state.is_empty() {
            advise(Some("summary --checkpoint"), "the pool as its checkpoint keeps it".into());
        }
    }
}

/// A path as a shell takes it.
fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@%,".contains(c);
    if path.chars().all(is_plain) { path.into() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

/// Devices that are missing, or cut short.
fn lacking(vdevs: &VdevFacts) -> Vec<String> {
    let mut all = Vec::new();
    for (_, vdev) in vdevs.walk() {
        if vdev.is_missing {
            all.push(format!("{} ({}) is {}", vdev.name, vdev.guid, vdev.wanted()));
        }
        all.extend(vdev.cut_short());
    }
    all
}

/// Labels that are damaged.
fn damage(devices: &Devices) -> Vec<String> {
    let mut all = Vec::new();
    for member in &devices.members {
        let bad: Vec<String> = (0u8..)
            .zip(&member.labels)
            .filter_map(|(number, label)| {
                Some(format!("label {number} is bad: {}", label.config.as_ref().err()?))
            })
            .collect();
        if !bad.is_empty() {
            all.push(format!("{}: {}", member.device.name(), bad.join("; ")));
        }
        if is_mixed(member.configs()) {
            all.push(format!("{}: its labels are of several devices or pools", member.device.name()));
        }
        if let Some(loss) = member.device.loss() {
            all.push(loss.to_string());
        }
    }
    all
}

/// Four labels.
const SMALLEST: u64 = 1 << 20;

/// What the devices are that are of no pool.
fn others(gathering: &Gathering) -> Vec<OtherFacts> {
    let mut all = Vec::new();
    for member in &gathering.auxiliary {
        let what = member.config().map(|config| match config.pool_guid {
            Some(_) => "initialised, but never part of a pool".into(),
            None => format!("{} device", config.state()),
        });
        let what = what.unwrap_or_default();
        all.push(OtherFacts { device: member.device.name().into(), size: member.device.len(), what });
    }
    for member in &gathering.nameless {
        let count = member.uberblocks().count();
        let what = format!("{count} uberblocks, but no label says of which pool");
        all.push(OtherFacts { device: member.device.name().into(), size: member.device.len(), what });
    }
    for device in &gathering.strangers {
        if device.len() < SMALLEST {
            let what = "too small for a device of ZFS".into();
            all.push(OtherFacts { device: device.name().into(), size: device.len(), what });
            continue;
        }
        let mut reasons: Vec<String> =
            LabelCopy::all(device).into_iter().filter_map(|label| label.config.err()).collect();
        reasons.dedup();
        let partitions = match device.partitions().len() {
            0 => String::new(),
            n => format!("; {n} partitions, also without"),
        };
        let what = format!("no label ({}){partitions}", reasons.join(", "));
        all.push(OtherFacts { device: device.name().into(), size: device.len(), what });
    }
    all
}

fn text(facts: &Facts) -> String {
    let mut out = String::new();
    for (n, pool) in facts.pools.iter().enumerate() {
        if n > 0 {
            out.push('\n');
        }
        pool.write(&mut out);
    }
    if !facts.others.is_empty() {
        if !facts.pools.is_empty() {
            out.push('\n');
        }
        let _ = writeln!(out, "{}", styled(TITLE, "devices of no known pool"));
        let mut table = Table::new(&[("", Align::Left), ("", Align::Right), ("", Align::Left)]).indented(2);
        for other in &facts.others {
            table.row([(&other.device).into(), size(other.size).into(), (&other.what).into()]);
        }
        let _ = write!(out, "{table}");
    }
    out
}

impl PoolFacts {
    fn write(&self, out: &mut String) {
        let title = styled(TITLE, format_args!("pool {}", plain(&self.name)));
        let _ = writeln!(out, "{title}  guid {}", self.guid);
        let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]).indented(2);
        let mut line = |key: &str, value: Cell| table.row([Cell::styled(DIM, key), value]);
        if let Some(state) = self.state() {
            line("state", state.into());
        }
        if let (Some(txg), Some(time)) = (self.txg, &self.time) {
            let newest = self.newest_txg.filter(|newest| *newest != txg);
            let newest = newest.map(|newest| format!("; the newest is of txg {newest}")).unwrap_or_default();
            line("looked at", format!("txg {txg} of {time}{newest}").into());
        }
        if let Some(created) = self.overview.as_ref().and_then(|overview| overview.created.as_ref()) {
            line("created", created.into());
        }
        line("devices", self.devices());
        for (key, all) in [("spares", &self.auxiliary.spares), ("cache", &self.auxiliary.cache)] {
            if !all.is_empty() {
                let is_found = |vdev: &&AuxiliaryFacts| !vdev.devices.is_empty() || vdev.is_distributed();
                let found = all.iter().filter(is_found).count();
                let used = match all.iter().filter(|vdev| vdev.is_in_use).count() {
                    0 => String::new(),
                    used => format!(", {used} in use"),
                };
                line(key, format!("{found} of {} found{used}", all.len()).into());
            }
        }
        line("redundancy", self.redundancy());
        if let Some(overview) = &self.overview {
            overview_lines(overview, &mut line);
        }
        let _ = write!(out, "{table}");
        if let Some(overview) = &self.overview {
            let _ = write!(out, "{}", largest(overview));
            if let Some(more) = overview.datasets.len().checked_sub(LARGEST).filter(|more| *more > 0) {
                let _ = writeln!(out, "  and {more} more: --json lists them all");
            }
        }
        if !self.troubles.is_empty() {
            let _ = writeln!(out, "  {}", styled(BAD, "wrong"));
            for trouble in self.troubles.iter().take(TROUBLES) {
                let _ = writeln!(out, "    {}", shortened(&plain(trouble)));
            }
            if let Some(more) = self.troubles.len().checked_sub(TROUBLES).filter(|more| *more > 0) {
                let _ = writeln!(out, "    and {more} more: --json lists them all");
            }
        }
        if !self.next.is_empty() {
            let _ = writeln!(out, "  {}", styled(DIM, "next"));
            for advice in &self.next {
                let _ = match &advice.command {
                    Some(command) => writeln!(out, "    {}  {}", plain(command), styled(DIM, &advice.why)),
                    None => writeln!(out, "    {}", advice.why),
                };
            }
        }
    }

    fn state(&self) -> Option<String> {
        let state = self.state.as_deref()?;
        let host = self.hostname.as_deref().map(|host| format!(" {host}")).unwrap_or_default();
        let version = self.version.map(|version| format!(", version {version}")).unwrap_or_default();
        Some(match state {
            "active" => format!("active: in use by its host{host}, or never exported{version}"),
            _ if host.is_empty() => format!("{state}{version}"),
            _ => format!("{state}, last host{host}{version}"),
        })
    }

    fn devices(&self) -> Cell {
        let found = self.devices_found;
        let weak = self.vdevs.walk().into_iter().filter(|(_, vdev)| vdev.is_weak());
        let weak: String = weak
            .map(|(_, vdev)| {
                let device = vdev.devices.first().map(|device| last(&device.name));
                format!("; {}: {}", device.unwrap_or(&vdev.name), vdev.states.join(", "))
            })
            .collect();
        match self.devices_missing {
            0 if weak.is_empty() => Cell::new(format_args!("{found} of {found} found")),
            0 => Cell::styled(ODD, format_args!("{found} of {found} found{weak}")),
            missing => Cell::styled(BAD, format_args!("{found} found, {missing} missing{weak}")),
        }
    }

    fn redundancy(&self) -> Cell {
        let tops = self.vdevs.children.iter().filter_map(|top| Some((top.redundancy?, top.name.as_str())));
        let mut tops: Vec<(i64, &str)> = tops.collect();
        tops.sort_by_key(|(left, _)| *left);
        let Some((least, _)) = tops.first().copied() else { return Cell::default() };
        let weakest: Vec<&str> =
            tops.iter().filter(|(left, _)| *left == least).map(|(_, name)| *name).collect();
        let of =
            if weakest.len() == tops.len() { String::new() } else { format!(" ({})", weakest.join(", ")) };
        match least {
            ..0 => Cell::styled(BAD, format_args!("lost{of}: too many devices are missing")),
            0 => Cell::styled(ODD, format_args!("none{of}")),
            1 => Cell::styled(GOOD, format_args!("any device may be lost{of}")),
            n => Cell::styled(GOOD, format_args!("any {n} devices may be lost{of}")),
        }
    }
}

fn overview_lines(overview: &Overview, line: &mut impl FnMut(&str, Cell)) {
    if let Some(Space { used, capacity, is_estimate }) = &overview.space {
        let percent = used.saturating_mul(100).checked_div(*capacity).unwrap_or_default();
        let about = if *is_estimate { "about " } else { "" };
        line("space", format!("{} of {about}{} used, {percent} %", size(*used), size(*capacity)).into());
    }
    let counts = [
        (overview.filesystems, "file system"),
        (overview.volumes, "volume"),
        (overview.snapshots, "snapshot"),
        (overview.others, "other"),
    ];
    let counts: Vec<String> = counts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}{}", if *n == 1 { "" } else { "s" }))
        .collect();
    if !counts.is_empty() {
        line("datasets", counts.join(", ").into());
    }
    if !overview.encrypted.is_empty() {
        line("encrypted", few(&overview.encrypted).into());
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let roots = count(overview.encryption_roots, "encryption root");
        let locked = match overview.locked.len() {
            0 => "no dataset is locked".into(),
            n => format!("{} locked: zexplore keys", count(n, "dataset")),
        };
        line("keys", format!("{roots}, {locked}").into());
    }
    if !overview.unreplayed.is_empty() {
        let what = format!("not replayed: the last writes of {}", few(&overview.unreplayed));
        line("intent logs", Cell::styled(ODD, what));
    }
    if let Some(checkpoint) = &overview.checkpoint {
        line("checkpoint", format!("txg {} of {}", checkpoint.txg, checkpoint.time).into());
    }
}

/// Troubles that are shown.
const TROUBLES: usize = 8;

/// Characters of a trouble that are shown on a terminal.
const LONGEST: usize = 160;

fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST).filter(|_| io::stdout().is_terminal()) {
        Some((end, _)) => format!("{} ...", text.get(..end).unwrap_or_default()),
        None => text.into(),
    }
}

/// Names that are listed.
const LISTED: usize = 5;

fn few(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(LISTED).map(String::as_str).collect();
    match names.len().checked_sub(LISTED).filter(|more| *more > 0) {
        Some(more) => format!("{} and {more} more", shown.join(", ")),
        None => shown.join(", "),
    }
}

/// Datasets that are shown: those that take most space.
const LARGEST: usize = 6;

fn largest(overview: &Overview) -> Table {
    let heads = [
        ("dataset", Align::Left),
        ("used", Align::Right),
        ("referenced", Align::Right),
        ("ratio", Align::Right),
    ];
    let mut table = Table::new(&heads).indented(2);
    for sizes in overview.datasets.iter().take(LARGEST) {
        let ratio = sizes.compressratio;
        table.row([
            (&sizes.name).into(),
            size(sizes.used).into(),
            size(sizes.referenced).into(),
            format!("{}.{:02}x", ratio / 100, ratio % 100).into(),
        ]);
    }
    table
}
