//! Real memory with a budget: spaces whose pages go to a compression store and a page file in user
//! space, driven by the memory manager of `memtide-core`.
//!
//! A [`Machine`] is a budget; a [`Space`] is addresses of this process whose pages share it; a
//! [`PagedVec`] is a slice of plain values in a space, as large as the page file allows:
//!
//! ```no_run
//! use memtide_core::units::Bytes;
//! use memtide_live::{PagedVec, Space};
//!
//! let space = Space::new(Bytes::from_mib(64))?;
//! let mut numbers = PagedVec::<u64>::zeroed(&space, 32 << 20)?;
//! for (place, number) in numbers.iter_mut().enumerate() {
//!     *number = (place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
//! }
//! numbers.sort_unstable();
//! # Ok::<(), memtide_live::Error>(())
//! ```
//!
//! On Windows the native manager does the paging, and the same names are calls of it. There the
//! budget is the process' working set, whatever its pages belong to; what the native manager cannot
//! do is answered with [`Error::Unsupported`].
#![cfg(any(target_os = "linux", windows))]

#[cfg(all(test, target_os = "linux"))]
mod child;
#[cfg(target_os = "linux")]
mod compress;
mod error;
mod exception;
#[cfg(target_os = "linux")]
mod fault_path;
#[cfg(target_os = "linux")]
mod frames;
#[cfg(target_os = "linux")]
mod homes;
#[cfg(target_os = "linux")]
mod machine;
#[cfg(target_os = "linux")]
mod memory;
mod options;
#[cfg(target_os = "linux")]
pub mod page_file;
mod paged_vec;
#[cfg(target_os = "linux")]
mod pager;
#[cfg(target_os = "linux")]
mod pinned;
#[cfg(target_os = "linux")]
mod run_log;
#[cfg(target_os = "linux")]
mod section;
#[cfg(target_os = "linux")]
mod signal;
#[cfg(target_os = "linux")]
mod space;
#[cfg(all(test, target_os = "linux"))]
mod speed;
#[cfg(target_os = "linux")]
mod sync;
#[cfg(target_os = "linux")]
mod thread;
#[cfg(target_os = "linux")]
mod uffd;
mod wait;
#[cfg(target_os = "linux")]
mod watch;
mod watchers;
#[cfg(windows)]
mod windows;

#[cfg(windows)]
pub use windows::page_file;
#[cfg(windows)]
use windows::{machine, pinned, section, space, watch};

pub use error::Error;
pub use exception::{Disposition, Handler};
pub use machine::{BUDGET_LEAST, Machine};
pub use options::{FaultPath, MachineOptions, SpaceOptions, Without};
pub use paged_vec::PagedVec;
pub use pinned::Pinned;
#[cfg(target_os = "linux")]
pub use run_log::RunLog;
pub use section::Section;
pub use space::Space;
#[cfg(target_os = "linux")]
pub use uffd::{Capabilities, OpenError};
pub use wait::Wait;
pub use watch::Event;
#[cfg(windows)]
pub use windows::{ProcessMemory, SystemError, WorkingSetPage};
