//! Large pages: 512 neighbouring frames, resident from the allocation to the release.
//!
//! Source: Microsoft's documentation, "Large-Page Support".

use core::ops::Range;

use crate::manager::Manager;
use crate::output::{Content, Output};
use crate::page::{LARGE_PAGES, PAGE_SIZE, Pfn, SpaceId, Vpn, bytes};
use crate::pfn::{Flag, NONE, PageState, To};
use crate::protection::Protection;
use crate::refusal::Refusal;
use crate::space::pte::{Pte, Rights, Valid};
use crate::space::region::{PageUse, RegionKind};
use crate::units::Bytes;
use crate::working_set::resident::rights_under;

/// From the first frame of a large page to its last.
const LARGE_PAGES_LESS_ONE: u32 = 511;

impl Manager {
    /// Fills a region with large pages.
    pub(crate) fn fill_large_pages(&mut self, space: SpaceId, number: u32) -> Result<(), Refusal> {
        let region = self.spaces.get(space).region(number);
        let (pages, protection) = (region.range(), region.protection);
        self.charge_resident(region.pages)?;
        let mut first = pages.start;
        while first < pages.end {
            let Some(frame) = self.frames.large_page() else {
                self.resident_available += pages.end - first;
                return Err(self.too_few_frames("physical memory in pieces of 2 MiB", pages));
            };
            if self.pte_for(space, number, first).is_none() {
                self.resident_available += pages.end - first;
                return Err(self.too_few_frames("the nonpaged pool", pages));
            }
            self.take_large_page((space, number), first, frame, protection);
            first += LARGE_PAGES;
        }
        Ok(())
    }

    pub(crate) fn charge_resident(&mut self, pages: u64) -> Result<(), Refusal> {
        let left = self.resident_available.checked_sub(pages);
        self.resident_available = left.ok_or(Refusal::InsufficientResources {
            what: "physical memory that may be made resident",
            wanted: Bytes(bytes(pages)),
            free: Bytes(bytes(self.resident_available)),
        })?;
        Ok(())
    }

    fn too_few_frames(&self, what: &'static str, pages: Range<u64>) -> Refusal {
        Refusal::InsufficientResources {
            what,
            wanted: Bytes(bytes(pages.end - pages.start)),
            free: Bytes(bytes(u64::from(self.frames.available()))),
        }
    }

    fn take_large_page(
        &mut self,
        (space, number): (SpaceId, u32),
        first: u64,
        frame: Pfn,
        protection: Protection,
    ) {
        let large = (0..LARGE_PAGES).zip(frame.0..);
        let last = Pfn(frame.0 + LARGE_PAGES_LESS_ONE);
        self.frames.touch_up_to(last);
        for (step, frame) in large {
            let pfn = Pfn(frame);
            if self.frames.entry(pfn).state() == PageState::Standby {
                self.repurpose(pfn);
            }
            self.hold(pfn);
            let page = first + step;
            let Some(pte) = self.pte_for(space, number, page) else { continue };
            self.frames.edit(pfn, |entry| {
                entry.set_pte(pte);
                entry.set(Flag::Large, true);
            });
            self.frames.move_page(pfn, To::Active { working_set_index: NONE, share: 1 });
            let rights = pinned_rights(protection);
            self.tables.set(pte, Pte::Valid(Valid::new(pfn).pinned().rights(rights)));
            let content = Content::Zero;
            let (page, frame, shared) = (Vpn(page), pfn, None);
            self.emit(Output::Map { space, page, frame, content, rights, shared });
        }
    }

    /// Gives the large pages of a region back.
    pub(crate) fn empty_large_pages(&mut self, space: SpaceId, pages: &Range<u64>) {
        self.each_pte(space, pages, |manager, _, pte| {
            if let Pte::Valid(valid) = manager.tables.get(pte) {
                manager.tables.set(pte, Pte::None);
                manager.frames.edit(valid.pfn(), |entry| entry.set_original(0));
                manager.free_frame(valid.pfn());
                manager.resident_available += 1;
            }
        });
        let (page, pages) = (Vpn(pages.start), pages.end - pages.start);
        self.emit(Output::Discard { space, page, pages });
    }

    /// Brings the rights of a page up to date that is never in a working set.
    pub(crate) fn update_pinned_rights(
        &mut self,
        space: SpaceId,
        page: u64,
        pte: crate::pfn::PteAddress,
        valid: Valid,
    ) {
        let holder = self.spaces.get(space);
        let Some(number) = holder.region_at(page) else { return };
        let region = holder.region(number);
        let protection = match (region.kind, region.page_use(page)) {
            (RegionKind::Physical, _) => Protection::READ_WRITE,
            (_, PageUse::Committed(protection)) => protection,
            _ => Protection::NO_ACCESS,
        };
        self.set_rights(space, page, pte, valid, pinned_rights(protection));
    }
}

fn pinned_rights(protection: Protection) -> Rights {
    if protection.is_guard() { Rights::NONE } else { rights_under(protection, true) }
}

/// Bytes of a large page.
pub const LARGE_PAGE_SIZE: u64 = LARGE_PAGES * PAGE_SIZE;
