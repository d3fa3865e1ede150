//! The memory manager on virtual time.
//!
//! The core is driven by a world that exists in numbers only: processes that take turns on
//! processors, disks with latencies, a clock that jumps from event to event. One seed decides
//! everything, so a run replays exactly.
#![forbid(unsafe_code)]

mod audit;
pub mod campaign;
mod contents;
mod disk;
mod injected;
mod machine;
pub mod oracle;
mod process;
mod program;
mod reference;
mod sample;
mod simulation;
mod world;

pub use audit::{Incident, Io};
pub use contents::{Contents, Mismatch, Plant, UNWRITTEN, file_word};
pub use disk::{Direction, Disk, DiskCounters, DiskKind};
pub use injected::{FaultKind, INJECTED, InjectedFaults};
pub use machine::{Compressibility, Costs, Machine};
pub use process::{Process, ProcessId, ProcessState, TimeAccount};
pub use program::{Context, Program, Reaction, Step};
pub use reference::Reference;
pub use sample::{ProcessSample, Sample};
pub use simulation::{Action, Ending, Simulation};
pub use world::{Intent, Recorder, Told, World};
