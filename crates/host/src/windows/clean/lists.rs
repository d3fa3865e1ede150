//! The memory lists as they are (a query of SystemMemoryListInformation).

use super::enabled;
use super::memory_list::MEMORY_LIST;
use crate::Error;
use crate::windows::native::privilege::Privilege;
use crate::windows::native::system_information::query_first;
use bytemuck::AnyBitPattern;
use memtide_core::lists::STANDBY_PRIORITIES;
use std::mem::offset_of;

/// SYSTEM_MEMORY_LIST_INFORMATION, in pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, AnyBitPattern)]
#[repr(C)]
struct Layout {
    zeroed: usize,
    free: usize,
    modified: usize,
    modified_no_write: usize,
    bad: usize,
    standby: [usize; STANDBY_PRIORITIES],
    repurposed: [usize; STANDBY_PRIORITIES],
    /// Since Windows 8.
    modified_page_file: usize,
}

const _: () = assert!(size_of::<Layout>() == 22 * size_of::<usize>());
const _: () = assert!(offset_of!(Layout, standby) == 5 * size_of::<usize>());

/// How many pages lie on each list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lists {
    /// Those on the zeroed and the free list.
    pub(crate) free: u64,
    pub(super) modified: u64,
    /// By priority.
    pub(super) standby: [u64; STANDBY_PRIORITIES],
    /// Those that got another owner since the start, by priority.
    pub(super) repurposed: [u64; STANDBY_PRIORITIES],
}

impl Lists {
    /// The lists.
    ///
    /// # Errors
    /// Without the privilege that reading them takes, and the status of the system, as under Wine.
    pub(crate) fn read() -> Result<Self, Error> {
        let _privilege = enabled(Privilege::ProfileSingleProcess)?;
        // Each Windows takes the size that it knows, and no other.
        let whole = query_first::<Layout>(MEMORY_LIST, size_of::<Layout>());
        let before_8 =
            || query_first::<Layout>(MEMORY_LIST, offset_of!(Layout, modified_page_file));
        let layout = whole.or_else(|status| before_8().map_err(|_| status));
        layout.map(Self::of).map_err(|status| Error::call("NtQuerySystemInformation", status))
    }

    fn of(layout: Layout) -> Self {
        Self {
            free: layout.zeroed as u64 + layout.free as u64,
            modified: layout.modified as u64,
            standby: layout.standby.map(|pages| pages as u64),
            repurposed: layout.repurposed.map(|pages| pages as u64),
        }
    }

    /// The standby list of every priority.
    pub(crate) fn standby_of_all(&self) -> u64 {
        self.standby.iter().fold(0, |sum, pages| sum.saturating_add(*pages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_is_what_is_zeroed_and_what_is_not_and_standby_has_eight_priorities() {
        let layout = Layout {
            zeroed: 10,
            free: 5,
            modified: 3,
            standby: [1; STANDBY_PRIORITIES],
            repurposed: [2; STANDBY_PRIORITIES],
            ..Layout::default()
        };
        let lists = Lists::of(layout);
        assert_eq!((lists.free, lists.modified, lists.standby_of_all()), (15, 3, 8));
        assert_eq!(lists.repurposed, [2; STANDBY_PRIORITIES]);
    }
}
