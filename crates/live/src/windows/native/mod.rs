//! The calls of the native memory manager: the only place of them.
//!
//! Addresses are numbers here; a call that has to touch memory of a program is not among these.

pub(super) mod events;
pub(super) mod exceptions;
pub(super) mod memory;
pub(super) mod newer;
pub(super) mod process;
pub(super) mod sections;

use windows_sys::Win32::Foundation::GetLastError;

use super::status::SystemError;

/// The error of this thread's last call.
fn last() -> SystemError {
    // SAFETY: the call takes nothing and reads a word of this thread.
    SystemError::Win32(unsafe { GetLastError() })
}

/// A call that answers with a BOOL.
fn checked(answer: windows_sys::core::BOOL) -> Result<(), SystemError> {
    if answer == 0 { Err(last()) } else { Ok(()) }
}

/// An address as the system takes it; one that this process cannot have is the last there is, which
/// no region holds.
fn pointer(address: u64) -> *mut core::ffi::c_void {
    std::ptr::with_exposed_provenance_mut(usize::try_from(address).unwrap_or(usize::MAX))
}

/// A size as the system takes it; what this process cannot have is refused for its size.
fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
