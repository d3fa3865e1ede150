//! Conditions as a file descriptor.

use super::watch::Watch;
use crate::system::Signal;
use std::sync::Arc;

/// A file descriptor that is readable while the conditions hold, for poll, epoll or an event loop.
///
/// It is level-triggered and manages itself: nobody reads or writes it. Dropping it closes it.
#[derive(Debug)]
pub struct Event {
    pub(super) watch: Arc<Watch>,
    pub(super) signal: Arc<Signal>,
    pub(super) key: usize,
}

#[cfg(unix)]
impl std::os::fd::AsFd for Event {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.signal.as_fd()
    }
}

#[cfg(unix)]
impl std::os::fd::AsRawFd for Event {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        use std::os::fd::AsFd;
        self.as_fd().as_raw_fd()
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        self.watch.leave(self.key);
    }
}
