//! The working-set list of a space: an entry for each resident page that may be trimmed or locked.
//!
//! Two queues decide what is trimmed first. A page that comes in for the first time waits in
//! *probation*; one that was used again, or that came back soon after it was trimmed, is in *main*,
//! which turns like a clock. Locked pages are in neither.
//!
//! # Invariants
//! - An entry is in exactly one queue, locked, or unused; the lengths count them.
//! - The frame's working-set index finds the entry of the first process that made a page valid;
//!   the hash finds those of all other sharers.

use alloc::string::String;
use alloc::vec::Vec;

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::growth::make_room;
use crate::page::{narrow, wide};
use crate::pfn::{NONE, PteAddress};

/// Ages run from 0, used just now, to 7.
pub(crate) const AGES: usize = 8;

const OLDEST: u8 = 7;

/// Where an entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Queue {
    Probation,
    Main,
    Locked,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Entry {
    pte: PteAddress,
    /// `None` marks an unused entry; its `next` is the next unused one.
    queue: Option<Queue>,
    age: u8,
    /// Used since it last stood at the head of its queue.
    referenced: bool,
    /// Turns of the main queue that it was used in and has not been given for yet.
    turns: u8,
    previous: u32,
    next: u32,
}

#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Ends {
    head: u32,
    tail: u32,
    len: u32,
}

const EMPTY: Ends = Ends { head: NONE, tail: NONE, len: 0 };

/// The list.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct WorkingSetList {
    entries: Vec<Entry>,
    unused: u32,
    /// By [`Queue`].
    queues: [Ends; 3],
    ages: [u32; AGES],
    #[cfg_attr(feature = "serde", serde(with = "crate::saved::map"))]
    shared: HashMap<u64, u32, FxBuildHasher>,
    hand: usize,
}

impl WorkingSetList {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            unused: NONE,
            queues: [EMPTY; 3],
            ages: [0; AGES],
            shared: HashMap::default(),
            hand: 0,
        }
    }

    /// Makes room for so many entries, so many of which another than the frame's index finds.
    pub(crate) fn reserve(&mut self, entries: u64, shared: u64) {
        self.entries.reserve(wide(entries).saturating_sub(self.entries.len()));
        // Of so much room as twice what is in it, a hash map makes more by tidying up.
        self.shared.reserve((2 * wide(shared)).saturating_sub(self.shared.len()));
    }

    pub(crate) fn len(&self) -> u32 {
        self.queues.iter().map(|queue| queue.len).sum()
    }

    pub(crate) const fn len_of(&self, queue: Queue) -> u32 {
        self.queues[queue as usize].len
    }

    /// Entries by age.
    pub(crate) const fn ages(&self) -> &[u32; AGES] {
        &self.ages
    }

    pub(crate) fn insert(&mut self, pte: PteAddress, queue: Queue) -> u32 {
        let entry = Entry {
            pte,
            queue: Some(queue),
            age: 0,
            referenced: false,
            turns: 0,
            previous: NONE,
            next: NONE,
        };
        let index = match self.unused {
            NONE => {
                make_room(&mut self.entries, 1);
                self.entries.push(entry);
                narrow(self.entries.len() - 1)
            }
            index => {
                self.unused = self.entries[index as usize].next;
                self.entries[index as usize] = entry;
                index
            }
        };
        self.ages[0] += 1;
        self.link(index, queue);
        index
    }

    pub(crate) fn remove(&mut self, index: u32) {
        self.unlink(index);
        let entry = &mut self.entries[index as usize];
        self.ages[usize::from(entry.age)] -= 1;
        entry.queue = None;
        entry.next = self.unused;
        self.unused = index;
    }

    /// The entry that stands longest in a queue.
    pub(crate) const fn head(&self, queue: Queue) -> Option<u32> {
        match self.queues[queue as usize].head {
            NONE => None,
            head => Some(head),
        }
    }

    /// The entry that stands behind another in its queue.
    pub(crate) fn after(&self, index: u32) -> Option<u32> {
        match self.entries[index as usize].next {
            NONE => None,
            next => Some(next),
        }
    }

    /// Moves an entry to the end of a queue.
    pub(crate) fn move_to(&mut self, index: u32, queue: Queue) {
        self.unlink(index);
        self.entries[index as usize].queue = Some(queue);
        self.link(index, queue);
    }

    pub(crate) fn pte(&self, index: u32) -> PteAddress {
        self.entries[index as usize].pte
    }

    pub(crate) fn queue(&self, index: u32) -> Option<Queue> {
        self.entries[index as usize].queue
    }

    pub(crate) fn age(&self, index: u32) -> u8 {
        self.entries[index as usize].age
    }

    /// Takes what was noted of use since the entry last stood at the head of its queue.
    pub(crate) fn take_referenced(&mut self, index: u32) -> bool {
        core::mem::take(&mut self.entries[index as usize].referenced)
    }

    /// Notes that the entry was used in this turn, or takes back a turn in which it was; `false` if
    /// there is none.
    pub(crate) fn note_turn(&mut self, index: u32, used: bool, most: u8) -> bool {
        let turns = &mut self.entries[index as usize].turns;
        let stays = used || *turns > 0;
        *turns = if used { (*turns + 1).min(most) } else { turns.saturating_sub(1) };
        stays
    }

    /// Notes whether the page was used since the last round.
    pub(crate) fn note_use(&mut self, index: u32, used: bool) {
        let entry = &mut self.entries[index as usize];
        self.ages[usize::from(entry.age)] -= 1;
        if used {
            entry.age = 0;
            entry.referenced = true;
        } else {
            entry.age = (entry.age + 1).min(OLDEST);
        }
        self.ages[usize::from(entry.age)] += 1;
    }

    /// The next entry for the ageing hand; each is met once in a turn of `capacity` steps.
    pub(crate) fn advance_hand(&mut self) -> Option<u32> {
        let count = self.entries.len();
        if count == 0 {
            return None;
        }
        self.hand = (self.hand + 1) % count;
        let index = narrow(self.hand);
        self.entries[self.hand].queue.map(|_| index)
    }

    /// How many places the hand passes in one turn.
    pub(crate) fn capacity(&self) -> usize {
        self.entries.len()
    }

    /// Remembers the entry of a sharer that the frame's index does not find.
    pub(crate) fn remember_shared(&mut self, pte: PteAddress, index: u32) {
        self.shared.insert(pte.0, index);
    }

    /// The entry of a page: by the frame's index if that is right, else by hash.
    pub(crate) fn find(&self, pte: PteAddress, hint: u32) -> Option<u32> {
        let hinted = self.entries.get(hint as usize);
        if hinted.is_some_and(|entry| entry.queue.is_some() && entry.pte == pte) {
            return Some(hint);
        }
        self.shared.get(&pte.0).copied()
    }

    /// Forgets the hash entry of a page.
    pub(crate) fn forget_shared(&mut self, pte: PteAddress) {
        if !self.shared.is_empty() {
            self.shared.remove(&pte.0);
        }
    }

    /// All entries in use, in the order of their indices.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, PteAddress)> + '_ {
        let used = (0..).zip(&self.entries).filter(|(_, entry)| entry.queue.is_some());
        used.map(|(index, entry)| (index, entry.pte))
    }

    fn link(&mut self, index: u32, queue: Queue) {
        let ends = &mut self.queues[queue as usize];
        let tail = ends.tail;
        ends.tail = index;
        ends.len += 1;
        if tail == NONE {
            ends.head = index;
        } else {
            self.entries[tail as usize].next = index;
        }
        let entry = &mut self.entries[index as usize];
        entry.previous = tail;
        entry.next = NONE;
    }

    fn unlink(&mut self, index: u32) {
        let Entry { queue, previous, next, .. } = self.entries[index as usize];
        let Some(queue) = queue else { panic!("working-set entry {index} is not in use") };
        let ends = &mut self.queues[queue as usize];
        ends.len -= 1;
        if previous == NONE {
            ends.head = next;
        } else {
            self.entries[previous as usize].next = next;
        }
        let ends = &mut self.queues[queue as usize];
        if next == NONE {
            ends.tail = previous;
        } else {
            self.entries[next as usize].previous = previous;
        }
    }

    /// Proves the queues and the counts.
    pub(crate) fn verify(&self) -> Result<(), String> {
        let mut ages = [0; AGES];
        let mut used = 0;
        for entry in self.entries.iter().filter(|entry| entry.queue.is_some()) {
            ages[usize::from(entry.age)] += 1;
            used += 1;
        }
        if ages != self.ages {
            return Err(alloc::format!("ages are {:?}, entries say {ages:?}", self.ages));
        }
        let mut linked = 0;
        for queue in [Queue::Probation, Queue::Main, Queue::Locked] {
            let ends = self.queues[queue as usize];
            let (mut at, mut before, mut length) = (ends.head, NONE, 0);
            while at != NONE && length <= ends.len {
                let entry = &self.entries[at as usize];
                if entry.queue != Some(queue) || entry.previous != before {
                    return Err(alloc::format!("entry {at} does not belong in {queue:?}"));
                }
                (before, at) = (at, entry.next);
                length += 1;
            }
            if length != ends.len || ends.tail != before {
                return Err(alloc::format!("{queue:?} says {}, not {length}", ends.len));
            }
            linked += length;
        }
        if linked != used {
            return Err(alloc::format!("{used} entries in use, {linked} in queues"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_used_in_several_turns_outlives_one_used_in_one() {
        let mut list = WorkingSetList::new();
        let turns_left = |list: &mut WorkingSetList, used: u32| {
            let index = list.insert(PteAddress(7), Queue::Main);
            assert!((0..used).all(|_| list.note_turn(index, true, 3)));
            (0..10).take_while(|_| list.note_turn(index, false, 3)).count()
        };
        let left = [0, 1, 2, 3, 9].map(|used| turns_left(&mut list, used));
        assert_eq!(left, [0, 1, 2, 3, 3]);
    }
}
