//! The table of a structure: offset, size, type, name, meaning, from the declaration that reads it.

use std::collections::HashSet;
use std::fmt::Write;

use zfsp_grammar::catalogue::Structure;
use zfsp_grammar::spec::{BitSpec, ChoiceSpec, Parts, Spec, SymbolSpec};

/// The page of a structure: its own table, then those of what it consists of, each once.
#[must_use]
pub fn page(structure: &Structure) -> String {
    let mut page = Page { out: String::new(), seen: HashSet::new() };
    let _ = writeln!(page.out, "{}: {}", structure.name, structure.about);
    let _ = writeln!(page.out, "handbook: docs/format/{}", structure.chapter);
    page.parts((structure.parts)());
    page.out
}

struct Page {
    out: String,
    seen: HashSet<&'static str>,
}

/// Hostile code is no concern here, but nested lists contain themselves: each table stands once.
impl Page {
    fn parts(&mut self, parts: Parts) {
        match parts {
            Parts::None => {}
            Parts::Record(spec) => self.record(spec),
            Parts::Bits(name, about, ranges) => self.bits(name, about, ranges),
            Parts::OneOf(name, about, choices) => self.choices(name, about, choices),
            Parts::Symbols(name, about, symbols) => self.symbols(name, about, symbols),
        }
    }

    /// Heading of a table; false if it stands already.
    fn heading(&mut self, name: &'static str, about: &str) -> bool {
        let new = self.seen.insert(name);
        if new {
            let about = about.split_whitespace().collect::<Vec<_>>().join(" ");
            let _ = writeln!(self.out, "\n{name}: {}", about.trim_end_matches('.'));
        }
        new
    }

    fn table(&mut self, rows: &[Vec<String>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
        let widths: Vec<usize> = (0..columns)
            .map(|c| {
                rows.iter()
                    .filter_map(|row| row.get(c))
                    .map(|cell| cell.chars().count())
                    .max()
                    .unwrap_or_default()
            })
            .collect();
        for row in rows {
            let mut line = String::from(" ");
            for (cell, width) in row.iter().zip(&widths) {
                let _ = write!(line, " {cell:width$} ");
            }
            let _ = writeln!(self.out, "{}", line.trim_end());
        }
    }

    fn record(&mut self, spec: &'static Spec) {
        if !self.heading(spec.name, spec.about) {
            return;
        }
        let mut rows = vec![row(["offset", "size", "type", "name", "meaning"])];
        for (n, field) in spec.fields.iter().enumerate() {
            rows.push(vec![
                spec.place(n).map_or_else(String::new, |at| format!("{at:#x}")),
                spec.size_of(n).map_or_else(|| "...".into(), |size| size.to_string()),
                kind(field.kind),
                field.name.into(),
                field.about.trim().into(),
            ]);
        }
        self.table(&rows);
        for field in spec.fields {
            self.parts((field.parts)());
        }
    }

    fn bits(&mut self, name: &'static str, about: &str, ranges: &'static [BitSpec]) {
        if !self.heading(name, about) {
            return;
        }
        let mut rows = vec![row(["bits", "type", "name", "meaning"])];
        for range in ranges {
            let last = range.hi.saturating_sub(1);
            let place = if last == range.lo { range.lo.to_string() } else { format!("{}-{last}", range.lo) };
            rows.push(vec![place, kind(range.kind), range.name.into(), range.about.trim().into()]);
        }
        self.table(&rows);
        for range in ranges {
            self.parts((range.parts)());
        }
    }

    fn choices(&mut self, name: &'static str, about: &str, choices: &'static [ChoiceSpec]) {
        if !self.heading(name, about) {
            return;
        }
        let mut rows = vec![row(["one of", "meaning"])];
        rows.extend(choices.iter().map(|choice| vec![choice.name.into(), choice.about.trim().into()]));
        self.table(&rows);
        for choice in choices {
            self.parts((choice.parts)());
        }
    }

    fn symbols(&mut self, name: &'static str, about: &str, symbols: &'static [SymbolSpec]) {
        if !self.heading(name, about) {
            return;
        }
        let mut rows = vec![row(["value", "name", "meaning"])];
        rows.extend(symbols.iter().map(|s| vec![s.value.to_string(), s.name.into(), s.about.trim().into()]));
        self.table(&rows);
    }
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// A type of the grammar without what only the compiler wants to know.
fn kind(rust: &str) -> String {
    let mut kind = rust.replace("<'a>", "").replace("&'a [u8]", "bytes").replace("Text", "text");
    for (open, close, plain) in [("Option<", ">", "?"), ("Vec<", ">", "[]"), ("Box<", ">", "")] {
        if let Some(inner) = kind.strip_prefix(open).and_then(|k| k.strip_suffix(close)) {
            kind = format!("{inner}{plain}");
        }
    }
    kind
}
