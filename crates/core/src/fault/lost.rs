//! A page whose contents could not be had back: everyone who maps it loses it, and every later
//! access raises an in-page error, until the page is freed, reset or discarded.

use crate::input::IoError;
use crate::manager::Manager;
use crate::page::{Pfn, SpaceId};
use crate::pfn::{Flag, PageState};
use crate::space::page_table::Owner;
use crate::space::pte::{DIRTY, Pte};

impl Manager {
    pub(crate) fn lose_page(&mut self, pfn: Pfn, error: IoError) {
        let entry = self.frames.entry(pfn);
        if entry.has(Flag::Large) || entry.has(Flag::Physical) {
            return;
        }
        let pte = entry.pte();
        if entry.state() == PageState::Active {
            match self.tables.owner(pte) {
                (Owner::Space(space), _) => self.take_out(space, pte, pfn),
                (Owner::Section(section), page) => {
                    let mut next = self.mapping_after(section, page, None);
                    while let Some((space, page_of_space)) = next {
                        next = self.mapping_after(section, page, next);
                        let page = page_of_space;
                        let root = self.spaces.get(space).root;
                        if let Some(mapped) = self.tables.peek(root, page) {
                            self.take_out(space, mapped, pfn);
                        }
                    }
                }
            }
        }
        if self.frames.entry(pfn).pte() != pte {
            // The frame fails, and its page left it when the last mapping did.
            self.release_copy(self.tables.word(pte));
            self.tables.set(pte, Pte::Lost(error.0));
            return;
        }
        self.tables.set(pte, Pte::Lost(error.0));
        self.drop_frame(pfn);
    }

    /// Unmaps the lost frame; where a view has a private copy instead, that is left alone.
    fn take_out(&mut self, space: SpaceId, pte: crate::pfn::PteAddress, pfn: Pfn) {
        let Pte::Valid(valid) = self.tables.get(pte) else { return };
        if valid.pfn() == pfn {
            self.tables.set(pte, Pte::Valid(valid.with(DIRTY, false)));
            let index = self.working_set_entry(space, pte, valid.pfn());
            self.unmap_page(space, index);
        }
    }

    /// The next place where a page of a section could be mapped, behind another. It searches all
    /// spaces: a lost page is rare, and a list of mappings for each page would not be.
    fn mapping_after(
        &self,
        section: crate::page::SectionId,
        page: u64,
        before: Option<(SpaceId, u64)>,
    ) -> Option<(SpaceId, u64)> {
        for (id, space) in self.spaces.iter() {
            for (_, region) in space.regions() {
                let Some((of, first)) = region.section_page(region.first) else { continue };
                if of != section || page < first || page >= first + region.pages {
                    continue;
                }
                let place = (id, region.first + (page - first));
                if before.is_none_or(|before| (place.0.0, place.1) > (before.0.0, before.1)) {
                    return Some(place);
                }
            }
        }
        None
    }
}
