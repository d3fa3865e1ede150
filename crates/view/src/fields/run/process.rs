//! What became of a simulated process.

use memtide_sim::ProcessState;
use memtide_sim::report::{ProcessReport, refaults};

use super::{FAULTS, count, pages, time};
use crate::fields::column;
use crate::{Table, Unit, Value};

/// What became of a simulated process.
pub static RUN_PROCESS: Table<ProcessReport> = Table {
    id: "run_process",
    help: "What became of a simulated process, and what memory cost it.",
    columns: &[
        column!("number", "PROCESS", Unit::Count, "Its number, from 0.", |p| count(p.number)),
        column!("name", "NAME", Unit::Text, "What it is called.", |p| {
            Value::text(p.name.clone())
        }),
        column!(
            "state",
            "STATE",
            Unit::Text,
            "What became of it: alive, done, killed, crashed or aborted.",
            |p| Value::text(word(p.state))
        ),
        column!(
            "reason",
            "REASON",
            Unit::Text,
            "The exception or the refusal that ended it; null where none did.",
            |p| reason(p.state)
        ),
        column!("began", "BEGAN", Unit::Seconds, "When it began.", |p| time(p.began)),
        column!("ended", "ENDED", Unit::Seconds, "When it ended; null where it lives.", |p| {
            p.ended().map_or(Value::Nothing, time)
        }),
        column!("references", "REFERENCES", Unit::Count, "References it made.", |p| {
            Value::Count(p.references)
        }),
        column!("own", "OWN", Unit::Seconds, "The time of its own work.", |p| time(p.time.own)),
        column!(
            "serviced",
            "SERVICED",
            Unit::Seconds,
            "The time the memory manager worked on its faults and calls.",
            |p| time(p.time.serviced)
        ),
        column!("waited", "PAGE WAIT", Unit::Seconds, "The time it waited for pages.", |p| {
            time(p.time.waited)
        }),
        column!(
            "lost",
            "LOST",
            Unit::Seconds,
            "What memory cost it: the time serviced and the time waited.",
            |p| time(p.time.lost())
        ),
        column!(
            "slow_down",
            "SLOW-DOWN",
            Unit::Factor,
            "Its own and its lost time over its own; null where it did nothing of its own.",
            |p| p.slow_down().map_or(Value::Nothing, Value::Factor)
        ),
        column!(
            "refaults",
            "REFAULTS",
            Unit::Count,
            "Pages that had left its working set, or memory, and came back.",
            |p| Value::Count(refaults(&p.counters))
        ),
        column!(
            "working_set_peak",
            "PEAK",
            Unit::Bytes,
            "The most that its working set held.",
            |p| pages(p.working_set_peak.into())
        ),
        column!("refused", "REFUSED", Unit::Count, "Calls that were refused.", |p| {
            Value::Count(p.refused)
        }),
        column!("faults", "faults", Unit::Record(&FAULTS), "Its faults, by kind.", |p| {
            FAULTS.record(&p.counters)
        }),
    ],
};

const fn word(state: ProcessState) -> &'static str {
    match state {
        ProcessState::Alive => "alive",
        ProcessState::Done(_) => "done",
        ProcessState::Killed(_) => "killed",
        ProcessState::Crashed(..) => "crashed",
        ProcessState::Aborted(..) => "aborted",
    }
}

fn reason(state: ProcessState) -> Value {
    match state {
        ProcessState::Alive | ProcessState::Done(_) | ProcessState::Killed(_) => Value::Nothing,
        ProcessState::Crashed(_, exception) => Value::text(exception.to_string()),
        ProcessState::Aborted(_, refusal) => Value::text(refusal.to_string()),
    }
}
