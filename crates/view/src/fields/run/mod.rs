//! A simulated run: one file a kind of record.

mod command;
mod condition;
mod counters;
mod disk;
mod process;
mod report;
mod sample;

pub use command::RUN_COMMAND;
pub use condition::{RUN_CHANGE, RUN_CONDITION};
pub use counters::{FAULTS, PAGING};
pub use disk::RUN_DISK;
pub use process::RUN_PROCESS;
pub use report::{RUN, RUN_FILES, run_file};
pub use sample::{RUN_SAMPLE, RUN_SAMPLE_PROCESS};

use memtide_core::page::Tick;
use memtide_core::units::Bytes;
use memtide_sim::report::seconds;

use crate::Value;

/// A length of virtual time, or a moment since the beginning.
fn time(tick: Tick) -> Value {
    Value::Seconds(seconds(tick))
}

/// A number of pages as memory.
fn pages(pages: u64) -> Value {
    Value::Bytes(Bytes::from_pages(pages))
}

/// A number of things.
fn count(number: usize) -> Value {
    Value::Count(u64::try_from(number).unwrap_or(u64::MAX))
}
