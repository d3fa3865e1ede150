//! One of the nine conditions.

use super::column;
use crate::{Table, Unit, Value};
use memtide_core::conditions::{Reading, State};

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
        column!("value", "VALUE", Unit::Bytes, "The level it is judged by.", |r| {
            Value::bytes(r.value)
        }),
        column!(
            "threshold",
            "THRESHOLD",
            Unit::Bytes,
            "The mark the level is compared with.",
            |r| { Value::bytes(r.threshold) }
        ),
        column!(
            "reason",
            "REASON",
            Unit::Text,
            "What decided: availability, container-limit, psi-stall, pool-free, commit-charge or \
             unknown.",
            |r| Value::text(r.reason.word())
        ),
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
