//! Values of properties as people read them.

use serde_json::Value as Json;
use zfsp::dataset::property::{Setting, Value};
use zfsp_grammar::config;
use zfsp_grammar::dsl::property::{Form, find};
use zfsp_grammar::quantity::utc;

/// Sizes rounded, times as dates; or exactly what the pool holds.
pub(crate) fn text(setting: &Setting, is_exact: bool) -> String {
    if is_exact {
        return setting.value.to_string();
    }
    match &setting.value {
        Value::Bytes(0) if is_limit(&setting.name) => "none".into(),
        Value::Bytes(n) => config::size(n.cast_signed()),
        Value::Ratio(_) => format!("{}x", setting.value),
        Value::Time(seconds) => utc(seconds.cast_signed()),
        Value::Number(_) | Value::Text(_) => setting.value.to_string(),
    }
}

/// Properties of which 0 means that there is no limit.
fn is_limit(name: &str) -> bool {
    let is_bytes = find(name).is_some_and(|property| property.form == Form::Bytes);
    is_bytes || (name.starts_with("default") && name.ends_with("quota"))
}

/// Numbers as such, in full.
pub(crate) fn json(value: &Value) -> Json {
    match value {
        Value::Bytes(n) | Value::Number(n) | Value::Time(n) => (*n).into(),
        Value::Ratio(_) => value.to_string().parse::<f64>().ok().into(),
        Value::Text(text) => text.as_str().into(),
    }
}
