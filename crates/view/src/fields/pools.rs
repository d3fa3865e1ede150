//! The pools.

use super::column;
use crate::{Table, Unit, Value};
use memtide_host::{Pool, Pools};

/// One pool.
pub static POOL: Table<Pool> = Table {
    id: "pool",
    help: "One of the kernel's pools.",
    columns: &[
        column!("used", "used", Unit::Bytes, "Bytes in use.", |p| Value::bytes(p.used)),
        column!("limit", "limit", Unit::Bytes, "The most it may hold.", |p| Value::bytes(p.limit)),
        column!("free", "free", Unit::Bytes, "What it can still grow by.", |p| {
            Value::bytes(p.free)
        }),
    ],
};

/// Both pools.
pub static POOLS: Table<Pools> = Table {
    id: "pools",
    help: "The memory of the kernel itself.",
    columns: &[
        column!("paged", "paged", Unit::Record(&POOL), "Memory that can be given up.", |p| {
            POOL.record(&p.paged)
        }),
        column!("nonpaged", "nonpaged", Unit::Record(&POOL), "Memory that cannot.", |p| {
            POOL.record(&p.nonpaged)
        }),
    ],
};
