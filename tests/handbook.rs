//! The handbook and the grammar say the same: each table of `docs/format/` that is marked
//! `<!-- spec: Name -->` has the offsets, sizes, bits and names of the declaration called so.
//!
//! `<!-- spec: Name prefix_ -->` strips the prefix that ZFS gives the fields. Padding is compared by
//! its place only: the handbook has no names for it.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly
#![allow(clippy::disallowed_methods)] // the handbook is read

use std::collections::BTreeMap;

use zfsp_grammar::catalogue::structures;
use zfsp_grammar::spec::{BitSpec, Parts, Spec};

/// Tables of the grammar, by name.
#[derive(Default)]
struct Grammar {
    records: BTreeMap<&'static str, &'static Spec>,
    bits: BTreeMap<&'static str, &'static [BitSpec]>,
}

impl Grammar {
    fn all() -> Self {
        let mut all = Self::default();
        structures().for_each(|s| all.add((s.parts)()));
        all
    }
    fn add(&mut self, parts: Parts) {
        match parts {
            Parts::None | Parts::Symbols(..) => {}
            Parts::Record(spec) => {
                if self.records.insert(spec.name, spec).is_none() {
                    spec.fields.iter().for_each(|field| self.add((field.parts)()));
                }
            }
            Parts::Bits(name, _, ranges) => {
                self.bits.insert(name, ranges);
            }
            Parts::OneOf(_, _, choices) => choices.iter().for_each(|choice| self.add((choice.parts)())),
        }
    }
}

/// A marked table of the handbook.
struct Table {
    place: String,
    name: String,
    prefix: String,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn column(&self, names: &[&str]) -> Option<usize> {
        self.header.iter().position(|h| names.contains(&h.as_str()))
    }
}

fn cells(line: &str) -> Vec<String> {
    line.trim().trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()
}

fn tables() -> Vec<Table> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/format");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut lines = text.lines().enumerate();
        while let Some((n, line)) = lines.next() {
            let Some(mark) = line.strip_prefix("<!-- spec: ").and_then(|l| l.strip_suffix(" -->")) else {
                continue;
            };
            let (name, prefix) = mark.split_once(' ').unwrap_or((mark, ""));
            let mut table = lines
                .by_ref()
                .map(|(_, l)| l)
                .skip_while(|l| !l.starts_with('|'))
                .take_while(|l| l.starts_with('|'));
            let header = cells(table.next().unwrap());
            let rows = table.skip(1).map(cells).collect();
            let place = format!("{}:{}", path.file_name().unwrap().to_str().unwrap(), n + 1);
            all.push(Table { place, name: name.into(), prefix: prefix.into(), header, rows });
        }
    }
    all
}

/// `0x00000`, `114 688 (112 KiB)`, `32`.
fn number(text: &str) -> Option<usize> {
    if text.contains(['+', '×']) {
        return None; // counted from what was read
    }
    let text = text.split('(').next().unwrap().trim().replace('\u{a0}', " ");
    let digits: String =
        text.split(' ').take_while(|part| part.chars().all(|c| c.is_ascii_hexdigit() || c == 'x')).collect();
    match digits.strip_prefix("0x") {
        Some(hex) => usize::from_str_radix(hex, 16).ok(),
        None => digits.parse().ok(),
    }
}

fn is_padding(name: &str) -> bool {
    name.starts_with("pad") || name.is_empty() || name == "–" || name.starts_with("reserve")
}

fn compare_record(table: &Table, spec: &Spec) -> Result<(), String> {
    let (at, size, name) =
        (table.column(&["offset", "offset in eck"]), table.column(&["size"]), table.column(&["name"]));
    let (at, name) = (at.ok_or("no column 'offset'")?, name.ok_or("no column 'name'")?);
    let mut compared = 0;
    for row in &table.rows {
        let Some(offset) = row.get(at).and_then(|cell| number(cell)) else { continue };
        let cell = row[name].trim_start_matches(&table.prefix);
        let n = (0..spec.fields.len()).find(|n| spec.place(*n) == Some(offset));
        let Some(n) = n else { return Err(format!("the grammar has no field at {offset}: {cell}")) };
        let field = &spec.fields[n];
        if field.name != cell && !(is_padding(cell) && is_padding(field.name)) {
            return Err(format!("at {offset}: handbook '{cell}', grammar '{}'", field.name));
        }
        let sizes = (size.and_then(|c| row.get(c)).and_then(|cell| number(cell)), spec.size_of(n));
        if let (Some(told), Some(read)) = sizes
            && told != read
        {
            return Err(format!("{cell}: handbook {told} bytes, grammar {read}"));
        }
        compared += 1;
    }
    let placed = (0..spec.fields.len()).filter(|n| spec.place(*n).is_some()).count();
    if compared < placed {
        return Err(format!("the handbook lacks fields: {compared} of {placed}"));
    }
    Ok(())
}

fn compare_bits(table: &Table, ranges: &[BitSpec]) -> Result<(), String> {
    let bits = table.column(&["bits", "bit"]).ok_or("no column 'bits'")?;
    let name = table.column(&["field", "name"]).ok_or("no column 'field'")?;
    let mut compared = 0;
    for row in &table.rows {
        let Some((lo, hi)) = range(&row[bits]) else { continue };
        let cell = row[name].trim_start_matches(&table.prefix);
        let Some(field) = ranges.iter().find(|r| r.lo == lo && r.hi == hi) else {
            return Err(format!("the grammar has no bits {lo}..{hi}: {cell}"));
        };
        if !field.name.eq_ignore_ascii_case(cell) && !is_padding(cell) {
            return Err(format!("bits {lo}..{hi}: handbook '{cell}', grammar '{}'", field.name));
        }
        compared += 1;
    }
    let named = ranges.iter().filter(|r| !is_padding(r.name)).count();
    if compared < named {
        return Err(format!("the handbook lacks bits: {compared} of {named}"));
    }
    Ok(())
}

/// `0–15`, `39`: the lowest, and the one above the highest.
fn range(text: &str) -> Option<(u32, u32)> {
    let (lo, hi) = text.split_once(['–', '-']).unwrap_or((text, text));
    let hi: u32 = hi.trim().parse().ok()?;
    Some((lo.trim().parse().ok()?, hi + 1))
}

#[test]
fn handbook_and_grammar_agree() {
    let grammar = Grammar::all();
    let mut failures = Vec::new();
    for table in tables() {
        let result = match (grammar.records.get(table.name.as_str()), grammar.bits.get(table.name.as_str())) {
            (Some(spec), _) => compare_record(&table, spec),
            (None, Some(ranges)) => compare_bits(&table, ranges),
            (None, None) => Err("the grammar has no such declaration".into()),
        };
        failures.extend(result.err().map(|why| format!("{} {}: {why}", table.place, table.name)));
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Declarations whose table the handbook gives in another form, or not at all, and why.
const ELSEWHERE: &[(&str, &str)] = &[];

#[test]
fn each_declaration_is_in_the_handbook() {
    let grammar = Grammar::all();
    let marked: Vec<String> = tables().into_iter().map(|table| table.name).collect();
    let is_fixed = |spec: &&&Spec| spec.size.is_some() && spec.fields.len() > 1;
    let records = grammar.records.values().filter(is_fixed).map(|spec| spec.name);
    let missing: Vec<&str> = records
        .chain(grammar.bits.keys().copied())
        .filter(|name| !marked.iter().any(|m| m == name) && !ELSEWHERE.iter().any(|(n, _)| n == name))
        .collect();
    assert!(missing.is_empty(), "no table of the handbook is marked for {missing:?}");
}
