//! Events: those of the system by name, and our own.

use super::handle::{is_signalled, owned};
use super::status::NtStatus;
use super::text::ObjectName;
use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, OwnedHandle};
use windows_sys::Wdk::Foundation::OBJECT_ATTRIBUTES;
use windows_sys::Wdk::System::Threading::NtOpenEvent;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Threading::{
    CreateEventW, ResetEvent, SYNCHRONIZATION_SYNCHRONIZE, SetEvent,
};

/// Names are told apart without regard to case, as everywhere in `\KernelObjects`.
///
/// Source: Microsoft's documentation of `OBJECT_ATTRIBUTES`: OBJ_CASE_INSENSITIVE.
const CASE_INSENSITIVE: u32 = 0x40;

/// A notification event: it stays set, for everyone, until somebody clears it.
#[derive(Debug)]
pub(crate) struct Event(OwnedHandle);

impl Event {
    /// An event of this process alone, not set.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: null attributes and a null name are allowed; the handle is ours alone.
        unsafe { owned(CreateEventW(std::ptr::null(), 1, 0, std::ptr::null())) }.map(Self)
    }

    /// The event of this name in the object manager, such as `\KernelObjects\LowMemoryCondition`,
    /// to be waited for. A symbolic link of the name is followed.
    pub(crate) fn open(name: &str) -> Result<Self, NtStatus> {
        Self::open_for(name, SYNCHRONIZATION_SYNCHRONIZE)
    }

    /// The same with other rights.
    pub(crate) fn open_for(name: &str, access: u32) -> Result<Self, NtStatus> {
        let mut handle: HANDLE = std::ptr::null_mut();
        with_attributes(name, |attributes| {
            // SAFETY: the attributes and the name in them live through the call, which writes one
            // handle.
            unsafe { NtOpenEvent(&raw mut handle, access, attributes) }
        })?;
        // SAFETY: the call succeeded, and the handle is ours alone.
        unsafe { owned(handle) }.map(Self).map_err(|_| NtStatus::INVALID_HANDLE)
    }

    /// Sets it, for whoever waits.
    pub(crate) fn set(&self) -> io::Result<()> {
        // SAFETY: the handle is open.
        done(unsafe { SetEvent(self.0.as_raw_handle()) })
    }

    /// Clears it.
    pub(crate) fn clear(&self) -> io::Result<()> {
        // SAFETY: the handle is open.
        done(unsafe { ResetEvent(self.0.as_raw_handle()) })
    }

    /// Whether it is set.
    pub(crate) fn is_set(&self) -> io::Result<bool> {
        is_signalled(self.0.as_handle())
    }
}

impl AsHandle for Event {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.0.as_handle()
    }
}

fn with_attributes(
    name: &str,
    call: impl FnOnce(*const OBJECT_ATTRIBUTES) -> i32,
) -> Result<(), NtStatus> {
    let name = ObjectName::new(name).ok_or(NtStatus::NAME_TOO_LONG)?;
    let counted = name.counted();
    let attributes = OBJECT_ATTRIBUTES {
        Length: size_of::<OBJECT_ATTRIBUTES>().try_into().unwrap_or(u32::MAX),
        RootDirectory: std::ptr::null_mut(),
        ObjectName: counted.as_ptr(),
        Attributes: CASE_INSENSITIVE,
        SecurityDescriptor: std::ptr::null(),
        SecurityQualityOfService: std::ptr::null(),
    };
    NtStatus::check(call(&raw const attributes))
}

fn done(succeeded: i32) -> io::Result<()> {
    if succeeded == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_events_of_the_system_are_found_by_name_whatever_its_case() {
        for name in [r"\KernelObjects\LowMemoryCondition", r"\kernelobjects\lowmemorycondition"] {
            let event = Event::open(name).expect("every Windows has it");
            event.is_set().expect("it can be asked");
        }
    }

    #[test]
    fn an_event_that_does_not_exist_is_a_status() {
        let status = Event::open(r"\KernelObjects\HighTideCondition").expect_err("there is none");
        assert_eq!(status, NtStatus::OBJECT_NAME_NOT_FOUND);
        let status = Event::open(&"x".repeat(0x8000)).expect_err("no name is as long");
        assert_eq!(status, NtStatus::NAME_TOO_LONG);
    }
}
