//! Threads of our own.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use rustix::io::Errno;

use crate::signal::SignalsBlocked;

/// Begins a thread that blocks all signals: a program's handlers must not run on it, for they might
/// touch managed memory.
///
/// If it panics, the process ends: others wait for what it does, and would for ever.
///
/// It returns once the thread has begun. Before that it allocates, and who faults may wait for it
/// with its allocator's lock.
///
/// # Errors
/// EAGAIN and whatever else the kernel says where there are no threads left.
pub(crate) fn spawn(
    name: &'static str,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, Errno> {
    let (ours, theirs) = (Arc::new(()), std::thread::current());
    let begins = Arc::clone(&ours);
    let thread = Builder::new().name(name.into()).spawn(move || {
        let (_blocked, _ends_process) = (SignalsBlocked::new(), EndsProcess);
        drop(begins);
        theirs.unpark();
        run();
    });
    let thread = thread.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::AGAIN))?;
    while Arc::strong_count(&ours) > 1 {
        std::thread::park();
    }
    Ok(thread)
}

struct EndsProcess;

impl Drop for EndsProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}
