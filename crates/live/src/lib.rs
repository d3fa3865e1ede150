//! Real memory with a budget: spaces whose pages go to a compression store and a page file in user
//! space, driven by the memory manager of `memtide-core`.
#![cfg(target_os = "linux")]

pub mod page_file;
mod signal;
mod uffd;
