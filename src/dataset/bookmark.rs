//! Bookmarks of datasets: what is remembered of snapshots that may be gone.
//!
//! Handbook: `docs/format/11-dsl.md`, 11.6.

use zfsp_grammar::bonus::Bonus;
use zfsp_grammar::dsl::bookmark::{Bookmark, RedactionListHeader};
use zfsp_grammar::input::{Input, Order, Parse, fault};
use zfsp_grammar::quantity::Guid;
use zfsp_grammar::zap::value::Integers;

use super::{Dataset, Dsl};
use crate::block::Why;
use crate::object::{Loss, ObjectAt};

/// A bookmark of a dataset.
#[derive(Clone, Debug)]
pub struct DatasetBookmark {
    /// `pool/a#mark`.
    pub name: String,
    /// What it remembers.
    pub phys: Bookmark,
}

impl Dsl<'_> {
    /// The bookmarks of a live dataset by name, and what is lost of them.
    #[must_use]
    pub fn bookmarks(&self, set: &Dataset) -> (Vec<DatasetBookmark>, Vec<Loss>) {
        if set.is_snapshot() {
            return (Vec::new(), Vec::new());
        }
        let zap = match self.extension(set.object).number("com.delphix:bookmarks") {
            Ok(zap) => zap.unwrap_or_default(),
            Err(loss) => return (Vec::new(), vec![loss]),
        };
        let attributes = self.zap(zap);
        let (mut found, mut losses) = (Vec::new(), attributes.losses.clone());
        for (name, value) in attributes.iter() {
            match phys(value) {
                Ok(phys) => found.push(DatasetBookmark { name: format!("{}#{name}", set.name), phys }),
                Err(what) => {
                    let at = ObjectAt { objset: 0, object: i64::try_from(zap).unwrap_or(i64::MAX) };
                    losses.push(Loss::new(at.block(0, 0), Why::Corrupt(format!("bookmark {name}: {what}"))));
                }
            }
        }
        found.sort_by(|a, b| (a.phys.creation_txg, &a.name).cmp(&(b.phys.creation_txg, &b.name)));
        (found, losses)
    }

    /// The guids of the snapshots that a bookmark redacts for; `None` if it is no redaction bookmark.
    ///
    /// # Errors
    /// [`Loss`], if its list cannot be had.
    pub fn redaction_snapshots(&self, bookmark: &DatasetBookmark) -> Result<Option<Vec<Guid>>, Loss> {
        let Some(list) = bookmark.phys.redaction() else { return Ok(None) };
        let object = self.pool.mos.object(list.0)?;
        let bonus = object.dnode().map(|dnode| dnode.bonus);
        if let Some(Bonus::Redaction(header)) = bonus {
            return Ok(Some(header.snaps));
        }
        // a long list of snapshots stands in the spill block
        let corrupt = |what: String| Loss::new(object.at.block(0, 0), Why::Corrupt(what));
        let spill = object.spill_block().ok_or_else(|| corrupt("no redaction list".into()))??;
        let read = RedactionListHeader::parse(Input::new(&spill.bytes, spill.order));
        read.map(|(_, header)| Some(header.snaps))
            .map_err(|error| corrupt(format!("redaction list: {}", fault(error))))
    }
}

/// Words of a bookmark that have a meaning.
const MOST_WORDS: usize = 12;

fn phys(value: &Integers) -> Result<Bookmark, String> {
    if value.width != 8 {
        return Err(format!("integers of {} bytes", value.width));
    }
    let words: Vec<u8> = value.iter().take(MOST_WORDS).flat_map(u64::to_be_bytes).collect();
    let read = Bookmark::parse(Input::new(&words, Order::Big));
    read.map(|(_, bookmark)| bookmark).map_err(|error| fault(error).to_string())
}
