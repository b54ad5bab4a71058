//! Events in the form of `zpool history`.

use std::fmt::Write;

use zfsp_grammar::dsl::history::{Action, Record};
use zfsp_grammar::input::Text;
use zfsp_grammar::nvlist::{List, Pair, Value};
use zfsp_grammar::quantity::utc;

use crate::style::plain;

/// The first line.
pub(super) fn head(pool: &str) -> String {
    format!("History for '{}':", plain(pool))
}

/// The lines of an event; a `long` one says who, and where.
pub(super) fn event(record: &Record<'_>, long: bool) -> String {
    let list = &record.nvlist.list;
    // 2026-11-22.13:01:29
    let time = record.time().map(|time| utc(time.0.cast_signed()).replace('T', ".").replace('Z', ""));
    let mut text = time.unwrap_or_else(|| "no time".into());
    // writing to a string cannot fail
    let _ = match record.action() {
        Action::Command(command) => write!(text, " {}", raw(&command)),
        Action::Internal(name) => write!(text, "{} {}{}", txg(record), raw(&name), about(list)),
        Action::Event(event) => write!(text, "{} {event}{}", txg(record), about(list)),
        Action::Ioctl(name) => write!(text, "{} ioctl {}", elapsed(list), raw(&name)),
        Action::Unknown => write!(text, "{} {}", txg(record), record.action()),
    };
    if let Action::Ioctl(_) = record.action() {
        text.push('\n');
        for (title, name) in [("input", "in_nvl"), ("output", "out_nvl")] {
            if let Some(list) = list.list(name) {
                let _ = writeln!(text, "    {title}:");
                pairs(&mut text, list, 8);
            }
        }
        if let Some(size) = list.number("out_size") {
            let _ = writeln!(text, "    output: {size} bytes, which were not kept");
        }
        if let Some(errno) = list.get("errno") {
            let _ = writeln!(text, "    errno: {}", scalar(errno.value()));
        }
    }
    if long {
        text.push_str(&origin(list));
    }
    text.push('\n');
    text
}

/// ` [txg:4]`.
fn txg(record: &Record<'_>) -> String {
    record.txg().map(|txg| format!(" [txg:{txg}]")).unwrap_or_default()
}

/// ` (225ms)`.
fn elapsed(list: &List<'_>) -> String {
    let ns = match list.get("elapsed_ns").map(Pair::value) {
        Some(Value::Signed(ns)) => u64::try_from(*ns).unwrap_or_default(),
        Some(Value::Number(ns)) => *ns,
        _ => return String::new(),
    };
    format!(" ({}ms)", ns.checked_div(1_000_000).unwrap_or_default())
}

/// What an internal event says of itself: ` lab/n1 (81) compression=15`.
fn about(list: &List<'_>) -> String {
    let mut text = String::new();
    if let Some(dataset) = list.text("dsname") {
        let _ = write!(text, " {} ({})", raw(&dataset), list.number("dsid").unwrap_or_default());
    }
    if let Some(what) = list.text("history internal str") {
        let _ = write!(text, " {}", raw(&what));
    }
    text
}

/// ` [user 0 (root) on zlab:linux]`, as far as it is told.
fn origin(list: &List<'_>) -> String {
    let who = list.number("history who").map(|uid| match uid {
        // the only name that a pool does not have to tell
        0 => "user 0 (root)".into(),
        uid => format!("user {uid}"),
    });
    let zone = list.text("history zone").map(|zone| format!(":{}", raw(&zone))).unwrap_or_default();
    let host = list.text("history hostname").map(|host| format!("on {}{zone}", raw(&host)));
    let told: Vec<String> = who.into_iter().chain(host).collect();
    if told.is_empty() { String::new() } else { format!(" [{}]", told.join(" ")) }
}

/// A list, a pair a line.
fn pairs(text: &mut String, list: &List<'_>, indent: usize) {
    let below = indent.saturating_add(4);
    for pair in list.pairs() {
        let name = raw(&pair.name());
        let mut line = |what: &str| {
            let _ = writeln!(text, "{:indent$}{name}{what}", "");
        };
        let mut each = |all: &mut dyn Iterator<Item = String>| {
            all.enumerate().for_each(|(n, value)| line(&format!("[{n}]: {value}")));
        };
        match pair.value() {
            Value::Flag => line(""),
            Value::Bytes(all) => each(&mut all.iter().map(u8::to_string)),
            Value::Numbers(all, ..) => each(&mut all.iter().map(u64::to_string)),
            Value::Signeds(all, ..) => each(&mut all.iter().map(i64::to_string)),
            Value::Texts(all) => each(&mut all.iter().map(|text| format!("'{}'", raw(text)))),
            Value::Lists(_) | Value::Heads(_) => match pair.lists() {
                [one] => {
                    line(":");
                    pairs(text, one, below);
                }
                many => {
                    for (n, list) in many.iter().enumerate() {
                        let _ = writeln!(text, "{:indent$}{name}[{n}]:", "");
                        pairs(text, list, below);
                    }
                }
            },
            single => line(&format!(": {}", scalar(single))),
        }
    }
}

fn scalar(value: &Value<'_>) -> String {
    match value {
        Value::Bool(is_set) => is_set.to_string(),
        Value::Number(n) => n.to_string(),
        Value::Signed(n) => n.to_string(),
        Value::Double(bits) => f64::from_bits(*bits).to_string(),
        Value::Text(text) => format!("'{}'", raw(text)),
        _ => String::new(),
    }
}

/// Text as it was given, but for what could play with the terminal.
fn raw(text: &Text<'_>) -> String {
    plain(&String::from_utf8_lossy(text.0)).into_owned()
}
