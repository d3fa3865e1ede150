//! The page lists.

use super::column;
use crate::{Table, Unit, Value};
use memtide_core::lists::{InUse, MemoryLists};
use memtide_core::units::Bytes;

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
            "modified_page_file",
            "modified, page file",
            Unit::Bytes,
            "Modified pages that a page file is written with; Linux has no such list.",
            |l| Value::bytes(l.modified_page_file)
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
        column!(
            "priorities",
            "standby, by priority",
            Unit::Records(&PRIORITY),
            "The standby list by priority, lowest first; Linux has none.",
            |l| Value::known(priorities(l), |all| PRIORITY.records(&all))
        ),
    ],
};

/// One priority of the standby list.
pub(super) struct Priority {
    priority: u64,
    standby: Bytes,
    repurposed: Option<Bytes>,
}

/// One priority of the standby list.
pub(super) static PRIORITY: Table<Priority> = Table {
    id: "priority",
    help: "One priority of the standby list: 0 is reused first.",
    columns: &[
        column!("priority", "PRIORITY", Unit::Count, "The priority, 0 to 7.", |p| {
            Value::Count(p.priority)
        }),
        column!("standby", "STANDBY", Unit::Bytes, "Standby pages of this priority.", |p| {
            Value::Bytes(p.standby)
        }),
        column!(
            "repurposed",
            "REPURPOSED",
            Unit::Bytes,
            "What was taken from it for other uses since the system started.",
            |p| Value::bytes(p.repurposed)
        ),
    ],
};

fn priorities(lists: &MemoryLists) -> Option<Vec<Priority>> {
    let standby = lists.standby_by_priority?;
    let repurposed = |at: usize| lists.repurposed_by_priority.map(|all| all[at]);
    let all = standby.into_iter().enumerate().zip(0..);
    let one =
        |((at, standby), priority)| Priority { priority, standby, repurposed: repurposed(at) };
    Some(all.map(one).collect())
}

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
        column!(
            "file_cache",
            "file cache",
            Unit::Bytes,
            "The working set of Windows' file cache; on Linux the page cache is standby memory.",
            |u| Value::bytes(u.file_cache)
        ),
        column!(
            "compressed",
            "compressed",
            Unit::Bytes,
            "Pages that hold Windows' compressed pages.",
            |u| Value::bytes(u.compressed)
        ),
        column!(
            "working_sets",
            "working sets",
            Unit::Bytes,
            "Pages of working sets that Windows counts as one: private, shared, mapped and \
             paged-pool pages together.",
            |u| Value::bytes(u.working_sets)
        ),
    ],
};
