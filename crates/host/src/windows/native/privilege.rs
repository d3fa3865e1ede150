//! Privileges of this process, enabled for as long as they are needed.

use super::handle::owned;
use super::text::wide;
use std::fmt;
use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::sync::{Mutex, MutexGuard, PoisonError};
use windows_sys::Win32::Foundation::{ERROR_NOT_ALL_ASSIGNED, HANDLE, LUID};
use windows_sys::Win32::Security::{
    AdjustTokenPrivileges, LUID_AND_ATTRIBUTES, LookupPrivilegeValueW, SE_PRIVILEGE_ENABLED,
    TOKEN_ADJUST_PRIVILEGES, TOKEN_PRIVILEGES, TOKEN_QUERY,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// A privilege that Memtide asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Privilege {
    /// `SeProfileSingleProcessPrivilege`: commands on the memory lists.
    ProfileSingleProcess,
    /// `SeIncreaseQuotaPrivilege`: the working set of the file cache.
    IncreaseQuota,
    /// `SeDebugPrivilege`: processes of others.
    Debug,
}

impl Privilege {
    const COUNT: usize = 3;

    /// Its name in a token.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ProfileSingleProcess => "SeProfileSingleProcessPrivilege",
            Self::IncreaseQuota => "SeIncreaseQuotaPrivilege",
            Self::Debug => "SeDebugPrivilege",
        }
    }
}

/// Why a privilege could not be enabled.
#[derive(Debug)]
pub(crate) enum PrivilegeError {
    /// The token of this process does not hold it: nothing that the process does can change that.
    NotHeld(&'static str),
    /// A call failed.
    Call(&'static str, io::Error),
}

impl fmt::Display for PrivilegeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotHeld(name) => write!(
                f,
                "this process does not hold {name}; an elevated one of an administrator does"
            ),
            Self::Call(call, error) => write!(f, "{call}: {error}"),
        }
    }
}

impl std::error::Error for PrivilegeError {}

/// A privilege enabled for this process, until the last guard of it is dropped.
#[derive(Debug)]
#[must_use = "the privilege is given up when the guard is dropped"]
pub(crate) struct EnabledPrivilege {
    privilege: Privilege,
}

/// How often each privilege is enabled, and whether the first guard found it disabled: privileges
/// belong to the process, and one guard must not take away what another still needs.
static ENABLED: Mutex<[Enabled; Privilege::COUNT]> =
    Mutex::new([Enabled { guards: 0, was_disabled: false }; Privilege::COUNT]);

#[derive(Clone, Copy)]
struct Enabled {
    guards: u32,
    was_disabled: bool,
}

fn lock() -> MutexGuard<'static, [Enabled; Privilege::COUNT]> {
    ENABLED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Enables a privilege that the token of this process holds.
///
/// # Errors
/// [`PrivilegeError::NotHeld`] where it does not hold it.
pub(crate) fn enable(privilege: Privilege) -> Result<EnabledPrivilege, PrivilegeError> {
    let mut all = lock();
    let enabled = &mut all[privilege as usize];
    if enabled.guards == 0 {
        enabled.was_disabled = !adjust(privilege.name(), true)?;
    }
    enabled.guards += 1;
    Ok(EnabledPrivilege { privilege })
}

impl Drop for EnabledPrivilege {
    fn drop(&mut self) {
        let mut all = lock();
        let enabled = &mut all[self.privilege as usize];
        enabled.guards -= 1;
        if enabled.guards == 0 && enabled.was_disabled {
            // A privilege that stays enabled is no harm to the call that has ended.
            let _ = adjust(self.privilege.name(), false);
        }
    }
}

/// Enables or disables; returns whether it was enabled before.
fn adjust(name: &'static str, enable: bool) -> Result<bool, PrivilegeError> {
    let token = open_token().map_err(|e| PrivilegeError::Call("OpenProcessToken", e))?;
    let luid = look_up(name).map_err(|e| PrivilegeError::Call("LookupPrivilegeValue", e))?;
    let attributes = if enable { SE_PRIVILEGE_ENABLED } else { 0 };
    let wanted = TOKEN_PRIVILEGES {
        PrivilegeCount: 1,
        Privileges: [LUID_AND_ATTRIBUTES { Luid: luid, Attributes: attributes }],
    };
    let mut before = TOKEN_PRIVILEGES::default();
    let size = u32::try_from(size_of::<TOKEN_PRIVILEGES>()).unwrap_or(u32::MAX);
    let mut answered = 0;
    // SAFETY: both structures have room for one privilege, as their size says, and live through
    // the call, as does the token.
    let succeeded = unsafe {
        AdjustTokenPrivileges(
            token.as_raw_handle(),
            0,
            &raw const wanted,
            size,
            &raw mut before,
            &raw mut answered,
        )
    };
    let error = io::Error::last_os_error();
    // The call says that it succeeded when it granted nothing: only the error tells.
    if error.raw_os_error() == Some(ERROR_NOT_ALL_ASSIGNED.cast_signed()) {
        return Err(PrivilegeError::NotHeld(name));
    }
    if succeeded == 0 {
        return Err(PrivilegeError::Call("AdjustTokenPrivileges", error));
    }
    // Windows tells of what it has changed only; Wine tells of all.
    Ok(match before.PrivilegeCount {
        0 => enable,
        _ => before.Privileges[0].Attributes & SE_PRIVILEGE_ENABLED != 0,
    })
}

fn open_token() -> io::Result<OwnedHandle> {
    let mut token: HANDLE = std::ptr::null_mut();
    let access = TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY;
    // SAFETY: the handle of this process needs no closing; the call writes one handle.
    let succeeded = unsafe { OpenProcessToken(GetCurrentProcess(), access, &raw mut token) };
    if succeeded == 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, and the token is ours alone.
    unsafe { owned(token) }
}

fn look_up(name: &str) -> io::Result<LUID> {
    let name = wide(name);
    let mut luid = LUID::default();
    // SAFETY: the name ends in zero; null means this machine; the call writes one LUID.
    let succeeded =
        unsafe { LookupPrivilegeValueW(std::ptr::null(), name.as_ptr(), &raw mut luid) };
    if succeeded == 0 { Err(io::Error::last_os_error()) } else { Ok(luid) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_held_is_told_although_the_call_succeeds() {
        // Administrators don't hold it unless somebody gives it to them.
        let error = adjust("SeLockMemoryPrivilege", true).expect_err("not held");
        assert!(matches!(error, PrivilegeError::NotHeld("SeLockMemoryPrivilege")), "{error:?}");
        assert!(error.to_string().contains("does not hold SeLockMemoryPrivilege"), "{error}");
    }

    #[test]
    fn what_was_before_is_told() {
        // Everyone holds it, enabled.
        let adjust = |enable| adjust("SeChangeNotifyPrivilege", enable).expect("held");
        let told = [true, false, false, true, true].map(adjust);
        assert_eq!(told, [true, true, false, false, true]);
    }
}
