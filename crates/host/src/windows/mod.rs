//! Windows: the native memory manager, asked in its own words.

mod answer;
pub(crate) mod clean;
mod compression;
mod condition_events;
pub(crate) mod doctor;
mod judge;
mod machine;
mod memory_lists;
mod native;
pub(crate) mod objects;
pub(crate) mod page_files;
pub(crate) mod processes;
mod signal;
mod waiter_notice;
mod watcher;

pub(crate) use judge::judge;
pub use machine::Machine;
pub(crate) use signal::Signal;
pub(crate) use waiter_notice::WaiterNotice;
pub(crate) use watcher::watch;
