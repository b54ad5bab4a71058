//! What the pool directory says: the one object of the MOS whose number is fixed.
//!
//! Handbook: `docs/format/06-dnode-objset.md`, 6.7.

use zfsp_grammar::dsl::feature;
use zfsp_grammar::input::{Input, Order, Parse, fault};
use zfsp_grammar::nvlist::{List, Packed};

use super::member::LabelConfig;
use crate::error::{Error, Result};
use crate::object::Object;
use crate::objset::ObjectSet;
use crate::vdev::config::VdevConfig;
use crate::zap::Zap;

/// Its number.
pub(super) const POOL_DIRECTORY: u64 = 1;
/// Bytes of a configuration in the MOS that are looked at: far more than any has.
const MOST_CONFIG: u64 = 16 << 20;

/// The object that the pool directory has for `key`.
pub(super) fn named(mos: &ObjectSet, directory: &Zap<'_>, key: &str) -> Result<Option<Object>> {
    match directory.number(key)? {
        Some(number) if number != 0 => Ok(Some(mos.object(number)?)),
        _ => Ok(None),
    }
}

fn needed(mos: &ObjectSet, directory: &Zap<'_>, key: &str) -> Result<Object> {
    named(mos, directory, key)?.ok_or_else(|| Error::corrupt(format!("the pool directory has no {key}")))
}

/// The vdevs as the MOS describes them.
pub(super) fn config(mos: &ObjectSet, directory: &Zap<'_>) -> Result<VdevConfig> {
    let tree = with_config(mos, directory, |list| LabelConfig::of(list).vdev_tree)?;
    tree.ok_or_else(|| Error::corrupt("the configuration has no vdev_tree"))
}

/// What the configuration in the MOS says of something.
pub(super) fn with_config<T>(
    mos: &ObjectSet,
    directory: &Zap<'_>,
    look: impl FnOnce(&List<'_>) -> T,
) -> Result<T> {
    let object = needed(mos, directory, "config")?;
    let (bytes, _) = object.content(MOST_CONFIG).whole()?;
    let (_, packed) = Packed::parse(Input::new(&bytes, Order::Big))
        .map_err(|e| Error::corrupt(format!("configuration: {}", fault(e))))?;
    Ok(look(&packed.list))
}

/// Datasets start here; without it there is little to see.
pub(super) fn root_dataset(mos: &ObjectSet, directory: &Zap<'_>) -> Result<()> {
    needed(mos, directory, "root_dataset").map(drop)
}

pub(super) fn salt(directory: &Zap<'_>) -> Result<Option<[u8; 32]>> {
    let salt = directory.get(b"org.illumos:checksum_salt")?;
    Ok(salt.and_then(|salt| salt.bytes.try_into().ok()))
}

/// Whether a feature has users.
pub(super) fn is_active(mos: &ObjectSet, directory: &Zap<'_>, feature: &str) -> bool {
    let count = |key| -> Result<u64> {
        let Some(object) = named(mos, directory, key)? else { return Ok(0) };
        Ok(Zap::of(&object)?.number(feature)?.unwrap_or_default())
    };
    ["features_for_read", "features_for_write"].into_iter().any(|key| count(key).is_ok_and(|count| count > 0))
}

/// Features in use that must be known to read the pool, and are not.
pub(super) fn unknown_features(mos: &ObjectSet) -> Vec<String> {
    let find = || -> Result<Vec<String>> {
        let directory = mos.object(POOL_DIRECTORY)?;
        let Some(object) = named(mos, &Zap::of(&directory)?, "features_for_read")? else {
            return Ok(Vec::new());
        };
        let zap = Zap::of(&object)?;
        let used = zap.entries().flatten().filter(|entry| entry.value.first().is_some_and(|count| count > 0));
        Ok(used
            .filter(|entry| feature::find(entry.key.name().0).is_none())
            .map(|entry| entry.key.to_string())
            .collect())
    };
    // a list that cannot be read is reported by who reads it
    find().unwrap_or_default()
}
