//! Which page of a working set goes first.
//!
//! The queue of newcomers gives first while it holds more than its share; a page that was used
//! since it last stood at the head of its queue gets a second chance in the main queue.

use core::hint::black_box;

use crate::manager::Manager;
use crate::page::SpaceId;
use crate::pfn::Database;
use crate::space::page_table::PageTables;
use crate::space::pte::{ACCESSED, Pte};
use crate::working_set::list::{Queue, WorkingSetList};

impl Manager {
    /// Trims the page of a space that is worth least; `None` if every page is locked.
    pub(crate) fn trim_one(&mut self, space: SpaceId) -> Option<()> {
        let index = self.victim(space)?;
        self.trim_entry(space, index);
        Some(())
    }

    /// Trims whatever stands first; `false` if every page is locked.
    pub(crate) fn trim_head(&mut self, space: SpaceId) -> bool {
        let list = &self.spaces.get(space).working_set;
        match list.head(Queue::Probation).or(list.head(Queue::Main)) {
            Some(index) => {
                self.trim_entry(space, index);
                true
            }
            None => false,
        }
    }

    fn trim_entry(&mut self, space: SpaceId, index: u32) {
        self.unmap_page(space, index);
        self.counters.trimmed += 1;
        self.spaces.get_mut(space).counters.trimmed += 1;
    }

    fn victim(&mut self, space: SpaceId) -> Option<u32> {
        let share = u64::from(self.config.policy.probation_permille);
        let list = &mut self.spaces.get_mut(space).working_set;
        let most = self.config.policy.main_turns_max;
        // Each step takes a mark of use or a turn, so that so many turns find a page without.
        let steps = (2 + u64::from(most)) * u64::from(list.len()) + 1;
        for _ in 0..steps {
            let newcomers = list.len_of(Queue::Probation);
            let over = u64::from(newcomers) * 1000 > share * u64::from(list.len());
            let queue =
                if over || list.len_of(Queue::Main) == 0 { Queue::Probation } else { Queue::Main };
            let index = list.head(queue)?;
            let pte = list.pte(index);
            look_ahead(list, &self.tables, &self.frames, index);
            let Pte::Valid(valid) = self.tables.get(pte) else {
                panic!("working-set entry {index} of space {} has no valid PTE", space.0)
            };
            let used = list.take_referenced(index) | valid.has(ACCESSED);
            let stays = match queue {
                Queue::Main => list.note_turn(index, used, most),
                _ => used,
            };
            if !stays {
                return Some(index);
            }
            self.tables.set(pte, Pte::Valid(valid.with(ACCESSED, false)));
            list.move_to(index, Queue::Main);
        }
        list.head(Queue::Probation).or(list.head(Queue::Main))
    }
}

/// Reads what the looks to come need while this one goes on: the PTE of the entry after the next,
/// and the frame of the next. They are far from the processor, and nothing waits for them here.
fn look_ahead(list: &WorkingSetList, tables: &PageTables, frames: &Database, index: u32) {
    let Some(next) = list.after(index) else { return };
    if let Pte::Valid(valid) = tables.get(list.pte(next)) {
        black_box(frames.entry(valid.pfn()).original());
    }
    if let Some(second) = list.after(next) {
        black_box(tables.word(list.pte(second)));
    }
}
