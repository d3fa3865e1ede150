//! Cleaning memory, and telling what it cost.
//!
//! A [`Request`] names [`Region`]s. A [`Cleaner`] predicts what they would yield ([`Plan`]),
//! carries them out one by one in the order that works ([`Report`]: a [`StepReport`] a region),
//! and then watches what comes back ([`Observation`] with its [`Verdict`]).
//!
//! ```
//! use memtide_host::clean::{Cleaner, Request};
//!
//! let mut cleaner = Cleaner::open(&Request::default())?;
//! for prediction in cleaner.plan().predictions {
//!     println!("{}: {}", prediction.region.name(), prediction.basis);
//! }
//! # Ok::<(), memtide_host::Error>(())
//! ```
//!
//! Invariants:
//! - every step keeps its status and the system's own error, and every amount its sign;
//! - what a step changed is measured immediately before and after that step;
//! - a cancel or a timeout ends a step, never the report.

mod cleaner;
mod observation;
mod plan;
mod region;
mod report;
mod request;
mod system;
mod verdict;

pub use cleaner::{Cleaner, Progress};
pub use observation::{Basis, Observation};
pub use plan::{Effect, Estimate, Plan, Prediction};
pub use region::{Region, Weight};
pub use report::{Change, Evidence, Mechanism, Report, Status, StepReport};
pub use request::{Request, RequestError};
pub(crate) use system::{Counters, Gauge, Outcome, Reins, Stop, System};
pub use verdict::{Harm, Verdict};
