//! The nine standard memory conditions of Windows, defined once.
//!
//! - [`Condition`] names the nine; [`ConditionSet`] holds several of them.
//! - [`Levels`] are what a world measures: a machine, a container, a space, a simulation.
//! - [`Thresholds`] are the marks, by Windows' formula or by the early-warning one.
//! - [`Tracker`] compares the two and holds the state of the nine between comparisons.
//!
//! Every comparison is by level, never by equality, so a crossing in one large batch is seen as
//! surely as one page at a time. Hysteresis keeps a level that dithers at a mark from flapping.
//!
//! # Invariants
//! - Low and high of one resource are never set together.
//! - A level that is unknown makes its conditions unknown, never clear.
//! - A state depends on the state before it only between a mark and its clearing mark.

mod condition;
mod levels;
mod mode;
mod thresholds;
mod tracker;

pub use condition::{Condition, ConditionSet, UnknownCondition};
pub use levels::{Bound, Levels};
pub use mode::Mode;
pub use thresholds::{Overrides, Permille, PoolMarks, Profile, Sizes, ThresholdError, Thresholds};
pub use tracker::{Reading, Reason, State, Tracker};
