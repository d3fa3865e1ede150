//! How pages get into the store, and are sent on to a page file when it is full.

use crate::input::Compressed;
use crate::manager::Manager;
use crate::operation::{OperationId, Work};
use crate::output::Output;
use crate::page::Pfn;
use crate::pfn::{Flag, PageState, PteAddress};
use crate::space::pte::Pte;
use crate::store::{Entry, Place};

impl Manager {
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
            Some(entry) => {
                self.tell_stored(operation, index, entry);
                let original = Pte::Store(entry).packed();
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

    fn put_in_store(&mut self, owner: PteAddress, how: Compressed) -> Option<Entry> {
        let bytes = match how {
            Compressed::Same(word) => {
                return Some(self.store.as_mut()?.put_same(word, owner));
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

    /// A page is in the store: its bytes are to go where it lies.
    fn tell_stored(&mut self, operation: OperationId, index: u32, entry: Entry) {
        let Some(store) = &self.store else { return };
        let to = store.stored_at(entry);
        self.counters.compressed += 1;
        self.emit(Output::Store { operation, index, to });
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
        let entry = store.put(bytes, owner);
        self.tell_stored(operation, index, entry);
        self.tables.set(owner, Pte::Store(entry));
    }

    /// Whether the store takes more pages; a full one makes room by sending its oldest on.
    pub(crate) fn store_has_room(&mut self) -> bool {
        let Some(store) = &self.store else { return false };
        if store.frames_max() == 0 {
            return false;
        }
        if !store.is_full() {
            return true;
        }
        let oldest = store.oldest();
        let needed = crate::page::narrow(oldest.iter().flatten().count());
        let spare = self.frames.available().saturating_sub(self.config.policy.available_low);
        if self.page_files.free() < u64::from(needed) || spare < needed {
            return false;
        }
        for place in oldest.into_iter().flatten() {
            self.send_on(place);
        }
        self.store.as_ref().is_some_and(|store| !store.is_full())
    }

    /// Takes a page out of the store, to be written to a page file.
    fn send_on(&mut self, place: Place) {
        let Some(store) = &self.store else { return };
        let entry = Entry::Bytes(place);
        let owner = store.owner(entry);
        let pfn = match self.tables.get(owner) {
            // It is in use, or on the standby list, bytes and all.
            Pte::Valid(valid) => return self.mark_modified(valid.pfn()),
            Pte::Transition(pfn) => pfn,
            Pte::Store(_) => {
                let wanted = crate::frame_supply::Wanted::Any;
                let Some(pfn) = self.take_available(wanted, place.0) else { return };
                self.take_from_store(entry, owner, pfn, self.config.policy.page_priority);
                pfn
            }
            other => panic!("{entry:?} of the store is named by {other:?}"),
        };
        self.mark_modified(pfn);
        self.frames.edit(pfn, |entry| entry.set(Flag::NoStore, true));
        self.retire_page(pfn);
    }
}
