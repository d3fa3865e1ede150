//! What can go wrong, by whose fault it is.

use memtide_core::units::Bytes;
use memtide_core::{ConfigError, Exception, Refusal};

#[cfg(target_os = "linux")]
use rustix::io::Errno as SystemError;

#[cfg(windows)]
use crate::windows::SystemError;
#[cfg(target_os = "linux")]
use crate::{page_file, uffd};

/// Why something cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The manager refuses, as Windows would.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An access cannot be had.
    #[error(transparent)]
    Exception(#[from] Exception),
    /// The machine that was asked for is none.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Faults cannot be handled here.
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    Faults(#[from] uffd::OpenError),
    /// There is no page file.
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    PageFile(#[from] page_file::OpenError),
    /// A log of what happens cannot be begun.
    #[cfg(target_os = "linux")]
    #[error(transparent)]
    Recording(#[from] memtide_recording::RecordingError),
    /// The budget is too small.
    #[error("a budget of {budget}: expected at least {least}")]
    Budget {
        /// What was asked for.
        budget: Bytes,
        /// The least.
        least: Bytes,
    },
    /// Compressed pages cannot take more than all of the budget.
    #[error("compressed pages of {percent}% of the budget: expected at most 100%")]
    Compression {
        /// What was asked for.
        percent: u8,
    },
    /// An address that is not of the space.
    #[error("{address:#x} is not an address of this space: expected {start:#x} to {end:#x}")]
    Address {
        /// The address.
        address: u64,
        /// The first address of the space.
        start: u64,
        /// The one behind its last.
        end: u64,
    },
    /// A section of one machine is to be mapped in a space of another.
    #[error("the section is of another machine than the space: expected the same")]
    OtherMachine,
    /// A number of elements that is too large.
    #[error("{elements} elements of {size} bytes: expected at most {most}")]
    Capacity {
        /// How many were asked for.
        elements: usize,
        /// Bytes of each.
        size: usize,
        /// The most there can be.
        most: usize,
    },
    /// An address of the process at which another than the space has memory.
    #[error("{address:#x} is memory of the process that is not of this space")]
    #[cfg(windows)]
    Foreign {
        /// The address.
        address: u64,
    },
    /// The system's own memory manager cannot do it.
    #[error("{what}: not on this system: {reason}")]
    Unsupported {
        /// What was asked for: an option or a call.
        what: &'static str,
        /// Why not, and what can be had.
        reason: &'static str,
    },
    /// The system refuses.
    #[error("{what}: {error}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        error: SystemError,
    },
}

impl Error {
    pub(crate) const fn system(what: &'static str) -> impl FnOnce(SystemError) -> Self {
        move |error| Self::System { what, error }
    }
}
