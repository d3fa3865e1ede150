//! Sections are created, closed, and end.
//!
//! Source: Microsoft's documentation of `CreateFileMapping`.

use crate::commit::Charge;
use crate::manager::Manager;
use crate::page::{PAGE_SIZE, SectionId, wide};
use crate::pfn::{Entry, Flag, PageState, PteAddress};
use crate::pools::PoolKind;
use crate::protection::{Modifier, Protection};
use crate::refusal::Refusal;
use crate::section::{Backing, Section};
use crate::space::page_table::{Owner, TABLE_BYTES};
use crate::space::pte::Pte;
use crate::space::runs::Runs;
use crate::space::set_aside::SetAside;

/// Bytes of the paged pool that a section's object takes.
pub(crate) const SECTION_BYTES: u64 = 256;

const TABLE_PAGES: u64 = 512;

/// What a section is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SectionConfig {
    /// Its size, in bytes; rounded up to pages.
    pub bytes: u64,
    /// The most that views may do, as Windows' constant.
    pub protection: u32,
    /// Where its pages come from and go to.
    pub backing: Backing,
    /// Whether its pages are only reserved (`SEC_RESERVE`), to be committed through a view.
    pub is_reserved: bool,
}

impl Manager {
    /// Creates a section.
    ///
    /// # Errors
    /// [`Refusal::InvalidParameter`] for no bytes, or for a file's section that is only reserved;
    /// [`Refusal::InvalidPageProtection`]; [`Refusal::CommitmentLimit`];
    /// [`Refusal::InsufficientResources`] where the paged pool has no room.
    pub fn create_section(&mut self, config: &SectionConfig) -> Result<SectionId, Refusal> {
        let protection = Protection::from_windows(config.protection)?;
        if protection.modifier != Modifier::None || protection == Protection::NO_ACCESS {
            return Err(Refusal::InvalidPageProtection { constant: config.protection });
        }
        let pages = config.bytes.div_ceil(PAGE_SIZE);
        let most = (1u64 << 36) - 1;
        if pages == 0 || pages > most || (config.is_reserved && config.backing == Backing::File) {
            return Err(Refusal::InvalidParameter {
                what: "the section's size",
                value: config.bytes,
                expected: "at least one byte, and reserved pages only without a file",
            });
        }
        self.pools.charge(PoolKind::Paged, SECTION_BYTES)?;
        let promised = match (config.backing, config.is_reserved) {
            (Backing::PageFile, false) => pages,
            _ => 0,
        };
        let charge = self.charge_commit(promised).inspect_err(|_| {
            self.pools.release(PoolKind::Paged, SECTION_BYTES);
        });
        let section = Section {
            pages,
            protection,
            backing: config.backing,
            charge: charge?,
            committed: config.is_reserved.then(|| Runs::new(pages, false)),
            tables: alloc::vec![0; wide(pages.div_ceil(TABLE_PAGES))],
            views: 0,
            is_held: true,
            holds_writes: false,
            frames: 0,
            set_aside: SetAside::default(),
        };
        let id = self.sections.insert(section);
        self.set_aside_for_section(id);
        self.settle();
        Ok(id)
    }

    /// The prototype PTE of a page, its table made where it is missing; `None` where the paged pool
    /// has no room for it.
    pub(crate) fn prototype_for(&mut self, id: SectionId, page: u64) -> Option<PteAddress> {
        let place = page / TABLE_PAGES;
        let table = match self.sections.get(id).table(place) {
            Some(table) => table,
            None => {
                self.pools.charge(PoolKind::Paged, TABLE_BYTES).ok()?;
                let first = page / TABLE_PAGES * TABLE_PAGES;
                let table = self.tables.create(Owner::Section(id), first, 0);
                self.sections.get_mut(id).tables[wide(place)] = table + 1;
                table
            }
        };
        Some(crate::space::page_table::join(table, wide(page % TABLE_PAGES)))
    }

    /// Lets a section go; it ends when its last view does, and its file's pages are written.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`].
    pub fn close_section(&mut self, id: SectionId) -> Result<(), Refusal> {
        self.sections.held(id)?;
        self.sections.get_mut(id).is_held = false;
        self.end_section(id);
        self.settle();
        Ok(())
    }

    /// Ends a section that nobody can reach: what its file still needs is written first.
    pub(crate) fn end_section(&mut self, id: SectionId) {
        if !self.sections.get(id).is_orphan() {
            return;
        }
        let keeps_modified = self.sections.get(id).backing == Backing::File;
        if keeps_modified && self.sections.get(id).holds_writes {
            self.release_held_writes(id);
        }
        let mut unwritten = 0;
        for place in 0..self.sections.get(id).tables.len() as u64 {
            let Some(table) = self.sections.get(id).table(place) else { continue };
            for index in 0..wide(TABLE_PAGES) {
                let pte = crate::space::page_table::join(table, index);
                if keeps_modified && self.is_unwritten(pte) {
                    unwritten += 1;
                } else {
                    self.delete_page_of_section(pte);
                }
            }
        }
        if unwritten > 0 {
            self.flush_modified();
            return;
        }
        let section = self.sections.remove(id);
        for table in section.tables.iter().filter_map(|table| table.checked_sub(1)) {
            self.tables.destroy(table);
            self.pools.release(PoolKind::Paged, TABLE_BYTES);
        }
        self.pools.release(PoolKind::Paged, SECTION_BYTES);
        self.commit.release(section.charge);
        self.let_go_of_section(section.set_aside);
    }

    fn is_unwritten(&self, pte: PteAddress) -> bool {
        let Pte::Transition(pfn) = self.tables.get(pte) else { return false };
        let entry = self.frames.entry(pfn);
        entry.has(Flag::Modified) || entry.has(Flag::Writing)
    }

    fn delete_page_of_section(&mut self, pte: PteAddress) {
        let before = self.tables.get(pte);
        match before {
            Pte::None => {}
            Pte::Transition(pfn) => {
                self.drop_frame(pfn);
                self.tables.set(pte, Pte::None);
            }
            Pte::Valid(valid) => {
                panic!("frame {} of a section without views is valid", valid.pfn())
            }
            Pte::PageFile(_) | Pte::Store(_) | Pte::Lost(_) | Pte::Gone => {
                self.tables.set(pte, Pte::None);
                self.release_copy(before.packed());
            }
        }
    }

    /// A page of a section whose file kept it alive was written: perhaps it was the last.
    pub(crate) fn free_orphaned_section(&mut self, entry: &Entry) {
        if !entry.has(Flag::Prototype) {
            return;
        }
        let (Owner::Section(id), _) = self.tables.owner(entry.pte()) else { return };
        if self.sections.get(id).is_orphan() && self.sections.get(id).backing == Backing::File {
            self.end_section(id);
        }
    }

    /// Holds the writes of a section back: its modified pages stand on the modified-no-write list
    /// until they are released, as a file system does with pages whose log is not written yet.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`].
    pub fn hold_writes(&mut self, id: SectionId) -> Result<(), Refusal> {
        self.sections.held(id)?;
        self.sections.get_mut(id).holds_writes = true;
        self.each_frame_of(id, |manager, pfn| {
            manager.frames.edit(pfn, |entry| entry.set(Flag::HoldWrite, true));
            if manager.frames.entry(pfn).state() == PageState::Modified {
                manager.retire_page(pfn);
            }
        });
        Ok(())
    }

    /// Lets the writes of a section go.
    ///
    /// # Errors
    /// [`Refusal::NoSuch`].
    pub fn release_writes(&mut self, id: SectionId) -> Result<(), Refusal> {
        self.sections.held(id)?;
        self.release_held_writes(id);
        self.settle();
        Ok(())
    }

    fn release_held_writes(&mut self, id: SectionId) {
        self.sections.get_mut(id).holds_writes = false;
        self.each_frame_of(id, |manager, pfn| {
            manager.frames.edit(pfn, |entry| entry.set(Flag::HoldWrite, false));
            if manager.frames.entry(pfn).state() == PageState::ModifiedNoWrite {
                manager.retire_page(pfn);
            }
        });
    }

    fn each_frame_of(&mut self, id: SectionId, call: impl Fn(&mut Self, crate::page::Pfn)) {
        for place in 0..self.sections.get(id).tables.len() as u64 {
            let Some(table) = self.sections.get(id).table(place) else { continue };
            for index in 0..wide(TABLE_PAGES) {
                match self.tables.get(crate::space::page_table::join(table, index)) {
                    Pte::Valid(valid) => call(self, valid.pfn()),
                    Pte::Transition(pfn) => call(self, pfn),
                    _ => {}
                }
            }
        }
    }

    /// Charges what a section's pages promise beyond what it has.
    pub(crate) fn promise_section_pages(&mut self, id: SectionId, charge: Charge) {
        self.sections.get_mut(id).charge.merge(charge);
    }
}
