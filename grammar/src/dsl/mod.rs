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

use nom::Parser;

use crate::catalogue::{Structure, structure};
use crate::input::{Input, Parse, Parsed, filling};
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
pub mod pool_property;
pub mod property;
pub mod scan;
pub mod vdev_zap;
pub mod zapified;

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
        "list of block pointers: of a deadlist, or to be freed",
        "11-dsl.md 11.9",
        Vec<bpobj::Entry> = filling(crate::blkptr::BLKPTR_SIZE, bpobj::Entry::parse)
    ),
    structure!(
        "bpobj-subobjs",
        "lists of block pointers inside another: their objects",
        "11-dsl.md 11.9",
        Vec<ObjectId> = filling(8, ObjectId::parse)
    ),
    structure!("livelist", "list of what a clone allocated and freed", "11-dsl.md 11.10", bpobj::Livelist),
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

/// A word that older, shorter forms of a structure do not have.
fn if_there<'a, T: Parse<'a>>(i: Input<'a>) -> Parsed<'a, Option<T>> {
    if i.bytes().len() < 8 { Ok((i, None)) } else { T::parse.map(Some).parse_complete(i) }
}

/// A number that is a key: lower-case hex without prefix. Sets of objects are ZAPs that map such keys
/// to the same number; where the two differ, the value counts (11.22).
#[must_use]
pub fn hex(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (plain && !digits.is_empty()).then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may fail loudly
mod testing {
    use alloc::vec::Vec;

    use crate::input::{Input, Order, Parse};

    /// Words as a machine of this order writes them.
    pub(super) fn encode(words: &[u64], order: Order) -> Vec<u8> {
        let bytes = |word: &u64| match order {
            Order::Little => word.to_le_bytes(),
            Order::Big => word.to_be_bytes(),
        };
        words.iter().flat_map(bytes).collect()
    }
    /// What these words say: the same in both orders, and all of them.
    pub(super) fn read<T: for<'a> Parse<'a> + PartialEq + core::fmt::Debug>(words: &[u64]) -> T {
        let [little, big] = [Order::Little, Order::Big].map(|order| {
            let bytes = encode(words, order);
            let (rest, value) = T::parse(Input::new(&bytes, order)).unwrap();
            assert!(rest.bytes().is_empty(), "bytes are left");
            value
        });
        assert_eq!(little, big);
        little
    }
}
