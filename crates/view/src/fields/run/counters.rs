//! What happened to a space or a machine, counted.

use memtide_core::Counters;

use crate::fields::column;
use crate::{Table, Unit, Value};

/// The faults, by kind.
pub static FAULTS: Table<Counters> = Table {
    id: "faults",
    help: "Faults, by kind.",
    columns: &[
        column!("all", "FAULTS", Unit::Count, "All that were answered with a page.", |c| {
            Value::Count(c.faults())
        }),
        column!("demand_zero", "DEMAND ZERO", Unit::Count, "Answered with a page of zeros.", |c| {
            Value::Count(c.demand_zero)
        }),
        column!(
            "soft",
            "SOFT",
            Unit::Count,
            "Answered with a page on the standby or modified list, or one being written.",
            |c| Value::Count(c.soft)
        ),
        column!("hard", "HARD", Unit::Count, "That began a read.", |c| Value::Count(c.hard)),
        column!(
            "decompressed",
            "DECOMPRESSED",
            Unit::Count,
            "Answered by the compression store.",
            |c| Value::Count(c.decompressed)
        ),
        column!(
            "prototype",
            "SECTION",
            Unit::Count,
            "Answered with a page of the section that was in memory already.",
            |c| Value::Count(c.prototype)
        ),
        column!(
            "copy_on_write",
            "COPY",
            Unit::Count,
            "Writes to resident pages that made a private copy.",
            |c| Value::Count(c.copy_on_write)
        ),
        column!("collided", "COLLIDED", Unit::Count, "That joined a read in progress.", |c| {
            Value::Count(c.collided)
        }),
        column!("waited", "WAITED", Unit::Count, "That had to wait for a frame.", |c| {
            Value::Count(c.waited)
        }),
        column!("first_writes", "FIRST WRITES", Unit::Count, "First writes to clean pages.", |c| {
            Value::Count(c.first_writes)
        }),
        column!("guard", "GUARD", Unit::Count, "First accesses to guard pages.", |c| {
            Value::Count(c.guard)
        }),
        column!("violations", "VIOLATIONS", Unit::Count, "Access violations.", |c| {
            Value::Count(c.violations)
        }),
        column!(
            "in_page_errors",
            "IN-PAGE ERRORS",
            Unit::Count,
            "Accesses that ended in an in-page error.",
            |c| Value::Count(c.in_page_errors)
        ),
    ],
};

/// The pages that were moved.
pub static PAGING: Table<Counters> = Table {
    id: "paging",
    help: "Pages that were moved, and the I/O that moved them.",
    columns: &[
        column!("trimmed", "TRIMMED", Unit::Count, "Pages trimmed from working sets.", |c| {
            Value::Count(c.trimmed)
        }),
        column!("compressed", "COMPRESSED", Unit::Count, "Pages given to the store.", |c| {
            Value::Count(c.compressed)
        }),
        column!("reads", "READS", Unit::Count, "Reads begun.", |c| Value::Count(c.reads)),
        column!("pages_read", "PAGES READ", Unit::Count, "Pages read.", |c| {
            Value::Count(c.pages_read)
        }),
        column!("writes", "WRITES", Unit::Count, "Writes begun.", |c| Value::Count(c.writes)),
        column!("pages_written", "PAGES WRITTEN", Unit::Count, "Pages written.", |c| {
            Value::Count(c.pages_written)
        }),
        column!("io_errors", "I/O ERRORS", Unit::Count, "Reads and writes that failed.", |c| {
            Value::Count(c.io_errors)
        }),
    ],
};
