//! The bonus area of a dnode: what it holds follows from the type of the bonus, and for new-style
//! types from its length.
//!
//! Handbook: [`docs/format/06-dnode-objset.md`], 6.8.
//!
//! ```
//! use zfsp_grammar::{bonus::Bonus, input::{Input, Order}, object_type::ObjectType};
//!
//! let bytes: Vec<u8> = [13752, 131_072, 13752, 22916, 0].iter().flat_map(|w: &u64| w.to_le_bytes()).collect();
//! let (_, bonus) = Bonus::of(ObjectType(30))(Input::new(&bytes, Order::Little))?;
//! assert!(matches!(bonus, Bonus::History(_)));
//! # Ok::<(), nom::Err<zfsp_grammar::input::Error>>(())
//! ```
//!
//! [`docs/format/06-dnode-objset.md`]: crate::handbook::dnode_objset

use nom::Parser;

use crate::brt::BrtVdev;
use crate::ddt::LogHeader;
use crate::dsl::bookmark::RedactionListHeader;
use crate::dsl::bpobj::BpobjHeader;
use crate::dsl::bptree::BptreeHeader;
use crate::dsl::dataset::DslDataset;
use crate::dsl::deadlist::DeadlistHeader;
use crate::dsl::dir::DslDir;
use crate::dsl::history::HistoryHeader;
use crate::indirect_mapping::MappingHeader;
use crate::input::{Input, Parse, Parsed, ahead, rest};
use crate::object_type::ObjectType;
use crate::quantity::Bytes;
use crate::sa::Sa;
use crate::space_map::SpaceMapHeader;
use crate::znode::Znode;

one_of! {
    /// What a bonus area holds.
    pub enum Bonus<'a> {
        /// Bytes of the packed list that is the object's content.
        Size(Bytes),
        /// List of block pointers.
        Bpobj(BpobjHeader),
        /// DSL directory.
        DslDir(DslDir),
        /// DSL dataset.
        DslDataset(DslDataset),
        /// Offsets in the history.
        History(HistoryHeader),
        /// Deadlist.
        Deadlist(DeadlistHeader),
        /// Space map.
        SpaceMap(SpaceMapHeader<'a>),
        /// Attributes of a file, of ZPL 5.
        Sa(Sa<'a>),
        /// Attributes of a file, of ZPL 1 to 4.
        Znode(Znode<'a>),
        /// Datasets being destroyed.
        Bptree(BptreeHeader),
        /// Mapping of a removed vdev.
        Mapping(MappingHeader),
        /// Entries in the births of a removed vdev.
        Births(u64),
        /// Block reference table of a vdev.
        Brt(BrtVdev),
        /// Log of a dedup table.
        DdtLog(LogHeader),
        /// Redaction list.
        Redaction(RedactionListHeader),
        /// Nothing, or nothing that this grammar knows.
        Raw(&'a [u8]),
    }
}

impl<'a> Bonus<'a> {
    /// The reader for a bonus of this type.
    pub fn of(bonustype: ObjectType) -> impl Fn(Input<'a>) -> Parsed<'a, Bonus<'a>> {
        move |i| match bonustype {
            ObjectType::PACKED_NVLIST_SIZE | ObjectType::FUID_SIZE => {
                Bytes::parse.map(Bonus::Size).parse_complete(i)
            }
            ObjectType::BPOBJ_HDR => BpobjHeader::parse.map(Bonus::Bpobj).parse_complete(i),
            ObjectType::DSL_DIR => DslDir::parse.map(Bonus::DslDir).parse_complete(i),
            ObjectType::DSL_DATASET => DslDataset::parse.map(Bonus::DslDataset).parse_complete(i),
            ObjectType::SPA_HISTORY_OFFSETS => HistoryHeader::parse.map(Bonus::History).parse_complete(i),
            ObjectType::DEADLIST_HDR => DeadlistHeader::parse.map(Bonus::Deadlist).parse_complete(i),
            ObjectType::SPACE_MAP_HEADER => SpaceMapHeader::parse.map(Bonus::SpaceMap).parse_complete(i),
            // set up, but never written
            ObjectType::SA if i.bytes().iter().all(|b| *b == 0) => rest.map(Bonus::Raw).parse_complete(i),
            ObjectType::SA => Sa::parse.map(Bonus::Sa).parse_complete(i),
            ObjectType::ZNODE => Znode::parse.map(Bonus::Znode).parse_complete(i),
            UINT64_METADATA => by_length(i),
            _ => rest.map(Bonus::Raw).parse_complete(i),
        }
    }
}

/// The new-style type of most headers: words, metadata.
const UINT64_METADATA: ObjectType = ObjectType(0xc3);

/// Bonuses that only their length tells apart. A redaction list has a word for each of its
/// snapshots, whose number stands in its fourth word.
fn by_length(i: Input<'_>) -> Parsed<'_, Bonus<'_>> {
    let words = i.bytes().len() / 8;
    let snaps = ahead(24, u64::parse)(i).map_or(0, |(_, snaps)| snaps);
    let redaction = snaps > 0 && u64::try_from(words).is_ok_and(|words| words.checked_sub(4) == Some(snaps));
    match words {
        1 => u64::parse.map(Bonus::Births).parse_complete(i),
        _ if redaction => RedactionListHeader::parse.map(Bonus::Redaction).parse_complete(i),
        3 | 4 => MappingHeader::parse.map(Bonus::Mapping).parse_complete(i),
        5 => BptreeHeader::parse.map(Bonus::Bptree).parse_complete(i),
        7 => BrtVdev::parse.map(Bonus::Brt).parse_complete(i),
        8 => LogHeader::parse.map(Bonus::DdtLog).parse_complete(i),
        _ => rest.map(Bonus::Raw).parse_complete(i),
    }
}
