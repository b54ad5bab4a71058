//! What an object holds: names and values, lists, trees of fields.

use std::path::Path;

use serde_json::{Value, json};
use zfsp::block::Block;
use zfsp::object::{Loss, Object};
use zfsp::view::html::{self, Page};
use zfsp::view::json::document;
use zfsp::zap::Zap;
use zfsp_grammar::catalogue;
use zfsp_grammar::dirent::Dirent;
use zfsp_grammar::object_type::ObjectType;
use zfsp_grammar::tree;
use zfsp_grammar::zap::value::{Attribute, Integers, Key};

use crate::common::block::{self, Found};
use crate::common::exit::Failure;
use crate::common::show::{self, Look};
use crate::style::{DIM, plain};

/// What was made of a part of an object: for readers, for programs, and what is wrong.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) text: String,
    pub(super) json: Value,
    pub(super) doubts: Vec<String>,
    /// What was left out.
    pub(super) note: Option<String>,
}

/// How it is to be told: for readers or for programs, not both.
pub(super) struct Form<'f> {
    pub(super) look: &'f Look,
    pub(super) is_json: bool,
}

/// The dnode, field by field, with its bonus, unless that is encrypted.
pub(super) fn dnode(object: &Object, form: &Form<'_>, is_encrypted: bool) -> Told {
    of_found(&block::dnode(object, object.at.to_string(), is_encrypted), form)
}

/// The parsed content: what the type says it is.
pub(super) fn content(object: &Object, form: &Form<'_>, most: u64) -> Told {
    let look = form.look;
    let mut told = match block::structure(object) {
        // a ZAP in full is the tree of its blocks, else what it maps to what
        Some("zap") if !look.full && !look.values => zap(object, form.is_json),
        Some(_) if object.size() > 0 => of_found(&block::whole(object, object.at.to_string(), most), form),
        Some(_) => said("nothing was ever written"),
        None => said(&format!(
            "{:#x} bytes of {}, which have no structure: --dump FILE writes them",
            object.size(),
            object.r#type
        )),
    };
    match object.spill_block() {
        None => {}
        Some(Ok(Block { bytes, order, faults })) => {
            let doubts = faults.iter().map(ToString::to_string).collect();
            let name = format!("{} spill block", object.at);
            let structure = Some("sa");
            let (order, note, is_sealed) = (Some(order), None, false);
            let found = Found { name, bytes, at: 0, order, structure, doubts, note, is_sealed };
            let spill = of_found(&found, form);
            told.text.push_str(&format!("{DIM}spill block{DIM:#}\n{}", spill.text));
            told.json = json!({ "content": told.json, "spill": spill.json });
            told.doubts.extend(spill.doubts);
        }
        Some(Err(loss)) => told.doubts.push(loss.to_string()),
    }
    told
}

/// What there is to say of content that is ciphertext: a spill block is, too.
pub(super) fn locked(object: &Object) -> Told {
    let spill = if object.spill.is_some() { ", and so is its spill block" } else { "" };
    let told = said(&format!("{:#x} bytes of {}: locked{spill}", object.size(), object.r#type));
    Told { json: json!({ "locked": true }), ..told }
}

fn said(what: &str) -> Told {
    Told { text: format!("{DIM}{what}{DIM:#}\n"), ..Told::default() }
}

/// Writes the page that a browser shows.
pub(super) fn page(found: &Found, path: &Path) -> Result<(), Failure> {
    let Some(structure) = found.structure.and_then(catalogue::find) else { return Ok(()) };
    let decoded = found.decoded(structure);
    show::write(path, html::page(&Page { source: &found.name, ..Page::from(&decoded) }).as_bytes()).map(drop)
}

/// Decodes bytes whose structure is known.
pub(super) fn of_found(found: &Found, form: &Form<'_>) -> Told {
    let Found { name, structure, doubts, note, .. } = found;
    let Some(structure) = structure.and_then(catalogue::find) else { return Told::default() };
    let decoded = found.decoded(structure);
    let mut doubts = doubts.clone();
    let problem =
        |(k, problem): (usize, tree::Problem)| format!("{name}: {}: {}", decoded.tree.path(k), problem.text);
    doubts.extend(decoded.tree.problems().take(MOST_PROBLEMS).map(problem));
    let told = Told { doubts, note: note.clone(), ..Told::default() };
    if form.is_json {
        Told { json: serde_json::to_value(document(&decoded)).unwrap_or_default(), ..told }
    } else {
        Told { text: form.look.text(&decoded), ..told }
    }
}

/// Problems of one object that are named.
const MOST_PROBLEMS: usize = 5;
/// Attributes of one object that are shown.
const MOST_ATTRIBUTES: usize = 100_000;

fn zap(object: &Object, is_json: bool) -> Told {
    let mut told = Told::default();
    let zap = match Zap::of(object) {
        Ok(zap) => zap,
        Err(loss) => return Told { doubts: vec![loss.to_string()], ..told },
    };
    let mut all: Vec<Attribute> = Vec::new();
    for entry in zap.entries() {
        match entry {
            Ok(_) if all.len() >= MOST_ATTRIBUTES => {
                told.note =
                    Some(format!("{}: only the first {MOST_ATTRIBUTES} entries are shown", object.at));
                break;
            }
            Ok(entry) => all.push(entry),
            Err(loss) => told.doubts.push(Loss::to_string(&loss)),
        }
    }
    all.sort_by_key(|entry| entry.key.to_string());
    let name = |entry: &Attribute| match &entry.key {
        Key::Name(_) => plain(&entry.key.to_string()).into_owned(),
        Key::Words(_) => format!("0x{}", entry.key),
    };
    let width = all.iter().map(|entry| name(entry).chars().count()).max().unwrap_or_default().min(WIDEST);
    if all.is_empty() && told.doubts.is_empty() {
        told.text = format!("{DIM}no entries{DIM:#}\n");
    }
    let is_directory = object.r#type == ObjectType::DIRECTORY_CONTENTS;
    let mut entries = Vec::new();
    for entry in &all {
        let value = &entry.value;
        if is_json {
            let numbers: Vec<u64> = value.iter().collect();
            let mut item = json!({ "key": name(entry), "width": value.width, "value": numbers });
            if let (Some(text), Value::Object(item)) = (value.text(), &mut item) {
                item.insert("text".into(), text.to_string().into());
            }
            entries.push(item);
            continue;
        }
        let dirent = value.first().filter(|_| is_directory).map(Dirent);
        let shown = match dirent {
            Some(dirent) => format!("{}  {DIM}{}{DIM:#}", dirent.object(), dirent.kind()),
            None => integers(value),
        };
        told.text.push_str(&format!("{:width$}  {shown}\n", name(entry)));
    }
    if is_json {
        told.json = json!({ "entries": entries });
    }
    told
}

/// Names up to this length stand in a column.
const WIDEST: usize = 48;
/// Integers that are shown.
const SHOWN: usize = 16;

fn integers(value: &Integers) -> String {
    match (value.len(), value.first(), value.text()) {
        (0, ..) => "nothing".into(),
        (1, Some(n), _) => n.to_string(),
        (_, _, Some(text)) => plain(&text.to_string()).into_owned(),
        (n, ..) => {
            let one = |one: u64| if value.width == 1 { format!("{one:02x}") } else { one.to_string() };
            let shown: Vec<String> = value.iter().take(SHOWN).map(one).collect();
            let more = if n > SHOWN { format!(" ... {n} in all") } else { String::new() };
            format!("{}{more}", shown.join(" "))
        }
    }
}
