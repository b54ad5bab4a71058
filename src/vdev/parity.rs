//! Parity of a row of sectors: making it, and making lost data from it.
//!
//! Handbook: `docs/format/20-vdevs-raidz.md`, 20.5 and 20.6.
//!
//! What parity on disk and parity made from the data differ by is the *syndrome*. It is a sum over the
//! wrong data alone: `S_i = sum of 2^(i*(n-1-j)) * E_j`, where `E_j` is what column `j` is wrong by. As many
//! equations as there are wrong columns give every `E_j`; those that are left over must agree.

use super::galois::{add_multiple, inverse, multiply, power, step};

/// `raidz3` is the most.
pub(super) const MAX_PARITY: usize = 3;

/// Makes parity number `n` of a row, in bytes that are zeros.
///
/// `columns` are all its data columns in their order, short or empty where bytes are zeros.
pub(super) fn make_parity<'c>(n: usize, zeros: &mut [u8], columns: impl Iterator<Item = &'c [u8]>) {
    columns.for_each(|column| step(n, zeros, column));
}

/// How the errors of the lost columns follow from the syndromes.
#[derive(Debug)]
pub(super) struct Solver {
    lost: Vec<usize>,
    /// Lost data columns, each a sum of syndromes.
    fixes: Vec<(usize, Sum)>,
    /// Syndromes that are left over, each a sum of the others.
    checks: Vec<(usize, Sum)>,
}

/// Numbers of syndromes, with factors.
type Sum = Vec<(usize, u8)>;

impl Solver {
    /// For rows of `columns` columns, the first `nparity` of them parity, without those in `lost`: no more than
    /// `nparity`, each only once.
    #[allow(clippy::arithmetic_side_effects)] // columns are below 255
    pub(super) fn new(nparity: usize, columns: usize, lost: &[usize]) -> Self {
        let unknown: Vec<usize> = lost.iter().copied().filter(|column| *column >= nparity).collect();
        let mut usable = (0..nparity).filter(|n| !lost.contains(n));
        let equations: Vec<usize> = usable.by_ref().take(unknown.len()).collect();
        let factor = |equation: usize, column: usize| power(equation * (columns - 1 - column));
        let rows = equations.iter().map(|i| unknown.iter().map(|j| factor(*i, *j)).collect());
        let inverse = invert(rows.collect());
        let sum = |factors: &[u8]| equations.iter().copied().zip(factors.iter().copied()).collect();
        let checks = usable.map(|extra| {
            let factors = (0..equations.len()).map(|equation| {
                let terms = unknown.iter().zip(&inverse);
                terms.fold(0, |total, (column, row)| {
                    total ^ multiply(factor(extra, *column), row.get(equation).copied().unwrap_or(0))
                })
            });
            (extra, sum(&factors.collect::<Vec<u8>>()))
        });
        Self {
            lost: lost.to_vec(),
            checks: checks.collect(),
            fixes: unknown.iter().copied().zip(inverse.iter().map(|row| sum(row))).collect(),
        }
    }

    /// The columns it takes for lost.
    pub(super) fn lost(&self) -> &[usize] {
        &self.lost
    }

    /// The data columns it can make.
    pub(super) fn made(&self) -> impl Iterator<Item = usize> + '_ {
        self.fixes.iter().map(|(column, _)| *column)
    }

    /// Whether the left over syndromes of a row agree that only the lost columns are wrong.
    pub(super) fn agrees(&self, syndromes: &[&[u8]]) -> bool {
        /// Most disagreements show in the first bytes.
        const PIECE: usize = 64;
        let mut expected = [0; PIECE];
        let of = |n: usize| syndromes.get(n).copied().unwrap_or_default();
        self.checks.iter().all(|(extra, sum)| {
            of(*extra).chunks(PIECE).enumerate().all(|(number, found)| {
                expected.fill(0);
                for (equation, factor) in sum {
                    let from = of(*equation).chunks(PIECE).nth(number).unwrap_or_default();
                    add_multiple(&mut expected, *factor, from);
                }
                expected.get(..found.len()) == Some(found)
            })
        })
    }

    /// Adds to `bytes`, which are those of lost data column `column`, what they are wrong by. Done twice, nothing has
    /// happened.
    pub(super) fn fix(&self, column: usize, bytes: &mut [u8], syndromes: &[&[u8]]) {
        for (_, sum) in self.fixes.iter().filter(|(fixed, _)| *fixed == column) {
            for (equation, factor) in sum {
                add_multiple(bytes, *factor, syndromes.get(*equation).copied().unwrap_or_default());
            }
        }
    }
}

/// The inverse of a square matrix that has one, by Gauss and Jordan.
fn invert(mut matrix: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let size = matrix.len();
    for (n, row) in matrix.iter_mut().enumerate() {
        row.extend((0..size).map(|m| u8::from(m == n)));
    }
    for pivot in 0..size {
        let value = |row: &Vec<u8>| row.get(pivot).copied().unwrap_or(0);
        let Some(found) = matrix.iter().skip(pivot).position(|row| value(row) != 0) else { break };
        matrix.swap(pivot, pivot.saturating_add(found));
        let Some(mut of_pivot) = matrix.get(pivot).cloned() else { break };
        let scale = inverse(value(&of_pivot));
        of_pivot.iter_mut().for_each(|a| *a = multiply(*a, scale));
        for (n, row) in matrix.iter_mut().enumerate() {
            if n == pivot {
                row.clone_from(&of_pivot);
            } else {
                let factor = value(row);
                add_multiple(row, factor, &of_pivot);
            }
        }
    }
    matrix.iter_mut().for_each(|row| drop(row.drain(..size.min(row.len()))));
    matrix
}
