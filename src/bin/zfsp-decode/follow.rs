//! From a block on into what it points to, a level at a time.

use std::io::Write;

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use zfsp::decode::Decoded;
use zfsp::view::json;
use zfsp_grammar::blkptr::{BLKPTR_SIZE, Pointer};
use zfsp_grammar::catalogue;
use zfsp_grammar::input::{Input, Parse};

use crate::args::Args;
use crate::common::block::{Found, of_pointer};
use crate::common::exit::{Exit, Failure};
use crate::common::opener::Opener;
use crate::common::output::{ERROR, print, written};
use crate::common::show::tell_troubles;

/// Pointers of one block that are followed.
const MOST_FOLLOWED: usize = 16;
/// Blocks that are shown in all.
const MOST_BLOCKS: usize = 256;

/// What a pointer leads to.
struct Below {
    /// Where the pointer stands: path and position.
    path: String,
    at: usize,
    pointer: Pointer,
    /// The block, or why not.
    found: Result<Found, String>,
    below: Vec<Below>,
    /// Pointers that were not followed.
    more: usize,
}

/// Shows what is decoded, and what it points to, `levels` deep.
pub(crate) fn run(
    args: &Args,
    opener: &Opener,
    decoded: &Decoded<'_>,
    levels: usize,
) -> Result<Exit, Failure> {
    let mut left = MOST_BLOCKS;
    let (below, more) = follow(opener, decoded, levels, &mut left);
    let exit = if args.json {
        let document = Document { decoded: Some(decoded), pointer: None, below: &below };
        written(serde_json::to_writer_pretty(anstream::stdout().lock(), &document).map_err(Into::into))?;
        written(anstream::stdout().write_all(b"\n"))?
    } else {
        print(&args.look.text(decoded))?;
        print(&text(args, &below, more, 1))?
    };
    tell_troubles(decoded);
    let is_sound = decoded.is_sound() && below.iter().all(tell);
    Ok(if is_sound { exit } else { exit.max(Exit::Damaged) })
}

/// Says what is lost; true if nothing is.
fn tell(below: &Below) -> bool {
    let Below { path, at, found, below, .. } = below;
    let is_had = match found {
        Ok(found) => {
            found
                .doubts
                .iter()
                .for_each(|doubt| anstream::eprintln!("{ERROR}{path}{ERROR:#} at {at:#x}: {doubt}"));
            found.doubts.is_empty()
        }
        Err(why) => {
            anstream::eprintln!("{ERROR}{path}{ERROR:#} at {at:#x}: {why}");
            false
        }
    };
    below.iter().fold(is_had, |sound, below| tell(below) && sound)
}

/// What the pointers in the tree lead to, and how many more there are.
fn follow(opener: &Opener, decoded: &Decoded<'_>, levels: usize, left: &mut usize) -> (Vec<Below>, usize) {
    let Some(levels) = levels.checked_sub(1) else { return (Vec::new(), 0) };
    let pointers = pointers(decoded);
    let mut all = Vec::new();
    for (k, pointer) in pointers.iter().take(MOST_FOLLOWED) {
        let Some(rest) = left.checked_sub(1) else { break };
        *left = rest;
        let at = decoded.tree.nodes.get(*k).map_or(0, |node| node.at);
        let path = decoded.tree.path(*k);
        let (store, _) = opener.choose(pointer);
        let found = of_pointer(store, pointer, path.clone()).map_err(|lost| lost.to_string());
        let (below, more) = match found.as_ref().ok().and_then(decode) {
            Some(decoded) => follow(opener, &decoded, levels, left),
            None => (Vec::new(), 0),
        };
        all.push(Below { path, at, pointer: *pointer, found, below, more });
    }
    let more = pointers.len().saturating_sub(all.len());
    (all, more)
}

/// The pointers to blocks in the tree, with their nodes.
fn pointers(decoded: &Decoded<'_>) -> Vec<(usize, Pointer)> {
    let tree = &decoded.tree;
    let is_pointer = |k: &usize| {
        let mut parts = tree.parts(Some(*k)).filter_map(|k| tree.nodes.get(k));
        parts.any(|part| part.name() == "prop")
    };
    let pointer = |k: usize| {
        let node = tree.nodes.get(k).filter(|node| node.length() == BLKPTR_SIZE)?;
        let bytes = decoded.content(node.at, node.end);
        let (_, pointer) = Pointer::parse(Input::new(bytes, decoded.order)).ok()?;
        (!pointer.is_hole()).then_some((k, pointer))
    };
    (0..tree.nodes.len()).filter(is_pointer).filter_map(pointer).collect()
}

fn decode(found: &Found) -> Option<Decoded<'_>> {
    let structure = catalogue::find(found.structure?)?;
    Some(found.decoded(structure))
}

fn text(args: &Args, below: &[Below], more: usize, depth: usize) -> String {
    let margin = "  ".repeat(depth);
    let mut out = String::new();
    for Below { path, at, pointer, found, below, more } in below {
        out.push_str(&format!("\n{margin}{path} at {at:#x} -> {pointer}\n"));
        let body = match found {
            Ok(found) => match decode(found) {
                Some(decoded) => args.look.text(&decoded),
                None => format!("{:#x} bytes of content, which have no structure\n", found.bytes.len()),
            },
            Err(why) => format!("{ERROR}lost:{ERROR:#} {why}\n"),
        };
        for line in body.lines() {
            out.push_str(&format!("{margin}{line}\n"));
        }
        out.push_str(&text(args, below, *more, depth.saturating_add(1)));
    }
    if more > 0 {
        out.push_str(&format!("\n{margin}{more} more pointers are not followed\n"));
    }
    out
}

/// A block with what is below it, as JSON.
struct Document<'d> {
    decoded: Option<&'d Decoded<'d>>,
    pointer: Option<&'d Below>,
    below: &'d [Below],
}

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(Below { path, at, pointer, found, .. }) = self.pointer {
            map.serialize_entry("path", path)?;
            map.serialize_entry("at", at)?;
            map.serialize_entry("pointer", &pointer.to_string())?;
            if let Err(why) = found {
                map.serialize_entry("lost", why)?;
            }
        }
        if let Some(decoded) = self.decoded {
            map.serialize_entry("decoded", &json::document(decoded))?;
        }
        map.serialize_entry("below", &List(self.below))?;
        map.end()
    }
}

struct List<'d>(&'d [Below]);

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        for below in self.0 {
            let decoded = below.found.as_ref().ok().and_then(decode);
            let document = Document { decoded: decoded.as_ref(), pointer: Some(below), below: &below.below };
            seq.serialize_element(&document)?;
        }
        seq.end()
    }
}
