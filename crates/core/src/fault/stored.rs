//! A page in the compression store: it is decompressed into a frame, without I/O.

use crate::fault::{Outcome, Scene};
use crate::frame_supply::Wanted;
use crate::input::IoError;
use crate::manager::Manager;
use crate::output::Output;
use crate::page::Pfn;
use crate::pfn::{Flag, PageState, PteAddress};
use crate::space::pte::Pte;
use crate::store::Entry;
use crate::waiter::Waiter;

impl Manager {
    pub(crate) fn stored_fault(
        &mut self,
        scene: Scene,
        pte: PteAddress,
        waiter: &mut Waiter,
        entry: Entry,
    ) -> Outcome {
        let Some(pfn) = self.frame_for(scene.space, Wanted::Any) else { return Outcome::NoFrame };
        if self.tables.get(pte) != Pte::Store(entry) {
            self.free_frame(pfn);
            return Outcome::Again;
        }
        self.count_fault(waiter, |counters| counters.decompressed += 1);
        let priority = self.spaces.get(scene.space).priority;
        self.take_from_store(entry, pte, pfn, priority);
        self.activate(scene, waiter.writes(), pfn);
        if self.config.policy.map_ahead_max > 1 {
            self.map_ahead(scene, waiter.writes());
        }
        Outcome::Resolved
    }

    /// Decompresses a page into a held frame; the store still keeps it.
    pub(crate) fn take_from_store(
        &mut self,
        entry: Entry,
        pte: PteAddress,
        pfn: Pfn,
        priority: u8,
    ) {
        let Some(store) = &self.store else { panic!("{entry:?} without a store") };
        let from = store.stored_at(entry);
        self.emit(Output::Decompress { from, to: pfn });
        let is_newcomer = !self.evictions.is_recent(self.tables.word(pte));
        self.give_page(pfn, pte, Pte::Store(entry), priority);
        self.frames.edit(pfn, |entry| entry.set(Flag::Newcomer, is_newcomer));
        self.tables.set(pte, Pte::Transition(pfn));
    }

    /// Lets a stored page go, and its frame with it if that is empty now.
    pub(crate) fn release_stored(&mut self, entry: Entry) {
        let Some(store) = &mut self.store else { panic!("{entry:?} without a store") };
        if let Some(frame) = store.remove(entry) {
            self.free_frame(frame);
        }
    }

    /// The world could not fill a frame: its page is lost, and every access to it says so.
    pub(crate) fn contents_lost(&mut self, frame: Pfn, error: IoError) {
        if frame.0 >= self.frames.len() {
            return;
        }
        let entry = self.frames.entry(frame);
        let has_page = entry.pte() != PteAddress::NONE && !entry.has(Flag::Store);
        if !has_page
            || matches!(entry.state(), PageState::Zeroed | PageState::Free | PageState::Bad)
        {
            return;
        }
        self.lose_page(frame, error);
    }
}
