//! Poison: how a thread that the kernel makes wait for a page learns of an exception.
//!
//! Poison lets the thread go, into the signal's handler; where the kernel has none (before Linux
//! 6.6), the page's protection does. There it asks for the page again, so that
//! each thread is told what its own access raises. What is raised once, as by a guard, is kept for
//! the first that comes.
//!
//! # Invariants
//! - A poisoned page is not in its space, whatever the manager thinks: it waits at home, and who
//!   brings it in takes the poison away first.

use memtide_core::page::{Access, PAGE_SIZE, SpaceId, Vpn};
use memtide_core::snapshot::PteView;
use memtide_core::{Exception, RegionState};

use crate::memory::fatal;
use crate::pager::State;
use crate::pager::run::{Act, Run};

/// A page whose accesses the kernel refuses.
#[derive(Debug)]
pub(crate) struct Poison {
    space: SpaceId,
    page: Vpn,
    /// What is raised once.
    once: Option<Exception>,
}

impl State {
    /// Lets go whoever waits in the kernel for a page.
    pub(crate) fn poison(&mut self, space: SpaceId, page: Vpn, exception: Exception) {
        if self.shared_page(space, page).is_some() {
            self.discard(space, page, 1);
        } else if let Some(run) = self.run_of(space, page)
            && self.frames.is_at(run.frames()[0], run.address)
        {
            self.take(run);
        }
        let is_once =
            matches!(exception, Exception::GuardPage { .. } | Exception::StackOverflow { .. });
        let once = is_once.then_some(exception);
        match self.poisons.iter_mut().find(|poison| poison.space == space && poison.page == page) {
            Some(poison) => poison.once = poison.once.or(once),
            None => {
                self.make_room();
                self.poisons.push(Poison { space, page, once });
            }
        }
        let memory = self.memory(space);
        if self.view_at(space, page.address()).is_some() {
            // A mapping of a file keeps the protection of a page that left it, in poison's place.
            let address = memory.base() + page.address();
            let cleared = memory.uffd.write_protect(address, PAGE_SIZE, false, false);
            cleared.unwrap_or_else(|errno| fatal("letting writes pass", errno));
        }
        let wakes = if memory.uffd.features().poison {
            let poisoned = memory.uffd.poison(memory.base() + page.address(), PAGE_SIZE);
            // It was poisoned already: that wakes nobody.
            poisoned.bytes == 0
        } else {
            let done = memory.reservation.set_unreachable(page.address(), PAGE_SIZE);
            done.unwrap_or_else(|errno| fatal("protecting pages", errno));
            true
        };
        if wakes {
            self.wake(space, page);
        }
    }

    /// Heals a page where there is no room for another: who accesses it asks again.
    fn make_room(&mut self) {
        if self.poisons.len() < self.poisons.capacity() {
            return;
        }
        let lasts = self.poisons.iter().find(|poison| poison.once.is_none());
        if let Some(Poison { space, page, .. }) = lasts {
            self.heal(*space, *page);
        }
    }

    /// Takes the poison from a page of a space, which is missing then.
    fn clear(&mut self, space: SpaceId, page: Vpn) {
        let memory = self.memory(space);
        if memory.uffd.features().poison {
            return self.discard(space, page, 1);
        }
        let state = self.manager.query(space, page.address()).map(|info| info.state);
        let protection = match state {
            Ok(RegionState::Allocated { page_use, .. }) => page_use.protection(),
            Ok(RegionState::Free) | Err(_) => None,
        };
        let executes = protection.is_some_and(|protection| protection.allows(Access::Execute));
        let done = memory.reservation.set_executable(page.address(), PAGE_SIZE, executes);
        done.unwrap_or_else(|errno| fatal("protecting pages", errno));
    }

    /// Takes the poison from a page, which is as the manager thinks then; what it raises once.
    pub(crate) fn heal(&mut self, space: SpaceId, page: Vpn) -> Option<Exception> {
        let of = |poison: &Poison| poison.space == space && poison.page == page;
        let poison = self.poisons.iter().position(of)?;
        let poison = self.poisons.swap_remove(poison);
        self.clear(space, page);
        if let Some((frame, rights)) = self.shared_page(space, page) {
            self.show(space, page, frame, rights);
        } else if let Some(run) = self.run_of(space, page)
            && self.frames.is_home(run.frames()[0])
        {
            self.carry_out_run(run);
        }
        poison.once
    }

    /// Takes the poison from all pages that raise nothing that is raised once: what follows may
    /// allow their accesses, to system calls too.
    pub(crate) fn heal_all(&mut self) {
        let lasts = |poison: &&Poison| poison.once.is_none();
        while let Some(Poison { space, page, .. }) = self.poisons.iter().find(lasts) {
            self.heal(*space, *page);
        }
    }

    /// Takes the poison from a page of a section that is mapped.
    pub(crate) fn unpoison(&mut self, space: SpaceId, page: Vpn) {
        let of = |poison: &Poison| poison.space == space && poison.page == page;
        if let Some(poison) = self.poisons.iter().position(of) {
            self.poisons.swap_remove(poison);
            self.clear(space, page);
        }
    }

    /// Takes the poison from pages that are brought in.
    pub(crate) fn heal_run(&mut self, run: &Run) {
        let first = Vpn::of(run.address - self.memory(run.space).base());
        let pages = first.0..first.0 + u64::from(run.pages());
        let is_brought =
            |poison: &Poison| poison.space == run.space && pages.contains(&poison.page.0);
        while let Some(poison) = self.poisons.iter().position(is_brought) {
            let Poison { space, page, .. } = self.poisons.swap_remove(poison);
            self.clear(space, page);
        }
    }

    /// A space is gone, and its poison.
    pub(crate) fn forget_poison(&mut self, space: SpaceId) {
        self.poisons.retain(|poison| poison.space != space);
    }

    /// What brings a private page in that the manager thinks is mapped and may be read.
    fn run_of(&self, space: SpaceId, page: Vpn) -> Option<Run> {
        let pte = self.manager.snapshot().pte(space, page.address());
        let Ok(PteView::Valid { frame, rights, is_shared: false, .. }) = pte else { return None };
        let protects = !rights.allow(Access::Write);
        let (act, address) = (Act::Bring { protects }, self.address(space, page));
        rights.allow(Access::Read).then(|| Run::of(act, space, address, frame))
    }
}
