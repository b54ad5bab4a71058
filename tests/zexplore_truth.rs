//! What `zexplore` says of every fixture is what zdb says.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use common::{Fixture, each, fixtures, stem, unpacked, zdb};
use serde_json::Value;

/// Its images, unpacked.
fn images(fixture: &Fixture) -> Vec<PathBuf> {
    fixture.images().iter().map(|image| unpacked(image)).collect()
}

/// What the command says as JSON, and how it ended.
fn json(words: &[&str], fixture: &Fixture) -> Result<Value, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zexplore"));
    let output = command.args(words).arg("--json").arg("-p").args(images(fixture)).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || !errors.is_empty() {
        return Err(format!("{}: {words:?}: {}: {errors}", fixture.name, output.status));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("{}: {error}", fixture.name))
}

/// The part of a list that is about the image.
fn of_image<'v>(devices: impl IntoIterator<Item = &'v Value>, image: &str) -> Option<&'v Value> {
    devices.into_iter().find(|device| device["device"].as_str() == Some(image))
}

#[test]
fn labels() {
    each(fixtures(), |fixture| {
        let said = json(&["label"], fixture)?;
        for image in fixture.images() {
            let Some(text) = fixture.text(&format!("zdb/label.{}.txt", stem(&image))) else { continue };
            let device = of_image(said["devices"].as_array().unwrap(), unpacked(&image).to_str().unwrap());
            let device = device.ok_or_else(|| format!("{} is not told of", image.display()))?;
            for (config, labels) in zdb::configurations(&text) {
                for number in labels {
                    let label = &device["labels"][number];
                    for line in config.lines().filter(|line| !line.starts_with("     ")) {
                        let Some((key, value)) = line.trim().split_once(": ") else { continue };
                        let found = match &label["config"][key] {
                            Value::String(text) => format!("'{text}'"),
                            Value::Array(_) => continue,
                            other => other.to_string(),
                        };
                        if found != value && !key.contains('[') {
                            return Err(format!("{}: {key} is {found}, not {value}", image.display()));
                        }
                    }
                }
            }
        }
        Ok(())
    });
}

#[test]
fn uberblocks() {
    each(fixtures(), |fixture| {
        let said = json(&["uberblocks"], fixture)?;
        for image in fixture.images() {
            let Some(text) = fixture.text(&format!("zdb/label.{}.txt", stem(&image))) else { continue };
            let pools = said["pools"].as_array().unwrap().iter();
            let devices = pools.flat_map(|pool| pool["devices"].as_array().unwrap());
            let others = said["others"].as_array().unwrap();
            let device = of_image(devices.chain(others), unpacked(&image).to_str().unwrap());
            let device = device.ok_or_else(|| format!("{} is not told of", image.display()))?;
            let mut found = BTreeSet::new();
            for label in device["labels"].as_array().unwrap() {
                let slots = label["slots"].as_array().unwrap();
                for slot in slots.iter().filter(|slot| slot["content"] == "valid") {
                    let number = |value: &Value| value.as_u64().unwrap();
                    let (txg, timestamp) = (number(&slot["txg"]), number(&slot["timestamp"]));
                    found.insert((number(&label["label"]), number(&slot["slot"]), txg, timestamp));
                }
            }
            // zdb takes templates, from when the device was labelled, for uberblocks of txg 0
            let mut expected = zdb::uberblocks(&text);
            expected.retain(|(_, _, txg, _)| *txg > 0);
            // nor does it show each heartbeat: they are in the last slot
            let more = found.difference(&expected).filter(|(_, slot, ..)| *slot != 127);
            let differ: Vec<_> = expected.difference(&found).chain(more).collect();
            if !differ.is_empty() {
                return Err(format!("{}: only one of us has {differ:?}", image.display()));
            }
        }
        Ok(())
    });
}

#[test]
fn vdevs() {
    let compared = std::sync::atomic::AtomicUsize::new(0);
    each(fixtures(), |fixture| {
        let Some(text) = fixture.text("zdb/pool.txt") else { return Ok(()) };
        let expected = zdb::vdevs(&text);
        if expected.is_empty() {
            return Ok(());
        }
        let said = json(&["config"], fixture)?;
        let mut found = Vec::new();
        let mut stack = vec![&said["vdevs"]];
        while let Some(vdev) = stack.pop() {
            found.push((vdev["kind"].as_str().unwrap().to_owned(), vdev["guid"].as_u64().unwrap()));
            stack.extend(vdev["children"].as_array().unwrap().iter().rev());
        }
        compared.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if found == expected {
            Ok(())
        } else {
            Err(format!("{}: {found:?}, but zdb {expected:?}", fixture.name))
        }
    });
    assert!(compared.into_inner() > 50, "too few pools were compared");
}

/// Nothing is wrong with any fixture, and every pool opens.
#[test]
fn summaries() {
    each(fixtures(), |fixture| {
        let said = json(&["summary"], fixture)?;
        match said["pools"].as_array().unwrap().iter().all(|pool| pool["is_open"] == true) {
            true => Ok(()),
            false => Err(format!("{}: {said}", fixture.name)),
        }
    });
}
