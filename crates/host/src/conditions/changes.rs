//! Every change, in order, for whoever wants them all.

use memtide_core::conditions::{Reading, State};
use std::sync::mpsc::Receiver;
use std::time::{Duration, SystemTime};

/// A condition that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The condition as it is from now on.
    pub reading: Reading,
    /// Its state before; `None` for a condition that was set when the watching began.
    pub before: Option<State>,
    /// When it was seen.
    pub at: SystemTime,
}

/// The changes since [`Conditions::changes`](super::Conditions::changes) was called; none is lost,
/// however late they are read.
#[derive(Debug)]
pub struct Changes {
    pub(super) receiver: Receiver<Change>,
}

impl Changes {
    /// The next change, waited for at most this long (`None`: for ever).
    ///
    /// Returns `None` when the time is out, or when every handle that watches is gone.
    #[must_use]
    pub fn next_within(&self, timeout: Option<Duration>) -> Option<Change> {
        match timeout {
            None => self.receiver.recv().ok(),
            Some(timeout) => self.receiver.recv_timeout(timeout).ok(),
        }
    }
}
