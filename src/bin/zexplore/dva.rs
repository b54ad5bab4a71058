//! `zexplore dva`: any block by its place.

use std::path::PathBuf;

use serde_json::json;
use zfsp::block::Store;
use zfsp::compress::decompress;
use zfsp::decode::{self, auto};
use zfsp::vdev::Extent;
use zfsp_grammar::algorithms::Compression;
use zfsp_grammar::catalogue::Structure;
use zfsp_grammar::gang::GangHeader;
use zfsp_grammar::input::{Input, Parse};

use crate::common::exit::{Exit, Failure};
use crate::common::hex;
use crate::common::number::number;
use crate::common::output::{print, print_json};
use crate::common::place::{PLACE_HELP, Part, Place, Raw, UNPROVEN, guess, pointer_bytes};
use crate::common::show::{Look, decompression, names, structure, write};
use crate::copies::{parts_of_place, table};
use crate::names::Names;
use crate::session::Session;
use crate::style::DIM;

/// Nothing but the block pointer proves a block, and that is not known here: where mirrors and parity contradict
/// each other it is said, who is right is not.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Which block: its place in hex, and letters that say how to take it
    #[arg(value_name = "VDEV:OFFSET:PSIZE[:FLAGS]", long_help = PLACE_HELP)]
    place: Place,
    /// Decompress: lz4, lzjb, zle, gzip or zstd, and the logical size in bytes
    #[arg(long, value_name = "ALGORITHM:LSIZE", value_parser = decompression)]
    decompress: Option<(Compression, usize)>,
    /// A gang header is there: show it, and take the block that its pieces make
    #[arg(long)]
    gang: bool,
    /// Only what side N of the mirror has, from 0
    #[arg(long, value_name = "N", conflicts_with = "child")]
    copy: Option<usize>,
    /// Only what lies on child N of a striped vdev, from 0, its parity included
    #[arg(long, value_name = "N")]
    child: Option<usize>,
    /// Transaction group in which it was written: matters where a RAID-Z was expanded later
    #[arg(long, value_name = "TXG")]
    birth: Option<u64>,
    /// Decode it, as --list of zfsp-decode names it; auto finds out
    #[arg(long = "as", value_name = "STRUCTURE", value_parser = names(true), hide_possible_values = true)]
    structure: Option<String>,
    /// Where it lies: devices, offsets, columns, parity
    #[arg(long = "where")]
    is_where: bool,
    /// Write the bytes to a file; - is standard output
    #[arg(long, value_name = "FILE")]
    dump: Option<PathBuf>,
    #[command(flatten)]
    look: Look,
    /// Byte of the block where what is decoded starts
    #[arg(long, value_name = "OFFSET", value_parser = number, default_value = "0", hide_default_value = true)]
    at: u64,
}

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let opener = session.opener()?;
    let store = opener.store();
    let Options { place, look, .. } = options;
    let birth = options.birth.unwrap_or(Extent::ANY_BIRTH);
    place.misfits(store).iter().for_each(|misfit| session.warn(misfit));
    if options.is_where {
        return whereabouts(session, store, place, birth);
    }
    let part = match (options.copy, options.child) {
        (Some(n), _) => Part::Copy(n),
        (_, Some(n)) => Part::Child(n),
        _ => Part::Whole,
    };
    let Raw { mut bytes, doubts } = place.read(store, birth, part)?;
    doubts.iter().for_each(|doubt| session.warn(doubt));
    if !doubts.is_empty() && options.birth.is_none() {
        anstream::eprintln!(
            "{DIM}--birth TXG would tell which devices were away when it was written, and how wide RAID-Z was{DIM:#}"
        );
    }
    let mut compression = None;
    let is_gang = options.gang || place.flags.gang;
    if is_gang {
        let whole = gang(session, store, place, &bytes)?;
        let is_shown = options.dump.is_some() || options.structure.is_some() || options.decompress.is_some();
        if !is_shown && !place.flags.raw {
            return look
                .show(
                    session.global.json,
                    &decoded(structure("gang")?, &bytes, place.on_device()),
                    &place.to_string(),
                )
                .map(|exit| exit.max(session.exit()));
        }
        bytes = whole;
    }
    if let Some((algorithm, lsize)) = options.decompress {
        bytes = decompress(algorithm, &bytes, lsize)
            .map_err(|error| Failure(Exit::Nothing, format!("{place}: {algorithm}: {error}")))?;
        compression = Some(algorithm);
    } else if place.flags.decompress || place.lsize.is_some_and(|lsize| lsize != place.psize) {
        let (algorithm, guessed) = guess(&bytes, place.lsize)
            .ok_or_else(|| Failure(Exit::Nothing, format!("{place}: no algorithm decompresses it")))?;
        (compression, bytes) = (Some(algorithm), guessed);
    }
    let exit = show(session, options, &bytes, compression)?;
    Ok(exit.max(session.exit()))
}

fn show(
    session: &Session<'_>,
    options: &Options,
    bytes: &[u8],
    compression: Option<Compression>,
) -> Result<Exit, Failure> {
    let Options { place, look, .. } = options;
    let is_raw = place.flags.raw.then(|| PathBuf::from("-"));
    if let Some(path) = options.dump.as_ref().or(is_raw.as_ref()) {
        return write(path, bytes);
    }
    let start = usize::try_from(options.at).unwrap_or(usize::MAX);
    let rest = bytes.get(start..).unwrap_or_default();
    let named = |name: &str| match name {
        "auto" => {
            let best = auto::candidates(rest, 0, None).into_iter().next();
            best.map(|best| best.structure).ok_or_else(|| {
                Failure(Exit::Nothing, format!("{place}: nothing that ZFS writes is recognised here"))
            })
        }
        name => structure(name),
    };
    let (structure, rest, at) = match (&options.structure, place.flags.pointer_at) {
        (Some(name), _) => (Some(named(name)?), rest, start),
        (None, Some(at)) => {
            let none =
                || Failure(Exit::Nothing, format!("{place}: no pointer at {at:#x}: the block ends there"));
            (Some(structure("blkptr")?), pointer_bytes(bytes, at).ok_or_else(none)?, at)
        }
        (None, None) if place.flags.indirect => (Some(structure("indirect")?), rest, start),
        (None, None) => (None, rest, start),
    };
    match structure {
        Some(structure) => {
            let decoded = decoded(structure, rest, at);
            // some prove themselves
            if decoded.verified.is_empty() {
                anstream::eprintln!("{DIM}{place}  {UNPROVEN}{DIM:#}");
            }
            look.show(session.global.json, &decoded, &place.to_string())
        }
        None if session.global.json => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let compression = compression.map(|algorithm| algorithm.to_string());
            print_json(&json!({
                "vdev": place.vdev, "offset": place.offset, "psize": place.psize, "lsize": bytes.len(),
                "compression": compression, "verified": false, "bytes": hex,
            }))
        }
        None => {
            let how = match compression {
                Some(algorithm) => format!("{:#x} bytes, {algorithm}; ", bytes.len()),
                None => String::new(),
            };
            let head = format!("{DIM}{place}  {how}{UNPROVEN}{DIM:#}");
            anstream::eprintln!("{head}");
            print(&hex::dump(rest))
        }
    }
}

fn decoded<'b>(structure: &Structure, bytes: &'b [u8], at: usize) -> decode::Decoded<'b> {
    decode::decode(structure, bytes, at, None, 1)
}

/// The block that the pieces make which a gang header names.
fn gang(session: &mut Session<'_>, store: &Store, place: &Place, header: &[u8]) -> Result<Vec<u8>, Failure> {
    let order = decoded(structure("gang")?, header, 0).order;
    let (_, header) = GangHeader::parse(Input::new(header, order))
        .map_err(|error| Failure(Exit::Nothing, format!("{place}: no gang header: {error}")))?;
    let mut bytes = Vec::new();
    for (n, piece) in header.pieces().enumerate() {
        match store.stored(piece) {
            Ok(stored) => bytes.extend(stored.bytes),
            Err(lost) => {
                session.warn(format!("piece {n} of {place}, {piece}: {lost}"));
                let size = usize::try_from(piece.psize()).unwrap_or_default();
                bytes.extend(std::iter::repeat_n(0, size));
            }
        }
    }
    Ok(bytes)
}

fn whereabouts(session: &Session<'_>, store: &Store, place: &Place, birth: u64) -> Result<Exit, Failure> {
    let names = Names::of_devices(store);
    let stretches = store.vdevs.stretches(place.vdev, &place.extent(birth));
    let stretches = stretches.map_err(|why| Failure(Exit::Nothing, format!("{place}: {why}")))?;
    let parts = parts_of_place(&names, &place.to_string(), &stretches);
    session.show(&parts, |parts| table(parts).to_string())
}
