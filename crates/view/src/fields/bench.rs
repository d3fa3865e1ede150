//! The same work under several systems.

use super::column;
use crate::{Table, Unit, Value};
use memtide_compare::{Outcome, Report, Spread, System};
use memtide_core::units::Bytes;

/// One pattern under one system, beside the others.
#[derive(Clone)]
pub struct BenchRow {
    /// What came of it.
    pub outcome: Outcome,
    budget: Bytes,
    ratio_to_swap_file: Option<f64>,
    ratio_to_zram: Option<f64>,
}

impl BenchRow {
    /// Every outcome of a report.
    #[must_use]
    pub fn all(report: &Report) -> Vec<Self> {
        let row = |outcome: &Outcome| Self {
            outcome: outcome.clone(),
            budget: report.budget,
            ratio_to_swap_file: report.ratio_to(outcome, System::SwapFile),
            ratio_to_zram: report.ratio_to(outcome, System::SwapZram),
        };
        report.outcomes.iter().map(row).collect()
    }

    fn time(&self, part: fn(Spread) -> f64) -> Value {
        let spread = self.outcome.ns_per_access();
        Value::known(spread, |spread| Value::Nanoseconds(part(spread)))
    }

    fn bytes(&self, count: fn(&memtide_compare::Run) -> u64) -> Value {
        Value::bytes(self.outcome.median(count).map(Bytes))
    }
}

/// What `live bench` has to tell.
pub static BENCH: Table<Report> = Table {
    id: "bench",
    help: "The same work under several systems.",
    columns: &[
        column!("budget", "budget", Unit::Bytes, "The memory that each system may use.", |r| {
            Value::Bytes(r.budget)
        }),
        column!(
            "content",
            "content",
            Unit::Text,
            "What pages hold: compressible (to about a third) or random.",
            |r| Value::text(r.content.name())
        ),
        column!("directory", "directory", Unit::Text, "Where the files were.", |r| {
            Value::text(r.directory.display().to_string())
        }),
        column!("seed", "seed", Unit::Count, "What decided all that was random.", |r| {
            Value::Count(r.seed)
        }),
        column!(
            "interrupted",
            "interrupted",
            Unit::Flag,
            "Whether it was ended before all was done.",
            |r| Value::Flag(r.interrupted)
        ),
        column!(
            "rows",
            "rows",
            Unit::Records(&BENCH_ROW),
            "Each pattern under each system, with each size of data.",
            |r| BENCH_ROW.records(&BenchRow::all(r))
        ),
    ],
};

/// One pattern under one system.
pub static BENCH_ROW: Table<BenchRow> = Table {
    id: "bench_row",
    help: "One pattern under one system with one size of data.",
    columns: &[
        column!("pattern", "PATTERN", Unit::Text, "The work.", |r| {
            Value::text(r.outcome.pattern.name())
        }),
        column!("system", "SYSTEM", Unit::Text, "What gave it memory.", |r| {
            Value::text(r.outcome.system.name())
        }),
        column!("budget", "BUDGET", Unit::Bytes, "The memory it might use.", |r| {
            Value::Bytes(r.budget)
        }),
        column!("data", "DATA", Unit::Bytes, "The data worked on.", |r| {
            Value::Bytes(r.outcome.data)
        }),
        column!("multiple", "TIMES", Unit::Text, "The data as times the budget, as in 2x.", |r| {
            Value::text(r.outcome.multiple.to_string())
        }),
        column!("runs", "RUNS", Unit::Count, "How often it was measured.", |r| {
            Value::Count(r.outcome.runs.len() as u64)
        }),
        column!("ns_per_access", "ACCESS", Unit::Nanoseconds, "Time an access, the median.", |r| {
            r.time(|spread| spread.median)
        }),
        column!("ns_per_access_least", "LEAST", Unit::Nanoseconds, "The shortest run's.", |r| {
            r.time(|spread| spread.least)
        }),
        column!("ns_per_access_most", "MOST", Unit::Nanoseconds, "The longest run's.", |r| {
            r.time(|spread| spread.most)
        }),
        column!(
            "ratio_to_swap_file",
            "TO SWAP FILE",
            Unit::Factor,
            "How many times as fast as swap-file, by the medians.",
            |r| Value::known(r.ratio_to_swap_file, Value::Factor)
        ),
        column!(
            "ratio_to_zram",
            "TO ZRAM",
            Unit::Factor,
            "How many times as fast as swap-zram, by the medians.",
            |r| Value::known(r.ratio_to_zram, Value::Factor)
        ),
        column!(
            "major_faults",
            "MAJOR FAULTS",
            Unit::Count,
            "Faults that had to wait for the disk or for decompression, the median.",
            |r| Value::known(r.outcome.median(|run| run.major_faults), Value::Count)
        ),
        column!(
            "read",
            "READ",
            Unit::Bytes,
            "Bytes read from the disk or from zram, the median; of swap by all of the machine.",
            |r| r.bytes(|run| run.read)
        ),
        column!(
            "written",
            "WRITTEN",
            Unit::Bytes,
            "Bytes written there, the median; of a mapped file what is still to be written too.",
            |r| r.bytes(|run| run.written)
        ),
        column!(
            "reason",
            "NOT MEASURED",
            Unit::Text,
            "Why it was not measured, or not as often; null where it was.",
            |r| r.outcome.reason.clone().map_or(Value::Nothing, Value::Text)
        ),
    ],
};
