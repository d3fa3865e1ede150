//! Conditions of a machine as file descriptors, and who tells of them.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use memtide_core::conditions::{ConditionSet, Mode};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;

use crate::error::Error;
use crate::machine::Machine;
use crate::pager::Pager;
use crate::wait::Begun;
use crate::watchers::{Told, Watchers};

/// All who watch the conditions of a machine.
///
/// Its lock is taken before the pager's, never after it: wakers are a program's, and may do
/// anything.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    watchers: Mutex<Watchers<OwnedFd>>,
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, Watchers<OwnedFd>> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells what has changed since this was done last.
    pub(crate) fn tell(&self, pager: &Pager) {
        let mut watchers = self.lock();
        let mut wakes = Vec::new();
        // In order, so that a descriptor is as the last of them says.
        while let Some(set) = pager.next_change() {
            wakes.extend(watchers.tell(set, set_readable));
        }
        drop(watchers);
        wakes.into_iter().for_each(Waker::wake);
    }
}

/// An eventfd is readable while its count is not zero.
fn set_readable(file: &OwnedFd, on: bool) {
    let mut count = 1_u64.to_ne_bytes();
    let _ = match on {
        true => rustix::io::write(file, &count),
        false => rustix::io::read(file, &mut count),
    };
}

/// A file descriptor that is readable while the conditions hold, for poll, epoll or an event loop.
///
/// It is level-triggered and manages itself: nobody reads or writes it. Dropping it closes it.
#[derive(Debug)]
pub struct Event {
    machine: Machine,
    file: Arc<OwnedFd>,
    key: u64,
}

impl AsFd for Event {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl AsRawFd for Event {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        self.machine.watchers().leave(self.key);
    }
}

impl Machine {
    /// A file descriptor that is readable while any or all of the conditions are set.
    ///
    /// # Errors
    /// [`Error::System`] where the process may open no more descriptors.
    pub fn event(&self, conditions: ConditionSet, mode: Mode) -> Result<Event, Error> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let file = Arc::new(eventfd(0, flags).map_err(Error::system("an eventfd"))?);
        let mut watchers = self.watchers();
        let holds = mode.holds(self.pager().lock().conditions(), conditions);
        if holds {
            set_readable(&file, true);
        }
        let told = Told::Event { event: Arc::clone(&file), holds };
        let key = watchers.add(conditions, mode, told);
        drop(watchers);
        Ok(Event { machine: self.clone(), file, key })
    }

    /// All who watch, which nothing is told to meanwhile.
    pub(crate) fn watchers(&self) -> MutexGuard<'_, Watchers<OwnedFd>> {
        self.pager().watch.lock()
    }

    /// Begins to wait for conditions, unless they hold.
    pub(crate) fn begin_wait(&self, wanted: ConditionSet, mode: Mode, waker: &Waker) -> Begun {
        let mut watchers = self.watchers();
        let set = self.pager().lock().conditions();
        if mode.holds(set, wanted) {
            return Begun::Holds(set.intersection(wanted));
        }
        Begun::Watched(Some(watchers.add(wanted, mode, Told::task(waker))))
    }
}
