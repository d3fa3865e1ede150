//! Where frames come from and go back to.
//!
//! A page of zeros wants a zeroed frame, else a free one; a page that is filled anyway wants a free
//! one, else a zeroed one. When both lists are empty the oldest standby page of the lowest priority
//! is repurposed: its PTE goes back to saying where its copy is.

use crate::manager::Manager;
use crate::page::{Pfn, SpaceId};
use crate::pfn::{Entry, Flag, NONE, PageState, PteAddress, To};
use crate::space::page_table::Owner;
use crate::space::pte::Pte;

/// What a frame is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A page of zeros.
    Zeros,
    /// A page that is filled by a read, a copy or a decompression.
    Any,
}

impl Manager {
    /// A frame for a page of a space, held by the caller; `None` if none is to be had at once.
    pub(crate) fn take_frame(&mut self, wanted: Wanted, space: SpaceId) -> Option<Pfn> {
        let space = self.spaces.get_mut(space);
        let colour = space.next_colour;
        space.next_colour = colour.wrapping_add(1);
        if self.frames.available() == 0 {
            self.reclaim(false);
        }
        self.take_available(wanted, colour)
    }

    /// A frame that is available without taking it from a working set.
    pub(crate) fn take_available(&mut self, wanted: Wanted, colour: u32) -> Option<Pfn> {
        let zeroed = |frames: &crate::pfn::Database| frames.zeroed_frame(colour);
        let free = |frames: &crate::pfn::Database| frames.free_frame(colour);
        let found = match wanted {
            Wanted::Zeros => zeroed(&self.frames).or_else(|| free(&self.frames)),
            Wanted::Any => free(&self.frames).or_else(|| zeroed(&self.frames)),
        };
        let pfn = match found {
            Some(pfn) => pfn,
            None => {
                let pfn = self.frames.standby_frame()?;
                self.repurpose(pfn);
                pfn
            }
        };
        self.hold(pfn);
        Some(pfn)
    }

    /// Makes an available frame the manager's own.
    pub(crate) fn hold(&mut self, pfn: Pfn) {
        self.frames.move_page(pfn, To::Held);
    }

    /// Takes a standby frame from its page, whose PTE says from now on where the copy is.
    pub(crate) fn repurpose(&mut self, pfn: Pfn) {
        self.repurposed[usize::from(self.frames.entry(pfn).priority())] += 1;
        self.take_from_page(pfn);
    }

    /// Says in the PTE of a standby page where its copy is; the frame is to be moved at once.
    fn take_from_page(&mut self, pfn: Pfn) {
        let entry = self.frames.entry(pfn);
        let original = entry.original();
        let is_elsewhere = matches!(Pte::unpacked(original), Pte::PageFile(_) | Pte::Store(_));
        let word = match entry.has(Flag::Unproven) && is_elsewhere {
            true => self.evictions.evict(original),
            false => original,
        };
        self.tables.set_word(entry.pte(), word);
        self.leave_section(&entry);
    }

    /// Gives a frame that no PTE names any more back.
    pub(crate) fn free_frame(&mut self, pfn: Pfn) {
        let entry = self.frames.entry(pfn);
        self.leave_section(&entry);
        if entry.has(Flag::BadOnFree) {
            self.frames.move_page(pfn, To::Bad);
            self.resident_available = self.resident_available.saturating_sub(1);
            self.update_commit_limits();
        } else {
            self.frames.move_page(pfn, To::Free);
        }
    }

    /// Drops the page in a frame: the frame is free, at once or when its I/O ends, and its copy
    /// elsewhere is let go. The caller has seen to the PTE.
    pub(crate) fn drop_frame(&mut self, pfn: Pfn) {
        let entry = self.frames.entry(pfn);
        self.release_copy(entry.original());
        if entry.has(Flag::Reading) || entry.has(Flag::Writing) {
            self.leave_section(&entry);
            if entry.state() == PageState::Active {
                self.frames.move_page(pfn, To::Transition { operation: NONE });
            }
            self.frames.edit(pfn, |entry| {
                entry.set(Flag::Orphan, true);
                entry.set(Flag::Prototype, false);
                entry.set_pte(PteAddress::NONE);
                entry.set_original(0);
            });
        } else {
            self.frames.edit(pfn, |entry| entry.set_original(0));
            self.free_frame(pfn);
        }
    }

    /// Lets the copy go that an original PTE names.
    pub(crate) fn release_copy(&mut self, original: u64) {
        match Pte::unpacked(original) {
            Pte::PageFile(slot) => self.page_files.release(slot),
            Pte::Store(entry) => self.release_stored(entry),
            _ => {}
        }
    }

    /// The page differs from its copy from now on, or has none.
    pub(crate) fn mark_modified(&mut self, pfn: Pfn) {
        let original = self.frames.entry(pfn).original();
        self.release_copy(original);
        self.frames.edit(pfn, |entry| {
            entry.set(Flag::Modified, true);
            entry.set_original(0);
        });
    }

    /// Gives a held frame a page.
    pub(crate) fn give_page(&mut self, pfn: Pfn, pte: PteAddress, original: Pte, priority: u8) {
        let owner = self.tables.owner(pte).0;
        let (held_back, is_file_backed) = match owner {
            Owner::Section(section) => {
                let section = self.sections.get_mut(section);
                section.frames += 1;
                (section.holds_writes, section.backing == crate::section::Backing::File)
            }
            Owner::Space(_) => (false, false),
        };
        self.frames.edit(pfn, |entry| {
            entry.set_pte(pte);
            entry.set_original(original.packed());
            entry.set_priority(priority);
            entry.set(Flag::Prototype, matches!(owner, Owner::Section(_)));
            entry.set(Flag::HoldWrite, held_back);
            entry.set(Flag::FileBacked, is_file_backed);
        });
    }

    fn leave_section(&mut self, entry: &Entry) {
        if entry.has(Flag::Prototype)
            && entry.pte() != PteAddress::NONE
            && let (Owner::Section(section), _) = self.tables.owner(entry.pte())
        {
            self.sections.get_mut(section).frames -= 1;
        }
    }

    /// Puts a page that no working set holds any more where it belongs: standby, modified, or off
    /// every list while it is being written.
    pub(crate) fn retire_page(&mut self, pfn: Pfn) {
        let entry = self.frames.entry(pfn);
        self.tables.set(entry.pte(), Pte::Transition(pfn));
        let to = if entry.has(Flag::Writing) {
            To::Transition { operation: NONE }
        } else if !entry.has(Flag::Modified) {
            return self.make_standby(pfn);
        } else if entry.has(Flag::HoldWrite) || self.is_parked(&entry) {
            To::ModifiedNoWrite
        } else {
            To::Modified(crate::pfn::End::Tail)
        };
        self.frames.move_page(pfn, to);
    }

    /// Puts a page that needs no write on the standby list; from a frame that fails it goes at
    /// once, so that no such frame is ever available.
    pub(crate) fn make_standby(&mut self, pfn: Pfn) {
        let entry = self.frames.entry(pfn);
        if entry.has(Flag::BadOnFree) {
            self.tables.set_word(entry.pte(), entry.original());
            self.free_frame(pfn);
            return;
        }
        self.frames.move_page(pfn, To::Standby(crate::pfn::End::Tail));
    }

    /// Zeroes free pages, as Windows' zero-page thread does at the lowest priority.
    pub(crate) fn zero_free_pages(&mut self, pages: u32) {
        for colour in 0..pages {
            let Some(pfn) = self.frames.free_frame(colour) else { break };
            self.emit(crate::output::Output::Zero { frame: pfn });
            self.frames.move_page(pfn, To::Zeroed);
        }
    }

    /// Marks a frame as failed: at once if it is available, else when its page is safe
    /// elsewhere or gone.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`](crate::Refusal::NoSuch) for a frame that the machine does not have.
    pub fn mark_bad(&mut self, pfn: Pfn) -> Result<(), crate::refusal::Refusal> {
        if pfn.0 >= self.frames.len() {
            let number = u64::from(pfn.0);
            return Err(crate::refusal::Refusal::NoSuch { what: "frame", number });
        }
        self.frames.touch_up_to(pfn);
        let entry = self.frames.entry(pfn);
        match entry.state() {
            PageState::Bad => return Ok(()),
            PageState::Standby => {
                self.take_from_page(pfn);
                self.frames.move_page(pfn, To::Free);
            }
            PageState::Zeroed | PageState::Free => {}
            _ => {
                self.frames.edit(pfn, |entry| entry.set(Flag::BadOnFree, true));
                return Ok(());
            }
        }
        self.frames.edit(pfn, |entry| entry.set(Flag::BadOnFree, true));
        self.free_frame(pfn);
        self.settle();
        Ok(())
    }
}
