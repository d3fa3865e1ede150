//! Where a thread sleeps until it is told.

use crate::sync::{Futex, Ordering};

const WAITING: u32 = 0;
const TOLD: u32 = 1;

/// Where a thread sleeps. Who tells it may come before it lies down.
#[derive(Debug, Default)]
pub(crate) struct Bed(Futex);

impl Bed {
    /// Makes it another thread's, before anybody may tell that.
    pub(super) fn make(&self) {
        self.0.store(WAITING, Ordering::Relaxed);
    }

    /// Sleeps until the thread is told.
    pub(crate) fn wait(&self) {
        while self.0.load(Ordering::Acquire) == WAITING {
            // Awake for no reason, or the word changed: the loop looks again.
            self.0.wait(WAITING, None);
        }
    }

    pub(super) fn tell(&self) {
        self.0.store(TOLD, Ordering::Release);
        self.0.wake();
    }
}
