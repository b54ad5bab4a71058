//! `zexplore bp`: a block by its pointer.

use std::path::PathBuf;

use serde::Serialize;
use serde_json::Value;
use zfsp::block::{Lost, Store, Stored, Why};
use zfsp::checksum::Verdict;
use zfsp::decode::{self, auto, content};

use zfsp::view::html::{self, Page};
use zfsp::view::json::document;
use zfsp_grammar::blkptr::{Blkptr, Pointer};
use zfsp_grammar::catalogue::{self, Structure};
use zfsp_grammar::input::Order;
use zfsp_grammar::notation::Notation;

use crate::common::block::{first_copy, locked_block, lost_block, settle};
use crate::common::exit::{Exit, Failure};
use crate::common::hex;
use crate::common::opener::Opener;
use crate::common::output::print;
use crate::common::seal::{self, is_under_mac};
use crate::common::show::{Look, names, structure, tell_troubles, write};
use crate::copies::Copies;
use crate::names::Names;
use crate::session::Session;
use crate::style::{BAD, GOOD, ODD, TITLE, plain};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// As zdb and zexplore print it, a row of the blocks of zdb -ddddd, a place <VDEV:OFFSET:SIZE>, or sixteen words
    #[arg(value_name = "POINTER", num_args = 1.., required = true)]
    pointer: Vec<String>,
    /// The block as it is stored: not decompressed
    #[arg(long)]
    raw: bool,
    /// Decode it as that, whatever the pointer says
    #[arg(long = "as", value_name = "STRUCTURE", value_parser = names(true), hide_possible_values = true)]
    structure: Option<String>,
    /// Write the bytes to a file; - is standard output
    #[arg(long, value_name = "FILE")]
    dump: Option<PathBuf>,
    #[command(flatten)]
    look: Look,
}

/// What a pointer leads to.
#[derive(Debug, Serialize)]
struct Facts {
    pointer: String,
    /// The text told no algorithms: they were found by trying.
    is_partial: bool,
    fields: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    copies: Option<Copies>,
    content: Content,
}

#[derive(Debug, Default, Serialize)]
struct Content {
    r#type: String,
    level: u8,
    lsize: u64,
    psize: u64,
    /// What proves it, or why it could not be had.
    proof: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    structure: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decoded: Option<Value>,
}

pub(crate) fn run(session: &mut Session<'_>, options: &Options) -> Result<Exit, Failure> {
    let text = options.pointer.join(" ");
    let notation: Notation = text.parse().map_err(|error| Failure(Exit::Usage, format!("{error}")))?;
    let opener = session.opener()?;
    let notation = settle(opener.store(), notation);
    let pointer = notation.pointer;
    let (store, opened_by) = opener.choose(&pointer);
    // the first copy whose checksum holds need not be that which the key opens
    let stored = if opened_by.is_some() { store.authentic(&pointer) } else { store.stored(&pointer) };
    let block = match &stored {
        Ok(Stored { bytes, .. }) if options.raw => Ok((bytes.clone(), pointer.order())),
        Ok(Stored { bytes, .. }) if pointer.stored().is_some() => {
            store.unpack(&pointer, bytes.clone()).map(|block| (block.bytes, block.order))
        }
        Ok(_) => store.read(&pointer).map(|block| (block.bytes, block.order)),
        Err(lost) => Err(lost.clone()),
    };
    if let Some(path) = &options.dump {
        let (bytes, _) = block.map_err(|lost| match lost.why {
            Why::Locked => lost_block(&opener, &first_copy(&pointer), lost, notation.is_partial),
            _ => Failure(Exit::Nothing, format!("{pointer}: {lost}")),
        })?;
        return write(path, &bytes).map(|exit| exit.max(session.exit()));
    }
    let names = Names::of_devices(store);
    let copies = pointer.stored().map(|b| Copies::of(store, &names, &b, &stored));
    let told = Told {
        opener: &opener,
        store,
        opened_by,
        notation: &notation,
        stored: &stored,
        block: &block,
        options,
    };
    let exit = told.show(session, copies)?;
    Ok(exit.max(session.exit()))
}

/// All that is known.
struct Told<'t> {
    opener: &'t Opener,
    store: &'t Store,
    /// The dataset whose key it takes, if that was given.
    opened_by: Option<&'t str>,
    notation: &'t Notation,
    stored: &'t Result<Stored, Lost>,
    block: &'t Result<(Vec<u8>, Order), Lost>,
    options: &'t Options,
}

impl Told<'_> {
    fn show(&self, session: &mut Session<'_>, copies: Option<Copies>) -> Result<Exit, Failure> {
        let Notation { pointer, words, is_partial } = *self.notation;
        let look = &self.options.look;
        let words: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let fields = decode::decode(structure("blkptr")?, &words, 0, Some(Order::Little), 1);
        let chosen =
            if self.options.raw && self.options.structure.is_none() { None } else { self.structure()? };
        let decoded = match (self.block, chosen) {
            (Ok((bytes, order)), Some(structure)) => {
                let is_sealed = is_under_mac(&pointer) && self.store.key.is_none();
                Some(seal::decode(structure, bytes, 0, Some(*order), 1, is_sealed))
            }
            _ => None,
        };
        if let Some(path) = &look.html
            && let Some(decoded) = &decoded
        {
            let name = pointer.to_string();
            write(path, html::page(&Page { source: &name, ..Page::from(decoded) }).as_bytes())?;
            if look.is_page_only() {
                return Ok(Exit::Well);
            }
        }
        if copies.as_ref().is_some_and(|copies| !copies.are_sound()) {
            session.warn(format!("not every copy of {} is right", first_copy(&pointer)));
        }
        let mut content = self.content(decoded.as_ref().map(|decoded| decoded.structure));
        if is_partial {
            content.r#type = "type unknown".into();
        }
        if let Some(why) = &content.lost {
            session.warn(why);
        }
        if session.global.json {
            let value =
                |decoded: &decode::Decoded<'_>| serde_json::to_value(document(decoded)).unwrap_or_default();
            let content = Content { decoded: decoded.as_ref().map(value), ..content };
            let facts =
                Facts { pointer: pointer.to_string(), is_partial, fields: value(&fields), copies, content };
            return session.show(&facts, |_| String::new());
        }
        let mut out = format!("{TITLE}{pointer}{TITLE:#}\n");
        if is_partial && !pointer.is_hole() {
            out.push_str(
                "  the text tells neither type nor algorithms nor byte order: those that fit were found by trying\n",
            );
        }
        out.push_str(&format!("\n{TITLE}pointer{TITLE:#}\n{}", look.text(&fields)));
        if let Some(copies) = &copies {
            out.push_str(&format!("\n{TITLE}copies{TITLE:#}\n{}", copies.text()));
        }
        out.push_str(&format!("\n{TITLE}content{TITLE:#}  {}\n", headline(&content, pointer.is_hole())));
        match (&decoded, self.block) {
            (Some(decoded), _) => {
                out.push_str(&look.text(decoded));
                tell_troubles(decoded);
            }
            (None, Ok(_)) if pointer.is_hole() => {}
            (None, Ok((bytes, _))) if self.options.raw || chosen.is_none() => {
                out.push_str(&hex::dump(bytes.get(..MOST_SHOWN).unwrap_or(bytes)));
                if bytes.len() > MOST_SHOWN {
                    out.push_str(&format!(
                        "  ... {:#x} bytes in all: --dump FILE writes them\n",
                        bytes.len()
                    ));
                }
            }
            _ => {}
        }
        print(&out)
    }

    /// The structure of the content: as asked for, as the pointer says, or as it looks.
    fn structure(&self) -> Result<Option<&'static Structure>, Failure> {
        let bytes = self.block.as_ref().map(|(bytes, _)| bytes.as_slice()).unwrap_or_default();
        let guessed = || auto::candidates(bytes, 0, None).into_iter().next().map(|best| best.structure);
        let pointer = &self.notation.pointer;
        Ok(match self.options.structure.as_deref() {
            Some("auto") => guessed(),
            Some(name) => Some(structure(name)?),
            None if self.notation.is_partial && pointer.level() == 0 => guessed(),
            None if pointer.is_hole() => None,
            None => content::of_pointer(pointer).and_then(catalogue::find),
        })
    }

    fn content(&self, structure: Option<&'static str>) -> Content {
        let pointer = &self.notation.pointer;
        let lost = match (self.block, self.stored) {
            (Err(lost), _) if lost.why == Why::Locked => {
                Some(locked_block(self.opener, &first_copy(pointer), self.notation.is_partial))
            }
            (Err(lost), _) => Some(lost.to_string()),
            _ => None,
        };
        let proof = match (pointer.stored(), self.stored, self.block) {
            (Some(b), Ok(stored), Err(lost)) if lost.why == Why::Locked => {
                format!("{}; locked: it takes the key to read it", self.proof(&b, &stored.bytes))
            }
            (Some(b), Ok(stored), _) => {
                let key = self
                    .opened_by
                    .map(|dataset| format!("; its MAC holds with the key of {}", plain(dataset)));
                format!("{}{}", self.proof(&b, &stored.bytes), key.unwrap_or_default())
            }
            (Some(_), Err(_), _) => "lost".into(),
            (None, ..) => match pointer {
                Pointer::Hole(_) => "a hole: zeros, nothing is stored".into(),
                _ => "in the pointer itself".into(),
            },
        };
        Content {
            r#type: pointer.r#type().to_string(),
            level: pointer.level(),
            lsize: pointer.lsize(),
            psize: pointer.psize(),
            proof,
            lost,
            structure,
            decoded: None,
        }
    }

    fn proof(&self, b: &Blkptr, stored: &[u8]) -> String {
        let algorithm = b.prop.checksum();
        if b.copies().any(zfsp_grammar::blkptr::Dva::is_gang) {
            return "proven piece by piece".into();
        }
        match self.store.checker.verify(b, stored) {
            Ok(Verdict::Verified) => format!("{algorithm} verified"),
            Ok(Verdict::Unchecked) => "no checksum: nothing proves it".into(),
            Ok(_) => format!("{algorithm} does not hold"),
            Err(error) => error.to_string(),
        }
    }
}

/// Bytes that a dump shows.
const MOST_SHOWN: usize = 4096;

fn headline(content: &Content, is_hole: bool) -> String {
    let Content { r#type, level, lsize, psize, proof, lost, structure, .. } = content;
    let style = match (lost, proof.contains(" verified") || proof.starts_with("proven")) {
        (Some(_), _) => BAD,
        (None, true) => GOOD,
        (None, false) => ODD,
    };
    let structure = structure.map(|name| format!("  {name}")).unwrap_or_default();
    if is_hole {
        // its pointer tells its size
        return format!("{type} L{level}  {style}{proof}{style:#}");
    }
    format!("{type} L{level}  {lsize:#x} bytes, stored in {psize:#x}  {style}{proof}{style:#}{structure}")
}
