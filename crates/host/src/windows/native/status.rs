//! How a native call ended.

use std::fmt;
use std::io;
use windows_sys::Win32::Foundation::{ERROR_MR_MID_NOT_FOUND, RtlNtStatusToDosError};

/// An NTSTATUS: the 32 bits with which a native call ends.
///
/// Source: MS-ERREF, 2.3.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct NtStatus(pub(crate) u32);

impl NtStatus {
    /// The class of information is unknown to this system.
    pub(crate) const INVALID_INFO_CLASS: Self = Self(0xC000_0003);
    /// The buffer has another size than the class.
    pub(crate) const INFO_LENGTH_MISMATCH: Self = Self(0xC000_0004);
    /// The handle is none.
    pub(crate) const INVALID_HANDLE: Self = Self(0xC000_0008);
    /// The caller may not do this.
    pub(crate) const ACCESS_DENIED: Self = Self(0xC000_0022);
    /// The name is longer than can be told.
    pub(crate) const NAME_TOO_LONG: Self = Self(0xC000_0106);
    /// There is no object of the name.
    pub(crate) const OBJECT_NAME_NOT_FOUND: Self = Self(0xC000_0034);
    /// A privilege is missing.
    pub(crate) const PRIVILEGE_NOT_HELD: Self = Self(0xC000_0061);

    /// What a call returned; success and information are no errors, warnings and errors are.
    pub(crate) fn check(returned: i32) -> Result<(), Self> {
        if returned >= 0 { Ok(()) } else { Err(Self(returned.cast_unsigned())) }
    }

    /// The Win32 error it stands for, or `None` where Windows knows none.
    pub(crate) fn win32(self) -> Option<u32> {
        // SAFETY: the call takes a number and touches no memory but the last status of the thread.
        match unsafe { RtlNtStatusToDosError(self.0.cast_signed()) } {
            ERROR_MR_MID_NOT_FOUND => None,
            error => Some(error),
        }
    }

    fn words(self) -> Option<&'static str> {
        Some(match self {
            Self::INVALID_INFO_CLASS => "this Windows does not know the class of information",
            Self::INFO_LENGTH_MISMATCH => "this Windows gives the information another size",
            Self::ACCESS_DENIED => "access is denied",
            Self::OBJECT_NAME_NOT_FOUND => "no object has this name",
            Self::PRIVILEGE_NOT_HELD => "the privilege that it needs is not held",
            _ => return None,
        })
    }
}

impl fmt::Display for NtStatus {
    /// Its number as Windows writes it, and what it means: in our words where it is common, else in
    /// the system's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NTSTATUS 0x{:08X}", self.0)?;
        match (self.words(), self.win32()) {
            (Some(words), _) => write!(f, " ({words})"),
            (None, Some(error)) => {
                write!(f, " ({})", io::Error::from_raw_os_error(error.cast_signed()))
            }
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Debug for NtStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NtStatus(0x{:08X})", self.0)
    }
}

impl std::error::Error for NtStatus {}

impl From<NtStatus> for io::Error {
    /// An error of the kind that the Win32 error has, with the status inside.
    fn from(status: NtStatus) -> Self {
        let kind = match status.win32() {
            Some(error) => Self::from_raw_os_error(error.cast_signed()).kind(),
            None => io::ErrorKind::Other,
        };
        Self::new(kind, status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_its_number_and_what_it_means() {
        assert_eq!(
            NtStatus::OBJECT_NAME_NOT_FOUND.to_string(),
            "NTSTATUS 0xC0000034 (no object has this name)"
        );
        // STATUS_NO_MEMORY is not worded here: the system has words for its Win32 error, 8.
        let shown = NtStatus(0xC000_0017).to_string();
        assert!(shown.starts_with("NTSTATUS 0xC0000017 ("), "{shown}");
        assert!(shown.contains("os error 8"), "{shown}");
    }

    #[test]
    fn a_status_becomes_an_error_of_its_kind() {
        let denied = io::Error::from(NtStatus::ACCESS_DENIED);
        assert_eq!(denied.kind(), io::ErrorKind::PermissionDenied);
        let missing = io::Error::from(NtStatus::OBJECT_NAME_NOT_FOUND);
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        let status = missing.get_ref().and_then(|inner| inner.downcast_ref::<NtStatus>());
        assert_eq!(status, Some(&NtStatus::OBJECT_NAME_NOT_FOUND));
    }

    #[test]
    fn only_warnings_and_errors_are_errors() {
        for returned in [0_i32, 0x102, 0x4000_0000] {
            assert_eq!(NtStatus::check(returned), Ok(()));
        }
        for status in [0x8000_0005_u32, 0xC000_0034] {
            assert_eq!(NtStatus::check(status.cast_signed()), Err(NtStatus(status)));
        }
    }
}
