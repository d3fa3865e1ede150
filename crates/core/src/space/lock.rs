//! VirtualLock and VirtualUnlock: pages that stay in the working set.
//!
//! Source: Microsoft's documentation of both.

use core::ops::Range;

use crate::manager::Manager;
use crate::output::Output;
use crate::page::{Access, PAGE_SHIFT, SpaceId, ThreadId, bytes as bytes_of};
use crate::refusal::Refusal;
use crate::space::pages_in;
use crate::space::pte::Pte;
use crate::space::region::{PageUse, RegionKind};
use crate::units::Bytes;
use crate::waiter::{Goal, Waiter};
use crate::working_set::list::Queue;

/// Pages of the minimum that cannot be locked: the page tables and the stack need some.
const OVERHEAD: u32 = 8;

impl Manager {
    /// Begins to lock a range; the thread is resumed when every page is resident and locked. A lock
    /// that ends in an exception leaves the pages locked that it had reached.
    pub(crate) fn lock(&mut self, thread: ThreadId, space: SpaceId, address: u64, bytes: u64) {
        match self.lockable(space, address, bytes) {
            Ok(pages) => {
                let goal = Goal::Lock { end: pages.end };
                let first = pages.start << PAGE_SHIFT;
                self.fault(Waiter::new(thread, space, first, Access::Read, goal));
            }
            Err(refusal) => self.emit(Output::Refuse { thread, refusal }),
        }
    }

    fn lockable(&self, space: SpaceId, address: u64, bytes: u64) -> Result<Range<u64>, Refusal> {
        self.known_space(space)?;
        let space = self.behind(space, address >> PAGE_SHIFT);
        let (number, pages) = self.lock_range(space, address, bytes)?;
        let holder = self.spaces.get(space);
        let uses = holder.region(number).uses.iter(holder.region(number).inside(&pages));
        for (run, page) in uses {
            let first = (holder.region(number).first + run.start) << PAGE_SHIFT;
            let PageUse::Committed(protection) = page else {
                return Err(Refusal::NotCommitted { address: first });
            };
            if protection.is_guard() {
                return Err(Refusal::GuardPage { address: first });
            }
            if !protection.allows(Access::Read) {
                return Err(Refusal::NoAccess { address: first });
            }
        }
        if let Some(page) = self.first_uncommitted(space, number, &pages) {
            return Err(Refusal::NotCommitted { address: page << PAGE_SHIFT });
        }
        let locked = u64::from(holder.working_set.len_of(Queue::Locked));
        let allowed = u64::from(holder.limits.minimum.saturating_sub(OVERHEAD));
        let mut wanted = locked + (pages.end - pages.start);
        if wanted > allowed && pages.end - pages.start <= allowed {
            // Pages that are locked already are locked once.
            wanted -= pages.clone().filter(|page| self.is_locked(space, *page)).count() as u64;
        }
        if wanted > allowed {
            return Err(Refusal::WorkingSetQuota {
                wanted: Bytes(bytes_of(wanted)),
                allowed: Bytes(bytes_of(allowed)),
            });
        }
        Ok(pages)
    }

    fn lock_range(
        &self,
        space: SpaceId,
        address: u64,
        bytes: u64,
    ) -> Result<(u32, Range<u64>), Refusal> {
        let pages = pages_in(address, bytes)?;
        let number = self.spaces.get(space).region_of(&pages)?;
        let region = self.spaces.get(space).region(number);
        match region.kind {
            RegionKind::Private | RegionKind::View { .. } => Ok((number, pages)),
            RegionKind::LargePages | RegionKind::Physical => Err(Refusal::WrongKind {
                address,
                found: region.kind.word(),
                expected: "memory that could be paged out",
            }),
        }
    }

    /// Locks a page that is resident.
    ///
    /// # Errors
    /// [`Refusal::WorkingSetQuota`] where another lock has taken the room meanwhile.
    pub(crate) fn lock_page(&mut self, space: SpaceId, page: u64) -> Result<(), Refusal> {
        let Some(index) = self.resident_entry(space, page) else { return Ok(()) };
        let holder = self.spaces.get_mut(space);
        if holder.working_set.queue(index) == Some(Queue::Locked) {
            return Ok(());
        }
        let wanted = u64::from(holder.working_set.len_of(Queue::Locked)) + 1;
        let allowed = u64::from(holder.limits.minimum.saturating_sub(OVERHEAD));
        if wanted > allowed {
            let (wanted, allowed) = (Bytes(bytes_of(wanted)), Bytes(bytes_of(allowed)));
            return Err(Refusal::WorkingSetQuota { wanted, allowed });
        }
        holder.working_set.move_to(index, Queue::Locked);
        Ok(())
    }

    fn is_locked(&self, space: SpaceId, page: u64) -> bool {
        let entry = self.resident_entry(space, page);
        let list = &self.spaces.get(space).working_set;
        entry.and_then(|index| list.queue(index)) == Some(Queue::Locked)
    }

    fn resident_entry(&self, space: SpaceId, page: u64) -> Option<u32> {
        let pte = self.tables.peek(self.spaces.get(space).root, page)?;
        match self.tables.get(pte) {
            Pte::Valid(valid) if !valid.is_pinned() => {
                Some(self.working_set_entry(space, pte, valid.pfn()))
            }
            _ => None,
        }
    }

    /// Lets locked pages be trimmed again: `VirtualUnlock`.
    ///
    /// # Errors
    /// [`Refusal::NotLocked`] where a page is not locked; no page is unlocked then.
    pub fn unlock(&mut self, space: SpaceId, address: u64, bytes: u64) -> Result<(), Refusal> {
        self.known_space(space)?;
        let space = self.behind(space, address >> PAGE_SHIFT);
        let (_, pages) = self.lock_range(space, address, bytes)?;
        for page in pages.clone() {
            if !self.is_locked(space, page) {
                return Err(Refusal::NotLocked { address: page << PAGE_SHIFT });
            }
        }
        for page in pages {
            if let Some(index) = self.resident_entry(space, page) {
                self.spaces.get_mut(space).working_set.move_to(index, Queue::Main);
            }
        }
        self.settle();
        Ok(())
    }
}
