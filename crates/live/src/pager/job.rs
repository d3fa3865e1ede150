//! Jobs: what is done without the lock, by whoever waits for it or else by a worker.

use memtide_core::{Compressed, Input, IoError, OperationId, Source};

use crate::compress;
use crate::frames::Sum;
use crate::memory::PAGE_BYTES;
use crate::page_file::Buffer;
use crate::pager::{Locked, Pager, State};

/// Something to be done without the lock.
pub(crate) enum Job {
    /// Read a cluster.
    Read { operation: OperationId },
    /// Compress the pages of a cluster, which are in the buffer; the list is for what comes of it.
    Compress { operation: OperationId, buffer: Buffer, pages: Vec<Compressed> },
    /// Make the page file larger.
    Extend { operation: OperationId, pages: u32 },
}

/// Compressed pages until the manager says where to keep them.
#[derive(Default)]
pub(crate) struct Stores {
    of: Option<(OperationId, Buffer)>,
}

impl Stores {
    /// The bytes of a page of an operation that has just ended.
    pub(crate) fn get(&self, operation: OperationId, index: u32) -> &[u8] {
        match &self.of {
            Some((of, pages)) if *of == operation => &pages[index as usize * PAGE_BYTES..],
            _ => panic!("operation {} compressed nothing", operation.0),
        }
    }
}

impl Pager {
    /// Does a job, without the lock while that takes time.
    pub(crate) fn run_job<'a>(&'a self, state: &mut Locked<'a>, job: Job) {
        match job {
            Job::Read { operation } => self.read(state, operation),
            Job::Compress { operation, buffer, pages } => {
                self.compress(state, operation, buffer, pages);
            }
            Job::Extend { operation, pages } => self.grow(state, operation, pages),
        }
    }

    fn read<'a>(&'a self, state: &mut Locked<'a>, operation: OperationId) {
        let source = state.manager.source_of(operation);
        let (Some(Source::PageFile(slot)), Some(file)) = (source, &self.page_file) else {
            unreachable!("a read of {source:?} without a file")
        };
        let State { frames, manager, .. } = &mut **state;
        let result = if let Some(homes) = frames.enter_homes(manager.frames_of(operation)) {
            // Nobody else has these frames until the operation ends.
            self.unlocked(state, || file.read(slot.number, homes))
        } else {
            let buffer = (state.reads_left > 0).then(|| self.buffers.take()).flatten();
            let Some(mut buffer) = buffer else {
                // All are in use: their holders need the lock to go on.
                state.jobs.push_back(Job::Read { operation });
                return self.unlocked(state, std::thread::yield_now);
            };
            state.reads_left -= 1;
            let bytes = state.manager.frames_of(operation).len() * PAGE_BYTES;
            let result = self.unlocked(state, || file.read(slot.number, &mut buffer[..bytes]));
            if result.is_ok() {
                state.hand_out(operation, &buffer[..bytes]);
            }
            state.reads_left += 1;
            result
        };
        if result.is_ok() {
            let State { frames, manager, .. } = &mut **state;
            for (number, frame) in (slot.number..).zip(manager.frames_of(operation)) {
                frames.set_sum(*frame, Sum::Known(file.sum(number)));
            }
        }
        state.input(Input::ReadDone { operation, result });
    }

    fn compress<'a>(
        &'a self,
        state: &mut Locked<'a>,
        operation: OperationId,
        mut buffer: Buffer,
        mut pages: Vec<Compressed>,
    ) {
        let count = state.manager.frames_of(operation).len();
        self.unlocked(state, || {
            let (each, _) = buffer.as_chunks_mut::<PAGE_BYTES>();
            pages.extend(each[..count].iter_mut().map(compress::compress));
        });
        state.stores.of = Some((operation, buffer));
        state.input(Input::CompressDone { operation, pages });
        state.stores.of = None;
    }

    fn grow<'a>(&'a self, state: &mut Locked<'a>, operation: OperationId, pages: u32) {
        let Some(file) = &self.page_file else { unreachable!("no page file is to be extended") };
        state.is_growing = true;
        let result = self.unlocked(state, || file.grow(pages).map(|()| pages));
        state.is_growing = false;
        self.grown.notify_all();
        state.input(Input::ExtendDone { operation, result });
    }

    /// Sees to it that the page file grows as was asked for, here or where another does that;
    /// whether it was asked for.
    pub(crate) fn extend<'a>(&'a self, state: &mut Locked<'a>) -> bool {
        let is_extension = |job: &Job| matches!(job, Job::Extend { .. });
        let mut did = false;
        loop {
            let at = state.jobs.iter().position(is_extension);
            if let Some(job) = at.and_then(|at| state.jobs.remove(at)) {
                self.run_job(state, job);
            } else if state.is_growing {
                state.sleep_until_grown();
            } else {
                return did;
            }
            did = true;
        }
    }
}

impl State {
    /// Gives each frame of an operation its page of what was read.
    fn hand_out(&mut self, operation: OperationId, bytes: &[u8]) {
        let frames = self.manager.frames_of(operation);
        for (frame, page) in frames.iter().zip(bytes.chunks_exact(PAGE_BYTES)) {
            self.frames.bytes_at_home(*frame).copy_from_slice(page);
        }
    }

    /// The pages of an operation, copied: from now on it does not matter who uses them.
    pub(crate) fn gather(&mut self, operation: OperationId) -> Buffer {
        let Some(mut buffer) = self.buffers.take() else {
            unreachable!("more writes are in flight than there are buffers")
        };
        let frames = self.manager.frames_of(operation);
        for (frame, into) in frames.iter().zip(buffer.chunks_exact_mut(PAGE_BYTES)) {
            into.copy_from_slice(self.frames.bytes(*frame));
        }
        buffer
    }

    /// A write ended.
    pub(crate) fn write_done(&mut self, token: u64, result: Result<(), IoError>) {
        let Ok(number) = u32::try_from(token) else {
            unreachable!("token {token} is none of ours")
        };
        let operation = OperationId(number);
        if let (Ok(()), Some(Source::PageFile(slot)), Some(file)) =
            (result, self.manager.source_of(operation), &self.page_file)
        {
            for (index, frame) in (0..).zip(self.manager.frames_of(operation)) {
                if self.frames.sum(*frame) == Sum::InFlight {
                    self.frames.set_sum(*frame, Sum::Known(file.sum(slot.number + index)));
                }
            }
        }
        self.input(Input::WriteDone { operation, result });
    }
}
