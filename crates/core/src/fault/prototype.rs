//! A page of a view whose PTE says nothing: the section's prototype PTE tells where it is.

use crate::fault::{Outcome, Scene};
use crate::frame_supply::Wanted;
use crate::manager::Manager;
use crate::output::Content;
use crate::page::SectionId;
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
                self.map_shared(scene, waiter, valid.pfn(), Content::Kept);
                Outcome::Resolved
            }
            Pte::None if self.sections.get(section).backing == Backing::PageFile => {
                self.zero_section_page(scene, waiter, prototype)
            }
            elsewhere => self.bring_back(scene, prototype, waiter, elsewhere),
        }
    }

    fn map_shared(
        &mut self,
        scene: Scene,
        waiter: &Waiter,
        pfn: crate::page::Pfn,
        content: Content,
    ) {
        let Scene { space, page, region, pte, protection } = scene;
        let is_write = waiter.writes() && !protection.copies_on_write();
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
        let priority = self.spaces.get(space).priority;
        self.give_page(pfn, prototype, Pte::None, priority);
        self.map_shared(scene, waiter, pfn, Content::Zero);
        Outcome::Resolved
    }
}
