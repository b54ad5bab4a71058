//! Properties that are stored elsewhere than with the others, or follow from what a dataset counts.
//!
//! Handbook: `docs/format/11-dsl.md`, 11.2 to 11.5 and 11.13, and `docs/format/12-zpl.md`, 12.1 and 12.16.

use std::borrow::Cow;

use zfsp_grammar::dsl::property::{Property, find};
use zfsp_grammar::master_node::MASTER_NODE;
use zfsp_grammar::objset::ObjsetType;
use zfsp_grammar::quantity::Guid;

use super::{Answer, Source, Value};
use crate::dataset::{Dataset, Dsl, Encryption};
use crate::object::Loss;

/// The data of a volume.
const VOLUME_DATA: u64 = 1;
/// The ZAP of a volume.
const VOLUME_ZAP: u64 = 2;

fn fact(value: Value) -> Answer {
    Ok(Some((value, Source::None)))
}
fn bytes(n: u64) -> Answer {
    fact(Value::Bytes(n))
}
fn text(text: impl Into<String>) -> Answer {
    fact(Value::Text(text.into()))
}
fn on_off(is_on: bool) -> Answer {
    text(if is_on { "on" } else { "off" })
}

pub(super) fn kind(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    text(dsl.kind(set)?.name())
}
pub(super) fn creation(_: &Dsl<'_>, set: &Dataset) -> Answer {
    fact(Value::Time(set.phys.creation_time.0))
}
pub(super) fn createtxg(_: &Dsl<'_>, set: &Dataset) -> Answer {
    fact(Value::Number(set.phys.creation_txg.0))
}
pub(super) fn guid(_: &Dsl<'_>, set: &Dataset) -> Answer {
    fact(Value::Number(set.phys.guid.0))
}
pub(super) fn objsetid(_: &Dsl<'_>, set: &Dataset) -> Answer {
    fact(Value::Number(set.object))
}
pub(super) fn inconsistent(_: &Dsl<'_>, set: &Dataset) -> Answer {
    on_off(set.phys.flags.inconsistent())
}
pub(super) fn defer_destroy(_: &Dsl<'_>, set: &Dataset) -> Answer {
    on_off(set.phys.flags.defer_destroy())
}
pub(super) fn userrefs(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    match dsl.holds(set) {
        (holds, losses) if losses.is_empty() => {
            fact(Value::Number(u64::try_from(holds.len()).unwrap_or(u64::MAX)))
        }
        (_, mut losses) => Err(losses.swap_remove(0)),
    }
}

// space

pub(super) fn used(_: &Dsl<'_>, set: &Dataset) -> Answer {
    bytes(if set.is_snapshot() { set.phys.unique_bytes.0 } else { set.dir.phys.used_bytes.0 })
}
pub(super) fn unique(_: &Dsl<'_>, set: &Dataset) -> Answer {
    bytes(set.phys.unique_bytes.0)
}
pub(super) fn referenced(_: &Dsl<'_>, set: &Dataset) -> Answer {
    bytes(set.phys.referenced_bytes.0)
}
pub(super) fn logicalreferenced(_: &Dsl<'_>, set: &Dataset) -> Answer {
    bytes(set.phys.uncompressed_bytes.0)
}
pub(super) fn logicalused(_: &Dsl<'_>, set: &Dataset) -> Answer {
    bytes(set.dir.phys.uncompressed_bytes.0)
}
pub(super) fn refcompressratio(_: &Dsl<'_>, set: &Dataset) -> Answer {
    fact(Value::Ratio(set.phys.refcompressratio()))
}
pub(super) fn compressratio(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    if set.is_snapshot() {
        return refcompressratio(dsl, set);
    }
    fact(Value::Ratio(set.dir.phys.compressratio()))
}
/// A part of the breakdown, which exists since pool version 13.
fn part(set: &Dataset, part: u64) -> Answer {
    if set.dir.phys.flags.used_breakdown() { bytes(part) } else { Ok(None) }
}
pub(super) fn usedbydataset(_: &Dsl<'_>, set: &Dataset) -> Answer {
    part(set, set.dir.phys.used_breakdown.head.0)
}
pub(super) fn usedbysnapshots(_: &Dsl<'_>, set: &Dataset) -> Answer {
    part(set, set.dir.phys.used_breakdown.snap.0)
}
pub(super) fn usedbychildren(_: &Dsl<'_>, set: &Dataset) -> Answer {
    let breakdown = set.dir.phys.used_breakdown;
    part(set, breakdown.child.0.saturating_add(breakdown.child_rsrv.0))
}
pub(super) fn usedbyrefreservation(_: &Dsl<'_>, set: &Dataset) -> Answer {
    part(set, set.dir.phys.used_breakdown.refrsrv.0)
}

/// Before pool version 22 the ZAP of properties does not have what counts.
fn limit(dsl: &Dsl<'_>, set: &Dataset, name: &str, n: u64) -> Answer {
    let unsaid = if n == 0 { Source::Default } else { Source::Local };
    Ok(Some((Value::Bytes(n), dsl.stored_source(set, name)?.unwrap_or(unsaid))))
}
pub(super) fn quota(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    limit(dsl, set, "quota", set.dir.phys.quota.0)
}
pub(super) fn reservation(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    limit(dsl, set, "reservation", set.dir.phys.reserved.0)
}

/// Counted only where a limit needs it.
fn count(dsl: &Dsl<'_>, set: &Dataset, key: &str) -> Answer {
    Ok(Some(match dsl.extension(set.dir.object).number(key)? {
        Some(n) => (Value::Number(n), Source::Local),
        None => (Value::Text("none".into()), Source::Default),
    }))
}
pub(super) fn filesystem_count(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    count(dsl, set, "com.joyent:filesystem_count")
}
pub(super) fn snapshot_count(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    count(dsl, set, "com.joyent:snapshot_count")
}

// family

/// The name of a snapshot, or its number if its name is lost.
fn name(dsl: &Dsl<'_>, object: u64) -> String {
    dsl.name(object).map_or_else(|| format!("#{object}"), str::to_owned)
}
pub(super) fn origin(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    dsl.origin(&set.dir).map_or(Ok(None), |origin| text(name(dsl, origin)))
}
pub(super) fn prevsnap(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    let previous = set.phys.prev_snap_obj.0;
    let is_one = previous != 0 && !dsl.name(previous).is_some_and(|name| name.contains('$'));
    if is_one { text(name(dsl, previous)) } else { Ok(None) }
}
pub(super) fn clones(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    let names: Vec<&str> = dsl.clones(set).map(|dir| dir.name.as_str()).collect();
    if names.is_empty() { Ok(None) } else { text(names.join(",")) }
}
pub(super) fn snapshots_changed(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    let time = dsl.extension(set.dir.object).number("com.ixsystems:snapshots_changed")?;
    time.map_or(Ok(None), |time| fact(Value::Time(time)))
}
pub(super) fn redact_snaps(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    let all = dsl.extension(set.object);
    match all.get("com.delphix:redacted_datasets")? {
        Some(guids) => text(guid_list(guids.iter().map(Guid))),
        None => Ok(None),
    }
}
/// Guids with commas between them.
pub(super) fn guid_list(guids: impl Iterator<Item = Guid>) -> String {
    guids.map(|guid| guid.0.to_string()).collect::<Vec<_>>().join(",")
}
pub(super) fn receive_resume_token(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    dsl.resume_token(set)?.map_or(Ok(None), text)
}
pub(super) fn ivsetguid(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    let guid = dsl.extension(set.object).number("com.datto:ivset_guid")?;
    guid.map_or(Ok(None), |guid| fact(Value::Number(guid)))
}
pub(super) fn raw_received(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    on_off(dsl.extension(set.object).get("org.openzfs:raw_received")?.is_some())
}

// encryption

/// What was set at creation has no source, unless it is the default.
fn set_once(value: Value, is_default: bool) -> Answer {
    Ok(Some((value, if is_default { Source::Default } else { Source::None })))
}
fn of_key(dsl: &Dsl<'_>, set: &Dataset, unset: Value, is: impl Fn(&Encryption) -> Value) -> Answer {
    let value = dsl.encryption(&set.dir)?.map_or_else(|| unset.clone(), |found| is(&found));
    let is_default = value == unset;
    set_once(value, is_default)
}
fn shown(property: Option<&Property>, n: u64) -> Value {
    let text = property.map_or_else(|| n.to_string().into(), |property| property.show(n));
    Value::Text(Cow::into_owned(text))
}
pub(super) fn encryption(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    of_key(dsl, set, Value::Text("off".into()), |found| shown(find("encryption"), found.suite.0))
}
pub(super) fn keyformat(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    of_key(dsl, set, Value::Text("none".into()), |found| shown(find("keyformat"), found.format.0))
}
pub(super) fn pbkdf2iters(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    of_key(dsl, set, Value::Number(0), |found| Value::Number(found.pbkdf2iters))
}
pub(super) fn encryptionroot(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    let found = dsl.encryption(&set.dir)?;
    found.map_or(Ok(None), |found| text(name(dsl, found.root)))
}
pub(super) fn keyguid(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    dsl.encryption(&set.dir)?.map_or(Ok(None), |found| fact(Value::Number(found.guid)))
}

// of the objects

/// What stands in the objects of a dataset may not be there yet while it is being received.
fn perhaps<T>(set: &Dataset, read: Result<Option<T>, Loss>) -> Result<Option<T>, Loss> {
    if set.phys.flags.inconsistent() || set.phys.bp.is_hole() { Ok(read.ok().flatten()) } else { read }
}

/// A number of the master node, which has 0 for what it does not name.
fn of_master_node(dsl: &Dsl<'_>, set: &Dataset, key: &str) -> Result<Option<u64>, Loss> {
    let read = || {
        if dsl.objset_type(set)? != Some(ObjsetType::ZFS) {
            return Ok(None);
        }
        let all = dsl.zap_of(set, MASTER_NODE);
        Ok(match all.number("VERSION")? {
            Some(_) => Some(all.number(key)?.unwrap_or_default()),
            None => None,
        })
    };
    perhaps(set, read())
}
pub(super) fn version(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    of_master_node(dsl, set, "VERSION")?.map_or(Ok(None), |version| fact(Value::Number(version)))
}
pub(super) fn utf8only(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    of_master_node(dsl, set, "utf8only")?.map_or(Ok(None), |is_on| on_off(is_on != 0))
}
pub(super) fn normalization(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    of_master_node(dsl, set, "normalization")?.map_or(Ok(None), |n| fact(shown(find("normalization"), n)))
}
pub(super) fn casesensitivity(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    of_master_node(dsl, set, "casesensitivity")?.map_or(Ok(None), |n| fact(shown(find("casesensitivity"), n)))
}
pub(super) fn default_quota(dsl: &Dsl<'_>, set: &Dataset, key: &str) -> Answer {
    of_master_node(dsl, set, key)?.map_or(Ok(None), bytes)
}
pub(super) fn default_objquota(dsl: &Dsl<'_>, set: &Dataset, key: &str) -> Answer {
    of_master_node(dsl, set, key)?.map_or(Ok(None), |n| fact(Value::Number(n)))
}
pub(super) fn volsize(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    let size = perhaps(set, dsl.zap_of(set, VOLUME_ZAP).number("size"))?;
    Ok(size.map(|size| (Value::Bytes(size), Source::Local)))
}
pub(super) fn volblocksize(dsl: &Dsl<'_>, set: &Dataset) -> Answer {
    let object = dsl.objset(set).and_then(|objects| objects.object(VOLUME_DATA));
    let Some(object) = perhaps(set, object.map(Some))? else { return Ok(None) };
    let default = find("volblocksize").map(|property| property.default.to_owned());
    let is_default = default == Some(object.block_size.to_string());
    set_once(Value::Bytes(object.block_size), is_default)
}
