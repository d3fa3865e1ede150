//! Which addresses are whose: what a signal's handler looks faults up in.
//!
//! # Invariants
//! - An entry's range is written last and cleared first, so that whoever finds it finds the rest.
//! - Entries are read without a lock and without allocating: a signal's handler reads them.

use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use memtide_core::page::SpaceId;

use crate::exception::Handler;
use crate::pager::Pager;
use crate::uffd::FaultPath;

/// Spaces that there can be in a process.
pub(crate) const SPACES_MAX: usize = 1024;

struct Entry {
    start: AtomicU64,
    end: AtomicU64,
    pager: AtomicPtr<Pager>,
    handler: AtomicPtr<Handler>,
    space: AtomicU32,
    is_in_thread: AtomicU32,
}

impl Entry {
    const fn unused() -> Self {
        Self {
            start: AtomicU64::new(0),
            end: AtomicU64::new(0),
            pager: AtomicPtr::new(std::ptr::null_mut()),
            handler: AtomicPtr::new(std::ptr::null_mut()),
            space: AtomicU32::new(0),
            is_in_thread: AtomicU32::new(0),
        }
    }
}

static ENTRIES: [Entry; SPACES_MAX] = [const { Entry::unused() }; SPACES_MAX];

/// Entries that were ever in use: no more need to be looked at.
static USED: AtomicU32 = AtomicU32::new(0);

/// A space that is registered.
#[derive(Debug)]
pub(crate) struct Registration(usize);

/// What an address belongs to.
#[derive(Clone, Copy)]
pub(crate) struct Found {
    pub(crate) base: u64,
    pub(crate) space: SpaceId,
    pub(crate) path: FaultPath,
    pager: *const Pager,
    handler: *const Handler,
}

impl Found {
    /// The pager of the space.
    pub(crate) fn pager(&self) -> &Pager {
        // SAFETY: a space unregisters before it lets its pager go, and whoever touches a space that
        // is gone uses memory after it was freed.
        unsafe { &*self.pager }
    }

    /// What the program wants done about exceptions, if anything.
    pub(crate) fn handler(&self) -> Option<&Handler> {
        // SAFETY: a handler is never freed while its process lives.
        unsafe { self.handler.as_ref() }
    }
}

/// Registers a space's addresses; `None` where there are too many spaces.
pub(crate) fn register(
    range: std::ops::Range<u64>,
    pager: *const Pager,
    space: SpaceId,
    path: FaultPath,
) -> Option<Registration> {
    for (number, entry) in ENTRIES.iter().enumerate() {
        // The end claims the entry; the start makes it known.
        let claim = entry.end.compare_exchange(0, range.end, Ordering::AcqRel, Ordering::Relaxed);
        if claim.is_err() {
            continue;
        }
        entry.pager.store(pager.cast_mut(), Ordering::Relaxed);
        entry.handler.store(std::ptr::null_mut(), Ordering::Relaxed);
        entry.space.store(space.0, Ordering::Relaxed);
        entry.is_in_thread.store(u32::from(path == FaultPath::InThread), Ordering::Relaxed);
        USED.fetch_max(u32::try_from(number + 1).unwrap_or(u32::MAX), Ordering::Relaxed);
        entry.start.store(range.start, Ordering::Release);
        return Some(Registration(number));
    }
    None
}

/// What an address belongs to, if it is of a space.
pub(crate) fn find(address: u64) -> Option<Found> {
    let used = USED.load(Ordering::Relaxed) as usize;
    ENTRIES[..used].iter().find_map(|entry| {
        let start = entry.start.load(Ordering::Acquire);
        if start == 0 || address < start || address >= entry.end.load(Ordering::Relaxed) {
            return None;
        }
        let path = match entry.is_in_thread.load(Ordering::Relaxed) {
            0 => FaultPath::Handler,
            _ => FaultPath::InThread,
        };
        Some(Found {
            base: start,
            space: SpaceId(entry.space.load(Ordering::Relaxed)),
            path,
            pager: entry.pager.load(Ordering::Relaxed),
            handler: entry.handler.load(Ordering::Relaxed),
        })
    })
}

impl Registration {
    /// From now on exceptions go to this handler. It lives as long as the process: a signal's
    /// handler may be using it.
    pub(crate) fn handle(&self, handler: Handler) {
        let leaked = Box::leak(Box::new(handler));
        ENTRIES[self.0].handler.store(leaked, Ordering::Release);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let entry = &ENTRIES[self.0];
        entry.start.store(0, Ordering::Release);
        entry.end.store(0, Ordering::Release);
    }
}
