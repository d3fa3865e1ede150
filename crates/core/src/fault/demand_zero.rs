//! The first access to a private page: it gets a page of zeros.

use crate::fault::stream::Window;
use crate::fault::{Outcome, Scene};
use crate::frame_supply::Wanted;
use crate::manager::Manager;
use crate::output::Content;
use crate::page::{Pfn, SpaceId};
use crate::space::pte::Pte;
use crate::space::region::PageUse;
use crate::waiter::Waiter;
use crate::working_set::list::Queue;
use crate::working_set::resident::Mapping;

impl Manager {
    pub(crate) fn demand_zero_fault(&mut self, scene: Scene, waiter: &mut Waiter) -> Outcome {
        let Some(pfn) = self.frame_for(scene.space, Wanted::Zeros) else {
            return Outcome::NoFrame;
        };
        self.count_fault(waiter, |counters| counters.demand_zero += 1);
        self.map_zeros(scene, pfn, waiter.writes());
        if self.config.policy.demand_zero_max > 1 {
            self.zero_ahead(scene, waiter.writes());
        }
        Outcome::Resolved
    }

    /// A frame for a page that enters a working set, which makes room for it first.
    pub(crate) fn frame_for(&mut self, space: SpaceId, wanted: Wanted) -> Option<Pfn> {
        self.make_room(space);
        // Before the page comes in, not after: what was just mapped must not be trimmed unused.
        if self.frames.available() < self.config.policy.available_low {
            self.trim_on_demand();
        }
        self.take_frame(wanted, space)
    }

    /// Maps zeros ahead of a stream of first accesses, while memory is plentiful.
    fn zero_ahead(&mut self, scene: Scene, is_write: bool) {
        let Scene { space, page, region, .. } = scene;
        let most = self.config.policy.demand_zero_max;
        let window = self.spaces.get_mut(space).region_mut(region).streams.next(page, most);
        let after = (1..=window.after).map(|step| (i64::from(step), page + u64::from(step)));
        let before = (1..=window.before).map(|step| (-i64::from(step), page - u64::from(step)));
        let mut done = Window::ONE;
        for (step, page) in after.chain(before) {
            let Some(pte) = self.tables.neighbour(scene.pte, step) else { break };
            if !self.map_zeros_ahead(Scene { page, pte, ..scene }, is_write) {
                break;
            }
            done.after += u32::from(step > 0);
            done.before += u32::from(step < 0);
        }
        self.spaces.get_mut(space).region_mut(region).streams.handled(page, done);
    }

    fn map_zeros_ahead(&mut self, scene: Scene, is_write: bool) -> bool {
        let holder = self.spaces.get(scene.space);
        let region = holder.region(scene.region);
        if !region.range().contains(&scene.page) {
            return false;
        }
        let PageUse::Committed(protection) = region.page_use(scene.page) else { return false };
        let room =
            holder.working_set.len() < holder.limits.maximum || !holder.limits.is_maximum_hard;
        let plentiful = self.frames.available() > self.config.policy.ahead_low;
        let is_usable = !protection.is_guard() && self.tables.get(scene.pte) == Pte::None;
        if !is_usable || !room || !plentiful {
            return false;
        }
        let Some(pfn) = self.take_frame(Wanted::Zeros, scene.space) else { return false };
        let is_write = is_write && self.writes_ahead(scene.space, scene.region, protection);
        self.map_zeros(Scene { protection, ..scene }, pfn, is_write);
        true
    }

    /// Makes a held frame a page of zeros.
    fn map_zeros(&mut self, scene: Scene, pfn: Pfn, is_write: bool) {
        let Scene { space, page, region, pte, protection } = scene;
        let priority = self.spaces.get(space).priority;
        self.give_page(pfn, pte, Pte::None, priority);
        self.map_page(Mapping {
            space,
            page,
            region,
            protection,
            pte,
            pfn,
            content: Content::Zero,
            is_write,
            queue: Queue::Probation,
        });
    }
}
