//! Threads that wait to be told how their fault or lock ended.
//!
//! # Invariants
//! - A place belongs to one waiting thread from its beginning until it was told.
//! - Places are made once; waiting allocates nothing.

use std::sync::Arc;

use memtide_core::page::{SpaceId, ThreadId, Vpn};
use memtide_core::{Exception, Refusal};

use crate::pager::bed::Bed;

/// Threads that can wait at a time; more wait for one of these places.
pub(crate) const PLACES: u32 = 4096;

/// What a thread was told.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told {
    /// Its access or lock is done.
    Resumed,
    /// Its access raises an exception.
    Raised(Exception),
    /// Its lock is refused.
    Refused(Refusal),
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Unused,
    /// A thread of the program sleeps, or will.
    Thread(Option<Told>),
    /// A thread that the kernel made wait for a page.
    Kernel(SpaceId, Vpn),
}

/// All places.
pub(crate) struct Waits {
    places: Box<[Place]>,
    beds: Arc<[Bed]>,
    unused: Vec<u32>,
}

impl Waits {
    pub(crate) fn new() -> Self {
        let places = (0..PLACES).map(|_| Place::Unused).collect();
        let beds = (0..PLACES).map(|_| Bed::default()).collect();
        Self { places, beds, unused: (0..PLACES).rev().collect() }
    }

    fn take(&mut self, as_what: Place) -> Option<ThreadId> {
        let number = self.unused.pop()?;
        self.places[number as usize] = as_what;
        self.beds[number as usize].make();
        Some(ThreadId(number))
    }

    /// A thread is about to wait; `None` while all places are taken.
    pub(crate) fn begin(&mut self) -> Option<ThreadId> {
        self.take(Place::Thread(None))
    }

    /// A thread waits in the kernel for a page.
    pub(crate) fn begin_for(&mut self, space: SpaceId, page: Vpn) -> Option<ThreadId> {
        self.take(Place::Kernel(space, page))
    }

    /// Where threads sleep, by their numbers.
    pub(crate) fn beds(&self) -> Arc<[Bed]> {
        Arc::clone(&self.beds)
    }

    /// What a thread was told, if it was: then its place is another's.
    pub(crate) fn end(&mut self, thread: ThreadId) -> Option<Told> {
        let place = &mut self.places[thread.0 as usize];
        let Place::Thread(Some(told)) = place else { return None };
        let told = *told;
        *place = Place::Unused;
        self.unused.push(thread.0);
        Some(told)
    }

    /// Tells a thread; the page that it waits for in the kernel, if that is where it waits.
    pub(crate) fn tell(&mut self, thread: ThreadId, told: Told) -> Option<(SpaceId, Vpn)> {
        let place = self.places.get_mut(thread.0 as usize)?;
        match *place {
            Place::Unused => None,
            Place::Thread(_) => {
                *place = Place::Thread(Some(told));
                self.beds[thread.0 as usize].tell();
                None
            }
            Place::Kernel(space, page) => {
                *place = Place::Unused;
                self.unused.push(thread.0);
                Some((space, page))
            }
        }
    }
}
