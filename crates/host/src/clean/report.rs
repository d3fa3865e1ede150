//! What a clean did: a line a region.

use super::Region;
use crate::Error;
use memtide_core::units::{ByteDelta, Bytes};
use std::time::Duration;

/// How a step ended.
#[derive(Debug)]
pub enum Status {
    /// The region was cleaned.
    Done,
    /// A part of the region was cleaned.
    Partial {
        /// Why not all of it.
        why: String,
    },
    /// Nothing was tried.
    Skipped {
        /// Why not.
        why: String,
    },
    /// As much had been made free as was asked for, before this region's turn.
    Enough,
    /// The system refused.
    Refused {
        /// The system's own error.
        error: Error,
        /// What would be needed, in words.
        needs: String,
    },
    /// The region's time ran out; what was done until then counts.
    TimedOut {
        /// What is left, in words.
        left: String,
    },
    /// The user stopped it; what was done until then counts.
    Cancelled,
}

impl Status {
    /// The word for it in machine-readable output.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partial { .. } => "partial",
            Self::Skipped { .. } => "skipped",
            Self::Enough => "enough",
            Self::Refused { .. } => "refused",
            Self::TimedOut { .. } => "timed-out",
            Self::Cancelled => "cancelled",
        }
    }

    /// The reason in words, where there is more to say than the word.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Done | Self::Cancelled => None,
            Self::Enough => Some("as much as asked for had been made free".to_owned()),
            Self::Partial { why } | Self::Skipped { why } => Some(why.clone()),
            Self::Refused { error, needs } => Some(format!("{error} (needs {needs})")),
            Self::TimedOut { left } => Some(left.clone()),
        }
    }

    /// Whether everything that was asked for was done.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self, Self::Done | Self::Enough)
    }
}

/// Whether the system's own counters can tell what comes back after a mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Pages it took are counted when they come back: refaults.
    Refaults,
    /// Pages it took come back uncounted; only reads from disks show it.
    Blind,
    /// It takes no page away.
    TakesNothing,
}

impl Evidence {
    /// The word for it in machine-readable output.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Refaults => "refaults",
            Self::Blind => "blind",
            Self::TakesNothing => "takes-nothing",
        }
    }
}

/// How a region is cleaned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mechanism {
    /// The call or the file.
    pub name: String,
    /// What the counters see of it.
    pub evidence: Evidence,
}

/// What changed, with signs; `None` is a kind that cannot be known here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Memory that became free; for a cgroup, what its charge fell by.
    pub made_free: Option<ByteDelta>,
    /// Memory that became reusable and stayed.
    pub moved_to_standby: Option<ByteDelta>,
    /// What was written to disks, swap included.
    pub written_to_disk: Option<ByteDelta>,
    /// What the commit charge fell by.
    pub returned_to_commit: Option<ByteDelta>,
}

/// What became of one region.
#[derive(Debug)]
pub struct StepReport {
    /// The region.
    pub region: Region,
    /// How it ended.
    pub status: Status,
    /// How long it took.
    pub elapsed: Duration,
    /// What changed between the moments before and after.
    pub change: Change,
    /// How it was done; `None` where nothing was tried.
    pub mechanism: Option<Mechanism>,
    /// What else there is to know, a sentence each.
    pub notes: Vec<String>,
}

/// What became of a request, so far.
#[derive(Debug, Default)]
pub struct Report {
    /// A line a region that had its turn.
    pub steps: Vec<StepReport>,
    /// Available memory before the first step.
    pub available_before: Option<Bytes>,
    /// Available memory after the last step so far.
    pub available_after: Option<Bytes>,
    /// Time from the beginning of the first step to the end of the last so far.
    pub elapsed: Duration,
}

impl Report {
    /// What all steps together made free, or `None` where no step could tell.
    #[must_use]
    pub fn made_free(&self) -> Option<ByteDelta> {
        let known = self.steps.iter().filter_map(|step| step.change.made_free);
        known.reduce(|a, b| ByteDelta(a.0.saturating_add(b.0)))
    }

    /// What all steps together moved to standby, or `None` where no step could tell.
    #[must_use]
    pub fn moved_to_standby(&self) -> Option<ByteDelta> {
        let known = self.steps.iter().filter_map(|step| step.change.moved_to_standby);
        known.reduce(|a, b| ByteDelta(a.0.saturating_add(b.0)))
    }

    /// Whether every region that was asked for was cleaned.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.steps.iter().all(|step| step.status.is_done())
    }

    /// Whether the user stopped it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.steps.iter().any(|step| matches!(step.status, Status::Cancelled))
    }

    /// Whether a step took pages that come back uncounted.
    pub(crate) fn is_blind(&self) -> bool {
        self.steps.iter().any(|step| {
            let freed = step.change.made_free.is_some_and(|freed| freed.0 > 0);
            freed && step.mechanism.as_ref().is_some_and(|m| m.evidence == Evidence::Blind)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(status: Status, made_free: Option<i64>) -> StepReport {
        let made_free = made_free.map(ByteDelta);
        let change = Change { made_free, ..Change::default() };
        StepReport {
            region: Region::Standby,
            status,
            elapsed: Duration::ZERO,
            change,
            mechanism: Some(Mechanism { name: "x".into(), evidence: Evidence::Blind }),
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_loss_is_subtracted_and_the_unknown_is_not_zero() {
        let mut report = Report::default();
        assert_eq!(report.made_free(), None);
        report.steps.push(step(Status::Done, None));
        assert_eq!(report.made_free(), None);
        report.steps.push(step(Status::Done, Some(100)));
        report.steps.push(step(Status::Enough, Some(-300)));
        assert_eq!(report.made_free(), Some(ByteDelta(-200)));
        assert!(report.is_done() && report.is_blind() && !report.is_cancelled());
    }

    #[test]
    fn a_refusal_keeps_the_systems_words_and_says_what_is_needed() {
        let source = std::io::Error::from_raw_os_error(13);
        let error = Error::Call { call: "syncfs", source };
        let status = Status::Refused { error, needs: "root".to_owned() };
        let reason = status.reason().expect("a reason");
        assert!(reason.contains("syncfs") && reason.contains("(needs root)"), "{reason}");
        assert!(!status.is_done());
    }
}
