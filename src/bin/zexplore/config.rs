//! `zexplore config`: the pool's vdevs with their devices, its features and its properties.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;
use serde_json::Value as Json;
use zfsp::dataset::Dsl;
use zfsp::dataset::property::{Setting, Source};
use zfsp::pool::{LabelConfig, Member, Pool};
use zfsp_grammar::quantity::utc;

use crate::auxiliary::{self, Auxiliary, AuxiliaryFacts};
use crate::common::exit::{Exit, Failure};
use crate::features::{self, FeatureFacts};
use crate::names::Names;
use crate::session::{Found, Session};
use crate::style::{BAD, DIM, TITLE, plain, styled};
use crate::table::{Align, Cell, Table};
use crate::vdevs::{self, VdevFacts};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Also what the features change that are not in use
    #[arg(short, long)]
    verbose: bool,
}

/// Everything that the configuration says.
#[derive(Serialize)]
struct Facts {
    pool: PoolFacts,
    properties: BTreeMap<String, Json>,
    vdevs: VdevFacts,
    spares: Vec<AuxiliaryFacts>,
    cache: Vec<AuxiliaryFacts>,
    features: Vec<FeatureFacts>,
}

/// The pool as a whole.
#[derive(Serialize)]
struct PoolFacts {
    name: String,
    guid: u64,
    version: u64,
    state: String,
    /// Of the state that is looked at; `null` if the meta object set could not be read.
    txg: Option<u64>,
    time: Option<String>,
    hostname: Option<String>,
    hostid: Option<u64>,
    /// `mos`, or `labels` if only these could be read.
    source: &'static str,
}

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let found = session.find()?;
    let facts = match session.open(&found.devices) {
        Ok(pool) => of_pool(session, &pool, &found),
        // who asks for a state does not want another
        Err(error) if session.global.txg.is_some() || session.global.checkpoint => return Err(error.into()),
        Err(error) => {
            session.warn(error);
            session.warn("only what the labels say is shown");
            of_labels(&found)
        }
    };
    for cut in facts.vdevs.walk().into_iter().flat_map(|(_, vdev)| vdev.cut_short()) {
        session.warn(cut);
    }
    session.show(&facts, |facts| text(facts, options))
}

fn of_pool(session: &mut Session<'_>, pool: &Pool, found: &Found) -> Facts {
    let config = auxiliary::packed(pool, "config").unwrap_or_else(|error| {
        session.warn(error);
        None
    });
    let config = config.unwrap_or_default();
    let Auxiliary { spares, cache, losses } = Auxiliary::of(pool, &found.others);
    losses.iter().for_each(|loss| session.warn(loss));
    let features = features::of(pool).unwrap_or_else(|error| {
        session.warn(error);
        Vec::new()
    });
    let properties = properties(session, pool);
    let text = |key| config.get(key).and_then(Json::as_str).map(str::to_owned);
    let label = newest(&pool.members);
    Facts {
        pool: PoolFacts {
            name: pool.name.clone(),
            guid: pool.guid,
            version: pool.uberblock.version,
            // the labels are written last
            state: label.map(|label| label.state().to_string()).unwrap_or_default(),
            txg: Some(pool.uberblock.txg.0),
            time: Some(utc(pool.uberblock.timestamp.0.cast_signed())),
            hostname: text("hostname").or_else(|| label?.hostname.clone()),
            hostid: config.get("hostid").and_then(Json::as_u64),
            source: "mos",
        },
        properties,
        vdevs: VdevFacts::of(&pool.config, (&pool.members, &pool.nameless), Some(pool)),
        spares,
        cache,
        features,
    }
}

fn of_labels(found: &Found) -> Facts {
    let devices = &found.devices;
    let label = newest(&devices.members);
    Facts {
        pool: PoolFacts {
            name: devices.name.clone(),
            guid: devices.guid,
            version: label.map(|label| label.version).unwrap_or_default(),
            state: label.map(|label| label.state().to_string()).unwrap_or_default(),
            txg: None,
            time: None,
            hostname: label.and_then(|label| label.hostname.clone()),
            hostid: None,
            source: "labels",
        },
        properties: BTreeMap::new(),
        vdevs: VdevFacts::of(&devices.config(), (&devices.members, &devices.nameless), None),
        spares: Vec::new(),
        cache: Vec::new(),
        features: Vec::new(),
    }
}

/// The newest label of a pool.
pub(crate) fn newest(members: &[Member]) -> Option<&LabelConfig> {
    members.iter().filter_map(Member::config).max_by_key(|config| config.txg)
}

/// Properties that are set.
fn properties(session: &mut Session<'_>, pool: &Pool) -> BTreeMap<String, Json> {
    let (all, losses) = Dsl::of(pool).pool_settings();
    losses.iter().for_each(|loss| session.warn(loss));
    let is_set = |setting: &Setting| setting.source == Source::Local && setting.name != "version";
    let set = all.into_iter().filter(is_set);
    set.map(|setting| (setting.name, setting.value.to_string().into())).collect()
}

fn text(facts: &Facts, options: &Options) -> String {
    let mut out = String::new();
    let PoolFacts { name, guid, version, state, .. } = &facts.pool;
    let title = styled(TITLE, format_args!("pool {}", plain(name)));
    let _ = writeln!(out, "{title}  guid {guid}  version {version}  {state}");
    let mut table = Table::new(&[("", Align::Left), ("", Align::Left)]).indented(2);
    let mut line = |key: &str, value: String| table.row([Cell::styled(DIM, key), value.into()]);
    if let (Some(txg), Some(time)) = (facts.pool.txg, &facts.pool.time) {
        line("looked at", format!("txg {txg} of {time}"));
    }
    if let Some(host) = &facts.pool.hostname {
        let id = facts.pool.hostid.map(|id| format!(" ({id:#x})")).unwrap_or_default();
        line("host", format!("{host}{id}"));
    }
    for (name, value) in &facts.properties {
        line(name, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    let _ = write!(out, "{table}\n{}", vdevs::table(&facts.vdevs));
    let others = facts.spares.iter().chain(&facts.cache);
    let names = Names::of(others.flat_map(|vdev| &vdev.devices).map(String::as_str));
    let heads = [("", Align::Left), ("", Align::Right), ("", Align::Left), ("", Align::Left)];
    let mut table = Table::new(&heads).indented(2);
    for (kind, all) in [("spare", &facts.spares), ("cache", &facts.cache)] {
        for vdev in all {
            let devices: Vec<&str> = vdev.devices.iter().map(|name| names.short(name)).collect();
            let wanted = vdev.path.as_ref().map(|path| format!(": last {path}")).unwrap_or_default();
            table.row([
                kind.into(),
                vdev.guid.into(),
                if vdev.is_in_use { "in use" } else { "" }.into(),
                match (devices.is_empty(), vdev.is_distributed()) {
                    (true, false) => Cell::styled(BAD, format_args!("not here{wanted}")),
                    (true, true) => Cell::new(vdev.path.as_deref().unwrap_or("distributed")),
                    (false, _) => devices.join(", ").into(),
                },
            ]);
        }
    }
    let _ = write!(out, "{table}");
    if !facts.features.is_empty() {
        let _ = write!(out, "\n{}", features::text(&facts.features, options.verbose));
    }
    out
}
