//! What a clean asks of the system it runs on.

use super::{Mechanism, Prediction, Region, Status};
use crate::Error;
use memtide_core::lists::STANDBY_PRIORITIES;
use memtide_core::units::{ByteDelta, Bytes};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The hands of a clean: each system has one.
pub(crate) trait System {
    /// What a step of this region changes, as it is now.
    fn gauge(&mut self, region: Region) -> Gauge;
    /// What this region would yield.
    fn predict(&mut self, region: Region) -> Prediction;
    /// Cleans this region, looking at the reins between its parts.
    fn carry_out(&mut self, region: Region, reins: &mut Reins<'_>) -> Outcome;
    /// What tells of pages coming back, as it is now; `settled` waits until no processor holds
    /// back a part of the counts.
    fn counters(&mut self, settled: bool) -> Counters;
    /// What a reader of those counters must know, a sentence each.
    fn remarks(&self) -> Vec<String>;
}

/// The amounts that a step changes, at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gauge {
    /// Memory that is not free; for a cgroup, its charge.
    pub(crate) occupied: Option<Bytes>,
    /// Memory that could be reused and is not free.
    pub(crate) standby: Option<Bytes>,
    /// What was written to disks since the start.
    pub(crate) written: Option<Bytes>,
    /// The commit charge.
    pub(crate) commit: Option<Bytes>,
}

impl Gauge {
    /// What became free since `before`.
    pub(crate) fn made_free_since(&self, before: &Self) -> Option<ByteDelta> {
        before.occupied.zip(self.occupied).map(|(before, now)| before.since(now))
    }
}

/// What tells of pages coming back: counts since the start, and levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// File pages that came back after they were taken.
    pub(crate) refault_file: Option<u64>,
    /// Anonymous pages that came back after they were taken.
    pub(crate) refault_anonymous: Option<u64>,
    /// Records of what was taken that were lost, each of up to [`Counters::PAGES_A_RECORD`] pages.
    pub(crate) records_lost: Option<u64>,
    /// Faults that took a page back from standby or modified, without I/O (Windows).
    pub(crate) transition_faults: Option<u64>,
    /// Standby memory that got another owner, by priority (Windows).
    pub(crate) repurposed: Option<[Bytes; STANDBY_PRIORITIES]>,
    /// Faults that had to wait for a disk.
    pub(crate) major_faults: Option<u64>,
    /// Pages read from swap.
    pub(crate) swap_ins: Option<u64>,
    /// What was read from disks.
    pub(crate) read: Option<Bytes>,
    /// Time in which a thread waited for memory.
    pub(crate) stall: Option<Duration>,
    /// Available memory now.
    pub(crate) available: Option<Bytes>,
}

impl Counters {
    /// The pages one record stands for: a node of the kernel's tree of a file's pages.
    pub(crate) const PAGES_A_RECORD: u64 = 64;
}

/// How a region's cleaning ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: Status,
    pub(crate) mechanism: Option<Mechanism>,
    pub(crate) notes: Vec<String>,
}

impl Outcome {
    /// A mechanism was tried, and this came of it.
    pub(crate) fn ended(status: Status, mechanism: Mechanism) -> Self {
        Self { status, mechanism: Some(mechanism), notes: Vec::new() }
    }

    /// Nothing was tried.
    pub(crate) fn skipped(why: impl Into<String>) -> Self {
        Self { status: Status::Skipped { why: why.into() }, mechanism: None, notes: Vec::new() }
    }

    /// The system refused it.
    pub(crate) fn refused(error: Error, needs: impl Into<String>) -> Self {
        let status = Status::Refused { error, needs: needs.into() };
        Self { status, mechanism: None, notes: Vec::new() }
    }

    /// The same, with a note.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}

/// Why a step stops before it is through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The user wants it.
    Cancelled,
    /// Its time has run out.
    TimedOut,
}

impl Status {
    /// A step stopped before it was through, and this is left.
    pub(crate) fn stopped(stop: Stop, left: impl Into<String>) -> Self {
        match stop {
            Stop::Cancelled => Self::Cancelled,
            Stop::TimedOut => Self::TimedOut { left: left.into() },
        }
    }
}

/// The bounds of one step, and the way to tell how it gets on.
pub(crate) struct Reins<'a> {
    pub(crate) deadline: Option<Instant>,
    pub(crate) cancel: &'a AtomicBool,
    /// What may still be made free.
    pub(crate) limit: Option<Bytes>,
    pub(crate) tell: &'a mut dyn FnMut(&str),
}

impl Reins<'_> {
    /// Whether the step must stop now.
    pub(crate) fn stop(&self) -> Option<Stop> {
        if self.cancel.load(Ordering::Relaxed) {
            return Some(Stop::Cancelled);
        }
        self.deadline.filter(|deadline| Instant::now() >= *deadline).map(|_| Stop::TimedOut)
    }

    /// How long a wait may last before the reins must be looked at again.
    pub(crate) fn patience(&self) -> Duration {
        // Short enough that a Ctrl-C feels immediate.
        const GLANCE: Duration = Duration::from_millis(50);
        let left = self.deadline.map(|d| d.saturating_duration_since(Instant::now()));
        left.map_or(GLANCE, |left| left.min(GLANCE))
    }

    /// What may still be made free after so much has been; `None` is without bound.
    pub(crate) fn room(&self, made_free: Option<ByteDelta>) -> Option<Bytes> {
        let made_free = u64::try_from(made_free.unwrap_or_default().0).unwrap_or_default();
        self.limit.map(|limit| limit.saturating_sub(Bytes(made_free)))
    }

    /// Tells what is being done.
    pub(crate) fn tell(&mut self, text: &str) {
        (self.tell)(text);
    }
}
