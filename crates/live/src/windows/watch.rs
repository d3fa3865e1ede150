//! Conditions of a machine as events and futures.

use std::future::Future;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle, RawHandle};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use memtide_core::conditions::{ConditionSet, Mode};

use super::conditions::INTERVAL;
use super::machine::Running;
use super::native::events;
use crate::error::Error;
use crate::machine::Machine;

/// Who waits, and how it is told.
#[derive(Debug)]
struct Watcher {
    key: u64,
    wanted: ConditionSet,
    mode: Mode,
    told: Told,
}

#[derive(Debug)]
enum Told {
    /// The event is set while the conditions hold.
    Event { event: Arc<OwnedHandle>, holds: bool },
    /// The task is woken once; what held then.
    Task { waker: Waker, held: Option<ConditionSet> },
}

/// All who watch the conditions of a machine. While there are any, a thread looks for them.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    watchers: Vec<Watcher>,
    next: u64,
    is_looking: bool,
}

impl List {
    /// Tells who waits for what is set now; the tasks to wake.
    fn tell(&mut self, set: ConditionSet) -> Vec<Waker> {
        let mut wakes = Vec::new();
        for Watcher { wanted, mode, told, .. } in &mut self.watchers {
            let now = mode.holds(set, *wanted);
            match told {
                Told::Event { event, holds } if *holds != now => {
                    *holds = now;
                    events::put(event, now);
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
}

impl Watchers {
    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, key: u64) {
        self.lock().watchers.retain(|watcher| watcher.key != key);
    }
}

impl Running {
    /// Notes who waits, and begins to look where nobody did; its key.
    ///
    /// # Errors
    /// [`std::io::Error`] where there are no threads left.
    fn watch(
        self: &Arc<Self>,
        wanted: ConditionSet,
        mode: Mode,
        told: Told,
    ) -> std::io::Result<u64> {
        let mut list = self.watchers.lock();
        if !list.is_looking {
            let running = Arc::downgrade(self);
            let thread = std::thread::Builder::new().name("memtide-watcher".into());
            thread.spawn(move || look(&running))?;
            list.is_looking = true;
        }
        list.next += 1;
        let key = list.next;
        list.watchers.push(Watcher { key, wanted, mode, told });
        Ok(key)
    }
}

/// Looks for as long as anybody watches.
fn look(running: &Weak<Running>) {
    loop {
        std::thread::sleep(INTERVAL);
        let Some(running) = running.upgrade() else { return };
        let set = running.judge();
        let mut list = running.watchers.lock();
        if list.watchers.is_empty() {
            list.is_looking = false;
            return;
        }
        let wakes = list.tell(set);
        drop(list);
        wakes.into_iter().for_each(Waker::wake);
    }
}

/// An event that is set while the conditions hold, for WaitForMultipleObjects or an event loop.
///
/// It is level-triggered and manages itself: nobody sets or resets it. Dropping it closes it.
#[derive(Debug)]
pub struct Event {
    machine: Machine,
    event: Arc<OwnedHandle>,
    key: u64,
}

impl AsHandle for Event {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.event.as_handle()
    }
}

impl AsRawHandle for Event {
    fn as_raw_handle(&self) -> RawHandle {
        self.event.as_raw_handle()
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        self.machine.running().watchers.leave(self.key);
    }
}

/// A wait for conditions; ready with those of them that were set.
///
/// It needs no particular runtime. Dropping it ends the wait.
#[derive(Debug)]
#[must_use = "a wait does nothing unless it is awaited"]
pub struct Wait {
    machine: Machine,
    wanted: ConditionSet,
    mode: Mode,
    key: Option<u64>,
}

impl Wait {
    /// What held when the watcher told this wait, or notes whom it is to wake.
    fn told(&mut self, waker: &Waker) -> Poll<ConditionSet> {
        let Some(key) = self.key else { return Poll::Pending };
        let mut list = self.machine.running().watchers.lock();
        let Some(place) = list.watchers.iter().position(|of| of.key == key) else {
            return Poll::Pending;
        };
        if let Told::Task { waker: known, held } = &mut list.watchers[place].told {
            if let Some(held) = *held {
                list.watchers.swap_remove(place);
                self.key = None;
                return Poll::Ready(held);
            }
            known.clone_from(waker);
        }
        Poll::Pending
    }
}

impl Future for Wait {
    type Output = ConditionSet;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<ConditionSet> {
        if self.key.is_some() {
            return self.told(context.waker());
        }
        let set = self.machine.running().judge();
        if self.mode.holds(set, self.wanted) {
            return Poll::Ready(set.intersection(self.wanted));
        }
        let told = Told::Task { waker: context.waker().clone(), held: None };
        match self.machine.running().watch(self.wanted, self.mode, told) {
            Ok(key) => self.key = Some(key),
            // Without a thread that looks, the task does itself.
            Err(_) => context.waker().wake_by_ref(),
        }
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.machine.running().watchers.leave(key);
        }
    }
}

impl Machine {
    /// An event that is set while any or all of the conditions are set.
    ///
    /// # Errors
    /// [`Error::System`] where the process may have no more handles or threads.
    pub fn event(&self, conditions: ConditionSet, mode: Mode) -> Result<Event, Error> {
        let holds = mode.holds(self.running().judge(), conditions);
        let event = Arc::new(events::create(holds).map_err(Error::system("an event"))?);
        let told = Told::Event { event: Arc::clone(&event), holds };
        let key = self.running().watch(conditions, mode, told).map_err(|error| {
            let code = error.raw_os_error().map_or(0, i32::cast_unsigned);
            Error::system("a thread that watches")(super::SystemError::Win32(code))
        })?;
        Ok(Event { machine: self.clone(), event, key })
    }

    /// A future that is ready once any or all of the conditions are set, with those that were.
    pub fn until(&self, conditions: ConditionSet, mode: Mode) -> Wait {
        Wait { machine: self.clone(), wanted: conditions, mode, key: None }
    }

    /// A future that is ready once one of the conditions is set.
    pub fn until_any(&self, conditions: ConditionSet) -> Wait {
        self.until(conditions, Mode::Any)
    }

    /// A future that is ready once all of the conditions are set at the same time.
    pub fn until_all(&self, conditions: ConditionSet) -> Wait {
        self.until(conditions, Mode::All)
    }
}
