//! Linux: what /proc, PSI and the memory cgroups say.
//!
//! The parsers are public so that they can be used and fuzzed on their own; each takes the bytes
//! of a file and never panics.

pub mod buddyinfo;
pub mod cgroup;
pub(crate) mod clean;
pub mod commit;
pub mod doctor;
mod judge;
pub mod ksm;
pub mod machine;
pub mod meminfo;
pub mod mounts;
pub mod objects;
pub mod pressure;
mod proc_file;
mod process_files;
pub mod processes;
mod shared_work;
mod signal;
pub mod smaps;
mod system_calls;
mod trigger;
pub mod vmstat;
mod waiter_notice;
mod watcher;
mod zfs;
pub mod zoneinfo;

pub(crate) use judge::judge;
pub use machine::Machine;
pub(crate) use proc_file::ProcFile;
pub(crate) use signal::Signal;
pub(crate) use trigger::Trigger;
pub(crate) use waiter_notice::WaiterNotice;
pub(crate) use watcher::watch;
