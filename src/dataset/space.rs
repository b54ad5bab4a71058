//! How much space a pool has for its datasets, and what they take: what `zfs list` says of the root dataset.
//!
//! Space is counted as datasets are charged: blocks of RAID-Z and dRAID as if all had 128 KiB, blocks that are shared
//! as often as they are used. A part of it is kept back, so that a full pool can still be mended. Handbook:
//! `docs/format/13-space.md`, 13.9.

use zfsp_grammar::bonus::Bonus;
use zfsp_grammar::ddt::Bucket;
use zfsp_grammar::input::{Input, Order, Parse};

use super::{DIRECTORY, Dsl};
use crate::block::Why;
use crate::error::Result;
use crate::object::{DNODE, Loss};
use crate::vdev::config::{VdevConfig, VdevKind};
use crate::vdev::{Draid, Raidz};

/// Space of a pool, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What datasets may take, as far as the pool is concerned.
    pub size: u64,
    /// What they take: `used` of the root dataset.
    pub used: u64,
}

/// Bytes that are kept back, if a 32nd of the pool is less, and half of it is more.
const LEAST_KEPT: u64 = 128 << 20;
/// Bytes that are kept back at most.
const MOST_KEPT: u64 = 128 << 30;
/// Bytes of the block whose parity counts for all.
const USUAL: u64 = 128 << 10;
/// What ratios are counted in.
const UNITS: u64 = 512;
/// Bytes of a bucket of the histograms of deduplication.
const BUCKET: usize = 64;

impl Dsl<'_> {
    /// What there is, as far as it can be told. What is lost of the tables of shared blocks makes it smaller.
    #[must_use]
    pub fn space(&self) -> Space {
        let tops = self.pool.config.children.iter().filter(|top| self.is_normal(top));
        let whole = tops.filter_map(deflated).fold(0, u64::saturating_add);
        let (stored, referenced) = self.deduplicated().unwrap_or_default();
        let (_, saved) = self.cloned().unwrap_or_default();
        let shared = referenced.saturating_sub(stored).saturating_add(saved);
        let kept = (whole >> 5).clamp(LEAST_KEPT.min(whole / 2), MOST_KEPT);
        let checkpointed = self.checkpointed().ok().flatten().unwrap_or_default();
        let size = whole.saturating_sub(kept).saturating_sub(checkpointed).saturating_add(shared);
        let used = self.datasets.dirs.first().map_or(0, |root| root.phys.used_bytes.0);
        Space { size: size.max(used), used }
    }

    /// Whether usual blocks lie on a top-level vdev.
    fn is_normal(&self, top: &VdevConfig) -> bool {
        !top.is_log && top.is_allocatable() && self.pool.allocation_bias(top).is_none()
    }

    /// Bytes that only the checkpoint has still in use; `None` if there is none.
    ///
    /// # Errors
    /// If what is lost may have counted.
    pub(super) fn checkpointed(&self) -> Result<Option<u64>> {
        if self.zap(DIRECTORY).get("com.delphix:zpool_checkpoint")?.is_none() {
            return Ok(None);
        }
        let mut freed = 0u64;
        for zap in self.pool.config.children.iter().filter_map(|vdev| vdev.top_zap) {
            let Some(map) = self.zap(zap).number("com.delphix:pool_checkpoint_sm")? else { continue };
            let object = self.pool.mos.object(map)?;
            match object.dnode().map(|dnode| dnode.bonus) {
                Some(Bonus::SpaceMap(header)) => freed = freed.saturating_add(header.alloc.unsigned_abs()),
                _ => {
                    return Err(
                        Loss::new(object.at.block(0, DNODE), Why::Corrupt("no space map".into())).into()
                    );
                }
            }
        }
        Ok(Some(freed))
    }

    /// Bytes of blocks with several references that are stored, and bytes that are saved by them.
    ///
    /// # Errors
    /// If what is lost may have counted.
    pub(super) fn cloned(&self) -> Result<(u64, u64)> {
        let (mut used, mut saved) = (0u64, 0u64);
        let directory = self.zap(DIRECTORY);
        directory.whole()?;
        for (_, value) in directory.iter().filter(|(key, _)| key.starts_with("com.fudosecurity:brt:vdev:")) {
            let object = self.pool.mos.object(value.first().unwrap_or_default())?;
            if let Some(Bonus::Brt(table)) = object.dnode().map(|dnode| dnode.bonus) {
                used = used.saturating_add(table.usedspace.0);
                saved = saved.saturating_add(table.savedspace.0);
            }
        }
        Ok((used, saved))
    }

    /// Bytes of deduplicated blocks that are stored, and bytes that are referenced.
    ///
    /// # Errors
    /// If what is lost may have counted.
    pub(super) fn deduplicated(&self) -> Result<(u64, u64)> {
        let all = self.zap(self.pool.directory_number("DDT-statistics")?.unwrap_or_default());
        all.whole()?;
        let (mut stored, mut referenced) = (0u64, 0u64);
        for (_, buckets) in all.iter() {
            for bucket in buckets.bytes.chunks(BUCKET) {
                let Ok((_, bucket)) = Bucket::parse(Input::new(bucket, Order::Big)) else { continue };
                stored = stored.saturating_add(bucket.dsize.0);
                referenced = referenced.saturating_add(bucket.ref_dsize.0);
            }
        }
        Ok((stored, referenced))
    }
}

/// Bytes of a top-level vdev as they are charged: the share that is no parity of a block of the usual size.
fn deflated(top: &VdevConfig) -> Option<u64> {
    let asize = match (&top.kind, top.draid) {
        (VdevKind::Raidz, _) => {
            let children = top.children.len().saturating_sub(usize::from(top.is_expanding));
            let raidz = Raidz::new(children, top.nparity?, top.ashift?, top.expand_txgs.clone(), None);
            // as it was before it was expanded
            raidz.ok()?.asize(USUAL, 0)
        }
        (VdevKind::Draid, Some(draid)) => Draid::new(draid).ok()?.asize(USUAL),
        _ => USUAL,
    };
    let ratio = USUAL.checked_div(asize / UNITS)?;
    Some((top.metaslabs()? / UNITS).saturating_mul(ratio))
}
