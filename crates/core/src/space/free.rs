//! VirtualFree: decommit and release.
//!
//! Source: Microsoft's documentation of `VirtualFree`.

use core::ops::Range;

use crate::manager::Manager;
use crate::output::Output;
use crate::page::{PAGE_SHIFT, SpaceId, Vpn, pages_of};
use crate::pfn::PteAddress;
use crate::pools::PoolKind;
use crate::refusal::Refusal;
use crate::space::allocate::DESCRIPTOR_BYTES;
use crate::space::page_table::TABLE_BYTES;
use crate::space::pte::Pte;
use crate::space::region::{PageUse, RegionKind};
use crate::space::write_watch_map::WriteWatchMap;

/// `MEM_DECOMMIT`.
pub const MEM_DECOMMIT: u32 = 0x4000;
/// `MEM_RELEASE`.
pub const MEM_RELEASE: u32 = 0x8000;

impl Manager {
    /// Decommits pages or releases a region: `VirtualFree`. `bytes` of 0 with the base means all
    /// of the region; a release takes no other.
    ///
    /// # Errors
    /// The status that Windows documents for each refused combination; see [`Refusal`].
    pub fn free(
        &mut self,
        space: SpaceId,
        address: u64,
        bytes: u64,
        kind: u32,
    ) -> Result<(), Refusal> {
        self.known_space(space)?;
        let space = self.behind(space, address >> PAGE_SHIFT);
        let result = match kind {
            MEM_DECOMMIT => self.decommit(space, address, bytes),
            MEM_RELEASE if bytes == 0 => self.release(space, address),
            MEM_RELEASE => Err(Refusal::InvalidParameter {
                what: "the size",
                value: bytes,
                expected: "0 with MEM_RELEASE",
            }),
            _ => Err(Refusal::InvalidParameter {
                what: "the free type",
                value: u64::from(kind),
                expected: "MEM_DECOMMIT or MEM_RELEASE",
            }),
        };
        self.settle();
        result
    }

    fn decommit(&mut self, space: SpaceId, address: u64, bytes: u64) -> Result<(), Refusal> {
        let holder = self.spaces.get(space);
        let page = address >> PAGE_SHIFT;
        let number = holder.region_at(page).ok_or(Refusal::MemoryNotAllocated { address })?;
        let region = holder.region(number);
        let base = region.first << PAGE_SHIFT;
        let pages = match bytes {
            0 if address == base => region.range(),
            0 => return Err(Refusal::FreeNotAtBase { address, base }),
            bytes => pages_of(address, bytes).ok_or(Refusal::UnableToFree { address })?,
        };
        if !region.holds(&pages) {
            return Err(Refusal::UnableToFree { address });
        }
        if region.kind != RegionKind::Private {
            let (found, expected) = (region.kind.word(), "private memory");
            return Err(Refusal::WrongKind { address, found, expected });
        }
        self.decommit_pages(space, number, &pages);
        Ok(())
    }

    fn decommit_pages(&mut self, space: SpaceId, number: u32, pages: &Range<u64>) {
        self.delete_pages(space, number, pages);
        let region = self.spaces.get_mut(space).region_mut(number);
        let inside = region.inside(pages);
        let committed = region.uses.count(inside.clone(), PageUse::is_committed);
        region.uses.set(inside.clone(), PageUse::Reserved);
        if let Some(map) = &mut region.write_watch {
            map.reset(inside, |_| {});
        }
        self.release_charge(space, number, committed);
    }

    fn release(&mut self, space: SpaceId, address: u64) -> Result<(), Refusal> {
        let found = self.spaces.region_at(space, address >> PAGE_SHIFT);
        let number = found.ok_or(Refusal::MemoryNotAllocated { address })?;
        let region = self.spaces.get(space).region(number);
        let base = region.first << PAGE_SHIFT;
        if address != base {
            return Err(Refusal::FreeNotAtBase { address, base });
        }
        if let RegionKind::View { .. } = region.kind {
            let (found, expected) = (region.kind.word(), "memory of VirtualAlloc");
            return Err(Refusal::WrongKind { address, found, expected });
        }
        self.release_region(space, number);
        Ok(())
    }

    /// Takes a region away, with its pages, its charges and its descriptor.
    pub(crate) fn release_region(&mut self, space: SpaceId, number: u32) {
        let region = self.spaces.get(space).region(number);
        let pages = region.range();
        match region.kind {
            RegionKind::LargePages => self.empty_large_pages(space, &pages),
            RegionKind::Physical => self.unmap_physical_range(space, &pages),
            RegionKind::Private | RegionKind::View { .. } => {}
        }
        self.delete_pages(space, number, &pages);
        let mut region = self.spaces.get_mut(space).remove(number);
        self.commit.release(region.charge.take());
        self.let_go_of_region(space, region.kind, region.set_aside);
        if region.write_watch.is_some() {
            self.pools.release(PoolKind::Paged, WriteWatchMap::bytes(region.pages));
        }
        self.pools.release(PoolKind::NonPaged, DESCRIPTOR_BYTES);
    }

    /// Deletes pages of a region, and the page tables that are empty then.
    pub(crate) fn delete_pages(&mut self, space: SpaceId, number: u32, pages: &Range<u64>) {
        if !self.spaces.get(space).region(number).is_touched {
            return;
        }
        let root = self.spaces.get(space).root;
        let mut at = pages.start;
        let mut had_pages = false;
        while let Some(piece) = self.tables.next_piece(root, at, pages.end) {
            for step in 0..piece.count {
                had_pages |= self.delete_page(space, PteAddress(piece.address.0 + step));
            }
            let pruned = self.tables.prune(root, piece.first);
            self.spaces.get_mut(space).tables -= pruned;
            self.pools.release(PoolKind::NonPaged, pruned * TABLE_BYTES);
            at = piece.first + piece.count;
        }
        if had_pages {
            let (page, pages) = (Vpn(pages.start), pages.end - pages.start);
            self.emit(Output::Discard { space, page, pages });
        }
    }

    /// Deletes a page, wherever it is; whether there was one. A section's page only leaves the
    /// space.
    pub(crate) fn delete_page(&mut self, space: SpaceId, pte: PteAddress) -> bool {
        match self.tables.get(pte) {
            Pte::None => return false,
            Pte::Valid(valid) if valid.is_shared() => {
                let index = self.working_set_entry(space, pte, valid.pfn());
                self.unmap_page(space, index);
            }
            Pte::Valid(valid) => self.drop_page(space, pte, valid),
            Pte::Transition(pfn) => {
                self.tables.set(pte, Pte::None);
                self.drop_frame(pfn);
            }
            elsewhere @ (Pte::PageFile(_) | Pte::Store(_) | Pte::Lost(_) | Pte::Gone) => {
                self.tables.set(pte, Pte::None);
                self.release_copy(elsewhere.packed());
            }
        }
        true
    }
}
