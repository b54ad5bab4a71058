//! Holds: what keeps a snapshot from being destroyed.
//!
//! The ZAP of a snapshot maps the tag of each hold to its time; that of the pool lists holds to be
//! released at the next import. Handbook: [`docs/format/11-dsl.md`], 11.7.
//!
//! ```
//! use zfsp_grammar::dsl::hold::temporary;
//!
//! let (dataset, tag) = temporary("36-backup").expect("a key");
//! assert_eq!((dataset.0, tag), (0x36, "backup"));
//! ```
//!
//! [`docs/format/11-dsl.md`]: crate::handbook::dsl

use super::hex;
use crate::quantity::ObjectId;

/// A key of the pool's temporary holds, `<hex dataset>-<tag>`: the snapshot and the tag.
#[must_use]
pub fn temporary(key: &str) -> Option<(ObjectId, &str)> {
    let (dataset, tag) = key.split_once('-')?;
    Some((ObjectId(hex(dataset)?), tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_may_have_dashes() {
        assert_eq!(temporary("53-lab-keep"), Some((ObjectId(0x53), "lab-keep")));
        assert_eq!(temporary("lab"), None);
        assert_eq!(temporary("+1-lab"), None);
    }
}
