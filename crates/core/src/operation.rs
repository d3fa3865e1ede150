//! I/O in progress: what was begun, for which frames, and who waits for it.
//!
//! # Invariants
//! - An operation is in the table from its output until its completion.
//! - Operations and their lists are reused, so that I/O allocates nothing once warm.

use alloc::vec::Vec;

use crate::input::Compressed;
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
}

/// All operations in progress.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Operations {
    table: Vec<Operation>,
    unused: Vec<u32>,
    /// Threads that wait for a read, and for which, in the order they came.
    waiters: Vec<(OperationId, Waiter)>,
    /// Room for those of one read, while they are served.
    #[cfg_attr(feature = "serde", serde(skip))]
    served: Vec<Waiter>,
    /// Lists for what compressions come to.
    #[cfg_attr(feature = "serde", serde(skip))]
    pages: Vec<Vec<Compressed>>,
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
        Self {
            table: Vec::new(),
            unused: Vec::new(),
            waiters: Vec::new(),
            served: Vec::new(),
            pages: Vec::new(),
            reads: 0,
            writes: 0,
            cluster,
        }
    }

    /// Makes room for so many operations and threads that wait, so that neither allocates.
    pub(crate) fn reserve(&mut self, operations: u32, waiters: usize) {
        /// Compressions are in progress one at a time, mostly.
        const LISTS: usize = 8;
        let first = self.table.len();
        for number in first..first.max(operations as usize) {
            self.grow();
            self.unused.push(narrow(number));
        }
        // The lowest numbers go first.
        self.unused.reverse();
        self.waiters.reserve(waiters);
        self.served.reserve(waiters);
        self.pages.extend((0..LISTS).map(|_| Vec::with_capacity(self.cluster)));
    }

    /// A list with room for a cluster.
    pub(crate) fn take_pages(&mut self) -> Vec<Compressed> {
        self.pages.pop().unwrap_or_else(|| Vec::with_capacity(self.cluster))
    }

    /// Keeps a list to be used again, where there is room for it.
    pub(crate) fn keep_pages(&mut self, mut pages: Vec<Compressed>) {
        if self.pages.len() < self.pages.capacity() && pages.capacity() >= self.cluster {
            pages.clear();
            self.pages.push(pages);
        }
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
        OperationId(number)
    }

    /// One more place than there ever was, and room to give it back.
    fn grow(&mut self) -> u32 {
        let frames = Vec::with_capacity(self.cluster);
        self.table.push(Operation { work: None, frames });
        self.unused.reserve(self.table.len() - self.unused.len());
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
        let ended = Operation { work: Some(work), frames: core::mem::take(&mut operation.frames) };
        Some(ended)
    }

    /// Gives the place and the list of an ended operation back.
    pub(crate) fn recycle(&mut self, id: OperationId, mut ended: Operation) {
        ended.frames.clear();
        ended.work = None;
        self.table[id.0 as usize] = ended;
        self.unused.push(id.0);
    }

    /// A thread waits for a read.
    pub(crate) fn join(&mut self, id: OperationId, waiter: Waiter) {
        self.waiters.push((id, waiter));
    }

    /// How many threads wait for a read.
    pub(crate) fn waiters_of(&self, id: OperationId) -> usize {
        self.waiters.iter().filter(|(of, _)| *of == id).count()
    }

    /// Takes the threads that wait for a read, in the order they came; the list goes back with
    /// [`Operations::keep_served`].
    pub(crate) fn take_waiters_of(&mut self, id: OperationId) -> Vec<Waiter> {
        let mut served = core::mem::take(&mut self.served);
        let of_read = self.waiters.extract_if(.., |(of, _)| *of == id);
        served.extend(of_read.map(|(_, waiter)| waiter));
        served
    }

    /// Keeps the list of waiters that were served.
    pub(crate) fn keep_served(&mut self, mut waiters: Vec<Waiter>) {
        waiters.clear();
        self.served = waiters;
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
        let of_space = self.waiters.extract_if(.., |(_, waiter)| waiter.space == space);
        of_space.map(|(_, waiter)| waiter).collect()
    }

    /// Forgets a thread that waits for nothing any more.
    pub(crate) fn forget(&mut self, thread: crate::page::ThreadId) {
        self.waiters.retain(|(_, waiter)| waiter.thread != thread);
    }
}
