//! The memory manager on virtual time.
//!
//! The core is driven by a world that exists in numbers only: processes that take turns on
//! processors, disks with latencies, a clock that jumps from event to event. One seed decides
//! everything, so a run replays exactly.
#![forbid(unsafe_code)]

pub mod policies;
mod reference;
pub mod workload;

pub use reference::Reference;
