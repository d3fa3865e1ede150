//! Real memory with a budget: data larger than the memory it may use, on Linux and Windows.
//!
//! A [`Machine`] is a budget, with a page file and, where asked for, a compression store; a
//! [`Space`] is addresses of this process whose pages share it. Everything else is as usual: a
//! [`PagedVec`] is a slice, and what works on slices knows nothing of pages. Thirty-two MiB within
//! eight, sorted by the standard library:
//!
//! ```
//! use memtide::Bytes;
//! use memtide::live::{PagedVec, Space};
//!
//! let space = Space::new(Bytes::from_mib(8))?;
//! let mut numbers = PagedVec::<u64>::zeroed(&space, 4 << 20)?;
//! for (place, number) in (0..).zip(numbers.iter_mut()) {
//!     *number = (place as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
//! }
//! numbers.sort_unstable();
//! assert!(numbers.is_sorted());
//! # #[cfg(target_os = "linux")]
//! assert!(space.machine().counters().pages_written > 0, "most of it was in the page file");
//! # Ok::<(), memtide::live::Error>(())
//! ```
//!
//! Memory is reserved, committed, protected, offered, locked and watched by the calls that Windows
//! has for that, with the types of [`manager`](crate::manager):
//!
//! ```
//! use memtide::Bytes;
//! use memtide::live::Space;
//! use memtide::manager::{Allocation, MEM_RELEASE};
//!
//! let space = Space::new(Bytes::from_mib(8))?;
//! let base = space.allocate(&Allocation::committed(1 << 20))?;
//! let info = space.query(base)?;
//! assert_eq!(info.bytes, 1 << 20);
//! space.free(base, 0, MEM_RELEASE)?;
//! # Ok::<(), memtide::live::Error>(())
//! ```
//!
//! On Windows the native manager does all of this. The budget is then a hard maximum of the working
//! set of the process, which everything in it shares; what Windows decides by itself is refused
//! with [`Error::Unsupported`].
//!
//! On Linux by default faults are handled in the thread that faults, which is fastest and needs no
//! privilege; memory that goes to system calls is [pinned](Space::pin) meanwhile, or belongs to a
//! space whose faults [handler threads](FaultPath::Handler) handle. [`doctor`](crate::doctor)
//! tells what works here.

pub use memtide_live::*;
