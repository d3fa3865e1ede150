//! Address windowing extensions: physical pages that a program allocates, maps where it likes, and
//! frees.
//!
//! Source: Microsoft's documentation, "Address Windowing Extensions".

use alloc::vec::Vec;
use core::ops::Range;

use crate::frame_supply::Wanted;
use crate::manager::Manager;
use crate::output::{Content, Output};
use crate::page::{Pfn, SpaceId, Vpn, bytes};
use crate::pfn::{Flag, PageState, PteAddress, To};
use crate::protection::Protection;
use crate::refusal::Refusal;
use crate::space::pte::{Pte, Valid};
use crate::space::region::RegionKind;
use crate::units::Bytes;
use crate::working_set::resident::rights_under;

impl Manager {
    /// Allocates physical pages, zeroed: `AllocateUserPhysicalPages`. As on Windows the program
    /// may get fewer than it asks for.
    ///
    /// # Errors
    /// [`Refusal::PrivilegeNotHeld`]; [`Refusal::InvalidParameter`] for none;
    /// [`Refusal::CommitmentLimit`] and [`Refusal::InsufficientResources`] where none is to be had.
    pub fn allocate_physical(&mut self, space: SpaceId, pages: u64) -> Result<Vec<Pfn>, Refusal> {
        self.known_space(space)?;
        self.needs_lock_memory(space)?;
        if pages == 0 {
            let (what, value) = ("the number of pages", 0);
            return Err(Refusal::InvalidParameter { what, value, expected: "at least one" });
        }
        let pages = pages.min(self.resident_available);
        let charge = self.charge_commit(pages)?;
        let mut frames = Vec::new();
        while (frames.len() as u64) < pages {
            let Some(pfn) = self.take_frame(Wanted::Zeros, space) else { break };
            let index = crate::page::narrow(self.spaces.get(space).physical.len());
            self.frames.move_page(pfn, To::Active { working_set_index: index, share: 0 });
            self.frames.edit(pfn, |entry| {
                entry.set(Flag::Physical, true);
                entry.set_original(u64::from(space.0));
            });
            self.spaces.get_mut(space).physical.push(pfn);
            self.emit(Output::Zero { frame: pfn });
            frames.push(pfn);
        }
        let got = frames.len() as u64;
        let mut charge = charge;
        let unused = charge.split(pages - got);
        self.commit.release(unused);
        self.spaces.get_mut(space).physical_charge.merge(charge);
        self.resident_available -= got;
        self.settle();
        if frames.is_empty() {
            return Err(Refusal::InsufficientResources {
                what: "physical memory",
                wanted: Bytes(bytes(pages.max(1))),
                free: Bytes::ZERO,
            });
        }
        Ok(frames)
    }

    /// Maps physical pages of the space from an address on, in place of what was mapped there:
    /// `MapUserPhysicalPages`. An empty list takes `pages` pages away.
    ///
    /// # Errors
    /// [`Refusal::WrongKind`] where the range is not memory of `MEM_PHYSICAL`;
    /// [`Refusal::NoSuch`] for a frame that is not the space's;
    /// [`Refusal::InvalidParameter`] for one that is mapped already, or twice in the list.
    pub fn map_physical(
        &mut self,
        space: SpaceId,
        address: u64,
        pages: u64,
        frames: &[Pfn],
    ) -> Result<(), Refusal> {
        self.known_space(space)?;
        let count = if frames.is_empty() { pages } else { frames.len() as u64 };
        let range = crate::page::pages_of(address, bytes(count));
        let range = range.ok_or(Refusal::InvalidParameter {
            what: "the number of pages",
            value: count,
            expected: "at least one, within the address space",
        })?;
        let number = self.spaces.get(space).region_of(&range)?;
        let kind = self.spaces.get(space).region(number).kind;
        if kind != RegionKind::Physical {
            let (found, expected) = (kind.word(), "memory of MEM_PHYSICAL");
            return Err(Refusal::WrongKind { address, found, expected });
        }
        self.check_physical(space, &range, frames)?;
        for page in range.clone() {
            if self.pte_for(space, number, page).is_none() {
                return Err(Refusal::InsufficientResources {
                    what: "the nonpaged pool",
                    wanted: Bytes(crate::space::page_table::TABLE_BYTES),
                    free: Bytes::ZERO,
                });
            }
        }
        self.unmap_physical_range(space, &range);
        for (page, pfn) in range.zip(frames) {
            self.map_physical_page((space, number), page, *pfn);
        }
        self.settle();
        Ok(())
    }

    /// Every frame is the space's, appears once, and is mapped nowhere else than in the range.
    fn check_physical(
        &self,
        space: SpaceId,
        range: &Range<u64>,
        frames: &[Pfn],
    ) -> Result<(), Refusal> {
        let mut sorted: Vec<Pfn> = frames.to_vec();
        sorted.sort_unstable();
        let twice = sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        for pfn in frames {
            self.own_physical(space, *pfn)?;
            let pte = self.frames.entry(*pfn).pte();
            let elsewhere = pte != PteAddress::NONE && !range.contains(&self.tables.owner(pte).1);
            if elsewhere || twice == Some(*pfn) {
                return Err(Refusal::InvalidParameter {
                    what: "a frame",
                    value: u64::from(pfn.0),
                    expected: "frames that are mapped nowhere, each once",
                });
            }
        }
        Ok(())
    }

    fn own_physical(&self, space: SpaceId, pfn: Pfn) -> Result<(), Refusal> {
        let is_own = pfn.0 < self.frames.len() && {
            let entry = self.frames.entry(pfn);
            entry.state() == PageState::Active
                && entry.has(Flag::Physical)
                && entry.original() == u64::from(space.0)
        };
        let number = u64::from(pfn.0);
        let what = "physical page of this space";
        if is_own { Ok(()) } else { Err(Refusal::NoSuch { what, number }) }
    }

    fn map_physical_page(&mut self, (space, number): (SpaceId, u32), page: u64, pfn: Pfn) {
        let Some(pte) = self.pte_for(space, number, page) else { return };
        self.frames.edit(pfn, |entry| {
            entry.set_pte(pte);
            entry.set_high(1);
        });
        let rights = rights_under(Protection::READ_WRITE, true);
        self.tables.set(pte, Pte::Valid(Valid::new(pfn).pinned().rights(rights)));
        let content = Content::Kept;
        let (page, frame, shared) = (Vpn(page), pfn, None);
        self.emit(Output::Map { space, page, frame, content, rights, shared });
    }

    pub(crate) fn unmap_physical_range(&mut self, space: SpaceId, pages: &Range<u64>) {
        self.each_pte(space, pages, |manager, page, pte| {
            if let Pte::Valid(valid) = manager.tables.get(pte) {
                manager.tables.set(pte, Pte::None);
                manager.frames.edit(valid.pfn(), |entry| {
                    entry.set_pte(PteAddress::NONE);
                    entry.set_high(0);
                });
                let frame = valid.pfn();
                manager.emit(Output::Unmap { space, page: Vpn(page), frame });
            }
        });
    }

    /// Frees physical pages, mapped or not: `FreeUserPhysicalPages`.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`] for a frame that is not the space's; none is freed then.
    pub fn free_physical(&mut self, space: SpaceId, frames: &[Pfn]) -> Result<(), Refusal> {
        self.known_space(space)?;
        for pfn in frames {
            self.own_physical(space, *pfn)?;
        }
        for pfn in frames {
            // A frame that is twice in the list is free by now.
            if self.own_physical(space, *pfn).is_ok() {
                self.free_physical_page(space, *pfn);
            }
        }
        self.settle();
        Ok(())
    }

    pub(crate) fn free_physical_page(&mut self, space: SpaceId, pfn: Pfn) {
        let entry = self.frames.entry(pfn);
        if entry.pte() != PteAddress::NONE {
            let (_, page) = self.tables.owner(entry.pte());
            self.unmap_physical_range(space, &(page..page + 1));
        }
        let holder = self.spaces.get_mut(space);
        let index = entry.low();
        holder.physical.swap_remove(index as usize);
        let moved = holder.physical.get(index as usize).copied();
        let charge = holder.physical_charge.split(1);
        if let Some(moved) = moved {
            self.frames.edit(moved, |entry| entry.set_low(index));
        }
        self.commit.release(charge);
        self.resident_available += 1;
        self.frames.edit(pfn, |entry| entry.set_original(0));
        self.free_frame(pfn);
    }
}
