//! Handles that close themselves.

use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::time::Duration;
use windows_sys::Win32::Foundation::{HANDLE, WAIT_FAILED, WAIT_OBJECT_0, WAIT_TIMEOUT};
use windows_sys::Win32::System::Threading::{INFINITE, WaitForMultipleObjects};

/// The most handles that one thread can wait on.
///
/// Source: Microsoft's documentation of `WaitForMultipleObjects`: MAXIMUM_WAIT_OBJECTS.
pub(crate) const WAIT_HANDLES_MAX: usize = 64;

/// The handle that a call has just returned, or the system's error where it is null.
///
/// # Safety
/// The handle is null, or nobody else closes it.
pub(crate) unsafe fn owned(handle: HANDLE) -> io::Result<OwnedHandle> {
    if handle.is_null() {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is a real handle, and ours alone, as the caller said.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// Waits until one of the objects is signalled; `None` where the time is out (`None`: for ever).
///
/// The answer is the place of the first of them that is. Takes 1 to [`WAIT_HANDLES_MAX`] handles.
pub(crate) fn wait_any(
    handles: &[BorrowedHandle<'_>],
    timeout: Option<Duration>,
) -> io::Result<Option<usize>> {
    let raw: Vec<HANDLE> = handles.iter().map(AsRawHandle::as_raw_handle).collect();
    let count = u32::try_from(raw.len()).map_err(io::Error::other)?;
    // SAFETY: the array has `count` handles, which stay open through the call.
    let ended = unsafe { WaitForMultipleObjects(count, raw.as_ptr(), 0, milliseconds(timeout)) };
    match ended {
        WAIT_TIMEOUT => Ok(None),
        WAIT_FAILED => Err(io::Error::last_os_error()),
        // Only mutexes are ever abandoned, and nobody waits on one here.
        ended => Ok(Some(ended.wrapping_sub(WAIT_OBJECT_0) as usize)),
    }
}

/// Whether the object is signalled, without waiting.
pub(crate) fn is_signalled(handle: BorrowedHandle<'_>) -> io::Result<bool> {
    Ok(wait_any(&[handle], Some(Duration::ZERO))?.is_some())
}

/// The time as waits take it: whole milliseconds, rounded up, so that no wait ends too soon.
fn milliseconds(timeout: Option<Duration>) -> u32 {
    let Some(timeout) = timeout else { return INFINITE };
    let milliseconds = timeout.as_micros().div_ceil(1000);
    u32::try_from(milliseconds).unwrap_or(INFINITE).min(INFINITE - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_and_never_become_for_ever() {
        assert_eq!(milliseconds(None), INFINITE);
        assert_eq!(milliseconds(Some(Duration::ZERO)), 0);
        assert_eq!(milliseconds(Some(Duration::from_micros(1))), 1);
        assert_eq!(milliseconds(Some(Duration::from_secs(2))), 2000);
        assert_eq!(milliseconds(Some(Duration::MAX)), INFINITE - 1);
    }
}
