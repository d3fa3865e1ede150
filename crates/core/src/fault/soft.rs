//! Soft faults: the page is still in memory, on the standby or modified list, or just being
//! written. It goes back to a working set without I/O.

use crate::fault::{Outcome, Scene};
use crate::manager::Manager;
use crate::output::Content;
use crate::page::Pfn;
use crate::pfn::Flag;
use crate::space::pte::Pte;
use crate::waiter::Waiter;
use crate::working_set::list::Queue;
use crate::working_set::resident::Mapping;

impl Manager {
    pub(crate) fn transition_fault(
        &mut self,
        scene: Scene,
        waiter: &mut Waiter,
        pfn: Pfn,
    ) -> Outcome {
        if self.frames.entry(pfn).has(Flag::Reading) {
            return self.join_read(scene, waiter, pfn);
        }
        self.make_room(scene.space);
        let is_whole = !waiter.is_counted;
        self.count_fault(waiter, |counters| counters.soft += 1);
        self.activate(scene, waiter.writes(), pfn);
        if is_whole && self.config.policy.map_ahead_max > 1 {
            self.map_ahead(scene, waiter.writes());
        }
        Outcome::Resolved
    }

    /// Maps a page that is in memory and in no working set.
    pub(crate) fn activate(&mut self, scene: Scene, is_write: bool, pfn: Pfn) {
        let entry = self.frames.entry(pfn);
        if self.wants_copy_back(&entry) {
            self.mark_modified(pfn);
        }
        let Scene { space, page, region, pte, protection } = scene;
        // What was trimmed and is still there came back soon.
        let queue = if entry.has(Flag::Newcomer) { Queue::Probation } else { Queue::Main };
        let content = Content::Kept;
        let is_write = is_write && !scene.protection.copies_on_write();
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

    /// Whether a page that comes back should give its copy up, because room for copies is scarce.
    fn wants_copy_back(&self, entry: &crate::pfn::Entry) -> bool {
        match Pte::unpacked(entry.original()) {
            Pte::PageFile(_) => {
                let (used, size) = (self.page_files.used(), self.page_files.size());
                used * 1000 > size * u64::from(self.config.policy.slots_scarce_permille)
            }
            Pte::Store(_) => self.store.as_ref().is_some_and(crate::store::Store::is_full),
            _ => false,
        }
    }
}
