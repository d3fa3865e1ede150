//! Writes on their way: begun by whoever evicts pages, carried out by threads of the page file.

use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crossbeam_queue::ArrayQueue;
use memtide_core::IoError;
use rustix::event::EventfdFlags;
use rustix::io::Errno;

use super::buffer::{BUFFERS_MAX, Buffer};
use super::sealed::SealedStorage;
use crate::memory::PAGE_BYTES;

/// What is told of a write that ended: its token, and how.
pub(crate) type Done = Box<dyn Fn(u64, Result<(), IoError>) + Send + Sync>;

/// A cluster to be written.
#[derive(Debug)]
pub(crate) struct Write {
    /// Where its first page goes.
    pub(crate) slot: u32,
    pub(crate) pages: usize,
    pub(crate) buffer: Buffer,
    pub(crate) token: u64,
}

impl Write {
    /// Its pages.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.pages * PAGE_BYTES]
    }
}

/// Who hears the bell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listeners {
    /// One, who is told once for any number of writes.
    One,
    /// Several: each write wakes one of them.
    Several,
}

/// Writes that were begun and that nobody carries out yet.
pub(crate) struct Writes {
    pub(crate) pages: SealedStorage,
    queue: ArrayQueue<Write>,
    /// A descriptor, since a ring can listen to it and a signal's handler may write to it.
    bell: OwnedFd,
    /// Threads that sleep, or are about to.
    sleepers: AtomicUsize,
    /// How many writes may wait for a sleeper without waking it.
    patience: AtomicUsize,
    ends: AtomicBool,
    done: OnceLock<Done>,
}

impl Writes {
    /// None yet.
    ///
    /// # Errors
    /// EMFILE, ENFILE.
    pub(crate) fn new(pages: SealedStorage, listeners: Listeners) -> Result<Self, Errno> {
        let kind = match listeners {
            Listeners::One => EventfdFlags::empty(),
            Listeners::Several => EventfdFlags::SEMAPHORE,
        };
        let bell = rustix::event::eventfd(0, kind | EventfdFlags::CLOEXEC)?;
        Ok(Self {
            pages,
            queue: ArrayQueue::new(BUFFERS_MAX),
            bell,
            sleepers: AtomicUsize::new(0),
            patience: AtomicUsize::new(0),
            ends: AtomicBool::new(false),
            done: OnceLock::new(),
        })
    }

    /// Whom to tell of each write that ends.
    pub(crate) fn tell(&self, done: Done) {
        let is_first = self.done.set(done).is_ok();
        assert!(is_first, "a page file is started once");
    }

    /// Begins a write.
    pub(crate) fn begin(&self, write: Write) {
        let mut left = self.queue.push(write);
        // Only with buffers of more pools than one.
        while let Err(write) = left {
            std::thread::yield_now();
            left = self.queue.push(write);
        }
        // Waking a thread costs more than all the rest, so only who sleeps is woken.
        let sleeps = self.sleepers.load(Ordering::SeqCst) > 0;
        if sleeps && self.queue.len() > self.patience.load(Ordering::SeqCst) {
            self.ring(1);
        }
    }

    /// No more writes will begin; so many threads are told.
    pub(crate) fn end(&self, threads: usize) {
        self.ends.store(true, Ordering::Release);
        self.ring(threads as u64);
    }

    fn ring(&self, count: u64) {
        let rung =
            rustix::io::retry_on_intr(|| rustix::io::write(&self.bell, &count.to_ne_bytes()));
        debug_assert_eq!(rung, Ok(8), "a bell takes 2⁶⁴ - 2 rings");
    }

    /// The descriptor that is readable while there is something to do.
    pub(crate) const fn bell(&self) -> &OwnedFd {
        &self.bell
    }

    /// Sleeps, unless more writes wait than so many. Who has other reasons to wake up soon may let
    /// some wait.
    pub(crate) fn sleep(&self, patience: usize, sleep: impl FnOnce()) {
        self.patience.store(patience, Ordering::SeqCst);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        // Either this sees what was begun before, or who begins sees that there is a sleeper.
        if self.queue.len() <= patience {
            sleep();
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }

    /// Waits for the bell.
    pub(crate) fn hear(&self) {
        let mut count = [0; 8];
        let heard = rustix::io::retry_on_intr(|| rustix::io::read(&self.bell, &mut count));
        debug_assert_eq!(heard, Ok(8), "a bell is read whole");
    }

    /// The write that is to be carried out next, sealed.
    pub(crate) fn next(&self) -> Option<Write> {
        let mut write = self.queue.pop()?;
        let bytes = write.pages * PAGE_BYTES;
        self.pages.seal(write.slot, &mut write.buffer[..bytes]);
        Some(write)
    }

    /// Whether nothing is left to do, for good.
    pub(crate) fn is_over(&self) -> bool {
        self.ends.load(Ordering::Acquire) && self.queue.is_empty()
    }

    /// A write has ended.
    pub(crate) fn finish(&self, write: Write, result: Result<(), Errno>) {
        let Write { buffer, token, .. } = write;
        drop(buffer);
        if let Some(done) = self.done.get() {
            done(token, result.map_err(io_error));
        }
    }
}

/// An errno, as the manager knows it.
pub(crate) fn io_error(errno: Errno) -> IoError {
    IoError(errno.raw_os_error().unsigned_abs())
}
