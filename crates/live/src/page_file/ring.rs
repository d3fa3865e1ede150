//! Writes by io_uring: one thread keeps the disk busy.

use std::os::fd::{AsRawFd, BorrowedFd};

use io_uring::{IoUring, opcode, squeue, types};
use rustix::io::Errno;

use super::buffer::BUFFERS_MAX;
use super::sealed::offset_of;
use super::threads;
use super::writes::{Write, Writes};

/// Writes that the kernel has at a time: 4 MiB, with which a disk is as fast as it gets.
const DEPTH: usize = 16;

/// Room for them and the bell.
const ENTRIES: u32 = 32;
const _: () = assert!(DEPTH < ENTRIES as usize);

/// What the bell's completion carries; all others carry their place.
const BELL: u64 = u64::MAX;

/// A ring, or what the kernel says against it.
///
/// # Errors
/// ENOSYS or EPERM where it may not be used, ENOMEM where it may lock no memory.
pub(crate) fn open() -> Result<IoUring, Errno> {
    let ring = IoUring::builder().dontfork().build(ENTRIES);
    ring.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

/// A write that is with the kernel.
struct Flight {
    write: Write,
    /// Bytes that are written.
    done: usize,
    /// Whether the kernel has taken it.
    is_taken: bool,
}

/// # Invariants
/// - A buffer that the kernel may read stays in its flight until the kernel says it is done.
struct Ring<'a> {
    writes: &'a Writes,
    ring: IoUring,
    file: BorrowedFd<'a>,
    flights: [Option<Flight>; DEPTH],
    hears_bell: bool,
}

/// Carries out writes until there are no more, for good.
pub(crate) fn serve(writes: &Writes, ring: IoUring, file: BorrowedFd<'_>) {
    let flights = std::array::from_fn(|_| None);
    let mut ring = Ring { writes, ring, file, flights, hears_bell: false };
    if ring.serve().is_err() {
        ring.give_up();
        threads::serve(writes);
    }
}

impl Ring<'_> {
    /// # Errors
    /// Why the ring cannot be used any more.
    fn serve(&mut self) -> Result<(), Errno> {
        loop {
            self.listen();
            // One at a time, so that the disk has it while the next is sealed.
            if self.begin_one() {
                self.enter(0)?;
            } else if self.writes.is_over() && self.is_idle() {
                return Ok(());
            } else {
                self.sleep()?;
            }
            self.reap();
        }
    }

    fn is_idle(&self) -> bool {
        self.flights.iter().all(Option::is_none)
    }

    /// Waits for a completion, or for the bell.
    fn sleep(&mut self) -> Result<(), Errno> {
        // The first of them that is done wakes this thread anyway.
        let flights = self.flights.iter().flatten().count();
        let patience = if flights == DEPTH { BUFFERS_MAX } else { flights / 2 };
        let writes = self.writes;
        let mut entered = Ok(());
        writes.sleep(patience, || entered = self.enter(1));
        entered
    }

    /// Asks to be told of the bell.
    fn listen(&mut self) {
        if !self.hears_bell {
            let bell = types::Fd(self.writes.bell().as_raw_fd());
            let readable = u32::from(libc::POLLIN.unsigned_abs());
            self.push(&opcode::PollAdd::new(bell, readable).build().user_data(BELL));
            self.hears_bell = true;
        }
    }

    /// Begins a write, if there is one and the kernel has room for it.
    fn begin_one(&mut self) -> bool {
        let Some(place) = self.flights.iter().position(Option::is_none) else { return false };
        let Some(write) = self.writes.next() else { return false };
        self.flights[place] = Some(Flight { write, done: 0, is_taken: false });
        self.launch(place);
        true
    }

    /// Hands what is left of a write to the kernel.
    fn launch(&mut self, place: usize) {
        let Some(flight) = &mut self.flights[place] else { return };
        flight.is_taken = false;
        let bytes = &flight.write.bytes()[flight.done..];
        let offset = offset_of(flight.write.slot) + flight.done as u64;
        let count = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let entry = opcode::Write::new(types::Fd(self.file.as_raw_fd()), bytes.as_ptr(), count)
            .offset(offset)
            .build()
            .user_data(place as u64);
        self.push(&entry);
    }

    fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: descriptors live as long as `writes`, whose thread this is; the bytes of a write
        // stay in their flight until it is reaped.
        let pushed = unsafe { self.ring.submission().push(entry) };
        assert!(pushed.is_ok(), "{ENTRIES} entries have room for {DEPTH} writes and the bell");
    }

    /// Gives the kernel what is pushed, and waits for so many completions.
    fn enter(&mut self, wanted: usize) -> Result<(), Errno> {
        match self.ring.submit_and_wait(wanted).map_err(|error| Errno::from_io_error(&error)) {
            Ok(_) => {}
            // It has too much to do just now; or completions must be reaped first.
            Err(Some(Errno::INTR | Errno::AGAIN | Errno::BUSY)) => std::thread::yield_now(),
            Err(error) => return Err(error.unwrap_or(Errno::IO)),
        }
        if self.ring.submission().is_empty() {
            self.flights.iter_mut().flatten().for_each(|flight| flight.is_taken = true);
        }
        Ok(())
    }

    /// Takes what has completed.
    fn reap(&mut self) {
        while let Some(completion) = self.next_completion() {
            match completion {
                (BELL, result) => {
                    self.hears_bell = false;
                    // It is readable, unless the kernel gave up listening.
                    if result >= 0 {
                        self.writes.hear();
                    }
                }
                (place, result) => self.complete(place, result),
            }
        }
    }

    fn next_completion(&mut self) -> Option<(u64, i32)> {
        let completion = self.ring.completion().next()?;
        Some((completion.user_data(), completion.result()))
    }

    fn complete(&mut self, place: u64, result: i32) {
        let Ok(place) = usize::try_from(place) else { return };
        let Some(mut flight) = self.flights[place].take() else { return };
        let error = match usize::try_from(result) {
            Ok(0) => Some(Errno::IO),
            Ok(bytes) => {
                flight.done += bytes;
                None
            }
            Err(_) => match Errno::from_raw_os_error(result.saturating_neg()) {
                Errno::INTR | Errno::AGAIN => None,
                error => Some(error),
            },
        };
        if let Some(error) = error {
            self.writes.finish(flight.write, Err(error));
        } else if flight.done < flight.write.bytes().len() {
            self.flights[place] = Some(flight);
            self.launch(place);
        } else {
            let bytes = flight.done as u64;
            self.writes.pages.storage.wrote(offset_of(flight.write.slot), bytes);
            self.writes.finish(flight.write, Ok(()));
        }
    }

    /// The ring cannot be used any more: what the kernel has is awaited, and the rest is written
    /// without it.
    fn give_up(&mut self) {
        for flight in &mut self.flights {
            if flight.as_ref().is_some_and(|flight| !flight.is_taken)
                && let Some(flight) = flight.take()
            {
                threads::carry_out(self.writes, flight.write);
            }
        }
        while !self.is_idle() {
            self.reap();
            std::thread::yield_now();
        }
    }
}
