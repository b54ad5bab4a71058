//! What is decoded, as a tree, as JSON, as a page.

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser};
use zfsp::compress;
use zfsp::decode::Decoded;
use zfsp::view::html::{self, Page};
use zfsp::view::rows::Detail;
use zfsp::view::{json, text};
use zfsp_grammar::algorithms::Compression;
use zfsp_grammar::catalogue::{self, Structure};

use crate::common::exit::{Exit, Failure};
use crate::common::number::number;
use crate::common::output::{ERROR, create, print, written};

/// How what is decoded is shown.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Look {
    /// Show every field, nothing folded
    #[arg(long, short, conflicts_with_all = ["json", "values"])]
    pub(crate) full: bool,
    /// Only names and values
    #[arg(long, conflicts_with = "json")]
    pub(crate) values: bool,
    /// Also write a page that a browser shows, bytes beside fields
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

/// Problems that standard error names: who wants all of thousands asks for JSON.
const LISTED: usize = 20;

impl Look {
    /// What a reader sees, with colours.
    pub(crate) fn text(&self, decoded: &Decoded<'_>) -> String {
        match self.values {
            true => text::values(decoded),
            false => text::tree(decoded, if self.full { Detail::Full } else { Detail::Brief }),
        }
    }

    /// True if the page has standard output for itself.
    pub(crate) fn is_page_only(&self) -> bool {
        self.html.as_ref().is_some_and(|path| path.as_os_str() == "-")
    }

    /// Prints the tree, and says on standard error what is wrong; writes the page that is asked for. `name` is what
    /// the bytes are called.
    pub(crate) fn show(&self, is_json: bool, decoded: &Decoded<'_>, name: &str) -> Result<Exit, Failure> {
        if self.is_page_only() {
        } else if is_json {
            written(json::write(decoded, anstream::stdout().lock()))?;
        } else {
            print(&self.text(decoded))?;
        }
        tell_troubles(decoded);
        if let Some(path) = &self.html {
            write(path, html::page(&Page { source: name, ..Page::from(decoded) }).as_bytes())?;
        }
        Ok(if decoded.is_sound() { Exit::Well } else { Exit::Damaged })
    }
}

/// Says on standard error what is wrong.
pub(crate) fn tell_troubles(decoded: &Decoded<'_>) {
    let troubles = decoded.tree.troubles();
    for trouble in troubles.iter().take(LISTED) {
        let (path, at, text) = (&trouble.path, trouble.at, &trouble.problem.text);
        anstream::eprintln!("{ERROR}{path}{ERROR:#} at {at:#x}: {text}");
    }
    if let Some(more) = troubles.len().checked_sub(LISTED).filter(|more| *more > 0) {
        anstream::eprintln!("{more} more problems; --json lists them all");
    }
}

/// Writes a file, where the user says; `-` is standard output.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<Exit, Failure> {
    if path.as_os_str() == "-" {
        return written(std::io::Write::write_all(&mut std::io::stdout().lock(), bytes));
    }
    let write = |mut file: std::fs::File| std::io::Write::write_all(&mut file, bytes);
    match create(path).and_then(write) {
        Ok(()) => Ok(Exit::Well),
        Err(e) => Err(Failure(Exit::Nothing, format!("{}: {e}", path.display()))),
    }
}

/// The structure called `name`.
pub(crate) fn structure(name: &str) -> Result<&'static Structure, Failure> {
    catalogue::find(name).ok_or_else(|| {
        Failure(Exit::Usage, format!("no structure '{name}': zfsp-decode --list names them all"))
    })
}

/// The structures, for completions and for who mistypes one.
pub(crate) fn names(auto: bool) -> PossibleValuesParser {
    let names = catalogue::structures().map(|s| PossibleValue::new(s.name).help(s.about));
    let auto = auto.then(|| PossibleValue::new("auto").help("find out"));
    PossibleValuesParser::new(names.chain(auto))
}

/// `lz4:16384`.
pub(crate) fn decompression(text: &str) -> Result<(Compression, usize), String> {
    let (name, lsize) = text.split_once(':').ok_or("expected ALGORITHM:LSIZE, like lz4:16384")?;
    let algorithm = compress::by_name(name)
        .ok_or_else(|| format!("no algorithm '{name}': lz4, lzjb, zle, gzip, zstd or off"))?;
    let lsize = usize::try_from(number(lsize)?).map_err(|e| e.to_string())?;
    Ok((algorithm, lsize))
}
