//! The miss-ratio curve: the faults of a program for every size of memory.

use super::knee::knee;
use super::stack_distance::StackDistances;
use crate::reference::Reference;

/// Counts references by their stack distances.
#[derive(Clone, Debug, Default)]
pub struct CurveBuilder {
    distances: StackDistances,
    references: u64,
    /// References of each distance, from 1 to the number of pages.
    by_distance: Vec<u64>,
}

impl CurveBuilder {
    /// Counts references.
    pub fn extend(&mut self, references: &[Reference]) {
        self.references += references.len() as u64;
        let by_distance = &mut self.by_distance;
        self.distances.extend(references, |distance| match distance {
            None => by_distance.push(0),
            Some(distance) => by_distance[distance - 1] += 1,
        });
    }

    /// The curve of all references so far.
    #[must_use]
    pub fn finish(self) -> MissRatioCurve {
        // A memory of no pages misses them all; each page more, those of one distance fewer.
        let first_touches = self.by_distance.len() as u64;
        let mut left = self.references - first_touches;
        let mut hard_faults = Vec::with_capacity(self.by_distance.len() + 1);
        hard_faults.push(left);
        hard_faults.extend(self.by_distance.iter().map(|count| {
            left -= count;
            left
        }));
        MissRatioCurve { references: self.references, first_touches, hard_faults }
    }
}

/// The faults of a program under LRU for every size of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissRatioCurve {
    references: u64,
    first_touches: u64,
    /// By pages of memory, from none to as many as the program uses.
    hard_faults: Vec<u64>,
}

impl MissRatioCurve {
    /// References in all.
    #[must_use]
    pub const fn references(&self) -> u64 {
        self.references
    }

    /// Pages that the program uses, each of which is touched a first time.
    #[must_use]
    pub const fn pages(&self) -> u64 {
        self.first_touches
    }

    /// Faults that read a page back, with so many pages of memory.
    #[must_use]
    pub fn hard_faults(&self, memory: u64) -> u64 {
        // With more memory than the program uses nothing is ever read back.
        usize::try_from(memory).ok().and_then(|at| self.hard_faults.get(at)).copied().unwrap_or(0)
    }

    /// First touches and hard faults over references, 0 to 1; 0 where there are no references.
    #[must_use]
    pub fn miss_ratio(&self, memory: u64) -> f64 {
        let misses = self.first_touches + self.hard_faults(memory);
        misses as f64 / self.references.max(1) as f64
    }

    /// The knee: the size up to which more memory pays most, in pages; `None` where no size is
    /// better than another.
    ///
    /// The point furthest below the chord of the curve, from one page to all, both axes from 0 to
    /// 1 (Satopää et al., "Finding a 'Kneedle' in a haystack", 2011; without its smoothing, as the
    /// curve is exact). Both scales are linear, as each page and each fault costs the same.
    #[must_use]
    pub fn knee(&self) -> Option<u64> {
        knee(self.hard_faults.get(1..)?).map(|at| at as u64 + 1)
    }

    /// The smallest memory with at most so many hard faults, in pages, at least 1.
    #[must_use]
    pub fn smallest(&self, hard_faults_max: u64) -> u64 {
        let at = self.hard_faults.partition_point(|faults| *faults > hard_faults_max);
        at.max(1) as u64
    }

    /// Sizes of memory that show the curve, at most about so many, from 1 page to all: half of
    /// them by equal steps and half by equal factors.
    #[must_use]
    pub fn sizes(&self, count: usize) -> Vec<u64> {
        let pages = self.pages();
        let half = (count / 2).max(1) as u64;
        if pages <= 2 * half {
            return (1..=pages).collect();
        }
        let steps = (1..=half).map(|step| {
            let size = u128::from(pages) * u128::from(step) / u128::from(half);
            u64::try_from(size).unwrap_or(pages)
        });
        // Of two factors of the same power one is enough for each size, down to a page.
        let factor = (pages as f64).powf(1.0 / half as f64);
        let factors = (0..half).map(|step| rounded(factor.powf(step as f64)));
        let mut sizes: Vec<u64> = steps.chain(factors).map(|size| size.clamp(1, pages)).collect();
        sizes.sort_unstable();
        sizes.dedup();
        sizes
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a size between one page and all of them"
)]
fn rounded(size: f64) -> u64 {
    size.round() as u64
}
