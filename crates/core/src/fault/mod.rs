//! Faults: what an access gets that does not pass at once. One file a kind.
//!
//! docs/life_of_a_fault.md follows one through.

pub(crate) mod access;
pub(crate) mod ahead;
pub(crate) mod collided;
pub(crate) mod copy_on_write;
pub(crate) mod demand_zero;
pub(crate) mod guard;
pub(crate) mod hard;
pub(crate) mod lost;
pub(crate) mod prototype;
pub(crate) mod soft;
pub(crate) mod stored;
pub(crate) mod stream;

use crate::exception::Exception;
use crate::manager::Manager;
use crate::output::Output;
use crate::page::{Access, PAGE_SIZE, SpaceId, Vpn};
use crate::pfn::PteAddress;
use crate::protection::Protection;
use crate::space::page_table::TABLE_BYTES;
use crate::space::pte::Pte;
use crate::space::region::PageUse;
use crate::waiter::{Goal, Waiter};

/// What one look at a fault came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The page is mapped.
    Resolved,
    /// Something moved under it, or half of it is done: look again.
    Again,
    /// The thread waits for I/O; it is on that operation's list.
    Pending,
    /// No frame is to be had before some write ends.
    NoFrame,
    /// The access cannot be had.
    Raised(Exception),
}

/// What a fault knows once its region is found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scene {
    pub(crate) space: SpaceId,
    pub(crate) page: u64,
    pub(crate) region: u32,
    pub(crate) protection: Protection,
    pub(crate) pte: PteAddress,
}

/// A fault is looked at again while its page is taken from under it, but not for ever: a machine
/// of one frame cannot hold a page and its copy, and reads the page anew each time.
const LOOKS: u32 = 8;

impl Manager {
    /// Resolves a fault, or makes its thread wait.
    pub(crate) fn fault(&mut self, waiter: Waiter) {
        let mut waiter = Waiter { space: self.behind(waiter.space, waiter.page()), ..waiter };
        loop {
            match self.resolve(&mut waiter) {
                Outcome::Resolved => match self.reached(&mut waiter) {
                    true => return,
                    false => continue,
                },
                Outcome::Pending => return,
                Outcome::NoFrame => {
                    if !waiter.has_waited {
                        waiter.has_waited = true;
                        self.count(waiter.space, |counters| counters.waited += 1);
                    }
                    self.waiting.push_back(waiter);
                    return;
                }
                Outcome::Raised(exception) => {
                    self.emit(Output::Raise { thread: waiter.thread, exception });
                    if exception.is_of_a_guard() {
                        self.update_rights_at(waiter.space, waiter.page());
                    }
                    return;
                }
                Outcome::Again => unreachable!("resolve looks again itself"),
            }
        }
    }

    fn resolve(&mut self, waiter: &mut Waiter) -> Outcome {
        for _ in 0..LOOKS {
            match self.look_at(waiter) {
                Outcome::Again => {}
                outcome => return outcome,
            }
        }
        Outcome::Raised(Exception::NoMemory { address: waiter.address })
    }

    /// The page is there: the thread goes on, or its lock takes the next page. Whether it is done.
    fn reached(&mut self, waiter: &mut Waiter) -> bool {
        if let Goal::Lock { end } = waiter.goal {
            if let Err(refusal) = self.lock_page(waiter.space, waiter.page()) {
                self.emit(Output::Refuse { thread: waiter.thread, refusal });
                return true;
            }
            let next = Vpn(waiter.page()).address() + PAGE_SIZE;
            if Vpn::of(next).0 < end {
                waiter.address = next;
                waiter.is_counted = false;
                return false;
            }
        }
        self.emit(Output::Resume { thread: waiter.thread });
        true
    }

    fn look_at(&mut self, waiter: &mut Waiter) -> Outcome {
        let scene = match self.scene(waiter) {
            Ok(scene) => scene,
            Err(outcome) => return outcome,
        };
        let outcome = match self.tables.get(scene.pte) {
            Pte::Valid(valid) => return self.valid_fault(scene, waiter, valid),
            Pte::None | Pte::Gone => {
                let region = self.spaces.get(scene.space).region(scene.region);
                match region.section_page(scene.page) {
                    Some((section, page)) => self.prototype_fault(scene, waiter, section, page),
                    None => self.demand_zero_fault(scene, waiter),
                }
            }
            elsewhere => self.bring_back(scene, scene.pte, waiter, elsewhere),
        };
        // What is mapped now can be read; the copy that a write makes is still to come.
        let copies = waiter.writes() && scene.protection.copies_on_write();
        if outcome == Outcome::Resolved && copies { Outcome::Again } else { outcome }
    }

    /// A page that has contents somewhere; `pte` says where, and is the space's or a prototype PTE.
    pub(crate) fn bring_back(
        &mut self,
        scene: Scene,
        pte: PteAddress,
        waiter: &mut Waiter,
        elsewhere: Pte,
    ) -> Outcome {
        match elsewhere {
            Pte::Transition(pfn) => self.transition_fault(scene, waiter, pfn),
            Pte::Store(entry) => self.stored_fault(scene, pte, waiter, entry),
            Pte::Lost(code) => {
                let error = crate::input::IoError(code);
                self.count(scene.space, |counters| counters.in_page_errors += 1);
                Outcome::Raised(Exception::InPage { address: waiter.address, error })
            }
            Pte::PageFile(_) | Pte::None | Pte::Gone | Pte::Valid(_) => {
                self.hard_fault(scene, pte, waiter)
            }
        }
    }

    /// Finds region and PTE of a fault, and refuses what must not be.
    fn scene(&mut self, waiter: &Waiter) -> Result<Scene, Outcome> {
        let (space, page) = (waiter.space, waiter.page());
        let violation = |manager: &mut Self| {
            manager.count(space, |counters| counters.violations += 1);
            let (address, access) = (waiter.address, waiter.access);
            Outcome::Raised(Exception::AccessViolation { address, access })
        };
        let Some(region) = self.spaces.region_at(space, page) else { return Err(violation(self)) };
        let PageUse::Committed(protection) = self.page_use(space, region, page) else {
            return Err(violation(self));
        };
        // Any attempt finds the guard, one that the protection forbids as well.
        if protection.is_guard() {
            // A lock is refused by a guard page and leaves it as it is.
            if let Goal::Lock { .. } = waiter.goal {
                let (address, access) = (waiter.address, waiter.access);
                return Err(Outcome::Raised(Exception::GuardPage { address, access }));
            }
            return Err(self.guard_fault(waiter, region));
        }
        if !protection.allows(waiter.access) {
            return Err(violation(self));
        }
        let Some(pte) = self.pte_for(space, region, page) else {
            return Err(Outcome::Raised(Exception::NoMemory { address: waiter.address }));
        };
        Ok(Scene { space, page, region, protection, pte })
    }

    /// Whether the access that a thread waits for is still allowed.
    pub(crate) fn may_access(&self, waiter: &Waiter) -> bool {
        let (space, page) = (waiter.space, waiter.page());
        let region = self.spaces.find(space).and_then(|holder| holder.region_at(page));
        let page_use = region.map(|region| self.page_use(space, region, page));
        matches!(page_use, Some(PageUse::Committed(protection))
            if protection.allows(waiter.access) && !protection.is_guard())
    }

    /// What a page is, by its region and, for a view, by its section.
    pub(crate) fn page_use(&self, space: SpaceId, region: u32, page: u64) -> PageUse {
        let region = self.spaces.get(space).region(region);
        match region.section_page(page) {
            Some((id, index)) if !self.sections.get(id).is_committed(index) => PageUse::Reserved,
            _ => region.page_use(page),
        }
    }

    /// The PTE of a page of a region, its tables made where they are missing; `None` where the pool
    /// has no room for them.
    pub(crate) fn pte_for(&mut self, space: SpaceId, number: u32, page: u64) -> Option<PteAddress> {
        let holder = self.spaces.get_mut(space);
        holder.region_mut(number).is_touched = true;
        let root = holder.root;
        if let Some(pte) = self.tables.find(space, root, Vpn(page)) {
            return Some(pte);
        }
        let tables = self.tables.missing(root, page);
        let pool = crate::pools::PoolKind::NonPaged;
        self.pools.charge(pool, tables * TABLE_BYTES).ok()?;
        self.spaces.get_mut(space).tables += tables;
        Some(self.tables.ensure(space, root, Vpn(page)))
    }

    /// Counts something for a space and for the machine.
    pub(crate) fn count(&mut self, space: SpaceId, note: impl Fn(&mut crate::counters::Counters)) {
        note(&mut self.counters);
        if let Some(space) = self.spaces.find_mut(space) {
            note(&mut space.counters);
        }
    }

    /// Counts a fault, unless it is the second half of one that was.
    pub(crate) fn count_fault(
        &mut self,
        waiter: &mut Waiter,
        note: impl Fn(&mut crate::counters::Counters),
    ) {
        if !waiter.is_counted {
            self.count(waiter.space, note);
            waiter.is_counted = true;
        }
    }

    /// Lets threads that wait for a frame try again, in their order; whether any got on.
    pub(crate) fn serve_waiting(&mut self) -> bool {
        let mut progress = false;
        while self.frames.available() > 0 {
            let Some(waiter) = self.waiting.pop_front() else { break };
            let before = self.waiting.len();
            self.fault(waiter);
            if self.waiting.len() > before {
                // It is the last in the queue now, and was the first.
                self.waiting.rotate_right(1);
                break;
            }
            progress = true;
        }
        let is_idle = self.operations.writes() == 0 && self.operations.reads() == 0;
        if !progress && is_idle && !self.page_files.is_growing() {
            return self.give_up_waiting();
        }
        progress
    }

    /// Nothing is on its way that could end the wait of the first thread.
    fn give_up_waiting(&mut self) -> bool {
        let trimmed = self.counters.trimmed;
        self.reclaim(true);
        if self.frames.available() > 0 || self.counters.trimmed > trimmed {
            return true;
        }
        let Some(waiter) = self.waiting.pop_front() else { return false };
        if !self.may_access(&waiter) {
            // What it waited for was freed or protected meanwhile.
            self.fault(waiter);
            return true;
        }
        let exception = Exception::NoMemory { address: waiter.address };
        self.emit(Output::Raise { thread: waiter.thread, exception });
        true
    }
}

impl Waiter {
    /// Whether the page is wanted for writing.
    pub(crate) const fn writes(&self) -> bool {
        matches!(self.access, Access::Write)
    }
}
