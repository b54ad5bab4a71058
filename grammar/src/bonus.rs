//! The bonus area of a dnode: what it holds follows from the type of the bonus, and for new-style
//! types from its length.
//!
//! Handbook: `docs/format/06-dnode-objset.md`, 6.8.

use nom::Parser;

use crate::dsl::bpobj::BpobjHeader;
use crate::dsl::bptree::BptreeHeader;
use crate::dsl::dataset::DslDataset;
use crate::dsl::deadlist::DeadlistHeader;
use crate::dsl::dir::DslDir;
use crate::dsl::history::HistoryHeader;
use crate::input::{Input, Parse, Parsed, rest};
use crate::object_type::ObjectType;
use crate::quantity::Bytes;

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
        /// Datasets being destroyed.
        Bptree(BptreeHeader),
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
            ObjectType(0xc3) => match i.bytes().len() {
                40 => BptreeHeader::parse.map(Bonus::Bptree).parse_complete(i),
                _ => rest.map(Bonus::Raw).parse_complete(i),
            },
            _ => rest.map(Bonus::Raw).parse_complete(i),
        }
    }
}
