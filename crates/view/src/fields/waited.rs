//! How a wait ended.

use super::{CONDITION, column};
use crate::{Table, Unit, Value};
use memtide_core::conditions::Reading;
use std::time::Duration;

/// How a wait ended.
pub struct Waited {
    /// The wanted conditions that were set; none when the time was out.
    pub set: Vec<Reading>,
    /// How long it took.
    pub elapsed: Duration,
}

/// How a wait ended.
pub static WAITED: Table<Waited> = Table {
    id: "waited",
    help: "How a wait ended.",
    columns: &[
        column!("timed_out", "timed out", Unit::Flag, "Whether the time was out first.", |w| {
            Value::Flag(w.set.is_empty())
        }),
        column!("waited", "waited", Unit::Seconds, "How long it waited.", |w| {
            Value::Seconds(w.elapsed.as_secs_f64())
        }),
        column!(
            "conditions",
            "set",
            Unit::Records(&CONDITION),
            "The wanted conditions that were set, as they are now.",
            |w| CONDITION.records(&w.set)
        ),
    ],
};
