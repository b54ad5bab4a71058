//! The permutations that spread the groups of a dRAID over its children.
//!
//! Handbook: `docs/format/21-draid.md`, 21.3.

use super::seeds::SEEDS;

/// Rows of permutations, made from a seed that is fixed for each number of children.
#[derive(Clone, Debug)]
pub(super) struct Permutations {
    /// Children of a failure group.
    children: usize,
    /// Failure groups.
    groups: usize,
    /// Row after row, `children` bytes each.
    map: Box<[u8]>,
}

impl Permutations {
    /// The map for `groups` failure groups of `children`: 2 to 255 children, no more than that in all groups.
    pub(super) fn new(children: usize, groups: usize) -> Self {
        let (seed, _) = children.checked_sub(2).and_then(|n| SEEDS.get(n)).copied().unwrap_or_default();
        let mut permutations = Self { children, groups, map: base_map(children, seed) };
        if groups > 1 {
            permutations.spread_over_groups(seed);
        }
        permutations
    }

    /// The child at `position` of permutation `index`.
    #[allow(clippy::arithmetic_side_effects)] // children and groups are 1 to 255, and none of the divisors 0
    pub(super) fn child(&self, index: u64, position: usize) -> usize {
        let (children, groups) = (self.children.max(1), self.groups.max(1));
        let rows = row_count(children) / groups * groups;
        let cycle = u64::try_from((rows * children).max(1)).unwrap_or(1);
        let turn = usize::try_from(index % cycle).unwrap_or(0);
        let row = turn / (children * groups) * groups;
        let rotation = turn % children;
        if groups == 1 {
            (self.value(row, position % children) + rotation) % children
        } else {
            self.value(row + turn % groups, (position + rotation) % children)
        }
    }

    #[allow(clippy::arithmetic_side_effects)] // at most 512 rows of 255
    fn value(&self, row: usize, position: usize) -> usize {
        self.map.get(row * self.children + position).copied().map_or(0, usize::from)
    }

    /// Makes each `groups` rows together a permutation of all children of all groups.
    #[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // all indices are found in the rows
    fn spread_over_groups(&mut self, seed: u64) {
        let (children, groups) = (self.children, self.groups);
        let mut random = Xoroshiro::new(seed);
        for set in self.map.chunks_exact_mut(children * groups) {
            for position in 0..children {
                let value = set[position];
                let mut places = vec![position];
                for row in 1..groups {
                    let start = row * children;
                    let found = set[start..start + children].iter().position(|v| *v == value);
                    places.push(start + found.unwrap_or(position));
                }
                for row in (1..groups).rev() {
                    let more = u8::try_from(row * children).unwrap_or(0);
                    set[places[row]] = set[places[row]].wrapping_add(more);
                }
                for row in (1..groups).rev() {
                    let other = random.below(row + 1);
                    set.swap(places[row], places[other]);
                }
            }
        }
    }
}

fn row_count(children: usize) -> usize {
    if children < 32 { 256 } else { 512 }
}

/// Each row is the one before, shuffled.
#[allow(clippy::arithmetic_side_effects)] // at most 512 rows of 255
fn base_map(children: usize, seed: u64) -> Box<[u8]> {
    let mut random = Xoroshiro::new(seed);
    let mut row: Vec<u8> = (0..=u8::MAX).take(children).collect();
    let mut map = Vec::with_capacity(row_count(children) * children);
    for _ in 0..row_count(children) {
        for j in (1..children).rev() {
            row.swap(j, random.below(j + 1));
        }
        map.extend_from_slice(&row);
    }
    map.into()
}

/// xoroshiro128++, a random number generator.
struct Xoroshiro {
    a: u64,
    b: u64,
}

impl Xoroshiro {
    /// The first word of every state.
    const START: u64 = 0xd_7a1d_5eed;

    fn new(seed: u64) -> Self {
        Self { a: Self::START, b: seed }
    }

    fn next(&mut self) -> u64 {
        let result = self.a.wrapping_add(self.b).rotate_left(17).wrapping_add(self.a);
        self.b ^= self.a;
        self.a = self.a.rotate_left(49) ^ self.b ^ (self.b << 21);
        self.b = self.b.rotate_left(28);
        result
    }

    /// The next number, modulo `bound`.
    fn below(&mut self, bound: usize) -> usize {
        let below = self.next().checked_rem(u64::try_from(bound).unwrap_or(u64::MAX));
        below.and_then(|below| usize::try_from(below).ok()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects)] // of small numbers

    use super::*;

    #[test]
    fn all_maps_have_their_checksum() {
        for (children, (seed, checksum)) in (2..).zip(SEEDS) {
            let map = base_map(children, seed);
            let (words, rest) = map.as_chunks::<4>();
            assert!(rest.is_empty());
            let sum: u64 = words.iter().map(|word| u64::from(u32::from_le_bytes(*word))).sum();
            assert_eq!(sum, checksum, "{children}");
        }
    }

    /// Chapter 21, 21.7.
    #[test]
    fn the_map_of_five() {
        let mut random = Xoroshiro::new(SEEDS[3].0);
        let first =
            [0x678a_ddf1_33f3_47bb, 0x388c_e2d3_819f_a6dc, 0xd1b0_1393_bf08_d579, 0x3f88_7228_51f6_b9fa];
        assert_eq!([(); 4].map(|()| random.next()), first);
        let map = base_map(5, SEEDS[3].0);
        assert_eq!(map[..20], [2, 3, 1, 4, 0, 0, 3, 4, 1, 2, 1, 2, 4, 0, 3, 4, 1, 0, 3, 2]);
        let five = Permutations::new(5, 1);
        for (index, row) in [
            [2, 3, 1, 4, 0],
            [3, 4, 2, 0, 1],
            [4, 0, 3, 1, 2],
            [0, 1, 4, 2, 3],
            [1, 2, 0, 3, 4],
            [0, 3, 4, 1, 2],
        ]
        .iter()
        .enumerate()
        {
            let index = u64::try_from(index).unwrap();
            assert_eq!([0, 1, 2, 3, 4].map(|position| five.child(index, position)), *row);
        }
    }

    #[test]
    fn rows_of_all_groups_are_a_permutation() {
        for (children, groups) in [(5, 2), (7, 3), (12, 4), (2, 127), (85, 3), (40, 6)] {
            let map = Permutations::new(children, groups);
            for slice in [0, 1, 2, 77, 1000, 123_456] {
                let all = (0..groups).flat_map(|group| {
                    let index = slice * u64::try_from(groups).unwrap() + u64::try_from(group).unwrap();
                    let map = &map;
                    (0..children).map(move |position| map.child(index, position))
                });
                let mut all: Vec<usize> = all.collect();
                all.sort_unstable();
                assert_eq!(all, (0..children * groups).collect::<Vec<_>>(), "{children} {groups} {slice}");
            }
        }
    }
}
