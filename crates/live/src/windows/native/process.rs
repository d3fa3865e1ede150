//! What Windows knows about this process, and the limits of its working set.

use memtide_core::units::Bytes;
use windows_sys::Win32::System::Memory::{
    GetProcessWorkingSetSizeEx, QUOTA_LIMITS_HARDWS_MAX_ENABLE, SetProcessWorkingSetSizeEx,
};
use windows_sys::Win32::System::ProcessStatus::{
    K32EmptyWorkingSet, K32GetProcessMemoryInfo, K32QueryWorkingSetEx, PROCESS_MEMORY_COUNTERS,
    PROCESS_MEMORY_COUNTERS_EX, PSAPI_WORKING_SET_EX_BLOCK, PSAPI_WORKING_SET_EX_INFORMATION,
};
use windows_sys::Win32::System::SystemInformation::{
    GetSystemInfo, GlobalMemoryStatusEx, MEMORYSTATUSEX, SYSTEM_INFO,
};
use windows_sys::Win32::System::Threading::GetCurrentProcess;

use super::{checked, pointer, size};
use crate::windows::status::SystemError;

/// What Windows counts for this process, in bytes but for the faults.
///
/// Source: Microsoft's documentation of `PROCESS_MEMORY_COUNTERS_EX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessMemory {
    /// Page faults, soft ones included; the count wraps around at 2³².
    pub faults: u32,
    /// The working set.
    pub working_set: Bytes,
    /// The largest it has been.
    pub working_set_peak: Bytes,
    /// The commit charge of its private memory.
    pub private: Bytes,
    /// The largest it has been.
    pub private_peak: Bytes,
}

/// The limits of the working set, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::windows) struct WorkingSetLimits {
    pub(in crate::windows) minimum: u64,
    pub(in crate::windows) maximum: u64,
    /// The `QUOTA_LIMITS_` constants.
    pub(in crate::windows) flags: u32,
}

impl WorkingSetLimits {
    /// A maximum that holds however much memory is to be had.
    pub(in crate::windows) const HARD_MAXIMUM: u32 = QUOTA_LIMITS_HARDWS_MAX_ENABLE;
}

/// What all processes share, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::windows) struct SystemMemory {
    pub(in crate::windows) available: u64,
    /// The commit limit of the system, or of this process where that is less.
    pub(in crate::windows) commit_limit: u64,
    /// What this process may still commit.
    pub(in crate::windows) commit_available: u64,
}

pub(in crate::windows) fn working_set_limits() -> Result<WorkingSetLimits, SystemError> {
    let (mut minimum, mut maximum, mut flags) = (0_usize, 0_usize, 0);
    // SAFETY: the pseudo handle of this process; three words of ours are written.
    checked(unsafe {
        let process = GetCurrentProcess();
        GetProcessWorkingSetSizeEx(process, &mut minimum, &mut maximum, &mut flags)
    })?;
    Ok(WorkingSetLimits { minimum: minimum as u64, maximum: maximum as u64, flags })
}

pub(in crate::windows) fn set_working_set_limits(
    limits: WorkingSetLimits,
) -> Result<(), SystemError> {
    let (minimum, maximum) = (size(limits.minimum), size(limits.maximum));
    // SAFETY: the pseudo handle of this process; no bytes of it change.
    checked(unsafe {
        SetProcessWorkingSetSizeEx(GetCurrentProcess(), minimum, maximum, limits.flags)
    })
}

pub(in crate::windows) fn empty_working_set() -> Result<(), SystemError> {
    // SAFETY: as above.
    checked(unsafe { K32EmptyWorkingSet(GetCurrentProcess()) })
}

pub(in crate::windows) fn memory() -> Result<ProcessMemory, SystemError> {
    let mut found = PROCESS_MEMORY_COUNTERS_EX::default();
    let length = u32::try_from(size_of_val(&found)).unwrap_or(u32::MAX);
    found.cb = length;
    let counters = (&raw mut found).cast::<PROCESS_MEMORY_COUNTERS>();
    // SAFETY: at most `length` bytes are written, to a structure of that length.
    checked(unsafe { K32GetProcessMemoryInfo(GetCurrentProcess(), counters, length) })?;
    Ok(ProcessMemory {
        faults: found.PageFaultCount,
        working_set: Bytes(found.WorkingSetSize as u64),
        working_set_peak: Bytes(found.PeakWorkingSetSize as u64),
        // PrivateUsage is the same count, and zero before Windows 7.
        private: Bytes(found.PagefileUsage as u64),
        private_peak: Bytes(found.PeakPagefileUsage as u64),
    })
}

pub(in crate::windows) fn system_memory() -> Result<SystemMemory, SystemError> {
    let mut found = MEMORYSTATUSEX::default();
    found.dwLength = u32::try_from(size_of_val(&found)).unwrap_or(u32::MAX);
    // SAFETY: the structure says its own length.
    checked(unsafe { GlobalMemoryStatusEx(&mut found) })?;
    Ok(SystemMemory {
        available: found.ullAvailPhys,
        commit_limit: found.ullTotalPageFile,
        commit_available: found.ullAvailPageFile,
    })
}

/// The first address that a program may not use.
pub(in crate::windows) fn end_of_addresses() -> u64 {
    let mut found = SYSTEM_INFO::default();
    // SAFETY: a structure of ours is written.
    unsafe { GetSystemInfo(&mut found) };
    found.lpMaximumApplicationAddress.addr() as u64 + 1
}

/// The attributes of pages in the working set, a word each.
pub(in crate::windows) fn working_set_pages(pages: &[u64]) -> Result<Vec<usize>, SystemError> {
    let mut asked: Vec<PSAPI_WORKING_SET_EX_INFORMATION> = pages
        .iter()
        .map(|page| PSAPI_WORKING_SET_EX_INFORMATION {
            VirtualAddress: pointer(*page),
            VirtualAttributes: PSAPI_WORKING_SET_EX_BLOCK { Flags: 0 },
        })
        .collect();
    let length = u32::try_from(size_of_val(asked.as_slice())).unwrap_or(u32::MAX);
    // SAFETY: the entries are read and written in their place, and no others.
    checked(unsafe {
        K32QueryWorkingSetEx(GetCurrentProcess(), asked.as_mut_ptr().cast(), length)
    })?;
    // SAFETY: any bits are a number.
    Ok(asked.iter().map(|entry| unsafe { entry.VirtualAttributes.Flags }).collect())
}
