//! Pages that are mapped, or may be written, before anyone asked: they lie ahead of a stream.
//!
//! Where a fault costs microseconds, a stream pays for one of many pages. Where the first write to
//! a page faults, pages ahead of a stream of writes count as written.

use crate::config::DirtyTracking;
use crate::fault::Scene;
use crate::fault::stream::Window;
use crate::frame_supply::Wanted;
use crate::manager::Manager;
use crate::output::Content;
use crate::page::{Access, Pfn, SpaceId};
use crate::pfn::{PageState, PteAddress};
use crate::space::page_table::Owner;
use crate::space::pte::{DIRTY, Pte};
use crate::space::region::PageUse;
use crate::store::Entry;
use crate::waiter::Waiter;

impl Manager {
    /// Maps the pages in memory and in the store that lie ahead of a fault.
    pub(crate) fn map_ahead(&mut self, scene: Scene, is_write: bool) {
        let most = self.config.policy.map_ahead_max;
        let act = |manager: &mut Self, scene: Scene| {
            if !scene.protection.allows(Access::Read) {
                return false;
            }
            let Some(pte) = manager.pte_behind(&scene) else { return false };
            match manager.tables.get(pte) {
                Pte::Transition(pfn) => manager.map_one_ahead(scene, pfn, is_write),
                Pte::Store(entry) => manager.decompress_ahead(scene, pte, entry, is_write),
                Pte::Valid(valid) if pte != scene.pte => {
                    manager.share_ahead(scene, valid.pfn(), is_write)
                }
                _ => false,
            }
        };
        let mapped = self.along_stream(scene, most, act);
        self.read_on(scene, mapped);
    }

    /// Begins to read what lies behind the pages that a stream has just been given.
    pub(crate) fn read_on(&mut self, scene: Scene, given: Window) {
        let Scene { space, page, region, .. } = scene;
        let least = self.config.policy.read_ahead_min;
        let width = self.spaces.get(space).region(region).streams.width();
        if least == 0 || width < least {
            return;
        }
        let most = self.config.policy.read_cluster_max.min(width.saturating_mul(2)).max(1);
        let (next, window) = match given.after >= given.before {
            true => (page + u64::from(given.after) + 1, Window { before: 0, after: most - 1 }),
            false => match page.checked_sub(u64::from(given.before) + 1) {
                Some(next) => (next, Window { before: most - 1, after: 0 }),
                None => return,
            },
        };
        if !self.spaces.get(space).region(region).range().contains(&next) {
            return;
        }
        let Some((_, pte)) = self.prefetch_pte(space, region, next..next + 1) else { return };
        let Some(source) = self.source_at(pte) else { return };
        let Some(pfn) = self.frame_ahead(space) else { return };
        if self.source_at(pte) == Some(source) {
            self.begin_read(space, pte, source, pfn, window);
        } else {
            self.free_frame(pfn);
        }
    }

    /// The PTE that says where a page is: the space's own if it says anything, else the section's.
    pub(crate) fn pte_behind(&mut self, scene: &Scene) -> Option<PteAddress> {
        let region = self.spaces.get(scene.space).region(scene.region);
        match region.section_page(scene.page) {
            Some((section, page)) if self.tables.get(scene.pte) == Pte::None => {
                self.prototype_for(section, page)
            }
            _ => Some(scene.pte),
        }
    }

    /// Maps a page that other views have in memory.
    fn share_ahead(&mut self, scene: Scene, pfn: Pfn, is_write: bool) -> bool {
        if !self.has_room(scene.space) {
            return false;
        }
        let is_write = is_write && self.writes_ahead(&scene);
        self.map_shared(scene, is_write, pfn, Content::Kept);
        true
    }

    /// Lets the pages ahead of a stream of first writes be written.
    pub(crate) fn write_ahead(&mut self, scene: Scene) {
        if !self.writes_ahead(&scene) {
            return;
        }
        let most = self.config.policy.map_ahead_max;
        self.along_stream(scene, most, |manager, scene| {
            let Pte::Valid(valid) = manager.tables.get(scene.pte) else { return false };
            if !manager.writes_ahead(&scene) || valid.is_pinned() || valid.has(DIRTY) {
                return false;
            }
            manager.tables.set(scene.pte, Pte::Valid(valid.with(DIRTY, true)));
            manager.update_rights(scene.space, scene.page, scene.pte);
            true
        });
    }

    /// Whether pages ahead of a write count as written: where their first write would fault, and
    /// nobody watches which are.
    pub(crate) fn writes_ahead(&self, scene: &Scene) -> bool {
        let Scene { space, region, protection, .. } = *scene;
        self.config.dirty_tracking == DirtyTracking::Fault
            && self.spaces.get(space).region(region).write_watch.is_none()
            && protection.allows(Access::Write)
            && !protection.copies_on_write()
    }

    /// Does something to at most so many pages ahead of a fault, until it cannot be done; those
    /// that it was done to.
    pub(crate) fn along_stream(
        &mut self,
        scene: Scene,
        most: u32,
        mut act: impl FnMut(&mut Self, Scene) -> bool,
    ) -> Window {
        let Scene { space, page, region, .. } = scene;
        let window = self.spaces.get_mut(space).region_mut(region).streams.next(page, most);
        let mut done = Window::ONE;
        for step in 1..=window.after {
            let place = (i64::from(step), page + u64::from(step));
            if !self.act_at(scene, place, &mut act) {
                break;
            }
            done.after = step;
        }
        for step in 1..=window.before {
            let place = (-i64::from(step), page - u64::from(step));
            if !self.act_at(scene, place, &mut act) {
                break;
            }
            done.before = step;
        }
        self.spaces.get_mut(space).region_mut(region).streams.handled(page, done);
        done
    }

    fn act_at(
        &mut self,
        scene: Scene,
        (step, page): (i64, u64),
        act: &mut impl FnMut(&mut Self, Scene) -> bool,
    ) -> bool {
        let Scene { space, region, .. } = scene;
        if !self.spaces.get(space).region(region).range().contains(&page) {
            return false;
        }
        let PageUse::Committed(protection) = self.page_use(space, region, page) else {
            return false;
        };
        let Some(pte) = self.tables.neighbour(scene.pte, step) else { return false };
        !protection.is_guard() && act(self, Scene { page, pte, protection, ..scene })
    }

    /// Maps a page that was read with those that threads wait for, or is one of them: in the order
    /// of the addresses, so that they also leave in that order.
    pub(crate) fn map_read_ahead(&mut self, pfn: Pfn, waiters: &[Waiter]) {
        let pte = self.frames.entry(pfn).pte();
        if pte == PteAddress::NONE || self.tables.get(pte) != Pte::Transition(pfn) {
            return;
        }
        let Some((space, page)) = self.wanted_at(pte, waiters) else { return };
        let Some(region) = self.spaces.region_at(space, page) else { return };
        let PageUse::Committed(protection) = self.page_use(space, region, page) else { return };
        if !protection.allows(Access::Read) || protection.is_guard() {
            return;
        }
        let Some(own) = self.pte_for(space, region, page) else { return };
        let is_write = waiters.iter().any(Waiter::writes);
        let scene = Scene { space, page, region, protection, pte: own };
        // A page of a view may have a copy of its own meanwhile.
        if self.pte_behind(&scene) == Some(pte) {
            self.map_one_ahead(scene, pfn, is_write);
        }
    }

    /// Where a page that was read is to be mapped: a section's, in the view of the first thread
    /// that waits for one of its neighbours.
    fn wanted_at(&self, pte: PteAddress, waiters: &[Waiter]) -> Option<(SpaceId, u64)> {
        let (section, page) = match self.tables.owner(pte) {
            (Owner::Space(space), page) => return Some((space, page)),
            (Owner::Section(section), page) => (section, page),
        };
        let waiter = waiters.first()?;
        let holder = self.spaces.find(waiter.space)?;
        let region = holder.region(holder.region_at(waiter.page())?);
        let (of, first) = region.section_page(region.first)?;
        let inside = region.first + page.checked_sub(first)?;
        (of == section && region.range().contains(&inside)).then_some((waiter.space, inside))
    }

    /// Whether one more page may enter the working set ahead of need.
    pub(crate) fn has_room(&self, space: SpaceId) -> bool {
        let holder = self.spaces.get(space);
        holder.working_set.len() < holder.limits.maximum || !holder.limits.is_maximum_hard
    }

    fn map_one_ahead(&mut self, scene: Scene, pfn: Pfn, is_write: bool) -> bool {
        let entry = self.frames.entry(pfn);
        let is_there = match entry.state() {
            PageState::Standby => self.frames.available() > self.config.policy.ahead_low,
            PageState::Modified => true,
            _ => false,
        };
        if !self.has_room(scene.space) || !is_there {
            return false;
        }
        let is_write = is_write && self.writes_ahead(&scene);
        self.activate(scene, is_write, pfn);
        true
    }

    fn decompress_ahead(
        &mut self,
        scene: Scene,
        pte: PteAddress,
        entry: Entry,
        is_write: bool,
    ) -> bool {
        let plentiful = self.frames.available() > self.config.policy.ahead_low;
        if !plentiful || !self.has_room(scene.space) {
            return false;
        }
        let Some(pfn) = self.take_frame(Wanted::Any, scene.space) else { return false };
        let priority = self.spaces.get(scene.space).priority;
        self.take_from_store(entry, pte, pfn, priority);
        let is_write = is_write && self.writes_ahead(&scene);
        self.activate(scene, is_write, pfn);
        true
    }
}
