//! The budget: how large the working set of the process may be.
//!
//! Windows limits the working set of a process, and of nothing smaller. So the maximum is the sum
//! of the budgets of all machines of the process; it holds for every page that the process has in
//! memory, its code and heap among them, and pages of one machine may take the room of another's.
//!
//! A job could bound what the process commits as well, but of all of it and for ever: no process
//! leaves a job. So a machine counts its own promises, in `commit`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use memtide_core::page::PAGE_SIZE;
use memtide_core::units::Bytes;
use memtide_core::{Refusal, WORKING_SET_MAXIMUM_LEAST};

use super::native::process::{self, WorkingSetLimits};
use crate::error::Error;

/// What the machines of this process ask of its working set, in bytes.
#[derive(Debug)]
struct Budgets {
    /// The limits before the first machine.
    before: Option<WorkingSetLimits>,
    /// The sum of all budgets.
    total: u64,
    /// The limits that a program asked for.
    asked: Option<(u64, u64)>,
    /// What is pinned.
    pinned: u64,
}

static BUDGETS: Mutex<Budgets> =
    Mutex::new(Budgets { before: None, total: 0, asked: None, pinned: 0 });

fn budgets() -> MutexGuard<'static, Budgets> {
    BUDGETS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Budgets {
    fn limits(&self, before: WorkingSetLimits) -> WorkingSetLimits {
        // Half of a budget is left to whatever is in use.
        let by_default = (before.minimum.min(self.total / 2), self.total);
        let (minimum, maximum) = self.asked.unwrap_or(by_default);
        let maximum = maximum.min(self.total);
        let minimum = (minimum + self.pinned).min(maximum);
        WorkingSetLimits { minimum, maximum, flags: WorkingSetLimits::HARD_MAXIMUM }
    }

    /// Makes Windows' limits those that are asked for now.
    fn apply(&mut self) -> Result<(), Error> {
        let Some(before) = self.before else { return Ok(()) };
        let wanted = if self.total == 0 { before } else { self.limits(before) };
        process::set_working_set_limits(wanted)
            .map_err(Error::system("the limits of the process' working set"))
    }
}

/// A machine's part of the working set; it is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: u64,
}

impl Budget {
    /// Lets the working set be so much larger; the first bounds it at all.
    ///
    /// # Errors
    /// [`Error::System`] where Windows refuses the limits.
    pub(super) fn take(bytes: u64) -> Result<Self, Error> {
        let mut budgets = budgets();
        if budgets.total == 0 {
            let before = process::working_set_limits();
            let before = before.map_err(Error::system("the limits of the process' working set"))?;
            (budgets.before, budgets.asked, budgets.pinned) = (Some(before), None, 0);
        }
        budgets.total += bytes;
        budgets.apply().inspect_err(|_| budgets.total -= bytes)?;
        Ok(Self { bytes })
    }

    /// The sum of the budgets of all machines of this process.
    pub(super) fn total() -> u64 {
        budgets().total
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        let mut budgets = budgets();
        budgets.total -= self.bytes;
        // Limits that were in force can be had again; if not, nobody is left to tell.
        let _ = budgets.apply();
    }
}

/// Sets the limits of the working set, in bytes.
///
/// # Errors
/// What the manager refuses, and a maximum above the budgets.
pub(super) fn set_limits(minimum: u64, maximum: u64) -> Result<(), Error> {
    let refused =
        |what, value, expected| Err(Refusal::InvalidParameter { what, value, expected }.into());
    if minimum == 0 || minimum > maximum {
        return refused("the minimum", minimum, "more than 0 and no more than the maximum");
    }
    if maximum < u64::from(WORKING_SET_MAXIMUM_LEAST) * PAGE_SIZE {
        return refused("the maximum", maximum, "at least 13 pages");
    }
    let mut budgets = budgets();
    if maximum > budgets.total {
        return refused("the maximum", maximum, "at most the budgets of the process' machines");
    }
    let before = budgets.asked.replace((minimum, maximum));
    let applied = budgets.apply();
    if applied.is_err() {
        budgets.asked = before;
    }
    applied
}

/// Lets so many more bytes be locked.
///
/// # Errors
/// [`Refusal::WorkingSetQuota`] where the maximum has no room for them.
pub(super) fn pin(bytes: u64) -> Result<(), Error> {
    let mut budgets = budgets();
    let Some(before) = budgets.before else { return Ok(()) };
    let limits = budgets.limits(before);
    let allowed = limits.maximum.saturating_sub(limits.minimum);
    if bytes > allowed {
        let (wanted, allowed) = (Bytes(bytes), Bytes(allowed));
        return Err(Refusal::WorkingSetQuota { wanted, allowed }.into());
    }
    budgets.pinned += bytes;
    budgets.apply().inspect_err(|_| budgets.pinned -= bytes)
}

/// Takes back what was let be locked.
pub(super) fn unpin(bytes: u64) {
    let mut budgets = budgets();
    budgets.pinned = budgets.pinned.saturating_sub(bytes);
    // The working set may be smaller than it may be.
    let _ = budgets.apply();
}
