//! Conditions as a file descriptor, or on Windows as a handle.

use super::watch::Watch;
use crate::system::Signal;
use std::sync::Arc;

/// A file descriptor that is readable while the conditions hold, for poll, epoll or an event loop;
/// on Windows a handle that is signalled while they hold, for `WaitForMultipleObjects`.
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

#[cfg(windows)]
impl std::os::windows::io::AsHandle for Event {
    fn as_handle(&self) -> std::os::windows::io::BorrowedHandle<'_> {
        self.signal.as_handle()
    }
}

#[cfg(windows)]
impl std::os::windows::io::AsRawHandle for Event {
    fn as_raw_handle(&self) -> std::os::windows::io::RawHandle {
        use std::os::windows::io::AsHandle;
        self.as_handle().as_raw_handle()
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        self.watch.leave(self.key);
    }
}
