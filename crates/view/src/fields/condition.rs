//! One of the nine conditions.

use super::column;
use crate::{Column, Field, Table, Unit, Value};
use memtide_core::conditions::{Reading, State};

/// The level a condition is judged by.
pub(super) const VALUE: Field =
    Field { id: "value", title: "VALUE", unit: Unit::Bytes, help: "The level it is judged by." };

/// The mark that level is compared with.
pub(super) const THRESHOLD: Field = Field {
    id: "threshold",
    title: "THRESHOLD",
    unit: Unit::Bytes,
    help: "The mark the level is compared with.",
};

/// What decided.
pub(super) const REASON: Field = Field {
    id: "reason",
    title: "REASON",
    unit: Unit::Text,
    help: "What decided: availability, container-limit, psi-stall, pool-free, commit-charge or \
           unknown; on Windows event, its own, or no-event where that cannot be had.",
};

/// One of the nine conditions, as it is now.
pub static CONDITION: Table<Reading> = Table {
    id: "condition",
    help: "One of the nine standard memory conditions, as it is now.",
    columns: &[
        column!("name", "CONDITION", Unit::Text, "Its name as Windows spells it.", |r| {
            Value::text(r.condition.name())
        }),
        column!(
            "set",
            "STATE",
            Unit::State,
            "Whether it holds; null where its level cannot be known.",
            |r| state(r.state)
        ),
        Column { field: VALUE, get: |r| Value::bytes(r.value) },
        Column { field: THRESHOLD, get: |r| Value::bytes(r.threshold) },
        Column { field: REASON, get: |r| Value::text(r.reason.word()) },
    ],
};

/// Whether a condition holds, as a value.
pub(super) fn state(state: State) -> Value {
    match state {
        State::Set => Value::Flag(true),
        State::Clear => Value::Flag(false),
        State::Unknown => Value::Unknown,
    }
}
