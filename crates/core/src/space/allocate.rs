//! VirtualAlloc: reserve, commit, and what may be asked for with them.
//!
//! Source: Microsoft's documentation of `VirtualAlloc`.

use alloc::boxed::Box;
use core::ops::Range;

use crate::manager::Manager;
use crate::page::{
    ALLOCATION_GRANULARITY, GRANULE_PAGES, LARGE_PAGES, PAGE_SHIFT, PAGE_SIZE, SpaceId, bytes,
    pages_of,
};
use crate::pools::PoolKind;
use crate::protection::Protection;
use crate::refusal::Refusal;
use crate::space::region::{PageUse, Region, RegionKind};
use crate::space::write_watch_map::WriteWatchMap;
use crate::units::Bytes;

/// `MEM_COMMIT`.
pub const MEM_COMMIT: u32 = 0x1000;
/// `MEM_RESERVE`.
pub const MEM_RESERVE: u32 = 0x2000;
/// `MEM_RESET`: the contents are of no more interest.
pub const MEM_RESET: u32 = 0x8_0000;
/// `MEM_TOP_DOWN`: at the highest address that fits.
pub const MEM_TOP_DOWN: u32 = 0x10_0000;
/// `MEM_WRITE_WATCH`: notes which pages are written.
pub const MEM_WRITE_WATCH: u32 = 0x20_0000;
/// `MEM_PHYSICAL`: addresses for physical pages (AWE).
pub const MEM_PHYSICAL: u32 = 0x40_0000;
/// `MEM_RESET_UNDO`: the contents are of interest again.
pub const MEM_RESET_UNDO: u32 = 0x100_0000;
/// `MEM_LARGE_PAGES`: in pages of 2 MiB.
pub const MEM_LARGE_PAGES: u32 = 0x2000_0000;

const KNOWN: u32 = MEM_COMMIT
    | MEM_RESERVE
    | MEM_RESET
    | MEM_TOP_DOWN
    | MEM_WRITE_WATCH
    | MEM_PHYSICAL
    | MEM_RESET_UNDO
    | MEM_LARGE_PAGES;

/// Bytes of the nonpaged pool that a region's descriptor takes.
pub(crate) const DESCRIPTOR_BYTES: u64 = 128;

/// What VirtualAlloc is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Allocation {
    /// Where, in bytes; 0 leaves it to the manager.
    pub address: u64,
    /// How much, in bytes.
    pub bytes: u64,
    /// The `MEM_` constants.
    pub kind: u32,
    /// The `PAGE_` constant.
    pub protection: u32,
}

impl Allocation {
    /// Reserved and committed memory anywhere, for reading and writing.
    #[must_use]
    pub const fn committed(bytes: u64) -> Self {
        Self { address: 0, bytes, kind: MEM_RESERVE | MEM_COMMIT, protection: 0x04 }
    }

    /// Reserved memory anywhere.
    #[must_use]
    pub const fn reserved(bytes: u64) -> Self {
        Self { address: 0, bytes, kind: MEM_RESERVE, protection: 0x04 }
    }

    /// A part of a reservation, committed for reading and writing.
    #[must_use]
    pub const fn commit_at(address: u64, bytes: u64) -> Self {
        Self { address, bytes, kind: MEM_COMMIT, protection: 0x04 }
    }

    const fn has(&self, bits: u32) -> bool {
        self.kind & bits == bits
    }

    /// What may be done to the pages, where the constants mean something together.
    ///
    /// # Errors
    /// [`Refusal::InvalidParameter`] for a kind that Windows does not document;
    /// [`Refusal::InvalidPageProtection`] for what no protection of private memory is.
    pub fn check(&self) -> Result<Protection, Refusal> {
        check_kind(self)?;
        private_protection(self.protection)
    }
}

fn invalid(what: &'static str, value: u64, expected: &'static str) -> Refusal {
    Refusal::InvalidParameter { what, value, expected }
}

/// Which combinations of constants mean something.
fn check_kind(allocation: &Allocation) -> Result<(), Refusal> {
    let kind = allocation.kind;
    let refused = |expected| Err(invalid("the allocation type", u64::from(kind), expected));
    if kind & !KNOWN != 0 {
        return refused("MEM_ constants that exist");
    }
    if kind & (MEM_COMMIT | MEM_RESERVE | MEM_RESET | MEM_RESET_UNDO) == 0 {
        return refused("MEM_COMMIT, MEM_RESERVE, MEM_RESET or MEM_RESET_UNDO");
    }
    if kind & (MEM_RESET | MEM_RESET_UNDO) != 0 && !kind.is_power_of_two() {
        return refused("MEM_RESET or MEM_RESET_UNDO alone");
    }
    if allocation.has(MEM_PHYSICAL) && kind != MEM_PHYSICAL | MEM_RESERVE {
        return refused("MEM_PHYSICAL with MEM_RESERVE only");
    }
    if allocation.has(MEM_WRITE_WATCH) && !allocation.has(MEM_RESERVE) {
        return refused("MEM_WRITE_WATCH with MEM_RESERVE");
    }
    if allocation.has(MEM_LARGE_PAGES) {
        if !allocation.has(MEM_RESERVE | MEM_COMMIT) {
            return refused("MEM_LARGE_PAGES with MEM_RESERVE and MEM_COMMIT");
        }
        if allocation.has(MEM_WRITE_WATCH) {
            return refused("MEM_LARGE_PAGES without MEM_WRITE_WATCH");
        }
    }
    Ok(())
}

/// The protection of private memory; copies on write need something to copy from.
fn private_protection(constant: u32) -> Result<Protection, Refusal> {
    let protection = Protection::from_windows(constant)?;
    if protection.copies_on_write() {
        return Err(Refusal::InvalidPageProtection { constant });
    }
    Ok(protection)
}

impl Manager {
    /// Reserves, commits or resets memory: `VirtualAlloc`. Returns the base, in bytes.
    ///
    /// A reservation is rounded out to 64 KiB below and a page above, a commitment to pages. Work:
    /// independent of the size, unless pages of the range are resident.
    ///
    /// # Errors
    /// The status that Windows documents for each refused combination; see [`Refusal`].
    pub fn allocate(&mut self, space: SpaceId, allocation: &Allocation) -> Result<u64, Refusal> {
        self.known_space(space)?;
        let result = self.allocate_checked(space, allocation);
        self.settle();
        result
    }

    fn allocate_checked(&mut self, space: SpaceId, wanted: &Allocation) -> Result<u64, Refusal> {
        let protection = wanted.check()?;
        if wanted.bytes == 0 {
            return Err(invalid("the size", 0, "at least one byte"));
        }
        // What is reserved in the shared area of Windows 9x is a view, and its pages are committed
        // and reset as those of any other; new regions are private.
        let layout = self.spaces.get(space).config.layout;
        let shared = layout.shared().filter(|shared| shared.contains(&wanted.address));
        let end = match shared {
            Some(shared) if !wanted.has(MEM_RESERVE) => shared.end,
            _ => layout.private().end,
        };
        let last = wanted.address.checked_add(wanted.bytes - 1);
        if last.is_none_or(|last| last >= end) {
            return Err(invalid("the size", wanted.bytes, "a range within the address space"));
        }
        let space = self.behind(space, wanted.address >> PAGE_SHIFT);
        if wanted.has(MEM_RESET) {
            return self.reset(space, wanted.address, wanted.bytes);
        }
        if wanted.has(MEM_RESET_UNDO) {
            return self.reset_undo(space, wanted.address, wanted.bytes);
        }
        if wanted.has(MEM_RESERVE) || wanted.address == 0 {
            return self.reserve(space, wanted, protection);
        }
        let Some(pages) = pages_of(wanted.address, wanted.bytes) else {
            return Err(invalid("the size", wanted.bytes, "a range within the address space"));
        };
        self.commit_pages(space, &pages, protection)?;
        Ok(pages.start << PAGE_SHIFT)
    }

    fn reserve(
        &mut self,
        space: SpaceId,
        wanted: &Allocation,
        protection: Protection,
    ) -> Result<u64, Refusal> {
        let is_large = wanted.has(MEM_LARGE_PAGES);
        let is_physical = wanted.has(MEM_PHYSICAL);
        if is_large || is_physical {
            self.needs_lock_memory(space)?;
        }
        if is_physical && protection != Protection::READ_WRITE {
            return Err(Refusal::InvalidPageProtection { constant: wanted.protection });
        }
        let large = bytes(LARGE_PAGES);
        if is_large
            && (!wanted.bytes.is_multiple_of(large) || !wanted.address.is_multiple_of(large))
        {
            return Err(invalid("the size", wanted.bytes, "whole large pages of 2 MiB"));
        }
        let align = if is_large { LARGE_PAGES / GRANULE_PAGES } else { 1 };
        let pages = self.place(space, wanted, align)?;
        let count = pages.end - pages.start;
        let kind = match (is_large, is_physical) {
            (true, _) => RegionKind::LargePages,
            (_, true) => RegionKind::Physical,
            _ => RegionKind::Private,
        };
        let mut region = Region::new(pages.start, count, kind, protection);
        let watch = if wanted.has(MEM_WRITE_WATCH) { WriteWatchMap::bytes(count) } else { 0 };
        self.pools.charge(PoolKind::NonPaged, DESCRIPTOR_BYTES)?;
        if let Err(refusal) = self.pools.charge(PoolKind::Paged, watch) {
            self.pools.release(PoolKind::NonPaged, DESCRIPTOR_BYTES);
            return Err(refusal);
        }
        // With no address, MEM_COMMIT alone reserves as well.
        if wanted.has(MEM_COMMIT) {
            match self.charge_commit(count) {
                Ok(charge) => region.charge = charge,
                Err(refusal) => {
                    self.pools.release(PoolKind::NonPaged, DESCRIPTOR_BYTES);
                    self.pools.release(PoolKind::Paged, watch);
                    return Err(refusal);
                }
            }
            region.uses.set(0..count, PageUse::Committed(protection));
        }
        if watch > 0 {
            region.write_watch = Some(Box::new(WriteWatchMap::new(count)));
        }
        let number = self.spaces.get_mut(space).insert(region);
        if wanted.has(MEM_COMMIT) || kind != RegionKind::Private {
            self.set_aside(space, number, &pages);
        }
        if is_large && let Err(refusal) = self.fill_large_pages(space, number) {
            self.release_region(space, number);
            return Err(refusal);
        }
        Ok(pages.start << PAGE_SHIFT)
    }

    /// Finds the pages of a new region.
    fn place(
        &self,
        space: SpaceId,
        wanted: &Allocation,
        align: u64,
    ) -> Result<Range<u64>, Refusal> {
        let holder = self.spaces.get(space);
        let within = holder.config.layout.granules();
        if wanted.address == 0 {
            let pages = wanted.bytes.div_ceil(PAGE_SIZE);
            let granules = pages.div_ceil(GRANULE_PAGES);
            let found = match wanted.has(MEM_TOP_DOWN) {
                true => holder.descriptors.highest_gap(granules, align, within),
                false => holder.descriptors.lowest_gap(granules, align, within),
            };
            let start = found.ok_or(Refusal::NoMemory { bytes: Bytes(wanted.bytes) })?;
            return Ok(start * GRANULE_PAGES..start * GRANULE_PAGES + pages);
        }
        let base = wanted.address - wanted.address % ALLOCATION_GRANULARITY;
        let end = (wanted.address + wanted.bytes).div_ceil(PAGE_SIZE);
        let pages = base >> PAGE_SHIFT..end;
        let granules = pages.start / GRANULE_PAGES..pages.end.div_ceil(GRANULE_PAGES);
        let conflict = |problem| Refusal::ConflictingAddresses {
            address: base,
            bytes: Bytes(bytes(pages.end - pages.start)),
            problem,
        };
        if granules.start < within.start || granules.end > within.end {
            return Err(conflict("outside what programs may use"));
        }
        if holder.descriptors.overlaps(granules.start, granules.end) {
            return Err(conflict("partly taken already"));
        }
        Ok(pages)
    }

    /// Commits pages of a reservation; those committed already take the protection.
    fn commit_pages(
        &mut self,
        space: SpaceId,
        pages: &Range<u64>,
        protection: Protection,
    ) -> Result<(), Refusal> {
        let number = self.spaces.get(space).region_of(pages)?;
        let region = self.spaces.get(space).region(number);
        match region.kind {
            RegionKind::Private => {}
            RegionKind::View { .. } => {
                return self.commit_view(space, number, pages, protection);
            }
            RegionKind::LargePages | RegionKind::Physical => {
                return Err(Refusal::WrongKind {
                    address: pages.start << PAGE_SHIFT,
                    found: region.kind.word(),
                    expected: "private or mapped memory",
                });
            }
        }
        let inside = region.inside(pages);
        let new = region.uses.count(inside.clone(), |page| !page.is_committed());
        let charge = self.charge_commit(new)?;
        // What was offered comes back, whatever is left of it.
        self.take_back_offered(space, number, pages);
        let region = self.spaces.get_mut(space).region_mut(number);
        region.charge.merge(charge);
        region.uses.set(inside, PageUse::Committed(protection));
        self.set_aside(space, number, pages);
        self.update_rights_of(space, pages);
        Ok(())
    }

    /// Brings the rights of every resident page of a range up to date.
    pub(crate) fn update_rights_of(&mut self, space: SpaceId, pages: &Range<u64>) {
        self.each_pte(space, pages, |manager, page, pte| manager.update_rights(space, page, pte));
    }

    /// Calls for every entry of the leaf tables that a range has.
    pub(crate) fn each_pte(
        &mut self,
        space: SpaceId,
        pages: &Range<u64>,
        mut call: impl FnMut(&mut Self, u64, crate::pfn::PteAddress),
    ) {
        let root = self.spaces.get(space).root;
        let mut at = pages.start;
        while let Some(piece) = self.tables.next_piece(root, at, pages.end) {
            for step in 0..piece.count {
                let pte = crate::pfn::PteAddress(piece.address.0 + step);
                call(self, piece.first + step, pte);
            }
            at = piece.first + piece.count;
        }
    }

    /// A space that exists.
    pub(crate) fn known_space(&self, space: SpaceId) -> Result<&crate::space::Space, Refusal> {
        let number = u64::from(space.0);
        self.spaces.find(space).ok_or(Refusal::NoSuch { what: "space", number })
    }

    pub(crate) fn needs_lock_memory(&self, space: SpaceId) -> Result<(), Refusal> {
        match self.spaces.get(space).config.privileges.lock_memory {
            true => Ok(()),
            false => Err(Refusal::PrivilegeNotHeld { privilege: "SeLockMemoryPrivilege" }),
        }
    }
}
