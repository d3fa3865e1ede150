//! How a write begins: which modified pages go together, and where to.

use crate::manager::Manager;
use crate::operation::{OperationId, Source, Work};
use crate::output::Output;
use crate::page::Pfn;
use crate::page_file::slots::CLUSTER;
use crate::pfn::{Entry, Flag, PageState, PteAddress, To};
use crate::section::Backing;
use crate::space::page_table::Owner;
use crate::space::pte::Pte;

impl Manager {
    /// Begins a write of the cluster around a modified page; `false` if it has nowhere to go.
    pub(crate) fn begin_cluster(&mut self, pfn: Pfn) -> bool {
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
        let Some((slot, count)) = found else {
            // Slots that went bad are missing though no promise is.
            self.extend_page_files(u64::from(wanted));
            return false;
        };
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
            });
            self.writer.in_flight += 1;
            self.writer.flush = self.writer.flush.saturating_sub(1);
            if let Some(begun) = self.operations.get_mut(operation) {
                begun.frames.push(pfn);
            }
            pte = pte.and_then(|pte| self.tables.neighbour(pte, 1));
        }
    }
}
