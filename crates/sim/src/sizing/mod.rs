//! How much memory a program needs: every size in one pass over its references.
//!
//! A memory of `c` pages under LRU holds the `c` pages used last, so a reference faults exactly
//! where its [stack distance](StackDistances) is more than `c` (Mattson et al., "Evaluation
//! techniques for storage hierarchies", 1970). Counting the distances once therefore gives the
//! [`MissRatioCurve`], the faults of every size; [`SlowDown`] says what they cost in time.

mod curve;
mod fit;
mod knee;
mod marks;
mod slow_down;
mod stack_distance;

pub use curve::{CurveBuilder, MissRatioCurve};
pub use fit::{Fit, FitQuestion, SizePoint};
pub use slow_down::{BadBound, SlowDown};
pub use stack_distance::StackDistances;
