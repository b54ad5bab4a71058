//! What changed in a volume: stretches of its content, and its size.
//!
//! Handbook: `docs/format/12-zpl.md`, 12.16.

use zfsp_grammar::mode::FileType;

use super::change::{Aspect, Change, State};
use super::{Difference, content};
use crate::object::Object;
use crate::volume::Volume;

/// Compares two volumes. All ranges are found: they are what a volume is asked for.
pub(super) fn compare(a: &Volume, b: &Volume) -> Difference {
    let found = content::compare((a.object(), a.size), (b.object(), b.size), true);
    let mut aspects = Vec::new();
    if !found.all.is_empty() {
        aspects.push(Aspect::Content);
    }
    if a.size != b.size {
        aspects.push(Aspect::Size);
    }
    let change = Change {
        number: number(b.object()),
        kind: FileType::BLOCK,
        state: State::Changed,
        path: Vec::new(),
        renamed: Vec::new(),
        linked: Vec::new(),
        unlinked: Vec::new(),
        aspects,
        ranges: found.all,
    };
    let changes = if change.aspects.is_empty() { Vec::new() } else { vec![change] };
    Difference { changes, losses: found.losses }
}

fn number(object: &Object) -> u64 {
    u64::try_from(object.at.object).unwrap_or_default()
}
