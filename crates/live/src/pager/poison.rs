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
//! - While something is to be raised once, nothing but its raising brings the page in: a fault that
//!   is read late, or another thread's work, would let the access pass that raises it.

use memtide_core::page::{Access, PAGE_SIZE, SpaceId, Vpn};
use memtide_core::snapshot::PteView;
use memtide_core::{Call, Exception, Range, RegionState};

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

impl Poison {
    const fn is_of(&self, space: SpaceId, page: Vpn) -> bool {
        self.space.0 == space.0 && self.page.0 == page.0
    }
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
        let once = exception.is_of_a_guard().then_some(exception);
        match self.poisons.iter_mut().find(|poison| poison.is_of(space, page)) {
            Some(poison) => poison.once = poison.once.or(once),
            None => {
                self.make_room();
                self.poisons.push(Poison { space, page, once });
            }
        }
        self.refuse(space, page);
    }

    /// Whether what a page raises once is still to be raised.
    pub(crate) fn has_untold(&self, space: SpaceId, page: Vpn) -> bool {
        self.poisons.iter().any(|poison| poison.is_of(space, page) && poison.once.is_some())
    }

    /// Lets the kernel refuse accesses to a poisoned page, those that wait as well.
    pub(crate) fn refuse(&mut self, space: SpaceId, page: Vpn) {
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
        let poison = self.poisons.iter().position(|poison| poison.is_of(space, page))?;
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

    /// A call has said anew what may be done to pages: an access that was not told of them before
    /// comes after it.
    pub(crate) fn settle(&mut self, call: &Call) {
        while let Some((space, page)) = self.settled(call) {
            self.heal(space, page);
        }
    }

    /// A page that still raises something though a call has said anew what may be done to it.
    fn settled(&self, call: &Call) -> Option<(SpaceId, Vpn)> {
        let untold = self.poisons.iter().filter(|poison| poison.once.is_some());
        let mut pages = untold.map(|poison| (poison.space, poison.page));
        pages.find(|(space, page)| self.is_settled(*space, page.address(), call))
    }

    fn is_settled(&self, space: SpaceId, at: u64, call: &Call) -> bool {
        let is_within = |of: SpaceId, start: u64, bytes: u64| {
            of == space && (start..start.saturating_add(bytes)).contains(&at)
        };
        match call {
            Call::Protect(range, _) => is_within(range.space, range.address, range.bytes),
            Call::Allocate(of, asked) => is_within(*of, asked.address, asked.bytes),
            Call::Free(Range { space: of, .. }, _) | Call::UnmapView(of, _) if *of == space => {
                let state = self.manager.query(space, at).map(|info| info.state);
                !matches!(state, Ok(RegionState::Allocated { page_use, .. })
                    if page_use.protection().is_some())
            }
            _ => false,
        }
    }

    /// Takes the poison from a page of a section that is mapped.
    pub(crate) fn unpoison(&mut self, space: SpaceId, page: Vpn) {
        if let Some(poison) = self.poisons.iter().position(|poison| poison.is_of(space, page)) {
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
