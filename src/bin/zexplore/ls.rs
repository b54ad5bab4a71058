//! `zexplore ls`: what is in a directory.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use rayon::prelude::*;
use zfsp::dataset::Dataset;
use zfsp::error::Error;
use zfsp::fs::FileSystem;
use zfsp::manifest::{self, Depth};
use zfsp::namespace::escape::{escaped, unescaped};
use zfsp::namespace::{Entry, Found, Links, Location, Namespace, Place};

use crate::common::exit::{Exit, Failure};
use crate::common::output::written;
use crate::entry::{COLUMNS, Row, Sizes, line, lost};
use crate::place::{PLACES, locate};
use crate::session::Session;
use crate::style::{TITLE, styled};
use crate::table::{Align, Cell, Table};

/// Directories are listed by what is in them; datasets stand where they would be mounted. With --json a line for
/// each, as `manifest` has it, whose path starts at the place.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true, after_help = PLACES)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of its own
pub(crate) struct Options {
    /// What to list
    #[arg(value_name = "PLACE", default_value = "/")]
    places: Vec<OsString>,
    /// Modes, links, owners, sizes and times (UTC); + has an ACL, @ has extended attributes
    #[arg(short)]
    long: bool,
    /// Also names that start with a dot
    #[arg(short)]
    all: bool,
    /// Directories themselves, not what is in them
    #[arg(short)]
    directory: bool,
    /// Also what is in the directories below
    #[arg(short = 'R')]
    recursive: bool,
    /// Numbers of objects
    #[arg(short)]
    inode: bool,
    /// Sizes like 1.5 MiB
    #[arg(short)]
    human: bool,
    /// The newest first
    #[arg(short = 't', conflicts_with = "by_size")]
    by_time: bool,
    /// The largest first
    #[arg(short = 'S')]
    by_size: bool,
    /// The other way round
    #[arg(short)]
    reverse: bool,
    /// Names as they are, a NUL behind each; with -R paths
    #[arg(short = '0', conflicts_with_all = ["long", "inode"])]
    null: bool,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
}

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let pool = session.pool()?;
    let names = session.names(&pool);
    let (mut locations, mut failure) = (Vec::new(), None);
    for place in &options.places {
        match locate(session, &names, place, Links::Keep) {
            Ok(location) => locations.push((unescaped(place.as_encoded_bytes()), location)),
            Err(why) if options.places.len() == 1 => return Err(why),
            Err(why) => {
                session.warn(&why.1);
                failure = Some(why);
            }
        }
    }
    if let Some(failure) = failure.filter(|_| locations.is_empty()) {
        return Err(failure);
    }
    let (out, seen) = (BufWriter::new(anstream::stdout().lock()), HashSet::new());
    let mut listing = Listing { session, options, names: &names, seen, out };
    let result = listing.places(&locations).and_then(|()| listing.out.flush());
    Ok(written(result)?.max(session.exit()))
}

/// A listing on its way to standard output.
struct Listing<'l, 's, W> {
    session: &'l mut Session<'s>,
    options: &'l Options,
    names: &'l Namespace<'l>,
    /// Directories that were listed, by dataset and number: damage may lead in circles.
    seen: HashSet<(u64, u64)>,
    out: W,
}

/// A directory that is still to be listed: there may be many.
struct Below<'l> {
    /// As it is shown.
    name: Vec<u8>,
    /// From the root of its dataset on.
    path: Vec<u8>,
    dataset: &'l Dataset,
    what: What,
}

/// What is to be listed.
enum What {
    /// A directory, by its number.
    Directory(FileSystem, u64),
    /// The datasets below one that is lost or locked.
    Lost(Arc<Error>),
}

impl<'l, W: Write> Listing<'l, '_, W> {
    fn places(&mut self, places: &[(Vec<u8>, Location)]) -> io::Result<()> {
        let is_listed = |location: &Location| {
            let is_directory = match &location.place {
                Place::Inode(inode) => inode.is_directory(),
                Place::Volume(_) => false,
                // datasets are below
                Place::Lost(_) => true,
            };
            is_directory && !self.options.directory
        };
        let (directories, others): (Vec<_>, Vec<_>) =
            places.iter().partition(|(_, location)| is_listed(location));
        let has_titles = self.options.recursive || places.len() > 1;
        let mut rows = Vec::new();
        for (name, location) in &others {
            let walk = self.names.walk(location, 0);
            walk.for_each(|entry| self.take(&entry, name, &mut rows));
        }
        self.rows(rows)?;
        for (n, (name, location)) in directories.into_iter().enumerate() {
            if n > 0 || !others.is_empty() {
                self.blank()?;
            }
            self.directory(name, location, has_titles)?;
        }
        Ok(())
    }

    /// A directory, and if that is asked for, all below it.
    fn directory(&mut self, name: &[u8], location: &Location, has_title: bool) -> io::Result<()> {
        self.title(name, has_title)?;
        if let Place::Inode(inode) = &location.place {
            self.seen.insert((location.dataset.object, inode.number));
        }
        let mut left = self.entries(name, location)?;
        left.reverse();
        while let Some(Below { name, path, dataset, what }) = left.pop() {
            let number = if let What::Directory(_, number) = &what { *number } else { 0 };
            if !self.seen.insert((dataset.object, number)) {
                self.session.warn(format_args!("{}: this directory is listed elsewhere", escaped(&name)));
                continue;
            }
            self.blank()?;
            self.title(&name, has_title)?;
            let place = match what {
                What::Directory(fs, number) => fs.inode(number).map(|inode| Place::Inode(Box::new(inode))),
                What::Lost(error) => Ok(Place::Lost(error)),
            };
            match place {
                Ok(place) => {
                    let inner = Location { dataset: dataset.clone(), path, crosses: location.crosses, place };
                    left.extend(self.entries(&name, &inner)?.into_iter().rev());
                }
                Err(loss) => self.session.warn(format_args!("{}: {loss}", escaped(&name))),
            }
        }
        Ok(())
    }

    fn title(&mut self, name: &[u8], is_wanted: bool) -> io::Result<()> {
        match is_wanted && !self.options.null && !self.session.global.json {
            true => writeln!(self.out, "{}:", styled(TITLE, escaped(name))),
            false => Ok(()),
        }
    }

    /// What is in a directory; returns the directories among it that are to be listed.
    fn entries(&mut self, name: &[u8], location: &Location) -> io::Result<Vec<Below<'l>>> {
        let (mut rows, mut below) = (Vec::new(), Vec::new());
        for entry in self.names.walk(location, 1) {
            // the directory itself comes first
            if entry.path.is_empty() && !matches!(entry.found, Found::LostEntries(_)) {
                continue;
            }
            let is_hidden = entry.path.starts_with(b".") && !self.options.all;
            if is_hidden {
                continue;
            }
            if let Some(what) = self.below(&entry, location.crosses).filter(|_| self.options.recursive) {
                let path = if entry.is_dataset {
                    b"/".to_vec()
                } else {
                    [&location.path, b"/".as_slice(), &entry.path].concat()
                };
                below.push(Below { name: joined(name, &entry.path), path, dataset: entry.dataset, what });
            }
            self.take(&entry, name, &mut rows);
        }
        self.rows(rows)?;
        Ok(below)
    }

    /// What is to be listed below an entry, if anything is.
    fn below(&self, entry: &Entry<'_>, crosses: bool) -> Option<What> {
        match &entry.found {
            Found::Inode(inode) if inode.is_directory() => {
                Some(What::Directory(inode.fs().clone(), inode.number))
            }
            Found::LostDataset(error) => {
                let (dataset, path) = (entry.dataset.clone(), b"/".to_vec());
                let place = Place::Lost(error.clone());
                let has_more =
                    self.names.walk(&Location { dataset, path, crosses, place }, 1).nth(1).is_some();
                has_more.then(|| What::Lost(error.clone()))
            }
            _ => None,
        }
    }

    /// Makes a row of an entry, with its line of JSON if a program reads it.
    fn take(&mut self, entry: &Entry<'_>, place: &[u8], rows: &mut Vec<(Row, Vec<u8>)>) {
        lost(self.session, self.names, entry);
        if matches!(entry.found, Found::LostEntries(_)) {
            return;
        }
        let mut json = Vec::new();
        if self.session.global.json {
            // into memory nothing fails
            let _ = manifest::write(&line(entry, Depth::Attributes), &mut json);
        }
        let mut row = Row::of(entry, place);
        if self.options.null && self.options.recursive {
            // no title says in which directory it is
            row.name = joined(place, &entry.path);
        }
        rows.push((row, json));
    }

    fn rows(&mut self, mut rows: Vec<(Row, Vec<u8>)>) -> io::Result<()> {
        let options = self.options;
        let stat = |row: &Row| row.stat.as_ref().map(|stat| (stat.mtime, stat.size)).unwrap_or_default();
        if options.by_time {
            rows.sort_by_key(|(row, _)| Reverse(stat(row).0));
        } else if options.by_size {
            rows.sort_by_key(|(row, _)| Reverse(stat(row).1));
        } else {
            rows.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        }
        if options.reverse {
            rows.reverse();
        }
        if self.session.global.json {
            return rows.iter().try_for_each(|(_, json)| self.out.write_all(json));
        }
        if options.null {
            return rows
                .iter()
                .try_for_each(|(row, _)| self.out.write_all(&[&row.name, b"\0".as_slice()].concat()));
        }
        // the name is behind the columns as it is: its width does not matter
        let text = |part: &[(Row, Vec<u8>)], widths: &[usize]| {
            let labels: Vec<String> = part.iter().map(|(row, _)| row.label(options.long)).collect();
            table(options, part).at_least(widths).beside(&labels)
        };
        if rows.len() <= PART {
            return self.out.write_all(text(&rows, &[]).as_bytes());
        }
        // the cells of a large directory would take more memory than its rows: they are made twice
        let widths = rows.par_chunks(PART).map(|part| table(options, part).widths()).reduce(Vec::new, wider);
        let texts: Vec<String> = rows.par_chunks(PART).map(|part| text(part, &widths)).collect();
        texts.iter().try_for_each(|text| self.out.write_all(text.as_bytes()))
    }

    fn blank(&mut self) -> io::Result<()> {
        match self.options.null || self.session.global.json {
            true => Ok(()),
            false => writeln!(self.out),
        }
    }
}

/// A path below a place.
fn joined(place: &[u8], path: &[u8]) -> Vec<u8> {
    let slash: &[u8] = if place.ends_with(b"/") || path.is_empty() { b"" } else { b"/" };
    [place, slash, path].concat()
}

/// Rows that become text at once.
const PART: usize = 1024;

/// The wider ones of the columns of two parts.
fn wider(a: Vec<usize>, b: Vec<usize>) -> Vec<usize> {
    match a.is_empty() {
        true => b,
        false => a.into_iter().zip(b).map(|(a, b)| a.max(b)).collect(),
    }
}

/// The columns of a part of a directory.
fn table(options: &Options, part: &[(Row, Vec<u8>)]) -> Table {
    let mut heads = vec![("", Align::Right)];
    heads.extend(COLUMNS);
    let mut table = Table::new(&heads);
    let sizes = if options.human { Sizes::Human } else { Sizes::Exact };
    for (row, _) in part {
        let number = match &row.stat {
            Some(stat) if options.inode => Cell::new(stat.ino),
            _ => Cell::default(),
        };
        let columns = if options.long { row.cells(sizes) } else { Vec::new() };
        table.row([number].into_iter().chain(columns));
    }
    table
}
