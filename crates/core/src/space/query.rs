//! VirtualQuery.
//!
//! Source: Microsoft's documentation of `VirtualQuery` and `MEMORY_BASIC_INFORMATION`.

use crate::manager::Manager;
use crate::page::{GRANULE_PAGES, PAGE_SHIFT, SpaceId, bytes};
use crate::protection::Protection;
use crate::refusal::Refusal;
use crate::space::layout::Layout;
use crate::space::region::{PageUse, RegionKind};

/// What the pages from an address on are, as far as they are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RegionInfo {
    /// The first byte of the page that was asked for.
    pub base: u64,
    /// How many bytes are alike, from the base on.
    pub bytes: u64,
    /// What they are.
    pub state: RegionState,
}

/// What pages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegionState {
    /// Nobody's: `MEM_FREE`.
    Free,
    /// Part of a region.
    Allocated {
        /// The base of the region.
        allocation_base: u64,
        /// The protection it was allocated with.
        allocation_protection: Protection,
        /// What kind of memory it is.
        kind: RegionKind,
        /// What its pages are.
        page_use: PageUse,
    },
}

impl Manager {
    /// What the page at an address is, and how many after it are alike.
    ///
    /// # Errors
    /// [`Refusal::InvalidParameter`] for an address outside what programs may use.
    pub fn query(&self, space: SpaceId, address: u64) -> Result<RegionInfo, Refusal> {
        let layout = self.known_space(space)?.config.layout;
        let space = self.behind(space, address >> PAGE_SHIFT);
        let end = layout.shared().map_or(layout.private().end, |shared| shared.end);
        if address >= end {
            return Err(Refusal::InvalidParameter {
                what: "the address",
                value: address,
                expected: "an address that programs may use",
            });
        }
        let page = address >> PAGE_SHIFT;
        let base = page << PAGE_SHIFT;
        let holder = self.spaces.get(space);
        let Some(number) = holder.region_at(page) else {
            let free_end = self.next_region(space, page, layout).unwrap_or(end);
            return Ok(RegionInfo { base, bytes: free_end - base, state: RegionState::Free });
        };
        let region = holder.region(number);
        let inside = page - region.first;
        let (mut alike, mut page_use) = region.uses.run_from(inside);
        if let RegionKind::View { section, first } = region.kind
            && let Some(committed) = &self.sections.get(section).committed
        {
            let (section_run, is_committed) = committed.run(first + inside);
            alike = alike.min(section_run.end - first);
            if !is_committed {
                page_use = PageUse::Reserved;
            }
        }
        Ok(RegionInfo {
            base,
            bytes: bytes(alike - inside),
            state: RegionState::Allocated {
                allocation_base: region.first << PAGE_SHIFT,
                allocation_protection: region.protection,
                kind: region.kind,
                page_use,
            },
        })
    }

    /// Where the first region after a free page begins. Private and shared addresses lie in two
    /// spaces, and what is free may reach from one into the other.
    fn next_region(&self, space: SpaceId, page: u64, layout: Layout) -> Option<u64> {
        let starts_after = |space: SpaceId| {
            let descriptors = &self.spaces.get(space).descriptors;
            // A region that begins in the granule of the page may also end before it.
            let here = descriptors.first_at_or_after(page / GRANULE_PAGES);
            let next = || descriptors.first_at_or_after(page / GRANULE_PAGES + 1);
            here.filter(|found| found.start * GRANULE_PAGES > page).or_else(next)
        };
        let shared =
            self.shared_area.filter(|shared| layout.shared().is_some() && *shared != space);
        let found = starts_after(space).or_else(|| starts_after(shared?));
        found.map(|found| (found.start * GRANULE_PAGES) << PAGE_SHIFT)
    }
}
