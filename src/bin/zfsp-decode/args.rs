//! The command line.

use std::path::PathBuf;

use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{ArgGroup, Parser};
use clap_complete::Shell;
use zfsp::compress;
use zfsp_grammar::algorithms::Compression;
use zfsp_grammar::catalogue;

use crate::shared::number::number;

/// Tells what bytes of ZFS say: every field with its place, its bytes, its value and its meaning.
///
/// FILE is a device, an image, a block or a dump of one: raw bytes, packed with zstd, or the text
/// of xxd, hexdump -C, zdb -R, or bare hex.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, max_term_width = 100)]
#[command(group = ArgGroup::new("what").required(true).args(["structure", "list", "spec", "completions"]))]
#[allow(clippy::struct_excessive_bools)] // each is a flag of its own
pub(crate) struct Args {
    /// What to read, as --list names it, or auto to find out
    #[arg(value_parser = names(true), hide_possible_values = true)]
    pub(crate) structure: Option<String>,
    /// Where to read it; - or nothing is standard input
    pub(crate) file: Option<PathBuf>,

    /// Bytes as hex digits, instead of FILE
    #[arg(long, value_name = "STRING", conflicts_with = "file")]
    pub(crate) hex: Option<String>,
    /// Byte of FILE where the structure starts (decimal, 0x hex, with K, M, G)
    #[arg(long, value_name = "OFFSET", value_parser = number, default_value = "0", hide_default_value = true)]
    pub(crate) at: u64,
    /// Bytes to read; with --decompress: stored bytes
    #[arg(long, value_name = "BYTES", value_parser = number)]
    pub(crate) length: Option<u64>,
    /// Structures to read, one behind the other
    #[arg(long, value_name = "N", default_value = "1", hide_default_value = true, value_parser = count)]
    pub(crate) count: usize,
    /// Byte of its device where FILE starts: for the checksums of labels and gang headers
    #[arg(long, value_name = "OFFSET", value_parser = number)]
    pub(crate) base: Option<u64>,
    /// The writer was little-endian (found out if not said)
    #[arg(long, conflicts_with = "be")]
    pub(crate) le: bool,
    /// The writer was big-endian
    #[arg(long)]
    pub(crate) be: bool,
    /// Decompress first: lz4, lzjb, zle, gzip, zstd or off, and the logical size in bytes
    #[arg(long, value_name = "ALGORITHM:LSIZE", value_parser = decompression)]
    pub(crate) decompress: Option<(Compression, usize)>,

    /// Show every field, nothing folded
    #[arg(long, short, conflicts_with_all = ["json", "values"])]
    pub(crate) full: bool,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Only names and values
    #[arg(long, conflicts_with = "json")]
    pub(crate) values: bool,
    /// Also write a page that a browser shows, bytes beside fields
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// List the structures
    #[arg(long)]
    pub(crate) list: bool,
    /// Print the table of a structure: offset, size, type, name, meaning
    #[arg(long, value_name = "NAME", value_parser = names(false), hide_possible_values = true)]
    pub(crate) spec: Option<String>,
    /// Print completions for a shell
    #[arg(long, value_name = "SHELL", value_enum)]
    pub(crate) completions: Option<Shell>,
}

const EXAMPLES: &str = "\
Examples:
  zfsp-decode label disk.img                    what the first label of a disk says
  zfsp-decode label disk.img --at 256K          the second one
  zfsp-decode uberblock disk.img --at 0x22c00   one uberblock of its ring
  zfsp-decode dnode block.bin --decompress lz4:16384
  xxd block.bin | zfsp-decode auto              what may this be?
  zfsp-decode --spec dnode                      the table of a structure

Exit codes: 0 all well; 1 nothing could be read; 2 usage; 3 read, but something is wrong with it";

/// The structures, for completions and for who mistypes one.
fn names(auto: bool) -> PossibleValuesParser {
    let names = catalogue::structures().map(|s| PossibleValue::new(s.name).help(s.about));
    let auto = auto.then(|| PossibleValue::new("auto").help("find out"));
    PossibleValuesParser::new(names.chain(auto))
}

fn count(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|n| *n > 0)
        .ok_or_else(|| format!("'{text}' is no number of structures: 1 or more"))
}

/// `lz4:16384`.
fn decompression(text: &str) -> Result<(Compression, usize), String> {
    let (name, lsize) = text.split_once(':').ok_or("expected ALGORITHM:LSIZE, like lz4:16384")?;
    let algorithm = compress::by_name(name)
        .ok_or_else(|| format!("no algorithm '{name}': lz4, lzjb, zle, gzip, zstd or off"))?;
    let lsize = usize::try_from(number(lsize)?).map_err(|e| e.to_string())?;
    Ok((algorithm, lsize))
}
