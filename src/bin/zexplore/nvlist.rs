//! Name-value lists as JSON.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};
use zfsp_grammar::nvlist::{List, Pair, Value};

/// An object with a member for each pair; of pairs with the same name the last one.
pub(crate) fn json(list: &List<'_>) -> Json {
    Json::Object(list.pairs().iter().map(|pair| (pair.name().to_string(), value(pair))).collect())
}

fn value(pair: &Pair<'_>) -> Json {
    match pair.value() {
        Value::Flag => true.into(),
        Value::Bool(is_set) => (*is_set).into(),
        Value::Number(n) => (*n).into(),
        Value::Signed(n) => (*n).into(),
        Value::Double(bits) => f64::from_bits(*bits).into(),
        Value::Text(text) => text.to_string().into(),
        Value::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
        Value::Numbers(all, ..) => all.clone().into(),
        Value::Signeds(all, ..) => all.clone().into(),
        Value::Texts(all) => all.iter().map(ToString::to_string).collect::<Vec<_>>().into(),
        Value::Lists(_) | Value::Heads(_) => match pair.lists() {
            // one list may be an array of one: only the name tells
            [one] if !ARRAYS.contains(&pair.name().0) => json(one),
            many => many.iter().map(json).collect::<Vec<_>>().into(),
        },
    }
}

/// Pairs that are arrays of lists.
const ARRAYS: [&[u8]; 3] = [b"children", b"spares", b"l2cache"];

/// Paths whose values are not the same in all of these, by name.
pub(crate) fn differences(all: &[&Json]) -> BTreeSet<String> {
    let flat: Vec<Map<String, Json>> = all
        .iter()
        .map(|json| {
            let mut flat = Map::new();
            flatten(json, String::new(), &mut flat);
            flat
        })
        .collect();
    let differs = |path: &&String| {
        let mut values = flat.iter().map(|flat| flat.get(*path));
        let first = values.next();
        values.any(|value| Some(value) != first)
    };
    flat.iter().flat_map(Map::keys).filter(differs).cloned().collect()
}

fn flatten(json: &Json, path: String, flat: &mut Map<String, Json>) {
    let under = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match json {
        Json::Object(map) => map.iter().for_each(|(name, value)| flatten(value, under(name), flat)),
        Json::Array(all) if all.iter().any(Json::is_object) => {
            all.iter().enumerate().for_each(|(n, value)| flatten(value, format!("{path}[{n}]"), flat));
        }
        other => drop(flat.insert(path, other.clone())),
    }
}
