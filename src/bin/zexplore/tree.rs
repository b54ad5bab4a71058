//! `zexplore tree`: a directory tree, drawn.

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};

use zfsp::manifest::{self, Depth};
use zfsp::namespace::escape::unescaped;
use zfsp::namespace::{Entry, Found, Links, Namespace};

use crate::common::exit::{Exit, Failure};
use crate::common::output::written;
use crate::entry::{Row, line, lost};
use crate::place::{PLACES, locate};
use crate::session::Session;
use crate::style::{DIM, size, styled};

/// Datasets stand where they would be mounted.
#[derive(Debug, clap::Args)]
#[command(after_help = PLACES)]
pub(crate) struct Options {
    /// Where to start
    #[arg(value_name = "PLACE", default_value = "/")]
    place: OsString,
    /// No more than so many levels
    #[arg(short = 'L', long = "depth", value_name = "LEVELS")]
    depth: Option<usize>,
    /// Sizes of files
    #[arg(short, long)]
    size: bool,
}

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let pool = session.pool()?;
    let names = session.names(&pool);
    let location = locate(session, &names, &options.place, Links::Follow)?;
    let place = unescaped(options.place.as_encoded_bytes());
    let mut out = BufWriter::new(anstream::stdout().lock());
    let walk = names.walk(&location, options.depth.unwrap_or(usize::MAX));
    let result = draw(session, options, (&names, walk), &place, &mut out).and_then(|()| out.flush());
    Ok(written(result)?.max(session.exit()))
}

fn draw<'n>(
    session: &mut Session<'_>,
    options: &Options,
    (names, walk): (&Namespace<'_>, impl Iterator<Item = Entry<'n>>),
    place: &[u8],
    out: &mut impl Write,
) -> io::Result<()> {
    let (mut directories, mut others) = (0u64, 0u64);
    // of each directory on the way: whether it is the last one where it stands
    let mut lasts: Vec<bool> = Vec::new();
    for entry in walk {
        lost(session, names, &entry);
        if session.global.json {
            manifest::write(&line(&entry, Depth::Attributes), &mut *out)?;
            continue;
        }
        if matches!(entry.found, Found::LostEntries(_)) {
            continue;
        }
        let is_directory = match &entry.found {
            Found::Inode(inode) => inode.is_directory(),
            // there are no others whose type is not known
            found => matches!(found, Found::LostDataset(_)),
        };
        let depth = entry.depth;
        match depth {
            0 => {}
            _ if is_directory => directories = directories.saturating_add(1),
            _ => others = others.saturating_add(1),
        }
        lasts.truncate(depth.saturating_sub(1));
        let mut branches: String =
            lasts.iter().map(|is_last| if *is_last { "    " } else { "│   " }).collect();
        if depth > 0 {
            branches.push_str(if entry.is_last { "└── " } else { "├── " });
            lasts.push(entry.is_last);
        }
        let row = Row::of(&entry, place);
        let bytes = row.stat.as_ref().filter(|_| options.size && !is_directory).map(|stat| size(stat.size));
        let bytes = bytes.map(|bytes| format!("{DIM}[{bytes:>10}]{DIM:#} ")).unwrap_or_default();
        writeln!(out, "{}{bytes}{}", styled(DIM, branches), row.label(true))?;
    }
    match session.global.json {
        true => Ok(()),
        false => writeln!(
            out,
            "\n{}, {}",
            counted(directories, "directory", "directories"),
            counted(others, "file", "files")
        ),
    }
}

fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{n} {}", if n == 1 { one } else { many })
}
