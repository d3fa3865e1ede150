//! The first access to a guard page: the guard is gone, and who registered for it is told.
//!
//! Source: Microsoft's documentation, "Creating Guard Pages"; for stacks, *Windows Internals*,
//! "User stacks".

use crate::exception::Exception;
use crate::fault::Outcome;
use crate::manager::Manager;
use crate::page::SpaceId;
use crate::space::page_uses::Change;
use crate::space::region::PageUse;
use crate::waiter::Waiter;

impl Manager {
    /// Takes the guard; the page is opened once it is known what the access raises, so that no
    /// access slips in unnoticed between the two.
    pub(crate) fn guard_fault(&mut self, waiter: &Waiter, region: u32) -> Outcome {
        let (space, page) = (waiter.space, waiter.page());
        self.count(space, |counters| counters.guard += 1);
        self.note_use(space, region, page, Change::Unguarded);
        // The stack's own guard is the lowest page of what is committed; one that a program has set
        // above it is like any other.
        let found = self.spaces.get(space).region(region);
        let is_lowest = page == found.first || !found.page_use(page - 1).is_committed();
        if found.stack.is_some() && is_lowest {
            return self.grow_stack(space, region, page, waiter.address);
        }
        let (address, access) = (waiter.address, waiter.access);
        Outcome::Raised(Exception::GuardPage { address, access })
    }

    /// Moves the guard of a stack one page down.
    fn grow_stack(&mut self, space: SpaceId, number: u32, page: u64, address: u64) -> Outcome {
        let region = self.spaces.get(space).region(number);
        let guarantee = region.stack.map_or(0, |stack| stack.guarantee);
        let overflow = Outcome::Raised(Exception::StackOverflow { address });
        // The lowest page is never committed, and above it lies what handling an overflow needs.
        if page <= region.first + 1 + guarantee {
            self.commit_guarantee(space, number, page);
            return overflow;
        }
        let below = page - 1;
        let protection = region.protection.guarded();
        if !region.page_use(below).is_committed() {
            let Ok(charge) = self.charge_commit(1) else { return overflow };
            self.spaces.get_mut(space).region_mut(number).charge.merge(charge);
        }
        self.set_use(space, number, below, PageUse::Committed(protection));
        self.update_rights_at(space, page);
        Outcome::Again
    }

    /// Commits what is left of a stack above its lowest page, for who handles the overflow.
    fn commit_guarantee(&mut self, space: SpaceId, number: u32, page: u64) {
        let region = self.spaces.get(space).region(number);
        let left = 1..page - region.first;
        let protection = region.protection;
        let new = region.uses.count(left.clone(), |page| !page.is_committed());
        let Ok(charge) = self.charge_commit(new) else { return };
        let region = self.spaces.get_mut(space).region_mut(number);
        region.charge.merge(charge);
        region.uses.set(left, PageUse::Committed(protection));
    }

    fn set_use(&mut self, space: SpaceId, number: u32, page: u64, wanted: PageUse) {
        let region = self.spaces.get_mut(space).region_mut(number);
        let inside = page - region.first;
        region.uses.set(inside..inside + 1, wanted);
        self.update_rights_at(space, page);
    }

    /// Notes what a fault has changed about a page, its rights included.
    pub(crate) fn note_change(&mut self, space: SpaceId, number: u32, page: u64, change: Change) {
        self.note_use(space, number, page, change);
        self.update_rights_at(space, page);
    }

    fn note_use(&mut self, space: SpaceId, number: u32, page: u64, change: Change) {
        let region = self.spaces.get_mut(space).region_mut(number);
        region.uses.note(page - region.first, change);
    }

    pub(crate) fn update_rights_at(&mut self, space: SpaceId, page: u64) {
        let root = self.spaces.get(space).root;
        if let Some(pte) = self.tables.peek(root, page) {
            self.update_rights(space, page, pte);
        }
    }
}
