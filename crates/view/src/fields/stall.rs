//! Waiting for memory.

use super::column;
use crate::{Table, Unit, Value};
use memtide_host::Stall;

/// How long threads waited for memory.
pub static STALL: Table<Stall> = Table {
    id: "stall",
    help: "How long threads waited for memory (PSI).",
    columns: &[
        column!(
            "some",
            "some waited",
            Unit::Percent,
            "The share of the last ten seconds in which at least one thread waited.",
            |s| Value::Percent(s.some)
        ),
        column!(
            "full",
            "all waited",
            Unit::Percent,
            "The share of the last ten seconds in which every thread that could run waited.",
            |s| Value::known(s.full, Value::Percent)
        ),
    ],
};
