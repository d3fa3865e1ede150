//! VirtualAlloc and its kin.
//!
//! Each of them changes memory by its address: whoever calls owns the region, or asks for a new
//! one.

use windows_sys::Win32::System::Memory::{
    GetWriteWatch, MEM_COMMIT, MEM_FREE, MEMORY_BASIC_INFORMATION, ResetWriteWatch, VirtualAlloc,
    VirtualFree, VirtualLock, VirtualProtect, VirtualQuery, VirtualUnlock,
};

use super::{checked, last, pointer, size};
use crate::windows::status::SystemError;

/// `WRITE_WATCH_FLAG_RESET`.
const WRITE_WATCH_FLAG_RESET: u32 = 1;

/// What pages are, as far as they are alike.
#[derive(Clone, Copy, Debug)]
pub(in crate::windows) struct Run {
    pub(in crate::windows) base: u64,
    pub(in crate::windows) bytes: u64,
    pub(in crate::windows) is_free: bool,
    pub(in crate::windows) is_committed: bool,
    pub(in crate::windows) allocation_base: u64,
    pub(in crate::windows) allocation_protection: u32,
    pub(in crate::windows) protection: u32,
}

pub(in crate::windows) fn allocate(
    address: u64,
    bytes: u64,
    kind: u32,
    protection: u32,
) -> Result<u64, SystemError> {
    // SAFETY: it reserves what nobody has, or changes pages of a region that the caller owns.
    let base = unsafe { VirtualAlloc(pointer(address), size(bytes), kind, protection) };
    if base.is_null() { Err(last()) } else { Ok(base.addr() as u64) }
}

pub(in crate::windows) fn free(address: u64, bytes: u64, kind: u32) -> Result<(), SystemError> {
    // SAFETY: the caller owns the region, and no reference into what goes is left.
    checked(unsafe { VirtualFree(pointer(address), size(bytes), kind) })
}

pub(in crate::windows) fn protect(
    address: u64,
    bytes: u64,
    protection: u32,
) -> Result<u32, SystemError> {
    let mut before = 0;
    // SAFETY: the caller owns the region; the old protection is written to a word of ours.
    checked(unsafe { VirtualProtect(pointer(address), size(bytes), protection, &mut before) })?;
    Ok(before)
}

/// What the page at an address is, and how many after it are alike.
pub(in crate::windows) fn query(address: u64) -> Result<Run, SystemError> {
    let mut found = MEMORY_BASIC_INFORMATION::default();
    // SAFETY: it writes at most so many bytes to a structure of ours, and reads no memory.
    let written = unsafe { VirtualQuery(pointer(address), &mut found, size_of_val(&found)) };
    if written == 0 {
        return Err(last());
    }
    Ok(Run {
        base: found.BaseAddress.addr() as u64,
        bytes: found.RegionSize as u64,
        is_free: found.State == MEM_FREE,
        is_committed: found.State == MEM_COMMIT,
        allocation_base: found.AllocationBase.addr() as u64,
        allocation_protection: found.AllocationProtect,
        protection: found.Protect,
    })
}

pub(in crate::windows) fn lock(address: u64, bytes: u64) -> Result<(), SystemError> {
    // SAFETY: it changes no bytes; the caller owns the region.
    checked(unsafe { VirtualLock(pointer(address), size(bytes)) })
}

pub(in crate::windows) fn unlock(address: u64, bytes: u64) -> Result<(), SystemError> {
    // SAFETY: as above.
    checked(unsafe { VirtualUnlock(pointer(address), size(bytes)) })
}

/// The addresses of written pages, at most so many.
pub(in crate::windows) fn write_watch(
    address: u64,
    bytes: u64,
    resets: bool,
    most: usize,
) -> Result<Vec<u64>, SystemError> {
    let flags = if resets { WRITE_WATCH_FLAG_RESET } else { 0 };
    let mut found = vec![std::ptr::null_mut(); most];
    let (mut count, mut granularity) = (most, 0);
    // SAFETY: it writes at most `count` addresses, for which there is room, and two words of ours.
    let answer = unsafe {
        let base = pointer(address);
        GetWriteWatch(flags, base, size(bytes), found.as_mut_ptr(), &mut count, &mut granularity)
    };
    if answer != 0 {
        return Err(last());
    }
    Ok(found[..count.min(most)].iter().map(|page| page.addr() as u64).collect())
}

pub(in crate::windows) fn reset_write_watch(address: u64, bytes: u64) -> Result<(), SystemError> {
    // SAFETY: it changes no bytes; the caller owns the region.
    match unsafe { ResetWriteWatch(pointer(address), size(bytes)) } {
        0 => Ok(()),
        _ => Err(last()),
    }
}
