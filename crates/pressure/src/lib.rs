//! Real memory pressure for tests and benchmarks.
//!
//! - [`Cgroup`]: a memory cgroup of one's own, version 1 or 2, that a process can join;
//! - [`Hog`]: memory that is really there;
//! - [`Killed`]: child processes that end with the test;
//! - `windows`, there: the condition events, set by another process.
//!
//! Pressure stays inside the cgroup: the machine itself is never sent out of memory. Everything
//! here panics when it cannot be had, for a test without its pressure proves nothing.

mod cgroup;
mod hog;
mod killed;
#[cfg(windows)]
pub mod windows;

pub use cgroup::{Cgroup, Joined};
pub use hog::Hog;
pub use killed::Killed;
