//! A page of a view whose PTE says nothing: the section's prototype PTE tells where it is.

use crate::fault::{Outcome, Scene};
use crate::frame_supply::Wanted;
use crate::manager::Manager;
use crate::output::Content;
use crate::page::{Access, Pfn, SectionId};
use crate::pfn::PteAddress;
use crate::section::Backing;
use crate::space::pte::Pte;
use crate::waiter::Waiter;
use crate::working_set::list::Queue;
use crate::working_set::resident::Mapping;

impl Manager {
    pub(crate) fn prototype_fault(
        &mut self,
        scene: Scene,
        waiter: &mut Waiter,
        section: SectionId,
        page: u64,
    ) -> Outcome {
        let Some(prototype) = self.prototype_for(section, page) else {
            let address = waiter.address;
            return Outcome::Raised(crate::exception::Exception::NoMemory { address });
        };
        match self.tables.get(prototype) {
            Pte::Valid(valid) => {
                self.make_room(scene.space);
                // Making room may have trimmed the very page, as a sharer of its own.
                if self.tables.get(prototype) != Pte::Valid(valid) {
                    return Outcome::Again;
                }
                self.count_fault(waiter, |counters| counters.prototype += 1);
                let is_write = waiter.writes() && !scene.protection.copies_on_write();
                self.map_shared(scene, is_write, valid.pfn(), Content::Kept);
                if self.config.policy.map_ahead_max > 1 {
                    self.map_ahead(scene, waiter.writes());
                }
                Outcome::Resolved
            }
            Pte::None if self.sections.get(section).backing == Backing::PageFile => {
                self.zero_section_page(scene, waiter, prototype)
            }
            elsewhere => self.bring_back(scene, prototype, waiter, elsewhere),
        }
    }

    /// Maps a page of a section in a view.
    pub(crate) fn map_shared(&mut self, scene: Scene, is_write: bool, pfn: Pfn, content: Content) {
        let Scene { space, page, region, pte, protection } = scene;
        let queue = Queue::Probation;
        self.map_page(Mapping {
            space,
            page,
            region,
            protection,
            pte,
            pfn,
            content,
            is_write,
            queue,
        });
    }

    fn zero_section_page(
        &mut self,
        scene: Scene,
        waiter: &mut Waiter,
        prototype: PteAddress,
    ) -> Outcome {
        let space = scene.space;
        let Some(pfn) = self.frame_for(space, Wanted::Zeros) else { return Outcome::NoFrame };
        if self.tables.get(prototype) != Pte::None {
            self.free_frame(pfn);
            return Outcome::Again;
        }
        self.count_fault(waiter, |counters| counters.demand_zero += 1);
        let is_write = waiter.writes() && !scene.protection.copies_on_write();
        self.show_zeros(scene, prototype, pfn, is_write);
        let most = self.config.policy.demand_zero_max;
        if most > 1 {
            let is_write = waiter.writes();
            self.along_stream(scene, most, |manager, scene| {
                manager.zero_section_page_ahead(scene, is_write)
            });
        }
        Outcome::Resolved
    }

    /// Makes a held frame a section's page of zeros, and maps it.
    fn show_zeros(&mut self, scene: Scene, prototype: PteAddress, pfn: Pfn, is_write: bool) {
        let priority = self.spaces.get(scene.space).priority;
        self.give_page(pfn, prototype, Pte::None, priority);
        self.map_shared(scene, is_write, pfn, Content::Zero);
    }

    /// Maps zeros where the section has nothing yet, while memory is plentiful.
    fn zero_section_page_ahead(&mut self, scene: Scene, is_write: bool) -> bool {
        let is_plentiful = self.frames.available() > self.config.policy.ahead_low;
        let may_enter = is_plentiful && self.has_room(scene.space);
        if !may_enter || !scene.protection.allows(Access::Read) {
            return false;
        }
        let Some(prototype) = self.pte_behind(&scene).filter(|pte| *pte != scene.pte) else {
            return false;
        };
        if self.tables.get(prototype) != Pte::None {
            return false;
        }
        let Some(pfn) = self.take_frame(Wanted::Zeros, scene.space) else { return false };
        let is_write = is_write && self.writes_ahead(&scene);
        self.show_zeros(scene, prototype, pfn, is_write);
        true
    }
}
