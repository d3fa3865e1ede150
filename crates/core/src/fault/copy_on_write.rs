//! A write to a shared copy-on-write page: the writer gets a private copy.
//!
//! Source: Microsoft's documentation, "Memory Protection"; *Windows Internals*, "Copy-on-write".

use crate::exception::Exception;
use crate::fault::{LOOKS, Outcome, Scene};
use crate::frame_supply::Wanted;
use crate::manager::Manager;
use crate::output::{Content, Output};
use crate::pfn::Flag;
use crate::space::page_uses::Change;
use crate::space::pte::{Pte, Valid};
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
        let index = self.working_set_entry(space, pte, valid.pfn());
        let list = &mut self.spaces.get_mut(space).working_set;
        let queue = list.queue(index);
        // The page that is to be copied must not make room for its own copy.
        list.move_to(index, Queue::Locked);
        let copy = self.frame_for(space, Wanted::Any);
        if let Some(queue) = queue {
            self.spaces.get_mut(space).working_set.move_to(index, queue);
        }
        let Some(copy) = copy else { return self.no_frame_for_copy(waiter) };
        self.count_fault(waiter, |counters| counters.copy_on_write += 1);
        self.emit(Output::Copy { from: valid.pfn(), to: copy });
        // A lock is on the page of the space, whichever frame holds it.
        let was_locked = queue == Some(Queue::Locked);
        let queue = if was_locked { Queue::Locked } else { Queue::Probation };
        self.unmap_page(space, index);
        let priority = self.spaces.get(space).priority;
        self.give_page(copy, pte, Pte::None, priority);
        self.frames.edit(copy, |entry| entry.set(Flag::Modified, true));
        let holder = self.spaces.get_mut(space).region_mut(region);
        holder.uses.note(page - holder.first, Change::Copied);
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

    /// A copy waits for its frame, but a machine that cannot hold a page and its copy would trim
    /// the one for the other for ever.
    const fn no_frame_for_copy(&self, waiter: &mut Waiter) -> Outcome {
        waiter.copies_delayed += 1;
        let is_coming = self.operations.writes() > 0 || self.operations.reads() > 0;
        if waiter.copies_delayed < LOOKS || is_coming {
            return Outcome::NoFrame;
        }
        Outcome::Raised(Exception::NoMemory { address: waiter.address })
    }
}
