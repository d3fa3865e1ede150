//! What each step does.

use memtide_core::page::{Access, PAGE_SHIFT, PAGE_SIZE, Pfn, SpaceId, ThreadId, Tick};
use memtide_core::{
    Allocation, Backing, Call, ListCommand, MEM_COMMIT, MEM_DECOMMIT, MEM_PHYSICAL, MEM_RELEASE,
    MEM_RESERVE, MEM_RESET, MEM_RESET_UNDO, MEM_TOP_DOWN, MEM_WRITE_WATCH, OfferPriority,
    Privileges, Protection, Range, Refusal, Reply, SectionConfig, SpaceConfig, View,
};

use super::end::READER;
use super::failure::FailureKind;
use super::runner::{Judged, Region, Runner};
use super::step::{Command, Step};
use super::threads::Wish;
use crate::contents::file_word;
use crate::oracle::{ContentsCall, Span};

const READ_WRITE: u32 = 0x04;
/// Views begin at a multiple of 64 KiB in their section.
const GRANULE_PAGES: u64 = 16;
/// A process may hold one part in so many of memory in physical pages.
const PHYSICAL_SHARE: u32 = 20;

const fn range(span: Span) -> Range {
    let (address, bytes) = (span.first << PAGE_SHIFT, span.pages << PAGE_SHIFT);
    Range { space: span.space, address, bytes }
}

/// The reply of a call that is not answered as its kind is.
fn other(call: &Call, reply: &Reply) -> super::ledger::Found {
    (FailureKind::WrongAnswer, format!("{call:?} was answered with {reply:?}"))
}

impl Runner {
    /// Does a step; one about something that is not there does nothing.
    pub(super) fn step(&mut self, step: &Step) -> Judged {
        self.coverage.steps += 1;
        match *step {
            Step::Begin { process } => self.begin(process),
            Step::Kill { process, threads_first } => self.kill(process, threads_first),
            Step::Thread { thread, process } => {
                if self.processes.contains_key(&process) && thread != READER {
                    self.threads.begin(ThreadId(thread), process);
                }
                Ok(())
            }
            Step::EndThread { thread } => self.end_thread(ThreadId(thread)),
            Step::Event {} => self.event(Tick(u64::MAX)).map(drop),
            Step::Pass { microseconds } => self.pass(Tick(microseconds.saturating_mul(1_000))),
            Step::Rest {} => self.rest(),
            Step::Fail { what, times } => {
                self.world.fail_next(what, times);
                Ok(())
            }
            Step::Slow { microseconds, times } => {
                self.coverage.slow += u64::from(times);
                self.world.slow_next(Tick(microseconds.saturating_mul(1_000)), times);
                Ok(())
            }
            Step::Heal {} => {
                self.heal();
                Ok(())
            }
            Step::Plant { what } => {
                self.world.plant(what);
                Ok(())
            }
            Step::Zero { pages } => {
                self.world.idle(pages);
                self.settle()
            }
            _ => self.access_step(step),
        }
    }

    fn access_step(&mut self, step: &Step) -> Judged {
        let (thread, region, page) = match *step {
            Step::Read { thread, region, page }
            | Step::Execute { thread, region, page }
            | Step::Write { thread, region, page, .. }
            | Step::Lock { thread, region, page, .. } => (ThreadId(thread), region, page),
            _ => return self.process_step(step),
        };
        let Some(Region { process, space, base }) = self.regions.get(&region).copied() else {
            return Ok(());
        };
        let is_free =
            |thread: &&super::threads::Thread| thread.wish.is_none() && thread.process == process;
        if self.threads.get(thread).filter(is_free).is_none() {
            return Ok(());
        }
        let place = (space, base + page);
        match *step {
            Step::Write { word, .. } => self.access(thread, place, Access::Write, Some(word)),
            Step::Execute { .. } => self.access(thread, place, Access::Execute, None),
            Step::Lock { pages, .. } => self.lock(thread, Span { space, first: place.1, pages }),
            _ => self.access(thread, place, Access::Read, None),
        }
    }

    fn process_step(&mut self, step: &Step) -> Judged {
        let process = match *step {
            Step::Allocate { process, .. }
            | Step::Window { process, .. }
            | Step::View { process, .. }
            | Step::AllocateFrames { process, .. }
            | Step::FreeFrame { process, .. }
            | Step::Limits { process, .. }
            | Step::Priority { process, .. }
            | Step::Empty { process } => process,
            _ => return self.section_step(step),
        };
        let Some(space) = self.processes.get(&process).copied() else { return Ok(()) };
        match *step {
            Step::Allocate { region, pages, .. } | Step::Window { region, pages, .. }
                if pages > 0 && !self.regions.contains_key(&region) =>
            {
                self.allocate(step, (process, space), region, pages)
            }
            Step::View { region, section, first, pages, protection, .. }
                if !self.regions.contains_key(&region) =>
            {
                self.map_view((process, space), region, (section, first, pages), protection)
            }
            Step::AllocateFrames { pages, .. } => self.allocate_frames(space, pages),
            Step::FreeFrame { which, .. } => self.free_frame(space, which),
            Step::Limits { most, hard, .. } => {
                let hard = (false, hard);
                let (minimum, maximum) = (PAGE_SIZE, most.saturating_mul(PAGE_SIZE));
                let call = Call::SetWorkingSetLimits { space, minimum, maximum, hard };
                self.plain(&call, |refusal| {
                    let resident = matches!(refusal, Refusal::InsufficientResources { .. });
                    resident || matches!(refusal, Refusal::InvalidParameter { .. })
                })
            }
            Step::Priority { priority, .. } => {
                self.plain(&Call::SetPagePriority(space, priority.min(7)), |_| false)
            }
            Step::Empty { .. } => self.plain(&Call::EmptyWorkingSet(space), |_| false),
            _ => Ok(()),
        }
    }

    fn section_step(&mut self, step: &Step) -> Judged {
        let section = match *step {
            Step::Section { section, pages, protection, file, reserved } => {
                let is_new = !self.sections.contains_key(&section) && pages > 0;
                if !is_new {
                    return Ok(());
                }
                return self.make_section(section, pages, protection, (file, reserved && !file));
            }
            Step::CloseSection { section }
            | Step::HoldWrites { section }
            | Step::ReleaseWrites { section } => section,
            _ => return self.machine_step(step),
        };
        let Some(id) = self.sections.get(&section).copied() else { return Ok(()) };
        match *step {
            Step::CloseSection { .. } => {
                self.sections.remove(&section);
                self.oracle.section_closed(id);
                self.plain(&Call::CloseSection(id), |_| false)
            }
            Step::HoldWrites { .. } => {
                self.ledger.holds_writes(id, true);
                self.plain(&Call::HoldWrites(id), |_| false)
            }
            _ => {
                self.ledger.holds_writes(id, false);
                self.plain(&Call::ReleaseWrites(id), |_| false)
            }
        }
    }

    fn machine_step(&mut self, step: &Step) -> Judged {
        match *step {
            Step::Lists { command } => self.plain(&Call::Command(list_command(command)), |_| false),
            Step::MarkBad { frame } => {
                let bad = self.world.manager().list_counts().bad;
                let frames = self.world.manager().config().frames;
                // A machine that loses its memory frame by frame has none in the end.
                if frame >= frames || bad >= frames / 16 {
                    return Ok(());
                }
                self.ledger.memory_is_short();
                self.coverage.bad_frames += 1;
                self.plain(&Call::MarkBad(Pfn(frame)), |_| false)
            }
            _ => self.region_step(step),
        }
    }

    /// A call that changes nothing that programs see; which refusals are right.
    fn plain(&mut self, call: &Call, is_right: impl Fn(&Refusal) -> bool) -> Judged {
        if let Err(refusal) = self.call(call)?
            && !is_right(&refusal)
        {
            return Err((FailureKind::WrongAnswer, format!("{call:?}: {refusal}")));
        }
        self.settle()
    }

    fn begin(&mut self, process: u32) -> Judged {
        if self.processes.contains_key(&process) {
            return Ok(());
        }
        let privileges = Privileges { lock_memory: true };
        let call = Call::CreateSpace(SpaceConfig { privileges, ..SpaceConfig::default() });
        match self.call(&call)? {
            Ok(Reply::Space(space)) => {
                self.processes.insert(process, space);
                self.oracle.space_began(space)?;
            }
            // The minimum of its working set must be had.
            Err(Refusal::InsufficientResources { .. }) => {}
            Ok(reply) => return Err(other(&call, &reply)),
            Err(refusal) => return Err((FailureKind::WrongAnswer, refusal.to_string())),
        }
        self.settle()
    }

    pub(super) fn kill(&mut self, process: u32, threads_first: bool) -> Judged {
        let Some(space) = self.processes.remove(&process) else { return Ok(()) };
        let threads = self.threads.of(process);
        let is_waiting = self.threads.waiting().any(|(_, wish)| wish.space == space);
        self.coverage.kills_in_io += u64::from(is_waiting && self.world.has_io());
        if threads_first {
            threads.iter().try_for_each(|thread| self.end_thread(*thread))?;
        }
        let result = self.call(&Call::DestroySpace(space))?;
        if let Err(refusal) = result {
            return Err((FailureKind::WrongAnswer, refusal.to_string()));
        }
        self.oracle.space_ended(space);
        self.regions.retain(|_, region| region.process != process);
        self.settle()?;
        if let Some((thread, _)) = self.threads.waiting().find(|(_, wish)| wish.space == space) {
            let message = format!("thread {} waits in a space that is gone", thread.0);
            return Err((FailureKind::WaitsForEver, message));
        }
        threads.iter().try_for_each(|thread| self.end_thread(*thread))
    }

    fn end_thread(&mut self, thread: ThreadId) -> Judged {
        let Some(found) = self.threads.end(thread) else { return Ok(()) };
        self.coverage.ends_in_fault += u64::from(found.wish.is_some());
        if let Some(span) = found.wish.and_then(|wish| wish.lock) {
            self.oracle.locked(span, false);
        }
        self.world.end_thread(thread);
        self.settle()
    }

    fn lock(&mut self, thread: ThreadId, span: Span) -> Judged {
        let Some(found) = self.threads.get_mut(thread) else { return Ok(()) };
        let (space, address) = (span.space, span.first << PAGE_SHIFT);
        let (access, written) = (Access::Read, None);
        found.wish = Some(Wish { space, address, access, written, lock: Some(span) });
        self.ledger.asks(thread);
        self.oracle.locking(span);
        self.world.lock(thread, space, address, span.pages << PAGE_SHIFT);
        self.settle()
    }

    fn allocate(
        &mut self,
        step: &Step,
        (process, space): (u32, SpaceId),
        region: u32,
        pages: u64,
    ) -> Judged {
        let (kind, constant, committed, watched) = match *step {
            Step::Allocate { protection, reserved, top_down, watched, .. } => {
                let mut kind = MEM_RESERVE;
                kind |= if reserved { 0 } else { MEM_COMMIT };
                kind |= if top_down { MEM_TOP_DOWN } else { 0 };
                kind |= if watched { MEM_WRITE_WATCH } else { 0 };
                (kind, protection, !reserved, watched)
            }
            _ => (MEM_RESERVE | MEM_PHYSICAL, READ_WRITE, false, false),
        };
        let bytes = pages << PAGE_SHIFT;
        let allocation = Allocation { address: 0, bytes, kind, protection: constant };
        let call = Call::Allocate(space, allocation);
        match self.call(&call)? {
            Ok(Reply::Address(address)) => {
                let span = Span { space, first: address >> PAGE_SHIFT, pages };
                self.regions.insert(region, Region { process, space, base: span.first });
                match Protection::from_windows(constant) {
                    _ if kind & MEM_PHYSICAL != 0 => self.oracle.window_allocated(span)?,
                    Ok(protection) => {
                        self.oracle.allocated(span, protection, committed, watched)?;
                    }
                    Err(refusal) => return Err((FailureKind::WrongAnswer, refusal.to_string())),
                }
            }
            Ok(reply) => return Err(other(&call, &reply)),
            Err(Refusal::InvalidPageProtection { .. }) => {
                let is_private = Protection::from_windows(constant)
                    .is_ok_and(|protection| !protection.copies_on_write());
                if is_private {
                    return Err((FailureKind::WrongAnswer, format!("{constant:#x} is refused")));
                }
            }
            Err(refusal) => self.oracle.refused(refusal, pages, self.commit_limit())?,
        }
        self.settle()
    }

    fn map_view(
        &mut self,
        (process, space): (u32, SpaceId),
        region: u32,
        (section, first, pages): (u32, u64, u64),
        constant: u32,
    ) -> Judged {
        let Some(id) = self.sections.get(&section).copied() else { return Ok(()) };
        let Some(all) = self.oracle.section_pages(id) else { return Ok(()) };
        let first = first / GRANULE_PAGES * GRANULE_PAGES;
        let pages = pages.min(all.saturating_sub(first));
        let Ok(protection) = Protection::from_windows(constant) else { return Ok(()) };
        if pages == 0 {
            return Ok(());
        }
        let (offset, bytes) = (first << PAGE_SHIFT, pages << PAGE_SHIFT);
        let view = View { section: id, address: 0, offset, bytes, protection: constant };
        let call = Call::MapView(space, view);
        let result = match self.call(&call)? {
            Ok(Reply::Address(address)) => Ok(address),
            Ok(reply) => return Err(other(&call, &reply)),
            Err(refusal) => Err(refusal),
        };
        if let Ok(address) = result {
            let base = address >> PAGE_SHIFT;
            self.regions.insert(region, Region { process, space, base });
        }
        self.oracle.view_mapped((space, pages), (id, first), protection, &result)?;
        self.settle()
    }

    fn make_section(
        &mut self,
        section: u32,
        pages: u64,
        constant: u32,
        (is_file, is_reserved): (bool, bool),
    ) -> Judged {
        let Ok(protection) = Protection::from_windows(constant) else { return Ok(()) };
        let backing = if is_file { Backing::File } else { Backing::PageFile };
        let bytes = pages << PAGE_SHIFT;
        let config = SectionConfig { bytes, protection: constant, backing, is_reserved };
        let call = Call::CreateSection(config);
        match self.call(&call)? {
            Ok(Reply::Section(id)) => {
                self.sections.insert(section, id);
                let word = |page| file_word(id, page);
                let file = is_file.then_some(&word as &dyn Fn(u64) -> u64);
                self.oracle.section_made(id, protection, is_reserved, file, pages)?;
            }
            Ok(reply) => return Err(other(&call, &reply)),
            Err(refusal) => self.oracle.refused(refusal, pages, self.commit_limit())?,
        }
        self.settle()
    }

    fn allocate_frames(&mut self, space: SpaceId, pages: u64) -> Judged {
        let held = self.oracle.frames_of(space).len();
        let frames = self.world.manager().config().frames;
        let most = u64::from(frames / PHYSICAL_SHARE);
        let wanted = pages.min(most.saturating_sub(u64::try_from(held).unwrap_or(most)));
        if wanted == 0 {
            return Ok(());
        }
        let call = Call::AllocatePhysical(space, wanted);
        match self.call(&call)? {
            Ok(Reply::Frames(frames)) => self.oracle.frames_allocated(space, &frames),
            Ok(reply) => return Err(other(&call, &reply)),
            Err(Refusal::InsufficientResources { .. }) => {}
            Err(refusal) => self.oracle.refused(refusal, wanted, self.commit_limit())?,
        }
        self.settle()
    }

    fn free_frame(&mut self, space: SpaceId, which: u32) -> Judged {
        let Some(frame) = self.nth_frame(space, which) else { return Ok(()) };
        let call = Call::FreePhysical(space, vec![frame]);
        if let Err(refusal) = self.call(&call)? {
            return Err((FailureKind::WrongAnswer, refusal.to_string()));
        }
        self.oracle.frame_freed(space, frame);
        self.settle()
    }

    fn nth_frame(&self, space: SpaceId, which: u32) -> Option<Pfn> {
        let frames = self.oracle.frames_of(space);
        let which = usize::try_from(which).unwrap_or(usize::MAX);
        frames.get(which.checked_rem(frames.len())?).copied()
    }

    fn region_step(&mut self, step: &Step) -> Judged {
        let (region, page, pages) = match *step {
            Step::Commit { region, page, pages, .. }
            | Step::Decommit { region, page, pages }
            | Step::Protect { region, page, pages, .. }
            | Step::Reset { region, page, pages }
            | Step::UndoReset { region, page, pages }
            | Step::Offer { region, page, pages }
            | Step::Reclaim { region, page, pages }
            | Step::Discard { region, page, pages }
            | Step::Prefetch { region, page, pages }
            | Step::Watch { region, page, pages, .. }
            | Step::Unlock { region, page, pages } => (region, page, pages),
            Step::Used { region, page }
            | Step::Query { region, page }
            | Step::MapFrame { region, page, .. } => (region, page, 1),
            Step::Free { region } => (region, 0, 1),
            _ => return Ok(()),
        };
        let Some(Region { space, base, .. }) = self.regions.get(&region).copied() else {
            return Ok(());
        };
        if pages == 0 {
            return Ok(());
        }
        let span = Span { space, first: base + page, pages };
        match *step {
            Step::Free { .. } => self.free(region, span)?,
            Step::MapFrame { which, .. } => self.map_frame(span, which)?,
            Step::Used { .. } => {
                self.world.note_used(space, span.first << PAGE_SHIFT);
            }
            Step::Query { .. } => {
                let call = Call::Query(space, span.first << PAGE_SHIFT);
                let result = match self.call(&call)? {
                    Ok(Reply::Region(info)) => Ok(info),
                    Ok(reply) => return Err(other(&call, &reply)),
                    Err(refusal) => Err(refusal),
                };
                self.oracle.queried((space, span.first), &result)?;
            }
            _ => self.span_step(step, span)?,
        }
        self.settle()
    }

    fn free(&mut self, region: u32, span: Span) -> Judged {
        let address = span.first << PAGE_SHIFT;
        let released = Call::Free(Range { bytes: 0, ..range(span) }, MEM_RELEASE);
        let mut result = self.call(&released)?;
        if let Err(Refusal::WrongKind { .. }) = result {
            // A view is unmapped instead.
            self.settle()?;
            result = self.call(&Call::UnmapView(span.space, address))?;
        }
        self.regions.remove(&region);
        Ok(self.oracle.released(span, &result)?)
    }

    fn map_frame(&mut self, span: Span, which: u32) -> Judged {
        let Some(frame) = self.nth_frame(span.space, which) else { return Ok(()) };
        let (space, address) = (span.space, span.first << PAGE_SHIFT);
        let call = Call::MapPhysical { space, address, pages: 1, frames: vec![frame] };
        let result = self.call(&call)?;
        Ok(self.oracle.frame_mapped((space, span.first), frame, &result)?)
    }

    fn span_step(&mut self, step: &Step, span: Span) -> Judged {
        let allocate = |kind, protection| {
            let Range { address, bytes, .. } = range(span);
            Call::Allocate(span.space, Allocation { address, bytes, kind, protection })
        };
        let range = range(span);
        let (call, contents) = match *step {
            Step::Reset { .. } => (allocate(MEM_RESET, 0x02), ContentsCall::Reset),
            Step::UndoReset { .. } => (allocate(MEM_RESET_UNDO, 0x02), ContentsCall::UndoReset),
            Step::Offer { .. } => (Call::Offer(range, OfferPriority::Low), ContentsCall::Offer),
            Step::Reclaim { .. } => (Call::ReclaimOffered(range), ContentsCall::Reclaim),
            Step::Discard { .. } => (Call::Discard(range), ContentsCall::Discard),
            _ => {
                let commit = |protection| allocate(MEM_COMMIT, protection);
                return self.page_step(step, span, range, commit);
            }
        };
        let result = self.call(&call)?;
        Ok(self.oracle.contents_called(span, contents, &result)?)
    }

    fn page_step(
        &mut self,
        step: &Step,
        span: Span,
        range: Range,
        commit: impl Fn(u32) -> Call,
    ) -> Judged {
        match *step {
            Step::Commit { protection, .. } => {
                let result = self.call(&commit(protection))?;
                let limit = self.commit_limit();
                self.oracle.committed(span, protection, &result, limit)?;
            }
            Step::Decommit { .. } => {
                let result = self.call(&Call::Free(range, MEM_DECOMMIT))?;
                self.oracle.decommitted(span, &result)?;
            }
            Step::Protect { protection, .. } => {
                let call = Call::Protect(range, protection);
                let result = match self.call(&call)? {
                    Ok(Reply::Protection(old)) => Ok(old),
                    Ok(reply) => return Err(other(&call, &reply)),
                    Err(refusal) => Err(refusal),
                };
                self.oracle.protected(span, protection, &result)?;
            }
            Step::Watch { most, resets, .. } => {
                let most = usize::try_from(most.max(1)).unwrap_or(usize::MAX);
                let call = Call::WriteWatch { range, resets, most };
                let result = match self.call(&call)? {
                    Ok(Reply::Addresses(found)) => Ok(found),
                    Ok(reply) => return Err(other(&call, &reply)),
                    Err(refusal) => Err(refusal),
                };
                self.oracle.watched(span, resets, most, &result)?;
            }
            Step::Unlock { .. } => {
                let result = self.call(&Call::Unlock(range))?;
                self.oracle.unlocked(span, &result)?;
            }
            // A hint: whatever it is answered.
            _ => drop(self.call(&Call::Prefetch(range))?),
        }
        Ok(())
    }
}

const fn list_command(command: Command) -> ListCommand {
    match command {
        Command::CaptureAccessedBits => ListCommand::CaptureAccessedBits,
        Command::CaptureAndResetAccessedBits => ListCommand::CaptureAndResetAccessedBits,
        Command::EmptyWorkingSets => ListCommand::EmptyWorkingSets,
        Command::FlushModifiedList => ListCommand::FlushModifiedList,
        Command::PurgeStandbyList => ListCommand::PurgeStandbyList,
        Command::PurgeLowPriorityStandbyList => ListCommand::PurgeLowPriorityStandbyList,
    }
}
