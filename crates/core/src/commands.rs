//! The memory-list commands, and the query that shows the lists.
//!
//! Source: `SYSTEM_MEMORY_LIST_COMMAND` and `SYSTEM_MEMORY_LIST_INFORMATION`, as RAMMap and
//! *Windows Internals* show them.

use crate::lists::{InUse, MemoryLists, STANDBY_PRIORITIES};
use crate::manager::Manager;
use crate::page::{SpaceId, bytes};
use crate::pfn::PageState;
use crate::units::Bytes;

/// The six commands, by Windows' numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
pub enum ListCommand {
    /// `MemoryCaptureAccessedBits`: notes in the ages of pages which were used.
    CaptureAccessedBits,
    /// `MemoryCaptureAndResetAccessedBits`: the same, and forgets it in the PTEs.
    CaptureAndResetAccessedBits,
    /// `MemoryEmptyWorkingSets`: trims every page that is not locked.
    EmptyWorkingSets,
    /// `MemoryFlushModifiedList`: writes every modified page.
    FlushModifiedList,
    /// `MemoryPurgeStandbyList`: makes every standby page free.
    PurgeStandbyList,
    /// `MemoryPurgeLowPriorityStandbyList`: the same for priority 0.
    PurgeLowPriorityStandbyList,
}

impl ListCommand {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] = [
        Self::CaptureAccessedBits,
        Self::CaptureAndResetAccessedBits,
        Self::EmptyWorkingSets,
        Self::FlushModifiedList,
        Self::PurgeStandbyList,
        Self::PurgeLowPriorityStandbyList,
    ];
}

/// The lists, in pages: `SYSTEM_MEMORY_LIST_INFORMATION`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ListCounts {
    /// Zeroed pages.
    pub zeroed: u32,
    /// Free pages.
    pub free: u32,
    /// Modified pages.
    pub modified: u32,
    /// Modified pages that must not be written yet.
    pub modified_no_write: u32,
    /// Bad pages.
    pub bad: u32,
    /// Standby pages by priority.
    pub standby: [u32; STANDBY_PRIORITIES],
    /// Standby pages that got another owner, by priority, since the beginning.
    pub repurposed: [u64; STANDBY_PRIORITIES],
    /// Modified pages that go to a page file.
    pub modified_page_file: u32,
}

impl Manager {
    /// Carries out a memory-list command; how many pages it looked at or moved, for a flush how
    /// many are to be written.
    pub fn command(&mut self, command: ListCommand) -> u64 {
        let moved = match command {
            ListCommand::CaptureAccessedBits => self.capture(false),
            ListCommand::CaptureAndResetAccessedBits => self.capture(true),
            ListCommand::EmptyWorkingSets => self.empty_all(),
            ListCommand::FlushModifiedList => {
                self.flush_modified();
                u64::from(self.frames.count(PageState::Modified))
            }
            ListCommand::PurgeStandbyList => (0..STANDBY_PRIORITIES).map(|p| self.purge(p)).sum(),
            ListCommand::PurgeLowPriorityStandbyList => self.purge(0),
        };
        self.settle();
        moved
    }

    fn capture(&mut self, resets: bool) -> u64 {
        let mut pages = 0;
        for number in 0..self.spaces.end() {
            let id = SpaceId(number);
            let Some(space) = self.spaces.find(id) else { continue };
            let len = space.working_set.capacity();
            let batch = self.config.policy.age_batch.max(1) as usize;
            for _ in 0..len.div_ceil(batch) {
                self.age(id, resets);
            }
            pages += u64::from(self.spaces.get(id).working_set.len());
        }
        pages
    }

    fn empty_all(&mut self) -> u64 {
        let mut trimmed = 0;
        for number in 0..self.spaces.end() {
            if self.spaces.find(SpaceId(number)).is_some() {
                trimmed += u64::from(self.empty_space(SpaceId(number)));
            }
        }
        trimmed
    }

    fn purge(&mut self, priority: usize) -> u64 {
        let mut purged = 0;
        while let Some(pfn) = self.frames.standby_head(priority) {
            let entry = self.frames.entry(pfn);
            self.tables.set_word(entry.pte(), entry.original());
            self.free_frame(pfn);
            purged += 1;
        }
        purged
    }

    /// The lists, in pages.
    #[must_use]
    pub fn list_counts(&self) -> ListCounts {
        let count = |state| self.frames.count(state);
        let mut counts = ListCounts {
            zeroed: count(PageState::Zeroed),
            free: count(PageState::Free),
            modified: count(PageState::Modified),
            modified_no_write: count(PageState::ModifiedNoWrite),
            bad: count(PageState::Bad),
            repurposed: self.repurposed,
            modified_page_file: self.frames.modified_page_file(),
            ..ListCounts::default()
        };
        for (priority, standby) in counts.standby.iter_mut().enumerate() {
            *standby = self.frames.standby_count(priority);
        }
        counts
    }

    /// The lists in the words that every world shares, in bytes. The pools take no frames, so they
    /// are not part of what is in use.
    #[must_use]
    pub fn lists(&self) -> MemoryLists {
        let size = |pages: u32| Some(Bytes(bytes(u64::from(pages))));
        let count = |state| size(self.frames.count(state));
        let counts = self.list_counts();
        let active =
            self.frames.count(PageState::Active) + self.frames.count(PageState::Transition);
        MemoryLists {
            total: size(self.frames.len()),
            zeroed: count(PageState::Zeroed),
            free: count(PageState::Free),
            modified: count(PageState::Modified),
            modified_no_write: count(PageState::ModifiedNoWrite),
            standby: count(PageState::Standby),
            standby_by_priority: Some(counts.standby.map(|p| Bytes(bytes(u64::from(p))))),
            modified_page_file: size(self.frames.modified_page_file()),
            repurposed_by_priority: Some(counts.repurposed.map(|p| Bytes(bytes(p)))),
            bad: count(PageState::Bad),
            in_use: InUse { anonymous: size(active), ..InUse::default() },
        }
    }
}
