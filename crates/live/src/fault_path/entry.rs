//! An entry of the registry: the range of a space and what is known of it.
//!
//! # Invariants
//! - The version is odd while the entry changes, and another after. Whoever finds the same even
//!   version before and after its look has seen one state: the address of a space that lives is
//!   never taken for one of a space that comes or goes meanwhile.

use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};

/// An entry; a start of 0 says that it is not in use.
pub(super) struct Entry<P, H> {
    pub(super) version: AtomicU32,
    pub(super) start: AtomicU64,
    pub(super) end: AtomicU64,
    pub(super) pager: AtomicPtr<P>,
    pub(super) handler: AtomicPtr<H>,
    pub(super) space: AtomicU32,
    pub(super) is_in_thread: AtomicU32,
}

/// What an entry says.
pub(super) struct Registered<P, H> {
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) pager: *mut P,
    pub(super) handler: *mut H,
    pub(super) space: u32,
    pub(super) is_in_thread: bool,
}

impl<P, H> Entry<P, H> {
    /// Registers a space here; `false` where the entry is in use.
    pub(super) fn register(&self, of: &Registered<P, H>) -> bool {
        let version = self.version.load(Ordering::Acquire);
        if !version.is_multiple_of(2) || self.start.load(Ordering::Relaxed) != 0 {
            return false;
        }
        let (now, order) = (version.wrapping_add(1), Ordering::Acquire);
        if self.version.compare_exchange(version, now, order, Ordering::Relaxed).is_err() {
            return false;
        }
        fence(Ordering::Release);
        self.end.store(of.end, Ordering::Relaxed);
        self.pager.store(of.pager, Ordering::Relaxed);
        self.handler.store(of.handler, Ordering::Relaxed);
        self.space.store(of.space, Ordering::Relaxed);
        self.is_in_thread.store(u32::from(of.is_in_thread), Ordering::Relaxed);
        self.start.store(of.start, Ordering::Relaxed);
        self.version.store(now.wrapping_add(1), Ordering::Release);
        true
    }

    /// What is registered here, if an address is of it.
    pub(super) fn find(&self, address: u64) -> Option<Registered<P, H>> {
        let version = self.version.load(Ordering::Acquire);
        let start = self.start.load(Ordering::Relaxed);
        if !version.is_multiple_of(2) || start == 0 || address < start {
            return None;
        }
        let found = Registered {
            start,
            end: self.end.load(Ordering::Relaxed),
            pager: self.pager.load(Ordering::Relaxed),
            handler: self.handler.load(Ordering::Acquire),
            space: self.space.load(Ordering::Relaxed),
            is_in_thread: self.is_in_thread.load(Ordering::Relaxed) != 0,
        };
        fence(Ordering::Acquire);
        let is_one_state = self.version.load(Ordering::Relaxed) == version;
        (is_one_state && address < found.end).then_some(found)
    }

    /// Takes what is registered here away; for who registered it.
    pub(super) fn clear(&self) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        self.start.store(0, Ordering::Relaxed);
        self.version.store(version.wrapping_add(2), Ordering::Release);
    }
}
