//! Conditions of a machine as file descriptors and futures.

use std::future::Future;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use memtide_core::conditions::{ConditionSet, Mode};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;

use crate::error::Error;
use crate::machine::Machine;
use crate::pager::Pager;

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
    /// The descriptor is readable while the conditions hold.
    Descriptor { file: Arc<OwnedFd>, holds: bool },
    /// The task is woken once; what held then.
    Task { waker: Waker, held: Option<ConditionSet> },
}

/// All who watch the conditions of a machine.
///
/// Its lock is taken before the pager's, never after it: wakers are a program's, and may do
/// anything.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    watchers: Vec<Watcher>,
    next: u64,
}

impl List {
    fn add(&mut self, wanted: ConditionSet, mode: Mode, told: Told) -> u64 {
        self.next += 1;
        self.watchers.push(Watcher { key: self.next, wanted, mode, told });
        self.next
    }

    /// Tells who waits for what is set now; the tasks to wake.
    fn tell(&mut self, set: ConditionSet) -> Vec<Waker> {
        let mut wakes = Vec::new();
        for Watcher { wanted, mode, told, .. } in &mut self.watchers {
            let now = mode.holds(set, *wanted);
            match told {
                Told::Descriptor { file, holds } if *holds != now => {
                    *holds = now;
                    set_readable(file, now);
                }
                Told::Task { waker, held: held @ None } if now => {
                    *held = Some(set.intersection(*wanted));
                    wakes.push(waker.clone());
                }
                Told::Descriptor { .. } | Told::Task { .. } => {}
            }
        }
        wakes
    }
}

impl Watchers {
    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells what has changed since this was done last.
    pub(crate) fn tell(&self, pager: &Pager) {
        let mut list = self.lock();
        let mut wakes = Vec::new();
        // In order, so that a descriptor is as the last of them says.
        while let Some(set) = pager.next_change() {
            wakes.extend(list.tell(set));
        }
        drop(list);
        wakes.into_iter().for_each(Waker::wake);
    }

    fn leave(&self, key: u64) {
        self.lock().watchers.retain(|watcher| watcher.key != key);
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
        self.machine.pager().watchers.leave(self.key);
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

impl Future for Wait {
    type Output = ConditionSet;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<ConditionSet> {
        let Self { machine, wanted, mode, key } = &mut *self;
        let pager = machine.pager();
        let mut list = pager.watchers.lock();
        let place = key.and_then(|key| list.watchers.iter().position(|of| of.key == key));
        let Some(place) = place else {
            let set = pager.lock().conditions();
            if mode.holds(set, *wanted) {
                return Poll::Ready(set.intersection(*wanted));
            }
            let told = Told::Task { waker: context.waker().clone(), held: None };
            *key = Some(list.add(*wanted, *mode, told));
            return Poll::Pending;
        };
        if let Told::Task { waker, held } = &mut list.watchers[place].told {
            if let Some(held) = *held {
                list.watchers.swap_remove(place);
                *key = None;
                return Poll::Ready(held);
            }
            waker.clone_from(context.waker());
        }
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.machine.pager().watchers.leave(key);
        }
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
        let pager = self.pager();
        let mut list = pager.watchers.lock();
        let holds = mode.holds(pager.lock().conditions(), conditions);
        if holds {
            set_readable(&file, true);
        }
        let told = Told::Descriptor { file: Arc::clone(&file), holds };
        let key = list.add(conditions, mode, told);
        drop(list);
        Ok(Event { machine: self.clone(), file, key })
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
