//! A condition that changed in a simulated run.

use memtide_sim::report::ConditionChange;

use super::time;
use crate::fields::column;
use crate::fields::condition::{REASON, THRESHOLD, VALUE, state};
use crate::{Column, Table, Unit, Value};

/// A condition that changed in a simulated run.
pub static RUN_CONDITION: Table<ConditionChange> = Table {
    id: "run_condition",
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
