//! Threads of our own.

use std::thread::{Builder, JoinHandle};

use rustix::io::Errno;

use crate::signal::SignalsBlocked;

/// Begins a thread that blocks all signals: a program's handlers must not run on it, for they might
/// touch managed memory.
///
/// # Errors
/// EAGAIN and whatever else the kernel says where there are no threads left.
pub(crate) fn spawn(
    name: &'static str,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, Errno> {
    let thread = Builder::new().name(name.into()).spawn(move || {
        let _blocked = SignalsBlocked::new();
        run();
    });
    thread.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::AGAIN))
}
