//! One look at a simulated run.

use memtide_core::conditions::Condition;
use memtide_sim::report::refaults;
use memtide_sim::{ProcessSample, Sample};

use super::{FAULTS, count, pages, time};
use crate::fields::column;
use crate::{Table, Unit, Value};

/// One look at a simulated run.
pub static RUN_SAMPLE: Table<Sample> = Table {
    id: "run_sample",
    help: "One look at a simulated machine; the lists add up to its memory.",
    columns: &[
        column!("time", "TIME", Unit::Seconds, "When.", |s| time(s.at)),
        column!(
            "active",
            "ACTIVE",
            Unit::Bytes,
            "Memory in working sets, held by the manager, or with I/O in progress.",
            |s| pages(s.active.into())
        ),
        column!("modified", "MODIFIED", Unit::Bytes, "Memory that must be written first.", |s| {
            pages(s.lists.modified.into())
        }),
        column!(
            "modified_no_write",
            "NO-WRITE",
            Unit::Bytes,
            "Modified memory that must not be written yet.",
            |s| pages(s.lists.modified_no_write.into())
        ),
        column!("standby", "STANDBY", Unit::Bytes, "Memory that can be reused at once.", |s| {
            pages(s.lists.standby.iter().copied().map(u64::from).sum())
        }),
        column!("free", "FREE", Unit::Bytes, "Free pages with old contents.", |s| {
            pages(s.lists.free.into())
        }),
        column!("zeroed", "ZEROED", Unit::Bytes, "Free pages of zeros.", |s| {
            pages(s.lists.zeroed.into())
        }),
        column!("bad", "BAD", Unit::Bytes, "Pages that have failed.", |s| {
            pages(s.lists.bad.into())
        }),
        column!("available", "AVAILABLE", Unit::Bytes, "Standby, free and zeroed.", |s| {
            Value::bytes(s.levels.available)
        }),
        column!("commit_charge", "COMMIT", Unit::Bytes, "The commit charge.", |s| {
            Value::bytes(s.levels.commit_charge)
        }),
        column!("commit_limit", "LIMIT", Unit::Bytes, "The commit limit.", |s| {
            Value::bytes(s.levels.commit_limit)
        }),
        column!("conditions", "CONDITIONS", Unit::Texts, "The conditions that are set.", |s| {
            let set = Condition::ALL.into_iter().zip(s.conditions).filter(|(_, is_set)| *is_set);
            Value::Texts(set.map(|(condition, _)| condition.argument().to_owned()).collect())
        }),
        column!("faults", "faults", Unit::Record(&FAULTS), "All faults so far, by kind.", |s| {
            FAULTS.record(&s.counters)
        }),
        column!(
            "processes",
            "processes",
            Unit::Records(&RUN_SAMPLE_PROCESS),
            "The processes that live.",
            |s| RUN_SAMPLE_PROCESS.records(&s.processes)
        ),
    ],
};

/// A process at one look.
pub static RUN_SAMPLE_PROCESS: Table<ProcessSample> = Table {
    id: "run_sample_process",
    help: "A simulated process at one look.",
    columns: &[
        column!("process", "PROCESS", Unit::Count, "Its number, from 0.", |p| count(p.process.0)),
        column!("working_set", "WORKING SET", Unit::Bytes, "Its working set.", |p| {
            pages(p.working_set.into())
        }),
        column!("commit", "COMMIT", Unit::Bytes, "Its private commit charge.", |p| {
            pages(p.commit)
        }),
        column!("faults", "FAULTS", Unit::Count, "Its faults so far.", |p| {
            Value::Count(p.counters.faults())
        }),
        column!("hard_faults", "HARD", Unit::Count, "Those of them that began a read.", |p| {
            Value::Count(p.counters.hard)
        }),
        column!("refaults", "REFAULTS", Unit::Count, "Pages that came back so far.", |p| {
            Value::Count(refaults(&p.counters))
        }),
    ],
};
