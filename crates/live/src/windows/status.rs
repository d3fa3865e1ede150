//! What Windows says when it refuses, and which refusal of the manager that is.

use std::fmt;

use memtide_core::Refusal;
use memtide_core::units::Bytes;
use windows_sys::Win32::Foundation::{
    ERROR_COMMITMENT_LIMIT, ERROR_INVALID_ADDRESS, ERROR_INVALID_PARAMETER,
    ERROR_NOT_ENOUGH_MEMORY, ERROR_NOT_LOCKED, ERROR_PRIVILEGE_NOT_HELD, ERROR_WORKING_SET_QUOTA,
};

use super::native::process;
use crate::error::Error;

/// What a call of the system said, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SystemError {
    /// A Win32 error, as `GetLastError` gives it.
    Win32(u32),
    /// An NTSTATUS.
    NtStatus(u32),
}

impl fmt::Display for SystemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Win32(code) => {
                let words = std::io::Error::from_raw_os_error(code.cast_signed());
                write!(f, "{words}")
            }
            Self::NtStatus(status) => write!(f, "NTSTATUS {status:#010x}"),
        }
    }
}

impl std::error::Error for SystemError {}

/// What a call was about, for the refusal that it may end in.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    /// What was tried.
    pub(super) what: &'static str,
    /// Where.
    pub(super) address: u64,
    /// How much.
    pub(super) bytes: u64,
}

impl About {
    /// The error of a call: the manager's refusal where Windows' number has one, else the number.
    pub(super) fn refused(self, error: SystemError) -> Error {
        let Self { what, address, bytes } = self;
        let size = Bytes(bytes);
        let SystemError::Win32(code) = error else { return Error::System { what, error } };
        let refusal = match code {
            ERROR_INVALID_ADDRESS => {
                let problem = "taken, outside what programs may use, or not in one region";
                Refusal::ConflictingAddresses { address, bytes: size, problem }
            }
            ERROR_INVALID_PARAMETER => Refusal::InvalidParameter {
                what,
                value: address,
                expected: "what the native manager takes",
            },
            ERROR_NOT_ENOUGH_MEMORY => Refusal::NoMemory { bytes: size },
            ERROR_COMMITMENT_LIMIT => commitment(size),
            ERROR_NOT_LOCKED => Refusal::NotLocked { address },
            ERROR_WORKING_SET_QUOTA => {
                let limits = process::working_set_limits();
                let allowed = limits.map_or(0, |limits| limits.minimum);
                Refusal::WorkingSetQuota { wanted: size, allowed: Bytes(allowed) }
            }
            ERROR_PRIVILEGE_NOT_HELD => {
                Refusal::PrivilegeNotHeld { privilege: "SeLockMemoryPrivilege" }
            }
            _ => return Error::System { what, error },
        };
        refusal.into()
    }
}

/// The system's own limit, or the process', has been met.
fn commitment(wanted: Bytes) -> Refusal {
    let system = process::system_memory().unwrap_or_default();
    let charge = system.commit_limit.saturating_sub(system.commit_available);
    Refusal::CommitmentLimit { wanted, charge: Bytes(charge), limit: Bytes(system.commit_limit) }
}
