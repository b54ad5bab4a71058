//! The bonus area of a dnode: what it holds follows from two types, that of the bonus and that of the
//! object. Handbook: `docs/format/06-dnode-objset.md`, 6.8.

use crate::input::{Input, Parsed, rest};
use crate::object_type::ObjectType;

one_of! {
    /// What a bonus area holds.
    pub enum Bonus<'a> {
        /// Nothing that this grammar knows.
        Raw(&'a [u8]),
    }
}

impl<'a> Bonus<'a> {
    /// The reader for the bonus of an object of type `_kind`.
    pub fn of(_kind: ObjectType, _bonustype: ObjectType) -> impl Fn(Input<'a>) -> Parsed<'a, Bonus<'a>> {
        move |i| rest(i).map(|(i, raw)| (i, Bonus::Raw(raw)))
    }
}
