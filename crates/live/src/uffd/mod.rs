//! userfaultfd and the memory it is for: the only place of its system calls.
//!
//! A [`Uffd`] changes memory by address: whoever calls it owns the [`Reservation`]s that the
//! addresses are in, or names the page of a program that waits for it. Nothing here holds a lock,
//! and nothing but opening and reading events allocates.

mod abi;
mod capabilities;
#[cfg(test)]
mod direct_tests;
mod event;
mod features;
#[cfg(test)]
mod handler_tests;
mod ioctl;
mod open;
mod origin;
#[cfg(test)]
mod repeated_tests;
mod reservation;
mod shared;
#[cfg(test)]
mod shared_tests;
#[cfg(test)]
mod tests;

use rustix::fd::OwnedFd;

pub use capabilities::Capabilities;
pub(crate) use event::Event;
pub(crate) use features::Features;
pub(crate) use features::{FaultPath, Without};
pub(crate) use ioctl::Moved;
pub use open::OpenError;
pub(crate) use origin::Origin;
pub(crate) use reservation::Reservation;
pub(crate) use shared::{SharedMemory, Sharing};

/// A userfaultfd with its features negotiated.
///
/// A child of fork inherits the descriptor, and with it its parent's memory, not its own: there
/// every call fails with ESRCH.
#[derive(Debug)]
pub(crate) struct Uffd {
    file: OwnedFd,
    features: Features,
    origin: Origin,
}

impl Uffd {
    /// Opens one by the least privilege that will do for a path.
    ///
    /// In the thread: user mode only, else (before Linux 5.11) in full. For a handler thread: in
    /// full, by the system call, else by /dev/userfaultfd.
    ///
    /// # Errors
    /// What is missing, and what would enable it.
    pub(crate) fn open(path: FaultPath) -> Result<Self, OpenError> {
        Self::open_without(path, Without::default())
    }

    /// The same, without what it is not to use.
    ///
    /// # Errors
    /// As [`Uffd::open`].
    pub(crate) fn open_without(path: FaultPath, without: Without) -> Result<Self, OpenError> {
        let opened = open::open(path)?;
        let (bits, known) = open::negotiate(&opened, path, without)?;
        let features = Features::of(bits, known, opened.kernel_faults);
        let origin = Origin::here().map_err(OpenError::Failed)?;
        Ok(Self { file: opened.file, features, origin })
    }

    /// Whether this is the process that opened it.
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.origin.is_here()
    }

    /// What it can do.
    pub(crate) const fn features(&self) -> Features {
        self.features
    }
}
