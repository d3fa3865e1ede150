//! I/O in progress: what was begun, for which frames, and who waits for it.
//!
//! # Invariants
//! - An operation is in the table from its output until its completion.
//! - Operations and their lists are reused, so that I/O allocates nothing once warm.

use alloc::vec::Vec;

use crate::page::{Pfn, SectionId, SpaceId, narrow};
use crate::space::pte::Slot;
use crate::waiter::Waiter;

/// An operation, by its number; the completion echoes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OperationId(pub u32);

/// Where a cluster lies outside memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Source {
    /// In a page file, from this slot on.
    PageFile(Slot),
    /// In the file of a section, from this page on.
    File {
        /// The section.
        section: SectionId,
        /// The first page.
        page: u64,
    },
}

impl Source {
    /// The place of the page that lies so many pages further.
    #[must_use]
    pub const fn plus(self, pages: u32) -> Self {
        match self {
            Self::PageFile(slot) => {
                Self::PageFile(Slot { number: slot.number + pages, file: slot.file })
            }
            Self::File { section, page } => Self::File { section, page: page + pages as u64 },
        }
    }
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Work {
    Read(Source),
    Write(Source),
    Compress,
    Extend { file: u8 },
}

/// An operation in progress.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Operation {
    pub(crate) work: Option<Work>,
    pub(crate) frames: Vec<Pfn>,
    pub(crate) waiters: Vec<Waiter>,
}

/// All operations in progress.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Operations {
    table: Vec<Operation>,
    unused: Vec<u32>,
    /// Lists of waiters that were served, for reads to come.
    #[cfg_attr(feature = "serde", serde(skip))]
    lists: Vec<Vec<Waiter>>,
    reads: u32,
    writes: u32,
    /// Pages that a new operation has room for.
    cluster: usize,
}

impl Operations {
    /// No operations; each will have room for a cluster of so many pages, and can grow.
    pub(crate) fn new(cluster: u32) -> Self {
        /// More is reserved when it is needed.
        const MOST: u32 = 512;
        let cluster = cluster.min(MOST) as usize;
        let (table, unused, lists) = (Vec::new(), Vec::new(), Vec::new());
        Self { table, unused, lists, reads: 0, writes: 0, cluster }
    }

    /// Begins an operation without frames.
    pub(crate) fn begin(&mut self, work: Work) -> OperationId {
        match work {
            Work::Read(_) => self.reads += 1,
            Work::Write(_) | Work::Compress => self.writes += 1,
            Work::Extend { .. } => {}
        }
        let number = self.unused.pop().unwrap_or_else(|| self.grow());
        let operation = &mut self.table[number as usize];
        operation.work = Some(work);
        if matches!(work, Work::Read(_)) && operation.waiters.capacity() == 0 {
            operation.waiters = self.lists.pop().unwrap_or_default();
        }
        OperationId(number)
    }

    /// One more place than there ever was, with lists for it: later ones find them when they need
    /// them, whichever operations coincide.
    fn grow(&mut self) -> u32 {
        /// Threads that wait for one read, mostly.
        const WAITERS: usize = 4;
        let frames = Vec::with_capacity(self.cluster);
        self.table.push(Operation { work: None, frames, waiters: Vec::new() });
        self.lists.push(Vec::with_capacity(WAITERS));
        narrow(self.table.len() - 1)
    }

    /// Ends an operation; its place is given back with [`Operations::recycle`].
    pub(crate) fn end(&mut self, id: OperationId) -> Option<Operation> {
        let operation = self.table.get_mut(id.0 as usize)?;
        let work = operation.work.take()?;
        match work {
            Work::Read(_) => self.reads -= 1,
            Work::Write(_) | Work::Compress => self.writes -= 1,
            Work::Extend { .. } => {}
        }
        let ended = Operation {
            work: Some(work),
            frames: core::mem::take(&mut operation.frames),
            waiters: core::mem::take(&mut operation.waiters),
        };
        Some(ended)
    }

    /// Gives the place and the lists of an ended operation back.
    pub(crate) fn recycle(&mut self, id: OperationId, mut ended: Operation) {
        ended.frames.clear();
        ended.waiters.clear();
        ended.work = None;
        self.table[id.0 as usize] = ended;
        self.unused.push(id.0);
    }

    /// Keeps a list of waiters that were served.
    pub(crate) fn keep_list(&mut self, mut waiters: Vec<Waiter>) {
        waiters.clear();
        self.lists.push(waiters);
    }

    pub(crate) fn get(&self, id: OperationId) -> Option<&Operation> {
        self.table.get(id.0 as usize).filter(|operation| operation.work.is_some())
    }

    pub(crate) fn get_mut(&mut self, id: OperationId) -> Option<&mut Operation> {
        self.table.get_mut(id.0 as usize).filter(|operation| operation.work.is_some())
    }

    /// Everything in progress, in the order of the numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (OperationId, &Operation)> {
        let numbered = (0..).map(OperationId).zip(&self.table);
        numbered.filter(|(_, operation)| operation.work.is_some())
    }

    pub(crate) const fn reads(&self) -> u32 {
        self.reads
    }

    /// Writes and compressions in progress.
    pub(crate) const fn writes(&self) -> u32 {
        self.writes
    }

    /// Takes the threads off every list that wait for pages of a space.
    pub(crate) fn take_waiters(&mut self, space: SpaceId) -> Vec<Waiter> {
        let of_space = |waiter: &mut Waiter| waiter.space == space;
        let lists = self.table.iter_mut().map(|operation| &mut operation.waiters);
        lists.flat_map(|waiters| waiters.extract_if(.., of_space)).collect()
    }

    /// Forgets a thread that waits for nothing any more.
    pub(crate) fn forget(&mut self, thread: crate::page::ThreadId) {
        for operation in &mut self.table {
            operation.waiters.retain(|waiter| waiter.thread != thread);
        }
    }
}
