//! Every label of every device of every fixture: no problem, no unexplained byte, and what zdb says.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(missing_docs, clippy::as_conversions)]

mod common;

use std::fmt::Write;

use common::{each, fixtures, stem, unexplained, unpacked, zdb};
use zfsp::decode::decode;
use zfsp::device::Device;
use zfsp_grammar::catalogue;
use zfsp_grammar::input::{Input, Order, Parse};
use zfsp_grammar::label::{LABEL_SIZE, Label, RingSlot, places};
use zfsp_grammar::nvlist::{List, Pair, Value};

#[test]
fn each_decodes_without_a_problem() {
    let images: Vec<_> = fixtures().iter().flat_map(common::Fixture::images).collect();
    let table = std::sync::Mutex::new(Vec::new());
    each(images, |image| {
        let device = Device::open(&unpacked(image)).unwrap();
        let structure = catalogue::find("label").unwrap();
        for place in places(device.len()) {
            let at = place.ok_or_else(|| format!("{}: too small", image.display()))?;
            let bytes = device.read(at, LABEL_SIZE).unwrap();
            let decoded = decode(structure, &bytes, usize::try_from(at).unwrap(), None, 1);
            if let Some((path, at, problem)) = decoded.first_problem() {
                return Err(format!("{}: {path} at {at:#x}: {}", image.display(), problem.text));
            }
            if let Some(gap) = unexplained(&decoded) {
                return Err(format!("{}: label at {at:#x}: unexplained {gap}", image.display()));
            }
            let says = |name: &str| {
                let node = decoded.tree.nodes.iter().find(|n| n.name() == name);
                node.map_or_else(String::new, |n| n.value.to_string())
            };
            let active =
                decoded.open.iter().filter_map(|k| decoded.tree.nodes.get(*k)).map(|n| n.value.to_string());
            let active = active.collect::<Vec<_>>().join(", ");
            let place =
                format!("{}/{} {at:#x}", image.parent().unwrap().file_name().unwrap().display(), stem(image));
            let line = format!(
                "{place}: {}, config {}, ring {}, {active}",
                decoded.order,
                says("list"),
                says("ring")
            );
            table.lock().unwrap().push(line);
        }
        Ok(())
    });
    let mut table = table.into_inner().unwrap();
    table.sort();
    insta::assert_snapshot!("each_label", table.join("\n"));
}

/// A configuration as zdb prints it.
fn as_zdb(list: &List<'_>, indent: usize, out: &mut String) {
    for pair in list.pairs() {
        let pad = " ".repeat(indent);
        let name = pair.name();
        match (pair.lists(), pair.value()) {
            ([], Value::Flag) => writeln!(out, "{pad}{name}").unwrap(),
            ([], Value::Number(n)) => writeln!(out, "{pad}{name}: {n}").unwrap(),
            ([], Value::Text(text)) => writeln!(out, "{pad}{name}: '{text}'").unwrap(),
            ([], Value::Bool(b)) => writeln!(out, "{pad}{name}: {b}").unwrap(),
            ([], Value::Numbers(all, ..)) => {
                for (n, number) in all.iter().enumerate() {
                    writeln!(out, "{pad}{name}[{n}]: {number}").unwrap();
                }
            }
            ([], other) => panic!("{name}: {other:?}"),
            (lists, _) => nested(pair, lists, indent, out),
        }
    }
}

fn nested(pair: &Pair<'_>, lists: &[List<'_>], indent: usize, out: &mut String) {
    let (pad, name) = (" ".repeat(indent), pair.name());
    let is_array = name.0 == b"children" || name.0 == b"spares" || name.0 == b"l2cache";
    for (n, list) in lists.iter().enumerate() {
        let index = if is_array { format!("[{n}]") } else { String::new() };
        writeln!(out, "{pad}{name}{index}:").unwrap();
        as_zdb(list, indent + 4, out);
    }
}

#[test]
fn each_configuration_is_what_zdb_prints() {
    let cases: Vec<_> =
        fixtures().into_iter().flat_map(|f| f.images().into_iter().map(move |i| (f.clone(), i))).collect();
    let compared = std::sync::atomic::AtomicUsize::new(0);
    each(cases, |(fixture, image)| {
        let Some(text) = fixture.text(&format!("zdb/label.{}.txt", stem(image))) else { return Ok(()) };
        let device = Device::open(&unpacked(image)).unwrap();
        let places = places(device.len());
        for (expected, labels) in zdb::configurations(&text) {
            for label in labels {
                let at = places[label].unwrap();
                let bytes = device.read(at, LABEL_SIZE).unwrap();
                let (_, label) = Label::parse(Input::new(&bytes, Order::Little)).unwrap();
                let config = label.vdev_phys.unwrap().nvlist.unwrap();
                let mut found = String::new();
                as_zdb(&config.list, 4, &mut found);
                if found != expected {
                    return Err(format!("{} at {at:#x}:\n{found}\nzdb:\n{expected}", image.display()));
                }
                compared.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
        Ok(())
    });
    assert!(compared.into_inner() > 300, "too few labels were compared");
}

/// What zdb prints of each uberblock: `Uberblock[n]`, then its fields.
#[test]
fn each_uberblock_is_what_zdb_prints() {
    let cases: Vec<_> =
        fixtures().into_iter().flat_map(|f| f.images().into_iter().map(move |i| (f.clone(), i))).collect();
    let compared = std::sync::atomic::AtomicUsize::new(0);
    each(cases, |(fixture, image)| {
        let Some(text) = fixture.text(&format!("zdb/label.{}.txt", stem(image))) else { return Ok(()) };
        let device = Device::open(&unpacked(image)).unwrap();
        let mut found = Vec::new();
        for at in places(device.len()).into_iter().flatten() {
            let bytes = device.read(at, LABEL_SIZE).unwrap();
            let (_, label) = Label::parse(Input::new(&bytes, Order::Little)).unwrap();
            let uberblocks = label.ring.slots.iter().flatten().filter_map(|slot| match slot {
                RingSlot::Uberblock(slot) => Some(slot.uberblock),
                RingSlot::Template(slot) => Some(slot.uberblock),
                RingSlot::Empty(_) => None,
            });
            found.extend(
                uberblocks.map(|u| format!("{} {} {} {}", u.txg, u.guid_sum, u.timestamp.0, u.rootbp)),
            );
        }
        let field = |line: &str, name: &str| line.trim().strip_prefix(name).map(str::to_owned);
        let (mut txg, mut guid_sum, mut timestamp) = (String::new(), String::new(), String::new());
        for line in text.lines() {
            if let Some(value) = field(line, "txg = ") {
                txg = value;
            } else if let Some(value) = field(line, "guid_sum = ") {
                guid_sum = value;
            } else if let Some(value) = field(line, "timestamp = ") {
                timestamp = value.split(' ').next().unwrap().into();
            } else if let Some(bp) = field(line, "bp = ") {
                let expected = format!("{txg} {guid_sum} {timestamp} {bp}");
                if !found.contains(&expected) {
                    return Err(format!("{}: zdb has {expected}", image.display()));
                }
                compared.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
        Ok(())
    });
    assert!(compared.into_inner() > 1000, "too few uberblocks were compared");
}
