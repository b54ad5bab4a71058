//! What the texts of zdb say.

use std::collections::BTreeSet;

/// The configurations of zdb's text, each with the numbers of the labels that have it.
pub(crate) fn configurations(text: &str) -> Vec<(String, Vec<usize>)> {
    let mut all = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if !line.starts_with("LABEL ") {
            continue;
        }
        let _rule = lines.next();
        let mut config = String::new();
        while let Some(line) =
            lines.next_if(|line| line.starts_with("    ") && !line.trim_start().starts_with("labels ="))
        {
            config.push_str(line);
            config.push('\n');
        }
        let labels =
            lines.next().unwrap_or_default().trim().trim_start_matches("labels =").split_whitespace();
        all.push((config, labels.map(|n| n.parse().unwrap()).collect()));
    }
    all
}

/// Label, slot, txg and timestamp of each uberblock in zdb's text of labels.
pub(crate) fn uberblocks(text: &str) -> BTreeSet<(u64, u64, u64, u64)> {
    let mut all = BTreeSet::new();
    let (mut slot, mut txg, mut timestamp) = (None, 0, 0);
    for line in text.lines().map(str::trim) {
        let field = |name: &str| line.strip_prefix(name).map(|value| value.split(' ').next().unwrap());
        if let Some(number) = line.strip_prefix("Uberblock[") {
            slot = Some(number.trim_end_matches(']').parse().unwrap());
        } else if let Some(value) = field("txg = ") {
            txg = value.parse().unwrap();
        } else if let Some(value) = field("timestamp = ") {
            timestamp = value.parse().unwrap();
        } else if let (Some(labels), Some(number)) = (line.strip_prefix("labels ="), slot) {
            all.extend(labels.split_whitespace().map(|n| (n.parse().unwrap(), number, txg, timestamp)));
            slot = None;
        }
    }
    all
}

/// Type and guid of each vdev in the configuration of the MOS, parents first.
pub(crate) fn vdevs(text: &str) -> Vec<(String, u64)> {
    let config = text.lines().skip_while(|line| !line.starts_with("MOS Configuration")).skip(1);
    let lines =
        config.take_while(|line| line.starts_with(' ')).skip_while(|line| line.trim() != "vdev_tree:");
    let mut all = Vec::new();
    for line in lines.map(str::trim) {
        if let Some(kind) = line.strip_prefix("type: ") {
            all.push((kind.trim_matches('\'').to_owned(), 0));
        } else if let (Some(guid), Some(last)) = (line.strip_prefix("guid: "), all.last_mut()) {
            last.1 = guid.parse().unwrap();
        }
    }
    all
}
