//! `zexplore cat`: the content of files and volumes.

use std::ffi::OsString;
use std::io::{self, Write};
use std::ops::Range;

use zfsp::file::{Content, File};
use zfsp::namespace::escape::{escaped, unescaped};
use zfsp::namespace::{Links, Location, Namespace, Place};
use zfsp::object::Loss;
use zfsp_grammar::mode::FileType;

use crate::common::exit::{Exit, Failure};
use crate::common::number::number;
use crate::common::output::written;
use crate::place::{PLACES, locate_readable};
use crate::session::Session;

/// Holes are zeros. What is lost ends it with exit code 3.
#[derive(Debug, clap::Args)]
#[command(after_help = PLACES)]
pub(crate) struct Options {
    /// Files or volumes, one after the other
    #[arg(value_name = "PLACE", required = true)]
    places: Vec<OsString>,
    /// First byte
    #[arg(long, value_name = "OFFSET", value_parser = number, default_value = "0", hide_default_value = true)]
    offset: u64,
    /// No more than so many bytes of each
    #[arg(long, value_name = "BYTES", value_parser = number)]
    length: Option<u64>,
    /// Zeros for what is lost, which standard error names
    #[arg(long)]
    salvage: bool,
}

/// Why the output ends before the end.
enum Stop {
    Output(io::Error),
    Lost(Box<Loss>),
}

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let pool = session.pool()?;
    let names = session.names(&pool);
    let mut out = io::stdout().lock();
    let (mut failures, mut failed) = (0usize, Exit::Well);
    for place in &options.places {
        let name = escaped(&unescaped(place.as_encoded_bytes())).to_string();
        let file = match locate_readable(session, &names, place, Links::Follow)
            .and_then(|found| file(&names, &name, found))
        {
            Ok(file) => file,
            Err(failure) if options.places.len() == 1 => return Err(failure),
            Err(Failure(exit, why)) => {
                session.warn(why);
                failed = failed.max(exit);
                failures = failures.saturating_add(1);
                continue;
            }
        };
        let end = options.length.map_or(u64::MAX, |length| options.offset.saturating_add(length));
        let copied = copy(&file, options.offset..end, &mut out, |lost| {
            if options.salvage {
                session.warn(format_args!("{name}: {lost}"));
            }
            options.salvage
        });
        match copied {
            Ok(()) => {}
            Err(Stop::Output(error)) => return Ok(written(Err(error))?.max(session.exit())),
            Err(Stop::Lost(loss)) => {
                session.warn(format_args!("{name}: {loss}; --salvage puts zeros in its place and goes on"));
                break;
            }
        }
    }
    if failures == options.places.len() {
        return Ok(failed);
    }
    written(out.flush())?;
    Ok(session.exit())
}

/// What has a content.
fn file(names: &Namespace<'_>, name: &str, found: Location) -> Result<File, Failure> {
    match found.place {
        Place::Volume(volume) if volume.is_locked() => Err(names.locked(&found.dataset).into()),
        Place::Volume(volume) => Ok(volume.data()),
        Place::Inode(inode) if inode.kind() == FileType::REGULAR => Ok(inode.open()),
        Place::Inode(inode) => {
            let what = format!("{name}: a {}: it has no content of its own", inode.kind());
            Err(Failure(Exit::Nothing, what))
        }
        Place::Lost(error) => Err(error.as_ref().into()),
    }
}

/// Copies a range; `goes_on` is asked what to do where something is lost.
fn copy(
    file: &File,
    range: Range<u64>,
    out: &mut impl Write,
    mut goes_on: impl FnMut(&str) -> bool,
) -> Result<(), Stop> {
    file.stream(range, |chunk| {
        if let Content::Lost(loss) = &chunk.content {
            let Range { start, end } = chunk.range;
            let length = end.saturating_sub(start);
            if !goes_on(&format!("{length} bytes from {start} on are lost: {loss}")) {
                return Err(Stop::Lost(Box::new(loss.clone())));
            }
        }
        chunk.write(out).map_err(Stop::Output)
    })
}
