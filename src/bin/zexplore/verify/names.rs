//! What blocks are called: dataset, object, bytes.

use std::collections::BTreeMap;
use std::fmt::Write;

use zfsp::dataset::Datasets;
use zfsp::object::Bookmark;
use zfsp::pool::Pool;
use zfsp::verify::Finding;

/// What blocks are called.
pub(super) struct Names<'p> {
    pool: Objects<'p>,
    /// Of the state that the checkpoint keeps.
    checkpoint: Option<Objects<'p>>,
}

/// Datasets and objects of a state of the pool.
struct Objects<'p> {
    pool: &'p Pool,
    datasets: BTreeMap<u64, String>,
}

impl<'p> Names<'p> {
    pub(super) fn of(pool: &'p Pool, checkpoint: Option<&'p Pool>) -> Self {
        Self { pool: Objects::of(pool), checkpoint: checkpoint.map(Objects::of) }
    }
    fn state(&self, finding: &Finding) -> &Objects<'p> {
        self.checkpoint.as_ref().filter(|_| finding.is_of_checkpoint).unwrap_or(&self.pool)
    }
    pub(super) fn dataset(&self, finding: &Finding) -> String {
        self.state(finding).dataset(finding.at.at.objset)
    }
    /// The bytes of its object that are lost with a block.
    pub(super) fn range(&self, finding: &Finding) -> Option<std::ops::Range<u64>> {
        self.state(finding).range(&finding.at)
    }
    /// `lab/n1, object 7, level 1, block 0, bytes 0x0 to 0x20000`.
    pub(super) fn place(&self, finding: &Finding) -> String {
        self.state(finding).place(&finding.at)
    }
}

impl<'p> Objects<'p> {
    fn of(pool: &'p Pool) -> Self {
        let datasets = Datasets::of(pool);
        let names = datasets.names().into_iter().map(|(object, name)| (object, name.to_owned()));
        Self { pool, datasets: names.collect() }
    }
    fn dataset(&self, objset: u64) -> String {
        match (objset, self.datasets.get(&objset)) {
            (0, _) => "MOS".into(),
            (_, Some(name)) => name.clone(),
            (objset, None) => format!("#{objset}"),
        }
    }
    fn range(&self, at: &Bookmark) -> Option<std::ops::Range<u64>> {
        let set = self.pool.objset(at.at.objset).ok()?;
        let number = u64::try_from(at.at.object).ok()?;
        let object = if number == 0 { set.meta_dnode } else { set.object(number).ok()? };
        object.range(at.level, at.blkid)
    }
    fn place(&self, at: &Bookmark) -> String {
        let mut text = self.dataset(at.at.objset);
        let Bookmark { level, blkid, .. } = *at;
        let _ = match level {
            -1 => write!(text, ", object set"),
            -2 => write!(text, ", log block {blkid}"),
            _ => write!(text, ", object {}", at.at.object),
        };
        match (level, blkid) {
            (..0, _) | (_, zfsp::object::DNODE) => {}
            (_, zfsp::object::SPILL) => text.push_str(", spill block"),
            (0, _) => drop(write!(text, ", block {blkid}")),
            _ => drop(write!(text, ", level {level}, block {blkid}")),
        }
        if let Some(range) = self.range(at) {
            let _ = write!(text, ", bytes {:#x} to {:#x}", range.start, range.end);
        }
        text
    }
}
