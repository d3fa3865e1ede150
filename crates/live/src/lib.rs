//! Real memory with a budget: spaces whose pages go to a compression store and a page file in user
//! space, driven by the memory manager of `memtide-core`.
#![cfg(target_os = "linux")]

#[cfg(test)]
mod child;
pub mod page_file;
#[allow(dead_code, unused_imports, reason = "the pager, which calls it, is being written")]
mod signal;
#[allow(dead_code, unused_imports, reason = "the pager, which calls it, is being written")]
mod uffd;

#[cfg(test)]
mod speed;

pub use uffd::{Capabilities, FaultPath, OpenError};
