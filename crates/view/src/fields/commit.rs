//! The commit charge.

use super::column;
use crate::{Table, Unit, Value};
use memtide_host::{Commit, CommitRule};

/// The commit charge and its limits.
pub static COMMIT: Table<Commit> = Table {
    id: "commit",
    help: "Memory promised to programs, and how much can be promised.",
    columns: &[
        column!("charge", "charge", Unit::Bytes, "Memory promised to programs.", |c| {
            Value::bytes(c.charge)
        }),
        column!(
            "limit",
            "limit",
            Unit::Bytes,
            "The most that can be promised, or backed where promises are not limited.",
            |c| Value::bytes(c.limit)
        ),
        column!(
            "maximum",
            "maximum",
            Unit::Bytes,
            "The limit once every page file that is configured has been added.",
            |c| Value::bytes(c.maximum)
        ),
        column!(
            "peak",
            "peak",
            Unit::Bytes,
            "The highest charge since the system started; Linux keeps none.",
            |c| Value::bytes(c.peak)
        ),
        column!(
            "rule",
            "rule",
            Unit::Text,
            "How promises beyond the limit are answered: strict (refused), heuristic (refused \
             where they obviously cannot be kept) or always (granted).",
            |c| Value::known(c.rule.map(CommitRule::word), Value::text)
        ),
    ],
};
