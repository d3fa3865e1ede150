//! What threads agree by, but for locks. tests/protocols.rs puts loom's in the place of it and
//! tries every order in which threads can meet.

pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};

use rustix::thread::futex;
use rustix::time::Timespec;

/// A word that threads sleep on.
#[derive(Debug, Default)]
pub(crate) struct Futex(AtomicU32);

impl Futex {
    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.0.load(order)
    }

    pub(crate) fn store(&self, word: u32, order: Ordering) {
        self.0.store(word, order);
    }

    pub(crate) fn add(&self, count: u32, order: Ordering) {
        self.0.fetch_add(count, order);
    }

    /// Sleeps, unless the word is another, until it is woken, or for so long; may wake before.
    pub(crate) fn wait(&self, word: u32, most: Option<&Timespec>) {
        let _ = futex::wait(&self.0, futex::Flags::PRIVATE, word, most);
    }

    /// Wakes who sleeps.
    pub(crate) fn wake(&self) {
        let _ = futex::wake(&self.0, futex::Flags::PRIVATE, u32::MAX >> 1);
    }
}
