//! A step of a run, as data. What a step is about it names by a number of the run's own, so that
//! other steps can be left out: a step about something that is not there does nothing.

use serde::{Deserialize, Serialize};

use crate::contents::Plant;
use crate::injected::FaultKind;

const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// A memory-list command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is a variant of ListCommand, and is documented there")]
pub enum Command {
    CaptureAccessedBits,
    CaptureAndResetAccessedBits,
    EmptyWorkingSets,
    FlushModifiedList,
    PurgeStandbyList,
    PurgeLowPriorityStandbyList,
}

/// A step of a run. Pages are counted from the beginning of their region; protections are Windows'
/// constants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields say what they are in every variant alike")]
pub enum Step {
    /// A process begins, without a thread.
    Begin { process: u32 },
    /// A process is killed, wherever its threads are; they end first, or are told.
    Kill {
        process: u32,
        #[serde(default, skip_serializing_if = "is_false")]
        threads_first: bool,
    },
    /// A thread of a process begins.
    Thread { thread: u32, process: u32 },
    /// A thread ends, in the middle of a fault as well.
    EndThread { thread: u32 },
    /// A thread reads a page.
    Read { thread: u32, region: u32, page: u64 },
    /// A thread fetches an instruction from a page.
    Execute { thread: u32, region: u32, page: u64 },
    /// A thread writes a word to a page.
    Write { thread: u32, region: u32, page: u64, word: u64 },
    /// A thread locks pages.
    Lock { thread: u32, region: u32, page: u64, pages: u64 },
    /// Memory is reserved, and committed.
    Allocate {
        process: u32,
        region: u32,
        pages: u64,
        protection: u32,
        #[serde(default, skip_serializing_if = "is_false")]
        reserved: bool,
        #[serde(default, skip_serializing_if = "is_false")]
        top_down: bool,
        #[serde(default, skip_serializing_if = "is_false")]
        watched: bool,
    },
    /// Addresses for physical pages are reserved.
    Window { process: u32, region: u32, pages: u64 },
    /// A view of a section is mapped; its first page lies at a multiple of 16.
    View { process: u32, region: u32, section: u32, first: u64, pages: u64, protection: u32 },
    /// A region is released, or a view unmapped.
    Free { region: u32 },
    /// Pages are committed.
    Commit { region: u32, page: u64, pages: u64, protection: u32 },
    /// Pages are decommitted.
    Decommit { region: u32, page: u64, pages: u64 },
    /// Pages are protected.
    Protect { region: u32, page: u64, pages: u64, protection: u32 },
    /// Contents are given up, and may be had back.
    Reset { region: u32, page: u64, pages: u64 },
    /// Contents are had back.
    UndoReset { region: u32, page: u64, pages: u64 },
    /// Contents are offered.
    Offer { region: u32, page: u64, pages: u64 },
    /// An offer is taken back.
    Reclaim { region: u32, page: u64, pages: u64 },
    /// Contents are thrown away.
    Discard { region: u32, page: u64, pages: u64 },
    /// Pages are read ahead.
    Prefetch { region: u32, page: u64, pages: u64 },
    /// A page was seen to be used.
    Used { region: u32, page: u64 },
    /// A page is asked about.
    Query { region: u32, page: u64 },
    /// The write watch is asked.
    Watch {
        region: u32,
        page: u64,
        pages: u64,
        most: u64,
        #[serde(default, skip_serializing_if = "is_false")]
        resets: bool,
    },
    /// Pages are unlocked.
    Unlock { region: u32, page: u64, pages: u64 },
    /// A section is made.
    Section {
        section: u32,
        pages: u64,
        protection: u32,
        #[serde(default, skip_serializing_if = "is_false")]
        file: bool,
        #[serde(default, skip_serializing_if = "is_false")]
        reserved: bool,
    },
    /// A section is closed.
    CloseSection { section: u32 },
    /// The writes of a section are held back.
    HoldWrites { section: u32 },
    /// The writes of a section may go on.
    ReleaseWrites { section: u32 },
    /// Physical pages are allocated, no more than a twentieth of memory a process.
    AllocateFrames { process: u32, pages: u64 },
    /// A process frees one of its physical pages.
    FreeFrame { process: u32, which: u32 },
    /// A physical page of the process is mapped into a window.
    MapFrame { region: u32, page: u64, which: u32 },
    /// The limits of a working set: a minimum of 20 pages, and so many at most.
    Limits {
        process: u32,
        most: u64,
        #[serde(default, skip_serializing_if = "is_false")]
        hard: bool,
    },
    /// The priority of a process's pages.
    Priority { process: u32, priority: u8 },
    /// A working set is emptied.
    Empty { process: u32 },
    /// A memory-list command.
    Lists { command: Command },
    /// A frame goes bad.
    MarkBad { frame: u32 },
    /// The processor has nothing better to do than to zero so many pages.
    Zero { pages: u32 },
    /// Time passes up to the next event, and that happens.
    Event {},
    /// Time passes.
    Pass { microseconds: u64 },
    /// Time passes until every thread is answered.
    Rest {},
    /// The next so many operations of a kind fail.
    Fail { what: FaultKind, times: u32 },
    /// The next so many transfers take so much longer.
    Slow { microseconds: u64, times: u32 },
    /// Nothing fails from now on.
    Heal {},
    /// A defect is planted in the world, to prove that it is found.
    Plant { what: Plant },
}
