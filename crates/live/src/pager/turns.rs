//! Turns at the lock: a program that calls or looks on in a loop holds no fault up.
//!
//! A mutex goes to whoever runs when it is free, and that is the thread that has just had it. So
//! that one waits, before it may ask again, until one of the faults that wait has had its turn.

use crate::sync::{AtomicU32, Futex, Ordering};

/// Who waits for the lock because of a fault, and how often one of them got it.
#[derive(Debug, Default)]
pub(super) struct Turns {
    waiting: AtomicU32,
    taken: Futex,
}

impl Turns {
    /// The number of turns so far.
    pub(super) fn now(&self) -> u32 {
        self.taken.load(Ordering::Acquire)
    }

    /// Waits for the lock as a fault does.
    pub(super) fn take<T>(&self, lock: impl FnOnce() -> T) -> T {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let locked = lock();
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        self.taken.add(1, Ordering::AcqRel);
        self.taken.wake();
        locked
    }

    /// Waits, without the lock, until no fault waits for it or one has had its turn.
    pub(super) fn give_way(&self, since: u32) {
        while self.waiting.load(Ordering::Acquire) > 0 && self.now() == since {
            // The number changes with each turn, and so ends the sleep or keeps it from beginning.
            self.taken.wait(since, None);
        }
    }
}
