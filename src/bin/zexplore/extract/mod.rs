//! `zexplore extract`: files out of a pool, into the host's file system or into an archive.
//!
//! What the host cannot hold, and what is lost, is named: in the sidecar, and on standard error. Handbook:
//! `docs/format/24-reader-recipes.md`, 24.7, step 9.

mod content;
mod facts;
mod items;
mod note;
mod output;
mod progress;
mod record;
mod tar;
#[cfg(unix)]
mod tree;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use serde::Serialize;
use zfsp::namespace::{Links, Namespace, Place};

use crate::common::exit::{Exit, Failure};
use crate::common::output::{print, print_json};
use crate::place::{PLACES, locate};
use crate::session::Session;
use crate::style::size;
use record::Record;

#[derive(Debug, clap::Args)]
#[command(after_help = format!("{ABOUT}\n\n{PLACES}\n\n{EXAMPLES}"))]
pub(crate) struct Options {
    /// What is extracted, with all that is below
    place: OsString,
    /// Where to: a directory becomes DEST, a file goes into DEST if that is a folder
    #[arg(required_unless_present = "tar", conflicts_with = "tar")]
    dest: Option<PathBuf>,
    /// Write a pax archive instead, into FILE or to standard output
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "-")]
    tar: Option<PathBuf>,
    /// Write over files of the same name in a DEST that is not empty, and over an archive
    #[arg(long)]
    overwrite: bool,
    /// Keep owners and setuid bits: the default for root
    #[arg(long, conflicts_with_all = ["no_owners", "tar"])]
    owners: bool,
    /// Keep no owners: all belongs to who extracts it
    #[arg(long, conflicts_with = "tar")]
    no_owners: bool,
    /// A new file in which losses are listed, and what the host cannot hold; otherwise beside DEST, and nowhere for
    /// --tar
    #[arg(long, value_name = "FILE")]
    sidecar: Option<PathBuf>,
    /// Name each file on standard error
    #[arg(long, short)]
    verbose: bool,
}

const ABOUT: &str = "\
Holes stay holes. Times, modes, links, devices, extended attributes and ACLs are kept as far as the host
allows. Lost blocks are zeros. DEST.sidecar.jsonl lists what is lost (\"kind\": \"lost\"), what the host has
refused (\"refused\"), and what no host can hold (\"only-here\": native ACLs, inode flags, projects), if
there is anything: a line of JSON each. Names with a slash, '.' and '..' are refused.

A file gets its name when it is whole: what an interrupted run has left is in DEST/.zexplore-partial. The
same command goes on from there.";

const EXAMPLES: &str = "\
Examples:
  zexplore extract / rescued -p images/                     all file systems and volumes
  zexplore extract /home/.zfs/snapshot/s rescued -p disk    a snapshot
  zexplore extract tank/vm vm.img -p disk                   a volume, as a sparse file
  zexplore extract tank/home:#1234 found -p disk            an object by its number
  zexplore extract /home --tar -p disk | ssh host tar x --xattrs --xattrs-include='*' -C /to";

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Summary {
    /// Names in the result that are no directories.
    files: u64,
    directories: u64,
    /// Bytes of content, without holes.
    bytes: u64,
    /// Names that an earlier run had extracted.
    skipped: u64,
    lost: u64,
    /// Datasets and snapshots whose key was not given.
    locked: u64,
    refused: u64,
    only_here: u64,
    interrupted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    sidecar: Option<String>,
}

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let is_to_stdout = options.tar.as_ref().is_some_and(|file| file.as_os_str() == "-");
    if is_to_stdout && io::stdout().is_terminal() {
        let what = "an archive is nothing for a terminal: name a file with --tar FILE, or pipe it into tar";
        return Err(Failure(Exit::Usage, what.into()));
    }
    let is_file =
        |file: &&PathBuf| std::fs::metadata(file).is_ok_and(|found| found.is_file() && found.len() > 0);
    if let Some(file) = options.tar.as_ref().filter(is_file).filter(|_| !options.overwrite) {
        let what = format!("{}: it is there already; --overwrite writes over it", file.display());
        return Err(Failure(Exit::Nothing, what));
    }
    let pool = session.pool()?;
    let names = session.names(&pool);
    let location = locate(session, &names, &options.place, Links::Keep)?;
    if matches!(&location.place, Place::Volume(volume) if volume.is_locked()) {
        return Err(names.locked(&location.dataset).into());
    }
    crate::interrupt::watch();
    let mut record = match (&options.tar, &options.dest) {
        (Some(file), _) => {
            let mut record = Record::new(session, options.sidecar.clone(), options.verbose);
            record.start()?;
            tar::write(&mut record, &names, &location, file)?;
            record
        }
        (None, dest) => {
            let dest = dest.as_deref().unwrap_or(Path::new("."));
            tree(session, &names, &location, dest, options)?
        }
    };
    let summary = record.end();
    tell(session, &summary, is_to_stdout)
}

#[cfg(unix)]
fn tree<'s, 'g>(
    session: &'s mut Session<'g>,
    names: &Namespace<'_>,
    location: &zfsp::namespace::Location,
    dest: &Path,
    options: &Options,
) -> Result<Record<'s, 'g>, Failure> {
    tree::extract(session, names, location, dest, options)
}

#[cfg(not(unix))]
fn tree<'s, 'g>(
    _session: &'s mut Session<'g>,
    _names: &Namespace<'_>,
    _location: &zfsp::namespace::Location,
    _dest: &Path,
    _options: &Options,
) -> Result<Record<'s, 'g>, Failure> {
    let what = "file systems of this host cannot hold what ZFS has: use --tar FILE";
    Err(Failure(Exit::Nothing, what.into()))
}

/// Says how it went; on standard error, if standard output is an archive.
fn tell(session: &mut Session<'_>, summary: &Summary, is_to_stdout: bool) -> Result<Exit, Failure> {
    if summary.interrupted {
        session.warn("interrupted: the same command goes on from here");
    }
    let printed = match (session.global.json, is_to_stdout) {
        (true, false) => print_json(summary)?,
        (true, true) => {
            anstream::eprintln!("{}", serde_json::to_string(summary).unwrap_or_default());
            Exit::Well
        }
        (false, false) => print(&format!("{}\n", summary.text()))?,
        (false, true) => {
            anstream::eprintln!("{}", summary.text());
            Exit::Well
        }
    };
    Ok(printed.max(session.exit()))
}

impl Summary {
    /// `12 345 files in 678 directories, 3.2 GiB, 2 lost: see rescued.sidecar.jsonl`.
    fn text(&self) -> String {
        let counted = |count: u64, one: &str, many: &str| {
            format!("{} {}", grouped(count), if count == 1 { one } else { many })
        };
        let mut text = counted(self.files, "file", "files");
        if self.directories > 0 {
            text.push_str(&format!(" in {}", counted(self.directories, "directory", "directories")));
        }
        text.push_str(&format!(", {}", size(self.bytes)));
        let more = [
            (self.skipped, "extracted before"),
            (self.lost, "lost"),
            (self.locked, "locked"),
            (self.refused, "refused"),
            (self.only_here, "in the sidecar only"),
        ];
        for (count, what) in more.into_iter().filter(|(count, _)| *count > 0) {
            text.push_str(&format!(", {} {what}", grouped(count)));
        }
        if let Some(sidecar) = &self.sidecar {
            text.push_str(&format!(": see {sidecar}"));
        }
        text
    }
}

/// `12 345`.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len().saturating_sub(at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn thousands_are_grouped() {
        for (n, text) in
            [(0, "0"), (999, "999"), (1000, "1 000"), (12_345, "12 345"), (1_000_000, "1 000 000")]
        {
            assert_eq!(super::grouped(n), text);
        }
    }
}
