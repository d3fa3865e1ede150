//! A write to a shared copy-on-write page: the writer gets a private copy.
//!
//! Source: Microsoft's documentation, "Memory Protection"; *Windows Internals*, "Copy-on-write".

use crate::exception::Exception;
use crate::fault::{LOOKS, Outcome, Scene};
use crate::frame_supply::Wanted;
use crate::manager::Manager;
use crate::output::{Content, Output};
use crate::pfn::Flag;
use crate::space::pte::{Pte, Valid};
use crate::space::region::PageUse;
use crate::waiter::Waiter;
use crate::working_set::list::Queue;
use crate::working_set::resident::Mapping;

impl Manager {
    pub(crate) fn copy_on_write(
        &mut self,
        scene: Scene,
        waiter: &mut Waiter,
        valid: Valid,
    ) -> Outcome {
        let Scene { space, page, pte, region, protection } = scene;
        let Some(copy) = self.frame_for(space, Wanted::Any) else { return Outcome::NoFrame };
        // Finding a frame may have trimmed the page that is to be copied.
        let Pte::Valid(now) = self.tables.get(pte) else {
            self.free_frame(copy);
            waiter.copies_lost += 1;
            if waiter.copies_lost == LOOKS {
                let address = waiter.address;
                return Outcome::Raised(Exception::NoMemory { address });
            }
            return Outcome::Again;
        };
        debug_assert_eq!(now.pfn(), valid.pfn());
        self.count_fault(waiter, |counters| counters.copy_on_write += 1);
        self.emit(Output::Copy { from: valid.pfn(), to: copy });
        let index = self.working_set_entry(space, pte, valid.pfn());
        // A lock is on the page of the space, whichever frame holds it.
        let was_locked = self.spaces.get(space).working_set.queue(index) == Some(Queue::Locked);
        let queue = if was_locked { Queue::Locked } else { Queue::Probation };
        self.unmap_page(space, index);
        let priority = self.spaces.get(space).priority;
        self.give_page(copy, pte, Pte::None, priority);
        self.frames.edit(copy, |entry| entry.set(Flag::Modified, true));
        let holder = self.spaces.get_mut(space).region_mut(region);
        let inside = page - holder.first;
        let private = PageUse::Committed(protection.after_copy());
        holder.uses.set(inside..inside + 1, private);
        self.map_page(Mapping {
            space,
            page,
            region,
            protection: protection.after_copy(),
            pte,
            pfn: copy,
            content: Content::Kept,
            is_write: true,
            queue,
        });
        Outcome::Resolved
    }
}
