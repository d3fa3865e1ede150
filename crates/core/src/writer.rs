//! The modified writer: takes modified pages to the compression store, to a page file, or to their
//! section's file, a cluster at a time, after which they are standby pages.
//!
//! A write that fails is made again page by page, so that the bad slot is found and never used
//! again; a page that fails again is reported, stays in memory, and is tried again later.
//!
//! Source: *Windows Internals*, "Modified page writer"; thresholds are [`Policy`](crate::Policy)'s.

use crate::input::{Compressed, IoError};
use crate::manager::Manager;
use crate::operation::{OperationId, Source, Work};
use crate::output::{Output, Stored};
use crate::page::{Pfn, Tick};
use crate::page_file::slots::CLUSTER;
use crate::pfn::{End, Entry, Flag, PageState, PteAddress, To};
use crate::section::Backing;
use crate::space::page_table::Owner;
use crate::space::pte::Pte;

/// What the writer is about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Writer {
    /// Frames in writes and compressions.
    pub(crate) in_flight: u32,
    /// Pages still to be written because somebody asked for a flush.
    flush: u64,
    /// It began because many pages were modified, and goes on until half as many are.
    is_busy: bool,
    /// The next write is one of files' pages, if there are any.
    files_next: bool,
    /// So many writes take one page each, to find which slot fails.
    careful: u32,
    /// The page file in which a write has just failed.
    avoid: Option<u8>,
    /// When pages that failed twice are tried again.
    pub(crate) retry_at: Option<Tick>,
    /// Where the search for slots of resident pages goes on.
    hand: u32,
    /// Since when there have been modified pages.
    modified_since: Option<Tick>,
}

impl Manager {
    /// Begins writes as long as they are wanted and may be in flight.
    pub(crate) fn run_writer(&mut self) {
        while self.operations.writes() < self.config.policy.writes_max && self.wants_write() {
            if !self.begin_next() {
                self.writer.is_busy = false;
                self.writer.flush = 0;
                break;
            }
        }
    }

    /// Begins a write from one of the two modified lists, which take turns. Where pages for a page
    /// file have nowhere to go, those of files go on.
    fn begin_next(&mut self) -> bool {
        for is_file_backed in [self.writer.files_next, !self.writer.files_next] {
            let Some(pfn) = self.frames.modified_frame(is_file_backed) else { continue };
            if self.begin_cluster(pfn) {
                self.writer.files_next = !is_file_backed;
                return true;
            }
        }
        false
    }

    fn wants_write(&mut self) -> bool {
        let modified = self.frames.count(PageState::Modified);
        let policy = &self.config.policy;
        if modified == 0 {
            self.writer.is_busy = false;
            self.writer.flush = 0;
            return false;
        }
        if modified >= policy.modified_high {
            self.writer.is_busy = true;
        } else if modified <= policy.modified_high / 2 {
            self.writer.is_busy = false;
        }
        self.writer.is_busy
            || self.writer.flush > 0
            || !self.waiting.is_empty()
            || self.frames.available() + self.writer.in_flight < policy.available_goal
    }

    /// Writes everything that is modified now.
    pub(crate) fn flush_modified(&mut self) {
        self.writer.flush = u64::from(self.frames.count(PageState::Modified));
    }

    /// Flushes when pages have been modified for long.
    pub(crate) fn age_modified(&mut self) {
        if self.frames.count(PageState::Modified) == 0 {
            self.writer.modified_since = None;
            return;
        }
        let since = *self.writer.modified_since.get_or_insert(self.now);
        if since.after(self.config.policy.modified_age) <= self.now {
            self.writer.modified_since = None;
            self.flush_modified();
        }
    }

    /// Begins a write of the cluster around a modified page; `false` if it has nowhere to go.
    fn begin_cluster(&mut self, pfn: Pfn) -> bool {
        let entry = self.frames.entry(pfn);
        if let Some(section) = self.section_file(&entry) {
            self.begin_file_write(pfn, section);
            return true;
        }
        let goes_to_store = self.store.is_some() && !entry.has(Flag::NoStore);
        if goes_to_store && self.store_has_room() {
            self.begin_compress(pfn);
            return true;
        }
        if self.begin_page_file_write(pfn) {
            return true;
        }
        // No slot: what could still be compressed may stand behind what could not.
        self.store.is_some() && self.begin_compress_behind(pfn)
    }

    fn begin_compress_behind(&mut self, head: Pfn) -> bool {
        /// Pages looked at for one that may go to the store.
        const LOOKS: usize = 64;
        if !self.store_has_room() {
            return false;
        }
        let mut at = Some(head);
        for _ in 0..LOOKS {
            let Some(pfn) = at else { return false };
            let entry = self.frames.entry(pfn);
            if !entry.has(Flag::NoStore) {
                self.begin_compress(pfn);
                return true;
            }
            at = self.frames.next_on_list(pfn);
        }
        false
    }

    /// The section whose file a page is written to, if it has one.
    fn section_file(&self, entry: &Entry) -> Option<crate::page::SectionId> {
        if !entry.has(Flag::Prototype) {
            return None;
        }
        let (Owner::Section(section), _) = self.tables.owner(entry.pte()) else { return None };
        (self.sections.get(section).backing == Backing::File).then_some(section)
    }

    fn cluster_limit(&self) -> u32 {
        match self.writer.careful {
            0 => self.config.policy.write_cluster.max(1),
            _ => 1,
        }
    }

    fn begin_file_write(&mut self, pfn: Pfn, section: crate::page::SectionId) {
        let most = self.cluster_limit();
        let first = self.first_neighbour(pfn, most);
        let (_, page) = self.tables.owner(first);
        let operation = self.operations.begin(Work::Write(Source::File { section, page }));
        self.gather(operation, first, most);
        self.emit_write(operation);
    }

    fn begin_page_file_write(&mut self, pfn: Pfn) -> bool {
        let most = self.cluster_limit();
        let wanted = most.min(self.frames.modified_page_file()).min(CLUSTER);
        let avoid = self.writer.avoid;
        let mut found = self.page_files.allocate(wanted, avoid);
        if found.is_none() && self.reclaim_slots(wanted) {
            found = self.page_files.allocate(wanted, avoid);
        }
        let Some((slot, count)) = found else { return false };
        let operation = self.operations.begin(Work::Write(Source::PageFile(slot)));
        let mut next = Some(pfn);
        // A cluster that a process's neighbours do not fill takes what was modified next.
        while let Some(pfn) = next {
            let room = count - crate::page::narrow(self.frames_of(operation).len());
            if room == 0 {
                break;
            }
            let first = self.first_neighbour(pfn, room);
            self.gather(operation, first, room);
            next = self.frames.modified_frame(false);
        }
        let used = crate::page::narrow(self.frames_of(operation).len());
        for unused in used..count {
            self.page_files
                .release(crate::space::pte::Slot { number: slot.number + unused, file: slot.file });
        }
        self.emit_write(operation);
        true
    }

    fn begin_compress(&mut self, pfn: Pfn) {
        let most = self.config.policy.write_cluster.max(1);
        let first = self.first_neighbour(pfn, most);
        let operation = self.operations.begin(Work::Compress);
        self.gather(operation, first, most);
        self.emit(Output::Compress { operation });
    }

    fn emit_write(&mut self, operation: OperationId) {
        self.writer.careful = self.writer.careful.saturating_sub(1);
        self.counters.writes += 1;
        self.counters.pages_written += self.frames_of(operation).len() as u64;
        self.emit(Output::Write { operation });
    }

    /// The first PTE of the run of modified neighbours that a page belongs to.
    fn first_neighbour(&self, pfn: Pfn, most: u32) -> PteAddress {
        let mut first = self.frames.entry(pfn).pte();
        for _ in 1..most {
            match self.tables.neighbour(first, -1) {
                Some(before) if self.modified_at(before).is_some() => first = before,
                _ => break,
            }
        }
        first
    }

    /// The modified page that a PTE names, if it names one that may be written.
    fn modified_at(&self, pte: PteAddress) -> Option<Pfn> {
        let Pte::Transition(pfn) = self.tables.get(pte) else { return None };
        (self.frames.entry(pfn).state() == PageState::Modified).then_some(pfn)
    }

    /// Adds a run of modified neighbours to an operation.
    fn gather(&mut self, operation: OperationId, first: PteAddress, most: u32) {
        let mut pte = Some(first);
        for _ in 0..most {
            let Some(pfn) = pte.and_then(|pte| self.modified_at(pte)) else { break };
            self.frames.move_page(pfn, To::Transition { operation: operation.0 });
            self.frames.edit(pfn, |entry| {
                entry.set(Flag::Modified, false);
                entry.set(Flag::Writing, true);
                entry.set_references(1);
            });
            self.writer.in_flight += 1;
            self.writer.flush = self.writer.flush.saturating_sub(1);
            if let Some(begun) = self.operations.get_mut(operation) {
                begun.frames.push(pfn);
            }
            pte = pte.and_then(|pte| self.tables.neighbour(pte, 1));
        }
    }

    /// A write ended.
    pub(crate) fn write_done(&mut self, id: OperationId, result: Result<(), IoError>) {
        let Some(Work::Write(source)) = self.operations.get(id).and_then(|op| op.work) else {
            return;
        };
        let Some(write) = self.operations.end(id) else { return };
        let alone = write.frames.len() == 1;
        for (index, pfn) in (0..).zip(&write.frames) {
            self.writer.in_flight -= 1;
            let place = source.plus(index);
            match result {
                Ok(()) => self.page_written(*pfn, place),
                Err(error) => self.page_not_written(*pfn, place, error, alone),
            }
        }
        if result.is_ok() {
            if let Source::PageFile(slot) = source {
                self.page_files.note_success(slot);
            }
            self.writer.avoid = None;
        } else {
            self.counters.io_errors += 1;
            if !alone {
                self.writer.careful = crate::page::narrow(write.frames.len());
            }
        }
        self.operations.recycle(id, write);
    }

    fn page_written(&mut self, pfn: Pfn, place: Source) {
        let was_reset = self.frames.entry(pfn).has(Flag::Stale);
        let entry = self.end_write(pfn);
        self.frames.edit(pfn, |entry| {
            entry.set(Flag::WriteFailed, false);
            entry.set(Flag::Parked, false);
            entry.set(Flag::NoStore, false);
        });
        // It was written to again meanwhile, or nobody wants it: the copy is worth nothing.
        let is_stale = entry.has(Flag::Orphan) || entry.has(Flag::Modified) || was_reset;
        if is_stale {
            self.release_place(place);
        } else if let Source::PageFile(slot) = place {
            self.frames.edit(pfn, |entry| entry.set_original(Pte::PageFile(slot).packed()));
        }
        self.settle_page(pfn, &entry);
    }

    fn page_not_written(&mut self, pfn: Pfn, place: Source, error: IoError, alone: bool) {
        let was_reset = self.frames.entry(pfn).has(Flag::Stale);
        let entry = self.end_write(pfn);
        match place {
            Source::PageFile(slot) if alone => {
                self.page_files.retire(slot);
                self.writer.avoid = Some(slot.file);
                self.update_commit_limits();
            }
            place => self.release_place(place),
        }
        if !entry.has(Flag::Orphan) && !was_reset {
            let failed_before = entry.has(Flag::WriteFailed);
            self.frames.edit(pfn, |entry| {
                entry.set(Flag::Modified, true);
                // The failure of a cluster tells nothing of this page.
                entry.set(Flag::WriteFailed, alone || failed_before);
            });
            if alone && failed_before {
                self.frames.edit(pfn, |entry| entry.set(Flag::Parked, true));
                self.emit(Output::WriteFailed { frame: pfn, error });
                let retry = self.now.after(self.config.policy.write_retry);
                self.writer.retry_at.get_or_insert(retry);
            } else if entry.state() == PageState::Transition {
                // Somebody wanted it written: that goes on.
                self.writer.flush += 1;
            }
        }
        let entry = self.frames.entry(pfn);
        self.settle_page(pfn, &entry);
    }

    /// Ends the I/O of a frame; its entry as it is then.
    fn end_write(&mut self, pfn: Pfn) -> Entry {
        self.frames.edit(pfn, |entry| {
            entry.set(Flag::Writing, false);
            entry.set(Flag::Stale, false);
            entry.set_references(entry.references().saturating_sub(1));
        });
        self.frames.entry(pfn)
    }

    fn release_place(&mut self, place: Source) {
        if let Source::PageFile(slot) = place {
            self.page_files.release(slot);
        }
    }

    /// Puts a page whose write has ended where it belongs, unless a working set has it.
    fn settle_page(&mut self, pfn: Pfn, entry: &Entry) {
        if entry.has(Flag::Orphan) {
            self.free_frame(pfn);
        } else if entry.state() == PageState::Transition {
            self.retire_page(pfn);
            self.free_orphaned_section(entry);
        }
    }

    /// A compression ended: what got smaller goes to the store, the rest on to a page file.
    pub(crate) fn compress_done(&mut self, id: OperationId, pages: &[Compressed]) {
        if self.operations.get(id).and_then(|op| op.work) != Some(Work::Compress) {
            return;
        }
        let Some(compressed) = self.operations.end(id) else { return };
        for (index, pfn) in (0..).zip(&compressed.frames) {
            self.writer.in_flight -= 1;
            let outcome = pages.get(index as usize).copied();
            let outcome = outcome.unwrap_or(Compressed::Incompressible);
            self.page_compressed(*pfn, id, index, outcome);
        }
        self.operations.recycle(id, compressed);
    }

    fn page_compressed(&mut self, pfn: Pfn, operation: OperationId, index: u32, how: Compressed) {
        let was_reset = self.frames.entry(pfn).has(Flag::Stale);
        let entry = self.end_write(pfn);
        if entry.has(Flag::Orphan) {
            return self.free_frame(pfn);
        }
        if was_reset {
            return self.settle_page(pfn, &entry);
        }
        let is_wanted = entry.state() == PageState::Transition && !entry.has(Flag::Modified);
        if is_wanted && !entry.has(Flag::BadOnFree) && self.stores_in_place(how) {
            return self.store_in_place(pfn, operation, index, how);
        }
        let stored = if is_wanted { self.put_in_store(entry.pte(), how) } else { None };
        match stored {
            Some((number, to)) => {
                self.counters.compressed += 1;
                self.emit(Output::Store { operation, index, to });
                let original = Pte::Store(number).packed();
                self.frames.edit(pfn, |entry| entry.set_original(original));
            }
            None => {
                self.frames.edit(pfn, |entry| {
                    entry.set(Flag::Modified, true);
                    // A page that is in use again may compress another time.
                    entry.set(Flag::NoStore, is_wanted);
                });
                // What was to leave memory goes on to a page file.
                self.writer.flush += u64::from(is_wanted);
            }
        }
        self.settle_page(pfn, &entry);
    }

    fn put_in_store(&mut self, owner: PteAddress, how: Compressed) -> Option<(u32, Stored)> {
        let bytes = match how {
            Compressed::Same(word) => {
                let number = self.store.as_mut()?.put_same(word, owner);
                return Some((number, Stored::Same(word)));
            }
            Compressed::Bytes(bytes @ 1..=Compressed::WORTH_MAX) => bytes,
            Compressed::Bytes(_) | Compressed::Incompressible => return None,
        };
        if self.store.as_ref()?.needs_frame(bytes) {
            if self.store.as_ref()?.is_full() || self.frames.available() == 0 {
                return None;
            }
            let frame = self.take_available(crate::frame_supply::Wanted::Any, 0)?;
            self.frames.edit(frame, |entry| entry.set(Flag::Store, true));
            self.store.as_mut()?.add_frame(bytes, frame);
        }
        Some(self.store.as_mut()?.put(bytes, owner))
    }

    /// Whether a page can only be kept in the frame that it leaves: no other is available.
    fn stores_in_place(&self, how: Compressed) -> bool {
        let Compressed::Bytes(bytes @ 1..=Compressed::WORTH_MAX) = how else { return false };
        let needs = |store: &crate::store::Store| !store.is_full() && store.needs_frame(bytes);
        self.frames.available() == 0 && self.store.as_ref().is_some_and(needs)
    }

    /// Makes the frame of a compressed page a frame of the store.
    fn store_in_place(&mut self, pfn: Pfn, operation: OperationId, index: u32, how: Compressed) {
        let Compressed::Bytes(bytes) = how else { return };
        let owner = self.frames.entry(pfn).pte();
        self.free_frame(pfn);
        self.hold(pfn);
        self.frames.edit(pfn, |entry| entry.set(Flag::Store, true));
        let Some(store) = &mut self.store else { return };
        store.add_frame(bytes, pfn);
        let (number, to) = store.put(bytes, owner);
        self.counters.compressed += 1;
        self.emit(Output::Store { operation, index, to });
        self.tables.set(owner, Pte::Store(number));
    }

    /// Whether the store takes more pages; a full one makes room by sending its oldest on.
    fn store_has_room(&mut self) -> bool {
        let Some(store) = &self.store else { return false };
        if store.frames_max() == 0 {
            return false;
        }
        if !store.is_full() {
            return true;
        }
        let oldest = store.oldest();
        let needed = crate::page::narrow(oldest.len());
        let spare = self.frames.available().saturating_sub(self.config.policy.available_low);
        if self.page_files.free() < u64::from(needed) || spare < needed {
            return false;
        }
        for number in oldest {
            self.send_on(number);
        }
        self.store.as_ref().is_some_and(|store| !store.is_full())
    }

    /// Takes a page out of the store, to be written to a page file.
    fn send_on(&mut self, number: u32) {
        let Some(store) = &self.store else { return };
        let owner = match store.get(number) {
            crate::store::Entry::Bytes { owner, .. } | crate::store::Entry::Same { owner, .. } => {
                owner
            }
            crate::store::Entry::Unused(_) => return,
        };
        let pfn = match self.tables.get(owner) {
            // It is still on the standby list, bytes and all.
            Pte::Transition(pfn) => {
                self.mark_modified(pfn);
                pfn
            }
            Pte::Store(_) => {
                let wanted = crate::frame_supply::Wanted::Any;
                let Some(pfn) = self.take_available(wanted, number) else { return };
                self.take_from_store(number, owner, pfn, self.config.policy.page_priority);
                pfn
            }
            other => panic!("store entry {number} is named by {other:?}"),
        };
        self.frames.edit(pfn, |entry| entry.set(Flag::NoStore, true));
        self.retire_page(pfn);
    }

    /// Takes slots from pages that are in working sets, for pages that are not to be in memory:
    /// when every slot is used, but fewer pages than that are out of memory.
    fn reclaim_slots(&mut self, wanted: u32) -> bool {
        if self.page_files.used() == 0 {
            return false;
        }
        /// Frames looked at while other I/O may still make room: the rest is for the next attempt.
        const LOOKS: u32 = 4096;
        let mut found = 0;
        let frames = self.frames.len();
        let is_busy = self.operations.reads() + self.operations.writes() > 0;
        let looks = if is_busy { frames.min(LOOKS) } else { frames };
        for _ in 0..looks {
            self.writer.hand = (self.writer.hand + 1) % frames;
            let pfn = Pfn(self.writer.hand);
            let entry = self.frames.entry(pfn);
            // A standby page keeps its slot: without it the page would be modified and another
            // one standby in its place, over and over.
            // A physical frame keeps its owner where others keep their slot.
            if entry.state() != PageState::Active
                || entry.has(Flag::Physical)
                || !matches!(Pte::unpacked(entry.original()), Pte::PageFile(_))
            {
                continue;
            }
            self.mark_modified(pfn);
            found += 1;
            if found == wanted {
                break;
            }
        }
        found > 0
    }

    /// Whether a page waits until failed writes are tried again.
    pub(crate) fn is_parked(&self, entry: &Entry) -> bool {
        entry.has(Flag::Parked) && self.writer.retry_at.is_some()
    }

    /// Tries pages again that could not be written.
    pub(crate) fn retry_writes(&mut self) {
        self.writer.retry_at = None;
        self.writer.avoid = None;
        let mut at = self.frames.modified_no_write_frame();
        while let Some(pfn) = at {
            at = self.frames.next_on_list(pfn);
            let entry = self.frames.entry(pfn);
            if entry.has(Flag::Parked) && !entry.has(Flag::HoldWrite) {
                self.frames.edit(pfn, |entry| entry.set(Flag::Parked, false));
                self.frames.move_page(pfn, To::Modified(End::Tail));
                self.writer.flush += 1;
            }
        }
    }
}
