//! Hard faults: the page is in a page file or in the file of a section. A cluster is read along
//! the stream that the fault belongs to, and the thread waits for it.

use crate::exception::Exception;
use crate::fault::stream::Window;
use crate::fault::{Outcome, Scene};
use crate::frame_supply::Wanted;
use crate::input::IoError;
use crate::manager::Manager;
use crate::operation::{OperationId, Source, Work};
use crate::output::Output;
use crate::page::{Pfn, SpaceId};
use crate::pfn::{Flag, PteAddress, To};
use crate::section::Backing;
use crate::space::page_table::Owner;
use crate::space::pte::{Pte, Slot};
use crate::waiter::Waiter;

impl Manager {
    /// `pte` is the PTE that says where the page is: the space's, or a prototype PTE.
    pub(crate) fn hard_fault(
        &mut self,
        scene: Scene,
        pte: PteAddress,
        waiter: &mut Waiter,
    ) -> Outcome {
        let Some(source) = self.source_at(pte) else { return Outcome::Again };
        if self.operations.reads() >= self.config.policy.reads_max {
            return Outcome::NoFrame;
        }
        let Some(pfn) = self.frame_for(scene.space, Wanted::Any) else { return Outcome::NoFrame };
        if self.source_at(pte) != Some(source) {
            self.free_frame(pfn);
            return Outcome::Again;
        }
        self.count_fault(waiter, |counters| counters.hard += 1);
        let most = self.config.policy.read_cluster_max;
        let window = match waiter.reads_alone {
            true => Window::ONE,
            false => {
                let region = self.spaces.get_mut(scene.space).region_mut(scene.region);
                region.streams.next(scene.page, most)
            }
        };
        let (operation, window) = self.begin_read(scene.space, pte, source, pfn, window);
        if !waiter.reads_alone {
            let region = self.spaces.get_mut(scene.space).region_mut(scene.region);
            region.streams.handled(scene.page, window);
            self.read_on(scene, window);
        }
        self.operations.join(operation, *waiter);
        Outcome::Pending
    }

    /// Where the page of a PTE lies outside memory, if that is where it is.
    pub(crate) fn source_at(&self, pte: PteAddress) -> Option<Source> {
        match self.tables.get(pte) {
            Pte::PageFile(slot) => Some(Source::PageFile(slot)),
            Pte::None => {
                let (Owner::Section(section), page) = self.tables.owner(pte) else { return None };
                let found = self.sections.get(section);
                let is_file = found.backing == Backing::File && page < found.pages;
                is_file.then_some(Source::File { section, page })
            }
            _ => None,
        }
    }

    /// Begins to read the page of `pte` and those of its window whose copies lie beside its own.
    pub(crate) fn begin_read(
        &mut self,
        space: SpaceId,
        pte: PteAddress,
        source: Source,
        pfn: Pfn,
        window: Window,
    ) -> (OperationId, Window) {
        let mut done = Window::ONE;
        let mut first = source;
        let mut before = core::mem::take(&mut self.scratch);
        for step in 1..=window.before {
            let Some(place) = back(source, step) else { break };
            if self.readable(pte, -i64::from(step), place).is_none() {
                break;
            }
            let Some(frame) = self.frame_ahead(space) else { break };
            before.push(u64::from(frame.0) << 32 | u64::from(step));
            first = place;
            done.before = step;
        }
        let operation = self.operations.begin(Work::Read(first));
        for packed in before.drain(..).rev() {
            let (frame, step) = ((packed >> 32) as u32, (packed & 0xffff_ffff) as u32);
            let neighbour = self.tables.neighbour(pte, -i64::from(step));
            let Some(neighbour) = neighbour else { continue };
            self.add_to_read(operation, space, neighbour, Pfn(frame));
        }
        self.scratch = before;
        self.add_to_read(operation, space, pte, pfn);
        for step in 1..=window.after {
            let next = self.readable(pte, i64::from(step), source.plus(step));
            let Some(neighbour) = next else { break };
            let Some(frame) = self.frame_ahead(space) else { break };
            self.add_to_read(operation, space, neighbour, frame);
            done.after = step;
        }
        let pages = self.frames_of(operation).len() as u64;
        self.count(space, |counters| {
            counters.reads += 1;
            counters.pages_read += pages;
        });
        self.emit(Output::Read { operation });
        (operation, done)
    }

    /// The PTE so many entries away, if its page lies at `wanted`.
    fn readable(&self, pte: PteAddress, step: i64, wanted: Source) -> Option<PteAddress> {
        let neighbour = self.tables.neighbour(pte, step)?;
        (self.source_at(neighbour) == Some(wanted)).then_some(neighbour)
    }

    /// A frame for a page that nobody asked for yet: only while memory is not low.
    pub(crate) fn frame_ahead(&mut self, space: SpaceId) -> Option<Pfn> {
        if self.frames.available() <= self.config.policy.ahead_low {
            return None;
        }
        self.take_frame(Wanted::Any, space)
    }

    fn add_to_read(&mut self, operation: OperationId, space: SpaceId, pte: PteAddress, pfn: Pfn) {
        let is_newcomer = !self.evictions.is_recent(self.tables.word(pte));
        let original = self.tables.get(pte);
        let priority = self.spaces.get(space).priority;
        self.give_page(pfn, pte, original, priority);
        self.frames.move_page(pfn, To::Transition { operation: operation.0 });
        self.frames.edit(pfn, |entry| {
            entry.set(Flag::Reading, true);
            entry.set(Flag::Newcomer, is_newcomer);
        });
        self.tables.set(pte, Pte::Transition(pfn));
        if let Some(read) = self.operations.get_mut(operation) {
            read.frames.push(pfn);
        }
    }

    /// A read ended: its pages are on the standby list, from where the waiters take theirs.
    pub(crate) fn read_done(&mut self, id: OperationId, result: Result<(), IoError>) {
        let is_read = |op: &crate::operation::Operation| matches!(op.work, Some(Work::Read(_)));
        if !self.operations.get(id).is_some_and(is_read) {
            return;
        }
        let Some(read) = self.operations.end(id) else { return };
        let first = read.frames.first().map(|pfn| self.frames.entry(*pfn));
        let failed = first.filter(|entry| !entry.has(Flag::Orphan)).map(|entry| entry.pte());
        for pfn in &read.frames {
            self.page_read(*pfn, result.is_ok());
        }
        let alone = read.frames.len() == 1;
        let waiters = self.operations.take_waiters_of(id);
        if self.config.policy.map_ahead_max > 1 && result.is_ok() && !waiters.is_empty() {
            for pfn in &read.frames {
                self.map_read_ahead(*pfn, &waiters);
            }
        }
        self.operations.recycle(id, read);
        if result.is_err() {
            self.counters.io_errors += 1;
        }
        for waiter in &waiters {
            match result {
                Ok(()) => self.fault(*waiter),
                // Some page of the cluster failed; each waiter finds out about its own.
                Err(_) if !alone => self.fault(Waiter { reads_alone: true, ..*waiter }),
                Err(error) if self.still_wants(waiter, failed) && self.may_access(waiter) => {
                    self.in_page_error(waiter, error);
                }
                // What the thread waited for was freed, replaced or protected meanwhile.
                Err(_) => self.fault(*waiter),
            }
        }
        self.operations.keep_served(waiters);
    }

    fn page_read(&mut self, pfn: Pfn, is_filled: bool) {
        let entry = self.frames.entry(pfn);
        self.frames.edit(pfn, |entry| entry.set(Flag::Reading, false));
        if entry.has(Flag::Orphan) {
            self.free_frame(pfn);
        } else if is_filled {
            self.make_standby(pfn);
        } else {
            self.tables.set_word(entry.pte(), entry.original());
            self.free_frame(pfn);
        }
    }

    /// Whether a thread still waits for the page of a PTE: others may lie at its address by now.
    fn still_wants(&self, waiter: &Waiter, pte: Option<PteAddress>) -> bool {
        let (space, page) = (waiter.space, waiter.page());
        let region = self.spaces.find(space).and_then(|holder| holder.region_at(page));
        let (Some(region), Some(pte)) = (region, pte) else { return false };
        match self.tables.owner(pte) {
            (Owner::Space(owner), of) => (owner, of) == (space, page),
            (Owner::Section(section), of) => {
                let holder = self.spaces.get(space);
                let own = self.tables.peek(holder.root, page).map(|own| self.tables.get(own));
                let is_shared = matches!(own, None | Some(Pte::None));
                is_shared && holder.region(region).section_page(page) == Some((section, of))
            }
        }
    }

    pub(crate) fn in_page_error(&mut self, waiter: &Waiter, error: IoError) {
        self.count(waiter.space, |counters| counters.in_page_errors += 1);
        let exception = Exception::InPage { address: waiter.address, error };
        self.emit(Output::Raise { thread: waiter.thread, exception });
    }
}

/// The place so many pages before; `None` before the beginning.
fn back(source: Source, pages: u32) -> Option<Source> {
    match source {
        Source::PageFile(slot) => {
            let number = slot.number.checked_sub(pages)?;
            Some(Source::PageFile(Slot { number, ..slot }))
        }
        Source::File { section, page } => {
            let page = page.checked_sub(u64::from(pages))?;
            Some(Source::File { section, page })
        }
    }
}
