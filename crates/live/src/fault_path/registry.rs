//! Which addresses are whose: what a signal's handler looks faults up in.
//!
//! # Invariants
//! - Entries are read without a lock and without allocating: a signal's handler reads them.

use memtide_core::page::SpaceId;

use crate::exception::Handler;
use crate::fault_path::entry::{Entry, Registered};
use crate::pager::Pager;
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use crate::uffd::FaultPath;

/// Spaces that there can be in a process.
pub(crate) const SPACES_MAX: usize = 1024;

static ENTRIES: [Entry<Pager, Handler>; SPACES_MAX] = [const { unused() }; SPACES_MAX];

const fn unused<P, H>() -> Entry<P, H> {
    Entry {
        version: AtomicU32::new(0),
        start: AtomicU64::new(0),
        end: AtomicU64::new(0),
        pager: AtomicPtr::new(std::ptr::null_mut()),
        handler: AtomicPtr::new(std::ptr::null_mut()),
        space: AtomicU32::new(0),
        is_in_thread: AtomicU32::new(0),
    }
}

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
    let registered = Registered {
        start: range.start,
        end: range.end,
        pager: pager.cast_mut(),
        handler: std::ptr::null_mut(),
        space: space.0,
        is_in_thread: path == FaultPath::InThread,
    };
    for (number, entry) in ENTRIES.iter().enumerate() {
        // Before the entry can be found, so that whoever knows the addresses finds it.
        USED.fetch_max(u32::try_from(number + 1).unwrap_or(u32::MAX), Ordering::Relaxed);
        if entry.register(&registered) {
            return Some(Registration(number));
        }
    }
    None
}

/// What an address belongs to, if it is of a space.
pub(crate) fn find(address: u64) -> Option<Found> {
    let used = USED.load(Ordering::Relaxed) as usize;
    let found = ENTRIES[..used].iter().find_map(|entry| entry.find(address))?;
    Some(Found {
        base: found.start,
        space: SpaceId(found.space),
        path: if found.is_in_thread { FaultPath::InThread } else { FaultPath::Handler },
        pager: found.pager,
        handler: found.handler,
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
        ENTRIES[self.0].clear();
    }
}
