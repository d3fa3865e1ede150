//! The memory lists as they are, read with the privilege that it takes.

use super::enabled;
use crate::Error;
use crate::windows::memory_lists;
use crate::windows::native::memory::global_memory_status;
use crate::windows::native::privilege::Privilege;
use memtide_core::lists::MemoryLists;
use memtide_core::units::Bytes;

/// The lists.
///
/// # Errors
/// Without SeProfileSingleProcessPrivilege, and the status of the system, as under Wine.
pub(crate) fn read() -> Result<MemoryLists, Error> {
    let _privilege = enabled(Privilege::ProfileSingleProcess)?;
    let total = global_memory_status().ok().map(|status| Bytes(status.ullTotalPhys));
    memory_lists::read(MemoryLists { total, ..MemoryLists::default() })
        .map_err(|status| Error::call("NtQuerySystemInformation", status))
}

/// What is on the zeroed and the free list.
pub(crate) fn free(lists: &MemoryLists) -> Option<Bytes> {
    Some(lists.zeroed?.saturating_add(lists.free?))
}
