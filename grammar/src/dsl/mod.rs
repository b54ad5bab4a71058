//! DSL, the dataset and snapshot layer: what the meta object set says about file systems, volumes,
//! snapshots and the pool itself.
//!
//! Everything starts at the [pool directory](pool_directory), object 1 of the MOS. Directories
//! ([`dir`]) form the tree of names, datasets ([`dataset`]) hold the object sets; both lie in the
//! bonus of an object. Around them stand lists of dead blocks ([`deadlist`], [`bpobj`],
//! [`bptree`]), [bookmarks](bookmark), [properties](property), and the pool's bookkeeping.
//! Handbook: [`docs/format/11-dsl.md`].
//!
//! ```
//! let dir = zfsp_grammar::catalogue::find("dsl-dir").expect("a structure");
//! assert!(matches!((dir.parts)(), zfsp_grammar::spec::Parts::Record(spec) if spec.size == Some(256)));
//! ```
//!
//! [`docs/format/11-dsl.md`]: crate::handbook::dsl

use alloc::vec::Vec;

use crate::catalogue::{Structure, structure};
use crate::input::{Parse, filling};
use crate::quantity::ObjectId;

pub mod bookmark;
pub mod bpobj;
pub mod bptree;
pub mod crypto_key;
pub mod dataset;
pub mod deadlist;
pub mod delegation;
pub mod dir;
pub mod error_log;
pub mod feature;
pub mod history;
pub mod hold;
pub mod pool_directory;
pub mod property;
pub mod scan;
pub mod vdev_zap;

pub(crate) const STRUCTURES: &[Structure] = &[
    structure!("dsl-dir", "DSL directory: bonus of 256 bytes", "11-dsl.md 11.2", dir::DslDir),
    structure!("dsl-dataset", "DSL dataset: bonus of 320 bytes", "11-dsl.md 11.3", dataset::DslDataset),
    structure!("deadlist-header", "deadlist: bonus of 320 bytes", "11-dsl.md 11.8", deadlist::DeadlistHeader),
    structure!(
        "bpobj-header",
        "list of block pointers: bonus of 16 to 56 bytes",
        "11-dsl.md 11.9",
        bpobj::BpobjHeader
    ),
    structure!(
        "bpobj",
        "list of block pointers, of a deadlist or a livelist",
        "11-dsl.md 11.9",
        Vec<bpobj::Entry> = filling(crate::blkptr::BLKPTR_SIZE, bpobj::Entry::parse)
    ),
    structure!(
        "object-array",
        "array of object numbers: metaslabs of a vdev, parts of a list of block pointers",
        "06-dnode-objset.md 6.6",
        Vec<ObjectId> = filling(8, ObjectId::parse)
    ),
    structure!(
        "bptree-header",
        "destroyed datasets: bonus of 40 bytes",
        "11-dsl.md 11.9b",
        bptree::BptreeHeader
    ),
    structure!(
        "bptree",
        "datasets being destroyed in the background",
        "11-dsl.md 11.9b",
        Vec<bptree::BptreeEntry> = filling(bptree::ENTRY_SIZE, bptree::BptreeEntry::parse)
    ),
    structure!("zbookmark", "name of a block", "06-dnode-objset.md 6.4", bookmark::Zbookmark),
    structure!("bookmark", "dataset bookmark: 3 to 12 words", "11-dsl.md 11.6", bookmark::Bookmark),
    structure!(
        "redaction-list-header",
        "redaction list: bonus or spill",
        "11-dsl.md 11.6",
        bookmark::RedactionListHeader
    ),
    structure!(
        "redaction-list",
        "redacted blocks",
        "11-dsl.md 11.6",
        Vec<bookmark::RedactionEntry> = filling(32, bookmark::RedactionEntry::parse)
    ),
    structure!("scan", "scrub or resilver state: 24 or 25 words", "11-dsl.md 11.18", scan::Scan),
    structure!("error-scrub", "error scrub state: 9 words", "11-dsl.md 11.18", scan::ErrorScrub),
    structure!(
        "vdev-rebuild",
        "sequential rebuild state: 12 words",
        "11-dsl.md 11.19",
        vdev_zap::VdevRebuild
    ),
    structure!("removing", "device removal state: 7 words", "11-dsl.md 11.1", pool_directory::Removing),
    structure!(
        "condensing",
        "condensing of a removed vdev: 3 words",
        "11-dsl.md 11.1",
        pool_directory::Condensing
    ),
    structure!(
        "txg-log-time",
        "ring of txgs and times: 515 words",
        "11-dsl.md 11.1",
        pool_directory::TxgLogTime
    ),
    structure!("history-header", "history: bonus of 40 bytes", "11-dsl.md 11.16", history::HistoryHeader),
    structure!('a: "history", "history records", "11-dsl.md 11.16", history::History<'a>),
];
