//! Spares and cache devices: the MOS lists them, their labels do not name the pool.

use serde::Serialize;
use serde_json::Value as Json;
use zfsp::error::{Error, Result};
use zfsp::pool::{Gathering, Pool};
use zfsp_grammar::input::{Input, Order, Parse};
use zfsp_grammar::nvlist::Packed;

use crate::nvlist;

/// The spares and cache devices of a pool.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Auxiliary {
    pub(crate) spares: Vec<AuxiliaryFacts>,
    pub(crate) cache: Vec<AuxiliaryFacts>,
    /// Lists that could not be read.
    #[serde(skip)]
    pub(crate) losses: Vec<String>,
}

/// A spare or cache device.
#[derive(Debug, Serialize)]
pub(crate) struct AuxiliaryFacts {
    pub(crate) guid: u64,
    /// `file`, `disk`, or `dspare`: the spare space of a dRAID.
    pub(crate) kind: String,
    pub(crate) path: Option<String>,
    /// In use as a spare.
    pub(crate) is_in_use: bool,
    /// Devices that were given for it.
    pub(crate) devices: Vec<String>,
}

impl Auxiliary {
    /// Those of this pool, found among `others` and in use.
    pub(crate) fn of(pool: &Pool, others: &Gathering) -> Self {
        let mut all = Self::default();
        all.spares = all.list(pool, others, "spares");
        all.cache = all.list(pool, others, "l2cache");
        all
    }

    fn list(&mut self, pool: &Pool, others: &Gathering, key: &str) -> Vec<AuxiliaryFacts> {
        let list = packed(pool, key).unwrap_or_else(|error| {
            self.losses.push(error.to_string());
            None
        });
        let list = list.unwrap_or_default();
        let all = list.get(key).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        all.iter().map(|vdev| AuxiliaryFacts::of(vdev, pool, others)).collect()
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &AuxiliaryFacts> {
        self.spares.iter().chain(&self.cache)
    }
}

impl AuxiliaryFacts {
    /// True for what is on the devices of a dRAID itself.
    pub(crate) fn is_distributed(&self) -> bool {
        self.kind == "dspare"
    }

    fn of(vdev: &Json, pool: &Pool, others: &Gathering) -> Self {
        let guid = vdev.get("guid").and_then(Json::as_u64).unwrap_or_default();
        let members = others.auxiliary.iter().chain(pool.members.iter());
        let members = members.filter(|member| member.config().is_some_and(|config| config.guid == guid));
        let text = |key| vdev.get(key).and_then(Json::as_str).map(str::to_owned);
        Self {
            guid,
            kind: text("type").unwrap_or_default(),
            path: text("path"),
            is_in_use: pool.config.all().any(|vdev| vdev.guid == guid),
            devices: members.map(|member| member.device.name().to_owned()).collect(),
        }
    }
}

/// Bytes of a list in the MOS that are looked at: far more than any has.
const MOST_LIST: u64 = 64 << 20;

/// The packed list that is the content of the object that the pool directory names.
pub(crate) fn packed(pool: &Pool, key: &str) -> Result<Option<Json>> {
    let Some(object) = pool.directory_number(key)?.filter(|object| *object != 0) else { return Ok(None) };
    let (bytes, _) = pool.mos.object(object)?.content(MOST_LIST).whole()?;
    let read = Packed::parse(Input::new(&bytes, Order::Big));
    read.map(|(_, packed)| Some(nvlist::json(&packed.list)))
        .map_err(|error| Error::corrupt(format!("{key}: {error}")))
}
