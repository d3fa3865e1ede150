//! Memory cgroups, version 1 and 2: the limits that hold for a process, all the way up the tree.
//!
//! - [`Location`] says where a process' memory cgroup is;
//! - `Chain` holds that cgroup and those above it, and tells which limit leaves least;
//! - [`MemoryStat`] reads a memory.stat file.

mod chain;
mod location;
mod stat;

pub(crate) use chain::Chain;
pub use location::{Location, Version, parse_proc_cgroup};
pub use stat::{MemoryStat, parse_limit};
