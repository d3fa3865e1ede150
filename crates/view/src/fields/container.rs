//! The container.

use super::column;
use crate::{Table, Unit, Value};
use memtide_host::Container;

/// The container, by the limit that leaves least.
pub static CONTAINER: Table<Container> = Table {
    id: "container",
    help: "The container, by the limit up the cgroup tree that leaves least.",
    columns: &[
        column!("path", "cgroup", Unit::Text, "The cgroup that sets the limit.", |c| {
            Value::text(c.path.to_string_lossy())
        }),
        column!("version", "version", Unit::Count, "The version of the cgroup interface.", |c| {
            Value::Count(u64::from(c.version))
        }),
        column!("limit", "limit", Unit::Bytes, "The limit.", |c| Value::Bytes(c.limit)),
        column!("charged", "charged", Unit::Bytes, "Memory charged, page cache included.", |c| {
            Value::bytes(c.charged)
        }),
        column!(
            "reclaimable",
            "reclaimable",
            Unit::Bytes,
            "The page cache and slab in that charge which can be reclaimed.",
            |c| Value::bytes(c.reclaimable)
        ),
        column!(
            "available",
            "available",
            Unit::Bytes,
            "The limit less what is charged and cannot be reclaimed.",
            |c| Value::bytes(c.available)
        ),
    ],
};
