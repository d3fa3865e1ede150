//! What came of a simulated run.

use memtide_sim::Ending;
use memtide_sim::report::{Report, refaults};

use super::{
    FAULTS, PAGING, RUN_CHANGE, RUN_COMMAND, RUN_CONDITION, RUN_DISK, RUN_PROCESS, RUN_SAMPLE,
    pages, time,
};
use crate::fields::column;
use crate::{Table, Unit, Value, csv};

/// What came of a simulated run.
pub static RUN: Table<Report> = Table {
    id: "run",
    help: "What came of a simulated run. The seed decides all of it but `elapsed` and \
           `references_per_second`. Times are virtual and counted from the beginning.",
    columns: &[
        column!("seed", "seed", Unit::Count, "The seed that decided everything.", |r| {
            Value::Count(r.seed)
        }),
        column!("ending", "ending", Unit::Text, "Why it ended: done, time-out or stuck.", |r| {
            Value::text(word(r.ending))
        }),
        column!("memory", "memory", Unit::Bytes, "The memory of the machine.", |r| {
            Value::Bytes(r.memory)
        }),
        column!("low_memory", "low below", Unit::Bytes, "Memory is low below this.", |r| {
            Value::bytes(r.low_memory)
        }),
        column!("high_memory", "high from", Unit::Bytes, "Memory is high from this.", |r| {
            Value::bytes(r.high_memory)
        }),
        column!("duration", "duration", Unit::Seconds, "How long it was.", |r| time(r.duration)),
        column!("references", "references", Unit::Count, "References of all processes.", |r| {
            Value::Count(r.references)
        }),
        column!(
            "refaults",
            "refaults",
            Unit::Count,
            "Pages that had left a working set, or memory, and came back: soft, decompressed and \
             hard faults.",
            |r| Value::Count(refaults(&r.counters))
        ),
        column!(
            "repurposed",
            "repurposed",
            Unit::Bytes,
            "Standby memory that got another owner.",
            |r| pages(r.repurposed)
        ),
        column!(
            "system_time",
            "system time",
            Unit::Seconds,
            "The manager's work that no process waited for: trimming, writing, zeroing.",
            |r| time(r.system_time)
        ),
        column!("write_failures", "write failures", Unit::Count, "Failed writes.", |r| {
            Value::Count(r.write_failures)
        }),
        column!("injected_errors", "injected errors", Unit::Count, "Injected errors.", |r| {
            Value::Count(r.injected_errors)
        }),
        column!(
            "elapsed",
            "simulated in",
            Unit::Seconds,
            "How long the simulation took; null where nobody measured it.",
            |r| r.elapsed.map_or(Value::Nothing, |elapsed| Value::Seconds(elapsed.as_secs_f64()))
        ),
        column!(
            "references_per_second",
            "references",
            Unit::PerSecond,
            "References simulated in a second; null where nobody measured it.",
            |r| r.rate().map_or(Value::Nothing, Value::PerSecond)
        ),
        column!("faults", "faults", Unit::Record(&FAULTS), "The faults, by kind.", |r| {
            FAULTS.record(&r.counters)
        }),
        column!("paging", "paging", Unit::Record(&PAGING), "The pages that were moved.", |r| {
            PAGING.record(&r.counters)
        }),
        column!("disks", "disks", Unit::Records(&RUN_DISK), "What each disk did.", |r| {
            RUN_DISK.records(&r.disks)
        }),
        column!(
            "processes",
            "processes",
            Unit::Records(&RUN_PROCESS),
            "What became of each process.",
            |r| RUN_PROCESS.records(&r.processes)
        ),
        column!(
            "conditions",
            "conditions",
            Unit::Records(&RUN_CONDITION),
            "How each of the nine conditions fared.",
            |r| RUN_CONDITION.records(&r.conditions)
        ),
        column!(
            "changes",
            "changes",
            Unit::Records(&RUN_CHANGE),
            "The conditions that changed, in the order they did.",
            |r| RUN_CHANGE.records(&r.changes)
        ),
        column!(
            "commands",
            "commands",
            Unit::Records(&RUN_COMMAND),
            "The memory-list commands, in the order they came.",
            |r| RUN_COMMAND.records(&r.commands)
        ),
        column!(
            "samples",
            "samples",
            Unit::Records(&RUN_SAMPLE),
            "The looks taken, the last one at the end.",
            |r| RUN_SAMPLE.records(&r.samples)
        ),
    ],
};

const fn word(ending: Ending) -> &'static str {
    match ending {
        Ending::Done => "done",
        Ending::TimeOut => "time-out",
        Ending::Stuck => "stuck",
    }
}

/// The files of a run as CSV.
pub const RUN_FILES: [&str; 8] = [
    "run.csv",
    "processes.csv",
    "disks.csv",
    "conditions.csv",
    "changes.csv",
    "commands.csv",
    "samples.csv",
    "working_sets.csv",
];

/// What stands in one of the [`RUN_FILES`].
///
/// # Panics
/// For another name: a mistake of the caller's source.
#[must_use]
pub fn run_file(report: &Report, name: &str) -> String {
    match name {
        "run.csv" => csv::table(&RUN, &[RUN.row(report)]),
        "processes.csv" => csv::table(&RUN_PROCESS, &RUN_PROCESS.rows(&report.processes)),
        "disks.csv" => csv::table(&RUN_DISK, &RUN_DISK.rows(&report.disks)),
        "conditions.csv" => csv::table(&RUN_CONDITION, &RUN_CONDITION.rows(&report.conditions)),
        "changes.csv" => csv::table(&RUN_CHANGE, &RUN_CHANGE.rows(&report.changes)),
        "commands.csv" => csv::table(&RUN_COMMAND, &RUN_COMMAND.rows(&report.commands)),
        "samples.csv" => csv::table(&RUN_SAMPLE, &RUN_SAMPLE.rows(&report.samples)),
        "working_sets.csv" => {
            let rows = RUN_SAMPLE.rows(&report.samples);
            csv::nested(&RUN_SAMPLE, &rows, "processes", "time")
        }
        other => panic!("a run has no file {other}"),
    }
}
