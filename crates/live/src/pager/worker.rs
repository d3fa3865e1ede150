//! Workers: jobs that nobody waits for, and time that passes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::{PoisonError, Weak};
use std::time::Duration;

use memtide_core::Input;

use crate::pager::{Locked, Pager};
use crate::signal::SignalsBlocked;

/// The longest sleep, so that a machine that was dropped is noticed.
const NAP: Duration = Duration::from_secs(1);

/// Runs until the machine is gone.
pub(crate) fn work(pager: &Weak<Pager>) {
    let _blocked = SignalsBlocked::new();
    while let Some(pager) = pager.upgrade() {
        if pager.ends.load(Ordering::Acquire) {
            return;
        }
        turn(&pager);
    }
}

fn turn(pager: &Arc<Pager>) {
    let state = pager.state.lock().unwrap_or_else(PoisonError::into_inner);
    let mut state = Locked::blocked(pager, state);
    if let Some(job) = state.jobs.pop_front() {
        return pager.run_job(&mut state, job);
    }
    let deadline = state.manager.next_deadline();
    let now = state.now();
    if deadline.is_some_and(|at| at <= now) {
        return state.input(Input::Tick);
    }
    let left = deadline.map_or(NAP, |at| Duration::from_nanos(at.0 - now.0)).min(NAP);
    state.sleep(left);
}
