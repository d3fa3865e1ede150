//! Changes of conditions, counted: who waits for one misses none.

use rustix::time::Timespec;

use crate::sync::{Futex, Ordering};

/// How many changes there were.
#[derive(Debug, Default)]
pub(super) struct Changes(Futex);

impl Changes {
    /// So many until now. What changes after a look that comes after this ends the sleep.
    pub(super) fn seen(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    /// One more, which can be seen already; wakes who sleeps.
    pub(super) fn tell(&self) {
        self.0.add(1, Ordering::Release);
        self.0.wake();
    }

    /// Sleeps until there are more than so many, or for so long; may wake before.
    pub(super) fn wait(&self, seen: u32, most: Option<&Timespec>) {
        self.0.wait(seen, most);
    }
}
