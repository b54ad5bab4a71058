//! Numbers of nodes: one for each thing in the tree, the same whenever the same state of a pool is shown from the same
//! dataset on.
//!
//! | bits | meaning |
//! |---|---|
//! | 63..40 | which dataset: 0 is the one at the top of the tree, then those behind it in the list of all |
//! | 39..0 | which object of it; the last 16 stand for what no object is |
//!
//! So the objects of the dataset at the top have the numbers that they have in the pool. Object numbers stay far below:
//! 2^40 objects need 512 TiB for their dnodes alone.

/// The number of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number(pub u64);

/// What a number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Named {
    /// An object of a file system.
    Object(u64),
    /// What is made for a dataset.
    Made(Made),
}

/// Nodes that no object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Made {
    /// The root of a dataset that is lost, or locked: others may be below.
    Root,
    /// `.zfs`.
    Control,
    /// `.zfs/snapshot`.
    Snapshots,
    /// `.zfs/volumes`.
    Volumes,
    /// The content of a volume.
    Volume,
}

/// In the order of their numbers.
const MADE: [Made; 5] = [Made::Root, Made::Control, Made::Snapshots, Made::Volumes, Made::Volume];
/// Bits of the object.
const BITS: u32 = 40;
/// The number of the first node that no object is.
const FIRST_MADE: u64 = (1 << BITS) - 16;
/// Datasets that there are numbers for.
pub(super) const MOST_DATASETS: usize = 1 << (u64::BITS - BITS);

impl Number {
    /// The number of an object of dataset `ordinal`; `None` if there is none for it.
    #[must_use]
    pub fn of_object(ordinal: usize, object: u64) -> Option<Self> {
        (object < FIRST_MADE).then(|| Self::new(ordinal, object))
    }

    /// The number of what is made for dataset `ordinal`.
    #[must_use]
    pub fn of_made(ordinal: usize, made: Made) -> Self {
        let place = MADE.iter().zip(FIRST_MADE..).find(|(known, _)| **known == made);
        Self::new(ordinal, place.map_or(FIRST_MADE, |(_, number)| number))
    }

    fn new(ordinal: usize, low: u64) -> Self {
        Self(u64::try_from(ordinal).unwrap_or(u64::MAX).unbounded_shl(BITS) | low)
    }

    /// The dataset, and what of it; `None` for a number that nothing has.
    #[must_use]
    pub fn parts(self) -> Option<(usize, Named)> {
        let ordinal = usize::try_from(self.0 >> BITS).ok()?;
        let low = self.0 & ((1 << BITS) - 1);
        let named = match low.checked_sub(FIRST_MADE) {
            Some(made) => Named::Made(*MADE.get(usize::try_from(made).ok()?)?),
            None => Named::Object(low),
        };
        Some((ordinal, named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_back_to_what_they_are_of() {
        for ordinal in [0, 1, MOST_DATASETS - 1] {
            for object in [0, 1, 34, FIRST_MADE - 1] {
                let number = Number::of_object(ordinal, object).unwrap();
                assert_eq!(number.parts(), Some((ordinal, Named::Object(object))));
            }
            for made in MADE {
                assert_eq!(Number::of_made(ordinal, made).parts(), Some((ordinal, Named::Made(made))));
            }
        }
        assert_eq!(Number::of_object(0, 34), Some(Number(34)));
        assert_eq!(Number::of_object(0, FIRST_MADE), None);
        assert_eq!(Number(u64::MAX).parts(), None);
    }
}
