//! A process: a space, its threads, and where its time went.

use memtide_core::conditions::Condition;
use memtide_core::page::{SpaceId, Tick};
use memtide_core::{Exception, Refusal};

use crate::program::Program;
use crate::reference::Reference;

/// A process, by its number in the order they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub usize);

/// Whether a process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessState {
    /// It runs, or could.
    Alive,
    /// It ended at a moment by itself.
    Done(Tick),
    /// It was killed.
    Killed(Tick),
    /// An exception ended it.
    Crashed(Tick, Exception),
    /// It ended because a call was refused.
    Aborted(Tick, Refusal),
}

/// Where a process's time went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeAccount {
    /// Its own work: references and computing.
    pub own: Tick,
    /// The memory manager's work on its faults and calls.
    pub serviced: Tick,
    /// Waiting for pages.
    pub waited: Tick,
}

impl TimeAccount {
    /// What memory cost it: the time it would not have needed with memory enough.
    #[must_use]
    pub const fn lost(&self) -> Tick {
        self.serviced.after(self.waited)
    }
}

/// A process.
#[derive(Clone, Debug)]
pub struct Process {
    /// What it is called.
    pub name: String,
    /// Its space; gone once it has ended.
    pub space: SpaceId,
    /// When it began, or will.
    pub began: Tick,
    /// Whether the run ends without it.
    pub is_background: bool,
    /// Whether it lives.
    pub state: ProcessState,
    /// The time of one reference.
    pub reference_time: Tick,
    /// Where its time went.
    pub time: TimeAccount,
    /// References made.
    pub references: u64,
    /// Calls that were refused.
    pub refused: u64,
    /// What happened to its space, kept when it ends.
    pub counters: memtide_core::Counters,
    /// The most pages that its working set ever held, kept when it ends.
    pub working_set_peak: u32,
    /// Its threads that have not ended.
    pub(crate) threads_left: usize,
}

/// What a thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ThreadState {
    /// It waits for a processor.
    Ready,
    /// It waits for a page or a lock since a moment.
    Waiting(Tick),
    /// It sleeps.
    Sleeping,
    /// It waits until a condition is set.
    Awaiting(Condition),
    /// It has ended.
    Ended,
}

/// A thread.
pub(crate) struct Thread {
    pub(crate) process: ProcessId,
    pub(crate) state: ThreadState,
    pub(crate) program: Box<dyn Program>,
    /// The references to make.
    pub(crate) batch: Vec<Reference>,
    /// How many of them are made.
    pub(crate) made: usize,
    /// Whether it waits for a lock, not for the next reference.
    pub(crate) is_locking: bool,
}
