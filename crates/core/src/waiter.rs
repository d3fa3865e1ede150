//! A thread that waits for a page.

use crate::page::{Access, PAGE_SHIFT, SpaceId, ThreadId};

/// Why a thread wants a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Goal {
    /// It faulted.
    Access,
    /// It locks this page and all up to `end`.
    Lock { end: u64 },
}

/// A thread that waits for a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Waiter {
    pub(crate) thread: ThreadId,
    pub(crate) space: SpaceId,
    /// The address of the fault; any address of the page.
    pub(crate) address: u64,
    pub(crate) access: Access,
    pub(crate) goal: Goal,
    /// The fault has been counted: what follows is its second half.
    pub(crate) is_counted: bool,
    /// It has waited for a frame, and that is counted.
    pub(crate) has_waited: bool,
    /// A cluster with its page failed: the page is read alone.
    pub(crate) reads_alone: bool,
    /// How often there was no frame for the copy of its page.
    pub(crate) copies_delayed: u32,
}

impl Waiter {
    pub(crate) const fn new(
        thread: ThreadId,
        space: SpaceId,
        address: u64,
        access: Access,
        goal: Goal,
    ) -> Self {
        Self {
            thread,
            space,
            address,
            access,
            goal,
            is_counted: false,
            has_waited: false,
            reads_alone: false,
            copies_delayed: 0,
        }
    }

    pub(crate) const fn page(&self) -> u64 {
        self.address >> PAGE_SHIFT
    }
}
