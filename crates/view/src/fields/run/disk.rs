//! What a simulated disk did.

use memtide_sim::report::DiskReport;

use super::{count, pages, time};
use crate::fields::column;
use crate::{Table, Unit, Value};

/// What a simulated disk did.
pub static RUN_DISK: Table<DiskReport> = Table {
    id: "run_disk",
    help: "What a simulated disk did.",
    columns: &[
        column!("number", "DISK", Unit::Count, "Its number, from 0.", |d| count(d.number)),
        column!("name", "NAME", Unit::Text, "What it is called.", |d| {
            Value::text(d.name.clone())
        }),
        column!("reads", "READS", Unit::Count, "Reads.", |d| Value::Count(d.counters.reads)),
        column!("read", "READ", Unit::Bytes, "What was read.", |d| {
            pages(d.counters.pages_read)
        }),
        column!("writes", "WRITES", Unit::Count, "Writes.", |d| Value::Count(d.counters.writes)),
        column!("written", "WRITTEN", Unit::Bytes, "What was written.", |d| {
            pages(d.counters.pages_written)
        }),
        column!(
            "busy",
            "BUSY",
            Unit::Seconds,
            "For how long transfers were on their way, summed over transfers side by side.",
            |d| time(d.counters.busy)
        ),
    ],
};
