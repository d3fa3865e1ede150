//! What came of a comparison.

use crate::{Content, Multiple, Pattern, System};
use memtide_core::units::Bytes;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Accesses made, as the pattern counts them.
    pub accesses: u64,
    /// How long they took, in nanoseconds.
    pub elapsed: u64,
    /// The [proof](crate::pattern::Work::proof) of the work.
    pub proof: u64,
    /// Faults that had to wait for a device.
    pub major_faults: u64,
    /// Bytes read from the device, or from zram.
    pub read: u64,
    /// Bytes written to it.
    pub written: u64,
}

impl Run {
    /// Nanoseconds an access.
    #[must_use]
    pub fn ns_per_access(&self) -> f64 {
        self.elapsed as f64 / self.accesses.max(1) as f64
    }
}

/// A figure of several runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The least.
    pub least: f64,
    /// The one in the middle, or between the two there.
    pub median: f64,
    /// The most.
    pub most: f64,
}

impl Spread {
    /// Of these figures, where there are any.
    #[must_use]
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let (below, above) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        Some(Self { least, median: f64::midpoint(below, above), most })
    }
}

/// One pattern under one system with one size of data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The work.
    pub pattern: Pattern,
    /// What did it.
    pub system: System,
    /// How many times the budget the data was.
    pub multiple: Multiple,
    /// The data, in bytes.
    pub data: Bytes,
    /// The runs that were made.
    pub runs: Vec<Run>,
    /// Why there are no runs, or no more.
    pub reason: Option<String>,
}

impl Outcome {
    /// Nanoseconds an access, where it was measured.
    #[must_use]
    pub fn ns_per_access(&self) -> Option<Spread> {
        Spread::of(self.runs.iter().map(Run::ns_per_access))
    }

    /// The median of something counted, where it was measured; of two, the smaller.
    #[must_use]
    pub fn median(&self, count: fn(&Run) -> u64) -> Option<u64> {
        let mut counts: Vec<u64> = self.runs.iter().map(count).collect();
        counts.sort_unstable();
        counts.get(counts.len().saturating_sub(1) / 2).copied()
    }
}

/// All that was compared.
#[derive(Clone, Debug)]
pub struct Report {
    /// The memory that each system might use, in bytes.
    pub budget: Bytes,
    /// Where the files were.
    pub directory: PathBuf,
    /// What pages held.
    pub content: Content,
    /// What decided all that was random.
    pub seed: u64,
    /// What came of each pattern under each system.
    pub outcomes: Vec<Outcome>,
    /// Whether it was ended before all was done.
    pub interrupted: bool,
}

impl Report {
    /// How many times as fast as another system the one of an outcome does the same work.
    #[must_use]
    pub fn ratio_to(&self, outcome: &Outcome, other: System) -> Option<f64> {
        let same = |o: &&Outcome| {
            o.system == other && o.pattern == outcome.pattern && o.multiple == outcome.multiple
        };
        let other = self.outcomes.iter().find(same)?.ns_per_access()?.median;
        let own = outcome.ns_per_access()?.median;
        (own > 0.0).then(|| other / own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(system: System, elapsed: &[u64]) -> Outcome {
        let run = |elapsed: &u64| Run {
            accesses: 10,
            elapsed: *elapsed,
            proof: 0,
            major_faults: *elapsed,
            read: 0,
            written: 0,
        };
        Outcome {
            pattern: Pattern::Sort,
            system,
            multiple: "2x".parse().expect("a multiple"),
            data: Bytes::from_mib(32),
            runs: elapsed.iter().map(run).collect(),
            reason: None,
        }
    }

    #[test]
    fn a_ratio_is_of_medians_and_above_one_where_it_is_faster() {
        let own = outcome(System::Memory, &[100, 20, 10]);
        let report = Report {
            budget: Bytes::from_mib(16),
            directory: PathBuf::new(),
            content: Content::Random,
            seed: 1,
            outcomes: vec![own.clone(), outcome(System::SwapFile, &[400, 200])],
            interrupted: false,
        };
        assert_eq!(report.ratio_to(&own, System::SwapFile), Some(15.0));
        assert_eq!(report.ratio_to(&own, System::Memory), Some(1.0));
        assert_eq!(report.ratio_to(&own, System::SwapZram), None);
        assert_eq!(own.median(|run| run.major_faults), Some(20));
    }

    #[test]
    fn the_spread_is_from_the_least_to_the_most() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0]);
        assert_eq!(spread, Some(Spread { least: 1.0, median: 2.5, most: 4.0 }));
        assert_eq!(Spread::of([]), None);
    }
}
