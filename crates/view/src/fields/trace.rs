//! What came of a trace.

use memtide_core::Counters;
use memtide_core::page::Tick;
use memtide_core::units::Bytes;
use memtide_sim::report::seconds;
use memtide_sim::trace::{TraceReport, Written};

use super::column;
use crate::{Table, Unit, Value};

/// What came of a trace on a machine of its own.
pub static TRACE: Table<TraceReport> = Table {
    id: "trace",
    help: "What came of a trace on a machine of its own.",
    columns: &[
        column!("format", "format", Unit::Text, "The format of the trace.", |t| {
            t.format.map_or(Value::Unknown, |format| Value::text(format.name()))
        }),
        column!("references", "references", Unit::Count, "References made.", |t| {
            Value::Count(t.references)
        }),
        column!("faults", "faults", Unit::Record(&TRACE_FAULTS), "Faults, by kind.", |t| {
            TRACE_FAULTS.record(&t.counters)
        }),
        column!(
            "miss_ratio",
            "miss ratio",
            Unit::Ratio,
            "First touches and hard faults over references; a soft fault is no miss.",
            |t| Value::Ratio(t.miss_ratio())
        ),
        column!("pages", "pages used", Unit::Count, "Different pages in the trace.", |t| {
            Value::Count(t.pages())
        }),
        column!("used", "memory used", Unit::Bytes, "What those pages come to.", |t| {
            memory(t.pages())
        }),
        column!(
            "memory",
            "memory",
            Unit::Bytes,
            "The memory of the machine; null where it had enough for everything.",
            |t| t.frames.map_or(Value::Nothing, |frames| memory(u64::from(frames)))
        ),
        column!("peak", "largest working set", Unit::Bytes, "The largest working set.", |t| {
            memory(u64::from(t.peak))
        }),
        column!("pages_read", "pages read", Unit::Count, "Pages read from the page file.", |t| {
            Value::Count(t.disk.pages_read)
        }),
        column!(
            "pages_written",
            "pages written",
            Unit::Count,
            "Pages written to the page file.",
            |t| Value::Count(t.disk.pages_written)
        ),
        column!("own", "own time", Unit::Seconds, "The time of the references themselves.", |t| {
            time(t.time.own)
        }),
        column!(
            "serviced",
            "manager's time",
            Unit::Seconds,
            "What the memory manager worked on its faults.",
            |t| time(t.time.serviced)
        ),
        column!("waited", "waited", Unit::Seconds, "What it waited for the disk.", |t| {
            time(t.time.waited)
        }),
        column!(
            "slow_down",
            "slow-down",
            Unit::Factor,
            "How many times as long it took as without any fault.",
            |t| Value::Factor(t.slow_down())
        ),
        column!(
            "passed_over",
            "lines passed over",
            Unit::Count,
            "Lines of the trace that are no references, such as messages.",
            |t| Value::Count(t.passed_over)
        ),
        column!("elapsed", "took", Unit::Seconds, "How long the simulation took.", |t| {
            Value::Seconds(t.elapsed.as_secs_f64())
        }),
        column!(
            "references_per_second",
            "rate",
            Unit::PerSecond,
            "References a second of the simulation; null where it took no time a clock shows.",
            |t| Value::known(t.references_per_second(), Value::PerSecond)
        ),
    ],
};

/// The faults of a trace.
pub static TRACE_FAULTS: Table<Counters> = Table {
    id: "trace_faults",
    help: "The faults of a trace, by kind.",
    columns: &[
        column!("demand_zero", "first touch", Unit::Count, "Answered with a page of zeros.", |c| {
            Value::Count(c.demand_zero)
        }),
        column!("soft", "soft", Unit::Count, "Answered with a page still in memory.", |c| {
            Value::Count(c.soft)
        }),
        column!("hard", "hard", Unit::Count, "That began a read from the page file.", |c| {
            Value::Count(c.hard)
        }),
    ],
};

/// A trace that was written.
pub static WRITTEN: Table<Written> = Table {
    id: "written",
    help: "A trace that was written.",
    columns: &[
        column!("references", "references", Unit::Count, "References written.", |w| {
            Value::Count(w.references)
        }),
        column!("bytes", "size", Unit::Bytes, "Bytes of the file.", |w| {
            Value::Bytes(Bytes(w.bytes))
        }),
    ],
};

fn memory(pages: u64) -> Value {
    Value::Bytes(Bytes::from_pages(pages))
}

fn time(tick: Tick) -> Value {
    Value::Seconds(seconds(tick))
}
