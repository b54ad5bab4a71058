//! What a file system knows of a file, in sections.

use serde_json::{Value, json};
use zfsp::fs::xattr::Xattr;
use zfsp::fs::{FileSystem, Inode};
use zfsp::namespace::escape::escaped;
use zfsp::namespace::{Location, Place};
use zfsp::object::Object;
use zfsp::volume::Volume;
use zfsp_grammar::fuid::Fuid;
use zfsp_grammar::spec::Describe;
use zfsp_grammar::tree::Value as Said;
use zfsp_grammar::znode::ZnodeFlags;

use crate::session::Session;
use crate::style::{BAD, DIM, ODD, TITLE, size, styled};
use crate::table::{Align, Cell, Table};

/// Bytes of a value that are shown.
const SHOWN: usize = 64;

/// All facts, for a reader.
pub(super) fn text(session: &mut Session<'_>, location: &Location) -> String {
    match &location.place {
        Place::Inode(inode) => of_inode(session, location, inode),
        Place::Volume(volume) => of_volume(location, volume),
        Place::Lost(why) => format!("  {}\n", styled(BAD, why)),
    }
}

/// What the manifest does not have, for a program.
pub(super) fn json(location: &Location) -> Value {
    let inode = match &location.place {
        Place::Volume(volume) => return json!({ "dnode": dnode(volume.object()) }),
        Place::Inode(inode) => inode,
        Place::Lost(_) => return json!({}),
    };
    let attributes = &inode.attributes;
    let acl: Vec<String> = inode.acl().unwrap_or_default().iter().map(ToString::to_string).collect();
    json!({
        "generation": attributes.generation.0,
        "parent": attributes.parent,
        "flags": flags(attributes.flags),
        "acl": acl,
        "posix_acl": posix(&inode.xattrs().all),
        "layout": attributes.layout,
        "dnode": inode.object().map(dnode),
    })
}

fn of_volume(location: &Location, volume: &Volume) -> String {
    let mut table = facts();
    let mut fact = |name: &str, value: String| table.row([Cell::styled(DIM, name), value.into()]);
    fact("dataset", location.dataset.name.clone());
    fact("type", "volume".into());
    fact("size", bytes(volume.size));
    format!("{table}{}", of_dnode(volume.object(), None))
}

fn facts() -> Table {
    Table::new(&[("", Align::Left), ("", Align::Left)]).indented(2)
}

fn bytes(n: u64) -> String {
    if n < 1024 { format!("{n} bytes") } else { format!("{n} bytes ({})", size(n)) }
}

fn of_inode(session: &mut Session<'_>, location: &Location, inode: &Inode) -> String {
    let attributes = &inode.attributes;
    let mut table = facts();
    let mut fact = |name: &str, value: String| table.row([Cell::styled(DIM, name), value.into()]);
    fact("dataset", location.dataset.name.clone());
    fact("object", inode.number.to_string());
    fact("type", inode.kind().to_string());
    fact("mode", format!("{} ({:04o})", attributes.mode, attributes.mode.0 & 0o7777));
    let domains = inode.fs().domains().unwrap_or_else(|loss| {
        session.warn(loss);
        Vec::new()
    });
    fact("owner", identity(attributes.uid, &domains));
    fact("group", identity(attributes.gid, &domains));
    if let Some(projid) = attributes.projid {
        fact("project", projid.to_string());
    }
    fact("size", bytes(attributes.size));
    match inode.blocks() {
        Some(blocks) => fact("takes", format!("{blocks} blocks of 512 bytes, its dnode included")),
        None => fact("takes", "not known: the intent log changes it".into()),
    }
    fact("links", attributes.links.to_string());
    if let Some(device) = attributes.rdev {
        fact("device", device.to_string());
    }
    fact("accessed", attributes.atime.to_string());
    fact("modified", attributes.mtime.to_string());
    fact("changed", attributes.ctime.to_string());
    fact("created", format!("{} in txg {}", attributes.crtime, attributes.generation));
    if let Some(seq) = attributes.seq {
        fact("changes", seq.to_string());
    }
    fact("parent", parent(inode.fs(), attributes.parent));
    let flags = flags(attributes.flags);
    if !flags.is_empty() {
        fact("flags", flags.join(" "));
    }
    if inode.kind() == zfsp_grammar::mode::FileType::SYMLINK {
        match inode.target() {
            Ok(target) => fact("target", escaped(&target).to_string()),
            Err(loss) => session.warn(loss),
        }
    }
    if let Some(stamp) = &attributes.scanstamp {
        fact("scan stamp", value(stamp));
    }
    let mut out = table.to_string();
    if attributes.is_guessed {
        out.push_str(&format!("  {}\n", styled(ODD, "the layout of these attributes is lost: guessed")));
    }
    for loss in &attributes.losses {
        session.warn(loss);
        out.push_str(&format!("  {}\n", styled(BAD, loss)));
    }
    out.push_str(&xattrs(session, inode));
    out.push_str(&acls(session, inode));
    match inode.object() {
        Some(object) => out.push_str(&of_dnode(object, attributes.layout)),
        None => {
            out.push_str(&format!("\n{}\n", styled(DIM, "only the intent log has it: it has no dnode yet")));
        }
    }
    out
}

/// A uid or gid; another identity with its domain.
fn identity(id: Fuid, domains: &[(u64, String)]) -> String {
    match domains.iter().find(|(index, _)| *index == u64::from(id.domain())).filter(|_| id.domain() != 0) {
        Some((_, domain)) => format!("{domain}-{}", id.rid()),
        None => id.to_string(),
    }
}

fn parent(fs: &FileSystem, number: u64) -> String {
    match fs.path_of(number) {
        Some(path) => format!("{number}, {}", escaped(&path)),
        None => number.to_string(),
    }
}

/// Names of the flags that are set.
fn flags(flags: ZnodeFlags) -> Vec<&'static str> {
    match flags.value() {
        Said::Bits(word, ranges) => {
            let is_set = |bits: &&zfsp_grammar::spec::BitSpec| {
                bits.hi.saturating_sub(bits.lo) == 1 && word & 1u64.unbounded_shl(bits.lo) != 0
            };
            ranges.iter().filter(is_set).map(|bits| bits.name).collect()
        }
        _ => Vec::new(),
    }
}

fn xattrs(session: &mut Session<'_>, inode: &Inode) -> String {
    let found = inode.xattrs();
    found.losses.iter().for_each(|loss| session.warn(loss));
    if found.all.is_empty() {
        return String::new();
    }
    let mut table =
        Table::new(&[("", Align::Left), ("", Align::Right), ("", Align::Left), ("", Align::Left)])
            .indented(2);
    for xattr in &found.all {
        let place = xattr.object.map(|object| format!("object {object}")).unwrap_or_default();
        table.row([
            escaped(&xattr.stored).into(),
            format!("{} B", xattr.value.len()).into(),
            Cell::styled(DIM, place),
            value(&xattr.value).into(),
        ]);
    }
    format!("\n{}\n{table}", styled(TITLE, "extended attributes"))
}

/// Text in quotes, other bytes in hex.
fn value(bytes: &[u8]) -> String {
    let shown = bytes.get(..SHOWN).unwrap_or(bytes);
    let more = if shown.len() < bytes.len() { " ..." } else { "" };
    let is_text = std::str::from_utf8(shown).is_ok_and(|text| !text.contains(char::is_control));
    match is_text {
        true => format!("\"{}\"{more}", escaped(shown)),
        false => {
            let hex: String = shown.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{hex}{more}")
        }
    }
}

fn acls(session: &mut Session<'_>, inode: &Inode) -> String {
    let mut out = String::new();
    match inode.acl() {
        Ok(entries) if entries.is_empty() => {}
        Ok(entries) => {
            let trivial = if inode.attributes.flags.acl_trivial() { ": says what the mode says" } else { "" };
            out.push_str(&format!("\n{}{}\n", styled(TITLE, "ACL"), styled(DIM, trivial)));
            entries.iter().for_each(|entry| out.push_str(&format!("  {entry}\n")));
        }
        Err(loss) => session.warn(loss),
    }
    for (name, entries) in posix(&inode.xattrs().all) {
        out.push_str(&format!("\n{}{}\n", styled(TITLE, "POSIX ACL"), styled(DIM, format!(" {name}"))));
        entries.iter().for_each(|entry| out.push_str(&format!("  {entry}\n")));
    }
    out
}

/// The POSIX ACLs among extended attributes: `access`, `default`.
fn posix(xattrs: &[Xattr]) -> std::collections::BTreeMap<String, Vec<String>> {
    let acl = |xattr: &Xattr| {
        let name = escaped(&xattr.stored).to_string();
        let name = name.strip_prefix("system.posix_acl_").unwrap_or(&name).to_owned();
        Some((name, xattr.posix_acl()?.entries.iter().map(ToString::to_string).collect()))
    };
    xattrs.iter().filter_map(acl).collect()
}

fn of_dnode(object: &Object, layout: Option<u16>) -> String {
    let mut table = facts();
    let mut fact = |name: &str, value: String| table.row([Cell::styled(DIM, name), value.into()]);
    fact("type", object.r#type.to_string());
    let layout = layout.map(|layout| format!(", layout {layout}")).unwrap_or_default();
    fact("bonus", format!("{} bytes, {}{layout}", object.bonuslen, object.bonustype));
    fact("slots", object.slots().to_string());
    fact("levels", object.levels.to_string());
    fact("record size", size(object.block_size));
    fact("indirect blocks", size(object.indirect_size()));
    fact("highest record", object.maxblkid.to_string());
    fact("takes", bytes(object.used));
    if let Some(spill) = object.spill {
        fact("spill block", spill.to_string());
    }
    format!("\n{}\n{table}", styled(TITLE, "dnode"))
}

fn dnode(object: &Object) -> Value {
    json!({
        "type": object.r#type.to_string(),
        "bonustype": object.bonustype.to_string(),
        "bonuslen": object.bonuslen,
        "slots": object.slots(),
        "levels": object.levels,
        "block_size": object.block_size,
        "indirect_size": object.indirect_size(),
        "maxblkid": object.maxblkid,
        "used": object.used,
        "spill": object.spill.map(|spill| spill.to_string()),
    })
}
