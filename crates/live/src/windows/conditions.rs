//! The nine conditions of a machine, judged by what Windows tells about the process.
//!
//! Windows sends no event for what one process may still have, so that who waits looks again and
//! again: twenty times a second.

use std::time::{Duration, Instant};

use memtide_core::conditions::{Bound, Condition, ConditionSet, Levels, Mode, Reading};
use memtide_core::units::Bytes;

use super::budget::Budget;
use super::machine::Running;
use super::native::process::{self, WorkingSetLimits};
use crate::machine::Machine;

/// How long who waits sleeps between two looks.
pub(super) const INTERVAL: Duration = Duration::from_millis(50);

/// How large the working set may be: the budgets of all machines, or less where a job says so.
fn working_set_most() -> u64 {
    let limits = process::working_set_limits().ok();
    let hard = limits.filter(|limits| limits.flags & WorkingSetLimits::HARD_MAXIMUM != 0);
    hard.map_or(u64::MAX, |limits| limits.maximum).min(Budget::total())
}

impl Running {
    /// The levels now; those that Windows does not tell are unknown.
    ///
    /// Available is what the working set may still grow by, of what the system has available.
    /// Pools are the system's, with no limit for a process. The commit charge and its maximum are
    /// the machine's; the limit is less where the system, or a job, leaves less to commit.
    fn levels(&self) -> Levels {
        let (memory, system) = (process::memory().ok(), process::system_memory().ok());
        let budget = working_set_most();
        let left = memory.map(|memory| budget.saturating_sub(memory.working_set.0));
        let (charge, maximum) = (self.commit().charged(), self.commit().limit());
        let limit = |left: u64| maximum.min(charge.saturating_add(left));
        let mut levels = Levels {
            commit_charge: Some(Bytes(charge)),
            commit_limit: system.map(|system| Bytes(limit(system.commit_available))),
            commit_maximum: Some(Bytes(maximum)),
            ..Levels::default()
        };
        if let (Some(left), Some(system)) = (left, system) {
            levels.available = Some(Bytes(left.min(system.available)));
            if left < system.available {
                levels.bound = Bound::Container;
            }
        }
        levels
    }

    /// Judges the conditions by the levels now.
    pub(super) fn judge(&self) -> ConditionSet {
        let levels = self.levels();
        let mut tracker = self.tracker();
        tracker.update(&levels);
        tracker.set()
    }
}

impl Machine {
    /// The nine conditions as they are now; those of the pools are unknown.
    #[must_use]
    pub fn conditions(&self) -> Vec<Reading> {
        self.running().judge();
        self.running().tracker().readings().to_vec()
    }

    /// Whether a condition is set.
    #[must_use]
    pub fn is_set(&self, condition: Condition) -> bool {
        self.running().judge().contains(condition)
    }

    /// Waits until any of some conditions is set, at most so long; whether one is.
    #[must_use]
    pub fn wait_any(&self, of: ConditionSet, most: Option<Duration>) -> bool {
        self.wait(of, Mode::Any, most)
    }

    /// Waits until all of some conditions are set at once, at most so long; whether they are.
    #[must_use]
    pub fn wait_all(&self, of: ConditionSet, most: Option<Duration>) -> bool {
        self.wait(of, Mode::All, most)
    }

    fn wait(&self, of: ConditionSet, mode: Mode, most: Option<Duration>) -> bool {
        let deadline = most.and_then(|most| Instant::now().checked_add(most));
        loop {
            if mode.holds(self.running().judge(), of) {
                return true;
            }
            let now = Instant::now();
            let left = deadline.map_or(INTERVAL, |end| end.saturating_duration_since(now));
            if left.is_zero() {
                return false;
            }
            std::thread::sleep(left.min(INTERVAL));
        }
    }
}
