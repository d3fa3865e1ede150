//! What came back after a clean.

use super::column;
use crate::{Table, Unit, Value};
use memtide_core::units::Bytes;
use memtide_host::clean::Observation;

/// What came back after a clean.
pub static OBSERVATION: Table<Observation> = Table {
    id: "observation",
    help: "What came back after a clean, and what that cost.",
    columns: &[
        column!(
            "verdict",
            "verdict",
            Unit::Text,
            "What it amounts to: helped, came-back, hurt, nothing-freed or unknown.",
            |o| Value::text(o.verdict.word())
        ),
        column!("sentence", "in words", Unit::Text, "The verdict with its numbers.", |o| {
            Value::text(o.sentence())
        }),
        column!("window", "watched", Unit::Seconds, "How long it was watched.", |o| {
            Value::Seconds(o.window.as_secs_f64())
        }),
        column!("made_free", "made free", Unit::SignedBytes, "What was made free.", |o| {
            Value::known(o.made_free, Value::SignedBytes)
        }),
        column!(
            "moved_to_standby",
            "moved to standby",
            Unit::SignedBytes,
            "What was moved to standby.",
            |o| Value::known(o.moved_to_standby, Value::SignedBytes)
        ),
        column!("returned", "came back", Unit::Bytes, "What came back, by `basis`.", |o| {
            Value::bytes(o.returned)
        }),
        column!(
            "basis",
            "known by",
            Unit::Text,
            "How that is known: refaults, or disk-reads where refaults are blind to what was done.",
            |o| Value::text(o.basis.word())
        ),
        column!(
            "uncounted",
            "uncounted, at most",
            Unit::Bytes,
            "What more may have come back uncounted: the kernel dropped its records of so much.",
            |o| Value::bytes(o.uncounted)
        ),
        column!(
            "returned_file",
            "refaults, files",
            Unit::Bytes,
            "File pages that were read again.",
            |o| { Value::bytes(o.returned_file) }
        ),
        column!(
            "returned_anonymous",
            "refaults, anonymous",
            Unit::Bytes,
            "Anonymous pages that were read again.",
            |o| Value::bytes(o.returned_anonymous)
        ),
        column!(
            "transition_faults",
            "transition faults",
            Unit::Count,
            "Pages that programs took back from standby or modified without I/O; only Windows \
             counts them.",
            |o| Value::known(o.transition_faults, Value::Count)
        ),
        column!(
            "repurposed",
            "repurposed",
            Unit::Bytes,
            "Standby memory that got another owner; only Windows counts it.",
            |o| Value::bytes(o.repurposed.map(|by_priority| sum(&by_priority)))
        ),
        column!(
            "repurposed_by_priority",
            "repurposed, by priority",
            Unit::Records(&REPURPOSED),
            "The same by standby priority; null where it isn't counted.",
            |o| Value::known(o.repurposed, |by_priority| {
                let records: Vec<_> = by_priority.into_iter().enumerate().collect();
                REPURPOSED.records(&records)
            })
        ),
        column!(
            "major_faults",
            "major faults",
            Unit::Count,
            "Faults that had to wait for a disk.",
            |o| { Value::known(o.major_faults, Value::Count) }
        ),
        column!("swapped_in", "swapped in", Unit::Bytes, "What was read from swap.", |o| {
            Value::bytes(o.swapped_in)
        }),
        column!(
            "read_from_disk",
            "read from disks",
            Unit::Bytes,
            "What the machine read from disks, for whatever reason.",
            |o| Value::bytes(o.read_from_disk)
        ),
        column!(
            "stall",
            "stalled",
            Unit::Seconds,
            "Time in which at least one thread waited for memory (PSI).",
            |o| Value::known(o.stall, |stall| Value::Seconds(stall.as_secs_f64()))
        ),
        column!(
            "stall_share",
            "stalled, share",
            Unit::Percent,
            "That time as a share of the window.",
            |o| { Value::known(o.stall_share, Value::Percent) }
        ),
        column!(
            "available_before",
            "available before",
            Unit::Bytes,
            "Available memory before the clean.",
            |o| Value::bytes(o.available_before)
        ),
        column!(
            "available_after",
            "available after",
            Unit::Bytes,
            "Available memory right after the clean.",
            |o| Value::bytes(o.available_after)
        ),
        column!(
            "available_at_end",
            "available at the end",
            Unit::Bytes,
            "Available memory at the end of the window.",
            |o| Value::bytes(o.available_at_end)
        ),
        column!("remarks", "remarks", Unit::Texts, "What one must know to read this.", |o| {
            Value::Texts(o.remarks.clone())
        }),
    ],
};

/// What of one standby priority got another owner.
static REPURPOSED: Table<(usize, Bytes)> = Table {
    id: "repurposed_priority",
    help: "Standby memory of one priority that got another owner.",
    columns: &[
        column!("priority", "PRIORITY", Unit::Count, "The priority, from 0 to 7.", |r| {
            Value::Count(r.0 as u64)
        }),
        column!("amount", "AMOUNT", Unit::Bytes, "How much.", |r| Value::Bytes(r.1)),
    ],
};

fn sum(parts: &[Bytes]) -> Bytes {
    parts.iter().fold(Bytes::ZERO, |sum, part| sum.saturating_add(*part))
}
