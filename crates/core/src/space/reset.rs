//! MEM_RESET, MEM_RESET_UNDO and DiscardVirtualMemory: contents that are of no interest.
//!
//! A page that was reset needs no copy: it is clean, and what repurposes its frame leaves zeros
//! behind. Its commit charge and its protection stay.
//!
//! Source: Microsoft's documentation of `VirtualAlloc` and `DiscardVirtualMemory`.

use core::ops::Range;

use crate::manager::Manager;
use crate::page::{PAGE_SHIFT, PAGE_SIZE, SpaceId, pages_of};
use crate::pfn::{Flag, PageState, PteAddress};
use crate::refusal::Refusal;
use crate::section::Backing;
use crate::space::pages_in;
use crate::space::pte::{DIRTY, Pte};
use crate::space::region::RegionKind;

/// The pages that lie in a range of bytes with all of theirs: the bytes beside the range are still
/// of interest, so a page that it only touches stays as it is.
const fn whole_pages_in(address: u64, bytes: u64) -> Range<u64> {
    let first = address.div_ceil(PAGE_SIZE);
    let end = (address + bytes) / PAGE_SIZE;
    first..if end < first { first } else { end }
}

impl Manager {
    /// The committed private pages of a range, which calls on contents are for.
    pub(crate) fn contents_range(
        &self,
        space: SpaceId,
        address: u64,
        bytes: u64,
    ) -> Result<(u32, Range<u64>), Refusal> {
        let pages = pages_in(address, bytes)?;
        let holder = self.spaces.get(space);
        let number = holder.region_of(&pages)?;
        let region = holder.region(number);
        if region.kind != RegionKind::Private {
            let (found, expected) = (region.kind.word(), "private memory");
            return Err(Refusal::WrongKind { address, found, expected });
        }
        let inside = region.inside(&pages);
        if let Some(page) = region.uses.find(inside, |page| !page.is_committed()) {
            return Err(Refusal::NotCommitted { address: (region.first + page) << PAGE_SHIFT });
        }
        Ok((number, pages))
    }

    /// The pages that a reset or its undoing is for, and whether it touches them at all. A view of
    /// the page files is accepted: its pages are others' as well, and a reset promises nothing, so
    /// they stay as they are.
    fn reset_range(
        &self,
        space: SpaceId,
        address: u64,
        bytes: u64,
    ) -> Result<(Range<u64>, bool), Refusal> {
        let pages = pages_of(address, bytes);
        let found = pages.and_then(|pages| {
            let number = self.spaces.get(space).region_of(&pages).ok()?;
            match self.spaces.get(space).region(number).kind {
                RegionKind::View { section, .. } => Some((number, section, pages)),
                _ => None,
            }
        });
        match found {
            Some((number, section, pages))
                if self.sections.get(section).backing == Backing::PageFile =>
            {
                if let Some(page) = self.first_uncommitted(space, number, &pages) {
                    return Err(Refusal::NotCommitted { address: page << PAGE_SHIFT });
                }
                Ok((pages, false))
            }
            _ => self.contents_range(space, address, bytes).map(|(_, pages)| (pages, true)),
        }
    }

    pub(crate) fn reset(
        &mut self,
        space: SpaceId,
        address: u64,
        bytes: u64,
    ) -> Result<u64, Refusal> {
        let (pages, is_touched) = self.reset_range(space, address, bytes)?;
        if !is_touched {
            return Ok(pages.start << PAGE_SHIFT);
        }
        let whole = whole_pages_in(address, bytes);
        self.each_pte(space, &whole, |manager, page, pte| manager.reset_page(space, page, pte));
        Ok(pages.start << PAGE_SHIFT)
    }

    /// Makes a page clean without a copy.
    fn reset_page(&mut self, space: SpaceId, page: u64, pte: PteAddress) {
        match self.tables.get(pte) {
            Pte::None | Pte::Gone => {}
            Pte::Valid(valid) => {
                self.forget_copy(valid.pfn());
                self.tables.set(pte, Pte::Valid(valid.with(DIRTY, false)));
                self.update_rights(space, page, pte);
            }
            Pte::Transition(pfn) => {
                let entry = self.frames.entry(pfn);
                if entry.has(Flag::Reading) || entry.has(Flag::Writing) {
                    // Its I/O would bring the copy back: the page goes at once.
                    self.tables.set(pte, Pte::Gone);
                    self.drop_frame(pfn);
                    return;
                }
                self.forget_copy(pfn);
                if entry.state() != PageState::Standby {
                    self.make_standby(pfn);
                }
            }
            elsewhere @ (Pte::PageFile(_) | Pte::Store(_) | Pte::Lost(_)) => {
                self.tables.set(pte, Pte::Gone);
                self.release_copy(elsewhere.packed());
            }
        }
    }

    /// The frame's page is neither modified nor copied any more: taking the frame takes the page.
    pub(crate) fn forget_copy(&mut self, pfn: crate::page::Pfn) {
        self.release_copy(self.frames.entry(pfn).original());
        self.frames.edit(pfn, |entry| {
            entry.set_original(Pte::Gone.packed());
            entry.set(Flag::Modified, false);
            // A write in progress must not become a copy.
            entry.set(Flag::Stale, entry.has(Flag::Writing));
        });
    }

    pub(crate) fn reset_undo(
        &mut self,
        space: SpaceId,
        address: u64,
        bytes: u64,
    ) -> Result<u64, Refusal> {
        let (pages, is_touched) = self.reset_range(space, address, bytes)?;
        if !is_touched {
            return Ok(pages.start << PAGE_SHIFT);
        }
        let lost = self.keep_again(space, &whole_pages_in(address, bytes));
        match lost {
            Some(page) => Err(Refusal::ContentsLost { address: page << PAGE_SHIFT }),
            None => Ok(pages.start << PAGE_SHIFT),
        }
    }

    /// Makes pages that have no copies count as modified; the first page whose contents are gone.
    /// A page that was never touched still holds its zeros.
    pub(crate) fn keep_again(&mut self, space: SpaceId, pages: &Range<u64>) -> Option<u64> {
        let mut lost = None;
        self.each_pte(space, pages, |manager, page, pte| {
            if !manager.keep_page(pte) && lost.is_none() {
                lost = Some(page);
            }
        });
        lost
    }

    fn keep_page(&mut self, pte: PteAddress) -> bool {
        match self.tables.get(pte) {
            Pte::Lost(_) => return false,
            Pte::Gone => {
                self.tables.set(pte, Pte::None);
                return false;
            }
            Pte::Valid(valid) => {
                if self.frames.entry(valid.pfn()).original() == Pte::Gone.packed() {
                    self.mark_modified(valid.pfn());
                }
            }
            Pte::Transition(pfn) => {
                let entry = self.frames.entry(pfn);
                if entry.state() == PageState::Standby && entry.original() == Pte::Gone.packed() {
                    self.mark_modified(pfn);
                    self.retire_page(pfn);
                } else if entry.has(Flag::Stale) {
                    // The write in progress makes no copy, so another is to follow.
                    self.mark_modified(pfn);
                }
            }
            Pte::None | Pte::PageFile(_) | Pte::Store(_) => {}
        }
        true
    }

    /// Throws contents away: `DiscardVirtualMemory`. The pages leave the working set, and read as
    /// zeros next.
    ///
    /// # Errors
    /// [`Refusal::NotCommitted`] and [`Refusal::WrongKind`]; [`Refusal::InvalidParameter`] for a
    /// range that is not whole pages.
    pub fn discard(&mut self, space: SpaceId, address: u64, bytes: u64) -> Result<(), Refusal> {
        self.known_space(space)?;
        crate::space::offer::whole_pages(address, bytes)?;
        let (number, pages) = self.contents_range(space, address, bytes)?;
        self.delete_pages(space, number, &pages);
        self.settle();
        Ok(())
    }
}
