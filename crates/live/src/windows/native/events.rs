//! Events that threads wait for.

use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};

use windows_sys::Win32::System::Threading::{CreateEventW, ResetEvent, SetEvent};

use super::{checked, last};
use crate::windows::status::SystemError;

/// One that stays set until it is reset: a notification event.
pub(in crate::windows) fn create(is_set: bool) -> Result<OwnedHandle, SystemError> {
    let null = std::ptr::null();
    // SAFETY: without attributes and without a name.
    let handle = unsafe { CreateEventW(null, 1, is_set.into(), null.cast()) };
    if handle.is_null() {
        return Err(last());
    }
    // SAFETY: the system has just opened this handle for us alone.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

pub(in crate::windows) fn put(event: &OwnedHandle, is_set: bool) {
    let handle = event.as_raw_handle();
    // SAFETY: an event that we own; neither call can fail then.
    let put = checked(unsafe { if is_set { SetEvent(handle) } else { ResetEvent(handle) } });
    debug_assert!(put.is_ok(), "an event of ours: {put:?}");
}
