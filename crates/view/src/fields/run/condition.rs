//! The conditions of a simulated run: how they fared, and when they changed.

use memtide_sim::report::{ConditionChange, ConditionSpan};

use super::time;
use crate::fields::column;
use crate::fields::condition::{REASON, THRESHOLD, VALUE, state};
use crate::{Column, Table, Unit, Value};

/// A condition that changed in a simulated run.
pub static RUN_CHANGE: Table<ConditionChange> = Table {
    id: "run_change",
    help: "A condition that changed in a simulated run, or was set at its beginning.",
    columns: &[
        column!("time", "TIME", Unit::Seconds, "When.", |c| time(c.at)),
        column!("name", "CONDITION", Unit::Text, "Its name as Windows spells it.", |c| {
            Value::text(c.reading.condition.name())
        }),
        column!(
            "set",
            "STATE",
            Unit::State,
            "Whether it holds from then on; null where unknown.",
            |c| state(c.reading.state)
        ),
        Column { field: VALUE, get: |c| Value::bytes(c.reading.value) },
        Column { field: THRESHOLD, get: |c| Value::bytes(c.reading.threshold) },
        Column { field: REASON, get: |c| Value::text(c.reading.reason.word()) },
    ],
};

/// How a condition fared over a simulated run.
pub static RUN_CONDITION: Table<ConditionSpan> = Table {
    id: "run_condition",
    help: "How one of the nine conditions fared over a simulated run.",
    columns: &[
        column!("name", "CONDITION", Unit::Text, "Its name as Windows spells it.", |c| {
            Value::text(c.reading.condition.name())
        }),
        column!("set", "AT THE END", Unit::State, "Whether it holds at the end.", |c| {
            state(c.reading.state)
        }),
        column!("times_set", "TIMES SET", Unit::Count, "How many times it was set.", |c| {
            Value::Count(c.times_set)
        }),
        column!(
            "first_set",
            "FIRST SET",
            Unit::Seconds,
            "When it was set first; null where it never was.",
            |c| c.first_set.map_or(Value::Nothing, time)
        ),
        column!("held", "SET FOR", Unit::Seconds, "For how long it was set in all.", |c| {
            time(c.held)
        }),
        Column { field: THRESHOLD, get: |c| Value::bytes(c.reading.threshold) },
    ],
};
