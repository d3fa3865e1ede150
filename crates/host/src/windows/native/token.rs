//! What the token of this process permits.

use super::handle::owned;
use super::privilege::Privilege;
use super::text::from_wide;
use crate::windows::answer::Answer;
use std::io;
use std::mem::offset_of;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use windows_sys::Win32::Foundation::{HANDLE, LUID};
use windows_sys::Win32::Security::{
    GetTokenInformation, LUID_AND_ATTRIBUTES, LookupPrivilegeNameW, SE_PRIVILEGE_ENABLED,
    TOKEN_INFORMATION_CLASS, TOKEN_PRIVILEGES, TOKEN_QUERY, TokenElevation, TokenPrivileges,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// There are three dozen privileges, of twelve bytes each.
const PRIVILEGES_ROOM: usize = 4096;

/// No name of a privilege is longer.
const NAME_LONGEST: usize = 64;

/// What the token says of a privilege.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// It is in force.
    Enabled,
    /// It is there, to be enabled when it is needed.
    Disabled,
    /// It isn't there.
    Absent,
}

/// What the token of this process says of a privilege.
///
/// # Errors
/// The system's own.
pub(crate) fn held(privilege: Privilege) -> io::Result<Held> {
    let token = open()?;
    let answer = information(&token, TokenPrivileges, PRIVILEGES_ROOM)?;
    let first = offset_of!(TOKEN_PRIVILEGES, Privileges);
    let count = answer.u32_at(offset_of!(TOKEN_PRIVILEGES, PrivilegeCount)).unwrap_or(0);
    for place in 0..count as usize {
        let start = first + place * size_of::<LUID_AND_ATTRIBUTES>();
        let low = answer.u32_at(start + offset_of!(LUID, LowPart));
        let high = answer.u32_at(start + offset_of!(LUID, HighPart));
        let attributes = answer.u32_at(start + offset_of!(LUID_AND_ATTRIBUTES, Attributes));
        let (Some(low), Some(high), Some(attributes)) = (low, high, attributes) else { break };
        let identifier = LUID { LowPart: low, HighPart: high.cast_signed() };
        if name(identifier).is_ok_and(|name| name == privilege.name()) {
            let enabled = attributes & SE_PRIVILEGE_ENABLED != 0;
            return Ok(if enabled { Held::Enabled } else { Held::Disabled });
        }
    }
    Ok(Held::Absent)
}

/// Whether this process runs elevated, as an administrator does who was asked for it.
///
/// # Errors
/// The system's own.
pub(crate) fn is_elevated() -> io::Result<bool> {
    let token = open()?;
    let answer = information(&token, TokenElevation, size_of::<u32>())?;
    Ok(answer.u32_at(0).is_some_and(|elevated| elevated != 0))
}

fn open() -> io::Result<OwnedHandle> {
    let mut token: HANDLE = std::ptr::null_mut();
    // SAFETY: the handle of this process needs no closing; the call writes one handle.
    let opened = unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) };
    if opened == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, and the token is ours alone.
    unsafe { owned(token) }
}

/// What a token tells in a class whose answer has no more than `room` bytes.
///
/// # Errors
/// The system's own.
pub(super) fn information(
    token: &OwnedHandle,
    class: TOKEN_INFORMATION_CLASS,
    room: usize,
) -> io::Result<Answer> {
    let mut answer = Answer::with_room(room);
    let (length, mut written) = (u32::try_from(room).unwrap_or(u32::MAX), 0);
    // SAFETY: the token is open, and the buffer has room for as many bytes as are told.
    let told = unsafe {
        GetTokenInformation(
            token.as_raw_handle(),
            class,
            answer.as_mut_ptr(),
            length,
            &raw mut written,
        )
    };
    if told == 0 {
        return Err(io::Error::last_os_error());
    }
    answer.truncate(written as usize);
    Ok(answer)
}

fn name(identifier: LUID) -> io::Result<String> {
    let mut name = [0_u16; NAME_LONGEST];
    let mut length = u32::try_from(name.len()).unwrap_or(u32::MAX);
    // SAFETY: null means this machine; the call writes no more units than it is told there are.
    let found = unsafe {
        LookupPrivilegeNameW(
            std::ptr::null(),
            &raw const identifier,
            name.as_mut_ptr(),
            &raw mut length,
        )
    };
    if found == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(from_wide(&name).to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::native::privilege::enable;

    #[test]
    fn a_privilege_is_enabled_while_its_guard_lives() {
        let before = held(Privilege::Debug).expect("a token");
        match enable(Privilege::Debug) {
            Ok(guard) => {
                assert_eq!(held(Privilege::Debug).expect("a token"), Held::Enabled);
                drop(guard);
                assert_eq!(held(Privilege::Debug).expect("a token"), before);
            }
            Err(_) => assert_eq!(before, Held::Absent),
        }
    }

    #[test]
    fn elevation_is_known() {
        assert!(is_elevated().is_ok());
    }
}
