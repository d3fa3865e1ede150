//! Conditions of a machine as events, and who tells of them.

use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle, RawHandle};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;

use memtide_core::conditions::{ConditionSet, Mode};

use super::conditions::INTERVAL;
use super::machine::Running;
use super::native::events;
use crate::error::Error;
use crate::machine::Machine;
use crate::wait::Begun;
use crate::watchers::{Told, Watchers};

/// All who watch the conditions of a machine. While there are any, a thread looks for them.
#[derive(Debug, Default)]
pub(super) struct Watch {
    watchers: Mutex<Watchers<OwnedHandle>>,
    is_looking: Mutex<bool>,
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, Watchers<OwnedHandle>> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a thread looks; taken before the watchers.
    fn is_looking(&self) -> MutexGuard<'_, bool> {
        self.is_looking.lock().unwrap_or_else(PoisonError::into_inner)
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
        told: Told<OwnedHandle>,
    ) -> std::io::Result<u64> {
        let mut is_looking = self.watch.is_looking();
        if !*is_looking {
            let running = Arc::downgrade(self);
            let thread = std::thread::Builder::new().name("memtide-watcher".into());
            thread.spawn(move || look(&running))?;
            *is_looking = true;
        }
        Ok(self.watch.lock().add(wanted, mode, told))
    }
}

/// Looks for as long as anybody watches.
fn look(running: &Weak<Running>) {
    loop {
        std::thread::sleep(INTERVAL);
        let Some(running) = running.upgrade() else { return };
        let set = running.judge();
        let mut is_looking = running.watch.is_looking();
        let mut watchers = running.watch.lock();
        if watchers.is_empty() {
            *is_looking = false;
            return;
        }
        let wakes = watchers.tell(set, events::put);
        drop(watchers);
        drop(is_looking);
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
        self.machine.watchers().leave(self.key);
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

    /// All who watch, which nothing is told to meanwhile.
    pub(crate) fn watchers(&self) -> MutexGuard<'_, Watchers<OwnedHandle>> {
        self.running().watch.lock()
    }

    /// Begins to wait for conditions, unless they hold. Without a thread that looks, the task
    /// does itself.
    pub(crate) fn begin_wait(&self, wanted: ConditionSet, mode: Mode, waker: &Waker) -> Begun {
        let set = self.running().judge();
        if mode.holds(set, wanted) {
            return Begun::Holds(set.intersection(wanted));
        }
        Begun::Watched(self.running().watch(wanted, mode, Told::task(waker)).ok())
    }
}
