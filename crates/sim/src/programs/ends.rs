//! When a phase ends.

use memtide_core::page::Tick;

/// When a phase ends: at a moment, after so many of what it does, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) at: Option<Tick>,
    pub(super) count: Option<u64>,
}

impl Ends {
    /// How many more may be done.
    pub(super) fn left(self, now: Tick, done: u64) -> u64 {
        if self.at.is_some_and(|at| now >= at) {
            return 0;
        }
        self.count.map_or(u64::MAX, |count| count.saturating_sub(done))
    }

    /// How long until the end, at most so long.
    pub(super) fn time_left(self, now: Tick, most: Tick) -> Tick {
        let left = self.at.map_or(most.0, |at| at.0.saturating_sub(now.0));
        Tick(left.min(most.0))
    }
}
