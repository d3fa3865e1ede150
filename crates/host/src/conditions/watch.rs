//! What is watched: the state that the watcher thread writes and every handle reads.

use super::changes::Change;
use super::mode::Mode;
use crate::system::Signal;
use memtide_core::conditions::{Condition, ConditionSet, Reading, State, Tracker};
use slab::Slab;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::SystemTime;

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// These of the wanted conditions were set.
    Held(ConditionSet),
    /// The wanted conditions cannot be known: waiting for them would never end.
    Unknowable(ConditionSet),
}

/// Who waits, and how it is told.
#[derive(Debug)]
enum Told {
    /// A thread or a task: once.
    Task { outcome: Option<Outcome>, waker: Option<Waker> },
    /// A file descriptor: readable while the condition holds.
    Signal { signal: Arc<Signal>, is_set: bool },
}

#[derive(Debug)]
struct Waiter {
    wanted: ConditionSet,
    mode: Mode,
    told: Told,
}

#[derive(Debug)]
struct Shared {
    readings: [Reading; Condition::COUNT],
    set: ConditionSet,
    unknown: ConditionSet,
    waiters: Slab<Waiter>,
    counts: [u32; Condition::COUNT],
    listeners: Vec<(ConditionSet, Sender<Change>)>,
}

/// One thing that is watched, shared by its handles and the watcher.
#[derive(Debug)]
pub(crate) struct Watch {
    shared: Mutex<Shared>,
    /// Told when the last handle is gone, so that the watcher can end.
    gone: Arc<Signal>,
    notice: Option<crate::system::WaiterNotice>,
}

impl Watch {
    /// A watch that starts from what `tracker` holds.
    pub(crate) fn new(
        tracker: &Tracker,
        gone: Arc<Signal>,
        notice: Option<crate::system::WaiterNotice>,
    ) -> Self {
        let shared = Shared {
            readings: *tracker.readings(),
            set: tracker.set(),
            unknown: tracker.unknown(),
            waiters: Slab::new(),
            counts: [0; Condition::COUNT],
            listeners: Vec::new(),
        };
        Self { shared: Mutex::new(shared), gone, notice }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Nothing under this lock can panic half way; a poisoned state is still whole.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The nine as they are.
    pub(crate) fn readings(&self) -> [Reading; Condition::COUNT] {
        self.lock().readings
    }

    /// Makes what `tracker` holds known, and wakes whom it concerns.
    pub(crate) fn publish(&self, tracker: &Tracker, changed: ConditionSet) {
        let mut to_wake = Vec::new();
        {
            let mut shared = self.lock();
            let before = shared.readings;
            shared.readings = *tracker.readings();
            if changed.is_empty() {
                return;
            }
            (shared.set, shared.unknown) = (tracker.set(), tracker.unknown());
            shared.tell_waiters(&mut to_wake);
            shared.tell_listeners(&before, changed);
        }
        to_wake.into_iter().for_each(Waker::wake);
    }

    /// Whether someone waits for a condition of this set.
    pub(crate) fn is_wanted(&self, of: ConditionSet) -> bool {
        let shared = self.lock();
        let listened = shared.listeners.iter().any(|(l, _)| !l.intersection(of).is_empty());
        listened || of.iter().any(|condition| shared.counts[condition.index()] > 0)
    }

    /// The outcome if there is one already; else a place among the waiters.
    pub(super) fn join(
        &self,
        wanted: ConditionSet,
        mode: Mode,
        waker: &Waker,
    ) -> Result<Outcome, usize> {
        let mut shared = self.lock();
        if let Some(outcome) = shared.outcome(wanted, mode) {
            return Ok(outcome);
        }
        let told = Told::Task { outcome: None, waker: Some(waker.clone()) };
        Err(self.insert(&mut shared, Waiter { wanted, mode, told }))
    }

    /// The outcome for a waiter that has joined, or `None` with `waker` to be woken.
    pub(super) fn look(&self, key: usize, waker: &Waker) -> Option<Outcome> {
        let mut shared = self.lock();
        let Some(Waiter { told: Told::Task { outcome, waker: kept }, .. }) =
            shared.waiters.get_mut(key)
        else {
            return None;
        };
        if outcome.is_none() && kept.as_ref().is_none_or(|kept| !kept.will_wake(waker)) {
            *kept = Some(waker.clone());
        }
        *outcome
    }

    /// A place for a signal that is set while the condition holds.
    pub(super) fn join_signal(
        &self,
        wanted: ConditionSet,
        mode: Mode,
        signal: Arc<Signal>,
    ) -> usize {
        let mut shared = self.lock();
        let is_set = holds(shared.set, wanted, mode);
        if is_set {
            signal.set();
        }
        self.insert(&mut shared, Waiter { wanted, mode, told: Told::Signal { signal, is_set } })
    }

    /// Gives a place up.
    pub(super) fn leave(&self, key: usize) {
        let mut shared = self.lock();
        if let Some(waiter) = shared.waiters.try_remove(key) {
            self.count(&mut shared, waiter.wanted, u32::wrapping_sub);
        }
    }

    /// Sends every later change of these conditions, and first those that are set.
    pub(super) fn listen(&self, wanted: ConditionSet, sender: Sender<Change>) {
        let mut shared = self.lock();
        let at = SystemTime::now();
        for reading in shared.readings {
            if wanted.contains(reading.condition) && reading.state == State::Set {
                let _ = sender.send(Change { reading, before: None, at });
            }
        }
        self.count(&mut shared, wanted, u32::wrapping_add);
        shared.listeners.push((wanted, sender));
    }

    fn insert(&self, shared: &mut Shared, waiter: Waiter) -> usize {
        self.count(shared, waiter.wanted, u32::wrapping_add);
        shared.waiters.insert(waiter)
    }

    fn count(&self, shared: &mut Shared, wanted: ConditionSet, by: fn(u32, u32) -> u32) {
        for condition in wanted.iter() {
            let count = &mut shared.counts[condition.index()];
            *count = by(*count, 1);
        }
        if let Some(notice) = &self.notice {
            notice.write(&shared.counts);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.gone.set();
    }
}

impl Shared {
    fn outcome(&self, wanted: ConditionSet, mode: Mode) -> Option<Outcome> {
        if holds(self.set, wanted, mode) {
            return Some(Outcome::Held(self.set.intersection(wanted)));
        }
        let unknown = self.unknown.intersection(wanted);
        let hopeless = match mode {
            Mode::Any => unknown == wanted,
            Mode::All => !unknown.is_empty(),
        };
        hopeless.then_some(Outcome::Unknowable(unknown))
    }

    fn tell_waiters(&mut self, to_wake: &mut Vec<Waker>) {
        let mut waiters = std::mem::take(&mut self.waiters);
        for (_, waiter) in &mut waiters {
            match &mut waiter.told {
                Told::Task { outcome, waker } => {
                    if outcome.is_none() {
                        *outcome = self.outcome(waiter.wanted, waiter.mode);
                        to_wake.extend(outcome.and_then(|_| waker.take()));
                    }
                }
                Told::Signal { signal, is_set } => {
                    let now = holds(self.set, waiter.wanted, waiter.mode);
                    match (*is_set, now) {
                        (false, true) => signal.set(),
                        (true, false) => signal.clear(),
                        _ => {}
                    }
                    *is_set = now;
                }
            }
        }
        self.waiters = waiters;
    }

    fn tell_listeners(&mut self, before: &[Reading; Condition::COUNT], changed: ConditionSet) {
        let at = SystemTime::now();
        let readings = self.readings;
        self.listeners.retain(|(wanted, sender)| {
            changed.intersection(*wanted).iter().all(|condition| {
                let index = condition.index();
                let before = Some(before[index].state);
                sender.send(Change { reading: readings[index], before, at }).is_ok()
            })
        });
    }
}

fn holds(set: ConditionSet, wanted: ConditionSet, mode: Mode) -> bool {
    match mode {
        Mode::Any => !set.intersection(wanted).is_empty(),
        Mode::All => set.contains_all(wanted),
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
