//! One look at a machine.

use super::{COMMIT, CONDITION, CONTAINER, LISTS, POOLS, PROCESS, STALL, column};
use crate::{Table, Unit, Value};
use memtide_host::Look;
use memtide_host::processes::Process;

/// What `memtide status` shows.
pub struct Status {
    /// The machine and its conditions.
    pub look: Look,
    /// The processes with the largest working sets; `None` where they cannot be listed.
    pub processes: Option<Vec<Process>>,
}

/// One look at a machine.
pub static STATUS: Table<Status> = Table {
    id: "status",
    help: "One look at a machine.",
    columns: &[
        column!(
            "conditions",
            "Conditions",
            Unit::Records(&CONDITION),
            "The nine standard memory conditions.",
            |s| CONDITION.records(&s.look.readings)
        ),
        column!("lists", "Memory", Unit::Record(&LISTS), "Where physical memory is.", |s| {
            LISTS.record(&s.look.sample.lists)
        }),
        column!("commit", "Commit", Unit::Record(&COMMIT), "Memory promised to programs.", |s| {
            COMMIT.record(&s.look.sample.commit)
        }),
        column!("pools", "Pools", Unit::Record(&POOLS), "The memory of the kernel itself.", |s| {
            POOLS.record(&s.look.sample.pools)
        }),
        column!(
            "container",
            "Container",
            Unit::Record(&CONTAINER),
            "The container this process runs in; null outside one.",
            |s| match &s.look.sample.container {
                Some(container) => CONTAINER.record(container),
                None => Value::Nothing,
            }
        ),
        column!(
            "stall",
            "Stall",
            Unit::Record(&STALL),
            "Waiting for memory; null where it is not counted.",
            |s| Value::known(s.look.sample.stall.as_ref(), |stall| STALL.record(stall))
        ),
        column!(
            "processes",
            "Processes",
            Unit::Records(&PROCESS),
            "The processes with the largest working sets; null where they cannot be listed.",
            |s| Value::known(s.processes.as_ref(), |list| PROCESS.records(list))
        ),
    ],
};
