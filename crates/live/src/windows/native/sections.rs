//! CreateFileMapping and the views of it.

use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};

use windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE;
use windows_sys::Win32::System::Memory::{
    CreateFileMappingW, MEMORY_MAPPED_VIEW_ADDRESS, MapViewOfFileEx, SEC_COMMIT, SEC_RESERVE,
    UnmapViewOfFile,
};

use super::{checked, last, pointer, size};
use crate::windows::status::SystemError;

/// The two halves of a number of 64 bits, the high one first.
const fn halves(number: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
}

pub(in crate::windows) fn create(
    bytes: u64,
    protection: u32,
    is_reserved: bool,
) -> Result<OwnedHandle, SystemError> {
    let (high, low) = halves(bytes);
    let flags = protection | if is_reserved { SEC_RESERVE } else { SEC_COMMIT };
    let null = std::ptr::null();
    // SAFETY: memory of the page files, without attributes and without a name.
    let handle =
        unsafe { CreateFileMappingW(INVALID_HANDLE_VALUE, null, flags, high, low, null.cast()) };
    if handle.is_null() {
        return Err(last());
    }
    // SAFETY: the system has just opened this handle for us alone.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

pub(in crate::windows) fn map(
    section: &OwnedHandle,
    access: u32,
    offset: u64,
    bytes: u64,
) -> Result<u64, SystemError> {
    let (high, low) = halves(offset);
    let handle = section.as_raw_handle();
    // SAFETY: the system finds addresses that nobody has.
    let view = unsafe { MapViewOfFileEx(handle, access, high, low, size(bytes), std::ptr::null()) };
    if view.Value.is_null() { Err(last()) } else { Ok(view.Value.addr() as u64) }
}

pub(in crate::windows) fn unmap(base: u64) -> Result<(), SystemError> {
    // SAFETY: the caller owns the view, and no reference into it is left.
    checked(unsafe { UnmapViewOfFile(MEMORY_MAPPED_VIEW_ADDRESS { Value: pointer(base) }) })
}
