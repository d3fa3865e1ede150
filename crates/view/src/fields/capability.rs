//! What works here and what does not.

use super::column;
use crate::{Table, Unit, Value};
use memtide_host::doctor::Capability;

/// One capability of the system.
pub static CAPABILITY: Table<Capability> = Table {
    id: "capability",
    help: "One capability of the system, as this process finds it.",
    columns: &[
        column!("id", "CAPABILITY", Unit::Text, "Its stable name.", |c| Value::text(c.id)),
        column!("verdict", "VERDICT", Unit::Text, "works, fails or unknown.", |c| {
            Value::text(c.verdict.word())
        }),
        column!("purpose", "FOR", Unit::Text, "What it is used for.", |c| Value::text(c.purpose)),
        column!(
            "evidence",
            "EVIDENCE",
            Unit::Text,
            "What was seen: the file, the value, the system's own error.",
            |c| Value::text(c.evidence.as_str())
        ),
        column!(
            "remedy",
            "REMEDY",
            Unit::Text,
            "The one thing that would enable it, or more of it; null where nothing is missing.",
            |c| c.remedy.as_ref().map_or(Value::Nothing, Value::text)
        ),
    ],
};

/// What `memtide doctor` shows.
pub static DOCTOR: Table<Vec<Capability>> = Table {
    id: "doctor",
    help: "Every capability that Memtide can use, as this process finds it.",
    columns: &[column!(
        "capabilities",
        "Capabilities",
        Unit::Records(&CAPABILITY),
        "The capabilities.",
        |c| CAPABILITY.records(c)
    )],
};
