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
#![cfg(target_os = "linux")]

#[cfg(test)]
mod child;
mod compress;
mod error;
mod exception;
mod fault_path;
mod frames;
mod homes;
mod machine;
mod memory;
mod options;
pub mod page_file;
mod paged_vec;
mod pager;
mod pinned;
mod run_log;
mod section;
mod signal;
mod space;
#[cfg(test)]
mod speed;
mod sync;
mod thread;
mod uffd;
mod watch;

pub use error::Error;
pub use exception::{Disposition, Handler};
pub use machine::{BUDGET_LEAST, Machine};
pub use options::MachineOptions;
pub use paged_vec::PagedVec;
pub use pinned::Pinned;
pub use run_log::RunLog;
pub use section::Section;
pub use space::{Space, SpaceOptions};
pub use uffd::{Capabilities, FaultPath, OpenError, Without};
pub use watch::{Event, Wait};
