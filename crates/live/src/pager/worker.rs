//! Workers: jobs that nobody waits for, and time that passes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use memtide_core::Input;

use crate::pager::Pager;

/// The longest sleep while nothing is due.
const NAP: Duration = Duration::from_secs(1);

/// Works until the machine ends.
pub(crate) fn work(pager: &Pager) {
    while !pager.ends.load(Ordering::Acquire) {
        turn(pager);
    }
}

fn turn(pager: &Pager) {
    let mut state = pager.lock_blocked();
    if !state.untold.is_empty() {
        drop(state);
        return pager.watch.tell(pager);
    }
    if let Some(job) = state.jobs.pop_front() {
        return pager.run_job(&mut state, job);
    }
    if pager.ends.load(Ordering::Acquire) {
        return;
    }
    let deadline = state.manager.next_deadline();
    let now = state.now();
    if deadline.is_some_and(|at| at <= now) {
        return state.input(Input::Tick);
    }
    let left = deadline.map_or(NAP, |at| Duration::from_nanos(at.0 - now.0)).min(NAP);
    state.sleep(left);
}
