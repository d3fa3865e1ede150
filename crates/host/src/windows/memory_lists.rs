//! The page lists, and what of the memory in use Windows tells apart.

use super::compression::compressed;
use super::native::privilege::{Privilege, enable};
use super::native::status::NtStatus;
use super::native::system_information::{query, query_first};
use bytemuck::AnyBitPattern;
use memtide_core::lists::{InUse, MemoryLists, STANDBY_PRIORITIES};
use memtide_core::units::{Bytes, PAGE_SIZE};
use std::mem::offset_of;

/// SystemMemoryListInformation.
const MEMORY_LISTS: i32 = 80;

/// SystemFileCacheInformation.
const FILE_CACHE: i32 = 21;

/// `SYSTEM_MEMORY_LIST_INFORMATION`, in pages.
#[repr(C)]
#[derive(Clone, Copy, Debug, AnyBitPattern)]
struct MemoryListInformation {
    zeroed: usize,
    free: usize,
    modified: usize,
    modified_no_write: usize,
    bad: usize,
    standby_by_priority: [usize; STANDBY_PRIORITIES],
    repurposed_by_priority: [usize; STANDBY_PRIORITIES],
    modified_page_file: usize,
}

impl MemoryListInformation {
    /// Its size before Windows 8, which counted no modified pages for the page file.
    const BEFORE_WINDOWS_8: usize = offset_of!(Self, modified_page_file);
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<MemoryListInformation>() == 176);
    assert!(MemoryListInformation::BEFORE_WINDOWS_8 == 168);
    assert!(offset_of!(MemoryListInformation, standby_by_priority) == 40);
    assert!(offset_of!(MemoryListInformation, repurposed_by_priority) == 104);
};

#[cfg(target_pointer_width = "32")]
const _: () = {
    assert!(size_of::<MemoryListInformation>() == 88);
    assert!(MemoryListInformation::BEFORE_WINDOWS_8 == 84);
    assert!(offset_of!(MemoryListInformation, standby_by_priority) == 20);
    assert!(offset_of!(MemoryListInformation, repurposed_by_priority) == 52);
};

/// `SYSTEM_FILECACHE_INFORMATION`: sizes in bytes, but for those including transition pages.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, AnyBitPattern)]
pub(super) struct FileCacheInformation {
    current: usize,
    peak: usize,
    faults: u32,
    pub(super) minimum: usize,
    pub(super) maximum: usize,
    current_with_transition_pages: usize,
    peak_with_transition_pages: usize,
    repurposed_in_transition: u32,
    flags: u32,
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<FileCacheInformation>() == 64);
    assert!(offset_of!(FileCacheInformation, minimum) == 24);
    assert!(offset_of!(FileCacheInformation, flags) == 60);
};

#[cfg(target_pointer_width = "32")]
const _: () = {
    assert!(size_of::<FileCacheInformation>() == 36);
    assert!(offset_of!(FileCacheInformation, minimum) == 12);
    assert!(offset_of!(FileCacheInformation, flags) == 32);
};

/// The lists of this machine. What Windows refuses to tell is unknown.
pub(super) fn lists(total: Bytes, nonpaged_pool: Option<Bytes>) -> MemoryLists {
    let in_use = InUse {
        nonpaged_pool,
        file_cache: file_cache(),
        compressed: compressed(),
        ..InUse::default()
    };
    let unlisted = MemoryLists { total: Some(total), in_use, ..MemoryLists::default() };
    read(unlisted).unwrap_or(unlisted)
}

/// The lists of this machine, with what is known besides.
///
/// # Errors
/// The status with which Windows refuses to tell: without SeProfileSingleProcessPrivilege
/// 0xC0000061, under Wine 0xC0000003.
pub(super) fn read(unlisted: MemoryLists) -> Result<MemoryLists, NtStatus> {
    // An administrator's elevated process holds it, but disabled; whoever lacks it is refused.
    let _privilege = enable(Privilege::ProfileSingleProcess).ok();
    read_lists().map(|(information, counted)| listed(unlisted, &information, counted))
}

/// Whether a Windows counts the modified pages that go to the page file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PageFileCount {
    /// Since Windows 8.
    Counted,
    /// Before.
    NotCounted,
}

fn read_lists() -> Result<(MemoryListInformation, PageFileCount), NtStatus> {
    match query(MEMORY_LISTS) {
        Err(NtStatus::INFO_LENGTH_MISMATCH) => {
            let older = query_first(MEMORY_LISTS, MemoryListInformation::BEFORE_WINDOWS_8)?;
            Ok((older, PageFileCount::NotCounted))
        }
        answer => answer.map(|information| (information, PageFileCount::Counted)),
    }
}

fn listed(
    unlisted: MemoryLists,
    information: &MemoryListInformation,
    counted: PageFileCount,
) -> MemoryLists {
    let bytes = |pages: usize| Bytes((pages as u64).saturating_mul(PAGE_SIZE));
    let by_priority = information.standby_by_priority.map(bytes);
    let standby = by_priority.into_iter().fold(Bytes::ZERO, Bytes::saturating_add);
    let lists = MemoryLists {
        zeroed: Some(bytes(information.zeroed)),
        free: Some(bytes(information.free)),
        modified: Some(bytes(information.modified)),
        modified_page_file: (counted == PageFileCount::Counted)
            .then(|| bytes(information.modified_page_file)),
        modified_no_write: Some(bytes(information.modified_no_write)),
        standby: Some(standby),
        standby_by_priority: Some(by_priority),
        repurposed_by_priority: Some(information.repurposed_by_priority.map(bytes)),
        bad: Some(bytes(information.bad)),
        ..unlisted
    };
    // Everything on no list is in use; the lists and the counters are read one after the other, so
    // that less than nothing may be left.
    let rest = lists.unattributed().map(|rest| Bytes(u64::try_from(rest.0).unwrap_or(0)));
    MemoryLists { in_use: InUse { working_sets: rest, ..lists.in_use }, ..lists }
}

/// The working set of the file cache; `None` where none was ever counted.
pub(super) fn file_cache() -> Option<Bytes> {
    let information: FileCacheInformation = query(FILE_CACHE).ok()?;
    (information.peak > 0).then_some(Bytes(information.current as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn information() -> MemoryListInformation {
        MemoryListInformation {
            zeroed: 1,
            free: 2,
            modified: 30,
            modified_no_write: 4,
            bad: 0,
            standby_by_priority: [1, 2, 3, 4, 5, 6, 7, 8],
            repurposed_by_priority: [9, 0, 0, 0, 0, 0, 0, 1],
            modified_page_file: 20,
        }
    }

    fn unlisted() -> MemoryLists {
        let pages = |count| Some(Bytes::from_pages(count));
        let in_use = InUse { nonpaged_pool: pages(10), ..InUse::default() };
        MemoryLists { total: pages(1000), in_use, ..MemoryLists::default() }
    }

    #[test]
    fn the_lists_and_the_working_sets_add_up_to_the_total() {
        let lists = listed(unlisted(), &information(), PageFileCount::Counted);
        let pages = |count| Some(Bytes::from_pages(count));
        assert_eq!((lists.zeroed, lists.free, lists.modified), (pages(1), pages(2), pages(30)));
        assert_eq!((lists.standby, lists.modified_page_file), (pages(36), pages(20)));
        assert_eq!(lists.repurposed_by_priority.map(|all| all[0]), pages(9));
        assert_eq!(lists.in_use.working_sets, pages(1000 - 1 - 2 - 30 - 4 - 36 - 10));
        assert_eq!(lists.unattributed().map(|rest| rest.0), Some(0));
    }

    #[test]
    fn before_windows_8_nobody_counts_what_the_page_file_is_written_with() {
        let lists = listed(unlisted(), &information(), PageFileCount::NotCounted);
        assert_eq!(lists.modified_page_file, None);
        assert_eq!(lists.modified, Some(Bytes::from_pages(30)));
    }

    #[test]
    fn lists_that_windows_refuses_are_unknown_and_not_zero() {
        let lists = match read_lists() {
            Err(NtStatus::INVALID_INFO_CLASS) => lists(Bytes(1 << 30), None),
            Err(status) => panic!("expected lists or 0xC0000003: {status}"),
            Ok(_) => unlisted(),
        };
        let MemoryLists { zeroed, free, modified, standby, standby_by_priority, .. } = lists;
        assert_eq!([zeroed, free, modified, standby], [None; 4]);
        assert_eq!((standby_by_priority, lists.in_use.working_sets), (None, None));
    }
}
