//! The memory that a trace needs.

use std::time::Duration;

use memtide_core::page::Tick;
use memtide_core::units::Bytes;
use memtide_sim::sizing::{Fit, SizePoint};

use super::column;
use crate::{Table, Unit, Value};

/// What `sim fit` has to tell.
pub struct FitReport {
    /// The answer.
    pub fit: Fit,
    /// How long the pass over the trace took.
    pub elapsed: Duration,
}

/// What `sim fit` has to tell.
pub static FIT: Table<FitReport> = Table {
    id: "fit",
    help: "The memory that a trace needs under LRU, and the faults and slow-down of other sizes.",
    columns: &[
        column!("references", "references", Unit::Count, "References in the trace.", |f| {
            Value::Count(f.fit.references)
        }),
        column!("pages", "pages used", Unit::Count, "Different pages in the trace.", |f| {
            Value::Count(f.fit.pages)
        }),
        column!("used", "memory used", Unit::Bytes, "What those pages come to.", |f| {
            memory(f.fit.pages)
        }),
        column!("disk", "disk", Unit::Text, "The disk that pages come back from.", |f| {
            Value::text(f.fit.disk.clone())
        }),
        column!(
            "fault_time",
            "time of a fault",
            Unit::Seconds,
            "The time of a hard fault: the disk's latency, seek and transfer of a page.",
            |f| time(f.fit.model.fault_time)
        ),
        column!(
            "reference_time",
            "time of a reference",
            Unit::Seconds,
            "The time of a reference to a page in memory.",
            |f| time(f.fit.model.reference_time)
        ),
        column!("bound", "bound", Unit::Factor, "The slow-down that is borne.", |f| {
            Value::Factor(f.fit.bound)
        }),
        column!(
            "needed",
            "needed",
            Unit::Record(&FIT_SIZE),
            "The smallest memory whose slow-down is within the bound.",
            |f| FIT_SIZE.record(&f.fit.needed)
        ),
        column!(
            "knee",
            "knee",
            Unit::Record(&FIT_SIZE),
            "The size up to which more memory pays most; null where all sizes are alike.",
            |f| f.fit.knee.as_ref().map_or(Value::Nothing, |knee| FIT_SIZE.record(knee))
        ),
        column!("sizes", "sizes", Unit::Records(&FIT_SIZE), "Other sizes, rising.", |f| {
            FIT_SIZE.records(&f.fit.sizes)
        }),
        column!(
            "references_per_second",
            "rate",
            Unit::PerSecond,
            "References a second while the trace was read.",
            |f| rate(f.fit.references, f.elapsed)
        ),
    ],
};

/// What a program does with one size of memory.
pub static FIT_SIZE: Table<SizePoint> = Table {
    id: "fit_size",
    help: "What the program of a trace does with one size of memory under LRU.",
    columns: &[
        column!("pages", "PAGES", Unit::Count, "The memory, in pages.", |p| Value::Count(p.pages)),
        column!("memory", "MEMORY", Unit::Bytes, "The memory.", |p| memory(p.pages)),
        column!("hard_faults", "HARD FAULTS", Unit::Count, "Faults that read a page back.", |p| {
            Value::Count(p.hard_faults)
        }),
        column!(
            "miss_ratio",
            "MISS RATIO",
            Unit::Ratio,
            "First touches and hard faults over references.",
            |p| Value::Ratio(p.miss_ratio)
        ),
        column!(
            "slow_down",
            "SLOW-DOWN",
            Unit::Factor,
            "How many times as long it takes as with memory enough: 1 + hard faults × time of a \
             fault ÷ (references × time of a reference).",
            |p| Value::Factor(p.slow_down)
        ),
    ],
};

fn memory(pages: u64) -> Value {
    Value::Bytes(Bytes::from_pages(pages))
}

fn time(tick: Tick) -> Value {
    Value::Seconds(Duration::from_nanos(tick.0).as_secs_f64())
}

/// Things a second; unknown where it took no time that a clock shows.
pub(super) fn rate(count: u64, elapsed: Duration) -> Value {
    let seconds = elapsed.as_secs_f64();
    Value::known((seconds > 0.0).then(|| count as f64 / seconds), Value::PerSecond)
}
