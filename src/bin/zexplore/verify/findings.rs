//! What was found wrong: kept up to a bound, so that a pool in ruins does not fill the memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use zfsp::vdev::FaultKind;
use zfsp::verify::{Finding, Outcome};

/// Findings of a class that are kept: more of them are only counted.
const KEPT: usize = 50_000;

/// All that is wrong, by how bad it is.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Blocks that could not be had.
    pub(super) lost: Vec<Finding>,
    /// Blocks of which a copy is damaged.
    pub(super) repaired: Vec<Finding>,
    /// Blocks that were repaired only because a device is not there.
    pub(super) degraded: Vec<Finding>,
    /// How many of the last kind there are.
    pub(super) degraded_count: u64,
    /// Findings that were not kept.
    pub(super) dropped: u64,
    /// Places and bytes of each fault of each device.
    pub(super) devices: BTreeMap<(Arc<str>, FaultKind), (u64, u64)>,
}

impl Findings {
    pub(super) fn add(&mut self, finding: &Finding) {
        for fault in &finding.faults {
            let (places, bytes) = self.devices.entry((fault.leaf.clone(), fault.kind.clone())).or_default();
            *places = places.saturating_add(1);
            *bytes = bytes.saturating_add(fault.len);
        }
        let class = match &finding.outcome {
            Outcome::Lost(_) => &mut self.lost,
            // a device that is not there is no news: it is said once, not for every block
            Outcome::Repaired(_) if finding.faults.iter().all(|fault| fault.kind == FaultKind::Missing) => {
                self.degraded_count = self.degraded_count.saturating_add(1);
                &mut self.degraded
            }
            Outcome::Repaired(_) => &mut self.repaired,
        };
        if class.len() < KEPT {
            class.push(finding.clone());
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// The same in the order of the blocks: threads find them in any.
    pub(super) fn sorted(mut self) -> Self {
        for class in [&mut self.lost, &mut self.repaired, &mut self.degraded] {
            class.sort_by_key(|finding| (finding.is_of_checkpoint, finding.at));
        }
        self
    }

    /// All that were kept, the worst first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Finding> {
        self.lost.iter().chain(&self.repaired).chain(&self.degraded)
    }
}
