//! This machine in the core's words.
//!
//! - [`Machine`] reads it: page lists, levels, pools, commit, container;
//! - [`look`] judges the nine conditions once;
//! - [`conditions`] waits for them;
//! - [`clean`] gives memory back and tells what that cost.
//!
//! ```
//! use memtide_host::{Machine, Scope};
//!
//! let mut machine = Machine::open(&Scope::Auto)?;
//! let sample = machine.sample()?;
//! if let Some(available) = sample.levels.available {
//!     println!("{available} available");
//! }
//! # Ok::<(), memtide_host::Error>(())
//! ```

pub mod clean;
pub mod conditions;
pub mod doctor;
mod error;
mod look;
pub mod objects;
pub mod processes;
mod sample;

#[cfg(target_os = "linux")]
pub mod linux;
#[cfg(target_os = "linux")]
use linux as system;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as system;

pub use conditions::Conditions;
pub use error::Error;
pub use look::{Look, Options, look};
pub use sample::{Commit, CommitRule, Container, Pool, Pools, Sample, Scope, Stall};
pub use system::Machine;
