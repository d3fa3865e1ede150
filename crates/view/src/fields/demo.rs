//! A sort of more than the memory it may use, as it goes.

use super::{CONDITION, FAULTS, LISTS, PAGING, column};
use crate::{Table, Unit, Value};
use memtide_core::Counters;
use memtide_core::conditions::{Permille, Reading};
use memtide_core::lists::MemoryLists;
use memtide_core::units::Bytes;
use std::time::Duration;

/// One look at a sort in a space.
#[derive(Clone, Debug)]
pub struct DemoStep {
    /// What it does: filling, sorting, checking, or done.
    pub stage: &'static str,
    /// Since the beginning.
    pub elapsed: Duration,
    /// How much of the stage is done; `None` where nobody knows.
    pub progress: Option<Permille>,
    /// The budget of the space.
    pub budget: Bytes,
    /// The data.
    pub data: Bytes,
    /// Where faults are handled: in-thread or handler.
    pub path: &'static str,
    /// How much of the budget compressed pages may take; `None` where none are.
    pub compression: Option<Permille>,
    /// What the kernel counts of the process, without pages of files.
    pub resident: Option<Bytes>,
    /// The lists of the space's machine.
    pub lists: MemoryLists,
    /// What pages in the compression store hold.
    pub stored: Bytes,
    /// The memory that they take there.
    pub store: Bytes,
    /// What of the page file is in use.
    pub page_file_used: Bytes,
    /// How large the page file is.
    pub page_file_size: Bytes,
    /// What happened since the beginning.
    pub counters: Counters,
    /// What happened since the step before; `None` for the first.
    pub recent: Option<DemoRecent>,
    /// The nine conditions.
    pub conditions: Vec<Reading>,
    /// What came of it; `None` before the end.
    pub result: Option<DemoResult>,
}

/// What happened between two looks.
#[derive(Clone, Copy, Debug, Default)]
pub struct DemoRecent {
    /// How long that is.
    pub over: Duration,
    /// Faults that were answered with a page.
    pub faults: u64,
    /// Bytes read from the page file.
    pub read: Bytes,
    /// Bytes written to the page file.
    pub written: Bytes,
    /// Data filled or checked; `None` while it is sorted.
    pub data: Option<Bytes>,
}

impl DemoStep {
    fn faults_each_second(&self) -> Value {
        let recent = self.recent.filter(|recent| !recent.over.is_zero());
        let rate = |recent: DemoRecent| recent.faults as f64 / recent.over.as_secs_f64();
        Value::known(recent.map(rate), Value::PerSecond)
    }

    fn each_second(&self, bytes: fn(&DemoRecent) -> Option<Bytes>) -> Value {
        let rate = |recent: &DemoRecent| {
            let nanoseconds = u64::try_from(recent.over.as_nanos()).unwrap_or(u64::MAX);
            let bytes = bytes(recent).filter(|_| nanoseconds > 0)?;
            Some(bytes.scale(1_000_000_000, nanoseconds))
        };
        Value::bytes(self.recent.as_ref().and_then(rate))
    }
}

/// What came of a sort in a space.
#[derive(Clone, Debug)]
pub struct DemoResult {
    /// How many records were sorted.
    pub records: u64,
    /// The size of all.
    pub data: Bytes,
    /// The budget.
    pub budget: Bytes,
    /// Whether they are in order.
    pub in_order: bool,
    /// Whether every record is there, whole.
    pub complete: bool,
    /// How long it took to fill, to sort and to check.
    pub took: [Duration; 3],
    /// Bytes written to the page file.
    pub written: Bytes,
    /// Bytes read from the page file.
    pub read: Bytes,
    /// What pages that were compressed held.
    pub compressed: Bytes,
    /// The most that the kernel counted of the process at any look.
    pub resident_most: Option<Bytes>,
}

impl DemoResult {
    fn sorted_each_second(&self) -> Option<f64> {
        let seconds = self.took[1].as_secs_f64();
        (seconds > 0.0).then(|| self.records as f64 / seconds)
    }
}

/// One look at a sort in a space.
pub static DEMO: Table<DemoStep> = Table {
    id: "demo",
    help: "One look at a sort in a space: at each stage and each second; the last has the result.",
    columns: &[
        column!("elapsed", "ELAPSED", Unit::Seconds, "Since the beginning.", |s| {
            Value::Seconds(s.elapsed.as_secs_f64())
        }),
        column!("stage", "STAGE", Unit::Text, "filling, sorting, checking or done.", |s| {
            Value::text(s.stage)
        }),
        column!(
            "progress",
            "PROGRESS",
            Unit::Percent,
            "How much of the stage is done; null where nobody knows.",
            |s| Value::known(s.progress, Value::Percent)
        ),
        column!("budget", "budget", Unit::Bytes, "The memory that the space may use.", |s| {
            Value::Bytes(s.budget)
        }),
        column!("data", "data", Unit::Bytes, "The data that is sorted.", |s| {
            Value::Bytes(s.data)
        }),
        column!(
            "path",
            "faults",
            Unit::Text,
            "Where faults are handled: in-thread or handler.",
            |s| Value::text(s.path)
        ),
        column!(
            "compression",
            "compression",
            Unit::Percent,
            "How much of the budget compressed pages may take; null where nothing is compressed.",
            |s| s.compression.map_or(Value::Nothing, Value::Percent)
        ),
        column!(
            "resident",
            "resident",
            Unit::Bytes,
            "What the kernel counts of the process, without pages of files: the space, and what \
             the command itself takes.",
            |s| Value::bytes(s.resident)
        ),
        column!(
            "lists",
            "lists",
            Unit::Record(&LISTS),
            "The lists of the space's machine: the budget, less the buffers of its page file.",
            |s| LISTS.record(&s.lists)
        ),
        column!("stored", "compressed from", Unit::Bytes, "What compressed pages hold.", |s| {
            Value::Bytes(s.stored)
        }),
        column!("store", "compressed to", Unit::Bytes, "The memory in use that they take.", |s| {
            Value::Bytes(s.store)
        }),
        column!("page_file_used", "PAGE FILE", Unit::Bytes, "What of it is in use.", |s| {
            Value::Bytes(s.page_file_used)
        }),
        column!("page_file_size", "page file size", Unit::Bytes, "How large it is.", |s| {
            Value::Bytes(s.page_file_size)
        }),
        column!("faults", "faults", Unit::Record(&FAULTS), "All faults so far, by kind.", |s| {
            FAULTS.record(&s.counters)
        }),
        column!("paging", "paging", Unit::Record(&PAGING), "All pages moved so far.", |s| {
            PAGING.record(&s.counters)
        }),
        column!(
            "faults_per_second",
            "FAULTS",
            Unit::PerSecond,
            "Faults a second since the step before; null for the first.",
            DemoStep::faults_each_second
        ),
        column!(
            "read_per_second",
            "READ/S",
            Unit::Bytes,
            "Read from the page file a second since the step before.",
            |s| s.each_second(|recent| Some(recent.read))
        ),
        column!(
            "written_per_second",
            "WRITTEN/S",
            Unit::Bytes,
            "Written to the page file a second since the step before.",
            |s| s.each_second(|recent| Some(recent.written))
        ),
        column!(
            "data_per_second",
            "DATA/S",
            Unit::Bytes,
            "Data filled or checked a second since the step before; null while it sorts.",
            |s| s.each_second(|recent| recent.data)
        ),
        column!(
            "conditions",
            "conditions",
            Unit::Records(&CONDITION),
            "The nine conditions of the space's machine.",
            |s| CONDITION.records(&s.conditions)
        ),
        column!(
            "result",
            "result",
            Unit::Record(&DEMO_RESULT),
            "What came of it; null before the end.",
            |s| s.result.as_ref().map_or(Value::Nothing, |result| DEMO_RESULT.record(result))
        ),
    ],
};

/// What came of a sort in a space.
pub static DEMO_RESULT: Table<DemoResult> = Table {
    id: "demo_result",
    help: "What came of a sort in a space.",
    columns: &[
        column!("records", "records", Unit::Count, "How many were sorted, of 32 bytes.", |r| {
            Value::Count(r.records)
        }),
        column!("data", "data", Unit::Bytes, "The size of all.", |r| Value::Bytes(r.data)),
        column!("budget", "budget", Unit::Bytes, "The memory that the space might use.", |r| {
            Value::Bytes(r.budget)
        }),
        column!("in_order", "in order", Unit::Flag, "Whether they are in order.", |r| {
            Value::Flag(r.in_order)
        }),
        column!(
            "complete",
            "all there, whole",
            Unit::Flag,
            "Whether every record is there with the bytes that it was given.",
            |r| Value::Flag(r.complete)
        ),
        column!("fill_time", "filled in", Unit::Seconds, "How long it took to fill.", |r| {
            Value::Seconds(r.took[0].as_secs_f64())
        }),
        column!("sort_time", "sorted in", Unit::Seconds, "How long it took to sort.", |r| {
            Value::Seconds(r.took[1].as_secs_f64())
        }),
        column!("check_time", "checked in", Unit::Seconds, "How long it took to check.", |r| {
            Value::Seconds(r.took[2].as_secs_f64())
        }),
        column!(
            "records_per_second",
            "records sorted",
            Unit::PerSecond,
            "Records sorted a second.",
            |r| Value::known(r.sorted_each_second(), Value::PerSecond)
        ),
        column!("written", "to page file", Unit::Bytes, "Written to the page file.", |r| {
            Value::Bytes(r.written)
        }),
        column!("read", "from page file", Unit::Bytes, "Read from the page file.", |r| {
            Value::Bytes(r.read)
        }),
        column!("compressed", "compressed", Unit::Bytes, "What was compressed held.", |r| {
            Value::Bytes(r.compressed)
        }),
        column!(
            "resident_most",
            "resident, at most",
            Unit::Bytes,
            "The most that the kernel counted of the process at any look, without pages of files.",
            |r| Value::bytes(r.resident_most)
        ),
    ],
};
