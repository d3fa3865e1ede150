//! The threads of a run, and what they wait for.

use std::collections::BTreeMap;
use std::ops::Range;

use memtide_core::page::{Access, PAGE_SHIFT, SpaceId, ThreadId};

use crate::oracle::Span;

/// What a thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) space: SpaceId,
    pub(super) address: u64,
    pub(super) access: Access,
    pub(super) written: Option<u64>,
    /// The pages that it locks, where it does.
    pub(super) lock: Option<Span>,
}

impl Wish {
    /// The pages that it is about.
    pub(super) fn pages(&self) -> Range<u64> {
        let page = self.address >> PAGE_SHIFT;
        self.lock.map_or(page..page + 1, |span| span.first..span.first + span.pages)
    }
}

/// A thread.
#[derive(Clone, Copy, Debug)]
pub(super) struct Thread {
    pub(super) process: u32,
    pub(super) wish: Option<Wish>,
}

/// The threads that live.
#[derive(Clone, Debug, Default)]
pub(super) struct Threads(BTreeMap<ThreadId, Thread>);

impl Threads {
    /// A thread begins; `false` where one of its number lives.
    pub(super) fn begin(&mut self, thread: ThreadId, process: u32) -> bool {
        let is_new = !self.0.contains_key(&thread);
        if is_new {
            self.0.insert(thread, Thread { process, wish: None });
        }
        is_new
    }

    pub(super) fn end(&mut self, thread: ThreadId) -> Option<Thread> {
        self.0.remove(&thread)
    }

    pub(super) fn get(&self, thread: ThreadId) -> Option<&Thread> {
        self.0.get(&thread)
    }

    pub(super) fn get_mut(&mut self, thread: ThreadId) -> Option<&mut Thread> {
        self.0.get_mut(&thread)
    }

    /// The threads of a process.
    pub(super) fn of(&self, process: u32) -> Vec<ThreadId> {
        let own = self.0.iter().filter(|(_, thread)| thread.process == process);
        own.map(|(id, _)| *id).collect()
    }

    /// Threads that wait, with what for.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (ThreadId, Wish)> + '_ {
        self.0.iter().filter_map(|(id, thread)| Some((*id, thread.wish?)))
    }
}
