//! What an access raises when it cannot be had.

use crate::input::IoError;
use crate::page::Access;

/// An exception, as structured exception handling names it.
///
/// Source: Microsoft's documentation of `EXCEPTION_RECORD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Exception {
    /// The page is not committed, or its protection forbids the access.
    #[error("access violation: {access:?} at {address:#x}")]
    AccessViolation {
        /// The address.
        address: u64,
        /// What was tried.
        access: Access,
    },
    /// The page was a guard page; it is none any more.
    #[error("guard page: {access:?} at {address:#x}")]
    GuardPage {
        /// The address.
        address: u64,
        /// What was tried.
        access: Access,
    },
    /// A stack has no room left to grow.
    #[error("stack overflow at {address:#x}")]
    StackOverflow {
        /// The address.
        address: u64,
    },
    /// The page could not be read back.
    #[error("in-page error at {address:#x}: I/O error {}", .error.0)]
    InPage {
        /// The address.
        address: u64,
        /// Why.
        error: IoError,
    },
    /// No frame or no pool is to be had, and none is on its way.
    #[error("no memory for the page at {address:#x}")]
    NoMemory {
        /// The address.
        address: u64,
    },
}

impl Exception {
    /// Whether a guard page raised it, which is none any more: nobody meets it again.
    #[must_use]
    pub const fn is_of_a_guard(self) -> bool {
        matches!(self, Self::GuardPage { .. } | Self::StackOverflow { .. })
    }

    /// The NTSTATUS of it.
    #[must_use]
    pub const fn ntstatus(self) -> u32 {
        match self {
            Self::AccessViolation { .. } => 0xC000_0005,
            Self::GuardPage { .. } => 0x8000_0001,
            Self::StackOverflow { .. } => 0xC000_00FD,
            Self::InPage { .. } => 0xC000_0006,
            Self::NoMemory { .. } => 0xC000_0017,
        }
    }
}
