//! How a page enters a working set and leaves it.

use crate::config::DirtyTracking;
use crate::manager::Manager;
use crate::output::{Content, Output};
use crate::page::{Pfn, SectionId, SpaceId, Vpn};
use crate::pfn::{Entry, Flag, PteAddress, To};
use crate::protection::Protection;
use crate::space::page_table::Owner;
use crate::space::pte::{ACCESSED, DIRTY, Pte, Rights, Valid};
use crate::space::region::PageUse;
use crate::working_set::list::Queue;

/// A page about to be mapped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mapping {
    pub(crate) space: SpaceId,
    pub(crate) page: u64,
    /// The region that holds the page.
    pub(crate) region: u32,
    /// What it is committed with; it is no guard page.
    pub(crate) protection: Protection,
    /// The PTE of the space.
    pub(crate) pte: PteAddress,
    pub(crate) pfn: Pfn,
    pub(crate) content: Content,
    /// Whether it is mapped for a write.
    pub(crate) is_write: bool,
    pub(crate) queue: Queue,
}

impl Manager {
    /// Puts a page into a working set, maps it, and tells the world.
    ///
    /// The frame has its page already; a frame of a section may be in other working sets.
    pub(crate) fn map_page(&mut self, mapping: Mapping) {
        let Mapping { space, page, region, protection, pte, pfn, content, is_write, queue } =
            mapping;
        let entry = self.frames.entry(pfn);
        let is_shared = entry.has(Flag::Prototype);
        let is_first = entry.state() != crate::pfn::PageState::Active || entry.high() == 0;
        let holder = self.spaces.get_mut(space);
        let index = holder.working_set.insert(pte, queue);
        holder.working_set_peak = holder.working_set_peak.max(holder.working_set.len());
        if is_first {
            self.frames.move_page(pfn, To::Active { working_set_index: index, share: 1 });
            let priority = holder.priority;
            if entry.priority() != priority {
                self.frames.edit(pfn, |entry| entry.set_priority(priority));
            }
            if is_shared {
                self.tables.set(entry.pte(), Pte::Valid(Valid::new(pfn)));
            }
        } else {
            holder.working_set.remember_shared(pte, index);
            self.frames.edit(pfn, |entry| entry.set_high(entry.high() + 1));
        }
        let mut valid = Valid::new(pfn);
        if is_shared {
            valid = valid.shared();
        }
        if is_write {
            self.note_write(space, region, page);
            valid = valid.with(DIRTY, true);
        }
        let rights = self.rights_of(space, region, page, valid, protection);
        self.tables.set(pte, Pte::Valid(valid.rights(rights)));
        let shared = self.section_page_of(&entry);
        self.emit(Output::Map { space, page: Vpn(page), frame: pfn, content, rights, shared });
    }

    /// The section, and which of its pages, that a frame holds.
    fn section_page_of(&self, entry: &Entry) -> Option<(SectionId, u64)> {
        if !entry.has(Flag::Prototype) {
            return None;
        }
        match self.tables.owner(entry.pte()) {
            (Owner::Section(section), page) => Some((section, page)),
            (Owner::Space(_), _) => None,
        }
    }

    /// What may be done to a resident page without a fault.
    fn rights_for(&self, space: SpaceId, number: u32, page: u64, valid: Valid) -> Rights {
        let region = self.spaces.get(space).region(number);
        let PageUse::Committed(protection) = region.page_use(page) else { return Rights::NONE };
        if protection.is_guard() {
            return Rights::NONE;
        }
        self.rights_of(space, number, page, valid, protection)
    }

    fn rights_of(
        &self,
        space: SpaceId,
        number: u32,
        page: u64,
        valid: Valid,
        protection: Protection,
    ) -> Rights {
        let region = self.spaces.get(space).region(number);
        let watched = region.write_watch.as_ref();
        let write_is_known = watched.is_none_or(|map| map.is_written(page - region.first));
        let is_dirty = || valid.has(DIRTY) || self.frames.entry(valid.pfn()).has(Flag::Modified);
        let write = match self.config.dirty_tracking {
            DirtyTracking::Hardware => write_is_known,
            DirtyTracking::Fault => write_is_known && is_dirty(),
        };
        rights_under(protection, write)
    }

    /// Notes the first write to a page since its write watch was reset.
    pub(crate) fn note_write(&mut self, space: SpaceId, number: u32, page: u64) {
        let region = self.spaces.get_mut(space).region_mut(number);
        if let Some(map) = &mut region.write_watch {
            map.note(page - region.first);
        }
    }

    /// Brings the rights of a resident page up to date, and tells the world if they changed.
    pub(crate) fn update_rights(&mut self, space: SpaceId, page: u64, pte: PteAddress) {
        let Pte::Valid(valid) = self.tables.get(pte) else { return };
        if valid.is_pinned() {
            return self.update_pinned_rights(space, page, pte, valid);
        }
        let Some(number) = self.spaces.region_at(space, page) else { return };
        let rights = self.rights_for(space, number, page, valid);
        self.set_rights(space, page, pte, valid, rights);
    }

    pub(crate) fn set_rights(
        &mut self,
        space: SpaceId,
        page: u64,
        pte: PteAddress,
        valid: Valid,
        rights: Rights,
    ) {
        if rights != valid.current_rights() {
            self.tables.set(pte, Pte::Valid(valid.rights(rights)));
            let frame = valid.pfn();
            self.emit(Output::Protect { space, page: Vpn(page), frame, rights });
        }
    }

    /// The working-set entry of a resident page.
    pub(crate) fn working_set_entry(&self, space: SpaceId, pte: PteAddress, pfn: Pfn) -> u32 {
        let hint = self.frames.entry(pfn).low();
        match self.spaces.get(space).working_set.find(pte, hint) {
            Some(index) => index,
            None => panic!("frame {pfn} is valid in space {} and in no working set", space.0),
        }
    }

    /// Takes a resident page out of a working set. The page goes where it belongs; the PTE says
    /// where that is.
    pub(crate) fn unmap_page(&mut self, space: SpaceId, index: u32) {
        let holder = self.spaces.get_mut(space);
        let pte = holder.working_set.pte(index);
        let is_unproven = holder.working_set.queue(index) == Some(Queue::Probation);
        holder.working_set.remove(index);
        holder.working_set.forget_shared(pte);
        let Pte::Valid(valid) = self.tables.get(pte) else {
            panic!("working-set entry {index} of space {} has no valid PTE", space.0)
        };
        let (owner, page) = self.tables.owner(pte);
        debug_assert_eq!(owner, Owner::Space(space));
        let frame = valid.pfn();
        self.emit(Output::Unmap { space, page: Vpn(page), frame });
        if valid.has(DIRTY) {
            self.mark_modified(frame);
        }
        self.frames.edit(frame, |entry| {
            entry.set(Flag::Newcomer, false);
            entry.set(Flag::Unproven, is_unproven);
        });
        if !valid.is_shared() {
            return self.retire_page(frame);
        }
        self.tables.set(pte, Pte::None);
        let share = self.frames.entry(frame).high() - 1;
        self.frames.edit(frame, |entry| entry.set_high(share));
        if share == 0 {
            self.retire_page(frame);
        }
    }

    /// Drops a resident private page: its bytes are not wanted any more.
    pub(crate) fn drop_page(&mut self, space: SpaceId, pte: PteAddress, valid: Valid) {
        let index = self.working_set_entry(space, pte, valid.pfn());
        let list = &mut self.spaces.get_mut(space).working_set;
        list.remove(index);
        list.forget_shared(pte);
        self.tables.set(pte, Pte::None);
        self.drop_frame(valid.pfn());
    }

    /// The world saw that a page was used.
    pub(crate) fn note_accessed(&mut self, space: SpaceId, address: u64) {
        let page = address >> crate::page::PAGE_SHIFT;
        let space = self.behind(space, page);
        let Some(holder) = self.spaces.find(space) else { return };
        let Some(pte) = self.tables.find(space, holder.root, Vpn(page)) else { return };
        if let Pte::Valid(valid) = self.tables.get(pte) {
            self.tables.set(pte, Pte::Valid(valid.with(ACCESSED, true)));
        }
    }
}

/// What a protection lets pass, if writes need not be noticed.
pub(crate) fn rights_under(protection: Protection, write: bool) -> Rights {
    use crate::page::Access::{Execute, Read};
    Rights::new(protection.allows(Read), protection.writable() && write, protection.allows(Execute))
}
