//! VirtualProtect.
//!
//! Source: Microsoft's documentation of `VirtualProtect`.

use core::ops::Range;

use crate::manager::Manager;
use crate::page::{LARGE_PAGES, PAGE_SHIFT, SpaceId};
use crate::protection::Protection;
use crate::refusal::Refusal;
use crate::space::pages_in;
use crate::space::region::{PageUse, RegionKind};

impl Manager {
    /// Changes the protection of committed pages of one region; returns that of the first page
    /// before, as Windows' constant.
    ///
    /// # Errors
    /// [`Refusal::NotCommitted`] where a page is not; [`Refusal::InvalidPageProtection`];
    /// [`Refusal::SectionProtection`] for a view that was mapped for less;
    /// [`Refusal::CommitmentLimit`] where a view begins to copy on write and the copies cannot be
    /// promised.
    pub fn protect(
        &mut self,
        space: SpaceId,
        address: u64,
        bytes: u64,
        constant: u32,
    ) -> Result<u32, Refusal> {
        self.known_space(space)?;
        let space = self.behind(space, address >> PAGE_SHIFT);
        let result = self.protect_checked(space, address, bytes, constant);
        self.settle();
        result
    }

    fn protect_checked(
        &mut self,
        space: SpaceId,
        address: u64,
        bytes: u64,
        constant: u32,
    ) -> Result<u32, Refusal> {
        let protection = Protection::from_windows(constant)?;
        let pages = pages_in(address, bytes)?;
        let number = self.spaces.get(space).region_of(&pages)?;
        let region = self.spaces.get(space).region(number);
        if let Some(page) = self.first_uncommitted(space, number, &pages) {
            return Err(Refusal::NotCommitted { address: page << PAGE_SHIFT });
        }
        match region.kind {
            RegionKind::Private if protection.copies_on_write() => {
                return Err(Refusal::InvalidPageProtection { constant });
            }
            RegionKind::LargePages => {
                let whole = |page: u64| page.is_multiple_of(LARGE_PAGES);
                if !whole(pages.start) || !whole(pages.end) || protection.copies_on_write() {
                    return Err(Refusal::InvalidPageProtection { constant });
                }
            }
            RegionKind::View { .. } => {
                region.check_view_protection(protection)?;
                if protection.copies_on_write() {
                    self.charge_copies(space, number)?;
                }
            }
            RegionKind::Private | RegionKind::Physical => {}
        }
        let region = self.spaces.get_mut(space).region_mut(number);
        let inside = region.inside(&pages);
        let before = region.uses.get(inside.start).protection();
        let runs: alloc::vec::Vec<_> = region.uses.iter(inside).collect();
        for (run, page) in runs {
            let after = match page {
                PageUse::Offered(_) => PageUse::Offered(protection),
                PageUse::Committed(_) | PageUse::Reserved => PageUse::Committed(protection),
            };
            region.uses.set(run, after);
        }
        self.update_rights_of(space, &pages);
        Ok(before.map_or(0, Protection::windows))
    }

    /// The first page of a range of a region that is not committed, in its section for a view.
    pub(crate) fn first_uncommitted(
        &self,
        space: SpaceId,
        number: u32,
        pages: &Range<u64>,
    ) -> Option<u64> {
        let region = self.spaces.get(space).region(number);
        let inside = region.inside(pages);
        match region.kind {
            RegionKind::View { section, first } => {
                let committed = self.sections.get(section).committed.as_ref()?;
                let range = first + inside.start..first + inside.end;
                let found = committed.find(range, |is_committed| !is_committed)?;
                Some(found - first + region.first)
            }
            _ => {
                let found = region.uses.find(inside, |page| !page.is_committed())?;
                Some(found + region.first)
            }
        }
    }
}
