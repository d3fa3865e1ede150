//! Pages that are mapped before anyone asked, because they lie ahead of a stream and are in memory.

use crate::fault::Scene;
use crate::fault::stream::Window;
use crate::manager::Manager;
use crate::page::{Access, Pfn};
use crate::pfn::{Flag, PageState, PteAddress};
use crate::space::page_table::Owner;
use crate::space::pte::Pte;
use crate::space::region::PageUse;
use crate::waiter::Waiter;

impl Manager {
    /// Maps the pages ahead of a soft fault that goes on where others left off.
    pub(crate) fn map_ahead(&mut self, scene: Scene) {
        let Scene { space, page, region, .. } = scene;
        let most = self.config.policy.map_ahead_max;
        let window = self.spaces.get_mut(space).region_mut(region).streams.next(page, most);
        let after = (1..=window.after).map(|step| (i64::from(step), page + u64::from(step)));
        let before = (1..=window.before).map(|step| (-i64::from(step), page - u64::from(step)));
        let mut done = Window::ONE;
        for (step, page) in after.chain(before) {
            let Some(pte) = self.tables.neighbour(scene.pte, step) else { break };
            let Pte::Transition(pfn) = self.tables.get(pte) else { break };
            if !self.map_one_ahead(Scene { page, pte, ..scene }, pfn) {
                break;
            }
            done.after += u32::from(step > 0);
            done.before += u32::from(step < 0);
        }
        self.spaces.get_mut(space).region_mut(region).streams.handled(page, done);
    }

    /// Maps a private page that was read together with those that threads wait for, which get
    /// theirs themselves.
    pub(crate) fn map_read_ahead(&mut self, pfn: Pfn, waiters: &[Waiter]) {
        let pte = self.frames.entry(pfn).pte();
        if pte == PteAddress::NONE || self.tables.get(pte) != Pte::Transition(pfn) {
            return;
        }
        let (Owner::Space(space), page) = self.tables.owner(pte) else { return };
        if waiters.iter().any(|waiter| (waiter.space, waiter.page()) == (space, page)) {
            return;
        }
        let Some(region) = self.spaces.region_at(space, page) else { return };
        let PageUse::Committed(protection) = self.page_use(space, region, page) else { return };
        self.map_one_ahead(Scene { space, page, region, protection, pte }, pfn);
    }

    fn map_one_ahead(&mut self, scene: Scene, pfn: Pfn) -> bool {
        let Scene { space, page, .. } = scene;
        let holder = self.spaces.get(space);
        let region = holder.region(scene.region);
        if !region.range().contains(&page) {
            return false;
        }
        let PageUse::Committed(protection) = region.page_use(page) else { return false };
        let room =
            holder.working_set.len() < holder.limits.maximum || !holder.limits.is_maximum_hard;
        let entry = self.frames.entry(pfn);
        let is_there = match entry.state() {
            PageState::Standby => self.frames.available() > self.config.policy.available_low,
            PageState::Modified => true,
            _ => false,
        };
        let is_usable = protection.allows(Access::Read) && !protection.is_guard();
        if !room || !is_there || !is_usable || entry.has(Flag::Prototype) {
            return false;
        }
        self.activate(Scene { protection, ..scene }, false, pfn);
        true
    }
}
