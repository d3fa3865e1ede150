//! One wait: a future, which a thread can also block on.

use super::watch::{Outcome, Place, Watch};
use crate::Error;
use memtide_core::conditions::{ConditionSet, Mode};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// A wait for conditions; ready with those of them that were set.
///
/// It needs no particular runtime. Dropping it ends the wait.
#[derive(Debug)]
#[must_use = "a wait does nothing unless it is awaited or blocked on"]
pub struct Wait {
    pub(super) watch: Arc<Watch>,
    pub(super) wanted: ConditionSet,
    pub(super) mode: Mode,
    pub(super) place: Option<Place>,
}

impl Wait {
    /// Blocks this thread until the wait is over, or this long at most (`None`: for ever).
    ///
    /// Returns the conditions that were set, or `None` when the time is out.
    ///
    /// # Errors
    /// [`Error::Unknowable`] where the conditions cannot be known, so that waiting would not end.
    pub fn block(mut self, timeout: Option<Duration>) -> Result<Option<ConditionSet>, Error> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(outcome) = Pin::new(&mut self).poll(&mut context) {
                return outcome.map(Some);
            }
            match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
                None => std::thread::park(),
                Some(Duration::ZERO) => return Ok(None),
                Some(left) => std::thread::park_timeout(left),
            }
        }
    }

    fn finish(&self, outcome: Outcome) -> Poll<Result<ConditionSet, Error>> {
        Poll::Ready(match outcome {
            Outcome::Held(set) => Ok(set),
            Outcome::Unknowable(unknown) => Err(self.watch.unknowable(unknown)),
        })
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Future for Wait {
    type Output = Result<ConditionSet, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = match &self.place {
            Some(place) => place.slot.look(context.waker()),
            None => match self.watch.join(self.wanted, self.mode, context.waker()) {
                Ok(outcome) => Some(outcome),
                Err(place) => {
                    self.place = Some(place);
                    None
                }
            },
        };
        let Some(outcome) = outcome else { return Poll::Pending };
        // Whoever is told has no place any more.
        self.place = None;
        self.finish(outcome)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(place) = &self.place {
            self.watch.leave_place(place);
        }
    }
}
