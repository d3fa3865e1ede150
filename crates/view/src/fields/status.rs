//! One look at a machine.

use super::{COMMIT, CONDITION, CONTAINER, LISTS, POOLS, STALL, column};
use crate::{Table, Unit, Value};
use memtide_host::Look;

/// One look at a machine.
pub static STATUS: Table<Look> = Table {
    id: "status",
    help: "One look at a machine.",
    columns: &[
        column!(
            "conditions",
            "Conditions",
            Unit::Records(&CONDITION),
            "The nine standard memory conditions.",
            |s| CONDITION.records(&s.readings)
        ),
        column!("lists", "Memory", Unit::Record(&LISTS), "Where physical memory is.", |s| {
            LISTS.record(&s.sample.lists)
        }),
        column!("commit", "Commit", Unit::Record(&COMMIT), "Memory promised to programs.", |s| {
            COMMIT.record(&s.sample.commit)
        }),
        column!("pools", "Pools", Unit::Record(&POOLS), "The memory of the kernel itself.", |s| {
            POOLS.record(&s.sample.pools)
        }),
        column!(
            "container",
            "Container",
            Unit::Record(&CONTAINER),
            "The container this process runs in; null outside one.",
            |s| match &s.sample.container {
                Some(container) => CONTAINER.record(container),
                None => Value::Nothing,
            }
        ),
        column!(
            "stall",
            "Stall",
            Unit::Record(&STALL),
            "Waiting for memory; null where it is not counted.",
            |s| Value::known(s.sample.stall.as_ref(), |stall| STALL.record(stall))
        ),
    ],
};
