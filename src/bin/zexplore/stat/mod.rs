//! `zexplore stat`: all there is to know of a file.

mod blocks;
mod facts;

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};

use serde_json::json;
use zfsp::manifest::{Depth, Line};
use zfsp::namespace::escape::{escaped, unescaped};
use zfsp::namespace::{Links, Location, Namespace, Place};

use crate::common::exit::{Exit, Failure};
use crate::common::output::written;
use crate::names::Names;
use crate::place::{PLACES, locate_readable};
use crate::session::Session;
use crate::style::{TITLE, styled};
use blocks::Block;

const EXAMPLES: &str = "\
Examples:
  zexplore stat /home/report.odt -p disk.img
  zexplore stat --blocks /home/report.odt -p disk.img    where each of its records lies
  zexplore stat lab@monday:#17 -p disk.img               an object by its number";

/// Attributes, extended attributes, ACLs, the dnode. A symbolic link is shown itself, not followed.
#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{PLACES}"))]
pub(crate) struct Options {
    /// Files, directories, whatever there is
    #[arg(value_name = "PLACE", required = true)]
    places: Vec<OsString>,
    /// Each record: offset, state, block pointer, and where it lies on which device. Reads and checks them
    #[arg(short, long)]
    blocks: bool,
}

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let pool = session.pool()?;
    let names = session.names(&pool);
    let mut out = BufWriter::new(anstream::stdout().lock());
    let (mut shown, mut failed) = (0usize, Exit::Well);
    for place in &options.places {
        let location = match locate_readable(session, &names, place, Links::Keep) {
            Ok(location) => location,
            Err(failure) if options.places.len() == 1 => return Err(failure),
            Err(Failure(exit, why)) => {
                session.warn(why);
                failed = failed.max(exit);
                continue;
            }
        };
        let name = unescaped(place.as_encoded_bytes());
        let told = match session.global.json {
            true => as_json(session, options, &names, &name, &location, &mut out),
            false => as_text(session, options, &names, (shown, &name), &location, &mut out),
        };
        if told.is_err() {
            return Ok(written(told)?.max(session.exit()));
        }
        shown = shown.saturating_add(1);
    }
    if shown == 0 {
        return Ok(failed);
    }
    written(out.flush())?;
    Ok(session.exit())
}

fn as_text(
    session: &mut Session<'_>,
    options: &Options,
    names: &Namespace<'_>,
    (n, name): (usize, &[u8]),
    location: &Location,
    out: &mut impl Write,
) -> io::Result<()> {
    if n > 0 {
        writeln!(out)?;
    }
    writeln!(out, "{}", styled(TITLE, escaped(name)))?;
    write!(out, "{}", facts::text(session, location))?;
    lock(session, names, location);
    if let Some(file) = location.content().filter(|_| options.blocks) {
        writeln!(out, "\n{}", styled(TITLE, "blocks"))?;
        let store = names.pool().store_of(&location.dataset.phys);
        let names = Names::of_devices(store);
        for block in Block::all(&file, store) {
            block.warn(session, name);
            write!(out, "{}", block.text(store, &names))?;
        }
    }
    Ok(())
}

fn as_json(
    session: &mut Session<'_>,
    options: &Options,
    names: &Namespace<'_>,
    name: &[u8],
    location: &Location,
    out: &mut impl Write,
) -> io::Result<()> {
    let line = match &location.place {
        Place::Inode(inode) => Line::of_inode(&location.dataset.name, name, inode, Depth::Segments),
        Place::Volume(volume) => Line::of_volume(&location.dataset.name, volume, Depth::Segments),
        Place::Lost(why) => Line::of_loss(&location.dataset.name, name, why),
    };
    if let Place::Inode(inode) = &location.place
        && let Err(loss) = inode.acl()
    {
        session.warn(format_args!("{}: {loss}", escaped(name)));
    }
    if let Some(error) = &line.error {
        session.warn(format_args!("{}: {error}", escaped(name)));
    }
    let mut facts = serde_json::to_value(&line).map_err(io::Error::other)?;
    if let (Some(facts), Some(more)) = (facts.as_object_mut(), facts::json(location).as_object()) {
        facts.extend(more.clone());
    }
    lock(session, names, location);
    if let Some(file) = location.content().filter(|_| options.blocks) {
        let store = names.pool().store_of(&location.dataset.phys);
        let names = Names::of_devices(store);
        let mut all = Vec::new();
        for block in Block::all(&file, store) {
            block.warn(session, name);
            all.push(block.json(store, &names));
        }
        if let Some(facts) = facts.as_object_mut() {
            facts.insert("record_list".into(), json!(all));
        }
    }
    serde_json::to_writer(&mut *out, &facts)?;
    out.write_all(b"\n")
}

/// Says that a volume is locked: what is shown of it is in clear.
fn lock(session: &mut Session<'_>, names: &Namespace<'_>, location: &Location) {
    if matches!(&location.place, Place::Volume(volume) if volume.is_locked()) {
        session.lose(&names.locked(&location.dataset));
    }
}
