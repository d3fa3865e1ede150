//! How a plan is carried out on Linux.

mod comparison;
mod counters;
mod keeper;
mod launch;
mod mapped_file;
mod memory;
mod memtide;
mod setup;
mod task;
mod worker;

pub use comparison::{CompareError, run};
pub use keeper::keep;
pub use launch::Launch;
pub use worker::work;
