//! The memory manager on virtual time.
//!
//! The core is driven by a world that exists in numbers only: processes that take turns on
//! processors, disks with latencies, a clock that jumps from event to event. One seed decides
//! everything, so a run replays exactly.
#![forbid(unsafe_code)]

mod audit;
pub mod campaign;
mod contents;
pub mod debugger;
mod disk;
pub mod experiments;
mod injected;
mod machine;
pub mod oracle;
pub mod picture;
pub mod policies;
mod process;
mod program;
pub mod programs;
mod reference;
pub mod report;
mod run_log;
mod sample;
pub mod scenario;
mod simulation;
pub mod sizing;
pub mod trace;
pub mod workload;
mod world;

pub use audit::{Incident, Io};
pub use contents::{Contents, Mismatch, Plant, UNWRITTEN, file_word};
pub use disk::{Direction, Disk, DiskCounters, DiskKind};
pub use injected::{FaultKind, INJECTED, InjectedFaults};
pub use machine::{Compressibility, Costs, Machine};
pub use process::{Process, ProcessId, ProcessState, TimeAccount};
pub use program::{BeforeFault, Context, Program, Reaction, Step};
pub use reference::Reference;
pub use run_log::RunLog;
pub use sample::{ProcessSample, Sample};
pub use simulation::{Action, Ending, Moments, Simulation};
pub use world::{CommandDone, Intent, Namer, Recorder, Told, World};
