//! Which Windows this is, and whether it is one.

use super::procedure::Procedure;
use std::fmt;
use windows_sys::Wdk::System::SystemServices::RtlGetVersion;
use windows_sys::Win32::System::SystemInformation::OSVERSIONINFOW;

/// A version of Windows, as `RtlGetVersion` tells it: whatever the program says it was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    major: u32,
    minor: u32,
    build: u32,
}

impl Version {
    /// Windows 8.1.
    pub(crate) const WINDOWS_8_1: Self = Self::new(6, 3, 9600);
    /// The first Windows 10.
    pub(crate) const WINDOWS_10: Self = Self::new(10, 0, 10240);

    /// The version of these numbers.
    pub(crate) const fn new(major: u32, minor: u32, build: u32) -> Self {
        Self { major, minor, build }
    }

    /// That of this machine.
    pub(crate) fn here() -> Self {
        let size = u32::try_from(size_of::<OSVERSIONINFOW>()).unwrap_or(u32::MAX);
        let mut told = OSVERSIONINFOW { dwOSVersionInfoSize: size, ..OSVERSIONINFOW::default() };
        // SAFETY: the structure says its size. The call always succeeds.
        unsafe { RtlGetVersion(&raw mut told) };
        Self::new(told.dwMajorVersion, told.dwMinorVersion, told.dwBuildNumber)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.build)
    }
}

type WineGetVersion = unsafe extern "system" fn() -> isize;

// SAFETY: only whether it is there is asked, and it is never called.
static WINE_GET_VERSION: Procedure<WineGetVersion> = unsafe { Procedure::new(c"wine_get_version") };

/// Whether this is Wine, whose memory manager is Linux'.
pub(crate) fn is_wine() -> bool {
    WINE_GET_VERSION.get().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_their_numbers_and_this_one_is_known() {
        assert!(Version::new(6, 1, 7601) < Version::WINDOWS_8_1);
        assert!(Version::WINDOWS_8_1 < Version::WINDOWS_10);
        assert!(Version::new(10, 0, 26100) > Version::WINDOWS_10);
        assert!(Version::here() >= Version::new(6, 1, 7601), "{}", Version::here());
    }
}
