//! Campaigns: random programs on random machines, with faults injected, and every byte checked.
//!
//! A [`Run`] is a machine and a list of steps, as data: [`Run::generate`] makes one from a seed,
//! [`Run::execute`] does it and says what it found, [`shrink`] makes a failing one short. All three
//! are functions of what they are given; a run repeats exactly, wherever and whenever it is done.
//!
//! After every input and call the whole state of the manager is proved; every access is compared
//! with an [oracle](crate::oracle); a ledger sees to it that every injected error surfaces, and
//! that every error was injected; and in the end nothing may be left.

mod coverage;
mod end;
mod failure;
mod file;
mod generate;
mod ledger;
mod machine;
mod run;
mod runner;
mod shrink;
mod step;
mod steps;
mod threads;

pub use coverage::{Coverage, Happened};
pub use failure::{Failure, FailureKind};
pub use file::FileError;
pub use generate::{Amount, Generation};
pub use machine::{Choices, FRAMES_MOST, Hardware, HardwareError, PageFile};
pub use run::{Outcome, Run};
pub use shrink::{Shrunk, shrink};
pub use step::{Command, Step};
