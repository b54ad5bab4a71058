//! Holds: who keeps a snapshot from being destroyed, and since when.
//!
//! Handbook: `docs/format/11-dsl.md`, 11.7.

use std::collections::HashSet;

use zfsp_grammar::dsl::hold::temporary;
use zfsp_grammar::quantity::Timestamp;

use super::{DIRECTORY, Dataset, Dsl};
use crate::object::Loss;

/// A hold of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What it is called.
    pub tag: String,
    /// When it was placed.
    pub time: Timestamp,
    /// It goes with the next import.
    pub is_temporary: bool,
}

impl Dsl<'_> {
    /// The holds of a snapshot by tag, and what is lost of them.
    #[must_use]
    pub fn holds(&self, set: &Dataset) -> (Vec<Hold>, Vec<Loss>) {
        let (temporary, mut losses) = self.temporary_holds(set);
        let all = self.zap(set.phys.userrefs_obj.0);
        losses.extend(all.losses.iter().cloned());
        let hold = |(tag, time): (&str, &zfsp_grammar::zap::value::Integers)| Hold {
            tag: tag.to_owned(),
            time: Timestamp(time.first().unwrap_or_default()),
            is_temporary: temporary.contains(tag),
        };
        (all.iter().map(hold).collect(), losses)
    }

    /// Tags of those that go with the next import.
    fn temporary_holds(&self, set: &Dataset) -> (HashSet<String>, Vec<Loss>) {
        if set.phys.userrefs_obj.0 == 0 {
            return (HashSet::new(), Vec::new());
        }
        let number = match self.zap(DIRECTORY).number("tmp_userrefs") {
            Ok(number) => number,
            Err(loss) => return (HashSet::new(), vec![loss]),
        };
        let all = self.zap(number.unwrap_or_default());
        let keys = all.iter().filter_map(|(key, _)| temporary(key));
        let tags = keys.filter(|(object, _)| object.0 == set.object).map(|(_, tag)| tag.to_owned()).collect();
        (tags, all.losses.clone())
    }
}
