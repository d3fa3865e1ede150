//! What is watched: the state that the watcher thread writes and every handle reads.

use super::changes::Change;
use crate::Error;
use crate::system::Signal;
use memtide_core::conditions::{Condition, ConditionSet, Mode, Reading, Reason, State};
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

/// Where one thread or task finds its outcome: its own place, so that a thousand that wake at once
/// don't queue for one lock.
#[derive(Debug)]
pub(super) struct Slot(Mutex<Pending>);

#[derive(Debug)]
enum Pending {
    Waits(Waker),
    Ended(Outcome),
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The outcome, or `None` with `waker` to be woken.
    pub(super) fn look(&self, waker: &Waker) -> Option<Outcome> {
        match &mut *self.lock() {
            Pending::Ended(outcome) => Some(*outcome),
            Pending::Waits(kept) => {
                kept.clone_from(waker);
                None
            }
        }
    }

    /// Leaves the outcome, and says whom to wake.
    fn end(&self, outcome: Outcome) -> Option<Waker> {
        match std::mem::replace(&mut *self.lock(), Pending::Ended(outcome)) {
            Pending::Waits(waker) => Some(waker),
            Pending::Ended(_) => None,
        }
    }
}

/// A place among the waiters.
#[derive(Debug)]
pub(super) struct Place {
    key: usize,
    pub(super) slot: Arc<Slot>,
}

/// Who waits, and how it is told.
#[derive(Debug)]
enum Told {
    /// A thread or a task: once, and then its place is free.
    Task(Arc<Slot>),
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
    /// The process whose thread keeps this up to date. In a child that fork made of it nobody does,
    /// and the lock may be held for ever by a thread that the child doesn't have.
    owner: u32,
    /// Told when the last handle is gone, so that the watcher can end.
    gone: Arc<Signal>,
    notice: Option<crate::system::WaiterNotice>,
}

impl Watch {
    /// A watch that starts from these readings.
    pub(crate) fn new(
        readings: &[Reading; Condition::COUNT],
        gone: Arc<Signal>,
        notice: Option<crate::system::WaiterNotice>,
    ) -> Self {
        let shared = Shared {
            readings: *readings,
            set: those(readings, State::Set),
            unknown: those(readings, State::Unknown),
            waiters: Slab::new(),
            counts: [0; Condition::COUNT],
            listeners: Vec::new(),
        };
        Self { shared: Mutex::new(shared), owner: std::process::id(), gone, notice }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // Nothing under this lock can panic half way; a poisoned state is still whole.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_ours(&self) -> bool {
        self.owner == std::process::id()
    }

    /// The nine as they are; unknown in a child that fork made.
    pub(crate) fn readings(&self) -> [Reading; Condition::COUNT] {
        match self.is_ours() {
            true => self.lock().readings,
            false => Condition::ALL.map(Reading::unknown),
        }
    }

    /// Makes these readings known, and wakes whom it concerns.
    pub(crate) fn publish(&self, readings: &[Reading; Condition::COUNT]) {
        let mut to_wake = Vec::new();
        {
            let mut shared = self.lock();
            let before = std::mem::replace(&mut shared.readings, *readings);
            let changed = before.iter().zip(readings).filter(|(b, a)| b.state != a.state);
            let changed: ConditionSet = changed.map(|(_, after)| after.condition).collect();
            if changed.is_empty() {
                return;
            }
            shared.set = those(readings, State::Set);
            shared.unknown = those(readings, State::Unknown);
            shared.tell_waiters(&mut to_wake);
            shared.tell_listeners(&before, changed);
            self.show(&shared);
        }
        to_wake.into_iter().for_each(Waker::wake);
    }

    /// The error of who waits for conditions that cannot be known.
    pub(super) fn unknowable(&self, unknown: ConditionSet) -> Error {
        let status = |reading: &Reading| match reading.reason {
            Reason::NoEvent { status } if unknown.contains(reading.condition) => Some(status),
            _ => None,
        };
        Error::Unknowable { unknown, status: self.readings().iter().find_map(status) }
    }

    /// Whether someone waits for a condition of this set.
    pub(crate) fn is_wanted(&self, of: ConditionSet) -> bool {
        let shared = self.lock();
        of.iter().any(|condition| shared.counts[condition.index()] > 0)
    }

    /// The outcome if there is one already; else a place among the waiters.
    pub(super) fn join(
        &self,
        wanted: ConditionSet,
        mode: Mode,
        waker: &Waker,
    ) -> Result<Outcome, Place> {
        if !self.is_ours() {
            return Ok(Outcome::Unknowable(wanted));
        }
        let mut shared = self.lock();
        if let Some(outcome) = shared.outcome(wanted, mode) {
            return Ok(outcome);
        }
        let slot = Arc::new(Slot(Mutex::new(Pending::Waits(waker.clone()))));
        let told = Told::Task(Arc::clone(&slot));
        let key = self.insert(&mut shared, Waiter { wanted, mode, told });
        Err(Place { key, slot })
    }

    /// Gives a task's place up, unless it has been told meanwhile and the place is another's.
    pub(super) fn leave_place(&self, place: &Place) {
        if !self.is_ours() {
            return;
        }
        let mut shared = self.lock();
        let own = shared.waiters.get(place.key).is_some_and(
            |waiter| matches!(&waiter.told, Told::Task(slot) if Arc::ptr_eq(slot, &place.slot)),
        );
        if own {
            self.remove(&mut shared, place.key);
        }
    }

    /// A place for a signal that is set while the condition holds.
    pub(super) fn join_signal(
        &self,
        wanted: ConditionSet,
        mode: Mode,
        signal: Arc<Signal>,
    ) -> Result<usize, Error> {
        if !self.is_ours() {
            return Err(Error::Unknowable { unknown: wanted, status: None });
        }
        let mut shared = self.lock();
        let is_set = mode.holds(shared.set, wanted);
        if is_set {
            signal.set();
        }
        let told = Told::Signal { signal, is_set };
        Ok(self.insert(&mut shared, Waiter { wanted, mode, told }))
    }

    /// Gives a signal's place up.
    pub(super) fn leave(&self, key: usize) {
        if self.is_ours() {
            self.remove(&mut self.lock(), key);
        }
    }

    /// Sends every later change of these conditions, and first those that are set.
    pub(super) fn listen(&self, wanted: ConditionSet, sender: Sender<Change>) {
        // In a child that fork made the sender ends here, and with it the changes.
        if !self.is_ours() {
            return;
        }
        let mut shared = self.lock();
        let at = SystemTime::now();
        for reading in shared.readings {
            if wanted.contains(reading.condition) && reading.state == State::Set {
                let _ = sender.send(Change { reading, before: None, at });
            }
        }
        shared.count(wanted, u32::wrapping_add);
        self.show(&shared);
        shared.listeners.push((wanted, sender));
    }

    fn insert(&self, shared: &mut Shared, waiter: Waiter) -> usize {
        shared.count(waiter.wanted, u32::wrapping_add);
        self.show(shared);
        shared.waiters.insert(waiter)
    }

    fn remove(&self, shared: &mut Shared, key: usize) {
        let waiter = shared.waiters.remove(key);
        shared.count(waiter.wanted, u32::wrapping_sub);
        self.show(shared);
    }

    /// Lets other programs see who waits.
    fn show(&self, shared: &Shared) {
        if let Some(notice) = &self.notice {
            notice.write(&shared.counts);
        }
    }
}

/// The conditions that are in this state.
fn those(readings: &[Reading; Condition::COUNT], state: State) -> ConditionSet {
    readings.iter().filter(|r| r.state == state).map(|r| r.condition).collect()
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.gone.set();
    }
}

impl Shared {
    fn outcome(&self, wanted: ConditionSet, mode: Mode) -> Option<Outcome> {
        if mode.holds(self.set, wanted) {
            return Some(Outcome::Held(self.set.intersection(wanted)));
        }
        let unknown = self.unknown.intersection(wanted);
        let hopeless = match mode {
            Mode::Any => unknown == wanted,
            Mode::All => !unknown.is_empty(),
        };
        hopeless.then_some(Outcome::Unknowable(unknown))
    }

    fn count(&mut self, wanted: ConditionSet, by: fn(u32, u32) -> u32) {
        for condition in wanted.iter() {
            let count = &mut self.counts[condition.index()];
            *count = by(*count, 1);
        }
    }

    fn tell_waiters(&mut self, to_wake: &mut Vec<Waker>) {
        let mut waiters = std::mem::take(&mut self.waiters);
        waiters.retain(|_, waiter| match &mut waiter.told {
            Told::Task(slot) => {
                let Some(outcome) = self.outcome(waiter.wanted, waiter.mode) else { return true };
                to_wake.extend(slot.end(outcome));
                self.count(waiter.wanted, u32::wrapping_sub);
                false
            }
            Told::Signal { signal, is_set } => {
                let now = waiter.mode.holds(self.set, waiter.wanted);
                match (*is_set, now) {
                    (false, true) => signal.set(),
                    (true, false) => signal.clear(),
                    _ => {}
                }
                *is_set = now;
                true
            }
        });
        self.waiters = waiters;
    }

    fn tell_listeners(&mut self, before: &[Reading; Condition::COUNT], changed: ConditionSet) {
        let at = SystemTime::now();
        let readings = self.readings;
        let mut listeners = std::mem::take(&mut self.listeners);
        listeners.retain(|(wanted, sender)| {
            let listens = changed.intersection(*wanted).iter().all(|condition| {
                let index = condition.index();
                let before = Some(before[index].state);
                sender.send(Change { reading: readings[index], before, at }).is_ok()
            });
            if !listens {
                self.count(*wanted, u32::wrapping_sub);
            }
            listens
        });
        self.listeners = listeners;
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
