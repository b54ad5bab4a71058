//! The report for people: a section for each encryption root, then what became of the keys.

use std::fmt::Write;

use zfsp::dataset::{Encrypted, EncryptedSnapshot, EncryptionRoot, Unread};
use zfsp::keyring::Attempt;
use zfsp_grammar::dsl::crypto_key::KeyFormat;

use super::{Report, meaning};
use crate::common::pool::heirs;
use crate::style::{BAD, DIM, GOOD, ODD, TITLE, plain};
use crate::table::{Align, Cell, Table};

pub(super) fn of(report: &Report<'_>, is_verbose: bool) -> String {
    let Report { pool, roots, attempts, in_clear, .. } = report;
    let mut text = String::new();
    if roots.datasets().next().is_none()
        && roots.unread.is_empty()
        && in_clear.is_empty()
        && roots.losses.is_empty()
    {
        text = format!("{}: no dataset is encrypted\n\n", plain(&pool.name));
    }
    for name in in_clear {
        // writing to a string cannot fail
        let _ = writeln!(text, "{} is not encrypted\n", plain(name));
    }
    text.push_str(&errata(report));
    for root in &roots.roots {
        text.push_str(&head(root));
        let mut table = datasets();
        root.datasets.iter().for_each(|set| row(&mut table, report, set, true, is_verbose));
        let snapshots = if is_verbose { snapshots(root.datasets.iter()) } else { String::new() };
        let _ = writeln!(text, "{table}{snapshots}");
    }
    if !roots.without.is_empty() {
        let about = "a raw receive may leave such; the key that the sender had opens them";
        let _ = writeln!(text, "{ODD}without an encryption root{ODD:#}  {DIM}{about}{DIM:#}");
        let mut table = datasets();
        for (set, why) in &roots.without {
            row(&mut table, report, set, false, is_verbose);
            table.note(Cell::styled(ODD, why));
        }
        let sets = roots.without.iter().map(|(set, _)| set);
        let snapshots = if is_verbose { snapshots(sets) } else { String::new() };
        let _ = writeln!(text, "{table}{snapshots}");
    }
    if !roots.unread.is_empty() {
        let about = "no key opens these";
        let _ = writeln!(text, "{BAD}key object cannot be read{BAD:#}  {DIM}{about}{DIM:#}");
        let mut table = Table::new(&[("dataset", Align::Left), ("key object", Align::Right)]).indented(2);
        for Unread { dir, key, loss } in &roots.unread {
            table.row([Cell::new(&dir.name), (*key).into()]);
            table.note(Cell::styled(BAD, format_args!("key object {key} is damaged: {loss}")));
        }
        let _ = writeln!(text, "{table}");
    }
    if !attempts.is_empty() {
        let _ = writeln!(text, "{TITLE}keys{TITLE:#}");
        attempts.iter().for_each(|attempt| key(&mut text, attempt));
    }
    format!("{}\n", text.trim_end())
}

fn errata(report: &Report<'_>) -> String {
    let mut text = String::new();
    for (number, found) in report.errata() {
        let recorded = if report.errata == Some(number) { ", on record in the pool" } else { "" };
        let _ = writeln!(text, "{ODD}erratum {}{ODD:#}{recorded}: {}", number.0, meaning(number));
        let shown: Vec<_> = found.iter().take(LISTED).map(|name| plain(name)).collect();
        let more = found.len().saturating_sub(LISTED);
        if !shown.is_empty() {
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            let _ = writeln!(text, "  {}{more}", shown.join(", "));
        }
        text.push('\n');
    }
    text
}

/// Names that an erratum lists.
const LISTED: usize = 12;

fn head(root: &EncryptionRoot) -> String {
    let EncryptionRoot { name, object, encryption, keylocation, .. } = root;
    let format = match encryption.format {
        KeyFormat::RAW => "raw, 32 bytes".into(),
        KeyFormat::HEX => "hex, 64 digits".into(),
        KeyFormat::PASSPHRASE => {
            format!("passphrase, {} rounds of PBKDF2, salt {}", encryption.pbkdf2iters, encryption.pbkdf2salt)
        }
        other => other.to_string(),
    };
    let title = format!("{TITLE}{}{TITLE:#}  {DIM}encryption root, directory {object}{DIM:#}", plain(name));
    let location = keylocation.as_deref().unwrap_or("?");
    format!("{title}\n  key          {format}\n  keylocation  {}\n", plain(location))
}

fn datasets() -> Table {
    use Align::{Left, Right};
    let heads = [
        ("dataset", Left),
        ("state", Left),
        ("suite", Left),
        ("key guid", Right),
        ("key object", Right),
        ("version", Right),
        ("refcount", Right),
        ("", Left),
    ];
    Table::new(&heads).indented(2)
}

fn row(table: &mut Table, report: &Report<'_>, set: &Encrypted, has_root: bool, is_verbose: bool) {
    let Encrypted { dir, encryption, flaw, .. } = set;
    let state = match (report.is_open(set), report.attempts.is_empty()) {
        // without a key everything is locked
        (_, true) => Cell::default(),
        (true, false) => Cell::styled(GOOD, "open"),
        (false, false) => Cell::styled(ODD, "locked"),
    };
    table.row([
        Cell::new(&dir.name),
        state,
        Cell::new(encryption.suite),
        encryption.guid.into(),
        encryption.key.into(),
        encryption.version.into(),
        encryption.refcount.into(),
        Cell::styled(DIM, remarks(set, has_root, is_verbose)),
    ]);
    if let Some(flaw) = flaw {
        table.note(Cell::styled(BAD, format_args!("key object {} is damaged: {flaw}", encryption.key)));
    }
    if let Some(stray) = report.stray(set) {
        table.note(Cell::styled(BAD, stray));
    }
    if set.sharing != encryption.refcount && report.dsl.datasets.losses.is_empty() {
        let note =
            format!("the key object counts {} directories, but {} have it", encryption.refcount, set.sharing);
        table.note(Cell::styled(ODD, note));
    }
}

fn remarks(set: &Encrypted, has_root: bool, is_verbose: bool) -> String {
    let all = [
        is_verbose.then(|| format!("dataset #{}", set.dir.phys.head_dataset_obj.0)),
        set.origin.as_ref().map(|origin| format!("clone of {origin}")),
        (has_root && !set.is_below_root).then(|| "not below its root".into()),
        set.is_raw_received.then(|| RAW.into()),
        set.dir.is_hidden.then(|| "receive not finished".into()),
    ];
    all.into_iter().flatten().collect::<Vec<String>>().join(", ")
}

const RAW: &str = "received raw";

fn snapshots<'s>(sets: impl Iterator<Item = &'s Encrypted>) -> String {
    let heads = [("snapshot", Align::Left), ("IV set guid", Align::Right), ("", Align::Left)];
    let mut table = Table::new(&heads).indented(2);
    for EncryptedSnapshot { name, ivset_guid, is_raw_received } in sets.flat_map(|set| &set.snapshots) {
        let guid = ivset_guid.map_or_else(|| Cell::styled(ODD, "none"), Cell::from);
        table.row([Cell::new(name), guid, Cell::styled(DIM, if *is_raw_received { RAW } else { "" })]);
    }
    if table.is_empty() { String::new() } else { format!("\n{table}") }
}

fn key(text: &mut String, attempt: &Attempt) {
    let Attempt { dataset, opened, refused, hint, .. } = attempt;
    let opens = match opened.as_slice() {
        [] => format!("{BAD}opens nothing{BAD:#}"),
        all => {
            let all: Vec<_> = all.iter().map(|name| plain(name)).collect();
            format!("{GOOD}opens{GOOD:#} {}", all.join(", "))
        }
    };
    let _ = writeln!(text, "  {}: {opens}", plain(dataset));
    for (name, why) in refused {
        let _ = match name == dataset {
            true => writeln!(text, "    {}", plain(&why.to_string())),
            false => writeln!(text, "    {}: {}", plain(name), plain(&why.to_string())),
        };
    }
    if let Some(heirs) = heirs(attempt) {
        let _ = writeln!(text, "    {heirs}");
    }
    if let Some(hint) = hint {
        let _ = writeln!(text, "    {ODD}{}{ODD:#}", plain(&hint.to_string()));
    }
}
