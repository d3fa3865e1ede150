//! The first access to a private page: it gets a page of zeros.

use crate::fault::stream::Window;
use crate::fault::{Outcome, Scene};
use crate::frame_supply::Wanted;
use crate::manager::Manager;
use crate::output::Content;
use crate::page::SpaceId;
use crate::pfn::PteAddress;
use crate::space::pte::Pte;
use crate::space::region::PageUse;
use crate::waiter::Waiter;
use crate::working_set::list::Queue;
use crate::working_set::resident::Mapping;

impl Manager {
    pub(crate) fn demand_zero_fault(&mut self, scene: Scene, waiter: &mut Waiter) -> Outcome {
        let Scene { space, page, region, pte, .. } = scene;
        let Some(pfn) = self.frame_for(space, Wanted::Zeros) else { return Outcome::NoFrame };
        self.count_fault(waiter, |counters| counters.demand_zero += 1);
        let priority = self.spaces.get(space).priority;
        self.give_page(pfn, pte, Pte::None, priority);
        self.map_page(Mapping {
            space,
            page,
            region,
            pte,
            pfn,
            content: Content::Zero,
            is_write: waiter.writes(),
            queue: Queue::Probation,
        });
        if self.config.policy.demand_zero_max > 1 {
            self.zero_ahead(scene);
        }
        Outcome::Resolved
    }

    /// A frame for a page that enters a working set, which makes room for it first.
    pub(crate) fn frame_for(&mut self, space: SpaceId, wanted: Wanted) -> Option<crate::page::Pfn> {
        self.make_room(space);
        // Before the page comes in, not after: what was just mapped must not be trimmed unused.
        if self.frames.available() < self.config.policy.available_low {
            self.trim_on_demand();
        }
        self.take_frame(wanted, space)
    }

    /// Maps zeros ahead of a stream of first accesses, while memory is plentiful.
    fn zero_ahead(&mut self, scene: Scene) {
        let Scene { space, page, region, .. } = scene;
        let most = self.config.policy.demand_zero_max;
        let window = self.spaces.get_mut(space).region_mut(region).streams.next(page, most);
        let after = (1..=window.after).map(|step| (i64::from(step), page + u64::from(step)));
        let before = (1..=window.before).map(|step| (-i64::from(step), page - u64::from(step)));
        let mut done = Window::ONE;
        for (step, page) in after.chain(before) {
            let Some(pte) = self.tables.neighbour(scene.pte, step) else { break };
            if !self.map_zeros(space, region, page, pte) {
                break;
            }
            done.after += u32::from(step > 0);
            done.before += u32::from(step < 0);
        }
        self.spaces.get_mut(space).region_mut(region).streams.handled(page, done);
    }

    fn map_zeros(&mut self, space: SpaceId, region: u32, page: u64, pte: PteAddress) -> bool {
        let holder = self.spaces.get(space);
        let inside = holder.region(region).range().contains(&page);
        let is_usable = inside
            && matches!(holder.region(region).page_use(page),
                PageUse::Committed(protection) if !protection.is_guard());
        let room =
            holder.working_set.len() < holder.limits.maximum || !holder.limits.is_maximum_hard;
        let plentiful = self.frames.available() > self.config.policy.available_goal;
        if !is_usable || !room || !plentiful || self.tables.get(pte) != Pte::None {
            return false;
        }
        let priority = holder.priority;
        let Some(pfn) = self.take_frame(Wanted::Zeros, space) else { return false };
        self.give_page(pfn, pte, Pte::None, priority);
        self.map_page(Mapping {
            space,
            page,
            region,
            pte,
            pfn,
            content: Content::Zero,
            is_write: false,
            queue: Queue::Probation,
        });
        true
    }
}
