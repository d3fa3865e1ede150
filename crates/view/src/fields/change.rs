//! A change of a condition.

use super::column;
use super::condition::{REASON, THRESHOLD, VALUE, state};
use crate::{Column, Table, Unit, Value};
use memtide_host::conditions::Change;

/// A change of a condition.
pub static CHANGE: Table<Change> = Table {
    id: "change",
    help: "A condition that changed, or was set when the watching began.",
    columns: &[
        column!("time", "TIME", Unit::Text, "When it was seen, in UTC (RFC 3339).", |c| {
            Value::text(humantime::format_rfc3339_millis(c.at).to_string())
        }),
        column!("name", "CONDITION", Unit::Text, "Its name as Windows spells it.", |c| {
            Value::text(c.reading.condition.name())
        }),
        column!("set", "STATE", Unit::State, "Whether it holds now; null where unknown.", |c| {
            state(c.reading.state)
        }),
        column!(
            "was_set",
            "BEFORE",
            Unit::State,
            "Whether it held before; null where unknown, and for what was set at the beginning.",
            |c| c.before.map_or(Value::Unknown, state)
        ),
        Column { field: VALUE, get: |c| Value::bytes(c.reading.value) },
        Column { field: THRESHOLD, get: |c| Value::bytes(c.reading.threshold) },
        Column { field: REASON, get: |c| Value::text(c.reading.reason.word()) },
    ],
};
