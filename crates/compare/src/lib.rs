//! The same work on a plain slice of memory, under Memtide and under what the kernel offers.
//!
//! - [`System`]: what gives the slice: a space of Memtide, kernel swap to a file or to zram, a
//!   mapped file, or memory without a limit;
//! - [`Pattern`]: the work, one file each; [`Content`]: what its pages hold;
//! - [`Plan`]: what is compared, [`Report`] and [`Outcome`]: what came of it.
//!
//! On Linux, [`compare`] carries a plan out. Each run happens in a process of its own, a
//! [`worker`](work), which joins a memory cgroup where the system has a limit. What changes the
//! machine (cgroups, swap, zram) is made and undone by a [`keeper`](keep): a process in a session
//! of its own, which undoes everything once the process that asked for it has ended, however it
//! ended.
#![deny(unsafe_code)]

mod content;
#[cfg(target_os = "linux")]
mod linux;
mod multiple;
mod outcome;
pub mod pattern;
mod plan;
mod system;

pub use content::{Content, Contents};
#[cfg(target_os = "linux")]
pub use linux::{CompareError, Launch, keep, run as compare, work};
pub use multiple::{Multiple, ParseMultipleError};
pub use outcome::{Outcome, Report, Run, Spread};
pub use pattern::Pattern;
pub use plan::{BadPlan, Plan};
pub use system::System;
