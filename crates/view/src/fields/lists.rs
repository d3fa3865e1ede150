//! The page lists.

use super::column;
use crate::{Table, Unit, Value};
use memtide_core::lists::{InUse, MemoryLists};

/// The page lists of the machine.
pub static LISTS: Table<MemoryLists> = Table {
    id: "lists",
    help: "Where the physical memory of the machine is; the lists add up to the total.",
    columns: &[
        column!("total", "total", Unit::Bytes, "All memory the system manages.", |l| {
            Value::bytes(l.total)
        }),
        column!("zeroed", "zeroed", Unit::Bytes, "Free pages known to be zero.", |l| {
            Value::bytes(l.zeroed)
        }),
        column!("free", "free", Unit::Bytes, "Free pages with old contents.", |l| {
            Value::bytes(l.free)
        }),
        column!(
            "modified",
            "modified",
            Unit::Bytes,
            "Pages that must be written before they can be reused.",
            |l| Value::bytes(l.modified)
        ),
        column!(
            "modified_no_write",
            "modified no-write",
            Unit::Bytes,
            "Modified pages that must not be written yet; Linux has no such list.",
            |l| Value::bytes(l.modified_no_write)
        ),
        column!(
            "standby",
            "standby",
            Unit::Bytes,
            "Pages with contents that can be reused at once.",
            |l| Value::bytes(l.standby)
        ),
        column!("bad", "bad", Unit::Bytes, "Pages that have failed.", |l| Value::bytes(l.bad)),
        column!("in_use", "in use", Unit::Bytes, "Memory in use, of every kind.", |l| {
            Value::bytes(l.in_use.total())
        }),
        column!(
            "unattributed",
            "unattributed",
            Unit::SignedBytes,
            "The total less every list above: memory the system does not attribute, or negative \
             where its counters overlap.",
            |l| Value::known(l.unattributed(), Value::SignedBytes)
        ),
        column!(
            "in_use_by_kind",
            "in use, by kind",
            Unit::Record(&IN_USE),
            "The memory in use, by kind.",
            |l| IN_USE.record(&l.in_use)
        ),
    ],
};

/// The memory in use, by kind.
pub static IN_USE: Table<InUse> = Table {
    id: "in_use",
    help: "The memory in use, by kind.",
    columns: &[
        column!("anonymous", "anonymous", Unit::Bytes, "Private pages of programs.", |u| {
            Value::bytes(u.anonymous)
        }),
        column!(
            "shared",
            "shared",
            Unit::Bytes,
            "Pages shared between programs without a file: tmpfs, shared memory, memfd.",
            |u| Value::bytes(u.shared)
        ),
        column!(
            "mapped",
            "mapped files",
            Unit::Bytes,
            "Pages of files mapped into programs.",
            |u| { Value::bytes(u.mapped) }
        ),
        column!(
            "paged_pool",
            "paged pool",
            Unit::Bytes,
            "Kernel memory that can be given up: reclaimable slab.",
            |u| Value::bytes(u.paged_pool)
        ),
        column!(
            "nonpaged_pool",
            "nonpaged pool",
            Unit::Bytes,
            "Kernel memory that cannot: other slab, kernel stacks, page tables, per-CPU memory.",
            |u| Value::bytes(u.nonpaged_pool)
        ),
        column!("large_pages", "large pages", Unit::Bytes, "Large pages set aside.", |u| {
            Value::bytes(u.large_pages)
        }),
    ],
};
