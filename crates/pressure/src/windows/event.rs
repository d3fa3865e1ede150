//! One event of `\KernelObjects`, with the right to set it.
#![allow(unsafe_code)]

use std::io;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::time::Duration;
use windows_sys::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows_sys::Wdk::Storage::FileSystem::NtCreateEvent;
use windows_sys::Wdk::System::Threading::NtOpenEvent;
use windows_sys::Win32::Foundation::{HANDLE, UNICODE_STRING, WAIT_FAILED, WAIT_OBJECT_0};
use windows_sys::Win32::System::Kernel::NotificationEvent;
use windows_sys::Win32::System::Threading::{
    EVENT_ALL_ACCESS, ResetEvent, SetEvent, WaitForSingleObject,
};

/// An event that the memory manager of Windows would set.
///
/// Under Wine anybody may set it; on Windows an administrator.
#[derive(Debug)]
pub struct SystemEvent(OwnedHandle);

impl SystemEvent {
    /// Opens the event, such as `LowMemoryCondition`.
    ///
    /// # Errors
    /// The NTSTATUS with which it was refused.
    pub fn open(name: &str) -> Result<Self, u32> {
        Self::with_attributes(name, |handle, attributes| {
            // SAFETY: what both point at lives through the call.
            unsafe { NtOpenEvent(handle, EVENT_ALL_ACCESS, attributes) }
        })
    }

    /// Makes the event, where a system has none.
    ///
    /// # Errors
    /// The NTSTATUS with which it was refused.
    pub fn create(name: &str) -> Result<Self, u32> {
        Self::with_attributes(name, |handle, attributes| {
            // SAFETY: what both point at lives through the call.
            unsafe { NtCreateEvent(handle, EVENT_ALL_ACCESS, attributes, NotificationEvent, false) }
        })
    }

    fn with_attributes(
        name: &str,
        call: impl FnOnce(*mut HANDLE, *const OBJECT_ATTRIBUTES) -> i32,
    ) -> Result<Self, u32> {
        let mut name: Vec<u16> = format!(r"\KernelObjects\{name}").encode_utf16().collect();
        let length = u16::try_from(name.len() * 2).unwrap_or(u16::MAX);
        let name =
            UNICODE_STRING { Length: length, MaximumLength: length, Buffer: name.as_mut_ptr() };
        let attributes = OBJECT_ATTRIBUTES {
            Length: size_of::<OBJECT_ATTRIBUTES>().try_into().unwrap_or(u32::MAX),
            ObjectName: &raw const name,
            ..OBJECT_ATTRIBUTES::default()
        };
        let mut handle: HANDLE = std::ptr::null_mut();
        match call(&raw mut handle, &raw const attributes) {
            // SAFETY: the call succeeded; the handle is ours alone.
            0.. => Ok(Self(unsafe { OwnedHandle::from_raw_handle(handle) })),
            status => Err(status.cast_unsigned()),
        }
    }

    /// Sets it for everyone.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn set(&self) -> io::Result<()> {
        // SAFETY: the handle is open.
        done(unsafe { SetEvent(self.0.as_raw_handle()) })
    }

    /// Clears it for everyone.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn clear(&self) -> io::Result<()> {
        // SAFETY: the handle is open.
        done(unsafe { ResetEvent(self.0.as_raw_handle()) })
    }
}

/// Whether the object is signalled, or becomes so within this time.
///
/// # Errors
/// Where the handle cannot be waited on.
pub fn wait(handle: BorrowedHandle<'_>, timeout: Duration) -> io::Result<bool> {
    let timeout = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX - 1);
    // SAFETY: the handle is open through the call.
    match unsafe { WaitForSingleObject(handle.as_raw_handle(), timeout) } {
        WAIT_OBJECT_0 => Ok(true),
        WAIT_FAILED => Err(io::Error::last_os_error()),
        _ => Ok(false),
    }
}

fn done(succeeded: i32) -> io::Result<()> {
    if succeeded == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
