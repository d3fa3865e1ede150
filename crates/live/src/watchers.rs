//! Who watches the conditions of a machine, and how each is told.

use std::sync::Arc;
use std::task::{Poll, Waker};

use memtide_core::conditions::{ConditionSet, Mode};

/// Who waits, and how it is told.
#[derive(Debug)]
struct Watcher<D> {
    key: u64,
    wanted: ConditionSet,
    mode: Mode,
    told: Told<D>,
}

#[derive(Debug)]
pub(crate) enum Told<D> {
    /// It is set while the conditions hold.
    Event { event: Arc<D>, holds: bool },
    /// The task is woken once; what held then.
    Task { waker: Waker, held: Option<ConditionSet> },
}

impl<D> Told<D> {
    /// A task that was told nothing yet.
    pub(crate) fn task(waker: &Waker) -> Self {
        Self::Task { waker: waker.clone(), held: None }
    }
}

/// All who watch. What sets an event differs by system.
#[derive(Debug)]
pub(crate) struct Watchers<D> {
    watchers: Vec<Watcher<D>>,
    next: u64,
}

impl<D> Default for Watchers<D> {
    fn default() -> Self {
        Self { watchers: Vec::new(), next: 0 }
    }
}

impl<D> Watchers<D> {
    /// Whether nobody watches.
    #[cfg(windows)]
    pub(crate) const fn is_empty(&self) -> bool {
        self.watchers.is_empty()
    }

    /// Notes who waits; its key.
    pub(crate) fn add(&mut self, wanted: ConditionSet, mode: Mode, told: Told<D>) -> u64 {
        self.next += 1;
        self.watchers.push(Watcher { key: self.next, wanted, mode, told });
        self.next
    }

    /// Forgets who waits no longer.
    pub(crate) fn leave(&mut self, key: u64) {
        self.watchers.retain(|watcher| watcher.key != key);
    }

    /// Tells who waits for what is set now; the tasks to wake.
    pub(crate) fn tell(&mut self, set: ConditionSet, put: impl Fn(&D, bool)) -> Vec<Waker> {
        let mut wakes = Vec::new();
        for Watcher { wanted, mode, told, .. } in &mut self.watchers {
            let now = mode.holds(set, *wanted);
            match told {
                Told::Event { event, holds } if *holds != now => {
                    *holds = now;
                    put(event, now);
                }
                Told::Task { waker, held: held @ None } if now => {
                    *held = Some(set.intersection(*wanted));
                    wakes.push(waker.clone());
                }
                Told::Event { .. } | Told::Task { .. } => {}
            }
        }
        wakes
    }

    /// What held when a task was told, which is over then; or notes whom to wake.
    pub(crate) fn poll(&mut self, key: u64, now: &Waker) -> Poll<ConditionSet> {
        let place = self.watchers.iter().position(|watcher| watcher.key == key);
        let Some(place) = place else { return Poll::Pending };
        if let Told::Task { waker, held } = &mut self.watchers[place].told {
            if let Some(held) = *held {
                self.watchers.swap_remove(place);
                return Poll::Ready(held);
            }
            waker.clone_from(now);
        }
        Poll::Pending
    }
}
