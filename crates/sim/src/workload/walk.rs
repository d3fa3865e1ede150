//! The page that a pattern references next.

use rand::RngExt;
use rand::distr::Distribution;
use rand_distr::Zipf;
use rand_distr::weighted::WeightedIndex;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::error::WorkloadError;
use super::pattern::Pattern;
use super::permutation::Permutation;

/// A pattern and where it has come to.
#[derive(Clone, Debug)]
pub(super) enum Walk {
    Sequential { pages: u64, next: u64 },
    Strided { pages: u64, stride: u64, next: u64 },
    Random { pages: u64 },
    Zipf { pages: u64, ranks: Zipf<f64>, places: Permutation },
    Mix { choice: WeightedIndex<u32>, parts: Vec<(u64, Self)> },
    Phases { phases: Vec<Stage>, at: usize, left: u64 },
}

/// A phase and where it has come to.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    references: u64,
    first: u64,
    walk: Walk,
}

impl Walk {
    /// The walk at its beginning; `key` gives a number of its own to each part.
    pub(super) fn new(
        pattern: &Pattern,
        key: &mut dyn FnMut() -> u64,
    ) -> Result<Self, WorkloadError> {
        Ok(match pattern {
            Pattern::Sequential { pages } => Self::Sequential { pages: *pages, next: 0 },
            Pattern::Strided { pages, stride } => {
                Self::Strided { pages: *pages, stride: *stride, next: 0 }
            }
            Pattern::Random { pages } => Self::Random { pages: *pages },
            Pattern::Zipf { pages, alpha } => {
                let refused = |_| WorkloadError::Alpha { alpha: *alpha };
                let ranks = Zipf::new(*pages as f64, *alpha).map_err(refused)?;
                Self::Zipf { pages: *pages, ranks, places: Permutation::new(*pages, key()) }
            }
            Pattern::Mix(parts) => {
                let total = parts.iter().map(|part| u64::from(part.weight)).sum();
                let refused = |_| WorkloadError::Mix { parts: parts.len(), total };
                let weights = parts.iter().map(|part| part.weight);
                let choice = WeightedIndex::new(weights).map_err(refused)?;
                let walk = |part: &super::Part| Ok((part.first, Self::new(&part.pattern, key)?));
                Self::Mix { choice, parts: parts.iter().map(walk).collect::<Result<_, _>>()? }
            }
            Pattern::Phases(phases) => {
                let stage = |phase: &super::Phase| {
                    let walk = Self::new(&phase.pattern, key)?;
                    Ok(Stage { references: phase.references, first: phase.first, walk })
                };
                let phases: Vec<Stage> = phases.iter().map(stage).collect::<Result<_, _>>()?;
                let left = phases.first().map_or(0, |stage| stage.references);
                Self::Phases { phases, at: 0, left }
            }
        })
    }

    /// The next page.
    #[inline]
    pub(super) fn next(&mut self, random: &mut Xoshiro256PlusPlus) -> u64 {
        match self {
            Self::Sequential { pages, next } => {
                let page = *next;
                *next = if page + 1 < *pages { page + 1 } else { 0 };
                page
            }
            Self::Strided { pages, stride, next } => {
                let page = *next;
                *next = match page + *stride {
                    beyond if beyond >= *pages => (page % *stride + 1) % *stride,
                    within => within,
                };
                page
            }
            Self::Random { pages } => random.random_range(0..*pages),
            Self::Zipf { pages, ranks, places } => {
                // Rounding may make the last rank one too many.
                places.of(rank(ranks.sample(random)).min(*pages - 1))
            }
            Self::Mix { choice, parts } => {
                let (first, part) = &mut parts[choice.sample(random)];
                *first + part.next(random)
            }
            Self::Phases { phases, at, left } => {
                if *left == 0 {
                    *at = (*at + 1) % phases.len();
                    *left = phases[*at].references;
                }
                *left -= 1;
                let stage = &mut phases[*at];
                stage.first + stage.walk.next(random)
            }
        }
    }
}

/// A rank of the distribution, which counts from 1, as an index.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ranks are whole numbers from 1 to the number of pages, at most 2^52"
)]
const fn rank(sampled: f64) -> u64 {
    sampled as u64 - 1
}
