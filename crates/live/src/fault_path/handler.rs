//! Faults through handler threads: the kernel makes whoever faults wait, in a system call too.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use memtide_core::page::Access;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::{AsFd, OwnedFd};
use rustix::time::Timespec;

use crate::fault_path::registry;
use crate::pager::Pager;
use crate::thread;
use crate::uffd::{Event, Uffd};

/// Faults that are read from the disk at a time.
const THREADS: usize = 4;

/// The threads of one space.
pub(crate) struct Handlers {
    ends: Arc<AtomicBool>,
    wakes: Arc<OwnedFd>,
    threads: Vec<JoinHandle<()>>,
}

impl Handlers {
    /// Handles the faults that come in on a descriptor.
    ///
    /// # Errors
    /// Where the system has no threads or descriptors left.
    pub(crate) fn start(pager: &Arc<Pager>, uffd: &Arc<Uffd>) -> Result<Self, crate::Error> {
        let ends = Arc::new(AtomicBool::new(false));
        let wakes = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let wakes = Arc::new(wakes.map_err(crate::Error::system("an eventfd"))?);
        let mut handlers = Self { ends, wakes, threads: Vec::new() };
        for _ in 0..THREADS {
            let (pager, uffd) = (Arc::clone(pager), Arc::clone(uffd));
            let (ends, wakes) = (Arc::clone(&handlers.ends), Arc::clone(&handlers.wakes));
            let events = Vec::with_capacity(1);
            let started = thread::spawn("memtide-faults", move || {
                serve(&pager, &uffd, &ends, &wakes, events);
            });
            handlers
                .threads
                .push(started.map_err(crate::Error::system("a thread that handles faults"))?);
        }
        Ok(handlers)
    }
}

impl Drop for Handlers {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        let _ = rustix::io::write(self.wakes.as_fd(), &1_u64.to_ne_bytes());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// How long a thread waits at most before it looks whether it is still wanted.
const NAP: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// Threads that share the work have room for one event each.
fn serve(pager: &Pager, uffd: &Uffd, ends: &AtomicBool, wakes: &OwnedFd, mut events: Vec<Event>) {
    while !ends.load(Ordering::Acquire) {
        if uffd.wait(wakes.as_fd(), Some(NAP)).is_err() {
            continue;
        }
        events.clear();
        if uffd.read_events(&mut events).is_err() {
            continue;
        }
        for event in &events {
            let Event::Fault { address, is_write, .. } = event else { continue };
            let Some(found) = registry::find(*address) else { continue };
            let access = if *is_write { Access::Write } else { Access::Read };
            pager.fault_of_another(found.space, *address - found.base, access);
        }
    }
}
