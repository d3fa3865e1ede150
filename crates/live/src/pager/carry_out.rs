//! What the manager asks for, done to real memory.
//!
//! Nothing here wakes a thread that the kernel makes wait for a page, but telling it that it goes
//! on: a page may be there before it is known that the access to it raises an exception.

use std::sync::Arc;

use memtide_core::page::{Access, PAGE_SIZE, Pfn, SpaceId, ThreadId, Vpn};
use memtide_core::{
    Content, Exception, Input, Output, Protection, RegionInfo, RegionState, Rights, Source, Stored,
};
use rustix::io::Errno;

use crate::compress;
use crate::frames::Sum;
use crate::memory;
use crate::page_file::io_error;
use crate::pager::State;
use crate::pager::job::Job;
use crate::pager::run::{Act, Run};
use crate::pager::wait::Told;
use crate::uffd::Moved;

/// Who repeats a write that slipped in before its page was protected: no thread of the program.
const NOBODY: ThreadId = ThreadId(u32::MAX);

impl State {
    /// Carries out outputs until there is none.
    pub(crate) fn drain(&mut self) {
        loop {
            while let Some(output) = self.manager.poll_output() {
                self.carry_out(output);
            }
            self.flush();
            if let Some((space, page)) = self.slipped.pop() {
                self.repeat_write(space, page);
            } else if let Some(frame) = self.lost.pop() {
                self.tell_lost(frame);
            } else if !self.manager.has_outputs() {
                return;
            }
        }
    }

    /// A write came between mapping a page and protecting it: the manager learns of it now.
    fn repeat_write(&mut self, space: SpaceId, page: Vpn) {
        let (thread, address, access) = (NOBODY, page.address(), Access::Write);
        self.hand_in(Input::Fault { thread, space, address, access });
    }

    /// The bytes of a frame could not be made.
    fn tell_lost(&mut self, frame: Pfn) {
        self.hand_in(Input::Lost { frame, error: io_error(Errno::BADMSG) });
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Map { space, page, frame, content, rights, shared: None } => {
                self.map(space, page, frame, content, rights);
            }
            Output::Map { space, page, frame, content, rights, shared: Some(of) } => {
                self.flush();
                self.map_shared((space, page), frame, of, content, rights);
            }
            Output::Unmap { space, page, frame } => {
                let address = self.address(space, page);
                if self.is_with_section(frame) {
                    return self.add(Act::Hide, space, address, frame);
                }
                // A page that nobody may access is at home already.
                if self.gathers_or_is_at(frame, address) {
                    self.add(Act::Take, space, address, frame);
                }
            }
            Output::Protect { space, page, frame, rights } => {
                self.protect(space, page, frame, rights);
            }
            other => {
                self.flush();
                self.carry_out_alone(other);
            }
        }
    }

    /// What does not come in runs; everything before it is done.
    fn carry_out_alone(&mut self, output: Output) {
        match output {
            Output::Discard { space, page, pages } => self.discard(space, page, pages),
            Output::Zero { frame } => {
                if self.frames.is_home(frame) {
                    self.frames.bytes_at_home(frame).fill(0);
                }
            }
            Output::Copy { from, to } => {
                let (bytes, home) = self.frames.bytes_and_home(from, to);
                *home = *bytes;
            }
            Output::Decompress { from, to } => self.decompress(from, to),
            Output::Store { operation, index, to } => {
                if let Stored::Bytes { frame, offset, bytes } = to {
                    let from = self.stores.get(operation, index);
                    let range = usize::from(offset)..usize::from(offset) + usize::from(bytes);
                    self.frames.bytes_at_home(frame)[range]
                        .copy_from_slice(&from[..usize::from(bytes)]);
                }
            }
            Output::Compress { operation } => {
                let (buffer, pages) = (self.gather(operation), self.manager.compressed_pages());
                self.jobs.push_back(Job::Compress { operation, buffer, pages });
            }
            Output::Read { operation } => self.jobs.push_back(Job::Read { operation }),
            Output::Write { operation } => self.begin_write(operation),
            Output::ExtendPageFile { operation, pages, .. } => {
                self.jobs.push_back(Job::Extend { operation, pages });
            }
            Output::Resume { thread } => self.tell(thread, Told::Resumed),
            Output::Raise { thread, exception } => self.raise(thread, exception),
            Output::Refuse { thread, refusal } => self.tell(thread, Told::Refused(refusal)),
            Output::Condition(_) => self.has_changed = true,
            // The manager counts it, keeps the page and tries again; nobody here waits for it.
            Output::WriteFailed { .. } => {}
            other => unreachable!("an output that no world knows: {other:?}"),
        }
    }

    fn map(&mut self, space: SpaceId, page: Vpn, frame: Pfn, content: Content, rights: Rights) {
        // What leaves with it goes home before anything is made of it there.
        self.flush_of(frame);
        let address = self.address(space, page);
        if !rights.allow(Access::Read) || self.has_untold(space, page) {
            // Nobody may reach it: it stays at home until somebody may.
            if content == Content::Zero {
                self.frames.bytes_at_home(frame).fill(0);
            }
            return;
        }
        let protects = !rights.allow(Access::Write);
        let act = match content {
            Content::Kept => Act::Bring { protects },
            // Zeros that are protected from the first moment are made by the kernel.
            Content::Zero if protects || !self.frames.is_home(frame) => Act::Zero { protects },
            Content::Zero => {
                self.frames.bytes_at_home(frame).fill(0);
                Act::Bring { protects }
            }
        };
        self.add(act, space, address, frame);
    }

    fn protect(&mut self, space: SpaceId, page: Vpn, frame: Pfn, rights: Rights) {
        if self.is_with_section(frame) {
            self.flush();
            return self.show(space, page, frame, rights);
        }
        let address = self.address(space, page);
        let is_reachable = self.gathers_or_is_at(frame, address);
        let protects = !rights.allow(Access::Write);
        let may_be_reached = rights.allow(Access::Read) && !self.has_untold(space, page);
        match (is_reachable, may_be_reached) {
            (true, true) => self.add(Act::Protect { on: protects }, space, address, frame),
            (true, false) => self.add(Act::Take, space, address, frame),
            (false, true) => self.add(Act::Bring { protects }, space, address, frame),
            (false, false) => {}
        }
    }

    /// Whether a frame's page is at an address once what is gathered is carried out.
    fn gathers_or_is_at(&mut self, frame: Pfn, address: u64) -> bool {
        self.flush_of(frame);
        self.frames.is_at(frame, address)
    }

    /// Whether a frame's page is with a section once what is gathered is carried out.
    fn is_with_section(&mut self, frame: Pfn) -> bool {
        self.flush_of(frame);
        self.frames.is_with_section(frame)
    }

    fn add(&mut self, act: Act, space: SpaceId, address: u64, frame: Pfn) {
        let first = self.runs.add(act, space, address, frame);
        first.into_iter().flatten().for_each(|run| self.carry_out_run(run));
    }

    /// Carries out what is gathered, if a frame is in it.
    fn flush_of(&mut self, frame: Pfn) {
        if self.runs.names(frame) {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let all = self.runs.take();
        all.into_iter().flatten().for_each(|run| self.carry_out_run(run));
    }

    pub(crate) fn carry_out_run(&mut self, run: Run) {
        match run.act {
            Act::Bring { protects } => self.bring(run, protects),
            Act::Zero { protects } => self.zero(run, protects),
            Act::Take => self.take(run),
            Act::Hide => self.hide_run(&run),
            Act::Protect { on } => {
                let uffd = &self.memory(run.space).uffd;
                let done = uffd.write_protect(run.address, run.bytes(), on, false);
                done.unwrap_or_else(|errno| memory::fatal("write-protecting pages", errno));
                if !on {
                    run.each().for_each(|(_, frame)| self.frames.set_sum(frame, Sum::Unknown));
                }
            }
        }
    }

    /// Moves pages from their homes into a space.
    fn bring(&mut self, run: Run, protects: bool) {
        self.heal_run(&run);
        if protects {
            for (_, frame) in run.each() {
                if !matches!(self.frames.sum(frame), Sum::Known(_)) {
                    let sum = memory::sum(self.frames.bytes(frame));
                    self.frames.set_sum(frame, Sum::Known(sum));
                }
            }
        } else {
            run.each().for_each(|(_, frame)| self.frames.set_sum(frame, Sum::Unknown));
        }
        // A page that is moved can be written until it is protected. Where that only tells who
        // writes first it is made up for; where the program may not write it may not happen.
        let moves = self.memory(run.space).uffd.features().moves
            && (!protects || self.may_be_written(&run));
        let mut rest = run;
        while rest.pages() > 0 {
            let brought = self.bring_first(&rest, moves, protects);
            rest = rest.behind(brought);
        }
        if protects && moves {
            self.protect_brought(run);
        }
    }

    /// Brings the first pages of a run into a space; how many.
    fn bring_first(&mut self, run: &Run, moves: bool, protects: bool) -> u64 {
        let together = run.first(self.frames.side_by_side(run.frames()));
        let home = self.frames.home(run.frames()[0]);
        let uffd = Arc::clone(&self.memory(run.space).uffd);
        let moved = match moves {
            true => uffd.move_pages(run.address, home, together.bytes(), false).pages(),
            false => 0,
        };
        for (address, frame) in together.first(moved).each() {
            self.frames.moved(frame, address);
        }
        // What cannot be moved (the kernel, or somebody's hold on a page) is copied.
        let Some((address, frame)) = together.behind(moved).each().next() else { return moved };
        let copied = uffd.copy(address, self.frames.home(frame), PAGE_SIZE, protects, false);
        expect_whole("copying a page into a space", copied, PAGE_SIZE);
        self.frames.release(frame);
        self.frames.moved(frame, address);
        moved + 1
    }

    /// Whether the program may write to all pages of a run.
    fn may_be_written(&self, run: &Run) -> bool {
        let mut address = run.address - self.memory(run.space).base();
        let end = address + run.bytes();
        while address < end {
            let Ok(RegionInfo { bytes, state: RegionState::Allocated { page_use, .. }, .. }) =
                self.manager.query(run.space, address)
            else {
                return false;
            };
            let may_be = |of: Protection| of.allows(Access::Write) && !of.copies_on_write();
            if !page_use.protection().is_some_and(may_be) {
                return false;
            }
            address += bytes;
        }
        true
    }

    /// Protects pages that were just moved in, and finds those that were written before that.
    fn protect_brought(&mut self, run: Run) {
        let memory = self.memory(run.space).clone();
        let done = memory.uffd.write_protect(run.address, run.bytes(), true, false);
        done.unwrap_or_else(|errno| memory::fatal("write-protecting pages", errno));
        for (address, frame) in run.each() {
            let now = memory::sum(memory::page(address));
            if self.frames.sum(frame) != Sum::Known(now) {
                self.frames.set_sum(frame, Sum::Unknown);
                let page = Vpn::of(address - memory.base());
                self.slipped.push((run.space, page));
            }
        }
    }

    fn zero(&mut self, run: Run, protects: bool) {
        self.heal_run(&run);
        run.each().for_each(|(_, frame)| self.frames.release(frame));
        let zeros = self.zeros.address();
        let uffd = &self.memory(run.space).uffd;
        let copied = uffd.copy(run.address, zeros, run.bytes(), protects, false);
        // One copy stays within one of the kernel's mappings, and pages that may be executed are
        // another than their neighbours.
        for (address, _) in run.behind(copied.pages()).each() {
            let copied = uffd.copy(address, zeros, PAGE_SIZE, protects, false);
            expect_whole("making a page of zeros", copied, PAGE_SIZE);
        }
        for (address, frame) in run.each() {
            self.frames.moved(frame, address);
            self.frames.set_sum(frame, Sum::Unknown);
        }
    }

    /// Moves pages from a space to their homes.
    pub(crate) fn take(&mut self, run: Run) {
        let rest = match self.homes.features().moves {
            true => self.move_home(run),
            false => run,
        };
        if rest.pages() == 0 {
            return;
        }
        let memory = self.memory(run.space).clone();
        // A write meanwhile faults, and waits for the lock: what is copied is all there is.
        let protected = memory.uffd.write_protect(rest.address, rest.bytes(), true, false);
        protected.unwrap_or_else(|errno| memory::fatal("write-protecting pages", errno));
        for (address, frame) in rest.each() {
            let sum = self.frames.sum(frame);
            *self.frames.bytes_at_home(frame) = *memory::page(address);
            self.frames.set_sum(frame, sum);
        }
        let first = Vpn::of(rest.address - memory.base());
        self.discard(run.space, first, u64::from(rest.pages()));
    }

    /// Moves pages from a space to their homes; what is left, from the first that cannot be moved.
    fn move_home(&mut self, run: Run) -> Run {
        let mut rest = run;
        while rest.pages() > 0 {
            let (home, address, count) = self.frames.set_aside(rest.pages());
            let part = rest.first(u64::from(count));
            let moved = self.homes.move_pages(address, rest.address, part.bytes(), false).pages();
            let homes = (0..count).map(|number| home.plus(number));
            for (frame, home) in part.first(moved).frames().iter().zip(homes.clone()) {
                self.frames.came_home(*frame, home);
            }
            self.frames.give_back(homes.skip(part.first(moved).frames().len()));
            rest = rest.behind(moved);
            if moved < u64::from(count) {
                break;
            }
        }
        rest
    }

    /// Gives pages of a space back to the kernel.
    pub(crate) fn discard(&mut self, space: SpaceId, page: Vpn, pages: u64) {
        let dropped = self.memory(space).reservation.discard(page.address(), pages * PAGE_SIZE);
        dropped.unwrap_or_else(|errno| memory::fatal("giving pages back", errno));
    }

    fn decompress(&mut self, from: Stored, to: Pfn) {
        match from {
            Stored::Same(word) => {
                let words = self.frames.bytes_at_home(to).chunks_exact_mut(8);
                words.for_each(|bytes| bytes.copy_from_slice(&word.to_ne_bytes()));
            }
            Stored::Bytes { frame, offset, bytes } => {
                let range = usize::from(offset)..usize::from(offset) + usize::from(bytes);
                let (packed, home) = self.frames.bytes_and_home(frame, to);
                if compress::decompress(&packed[range], home).is_err() {
                    self.lost.push(to);
                }
            }
        }
    }

    fn begin_write(&mut self, operation: memtide_core::OperationId) {
        let buffer = self.gather(operation);
        let frames = self.manager.frames_of(operation);
        let pages = frames.len();
        for frame in frames {
            self.frames.set_sum(*frame, Sum::InFlight);
        }
        let Some(Source::PageFile(slot)) = self.manager.source_of(operation) else {
            unreachable!("a live machine has no sections of files")
        };
        let Some(file) = &self.page_file else { unreachable!("a write without a page file") };
        file.begin_write(slot.number, buffer, pages, u64::from(operation.0));
    }

    /// Tells a thread how its fault or lock ended.
    fn tell(&mut self, thread: ThreadId, told: Told) {
        if thread == NOBODY {
            return;
        }
        if let Some((space, page)) = self.waits.tell(thread, told) {
            self.wake(space, page);
        }
    }

    fn raise(&mut self, thread: ThreadId, exception: Exception) {
        if thread == NOBODY {
            return;
        }
        let Some((space, page)) = self.waits.tell(thread, Told::Raised(exception)) else { return };
        self.poison(space, page, exception);
    }
}

fn expect_whole(what: &str, moved: Moved, bytes: u64) {
    if moved.bytes != bytes {
        let errno = moved.stopped.unwrap_or(Errno::IO);
        memory::fatal(what, errno);
    }
}
