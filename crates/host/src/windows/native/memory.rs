//! What Win32 tells of memory.

use std::io;
use windows_sys::Win32::System::ProcessStatus::{GetPerformanceInfo, PERFORMANCE_INFORMATION};
use windows_sys::Win32::System::SystemInformation::{GlobalMemoryStatusEx, MEMORYSTATUSEX};

/// Physical memory and the page file as they are, in bytes.
///
/// Source: Microsoft's documentation of `GlobalMemoryStatusEx`.
pub(crate) fn global_memory_status() -> io::Result<MEMORYSTATUSEX> {
    let mut status = MEMORYSTATUSEX {
        dwLength: u32::try_from(size_of::<MEMORYSTATUSEX>()).unwrap_or(u32::MAX),
        ..MEMORYSTATUSEX::default()
    };
    // SAFETY: the call writes the structure, whose length it is told.
    if unsafe { GlobalMemoryStatusEx(&raw mut status) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(status)
}

/// Commit, pools and the file cache as they are, in pages of `PageSize` bytes.
///
/// Source: Microsoft's documentation of `GetPerformanceInfo`.
pub(crate) fn performance_info() -> io::Result<PERFORMANCE_INFORMATION> {
    let mut information = PERFORMANCE_INFORMATION::default();
    let size = u32::try_from(size_of::<PERFORMANCE_INFORMATION>()).unwrap_or(u32::MAX);
    information.cb = size;
    // SAFETY: the call writes the structure, whose size it is told.
    if unsafe { GetPerformanceInfo(&raw mut information, size) } == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(information)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_calls_tell_of_the_same_machine() {
        let status = global_memory_status().expect("every Windows has it");
        let information = performance_info().expect("every Windows has it");
        assert_eq!(information.PageSize, 4096);
        let total = information.PhysicalTotal * information.PageSize;
        let difference = (total as u64).abs_diff(status.ullTotalPhys);
        assert!(difference < status.ullTotalPhys / 100, "{total} and {}", status.ullTotalPhys);
        assert!(status.ullAvailPhys <= status.ullTotalPhys);
    }
}
