//! OfferVirtualMemory and ReclaimVirtualMemory: contents that can be made again.
//!
//! Source: Microsoft's documentation of both.

use core::ops::Range;

use crate::manager::Manager;
use crate::page::{PAGE_SIZE, SpaceId};
use crate::pfn::{Flag, PageState, PteAddress, To};
use crate::refusal::Refusal;
use crate::space::pte::{DIRTY, Pte};
use crate::space::region::PageUse;

/// How much an offered page is still worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum OfferPriority {
    /// `VmOfferPriorityVeryLow`: taken first.
    VeryLow,
    /// `VmOfferPriorityLow`.
    Low,
    /// `VmOfferPriorityBelowNormal`.
    BelowNormal,
    /// `VmOfferPriorityNormal`: taken with the others.
    Normal,
}

impl OfferPriority {
    /// The standby priority that its pages get.
    const fn standby(self) -> u8 {
        match self {
            Self::VeryLow => 1,
            Self::Low => 2,
            Self::BelowNormal => 4,
            Self::Normal => 5,
        }
    }
}

/// Offers take whole pages.
pub(crate) fn whole_pages(address: u64, bytes: u64) -> Result<(), Refusal> {
    let refused = |what, value| Refusal::InvalidParameter {
        what,
        value,
        expected: "a multiple of the page size, 4096",
    };
    match (address % PAGE_SIZE, bytes % PAGE_SIZE) {
        (0, 0) => Ok(()),
        (0, _) => Err(refused("the size", bytes)),
        _ => Err(refused("the address", address)),
    }
}

impl Manager {
    /// Offers contents to the system: the pages leave the working set, are not written anywhere,
    /// and cannot be accessed until they are reclaimed.
    ///
    /// # Errors
    /// [`Refusal::NotCommitted`] and [`Refusal::WrongKind`]; [`Refusal::InvalidParameter`] for a
    /// range that is not whole pages.
    pub fn offer(
        &mut self,
        space: SpaceId,
        address: u64,
        bytes: u64,
        priority: OfferPriority,
    ) -> Result<(), Refusal> {
        self.known_space(space)?;
        whole_pages(address, bytes)?;
        let (number, pages) = self.contents_range(space, address, bytes)?;
        self.each_pte(space, &pages, |manager, _, pte| {
            manager.offer_page(space, pte, priority.standby());
        });
        self.set_uses(space, number, &pages, |page| match page {
            PageUse::Committed(protection) => PageUse::Offered(protection),
            other => other,
        });
        // A locked page stays resident, and is inaccessible all the same.
        self.update_rights_of(space, &pages);
        self.settle();
        Ok(())
    }

    fn offer_page(&mut self, space: SpaceId, pte: PteAddress, priority: u8) {
        if let Pte::Valid(valid) = self.tables.get(pte) {
            let index = self.working_set_entry(space, pte, valid.pfn());
            let list = &self.spaces.get(space).working_set;
            if list.queue(index) == Some(crate::working_set::list::Queue::Locked) {
                return;
            }
            // The bytes need no copy any more, and an older one must not pass for them.
            if valid.has(DIRTY) || self.frames.entry(valid.pfn()).has(Flag::Modified) {
                self.forget_copy(valid.pfn());
            }
            self.tables.set(pte, Pte::Valid(valid.with(DIRTY, false)));
            self.unmap_page(space, index);
        }
        if let Pte::Transition(pfn) = self.tables.get(pte) {
            self.offer_unmapped(pfn, priority);
        }
    }

    fn offer_unmapped(&mut self, pfn: crate::page::Pfn, priority: u8) {
        let entry = self.frames.entry(pfn);
        let is_listed = matches!(
            entry.state(),
            PageState::Standby | PageState::Modified | PageState::ModifiedNoWrite
        );
        if is_listed {
            // Off its list and back, under its new priority.
            self.frames.move_page(pfn, To::Transition { operation: crate::pfn::NONE });
        }
        if entry.has(Flag::Modified) {
            // Where a write is in progress as well, its copy is older.
            self.forget_copy(pfn);
        }
        self.frames.edit(pfn, |entry| entry.set_priority(priority));
        if is_listed {
            self.make_standby(pfn);
        }
    }

    /// Takes an offer back.
    ///
    /// # Errors
    /// [`Refusal::ContentsLost`] (`ERROR_BUSY`) where the system took a page: the range can be
    /// used again, and that page reads as zeros; [`Refusal::InvalidParameter`] where a page was
    /// not offered.
    pub fn reclaim_offered(
        &mut self,
        space: SpaceId,
        address: u64,
        bytes: u64,
    ) -> Result<(), Refusal> {
        self.known_space(space)?;
        whole_pages(address, bytes)?;
        let (number, pages) = self.contents_range(space, address, bytes)?;
        let region = self.spaces.get(space).region(number);
        let offered = |page| matches!(page, PageUse::Offered(_));
        let inside = region.inside(&pages);
        if let Some(page) = region.uses.find(inside, |page| !offered(page)) {
            let value = (region.first + page) << crate::page::PAGE_SHIFT;
            let (what, expected) = ("the address", "pages that were offered");
            return Err(Refusal::InvalidParameter { what, value, expected });
        }
        let lost = self.take_back_offered(space, number, &pages);
        self.settle();
        match lost {
            Some(page) => Err(Refusal::ContentsLost { address: page << crate::page::PAGE_SHIFT }),
            None => Ok(()),
        }
    }

    /// Makes offered pages of a range usable again; the first one that has lost its contents.
    pub(crate) fn take_back_offered(
        &mut self,
        space: SpaceId,
        number: u32,
        pages: &Range<u64>,
    ) -> Option<u64> {
        let region = self.spaces.get(space).region(number);
        let (first, inside) = (region.first, region.inside(pages));
        let mut lost = None;
        let runs: alloc::vec::Vec<_> = region.uses.iter(inside).collect();
        for (run, page) in runs {
            if let PageUse::Offered(_) = page {
                let found = self.keep_again(space, &(first + run.start..first + run.end));
                lost = lost.or(found);
            }
        }
        self.set_uses(space, number, pages, |page| match page {
            PageUse::Offered(protection) => PageUse::Committed(protection),
            other => other,
        });
        self.update_rights_of(space, pages);
        lost
    }

    fn set_uses(
        &mut self,
        space: SpaceId,
        number: u32,
        pages: &Range<u64>,
        change: impl Fn(PageUse) -> PageUse,
    ) {
        let region = self.spaces.get_mut(space).region_mut(number);
        let inside = region.inside(pages);
        let runs: alloc::vec::Vec<_> = region.uses.iter(inside).collect();
        for (run, page) in runs {
            region.uses.set(run, change(page));
        }
    }
}
