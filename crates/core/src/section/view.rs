//! Views: where a section is mapped.
//!
//! Source: Microsoft's documentation of `MapViewOfFileEx` and `UnmapViewOfFile`.

use core::ops::Range;

use crate::manager::Manager;
use crate::page::{
    ALLOCATION_GRANULARITY, GRANULE_PAGES, PAGE_SHIFT, PAGE_SIZE, SectionId, SpaceId, bytes,
};
use crate::pools::PoolKind;
use crate::protection::Protection;
use crate::refusal::Refusal;
use crate::section::Backing;
use crate::space::allocate::DESCRIPTOR_BYTES;
use crate::space::region::{PageUse, Region, RegionKind};
use crate::units::Bytes;

/// Where and how a section is to be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct View {
    /// The section.
    pub section: SectionId,
    /// Where, in bytes; 0 leaves it to the manager.
    pub address: u64,
    /// From where in the section, in bytes: a multiple of 64 KiB.
    pub offset: u64,
    /// How much, in bytes; 0 takes all from the offset on.
    pub bytes: u64,
    /// What may be done, as Windows' constant.
    pub protection: u32,
}

impl Manager {
    /// Maps a view of a section; returns its base, in bytes.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`], [`Refusal::InvalidPageProtection`], [`Refusal::SectionProtection`],
    /// [`Refusal::MappedAlignment`], [`Refusal::InvalidViewSize`], [`Refusal::NoMemory`],
    /// [`Refusal::ConflictingAddresses`], [`Refusal::InsufficientResources`];
    /// [`Refusal::CommitmentLimit`] where copies on write cannot be promised.
    pub fn map_view(&mut self, space: SpaceId, view: &View) -> Result<u64, Refusal> {
        self.known_space(space)?;
        let mapped = self.map_view_checked(space, view);
        self.settle();
        mapped
    }

    fn map_view_checked(&mut self, space: SpaceId, view: &View) -> Result<u64, Refusal> {
        let section = self.sections.held(view.section)?;
        let protection = Protection::from_windows(view.protection)?;
        if protection.is_guard() || protection.is_uncached() {
            return Err(Refusal::InvalidPageProtection { constant: view.protection });
        }
        if !section.protection.covers(protection) {
            let (allowed, wanted) = (section.protection.windows(), view.protection);
            return Err(Refusal::SectionProtection { allowed, wanted });
        }
        for value in [view.offset, view.address] {
            if value % ALLOCATION_GRANULARITY != 0 {
                return Err(Refusal::MappedAlignment { value });
            }
        }
        let size = bytes(section.pages);
        let wanted = if view.bytes == 0 { size.saturating_sub(view.offset) } else { view.bytes };
        if wanted == 0 || view.offset.checked_add(wanted).is_none_or(|end| end > size) {
            let (bytes, size) = (Bytes(view.bytes), Bytes(size));
            return Err(Refusal::InvalidViewSize { bytes, offset: view.offset, size });
        }
        let count = wanted.div_ceil(PAGE_SIZE);
        let (holder, first) = self.place_view(space, view.address, count)?;
        self.pools.charge(PoolKind::NonPaged, DESCRIPTOR_BYTES)?;
        let kind = RegionKind::View { section: view.section, first: view.offset >> PAGE_SHIFT };
        let mut region = Region::new(first, count, kind, protection);
        region.uses.set(0..count, PageUse::Committed(protection));
        region.mapped_by = (holder != space).then_some(space);
        let number = self.spaces.get_mut(holder).insert(region);
        if protection.copies_on_write()
            && let Err(refusal) = self.charge_copies(holder, number)
        {
            self.spaces.get_mut(holder).remove(number);
            self.pools.release(PoolKind::NonPaged, DESCRIPTOR_BYTES);
            return Err(refusal);
        }
        self.set_aside(holder, number, &(first..first + count));
        self.sections.get_mut(view.section).views += 1;
        Ok(first << PAGE_SHIFT)
    }

    /// Where a view goes: its space (the shared area on Windows 9x) and its first page.
    fn place_view(
        &self,
        space: SpaceId,
        address: u64,
        pages: u64,
    ) -> Result<(SpaceId, u64), Refusal> {
        let layout = self.spaces.get(space).config.layout;
        let shared = layout.shared_granules().zip(self.shared_area);
        let (within, holder) = match shared {
            Some((granules, area)) => (granules, area),
            None => (layout.granules(), space),
        };
        let descriptors = &self.spaces.get(holder).descriptors;
        let granules = pages.div_ceil(GRANULE_PAGES);
        if address == 0 {
            let found = descriptors.lowest_gap(granules, 1, within);
            let start = found.ok_or(Refusal::NoMemory { bytes: Bytes(bytes(pages)) })?;
            return Ok((holder, start * GRANULE_PAGES));
        }
        let start = address / ALLOCATION_GRANULARITY;
        let problem = if start < within.start || start + granules > within.end {
            "outside where views go"
        } else if descriptors.overlaps(start, start + granules) {
            "partly taken already"
        } else {
            return Ok((holder, start * GRANULE_PAGES));
        };
        Err(Refusal::ConflictingAddresses { address, bytes: Bytes(bytes(pages)), problem })
    }

    /// Promises a copy of each page of a view, once.
    pub(crate) fn charge_copies(&mut self, space: SpaceId, number: u32) -> Result<(), Refusal> {
        let region = self.spaces.get(space).region(number);
        if region.charge.pages() == 0 {
            let charge = self.charge_commit(region.pages)?;
            self.spaces.get_mut(space).region_mut(number).charge.merge(charge);
        }
        Ok(())
    }

    /// Takes a view away; any address in it names it, as on Windows since 8.1.
    ///
    /// # Errors
    /// [`Refusal::NotMappedView`].
    pub fn unmap_view(&mut self, space: SpaceId, address: u64) -> Result<(), Refusal> {
        self.known_space(space)?;
        let page = address >> PAGE_SHIFT;
        let space = self.behind(space, page);
        let holder = self.spaces.get(space);
        let is_view = |number: &u32| holder.region(*number).section_page(page).is_some();
        let found = holder.region_at(page).filter(is_view);
        let number = found.ok_or(Refusal::NotMappedView { address })?;
        self.remove_view(space, number);
        self.settle();
        Ok(())
    }

    pub(crate) fn remove_view(&mut self, space: SpaceId, number: u32) {
        let region = self.spaces.get(space).region(number);
        let section = region.section_page(region.first).map(|(section, _)| section);
        self.release_region(space, number);
        if let Some(id) = section {
            self.sections.get_mut(id).views -= 1;
            self.end_section(id);
        }
    }

    /// Commits pages of a section through a view of it.
    pub(crate) fn commit_view(
        &mut self,
        space: SpaceId,
        number: u32,
        pages: &Range<u64>,
        protection: Protection,
    ) -> Result<(), Refusal> {
        let region = self.spaces.get(space).region(number);
        let inside = region.inside(pages);
        let RegionKind::View { section: id, first } = region.kind else { return Ok(()) };
        region.check_view_protection(protection)?;
        let section = self.sections.get(id);
        let range = first + inside.start..first + inside.end;
        if let Some(committed) = &section.committed {
            debug_assert_eq!(section.backing, Backing::PageFile);
            let new = committed.count(range.clone(), |committed| !committed);
            let charge = self.charge_commit(new)?;
            self.promise_section_pages(id, charge);
            if let Some(committed) = &mut self.sections.get_mut(id).committed {
                committed.set(range, true);
            }
        }
        let region = self.spaces.get_mut(space).region_mut(number);
        region.uses.set(inside, PageUse::Committed(protection));
        self.update_rights_of(space, pages);
        Ok(())
    }
}
