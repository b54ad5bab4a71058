//! The command line.

use std::path::PathBuf;

use clap::{ArgGroup, Parser};
use clap_complete::Shell;
use zfsp_grammar::algorithms::Compression;
use zfsp_grammar::notation::Notation;

use crate::common::block::Target;
use crate::common::number::number;
use crate::common::place::{PLACE_HELP, Place};
use crate::common::show::{Look, decompression, names};

/// Tells what bytes of ZFS say: every field with its place, its bytes, its value and its meaning.
///
/// FILE is a device, an image, a block or a dump of one: raw bytes, packed with zstd, or the text
/// of xxd, hexdump -C, zdb -R, or bare hex. With -p and --bp or --object it is a block of a pool, verified and
/// decompressed; with -p and --dva nothing proves it.
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

    #[command(flatten)]
    pub(crate) origin: Origin,

    #[command(flatten)]
    pub(crate) look: Look,
    /// One JSON document
    #[arg(long)]
    pub(crate) json: bool,

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

/// A block of a pool, instead of FILE.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "A block of a pool")]
pub(crate) struct Origin {
    /// Images, disks or folders of them: the devices of the pool, instead of FILE
    #[arg(short, long = "path", value_name = "PATH", num_args = 1.., conflicts_with_all = ["file", "hex"])]
    #[arg(requires = "block")]
    pub(crate) paths: Vec<PathBuf>,
    /// The pool that is meant, where the devices are of several
    #[arg(long, value_name = "NAME|GUID", requires = "paths")]
    pub(crate) pool: Option<String>,
    /// The pool as it was: its newest state that is not newer than this transaction group
    #[arg(short = 'T', long, value_name = "TXG", requires = "paths")]
    pub(crate) txg: Option<u64>,
    /// The pool as its checkpoint keeps it
    #[arg(long, requires = "paths", conflicts_with = "txg")]
    pub(crate) checkpoint: bool,
    /// The key of DATASET, and of all with the same encryption root: a FILE with 32 raw bytes, 64 hex digits or a
    /// passphrase; prompt; or - for standard input
    #[arg(long = "key", value_name = "DATASET=FILE", allow_hyphen_values = true, requires = "paths")]
    pub(crate) keys: Vec<String>,
    /// Keys in JSON: {"DATASET": {"format": "raw"|"hex"|"passphrase", "key": "..."}}; raw keys in hex digits
    #[arg(long = "keys", value_name = "FILE.json", requires = "paths")]
    pub(crate) key_files: Vec<PathBuf>,
    /// The block at that place; nothing proves it
    #[arg(long, value_name = "VDEV:OFFSET:PSIZE", requires = "paths", group = "block", long_help = PLACE_HELP)]
    pub(crate) dva: Option<Place>,
    /// The block that this pointer leads to: as zdb and zexplore print it, or its sixteen words
    #[arg(long, value_name = "POINTER", requires = "paths", group = "block")]
    pub(crate) bp: Option<Notation>,
    /// An object, or a block of it; mos:#N of the meta object set
    #[arg(long, value_name = "DATASET:#N[:BLOCK]", requires = "paths", group = "block")]
    pub(crate) object: Option<Target>,
    /// Go on into what the block points to, that many levels deep
    #[arg(long, value_name = "LEVELS", num_args = 0..=1, default_missing_value = "1", requires = "paths")]
    pub(crate) follow: Option<usize>,
}

const EXAMPLES: &str = "\
Examples:
  zfsp-decode label disk.img                    what the first label of a disk says
  zfsp-decode label disk.img --at 256K          the second one
  zfsp-decode uberblock disk.img --at 0x22c00   one uberblock of its ring
  zfsp-decode dnode block.bin --decompress lz4:16384
  xxd block.bin | zfsp-decode auto              what may this be?
  zfsp-decode auto -p images/ --object lab/home:#34     an object, by what it is
  zfsp-decode auto -p images/ --bp 'DVA[0]=<0:ff200:200> ...' --follow
  zfsp-decode --spec dnode                      the table of a structure

Exit codes: 0 all well; 1 nothing could be read; 2 usage; 3 read, but something is wrong with it";

fn count(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|n| *n > 0)
        .ok_or_else(|| format!("'{text}' is no number of structures: 1 or more"))
}
