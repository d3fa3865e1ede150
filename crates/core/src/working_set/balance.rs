//! The balance set manager: once a second, and whenever available memory is low, it ages pages and
//! takes some from the working sets, most from those that are large and idle.
//!
//! Source: *Windows Internals*, "Balance set manager and swapper"; how much each gives is ours.

use crate::manager::Manager;
use crate::page::SpaceId;
use crate::pfn::PageState;
use crate::space::Space;
use crate::space::pte::{ACCESSED, Pte};
use crate::working_set::list::{AGES, Queue};

/// Attempts on demand to leave out after one that found too little.
const REST: u32 = 64;

/// How much a space can give, and how readily it should.
fn weight(space: &Space, keeps_minimum: bool) -> u64 {
    let list = &space.working_set;
    let movable = list.len() - list.len_of(Queue::Locked);
    let kept = if keeps_minimum || space.limits.is_minimum_hard { space.limits.minimum } else { 0 };
    let excess = list.len().saturating_sub(kept).min(movable);
    let ages = (0u64..).zip(list.ages()).map(|(age, count)| age * u64::from(*count)).sum::<u64>();
    // A page as old as can be counts eight times as much as one used just now.
    let idleness = 1 + ages / u64::from(list.len().max(1));
    u64::from(excess) * idleness.min(AGES as u64)
}

impl Manager {
    /// A round of the balance set manager.
    pub(crate) fn balance_round(&mut self) {
        self.balance.next = self.now.after(self.config.policy.balance_period);
        self.balance.rest = 0;
        for number in 0..self.spaces.end() {
            if self.spaces.find(SpaceId(number)).is_some() {
                self.age(SpaceId(number), true);
            }
        }
        self.trim_to_goal();
        self.age_modified();
    }

    /// Moves the marks of use from the PTEs of one batch of pages into their ages.
    pub(crate) fn age(&mut self, space: SpaceId, resets: bool) {
        let list = &mut self.spaces.get_mut(space).working_set;
        let batch = list.capacity().min(self.config.policy.age_batch as usize);
        for _ in 0..batch {
            let Some(index) = list.advance_hand() else { continue };
            let pte = list.pte(index);
            let Pte::Valid(valid) = self.tables.get(pte) else {
                panic!("working-set entry {index} of space {} has no valid PTE", space.0)
            };
            list.note_use(index, valid.has(ACCESSED));
            if resets {
                self.tables.set(pte, Pte::Valid(valid.with(ACCESSED, false)));
            }
        }
    }

    /// Trims at once because available memory is low.
    pub(crate) fn trim_on_demand(&mut self) {
        if self.balance.rest > 0 {
            self.balance.rest -= 1;
            return;
        }
        if !self.trim_to_goal() {
            self.balance.rest = REST;
        }
    }

    /// Pages that are missing until enough are available or on their way to be.
    fn shortage(&self) -> u64 {
        let coming = self.frames.count(PageState::Modified) + self.writer.in_flight;
        let there = u64::from(self.frames.available()) + u64::from(coming);
        u64::from(self.config.policy.available_goal).saturating_sub(there)
    }

    /// Takes pages from all working sets in proportion; whether that was enough.
    fn trim_to_goal(&mut self) -> bool {
        // Rounded up for each space, so the second pass only serves spaces with locked pages.
        for _ in 0..2 {
            let wanted = self.shortage();
            if wanted == 0 {
                return true;
            }
            let sum: u64 = self.spaces.iter().map(|(_, space)| weight(space, true)).sum();
            if sum == 0 {
                return false;
            }
            for number in 0..self.spaces.end() {
                let id = SpaceId(number);
                let Some(space) = self.spaces.find(id) else { continue };
                let share = (wanted * weight(space, true)).div_ceil(sum);
                let excess = space.working_set.len().saturating_sub(space.limits.minimum);
                for _ in 0..share.min(u64::from(excess)) {
                    if self.trim_one(id).is_none() {
                        break;
                    }
                }
            }
        }
        self.shortage() == 0
    }

    /// Trims until a frame is available. The minimums hold as long as some page is on its way to
    /// be, unless this is the last resort: that page may have nowhere to go.
    pub(crate) fn reclaim(&mut self, is_last_resort: bool) {
        /// A bound on the dirty pages that are trimmed, or being written, in search of a clean one;
        /// a small machine must not lose all of its working sets to one fault.
        const ATTEMPTS: u32 = 64;
        let attempts = ATTEMPTS.min(self.frames.len() / 8);
        let coming =
            |manager: &Self| manager.frames.count(PageState::Modified) + manager.writer.in_flight;
        for _ in 0..attempts.saturating_sub(coming(self)).max(1) {
            let heaviest = |keeps_minimum: bool| {
                let weighed = self.spaces.iter().map(|(id, s)| (weight(s, keeps_minimum), id));
                weighed.filter(|(weight, _)| *weight > 0).max().map(|(_, id)| id)
            };
            let breaks_minimums = is_last_resort || coming(self) == 0;
            let below = || if breaks_minimums { heaviest(false) } else { None };
            let Some(space) = heaviest(true).or_else(below) else { return };
            if self.trim_one(space).is_none() || self.frames.available() > 0 {
                return;
            }
        }
    }

    /// Lets a space replace a page of its own, if it has as many as it may.
    pub(crate) fn make_room(&mut self, space: SpaceId) {
        let limits = self.spaces.get(space).limits;
        let is_plentiful = self.frames.available() > self.config.policy.available_goal;
        if is_plentiful && !limits.is_maximum_hard {
            return;
        }
        if self.spaces.get(space).working_set.len() >= limits.maximum {
            self.trim_one(space);
        }
    }
}
