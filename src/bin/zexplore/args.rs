//! The command line.

use std::path::PathBuf;

use clap::{ColorChoice, Parser, Subcommand};
use clap_complete::Shell;

use crate::common::exit::CODES;
use crate::{
    bp, cat, config, datasets, diff, dva, errors, extract, find, get, history, keys, label, ls, manifest,
    mount, objset, stat, tree, uberblocks, verify, zil,
};

/// Explores a ZFS pool from its images or disks: reads them only, imports nothing.
///
/// Without a command: summary.
#[derive(Debug, Parser)]
#[command(name = "zexplore", version, after_help = format!("{EXAMPLES}\n\n{CODES}\n{IN_CLEAR}"), max_term_width = 100)]
#[command(subcommand_precedence_over_arg = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What every command takes, before or after its name.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    /// Images, disks or folders of them, in any order, also packed with zstd: all words up to the next option
    #[arg(short, long = "path", value_name = "PATH", num_args = 1.., global = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// The pool that is meant, where the devices are of several
    #[arg(long, value_name = "NAME|GUID", global = true)]
    pub(crate) pool: Option<String>,
    /// The pool as it was: its newest state that is not newer than this transaction group
    #[arg(short = 'T', long, value_name = "TXG", global = true)]
    pub(crate) txg: Option<u64>,
    /// The pool as its checkpoint keeps it
    #[arg(long, global = true, conflicts_with = "txg")]
    pub(crate) checkpoint: bool,
    /// Files and volumes as they will be after the next import: with what their intent logs hold
    #[arg(long, global = true)]
    pub(crate) replay: bool,
    /// The key of DATASET, and of all with the same encryption root: a FILE with 32 raw bytes, 64 hex digits or a
    /// passphrase; prompt; or - for standard input
    #[arg(long = "key", value_name = "DATASET=FILE", allow_hyphen_values = true, global = true)]
    pub(crate) keys: Vec<String>,
    /// Keys in JSON: {"DATASET": {"format": "raw"|"hex"|"passphrase", "key": "..."}}; raw keys in hex digits
    #[arg(long = "keys", value_name = "FILE.json", global = true)]
    pub(crate) key_files: Vec<PathBuf>,
    /// JSON instead of text; all sizes in bytes
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colours
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_default_value = true, global = true)]
    pub(crate) color: ColorChoice,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What there is, what is wrong, and what to try next
    Summary,
    /// File systems, volumes, snapshots and bookmarks
    #[command(visible_alias = "list")]
    Datasets(datasets::Options),
    /// Properties of datasets and of the pool; permissions; space by user
    Get(get::Options),
    /// What is in a directory
    Ls(ls::Options),
    /// A directory tree, drawn
    Tree(tree::Options),
    /// What is called so, is of that type, is newer, is larger
    Find(find::Options),
    /// All there is to know of a file: attributes, ACLs, records and where they lie
    Stat(stat::Options),
    /// The content of files and volumes
    Cat(cat::Options),
    /// Files, volumes, whole datasets out of the pool: into a folder, or an archive
    Extract(extract::Options),
    /// The pool as a file system, for any program to read: through FUSE
    #[command(visible_alias = "fuse")]
    Mount(mount::Options),
    /// What changed between two snapshots, datasets or txgs
    Diff(diff::Options),
    /// A line for each object of each dataset and snapshot, with hashes
    Manifest(manifest::Options),
    /// What was done to the pool: commands, and what happened inside
    History(history::Options),
    /// The blocks that the pool knows to be damaged
    Errors(errors::Options),
    /// Intent logs: what was promised to applications, but is not in the tree yet
    Zil(zil::Options),
    /// Encrypted datasets: which key opens which of them, and why another does not
    Keys(keys::Options),
    /// Read and check every block: what is damaged, and what there is of each type
    Verify(verify::Options),
    /// What the four labels of each device say, and where they differ
    Label(label::Options),
    /// The states that the pool could be opened with: the ring of uberblocks of each device
    Uberblocks(uberblocks::Options),
    /// The pool's vdevs with their devices, its features and its properties
    Config(config::Options),
    /// Objects: a table of all, or what one of them holds
    #[command(visible_alias = "objectset")]
    Objset(objset::Options),
    /// Any block by its place: bytes, meaning, devices
    Dva(dva::Options),
    /// A block by its pointer: every copy checked, its content
    Bp(bp::Options),
    /// Print completions for a shell
    Completions { shell: Shell },
    /// Print the manual page, or that of a command
    Man { command: Option<String> },
}

/// What exit code 0 means where keys are missing.
pub(crate) const IN_CLEAR: &str = "Without keys summary, verify, errors and keys end with 0 as well: \
what they show of encrypted datasets is in clear";

const EXAMPLES: &str = "\
Examples:
  zexplore -p disk1.img disk2.img       what is on these images?
  zexplore -p /dev/disk/by-id           which pools are on these disks?
  zexplore verify -p images/            is every block readable?
  zexplore datasets -t all -p images/   file systems, volumes, snapshots and bookmarks
  zexplore get all lab/home -p images/  the properties of one of them
  zexplore ls -l /home -p images/       what is in this directory?
  zexplore cat /home/a.txt -p images/   what is in this file?
  zexplore stat -b /home/a.txt -p images/  and where does it lie?
  zexplore extract / rescued -p images/ all files of all datasets
  zexplore mount /mnt -p images/        the pool as a file system
  zexplore diff lab@mon lab -p images/  what changed since that snapshot?
  zexplore history -il -p images/       everything that was done, and by whom
  zexplore errors -p images/            what the pool knows to be damaged
  zexplore zil -p images/               what the next import will replay
  zexplore keys -p images/              which datasets are encrypted, and with which keys
  zexplore label -p disk.img            what its labels say
  zexplore label 0 -v -p disk.img       the first one, every field
  zexplore uberblocks -p images/        the states that can be looked at
  zexplore config -p images/ -T 1234    vdevs and features as they were in txg 1234
  zexplore objset -d lab -p images/     the objects of a file system
  zexplore objset 34 -d lab -p images/  one of them: dnode and content
  zexplore dva 0:fee00:400 -p images/   the block at that place
  zexplore bp 'DVA[0]=<0:ff200:200> ...' -p images/";
