//! Faults, as a handler thread reads them.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::BorrowedFd;
use rustix::io::Errno;

use super::{Uffd, abi};

/// What the kernel tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A thread waits for a page.
    Fault {
        /// What it accessed; exact only with that feature.
        address: u64,
        /// It writes.
        is_write: bool,
        /// The page is there, and write-protected.
        is_write_protected: bool,
        /// The thread, by the kernel's number for it in this process' namespace.
        thread: Option<u32>,
    },
    /// One that was not asked for.
    Unknown {
        /// The kernel's number for it.
        event: u8,
    },
}

/// What a wait ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    /// There are events to read.
    pub(crate) events: bool,
    /// The other descriptor can be read from.
    pub(crate) other: bool,
}

/// The most events read at once.
const BATCH: usize = 64;

impl Uffd {
    /// Reads the events that are there, as many as `into` has room for, and at least one; waits for
    /// none.
    ///
    /// Threads that share the work make room for one each: who reads an event has to see to it.
    ///
    /// # Errors
    /// Those of read(2); ESRCH where the memory is another process'.
    pub(crate) fn read_events(&self, into: &mut Vec<Event>) -> Result<(), Errno> {
        if !self.is_of_this_process() {
            return Err(Errno::SRCH);
        }
        let room = (into.capacity() - into.len()).clamp(1, BATCH);
        let mut buffer = [0; BATCH * abi::MESSAGE_BYTES];
        let buffer = &mut buffer[..room * abi::MESSAGE_BYTES];
        let read = loop {
            match rustix::io::read(&self.file, &mut *buffer) {
                Ok(read) => break read,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        };
        let (messages, _) = buffer[..read].as_chunks();
        into.extend(messages.iter().map(|message| self.event(message)));
        Ok(())
    }

    /// `struct uffd_msg`, packed: event at 0; of a fault flags at 8, address at 16, thread at 24.
    fn event(&self, message: &[u8; abi::MESSAGE_BYTES]) -> Event {
        let word = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&message[at..at + 8]);
            u64::from_ne_bytes(bytes)
        };
        if message[0] != abi::EVENT_PAGEFAULT {
            return Event::Unknown { event: message[0] };
        }
        let flags = word(8);
        let thread = u32::from_ne_bytes([message[24], message[25], message[26], message[27]]);
        Event::Fault {
            address: word(16),
            is_write: flags & abi::PAGEFAULT_FLAG_WRITE != 0,
            is_write_protected: flags & abi::PAGEFAULT_FLAG_WP != 0,
            thread: self.features.thread.then_some(thread),
        }
    }

    /// Waits until there are events, the other descriptor can be read from, or the time is over
    /// (`None`: never).
    ///
    /// # Errors
    /// Those of poll(2); a signal's interruption is a wait that ended with nothing.
    pub(crate) fn wait(
        &self,
        other: BorrowedFd<'_>,
        timeout: Option<Timespec>,
    ) -> Result<Ready, Errno> {
        let mut files = [
            PollFd::new(&self.file, PollFlags::IN),
            PollFd::from_borrowed_fd(other, PollFlags::IN),
        ];
        match poll(&mut files, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        let [events, other] = files.map(|file| !file.revents().is_empty());
        Ok(Ready { events, other })
    }
}
