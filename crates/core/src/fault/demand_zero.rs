//! The first access to a private page: it gets a page of zeros.

use crate::fault::{Outcome, Scene};
use crate::frame_supply::Wanted;
use crate::manager::Manager;
use crate::output::Content;
use crate::page::{Pfn, SpaceId};
use crate::space::pte::Pte;
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
        let most = self.config.policy.demand_zero_max;
        if most > 1 {
            let is_write = waiter.writes();
            self.along_stream(scene, most, |manager, scene| {
                manager.map_zeros_ahead(scene, is_write)
            });
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

    /// Maps zeros where nothing is yet, while memory is plentiful.
    fn map_zeros_ahead(&mut self, scene: Scene, is_write: bool) -> bool {
        let is_plentiful = self.frames.available() > self.config.policy.ahead_low;
        let is_untouched = self.tables.get(scene.pte) == Pte::None;
        if !is_untouched || !is_plentiful || !self.has_room(scene.space) {
            return false;
        }
        let Some(pfn) = self.take_frame(Wanted::Zeros, scene.space) else { return false };
        let is_write = is_write && self.writes_ahead(&scene);
        self.map_zeros(scene, pfn, is_write);
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
