//! Patterns: which pages a program references, and in which order.

use super::error::WorkloadError;

/// The most pages of a pattern: as many as 64-bit addresses name.
pub(super) const PAGES_MAX: u64 = 1 << 52;

/// An alpha beyond which a zipf distribution is one page.
const ALPHA_MAX: f64 = 100.0;

/// Which pages are referenced, and in which order. Pages count from 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// One after the other, and from the first again after the last: a loop, or a scan where it
    /// ends before it comes round.
    Sequential {
        /// How many pages.
        pages: u64,
    },
    /// Every `stride`th page, then those beside them, until all were referenced; then again.
    Strided {
        /// How many pages.
        pages: u64,
        /// From one page to the next, in pages.
        stride: u64,
    },
    /// Any page, each as likely as the others.
    Random {
        /// How many pages.
        pages: u64,
    },
    /// Any page, the kth most popular one with a probability in proportion to 1 / k^alpha. Popular
    /// pages lie scattered.
    Zipf {
        /// How many pages.
        pages: u64,
        /// The skew: 0 is none, 1 is the law of Zipf.
        alpha: f64,
    },
    /// Several patterns at the same time; the weight says how often a part is next.
    Mix(Vec<Part>),
    /// One pattern after the other, and from the first again after the last.
    Phases(Vec<Phase>),
}

/// A part of a mix.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// How often it is next, in proportion to the other parts.
    pub weight: u32,
    /// The page where its pattern begins.
    pub first: u64,
    /// Its pattern.
    pub pattern: Pattern,
}

/// One of several phases.
#[derive(Clone, Debug, PartialEq)]
pub struct Phase {
    /// How many references it lasts.
    pub references: u64,
    /// The page where its pattern begins.
    pub first: u64,
    /// Its pattern.
    pub pattern: Pattern,
}

impl Pattern {
    /// One more than the last page that it can reference.
    #[must_use]
    pub fn pages(&self) -> u64 {
        let last = |parts: &mut dyn Iterator<Item = (u64, &Self)>| {
            parts.map(|(first, part)| first.saturating_add(part.pages())).max().unwrap_or(0)
        };
        match self {
            Self::Sequential { pages }
            | Self::Strided { pages, .. }
            | Self::Random { pages }
            | Self::Zipf { pages, .. } => *pages,
            Self::Mix(parts) => last(&mut parts.iter().map(|part| (part.first, &part.pattern))),
            Self::Phases(phases) => last(&mut phases.iter().map(|p| (p.first, &p.pattern))),
        }
    }

    /// Whether it describes a program.
    ///
    /// # Errors
    /// [`WorkloadError`] with the value that makes no sense.
    pub fn check(&self) -> Result<(), WorkloadError> {
        let pages = self.pages();
        match self {
            Self::Mix(parts) => {
                let total = parts.iter().map(|part| u64::from(part.weight)).sum();
                if total == 0 || total > u64::from(u32::MAX) {
                    return Err(WorkloadError::Mix { parts: parts.len(), total });
                }
                parts.iter().try_for_each(|part| part.pattern.check())?;
            }
            Self::Phases(phases) => {
                let references = phases.iter().map(|phase| phase.references).min().unwrap_or(0);
                if references == 0 {
                    return Err(WorkloadError::Phases { phases: phases.len(), references });
                }
                phases.iter().try_for_each(|phase| phase.pattern.check())?;
            }
            Self::Strided { stride, .. } if !(1..=pages.max(1)).contains(stride) => {
                return Err(WorkloadError::Stride { stride: *stride, pages });
            }
            Self::Zipf { alpha, .. } if !(0.0..=ALPHA_MAX).contains(alpha) => {
                return Err(WorkloadError::Alpha { alpha: *alpha });
            }
            _ => {}
        }
        match pages {
            1..=PAGES_MAX => Ok(()),
            _ => Err(WorkloadError::Pages { pages }),
        }
    }
}
