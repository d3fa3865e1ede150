//! Why a workload cannot be made.

use super::pattern::PAGES_MAX;

/// Why a workload cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum WorkloadError {
    /// A pattern over no pages, or over more than there are addresses.
    #[error("a pattern over {pages} pages: expected 1 to {PAGES_MAX}")]
    Pages {
        /// The number given.
        pages: u64,
    },
    /// A stride that leads nowhere.
    #[error("a stride of {stride} pages over {pages}: expected 1 to {pages}")]
    Stride {
        /// The number given.
        stride: u64,
        /// Over so many pages.
        pages: u64,
    },
    /// An exponent that is no skew.
    #[error("zipf with an alpha of {alpha}: expected 0 (all pages alike) to 100")]
    Alpha {
        /// The number given.
        alpha: f64,
    },
    /// A mix whose weights choose nothing.
    #[error("a mix of {parts} parts with weights of {total} in all: expected 1 to {}", u32::MAX)]
    Mix {
        /// How many parts.
        parts: usize,
        /// The sum of their weights.
        total: u64,
    },
    /// Phases that never end or never begin.
    #[error("{phases} phases of {references} references in all: expected at least one of each")]
    Phases {
        /// How many phases.
        phases: usize,
        /// References of the shortest one; 0 where there is none.
        references: u64,
    },
    /// A share of writes that is none.
    #[error("a share of writes of {share}: expected 0 to 1")]
    Writes {
        /// The number given.
        share: f64,
    },
}
