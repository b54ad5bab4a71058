//! The checkpoint: an uberblock that is kept, and with it all blocks of its state.
//!
//! It is the value of `com.delphix:zpool_checkpoint` in the pool's directory of objects: the words of
//! an [`Uberblock`], of which older software wrote one less. Handbook: `docs/format/01-labels.md`, 1.9,
//! and `docs/format/13-space.md`, 13.7.

use crate::catalogue::{Structure, structure};
use crate::input::{Input, Parse, Parsed, bytes};
use crate::uberblock::{UBERBLOCK_SIZE, Uberblock};

pub(crate) const STRUCTURES: &[Structure] = &[structure!(
    "checkpoint",
    "checkpointed uberblock: 27 words, or 26 before OpenZFS 2.3",
    "13-space.md 13.7",
    Uberblock = checkpoint
)];

/// Bytes of an uberblock that has no word for the expansion of RAID-Z vdevs.
const SHORT_SIZE: usize = UBERBLOCK_SIZE - 8;

/// Reads the words of a checkpoint, 27 or 26; the word that is not there counts as 0.
///
/// # Errors
/// Those of [`Uberblock`].
pub fn checkpoint(i: Input<'_>) -> Parsed<'_, Uberblock> {
    let Some(short) = i.bytes().first_chunk::<SHORT_SIZE>().filter(|_| i.bytes().len() < UBERBLOCK_SIZE)
    else {
        return Uberblock::parse(i);
    };
    let mut long = [0; UBERBLOCK_SIZE];
    for (to, from) in long.iter_mut().zip(short) {
        *to = *from;
    }
    match Uberblock::parse(i.over(&long)) {
        Ok((rest, uberblock)) => {
            let order = rest.order();
            let (i, _) = bytes(SHORT_SIZE)(i)?;
            if let Some(trace) = i.watch() {
                trace.absent_behind(i.at());
            }
            Ok((i.with_order(order), uberblock))
        }
        Err(nom::Err::Failure(e) | nom::Err::Error(e)) => Err(nom::Err::Failure(e)),
        Err(nom::Err::Incomplete(n)) => Err(nom::Err::Incomplete(n)),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a test may fail loudly
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::input::Order;
    use crate::quantity::Txg;
    use crate::tree::Trace;
    use crate::uberblock::UBERBLOCK_MAGIC;

    #[test]
    fn both_lengths() {
        let mut words = [0u64; 27];
        let [magic, version, txg, ..] = &mut words;
        (*magic, *version, *txg) = (UBERBLOCK_MAGIC, 5000, 37);
        let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_be_bytes()).collect();
        let (_, long) = checkpoint(Input::new(&bytes, Order::Little)).unwrap();
        let short = bytes.get(..SHORT_SIZE).unwrap();
        let trace = Trace::default();
        let (rest, read) = checkpoint(Input::new(short, Order::Little).watched(&trace)).unwrap();
        assert_eq!((long, long.txg), (read, Txg(37)));
        assert_eq!((rest.at(), rest.order()), (SHORT_SIZE, Order::Big));
    }

    /// The word that is not there takes no bytes, whatever stands behind.
    #[test]
    fn a_short_one_stays_within_its_bytes() {
        let mut words = [0; SHORT_SIZE + 7];
        words.first_chunk_mut().map(|magic| *magic = UBERBLOCK_MAGIC.to_le_bytes()).unwrap();
        let trace = Trace::default();
        let (rest, _) = checkpoint(Input::new(&words, Order::Big).watched(&trace)).unwrap();
        assert_eq!((rest.at(), rest.order()), (SHORT_SIZE, Order::Little));
        let tree = trace.into_tree();
        let last = tree.nodes.last().unwrap();
        assert_eq!((last.name().as_ref(), last.at, last.end), ("raidz_reflow_info", SHORT_SIZE, SHORT_SIZE));
    }
}
